"""The fault proxy under load: random cuts leave nothing behind, and nobody is read faster than the other side reads."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
import ssl
from pathlib import Path

import pytest

from customauth.gateway import RunningGateway
from customauth.mqtt import Connack, Connect, MqttVersion, Puback, Publish, Suback, Subscribe, Subscription
from customauth.testing import LocalGateway
from customauth.testing.certificates import authority, good_identity
from customauth.testing.fault_proxy import FaultProxy, fault_proxy
from customauth.testing.listening import local_endpoint
from rawclient import LIMIT, RawClient, connected

CUTS = 1000
CLIENTS = 4
WINDOW = 100
TOTAL = 64 << 20

LOGIN = Connect(
    version=MqttVersion.V5,
    client_id="",
    username="alice?x-amz-customauthorizer-name=unsigned-sample",
    password=b"wonderland",
)


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    """Give the file of the proxy's CA."""
    file = tmp_path / "ca.pem"
    file.write_bytes(authority().ca_pem)
    return file


def tcp_sockets() -> int:
    """Return how many TCP sockets this process has open, 0 where the system does not tell."""
    folder = Path("/proc/self/fd")
    return sum(_is_tcp(int(entry.name)) for entry in folder.iterdir()) if folder.exists() else 0


def _is_tcp(descriptor: int) -> bool:
    try:
        with socket.socket(fileno=os.dup(descriptor)) as found:
            return found.family in (socket.AF_INET, socket.AF_INET6)
    except OSError:
        return False


async def publish(client: RawClient, name: str, acknowledged: set[bytes]) -> None:
    """Publish with a full window until the connection ends."""
    waiting: dict[int, bytes] = {}
    sent = 0
    while True:
        batch = []
        while len(waiting) < WINDOW:
            packet_id = sent % 65_535 + 1
            waiting[packet_id] = f"{name} {sent}".encode()
            batch.append(Publish(topic="sample/t", payload=waiting[packet_id], qos=1, packet_id=packet_id))
            sent += 1
        await client.send_packet(*batch)
        answer = await client.packet()
        if answer is None:
            return
        assert isinstance(answer, Puback)
        acknowledged.add(waiting.pop(answer.packet_id))


async def publish_through(proxy: FaultProxy, ca_file: Path, number: int, acknowledged: set[bytes]) -> None:
    """Connect and publish again and again."""
    attempt = 0
    while True:
        attempt += 1
        # Cut in the handshake, while writing, before the CONNACK: all of it is as it should be.
        with contextlib.suppress(OSError):
            async with connected(proxy.port, ca_file) as client:
                if isinstance(await client.connect(LOGIN), Connack):
                    await publish(client, f"{number} {attempt}", acknowledged)


async def collect(client: RawClient, received: set[bytes]) -> None:
    """Take what is published, straight from the gateway."""
    while isinstance(packet := await client.packet(), Publish):
        received.add(packet.payload)
        assert packet.packet_id is not None
        await client.send_packet(Puback(packet_id=packet.packet_id))


async def cut_at_random(proxy: FaultProxy, count: int) -> None:
    chance = random.Random(5)  # noqa: S311 - not a secret
    done = 0
    while done < count:
        living = [connection for connection in proxy.connections if not connection.ended.is_set()]
        proxy.connections[:] = living
        if living:
            chance.choice(living).cut(abruptly=chance.random() < 0.5)
            done += 1
        await asyncio.sleep(chance.random() * 0.02)


def test_a_thousand_random_cuts_lose_nothing_acknowledged_and_leave_nothing_behind(ca_file: Path) -> None:
    acknowledged: set[bytes] = set()
    received: set[bytes] = set()

    async def main(local: RunningGateway) -> None:
        async with connected(local.port, local.ca_file) as listener:
            await listener.connect(LOGIN)
            wanted = Subscribe(packet_id=1, subscriptions=(Subscription(filter="sample/t", qos=1),))
            await listener.send_packet(wanted)
            assert isinstance(await listener.packet(), Suback)
            collecting = asyncio.create_task(collect(listener, received))
            tasks, sockets = asyncio.all_tasks(), tcp_sockets()
            async with fault_proxy(local.endpoint) as proxy:
                publishing = [
                    asyncio.create_task(publish_through(proxy, ca_file, number, acknowledged))
                    for number in range(CLIENTS)
                ]
                await cut_at_random(proxy, CUTS)
                for task in publishing:
                    task.cancel()
                ended = await asyncio.gather(*publishing, return_exceptions=True)
                assert all(isinstance(result, asyncio.CancelledError) for result in ended), ended
            async with asyncio.timeout(LIMIT):
                while not acknowledged <= received:  # noqa: ASYNC110 - the collector tells nobody
                    await asyncio.sleep(0.01)
            assert asyncio.all_tasks() == tasks
            async with asyncio.timeout(LIMIT):
                # The gateway's sockets are of this process, too, and it gives its clients time to notice.
                while tcp_sockets() > sockets:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            collecting.cancel()
            await asyncio.gather(collecting, return_exceptions=True)

    with LocalGateway() as local:
        asyncio.run(main(local))
    assert len(acknowledged) > CUTS


def test_the_proxy_reads_no_faster_than_the_client(ca_file: Path) -> None:
    taken = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        with contextlib.suppress(ConnectionError):
            await reader.read(1)
            while taken < TOTAL:
                writer.write(bytes(65_536))
                await writer.drain()
                taken += 65_536
            writer.close()
            await writer.wait_closed()

    async def main() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(good_identity().certificate_file, good_identity().key_file)
        server = await asyncio.start_server(flood, "127.0.0.1", 0, ssl=context)
        upstream = local_endpoint(server.sockets[0].getsockname()[1], authority().ca_pem)
        async with server, fault_proxy(upstream) as proxy:
            async with connected(proxy.port, ca_file, alpn=()) as client:
                # asyncio would read on into its own buffer.
                transport = client.writer.transport
                assert isinstance(transport, asyncio.Transport)
                await client.send(b"\x00")
                transport.pause_reading()
                seen = -1
                while taken != seen:
                    seen = taken
                    await asyncio.sleep(0.2)
                assert taken < TOTAL
                transport.resume_reading()
                got = 0
                async with asyncio.timeout(2 * LIMIT):
                    while piece := await client.reader.read(1 << 20):
                        got += len(piece)
                assert got == taken == TOTAL
            await proxy.connections[0].ended.wait()

    asyncio.run(main())
