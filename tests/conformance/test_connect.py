"""What every backend does when all is well: the CONNECT it sends, the CONNACK it reads, what it leaves behind."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import warnings
from pathlib import Path

import pytest
from attrs import evolve

import servers
from customauth import (
    Backend,
    ClosedBeforeConnack,
    ConnackRefused,
    ConnectError,
    CredentialError,
    CustomAuth,
    Feature,
    MqttVersion,
    PluginManager,
    SignedToken,
    UnsupportedFeature,
    connect,
    sync,
)
from customauth.mqtt import Property

VERSIONS = pytest.mark.parametrize("version", list(MqttVersion), ids=lambda version: version.label)

_SIGNATURE = "/+Q" + "m" * 339 + "=="
_SIGNED = CustomAuth(
    authorizer="My=Authorizer",
    username="gerät/1",
    password=b"\x00\xff\xfe binary",
    token=SignedToken(key_name="token", value="open sesame/+&=%", signature=_SIGNATURE),
)


def _backend(name: str) -> Backend:
    return PluginManager().backend(name)


@pytest.mark.fact("A51")
@VERSIONS
def test_the_connect_on_the_wire_is_what_was_asked_for(backend_name: str, version: MqttVersion) -> None:
    async def scenario() -> servers.Peer:
        async with servers.scripted_server() as server:
            made = await connect(
                server.endpoint,
                _SIGNED,
                backend=backend_name,
                version=version,
                client_id="client-ü",
                keep_alive=77,
                clean_start=False,
            )
            await made.aclose()
            peer = server.peers[0]
            await peer.ended.wait()
            return peer

    peer = asyncio.run(scenario())
    sent = peer.connect
    assert sent is not None
    assert sent.version == version
    assert sent.client_id == "client-ü"
    assert sent.username == _SIGNED.mqtt_username()
    assert sent.password == _SIGNED.password
    assert sent.keep_alive == 77
    assert sent.clean_start is False
    assert peer.alpn == "mqtt"
    assert peer.sni == "localhost"
    assert peer.tls_version in ("TLSv1.2", "TLSv1.3")
    assert peer.said_disconnect


@VERSIONS
def test_no_user_name_and_no_password_are_sent_when_there_are_none(backend_name: str, version: MqttVersion) -> None:
    async def scenario() -> servers.Peer:
        async with servers.scripted_server() as server:
            await (await connect(server.endpoint, CustomAuth(), backend=backend_name, version=version)).aclose()
            return server.peers[0]

    sent = asyncio.run(scenario()).connect
    assert sent is not None
    assert sent.username is None
    assert sent.password is None
    assert len(sent.client_id) == 36


def test_a_password_alone_is_sent_on_mqtt_5_or_refused_before_anything_is_dialled(backend_name: str) -> None:
    async def scenario() -> list[servers.Peer]:
        async with servers.scripted_server() as server:
            attempt = connect(server.endpoint, CustomAuth(password=b"alone"), backend=backend_name)
            if Feature.OMIT_USERNAME in _backend(backend_name).features:
                await (await attempt).aclose()
            else:
                with pytest.raises(UnsupportedFeature, match="omit-username"):
                    await attempt
            return list(server.peers)

    sent = [peer.connect for peer in asyncio.run(scenario())]
    if Feature.OMIT_USERNAME in _backend(backend_name).features:
        assert [(packet.username, packet.password) for packet in sent if packet] == [(None, b"alone")]
    else:
        assert sent == []


def test_a_password_alone_is_refused_on_mqtt_311(backend_name: str) -> None:
    with pytest.raises(CredentialError, match="user name"):
        asyncio.run(connect("localhost:1", CustomAuth(password=b"x"), backend=backend_name, version=MqttVersion.V311))


@VERSIONS
def test_the_connack_is_read(backend_name: str, version: MqttVersion) -> None:
    properties: dict[Property, int | str | bytes | list[tuple[str, str]]] = {
        Property.REASON_STRING: "welcome",
        Property.SERVER_KEEP_ALIVE: 33,
        Property.ASSIGNED_CLIENT_IDENTIFIER: "$GEN/1",
    }
    v5 = version is MqttVersion.V5

    async def scenario() -> tuple[object, ...]:
        action = servers.Accept(session_present=True, properties=properties if v5 else {})
        async with servers.scripted_server(action) as server:
            made = await connect(
                server.endpoint, CustomAuth(username="u"), backend=backend_name, version=version, clean_start=False
            )
            async with made:
                connack = made.connack
            return (
                connack.session_present,
                connack.reason_string,
                connack.server_keep_alive,
                connack.assigned_client_id,
            )

    assert asyncio.run(scenario()) == ((True, "welcome", 33, "$GEN/1") if v5 else (True, None, None, None))


def test_an_address_is_dialled_in_place_of_the_name_or_refused(backend_name: str) -> None:
    async def scenario() -> list[servers.Peer]:
        identity = servers.other_name_identity()
        async with servers.scripted_server(identity=identity) as server:
            endpoint = evolve(
                server.endpoint, host="other.example", port=443, address="127.0.0.1", address_port=server.port
            )
            attempt = connect(endpoint, CustomAuth(username="u"), backend=backend_name)
            if Feature.ADDRESS in _backend(backend_name).features:
                await (await attempt).aclose()
            else:
                with pytest.raises(UnsupportedFeature, match="address"):
                    await attempt
            return list(server.peers)

    expected = ["other.example"] if Feature.ADDRESS in _backend(backend_name).features else []
    assert [peer.sni for peer in asyncio.run(scenario())] == expected


@pytest.mark.fact("A47")
def test_a_refusal_at_an_address_says_to_connect_by_name(backend_name: str) -> None:
    async def scenario() -> str:
        async with servers.scripted_server(servers.Refuse(0x87)) as server:
            with pytest.raises(ConnackRefused) as caught:
                await connect(evolve(server.endpoint, host="127.0.0.1"), CustomAuth(username="u"), backend=backend_name)
            return caught.value.hint

    assert "--address" in asyncio.run(scenario())


def test_only_a_silent_end_on_mqtt_311_is_taken_for_a_refusal(backend_name: str) -> None:
    async def scenario(version: MqttVersion) -> str:
        async with servers.scripted_server(servers.CloseAfterConnect()) as server:
            with pytest.raises(ClosedBeforeConnack) as caught:
                await connect(server.endpoint, CustomAuth(username="u"), backend=backend_name, version=version)
            return caught.value.hint

    assert "3.1.1" in asyncio.run(scenario(MqttVersion.V311))
    assert "3.1.1" not in asyncio.run(scenario(MqttVersion.V5))


@VERSIONS
def test_a_refused_attempt_is_not_repeated(backend_name: str, version: MqttVersion) -> None:
    async def scenario() -> int:
        async with servers.scripted_server(servers.CloseAfterConnect()) as server:
            with pytest.raises(ClosedBeforeConnack):
                await connect(server.endpoint, CustomAuth(username="u"), backend=backend_name, version=version)
            # The libraries' own reconnecting would begin after 1 s or less, were it not switched off.
            await asyncio.sleep(1.5)
            return len([peer for peer in server.peers if peer.connect])

    assert asyncio.run(scenario()) == 1


@VERSIONS
def test_a_lost_connection_is_not_made_again(backend_name: str, version: MqttVersion) -> None:
    async def scenario() -> int:
        async with servers.scripted_server(servers.AcceptThenClose()) as server:
            made = await connect(server.endpoint, CustomAuth(username="u"), backend=backend_name, version=version)
            await asyncio.sleep(1.5)
            await made.aclose()
            return len(server.peers)

    assert asyncio.run(scenario()) == 1


@VERSIONS
def test_aclose_may_be_called_again(backend_name: str, version: MqttVersion) -> None:
    async def scenario() -> None:
        async with servers.scripted_server() as server:
            made = await connect(server.endpoint, CustomAuth(username="u"), backend=backend_name, version=version)
            await made.aclose()
            await made.aclose()

    asyncio.run(scenario())


@VERSIONS
def test_fifty_cycles_leave_no_task_thread_or_descriptor(backend_name: str, version: MqttVersion) -> None:
    def in_use() -> tuple[int, int, int]:
        gc.collect()
        # asyncio resolves names on a small pool of threads that it keeps and fills as it likes.
        threads = [thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")]
        return len(asyncio.all_tasks()), len(threads), len(os.listdir("/dev/fd"))

    async def scenario() -> tuple[tuple[int, int, int], tuple[int, int, int]]:
        async with servers.scripted_server() as server:

            async def cycle() -> None:
                credentials = CustomAuth(username="u")
                async with await connect(server.endpoint, credentials, backend=backend_name, version=version):
                    pass
                await server.peers[-1].ended.wait()

            for _ in range(5):
                await cycle()
            before = in_use()
            for _ in range(50):
                await cycle()
            # What the last close left to the next turn of the loop, or to a library's own thread.
            for _ in range(100):
                after = in_use()
                if all(now <= then for now, then in zip(after, before, strict=True)):
                    break
                await asyncio.sleep(0.05)
            return before, after

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before, after = asyncio.run(scenario())
        gc.collect()
    assert all(now <= then for now, then in zip(after, before, strict=True)), (before, after)


@VERSIONS
@pytest.mark.parametrize("after", [0.0, 0.002, 0.01, 0.05, 0.3], ids=lambda after: f"after-{after:g}s")
def test_a_cancelled_attempt_leaves_nothing_behind(backend_name: str, version: MqttVersion, after: float) -> None:
    async def scenario() -> list[servers.Peer]:
        async with servers.scripted_server(servers.NeverAnswer()) as server:
            others = asyncio.all_tasks()
            attempt = asyncio.ensure_future(
                connect(server.endpoint, CustomAuth(username="u"), backend=backend_name, version=version, timeout=2.0)
            )
            await asyncio.sleep(after)
            attempt.cancel()
            with pytest.raises(asyncio.CancelledError):
                await attempt
            async with asyncio.timeout(5):
                for peer in list(server.peers):
                    await peer.ended.wait()
            # The server's own tasks end a moment after their connections.
            async with asyncio.timeout(5):
                if left := asyncio.all_tasks() - others:
                    await asyncio.wait(left)
            return list(server.peers)

    assert all(peer.ended.is_set() for peer in asyncio.run(scenario()))


def test_credentials_may_be_a_plain_or_an_async_function(backend_name: str) -> None:
    async def fresh() -> CustomAuth:
        return CustomAuth(username="asked-async")

    async def scenario() -> list[str | None]:
        async with servers.scripted_server() as server:
            for source in (lambda: CustomAuth(username="asked"), fresh):
                await (await connect(server.endpoint, source, backend=backend_name)).aclose()
            return [peer.connect.username for peer in server.peers if peer.connect]

    assert asyncio.run(scenario()) == ["asked", "asked-async"]


def test_the_blocking_form_connects_fails_and_ends_its_thread(backend_name: str) -> None:
    async def serve(ready: threading.Event, done: asyncio.Event, found: list[servers.ScriptedServer]) -> None:
        async with servers.scripted_server() as server:
            found.append(server)
            ready.set()
            await done.wait()

    loop = asyncio.new_event_loop()
    ready, done, found = threading.Event(), asyncio.Event(), list[servers.ScriptedServer]()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(ready, done, found),))
    thread.start()
    try:
        assert ready.wait(5)
        with sync.connect(found[0].endpoint, CustomAuth(username="u"), backend=backend_name) as made:
            assert made.connack.session_present is False
        made.close()
        found[0].action = servers.Refuse(0x87, "no")
        with pytest.raises(ConnectError, match="0x87"):
            sync.connect(found[0].endpoint, CustomAuth(username="u"), backend=backend_name)
        assert [alive.name for alive in threading.enumerate() if alive.name == "customauth-sync"] == []
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()
        loop.close()


def test_loading_a_backend_imports_no_mqtt_library(backend_name: str, tmp_path: Path) -> None:
    import subprocess
    import sys

    program = (
        "import sys; from customauth import PluginManager; PluginManager().backend(sys.argv[1]).features; "
        "print([name for name in ('paho', 'gmqtt', 'awscrt', 'awsiot') if name in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, backend_name], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
