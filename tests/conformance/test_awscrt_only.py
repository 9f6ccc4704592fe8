"""What is special to awscrt; what every backend must do is in the failure table that all of them share."""

from __future__ import annotations

import asyncio
import os
import ssl

import pytest

import servers
from customauth import (
    ClosedBeforeConnack,
    ConnectRequest,
    ConnectTimeout,
    CustomAuth,
    Endpoint,
    Feature,
    MqttVersion,
    Stage,
    TlsFailed,
    TlsReason,
    mqtt,
)
from customauth_awscrt import AwscrtBackend
from needs import needs

pytestmark = needs("awscrt")

BACKEND = AwscrtBackend()

both_versions = pytest.mark.parametrize("version", MqttVersion, ids=lambda version: version.value)


def request_to(
    endpoint: Endpoint,
    version: MqttVersion,
    *,
    timeout: float = 5.0,
    keep_alive: int = 60,
    clean_start: bool = True,
    sdk_metrics: bool = False,
) -> ConnectRequest:
    return ConnectRequest(
        endpoint=endpoint,
        credentials=CustomAuth(authorizer="A", username="alice", password=b"\x00\xffpw"),
        client_id="c1",
        version=version,
        timeout=timeout,
        keep_alive=keep_alive,
        clean_start=clean_start,
        sdk_metrics=sdk_metrics,
    )


async def accepted_connect(version: MqttVersion, *, sdk_metrics: bool = False, keep_alive: int = 60) -> mqtt.Connect:
    async with servers.scripted_server() as server:
        request = request_to(server.endpoint, version, sdk_metrics=sdk_metrics, keep_alive=keep_alive)
        async with await BACKEND.connect(request):
            (connect,) = server.connects()
    return connect


async def all_ended(server: servers.ScriptedServer) -> None:
    async with asyncio.timeout(30):
        while going_on := [peer for peer in server.peers if not peer.ended.is_set()]:
            await going_on[0].ended.wait()


@both_versions
@pytest.mark.fact("A7")
def test_the_user_name_carries_no_metrics_unless_they_are_asked_for(version: MqttVersion) -> None:
    connect = asyncio.run(accepted_connect(version))
    assert connect.username == "alice?x-amz-customauthorizer-name=A"
    assert connect.password == b"\x00\xffpw"


@both_versions
@pytest.mark.fact("A7")
def test_metrics_that_are_asked_for_follow_the_user_name(version: MqttVersion) -> None:
    connect = asyncio.run(accepted_connect(version, sdk_metrics=True))
    assert connect.username is not None
    assert connect.username.startswith("alice?x-amz-customauthorizer-name=A&SDK=")


@pytest.mark.fact("E10")
def test_a_keep_alive_of_0_goes_out_as_1200_on_311_where_awscrt_cannot_say_0() -> None:
    assert asyncio.run(accepted_connect(MqttVersion.V311, keep_alive=0)).keep_alive == 1200
    assert asyncio.run(accepted_connect(MqttVersion.V5, keep_alive=0)).keep_alive == 0


@both_versions
def test_a_keep_alive_shorter_than_the_timeout_is_sent_as_it_is(version: MqttVersion) -> None:
    assert asyncio.run(accepted_connect(version, keep_alive=1)).keep_alive == 1


def test_nothing_reconnects_after_a_failure_or_a_loss() -> None:
    async def scenario() -> None:
        async with (
            servers.scripted_server(servers.CloseAfterConnect()) as refusing,
            servers.scripted_server(servers.AcceptThenClose()) as losing,
        ):
            for version in MqttVersion:
                with pytest.raises(ClosedBeforeConnack):
                    await BACKEND.connect(request_to(refusing.endpoint, version))
            connections = [await BACKEND.connect(request_to(losing.endpoint, version)) for version in MqttVersion]
            # awscrt's defaults are 1 s on MQTT 5 and 5 s on 3.1.1.
            await asyncio.sleep(6.5)
            assert (len(refusing.peers), len(losing.peers)) == (2, 2)
            for connection in connections:
                await connection.aclose()

    asyncio.run(scenario())


@both_versions
def test_the_probe_of_a_stalled_attempt_sends_nothing(version: MqttVersion) -> None:
    async def scenario() -> None:
        async with servers.scripted_server(servers.NeverAnswer()) as server:
            with pytest.raises(ConnectTimeout) as raised:
                await BACKEND.connect(request_to(server.endpoint, version))
            assert raised.value.stage is Stage.CONNACK
            # With TLS 1.3 the probe is done before the server is.
            await all_ended(server)
            assert len(server.peers) == 2
            assert sorted(bool(peer.received) for peer in server.peers) == [False, True]
            assert all(peer.tls_version is not None for peer in server.peers)

    asyncio.run(scenario())


