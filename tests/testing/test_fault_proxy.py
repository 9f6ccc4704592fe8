"""The fault proxy before the gateway: each fault does what it says, and without one nothing is changed."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Literal

import pytest

import aloop
from customauth.gateway import RunningGateway
from customauth.mqtt import (
    Connack,
    Connect,
    Disconnect,
    MqttVersion,
    PacketType,
    Pingreq,
    Pingresp,
    Properties,
    Property,
    Puback,
    Publish,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
    encode,
)
from customauth.testing import LocalGateway
from customauth.testing.certificates import authority
from customauth.testing.fault_proxy import FaultProxy, fault_proxy
from customauth.testing.faults import (
    AlpnRefused,
    Answer,
    Blackhole,
    CloseBeforeConnack,
    Cut,
    Delay,
    Direction,
    Drop,
    DropConnack,
    Expired,
    Fault,
    Inject,
    Reset,
    ResetStage,
    Silent,
    Throttle,
    TlsTooOld,
    Untrusted,
    WrongName,
)
from customauth.testing.scripted import scripted_server
from rawclient import LIMIT, RawClient, connected

USER = "alice?x-amz-customauthorizer-name=unsigned-sample"
V311, V5 = MqttVersion.V311, MqttVersion.V5
VERSIONS = pytest.mark.parametrize("version", [V311, V5], ids=lambda version: version.label)
TO_SERVER, TO_CLIENT = Direction.TO_SERVER, Direction.TO_CLIENT


@pytest.fixture(scope="module")
def gateway() -> Iterator[RunningGateway]:
    """Give a gateway with the sample, in a thread."""
    with LocalGateway() as local:
        yield local


@pytest.fixture(scope="module")
def ca_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the file of the proxy's CA."""
    file = tmp_path_factory.mktemp("proxy") / "ca.pem"
    file.write_bytes(authority().ca_pem)
    return file


def login(version: MqttVersion = V5) -> Connect:
    """Build a CONNECT that the sample accepts."""
    return Connect(version=version, client_id="", username=USER, password=b"wonderland", clean_start=True)


def message(packet_id: int, payload: bytes = b"hello") -> Publish:
    return Publish(topic="sample/t", payload=payload, qos=1, packet_id=packet_id)


async def end_of(client: RawClient) -> tuple[bytes, Literal["closed", "reset"]]:
    """Return what else the client gets, and how the connection ends."""
    data = b""
    async with asyncio.timeout(LIMIT):
        try:
            while piece := await client.reader.read(65536):
                data += piece
        except ConnectionResetError:
            return data, "reset"
    return data, "closed"


@contextlib.asynccontextmanager
async def logged_in(
    gateway: RunningGateway, ca_file: Path, fault: Fault | None = None, version: MqttVersion = V5
) -> AsyncIterator[tuple[FaultProxy, RawClient]]:
    """Give a client that was let in through a proxy."""
    async with fault_proxy(gateway.endpoint, fault) as proxy, connected(proxy.port, ca_file) as client:
        connack = await client.connect(login(version))
        assert connack is not None
        assert connack.reason_code == 0
        yield proxy, client


@VERSIONS
def test_without_a_fault_all_passes_and_is_counted(
    gateway: RunningGateway, ca_file: Path, version: MqttVersion
) -> None:
    async def main() -> None:
        async with logged_in(gateway, ca_file, version=version) as (proxy, client):
            assert (proxy.endpoint.host, proxy.endpoint.port) == ("localhost", proxy.port)
            assert proxy.endpoint.ca_pem == authority().ca_pem
            wanted = Subscribe(packet_id=1, subscriptions=(Subscription(filter="sample/t", qos=1),))
            await client.send_packet(wanted)
            assert isinstance(await client.packet(), Suback)
            await client.send_packet(message(2), Pingreq())
            got = [type(await client.packet()) for _ in range(3)]
            assert sorted(kind.__name__ for kind in got) == ["Pingresp", "Puback", "Publish"]
            (connection,) = proxy.connections
            assert connection.packets[TO_SERVER] == {
                PacketType.CONNECT: 1,
                PacketType.SUBSCRIBE: 1,
                PacketType.PUBLISH: 1,
                PacketType.PINGREQ: 1,
            }
            assert connection.packets[TO_CLIENT][PacketType.PUBLISH] == 1
            assert (connection.sni, connection.alpn, connection.version) == ("localhost", "mqtt", version)
            assert not connection.websocket
            await client.send_packet(Disconnect())
            assert await end_of(client) == (b"", "closed")
            await connection.ended.wait()
            assert connection.error is None

    asyncio.run(main())


