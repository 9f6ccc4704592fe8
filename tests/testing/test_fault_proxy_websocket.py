"""The fault proxy where MQTT comes in a WebSocket: the same faults on the same packets, and those of the upgrade."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as ws_serve
from websockets.typing import Subprotocol

from customauth.gateway import RunningGateway
from customauth.mqtt import (
    Connack,
    Connect,
    Disconnect,
    MqttVersion,
    PacketType,
    Pingreq,
    Pingresp,
    Puback,
    Publish,
    Suback,
    Subscribe,
    Subscription,
    encode,
)
from customauth.testing import LocalGateway
from customauth.testing.certificates import authority, good_identity
from customauth.testing.fault_proxy import FaultProxy, fault_proxy
from customauth.testing.faults import Answer, Cut, Direction, Drop, Fault, Inject, UpgradeRefused, UpgradeSilent
from customauth.testing.listening import local_endpoint
from httpclient import Reply, reply
from rawclient import LIMIT, connected
from wsclient import BINARY, CLOSE, PING, PONG, TEXT, Frame, WsClient, close_frame, frame, upgrade

LOGIN = Connect(
    version=MqttVersion.V5,
    client_id="",
    username="alice?x-amz-customauthorizer-name=unsigned-sample",
    password=b"wonderland",
)


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


@contextlib.asynccontextmanager
async def opened(
    gateway: RunningGateway, ca_file: Path, fault: Fault | None = None, *, chunk: int | None = None
) -> AsyncIterator[tuple[FaultProxy, WsClient]]:
    """Give a client with an open WebSocket through a proxy."""
    async with fault_proxy(gateway.endpoint, fault) as proxy, connected(proxy.port, ca_file, alpn=()) as client:
        await client.send(upgrade("/mqtt", host="localhost"), chunk=chunk)
        answer = await reply(client)
        assert answer is not None
        assert answer.status == 101
        yield proxy, WsClient(client, answer)


async def answer_to_upgrade(gateway: RunningGateway, ca_file: Path, fault: Fault | None, target: str) -> Reply | None:
    async with fault_proxy(gateway.endpoint, fault) as proxy, connected(proxy.port, ca_file, alpn=()) as client:
        await client.send(upgrade(target, host="localhost"))
        return await reply(client)


def test_packets_in_frames_pass_and_are_counted(gateway: RunningGateway, ca_file: Path) -> None:
    async def main() -> None:
        async with opened(gateway, ca_file, chunk=3) as (proxy, socket):
            assert isinstance(await socket.connect(LOGIN), Connack)
            wanted = Subscribe(packet_id=1, subscriptions=(Subscription(filter="sample/t", qos=1),))
            data = socket.encode(wanted, Pingreq())
            # Packets and frames need not begin at the same place.
            await socket.send(frame(data[:5]), frame(data[5:6], fin=False), frame(data[6:], opcode=0))
            got = [await socket.packet(), await socket.packet()]
            assert sorted(type(packet).__name__ for packet in got) == ["Pingresp", "Suback"]
            (connection,) = proxy.connections
            assert connection.websocket
            assert connection.packets[Direction.TO_SERVER] == {
                PacketType.CONNECT: 1,
                PacketType.SUBSCRIBE: 1,
                PacketType.PINGREQ: 1,
            }
            await socket.send_packet(Disconnect())
            last = await socket.frame()
            assert last is not None
            assert last.opcode == CLOSE
            assert await socket.frame() is None
            await connection.ended.wait()

    asyncio.run(main())


def test_a_ping_is_answered_and_a_close_too(gateway: RunningGateway, ca_file: Path) -> None:
    async def main() -> None:
        async with opened(gateway, ca_file) as (proxy, socket):
            assert isinstance(await socket.connect(LOGIN), Connack)
            await socket.send(frame(b"now", opcode=PING))
            assert await socket.frame() == Frame(PONG, b"now")
            await socket.send(close_frame(1000, "enough"))
            answer = await socket.frame()
            assert answer is not None
            assert (answer.opcode, answer.data[:2]) == (CLOSE, b"\x03\xe8")
            await proxy.connections[0].ended.wait()

    asyncio.run(main())


@pytest.mark.parametrize("abruptly", [False, True])
def test_a_cut_in_the_middle_of_a_packet(gateway: RunningGateway, ca_file: Path, abruptly: bool) -> None:
    async def main() -> None:
        fault = Cut(direction=Direction.TO_CLIENT, packet=PacketType.PUBACK, in_the_middle=True, abruptly=abruptly)
        async with opened(gateway, ca_file, fault) as (_, socket):
            assert isinstance(await socket.connect(LOGIN), Connack)
            await socket.send_packet(Publish(topic="sample/t", payload=b"", qos=1, packet_id=1))
            half = encode(Puback(packet_id=1), MqttVersion.V5)[:2]
            assert await socket.frame() == Frame(BINARY, half)
            last = await socket.frame()
            assert last is None if abruptly else last is not None and last.opcode == CLOSE

    asyncio.run(main())


def test_packets_are_lost_answered_and_injected(gateway: RunningGateway, ca_file: Path) -> None:
    async def main() -> None:
        async with opened(gateway, ca_file, Drop(PacketType.PUBACK, count=1)) as (_, socket):
            assert isinstance(await socket.connect(LOGIN), Connack)
            for packet_id in (1, 2):
                await socket.send_packet(Publish(topic="sample/t", payload=b"", qos=1, packet_id=packet_id))
            assert await socket.packet() == Puback(packet_id=2)
        async with opened(gateway, ca_file, Answer(PacketType.SUBACK, 0x87)) as (_, socket):
            assert isinstance(await socket.connect(LOGIN), Connack)
            await socket.send_packet(Subscribe(packet_id=3, subscriptions=(Subscription(filter="sample/t"),)))
            assert await socket.packet() == Suback(packet_id=3, reason_codes=(0x87,))
        fault = Inject(Disconnect(reason_code=0x8E), packet=PacketType.PINGRESP, close=True)
        async with opened(gateway, ca_file, fault) as (_, socket):
            assert isinstance(await socket.connect(LOGIN), Connack)
            await socket.send_packet(Pingreq())
            assert await socket.packet() == Pingresp()
            assert await socket.packet() == Disconnect(reason_code=0x8E)
            assert await socket.packet() is None

    asyncio.run(main())


def test_the_servers_own_refusal_passes(gateway: RunningGateway, ca_file: Path) -> None:
    answer = asyncio.run(answer_to_upgrade(gateway, ca_file, None, "/elsewhere"))
    assert answer is not None
    assert answer.status == 404


@pytest.mark.parametrize("status", [302, 403, 502, 599])
def test_an_upgrade_is_refused(gateway: RunningGateway, ca_file: Path, status: int) -> None:
    answer = asyncio.run(answer_to_upgrade(gateway, ca_file, UpgradeRefused(status), "/mqtt"))
    assert answer is not None
    assert answer.status == status


def test_an_upgrade_is_not_answered(gateway: RunningGateway, ca_file: Path) -> None:
    async def main() -> None:
        fault = UpgradeSilent()
        async with fault_proxy(gateway.endpoint, fault) as proxy, connected(proxy.port, ca_file, alpn=()) as client:
            await client.send(upgrade("/mqtt", host="localhost"))
            reading = asyncio.create_task(client.rest())
            connection = await proxy.connection(0)
            assert not connection.ended.is_set()
            # A second one is answered at once: nobody was kept waiting by chance.
            proxy.fault = None
            async with connected(proxy.port, ca_file, alpn=()) as other:
                await other.send(upgrade("/mqtt", host="localhost"))
                async with asyncio.timeout(LIMIT):
                    assert await reply(other) is not None
            assert not reading.done()
            connection.cut()
            assert await reading == b""

    asyncio.run(main())


@pytest.mark.parametrize("by_server", [False, True])
def test_a_close_keeps_its_code_and_its_reason(ca_file: Path, by_server: bool) -> None:
    async def main() -> None:
        ended: list[tuple[int | None, str | None]] = []

        async def serve(socket: ServerConnection) -> None:
            if by_server:
                await socket.close(4001, "go")
            await socket.wait_closed()
            ended.append((socket.protocol.close_code, socket.protocol.close_reason))

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(good_identity().certificate_file, good_identity().key_file)
        subprotocols = [Subprotocol("mqtt")]
        async with ws_serve(serve, "127.0.0.1", 0, ssl=context, subprotocols=subprotocols, compression=None) as server:
            upstream = local_endpoint(next(iter(server.sockets)).getsockname()[1], authority().ca_pem)
            async with fault_proxy(upstream) as proxy, connected(proxy.port, ca_file, alpn=()) as client:
                await client.send(upgrade("/mqtt", host="localhost"))
                answer = await reply(client)
                assert answer is not None
                socket = WsClient(client, answer)
                if not by_server:
                    await socket.send(close_frame(4002, "gone"))
                last = await socket.frame()
                assert last is not None
                assert last.data == (b"\x0f\xa1go" if by_server else b"\x0f\xa2gone")
                await proxy.connections[0].ended.wait()
        assert ended == [(4001, "go") if by_server else (4002, "gone")]

    asyncio.run(main())


def test_a_text_frame_is_refused(gateway: RunningGateway, ca_file: Path) -> None:
    async def main() -> None:
        async with opened(gateway, ca_file) as (_, socket):
            await socket.send(frame(b"hello", opcode=TEXT))
            last = await socket.frame()
            assert last is not None
            assert (last.opcode, last.data[:2]) == (CLOSE, b"\x03\xeb")

    asyncio.run(main())