@both_versions
def test_a_certificate_failure_is_told_before_awscrt_tells_it(version: MqttVersion) -> None:
    async def scenario() -> None:
        async with servers.scripted_server(identity=servers.expired_identity()) as server:
            # Less than the 11 s for which awscrt holds it back at least.
            with pytest.raises(TlsFailed) as raised:
                await BACKEND.connect(request_to(server.endpoint, version, timeout=8))
            assert raised.value.reason is TlsReason.EXPIRED
            assert isinstance(raised.value.__cause__, ssl.SSLCertVerificationError)

    asyncio.run(scenario())


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5])
def test_a_refusing_311_connack_is_a_closed_connection_whose_message_says_what_awscrt_hides(code: int) -> None:
    async def scenario() -> None:
        async with servers.scripted_server(servers.Refuse(code)) as server:
            with pytest.raises(ClosedBeforeConnack, match="awscrt hides") as raised:
                await BACKEND.connect(request_to(server.endpoint, MqttVersion.V311))
            assert "AWS_ERROR_MQTT_PROTOCOL_ERROR" in str(raised.value.__cause__)

    asyncio.run(scenario())
    assert Feature.CONNACK_CODE_311 not in BACKEND.features


@both_versions
def test_a_close_without_the_farewell_of_tls_is_told_from_a_failed_handshake(version: MqttVersion) -> None:
    async def scenario() -> None:
        async with servers.scripted_server(servers.CloseAfterConnect(abruptly=True)) as server:
            with pytest.raises(ClosedBeforeConnack):
                await BACKEND.connect(request_to(server.endpoint, version))
            assert len(server.connects()) == 1
        async with servers.hanging_up_server() as plain:
            with pytest.raises(TlsFailed) as raised:
                await BACKEND.connect(request_to(plain.endpoint, version))
            assert raised.value.reason is TlsReason.HANDSHAKE

    asyncio.run(scenario())


@both_versions
@pytest.mark.fact("A49")
def test_no_tls_older_than_1_2_is_spoken(version: MqttVersion) -> None:
    async def scenario() -> None:
        async with servers.scripted_server(tls=ssl.TLSVersion.TLSv1_1) as server:
            with pytest.raises(TlsFailed):
                await BACKEND.connect(request_to(server.endpoint, version))
            await all_ended(server)
            assert [peer.tls_version for peer in server.peers] == [None] * len(server.peers)
        async with servers.scripted_server(tls=ssl.TLSVersion.TLSv1_2) as server:
            await (await BACKEND.connect(request_to(server.endpoint, version))).aclose()
            assert [peer.tls_version for peer in server.peers] == ["TLSv1.2"]

    asyncio.run(scenario())


@both_versions
def test_an_attempt_cancelled_at_any_moment_leaves_no_connection(version: MqttVersion) -> None:
    async def scenario() -> None:
        async with servers.scripted_server() as server:
            for step in range(30):
                attempt = asyncio.create_task(BACKEND.connect(request_to(server.endpoint, version)))
                await asyncio.sleep(step * 0.004)
                attempt.cancel()
                try:
                    await (await attempt).aclose()
                except asyncio.CancelledError:
                    continue
            # On 3.1.1 the last attempts go on until awscrt lets them be ended.
            await all_ended(server)

    asyncio.run(scenario())


@both_versions
def test_fifty_connections_leave_no_task_thread_or_file_behind(version: MqttVersion) -> None:
    async def cycle(server: servers.ScriptedServer) -> None:
        connection = await BACKEND.connect(request_to(server.endpoint, version))
        await connection.aclose()
        await connection.aclose()

    async def scenario() -> None:
        async with servers.scripted_server() as server:
            # The first makes the threads and files that the process keeps.
            await cycle(server)
            await all_ended(server)
            before = _held()
            for _ in range(50):
                await cycle(server)
            await all_ended(server)
            # The last few may be on their way out; one for each connection would be fifty.
            assert all(now - then < 5 for now, then in zip(_held(), before, strict=True))
            assert [peer.said_disconnect for peer in server.peers] == [True] * 51

    asyncio.run(scenario())


@both_versions
def test_what_awscrt_reports_after_the_loop_is_closed_disturbs_nothing(version: MqttVersion) -> None:
    async def scenario() -> None:
        async with servers.silent_server() as server:
            with pytest.raises(ConnectTimeout) as raised:
                await BACKEND.connect(request_to(server.endpoint, version, timeout=3))
            assert raised.value.stage is Stage.TLS

    # Both loops are closed at once; the end of the silent server ends the stalled client, which then reports.
    asyncio.run(scenario())
    assert asyncio.run(accepted_connect(version)).client_id == "c1"


def _held() -> tuple[int, int, int]:
    """Count asyncio tasks, threads (awscrt's too) and open files."""
    return len(asyncio.all_tasks()), len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))
