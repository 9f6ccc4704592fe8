"""What is special to awscrt once it is connected, and on its ways to the server; the rest is in the kit of all."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
from attrs import evolve

import gateways
import servers
from customauth import (
    Connection,
    CredentialsIn,
    CustomAuth,
    Disconnected,
    Endpoint,
    Feature,
    MessageProperties,
    MqttVersion,
    ProxyRefused,
    RequestError,
    RequestTimeout,
    SubscribeRefused,
    TlsFailed,
    TlsReason,
    Transport,
    UpgradeRejected,
    connect,
    mqtt,
)
from customauth.mqtt import PacketType
from customauth.testing.client_certificates import client_certificate
from customauth.testing.fault_proxy import FaultProxy, fault_proxy
from customauth.testing.faults import (
    Answer,
    Direction,
    Drop,
    Fault,
    Inject,
    Silent,
    Throttle,
    UpgradeRefused,
    UpgradeSilent,
    WrongName,
)
from customauth.testing.mqtt_server import Content, mqtt_server, usual
from customauth.testing.proxies import http_proxy
from needs import needs

pytestmark = needs("awscrt")

both_versions = pytest.mark.parametrize("version", MqttVersion, ids=lambda version: version.value)
both_transports = pytest.mark.parametrize("transport", Transport, ids=lambda transport: transport.value)

CREDENTIALS = CustomAuth(authorizer="open", username="alice", password=b"pw")


@functools.cache
def keys() -> gateways.Keys:
    """Give the key pairs of the process; making them is slow."""
    return gateways.Keys()


def endpoint_of(running: gateways.Running, transport: Transport = Transport.MQTT) -> Endpoint:
    ca_pem = Path(running.gateway.ca_file).read_bytes()
    return Endpoint.parse(f"localhost:{running.gateway.port}", ca_pem=ca_pem, transport=transport)


@contextlib.asynccontextmanager
async def gateway(folder: Path, fault: Fault | None = None) -> AsyncIterator[FaultProxy]:
    """Run a gateway behind a proxy that breaks what it is told to."""
    async with gateways.start(folder, folder, keys()) as running, fault_proxy(endpoint_of(running), fault) as proxy:
        yield proxy


async def connected(endpoint: Endpoint, version: MqttVersion, *, keep_alive: int = 60) -> Connection:
    return await connect(endpoint, CREDENTIALS, backend="awscrt", version=version, keep_alive=keep_alive)


@contextlib.asynccontextmanager
async def linked(
    folder: Path, version: MqttVersion, fault: Fault | None = None, transport: Transport = Transport.MQTT
) -> AsyncIterator[tuple[Connection, FaultProxy]]:
    """Connect to a gateway through such a proxy."""
    async with gateway(folder, fault) as proxy:
        connection = await connected(evolve(proxy.endpoint, transport=transport), version)
        async with connection:
            yield connection, proxy


@both_versions
@both_transports
def test_messages_cross_from_the_threads_of_awscrt_in_their_order(
    tmp_path: Path, version: MqttVersion, transport: Transport
) -> None:
    sent = [f"{number}".encode() for number in range(500)]

    async def scenario() -> list[bytes]:
        async with (
            linked(tmp_path, version, transport=transport) as (connection, _),
            connection.subscribe("a/#", buffer=1) as messages,
        ):
            for payload in sent:
                await connection.publish("a/b", payload)
            async with asyncio.timeout(20):
                return [(await anext(messages)).payload for _ in sent]

    assert asyncio.run(scenario()) == sent


def test_the_properties_of_a_message_come_back_whole(tmp_path: Path) -> None:
    sent = MessageProperties(
        response_topic="answers/here",
        correlation_data=b"\xff\x00",
        content_type="text/plain",
        message_expiry=3600,
        user_properties=(("name", "one"), ("name", "two")),
        utf8=True,
    )

    async def scenario() -> MessageProperties:
        async with (
            linked(tmp_path, MqttVersion.V5) as (connection, _),
            connection.subscribe("a/b", 1) as messages,
            asyncio.timeout(20),
        ):
            await connection.publish("a/b", b"x", qos=1, properties=sent)
            return (await anext(messages)).properties

    came = asyncio.run(scenario())
    assert came.message_expiry is not None
    assert 3500 < came.message_expiry <= 3600
    assert evolve(came, message_expiry=3600) == sent


@both_versions
def test_a_refusing_suback_is_told_with_its_code(tmp_path: Path, version: MqttVersion) -> None:
    async def scenario() -> int:
        async with linked(tmp_path, version, Answer(PacketType.SUBACK, 0x80)) as (connection, _proxy):
            with pytest.raises(SubscribeRefused) as caught:
                await connection.subscribe("a/b").__aenter__()
            return caught.value.reason_code

    assert asyncio.run(scenario()) == 0x80


@both_versions
def test_what_awscrt_does_not_send_is_told_and_the_connection_goes_on(tmp_path: Path, version: MqttVersion) -> None:
    async def refused(connection: Connection) -> None:
        if version is MqttVersion.V311:
            await connection.subscribe("$share/#").__aenter__()
        # Each fits; together they are more than the server's maximum packet size.
        properties = MessageProperties(user_properties=[("name", "x" * 60_000)] * 3)
        await connection.publish("a/b", b"x", qos=1, properties=properties)

    async def scenario() -> None:
        async with linked(tmp_path, version) as (connection, _):
            with pytest.raises(RequestError, match="awscrt did not send it") as caught:
                await refused(connection)
            assert caught.value.__cause__ is not None
            assert (await connection.publish("a/b", b"x", qos=1)).reason_code in (0, 0x10)

    asyncio.run(scenario())


def test_a_request_under_way_fails_with_the_words_of_the_servers_disconnect(tmp_path: Path) -> None:
    last_words = mqtt.Disconnect(reason_code=0x98, properties={mqtt.Property.REASON_STRING: "maintenance"})
    fault = Inject(last_words, packet=PacketType.PUBLISH, direction=Direction.TO_SERVER, close=True)

    async def scenario() -> tuple[Disconnected, Disconnected]:
        async with linked(tmp_path, MqttVersion.V5, fault) as (connection, _proxy):
            with pytest.raises(Disconnected) as caught:
                await connection.publish("a/b", b"x", qos=1)
            return caught.value, await connection.wait_closed()

    for ending in asyncio.run(scenario()):
        assert (ending.reason_code, ending.reason_string, ending.by_server) == (0x98, "maintenance", True)
        assert "AWS_ERROR_MQTT5_DISCONNECT_RECEIVED" in str(ending.__cause__)


@both_versions
def test_a_request_under_way_fails_when_the_connection_is_cut(tmp_path: Path, version: MqttVersion) -> None:
    async def scenario() -> Disconnected:
        async with linked(tmp_path, version, Drop(PacketType.PUBACK)) as (connection, proxy):
            publishing = asyncio.ensure_future(connection.publish("a/b", b"x", qos=1))
            await proxy.connections[0].seen(Direction.TO_SERVER, PacketType.PUBLISH)
            await proxy.cut_all()
            with pytest.raises(Disconnected) as caught:
                await publishing
            return caught.value

    ending = asyncio.run(scenario())
    assert (ending.reason_code, ending.by_server) == (None, True)
    assert ending.__cause__ is not None


@both_versions
def test_a_publish_without_an_answer_is_sent_once(tmp_path: Path, version: MqttVersion) -> None:
    async def scenario() -> int:
        async with linked(tmp_path, version, Drop(PacketType.PUBACK)) as (connection, proxy):
            with pytest.raises(RequestTimeout):
                await connection.publish("a/b", b"x", qos=1, timeout=1.5)
            await proxy.connections[0].seen(Direction.TO_SERVER, PacketType.PUBLISH)
            return proxy.connections[0].packets[Direction.TO_SERVER][PacketType.PUBLISH]

    assert asyncio.run(scenario()) == 1


@both_versions
def test_a_server_that_answers_no_ping_is_lost(version: MqttVersion) -> None:
    async def scenario() -> Disconnected:
        # Not the gateway, which asks for a keep alive of 30 s at least (E10).
        async with (
            servers.scripted_server() as server,
            fault_proxy(server.endpoint, Drop(PacketType.PINGRESP)) as proxy,
            await connected(proxy.endpoint, version, keep_alive=1) as connection,
            asyncio.timeout(20),
        ):
            return await connection.wait_closed()

    ending = asyncio.run(scenario())
    assert "no PINGRESP within 0.999 s" in str(ending)
    assert (ending.reason_code, ending.by_server) == (None, True)
    assert ending.__cause__ is not None


@both_versions
def test_a_flood_at_qos_0_waits_for_a_server_that_does_not_read(tmp_path: Path, version: MqttVersion) -> None:
    published = 0

    async def flood(connection: Connection) -> None:
        nonlocal published
        for published in range(2000):  # noqa: B007 - counted outside
            await connection.publish("a/b", bytes(100_000))

    async def scenario() -> None:
        async with gateway(tmp_path) as proxy:
            proxy.fault = Throttle(bytes_per_second=10_000)
            async with await connected(proxy.endpoint, version) as connection:
                flooding = asyncio.ensure_future(flood(connection))
                seen = -1
                async with asyncio.timeout(20):
                    while published != seen:
                        seen = published
                        await asyncio.sleep(0.5)
                assert not flooding.done()
                # What the sockets hold, and 1 MiB.
                assert published < 200
                await proxy.cut_all()
                with pytest.raises(Disconnected):
                    await flooding

    asyncio.run(scenario())


@both_versions
def test_a_closed_connection_is_held_by_nothing(version: MqttVersion) -> None:
    async def scenario() -> None:
        async with servers.scripted_server() as server:
            connection = await connected(server.endpoint, version)
            gone = weakref.ref(connection)
            await connection.aclose()
            del connection
            async with asyncio.timeout(10):
                while gone() is not None:
                    gc.collect()
                    # On its way out of awscrt's thread.
                    await asyncio.sleep(0.01)

    asyncio.run(scenario())


@both_versions
def test_a_refused_upgrade_is_told_with_its_status_and_no_mqtt_is_sent(tmp_path: Path, version: MqttVersion) -> None:
    async def scenario() -> tuple[int, list[int]]:
        async with gateway(tmp_path, UpgradeRefused(403)) as proxy:
            endpoint = evolve(proxy.endpoint, transport=Transport.WSS)
            with pytest.raises(UpgradeRejected) as caught:
                await connected(endpoint, version)
            return caught.value.status, [sum(each.packets[Direction.TO_SERVER].values()) for each in proxy.connections]

    assert asyncio.run(scenario()) == (403, [0, 0])


@both_versions
@pytest.mark.fact("A26", "A27")
@pytest.mark.parametrize("place", [CredentialsIn.HEADERS, CredentialsIn.QUERY], ids=lambda place: place.value)
def test_credentials_travel_in_the_upgrade_of_awscrt(
    tmp_path: Path, version: MqttVersion, place: CredentialsIn
) -> None:
    async def scenario() -> str:
        async with gateways.start(tmp_path, tmp_path, keys()) as running:
            endpoint = endpoint_of(running, Transport.WSS)
            credentials = CustomAuth(authorizer="open")
            await (
                await connect(endpoint, credentials, backend="awscrt", version=version, credentials_in=place)
            ).aclose()
            (event,) = running.events()
            return str(event)

    assert "x-amz-customauthorizer-name" in asyncio.run(scenario())


@both_versions
@both_transports
def test_a_refusing_proxy_is_told_with_its_status(version: MqttVersion, transport: Transport) -> None:
    async def scenario() -> ProxyRefused:
        async with servers.scripted_server() as server, http_proxy(user=("alice", "secret")) as proxy:
            endpoint = evolve(
                server.endpoint, transport=transport, proxy=evolve(proxy.proxy, username=None, password=None)
            )
            with pytest.raises(ProxyRefused) as caught:
                await connected(endpoint, version)
            assert server.peers == []
            return caught.value

    assert asyncio.run(scenario()).status == 407


@both_versions
def test_a_proxy_takes_the_connection_to_the_endpoint(version: MqttVersion) -> None:
    async def scenario() -> tuple[list[str], str]:
        async with servers.scripted_server() as server, http_proxy(user=("alice", "s:e@c")) as proxy:
            through = evolve(proxy.proxy, username="alice", password="s:e@c")
            await (await connected(evolve(server.endpoint, proxy=through), version)).aclose()
            assert len(server.connects()) == 1
            return proxy.asked, f"localhost:{server.port}"

    asked, wanted = asyncio.run(scenario())
    assert asked == [wanted]


@both_versions
def test_a_wrong_name_behind_a_proxy_is_told(tmp_path: Path, version: MqttVersion) -> None:
    async def scenario() -> TlsReason:
        async with gateway(tmp_path, WrongName()) as server, http_proxy() as proxy:
            with pytest.raises(TlsFailed) as caught:
                await connected(evolve(server.endpoint, proxy=proxy.proxy), version)
            return caught.value.reason

    assert asyncio.run(scenario()) is TlsReason.WRONG_NAME


@pytest.mark.parametrize("properties", [b"\x08\x00\x03b/+", b"\x26\x00\x02a\0\x00\x01b"], ids=["response-topic", "NUL"])
def test_a_message_with_properties_that_mqtt_forbids_ends_the_connection(properties: bytes) -> None:
    body = b"\x00\x01a" + bytes([len(properties)]) + properties

    def answers(packet: mqtt.Packet, version: MqttVersion) -> Iterable[Content]:
        return (bytes([0x30, len(body)]) + body,) if isinstance(packet, mqtt.Publish) else usual(packet, version)

    async def scenario() -> Disconnected:
        async with mqtt_server(answers) as server, await connected(server.endpoint, MqttVersion.V5) as connection:
            await connection.publish("sets/it/off")
            async with asyncio.timeout(20):
                return await connection.wait_closed()

    ending = asyncio.run(scenario())
    assert (ending.reason_code, ending.by_server) != (0, False)
    assert ending.__cause__ is not None


def test_an_empty_response_topic_is_none() -> None:
    body = b"\x00\x01a\x06\x08\x00\x00\x03\x00\x00"

    def answers(packet: mqtt.Packet, version: MqttVersion) -> Iterable[Content]:
        if isinstance(packet, mqtt.Publish):
            return (bytes([0x30, len(body)]) + body,)
        return usual(packet, version)

    async def scenario() -> MessageProperties:
        async with (
            mqtt_server(answers) as server,
            await connected(server.endpoint, MqttVersion.V5) as connection,
            connection.subscribe("a") as messages,
        ):
            await connection.publish("sets/it/off")
            return (await anext(messages)).properties

    assert asyncio.run(scenario()) == MessageProperties(content_type="")


@both_versions
@pytest.mark.parametrize("fault", [Silent(), UpgradeSilent()], ids=["TLS", "upgrade"])
def test_an_attempt_that_is_given_up_ends_its_own_socket_and_no_other(
    tmp_path: Path, version: MqttVersion, fault: Fault
) -> None:
    async def scenario() -> list[bool]:
        async with gateway(tmp_path, fault) as proxy:
            endpoint = evolve(proxy.endpoint, transport=Transport.WSS)
            attempts = []
            for number in range(3):
                attempts.append(asyncio.create_task(connected(endpoint, version)))
                await proxy.connection(number)
            attempts[1].cancel()
            await asyncio.wait({attempts[1]})
            # Less than awscrt gives TLS, and it gives an upgrade for ever.
            async with asyncio.timeout(8):
                await proxy.connections[1].ended.wait()
            ended = [each.ended.is_set() for each in proxy.connections[:3]]
            for attempt in attempts:
                attempt.cancel()
            await asyncio.gather(*attempts, return_exceptions=True)
            return ended

    assert asyncio.run(scenario()) == [False, True, False]


@both_versions
def test_a_client_certificate_for_a_server_that_asks_for_none_is_explained(version: MqttVersion) -> None:
    async def scenario() -> str:
        async with servers.scripted_server() as server:
            with pytest.raises(TlsFailed) as caught:
                await connected(evolve(server.endpoint, client_certificate=client_certificate()), version)
            return str(caught.value)

    assert "asks for one" in asyncio.run(scenario())


def test_what_reading_on_means_is_declared() -> None:
    from customauth_awscrt import AwscrtBackend

    assert Feature.BACK_PRESSURE not in AwscrtBackend.features
    assert {Feature.ADDRESS, Feature.SOCKS5_PROXY}.isdisjoint(AwscrtBackend.features)


def test_calls_from_threads_run_in_order_and_one_that_raises_stops_no_other() -> None:
    from customauth_awscrt._crossing import Crossing

    ran: list[int] = []
    errors: list[object] = []

    def call(number: int) -> None:
        ran.append(number)
        if number % 100 == 7:
            raise ValueError(number)

    def cross(crossing: Crossing) -> None:
        for number in range(2000):
            crossing.call(call, number)

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: errors.append(context["exception"]))
        crossing = Crossing(loop)
        thread = threading.Thread(target=cross, args=(crossing,))
        thread.start()
        async with asyncio.timeout(20):
            while len(ran) < 2000:  # noqa: ASYNC110 - an event would be set by what is tested
                await asyncio.sleep(0.001)
        thread.join()
        crossing.call(call, 2000)

    asyncio.run(scenario())
    assert ran[:2000] == list(range(2000))
    assert len(errors) == 20


def test_the_sdk_and_the_dialer_are_not_imported_for_a_connection_that_succeeds() -> None:
    program = (
        "import sys, customauth_awscrt._attempt, customauth_awscrt._mqtt5, customauth_awscrt._mqtt311\n"
        "print([name for name in ('awsiot', 'customauth.dialing', 'h11', 'websockets') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