def test_the_servers_last_words_and_its_farewell_pass(gateway: RunningGateway, ca_file: Path) -> None:
    async def main() -> None:
        async with fault_proxy(gateway.endpoint) as proxy, connected(proxy.port, ca_file) as client:
            refused = Connect(version=V5, client_id="", username=USER, password=b"wrong")
            connack = await client.connect(refused)
            assert connack is not None
            assert connack.reason_code == 0x87
            assert await end_of(client) == (b"", "closed")

    asyncio.run(main())


@pytest.mark.fact("F15")
def test_the_servers_own_refusal_of_an_alpn_passes(gateway: RunningGateway, ca_file: Path) -> None:
    async def main() -> None:
        async with fault_proxy(gateway.endpoint) as proxy:
            with pytest.raises(ssl.SSLError, match=r"(?i)no.application.protocol"):
                async with connected(proxy.port, ca_file, alpn=("nonsense",)):
                    pass
            (connection,) = proxy.connections
            await connection.ended.wait()
            assert isinstance(connection.error, ssl.SSLError)

    asyncio.run(main())


def test_what_is_no_mqtt_passes_as_it_is(gateway: RunningGateway, ca_file: Path) -> None:
    async def main() -> None:
        async with fault_proxy(gateway.endpoint) as proxy, connected(proxy.port, ca_file, alpn=()) as client:
            await client.send(b"POST /topics/sample HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", chunk=7)
            async with asyncio.timeout(LIMIT):
                assert (await client.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 403 ")
            assert not proxy.connections[0].packets[TO_SERVER]

    asyncio.run(main())


def test_half_a_packet_and_malformed_bytes_reach_the_server(gateway: RunningGateway, ca_file: Path) -> None:
    async def main() -> None:
        async with logged_in(gateway, ca_file) as (_, client):
            # A SUBSCRIBE without its reserved flags.
            await client.send(b"\x80\x02\x00\x01")
            answer = await client.packet()
            assert isinstance(answer, Disconnect)
            assert answer.reason_code == 0x81

    asyncio.run(main())


@pytest.mark.parametrize(
    ("fault", "code"), [(Untrusted(), {18, 19, 20, 21}), (WrongName(), {62}), (Expired(), {10})], ids=repr
)
def test_a_bad_certificate_is_shown(gateway: RunningGateway, ca_file: Path, fault: Fault, code: set[int]) -> None:
    async def main() -> None:
        async with fault_proxy(gateway.endpoint, fault) as proxy:
            with pytest.raises(ssl.SSLCertVerificationError) as caught:
                async with connected(proxy.port, ca_file):
                    pass
            assert caught.value.verify_code in code
            await proxy.connections[0].ended.wait()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("fault", "words"), [(AlpnRefused(), "no.application.protocol"), (TlsTooOld(), "protocol.version")], ids=repr
)
def test_tls_is_refused_with_an_alert(gateway: RunningGateway, ca_file: Path, fault: Fault, words: str) -> None:
    async def main() -> None:
        async with fault_proxy(gateway.endpoint, fault) as proxy:
            with pytest.raises(ssl.SSLError, match=f"(?i){words}"):
                async with connected(proxy.port, ca_file):
                    pass
            await proxy.connections[0].ended.wait()

    asyncio.run(main())


def test_a_silent_proxy_takes_tcp_and_says_nothing(gateway: RunningGateway, ca_file: Path) -> None:
    async def main() -> None:
        async with fault_proxy(gateway.endpoint, Silent()) as proxy:
            visit = asyncio.create_task(connected(proxy.port, ca_file).__aenter__())
            connection = await proxy.connection(0)
            assert not visit.done()
            visit.cancel()
            await asyncio.gather(visit, return_exceptions=True)
            await connection.ended.wait()
            assert connection.sni is None

    asyncio.run(main())


