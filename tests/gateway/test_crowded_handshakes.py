"""TLS handshakes of many clients at the same time, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import ssl

from aloop import run
from customauth.mqtt import Connack, MqttVersion
from gateways import StartGateway, connect, named
from rawclient import LIMIT

CROWD = 12


def test_a_crowd_that_comes_at_once_is_let_in(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:

            async def visit(number: int) -> object:
                async with running.client() as client:
                    packet = connect(named("open"), version=MqttVersion.V5, client_id=f"device-{number}")
                    return await client.connect(packet)

            answers = await asyncio.gather(*(visit(number) for number in range(CROWD)))
            assert all(isinstance(answer, Connack) and answer.reason_code == 0 for answer in answers)
            await running.emptied()

    run(main())


def test_a_crowd_that_vanishes_during_its_handshake_leaves_nothing_behind(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            for _ in range(CROWD):
                _, writer = await asyncio.open_connection("127.0.0.1", running.gateway.port)
                writer.write(_hello())
                await writer.drain()
                writer.transport.abort()
            await running.emptied()
            async with running.accepted():
                pass

    run(main())


def test_a_crowd_without_a_common_cipher_gets_the_alert(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            connections = [await asyncio.open_connection("127.0.0.1", running.gateway.port) for _ in range(CROWD)]
            for _, writer in connections:
                # Ciphers that need a certificate of another kind than the gateway has.
                writer.write(_hello(ciphers="ECDHE-ECDSA-AES128-GCM-SHA256"))
            for reader, writer in connections:
                async with asyncio.timeout(LIMIT):
                    answer = await reader.read(1)
                assert answer == b"\x15"
                writer.transport.abort()
            await running.emptied()
            assert len(running.notes()) == CROWD

    run(main())


def _hello(ciphers: str | None = None) -> bytes:
    """Return the bytes of a ClientHello."""
    context = ssl.create_default_context()
    if ciphers is not None:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(ciphers)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()
