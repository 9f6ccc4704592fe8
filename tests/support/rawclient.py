"""An MQTT client that a test steers byte by byte, with the packets of our own codec. Import as ``rawclient``.

::

    async with connected(port, ca_file, sni="localhost", alpn=("mqtt",)) as client:
        await client.send(data, chunk=1)            bytes, in pieces of any size
        await client.send_packet(packet, ...)       packets of its version, in one piece
        await client.packet() -> Packet | None      the next packet, None at the end of the connection
        await client.rest() -> bytes                all bytes up to the end of the connection
        client.leave()                              go without a word

Every wait has a limit, so that a server that hangs fails the test.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from attrs import define, field

from customauth import mqtt

LIMIT = 30.0
"""Seconds that any wait may take."""


@define(eq=False)
class RawClient:
    """One TLS connection.

    :ivar version: how later packets are read and written.
    """

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    version: mqtt.MqttVersion = mqtt.MqttVersion.V5
    _frames: mqtt.FrameReader = field(factory=lambda: mqtt.FrameReader(1 << 20))
    _ready: list[mqtt.Frame] = field(factory=list)

    @property
    def tls(self) -> ssl.SSLObject:
        """The TLS side of it."""
        found: ssl.SSLObject = self.writer.get_extra_info("ssl_object")
        return found

    async def send(self, data: bytes, *, chunk: int | None = None) -> None:
        """Send bytes, each piece in a TLS record of its own."""
        async with asyncio.timeout(LIMIT):
            for start in range(0, len(data), chunk or len(data) or 1):
                self.writer.write(data[start : start + (chunk or len(data))])
                await self.writer.drain()

    async def send_packet(self, *packets: mqtt.Packet) -> None:
        """Send packets in one piece; a CONNECT sets the version."""
        data = b""
        for packet in packets:
            if isinstance(packet, mqtt.Connect):
                self.version = packet.version
            data += mqtt.encode(packet, self.version)
        await self.send(data)

    async def packet(self) -> mqtt.Packet | None:
        """Return the next packet, None when the server has closed."""
        async with asyncio.timeout(LIMIT):
            while not self._ready:
                data = await self._read(65536)
                if not data:
                    return None
                self._ready += self._frames.feed(data)
        return mqtt.decode(self._ready.pop(0), self.version)

    async def connect(self, packet: mqtt.Connect) -> mqtt.Connack | None:
        """Send a CONNECT; return its CONNACK, None when the server closes without one."""
        await self.send_packet(packet)
        answer = await self.packet()
        assert answer is None or isinstance(answer, mqtt.Connack), answer
        return answer

    async def rest(self) -> bytes:
        """Return every byte until the server closes."""
        data = b""
        async with asyncio.timeout(LIMIT):
            while piece := await self._read(65536):
                data += piece
        return data

    def leave(self) -> None:
        """Vanish: neither DISCONNECT nor TLS farewell."""
        self.writer.transport.abort()

    async def _read(self, size: int) -> bytes:
        # A server that closes while bytes of ours are under way resets the connection.
        with contextlib.suppress(ConnectionError):
            return await self.reader.read(size)
        return b""


@contextlib.asynccontextmanager
async def connected(
    port: int,
    ca_file: Path,
    *,
    sni: str | None = "localhost",
    alpn: Sequence[str] = ("mqtt",),
    highest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
    certificate: Path | None = None,
    receive_buffer: int | None = None,
) -> AsyncIterator[RawClient]:
    """Connect over TLS.

    :param sni: the name to ask for; None sends none, and takes the certificate by its address.
    :param alpn: the protocols to offer, none of them for no offer.
    :param certificate: a file with the client's certificate and its private key.
    :param receive_buffer: bytes that the system keeps for a client that does not read.
    """
    context = ssl.create_default_context(cafile=str(ca_file))
    context.maximum_version = highest
    if certificate is not None:
        context.load_cert_chain(certificate)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    # The protocol by its number: asyncio sets TCP_NODELAY only where it sees it.
    raw = socket.socket(proto=socket.IPPROTO_TCP)
    raw.setblocking(False)
    if receive_buffer is not None:
        # Before it connects: the first window is told then.
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    try:
        async with asyncio.timeout(LIMIT):
            await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", port))
            reader, writer = await asyncio.open_connection(sock=raw, ssl=context, server_hostname=sni or "127.0.0.1")
    except BaseException:
        raw.close()
        raise
    try:
        yield RawClient(reader, writer)
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