async def _tcp(port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.transport.abort()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


def test_a_blackhole_completes_no_tcp_connection_until_it_is_over(gateway: RunningGateway, ca_file: Path) -> None:
    async def main() -> None:
        async with fault_proxy(gateway.endpoint, Blackhole()) as proxy:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await _tcp(proxy.port)
            assert proxy.connections == []
            proxy.fault = None
            async with connected(proxy.port, ca_file) as client:
                assert await client.connect(login())
            proxy.fault = Blackhole()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await _tcp(proxy.port)

    asyncio.run(main())


def test_a_refusing_proxy_keeps_its_port_and_its_connections(gateway: RunningGateway, ca_file: Path) -> None:
    async def main() -> None:
        async with logged_in(gateway, ca_file) as (proxy, client):
            for _ in range(2):
                port = proxy.port
                proxy.refuse()
                # A fault that is set meanwhile opens nothing.
                proxy.fault = Blackhole()
                proxy.fault = None
                with pytest.raises(ConnectionRefusedError):
                    await _tcp(port)
                await client.send_packet(Pingreq())
                assert isinstance(await client.packet(), Pingresp)
                proxy.accept()
                assert proxy.port == port
                async with connected(port, ca_file) as other:
                    assert await other.connect(login())

    asyncio.run(main())


@pytest.mark.parametrize("stage", [ResetStage.TCP, ResetStage.CLIENT_HELLO])
def test_a_reset_before_tls(gateway: RunningGateway, ca_file: Path, stage: ResetStage) -> None:
    async def main() -> None:
        async with fault_proxy(gateway.endpoint, Reset(stage)) as proxy:
            with pytest.raises(ConnectionResetError):
                async with connected(proxy.port, ca_file):
                    pass
            (connection,) = proxy.connections
            await connection.ended.wait()
            assert connection.sni == ("localhost" if stage is ResetStage.CLIENT_HELLO else None)

    asyncio.run(main())


@pytest.mark.parametrize("stage", [ResetStage.TCP, ResetStage.CLIENT_HELLO])
def test_a_reset_before_tls_is_an_rst(gateway: RunningGateway, stage: ResetStage) -> None:
    async def main() -> None:
        async with fault_proxy(gateway.endpoint, Reset(stage)) as proxy:
            loop = asyncio.get_running_loop()
            outgoing = ssl.MemoryBIO()
            tls = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
            with pytest.raises(ssl.SSLWantReadError):
                tls.do_handshake()
            with socket.create_connection(("127.0.0.1", proxy.port)) as plain:
                plain.setblocking(False)
                if stage is ResetStage.CLIENT_HELLO:
                    await loop.sock_sendall(plain, outgoing.read())
                with pytest.raises(ConnectionResetError):
                    await loop.sock_recv(plain, 100)

    asyncio.run(main())


def test_half_a_packet_passes_when_the_client_leaves(ca_file: Path) -> None:
    async def main() -> None:
        half = encode(login(), V5)[:20]
        async with scripted_server() as server, fault_proxy(server.endpoint) as proxy:
            async with connected(proxy.port, ca_file) as client:
                await client.send(half)
            await (await proxy.connection(0)).ended.wait()
            (peer,) = server.peers
            await peer.ended.wait()
            assert peer.received == half

    asyncio.run(main())


def test_a_reset_after_the_connect_which_the_server_never_gets(gateway: RunningGateway, ca_file: Path) -> None:
    async def main() -> None:
        before = len(gateway.decisions)
        async with fault_proxy(gateway.endpoint, Reset(ResetStage.CONNECT)) as proxy:
            async with connected(proxy.port, ca_file) as client:
                await client.send_packet(login())
                assert await end_of(client) == (b"", "reset")
            await proxy.connections[0].ended.wait()
        assert len(gateway.decisions) == before

    asyncio.run(main())


@pytest.mark.parametrize(("abruptly", "ending"), [(False, "closed"), (True, "reset")])
@VERSIONS
def test_the_connection_is_closed_in_place_of_the_connack(
    gateway: RunningGateway, ca_file: Path, version: MqttVersion, abruptly: bool, ending: str
) -> None:
    async def main() -> None:
        before = len(gateway.decisions)
        fault = CloseBeforeConnack(abruptly)
        async with fault_proxy(gateway.endpoint, fault) as proxy, connected(proxy.port, ca_file) as client:
            await client.send_packet(login(version))
            assert await end_of(client) == (b"", ending)
        assert len(gateway.decisions) == before + 1

    asyncio.run(main())


def test_a_dropped_connack_leaves_the_connection_open(gateway: RunningGateway, ca_file: Path) -> None:
    async def main() -> None:
        fault = DropConnack()
        async with fault_proxy(gateway.endpoint, fault) as proxy, connected(proxy.port, ca_file) as client:
            await client.send_packet(login())
            await (await proxy.connection(0)).seen(TO_CLIENT, PacketType.CONNACK)
            await client.send_packet(Pingreq())
            assert isinstance(await client.packet(), Pingresp)

    asyncio.run(main())


@pytest.mark.parametrize(("abruptly", "ending"), [(False, "closed"), (True, "reset")])
def test_a_cut_at_a_packet_to_the_client(gateway: RunningGateway, ca_file: Path, abruptly: bool, ending: str) -> None:
    async def main() -> None:
        fault = Cut(direction=TO_CLIENT, packet=PacketType.PUBACK, after=2, abruptly=abruptly)
        async with logged_in(gateway, ca_file, fault) as (_, client):
            await client.send_packet(message(1), message(2), message(3))
            assert await client.packet() == Puback(packet_id=1)
            assert await client.packet() == Puback(packet_id=2)
            assert await end_of(client) == (b"", ending)

    asyncio.run(main())


@pytest.mark.parametrize(("abruptly", "ending"), [(False, "closed"), (True, "reset")])
def test_a_cut_in_the_middle_of_a_packet_to_the_client(
    gateway: RunningGateway, ca_file: Path, abruptly: bool, ending: str
) -> None:
    async def main() -> None:
        fault = Cut(direction=TO_CLIENT, packet=PacketType.PUBACK, in_the_middle=True, abruptly=abruptly)
        async with logged_in(gateway, ca_file, fault, V311) as (_, client):
            await client.send_packet(message(1))
            assert await end_of(client) == (encode(Puback(packet_id=1), V311)[:2], ending)

    asyncio.run(main())


@pytest.mark.parametrize("in_the_middle", [False, True])
def test_a_cut_at_a_packet_to_the_server(gateway: RunningGateway, ca_file: Path, in_the_middle: bool) -> None:
    async def main() -> None:
        fault = Cut(
            direction=TO_SERVER, packet=PacketType.PUBLISH, after=2, in_the_middle=in_the_middle, abruptly=False
        )
        async with logged_in(gateway, ca_file) as (proxy, listener):
            await listener.send_packet(Subscribe(packet_id=1, subscriptions=(Subscription(filter="sample/t", qos=1),)))
            assert isinstance(await listener.packet(), Suback)
            proxy.fault = fault
            async with connected(proxy.port, ca_file) as client:
                await client.connect(login())
                await client.send_packet(message(1, b"first"), message(2, b"second"), message(3, b"third"))
                assert (await end_of(client))[1] == "closed"
            await proxy.connections[1].ended.wait()
            proxy.fault = None
            async with connected(proxy.port, ca_file) as client:
                await client.connect(login())
                await client.send_packet(message(1, b"last"))
                await client.packet()
            got: list[bytes] = []
            while not got or got[-1] != b"last":
                packet = await listener.packet()
                assert isinstance(packet, Publish)
                got.append(packet.payload)
            assert got == ([b"first", b"last"] if in_the_middle else [b"first", b"second", b"last"])

    asyncio.run(main())


def test_dropped_packets_are_lost_and_later_ones_are_not(gateway: RunningGateway, ca_file: Path) -> None:
    async def main() -> None:
        async with logged_in(gateway, ca_file, Drop(PacketType.PUBACK, count=2), V311) as (proxy, client):
            for packet_id in (1, 2, 3):
                await client.send_packet(message(packet_id))
            assert await client.packet() == Puback(packet_id=3)
            assert proxy.connections[0].packets[TO_CLIENT][PacketType.PUBACK] == 3

    asyncio.run(main())


def test_every_pingresp_is_lost(gateway: RunningGateway, ca_file: Path) -> None:
    async def main() -> None:
        async with logged_in(gateway, ca_file, Drop(PacketType.PINGRESP), V311) as (_, client):
            await client.send_packet(Pingreq(), Pingreq(), message(1))
            assert await client.packet() == Puback(packet_id=1)

    asyncio.run(main())


def test_a_packet_to_the_server_is_lost(gateway: RunningGateway, ca_file: Path) -> None:
    async def main() -> None:
        fault = Drop(PacketType.PUBLISH, direction=TO_SERVER, count=1)
        async with logged_in(gateway, ca_file, fault, V311) as (_, client):
            await client.send_packet(message(1), message(2))
            assert await client.packet() == Puback(packet_id=2)

    asyncio.run(main())


@VERSIONS
def test_a_connack_with_another_code_is_the_last_packet(
    gateway: RunningGateway, ca_file: Path, version: MqttVersion
) -> None:
    async def main() -> None:
        fault = Answer(PacketType.CONNACK, 0x97 if version is V5 else 5, "too many")
        async with fault_proxy(gateway.endpoint, fault) as proxy, connected(proxy.port, ca_file) as client:
            connack = await client.connect(login(version))
            properties: Properties = {Property.REASON_STRING: "too many"} if version is V5 else {}
            assert connack == Connack(session_present=False, reason_code=fault.reason_code, properties=properties)
            assert await end_of(client) == (b"", "closed")

    asyncio.run(main())


def test_answers_of_mqtt_5_get_another_code(gateway: RunningGateway, ca_file: Path) -> None:
    async def main() -> None:
        why: Properties = {Property.REASON_STRING: "no"}
        async with logged_in(gateway, ca_file, Answer(PacketType.PUBACK, 0x87, "no", count=1)) as (proxy, client):
            await client.send_packet(message(1), message(2))
            assert await client.packet() == Puback(packet_id=1, reason_code=0x87, properties=why)
            assert await client.packet() == Puback(packet_id=2)
            proxy.fault = Answer(PacketType.SUBACK, 0x8F, "no")
            async with connected(proxy.port, ca_file) as other:
                await other.connect(login())
                wanted = tuple(Subscription(filter=f"sample/{name}") for name in "ab")
                await other.send_packet(Subscribe(packet_id=7, subscriptions=wanted))
                assert await other.packet() == Suback(packet_id=7, reason_codes=(0x8F, 0x8F), properties=why)
            proxy.fault = Answer(PacketType.UNSUBACK, 0x87)
            async with connected(proxy.port, ca_file) as other:
                await other.connect(login())
                await other.send_packet(Unsubscribe(packet_id=8, filters=("sample/a", "sample/b")))
                assert await other.packet() == Unsuback(packet_id=8, reason_codes=(0x87, 0x87))

    asyncio.run(main())


def test_in_mqtt_311_only_a_suback_gets_another_code(gateway: RunningGateway, ca_file: Path) -> None:
    async def main() -> None:
        async with logged_in(gateway, ca_file, Answer(PacketType.PUBACK, 0x87, "no"), V311) as (proxy, client):
            await client.send_packet(message(1))
            assert await client.packet() == Puback(packet_id=1)
            proxy.fault = Answer(PacketType.SUBACK, 0x87, "no")
            async with connected(proxy.port, ca_file) as other:
                await other.connect(login(V311))
                await other.send_packet(Subscribe(packet_id=7, subscriptions=(Subscription(filter="sample/a"),)))
                assert await other.packet() == Suback(packet_id=7, reason_codes=(0x80,))

    asyncio.run(main())


@pytest.mark.parametrize("code", [0x8E, 0x97, 0x98])
def test_a_disconnect_is_injected_after_the_connack(gateway: RunningGateway, ca_file: Path, code: int) -> None:
    async def main() -> None:
        fault = Inject(Disconnect(reason_code=code), close=True)
        async with logged_in(gateway, ca_file, fault) as (_, client):
            assert await client.packet() == Disconnect(reason_code=code)
            assert await end_of(client) == (b"", "closed")

    asyncio.run(main())


def test_bytes_are_injected_after_packets_of_the_client(gateway: RunningGateway, ca_file: Path) -> None:
    async def main() -> None:
        fault = Inject(b"\xff\xff", packet=PacketType.PINGREQ, direction=TO_SERVER, after=2)
        async with logged_in(gateway, ca_file, fault, V311) as (_, client):
            await client.send_packet(Pingreq())
            assert isinstance(await client.packet(), Pingresp)
            await client.send_packet(Pingreq())
            got = b""
            async with asyncio.timeout(LIMIT):
                while len(got) < 4:
                    got += await client.reader.read(100)
            assert sorted((got[:2], got[2:])) == [encode(Pingresp(), V311), b"\xff\xff"]

    asyncio.run(main())


def test_a_packet_that_the_version_does_not_have_is_the_tests_error(gateway: RunningGateway, ca_file: Path) -> None:
    async def main() -> None:
        fault = Inject(Disconnect(reason_code=0x8E))
        async with fault_proxy(gateway.endpoint, fault) as proxy, connected(proxy.port, ca_file) as client:
            await client.send_packet(login(V311))
            await end_of(client)

    with pytest.raises(ValueError, match=r"DISCONNECT of MQTT 3\.1\.1 has neither a reason code"):
        asyncio.run(main())


@pytest.mark.parametrize("direction", list(Direction))
def test_a_delay_holds_back_its_direction(gateway: RunningGateway, ca_file: Path, direction: Direction) -> None:
    async def main() -> None:
        fault = Delay(3600, direction)
        async with fault_proxy(gateway.endpoint, fault) as proxy, connected(proxy.port, ca_file) as client:
            await client.send_packet(login())
            first = await proxy.connection(0)
            packet = PacketType.CONNECT if direction is TO_SERVER else PacketType.CONNACK
            await first.seen(direction, packet)
            proxy.fault = None
            reading = asyncio.create_task(client.reader.read(1))
            async with connected(proxy.port, ca_file) as other:
                # Meanwhile another goes all the way.
                assert await other.connect(login())
            assert not reading.done()
            assert first.packets[TO_CLIENT].total() == (0 if direction is TO_SERVER else 1)
            aloop.put_forward(3600)
            assert await reading == b"\x20"

    aloop.run(main())


def test_a_throttle_lets_bytes_pass_one_by_one(gateway: RunningGateway, ca_file: Path) -> None:
    async def main() -> None:
        fault = Throttle(1 / 1000, TO_CLIENT)
        async with fault_proxy(gateway.endpoint, fault) as proxy, connected(proxy.port, ca_file) as client:
            await client.send_packet(login(V311))
            await (await proxy.connection(0)).seen(TO_CLIENT, PacketType.CONNACK)
            got = []
            for _ in range(4):
                aloop.put_forward(1000)
                got.append(await client.reader.read(100))
            assert got == [b"\x20", b"\x02", b"\x00", b"\x00"]

    aloop.run(main())


@pytest.mark.parametrize(("abruptly", "ending"), [(False, "closed"), (True, "reset")])
def test_a_connection_is_cut_on_demand(gateway: RunningGateway, ca_file: Path, abruptly: bool, ending: str) -> None:
    async def main() -> None:
        async with logged_in(gateway, ca_file) as (proxy, client), connected(proxy.port, ca_file) as other:
            await other.connect(login())
            proxy.connections[0].cut(abruptly)
            assert await end_of(client) == (b"", ending)
            await proxy.connections[0].ended.wait()
            assert not proxy.connections[1].ended.is_set()
            other_end = asyncio.create_task(end_of(other))
            await proxy.cut_all(abruptly)
            assert proxy.connections[1].ended.is_set()
            assert await other_end == (b"", ending)

    asyncio.run(main())


def test_cutting_all_does_not_wait_for_those_that_come_meanwhile(gateway: RunningGateway, ca_file: Path) -> None:
    async def main() -> None:
        async with logged_in(gateway, ca_file) as (proxy, client):
            cutting = asyncio.create_task(proxy.cut_all(abruptly=False))
            # The first has its farewell to say, so that the second is there before the first has ended.
            async with connected(proxy.port, ca_file) as other:
                await other.connect(login())
                assert await end_of(client) == (b"", "closed")
                await asyncio.wait_for(cutting, 10)
                assert not proxy.connections[1].ended.is_set()

    asyncio.run(main())


def test_who_waits_for_a_packet_learns_that_the_connection_has_ended(gateway: RunningGateway, ca_file: Path) -> None:
    async def main() -> None:
        async with logged_in(gateway, ca_file) as (proxy, _):
            waiting = asyncio.create_task(proxy.connections[0].seen(TO_SERVER, PacketType.PINGREQ, 2))
            await asyncio.sleep(0)
            await proxy.cut_all()
            with pytest.raises(EOFError, match="the connection ended after 0 PINGREQ to the server, not 2"):
                await waiting

    asyncio.run(main())


def test_a_client_that_resets_resets_the_server_too(gateway: RunningGateway, ca_file: Path) -> None:
    async def main() -> None:
        async with logged_in(gateway, ca_file) as (proxy, client):
            client.leave()
            await proxy.connections[0].ended.wait()

    asyncio.run(main())


def test_without_a_server_the_client_is_reset(gateway: RunningGateway, ca_file: Path) -> None:
    async def main() -> None:
        async with fault_proxy(gateway.endpoint) as upstream, fault_proxy(upstream.endpoint) as proxy:
            upstream.refuse()
            with pytest.raises(ConnectionResetError):
                async with connected(proxy.port, ca_file):
                    pass
            await proxy.connections[0].ended.wait()
            assert isinstance(proxy.connections[0].error, ConnectionRefusedError)

    asyncio.run(main())
