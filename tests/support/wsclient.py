"""MQTT over a WebSocket that a test steers frame by frame. Import as ``wsclient``.

::

    async with opened(running, "/mqtt?x=y", ("x-amz-…", "open")) as socket:
        await socket.send_packet(packet, ...)      packets of its version, in one binary frame
        await socket.send(frame(data, ...), ...)   any frames, or other bytes, in one piece
        await socket.packet() -> Packet | None     the next packet, None when a Close or the end comes first
        await socket.frame() -> Frame | None       the next frame, None at the end of the connection
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from typing import Any

from attrs import define, field, frozen

from customauth import mqtt
from gateways import Running
from httpclient import Header, Reply, reply, request
from rawclient import LIMIT, RawClient, connected

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
_MASK = b"\x12\x34\x56\x78"


@frozen
class Frame:
    """A frame as it came."""

    opcode: int
    data: bytes
    fin: bool = True


def frame(
    data: bytes, *, opcode: int = BINARY, fin: bool = True, masked: bool = True, reserved: int = 0, length: int = -1
) -> bytes:
    """Write a frame.

    :param length: the length that it claims, if not its own.
    """
    size = len(data) if length < 0 else length
    mark = 0x80 if masked else 0
    if size < 126:
        head = bytes([mark | size])
    elif size < 65_536:
        head = bytes([mark | 126]) + struct.pack("!H", size)
    else:
        head = bytes([mark | 127]) + struct.pack("!Q", size)
    body = _MASK + bytes(byte ^ _MASK[i % 4] for i, byte in enumerate(data)) if masked else data
    return bytes([(0x80 if fin else 0) | (reserved << 4) | opcode]) + head + body


def close_frame(code: int, reason: str = "") -> bytes:
    """Write a Close frame."""
    return frame(struct.pack("!H", code) + reason.encode(), opcode=CLOSE)


def upgrade(target: str, *headers: Header, subprotocol: str | None = "mqtt", **how: Any) -> bytes:
    """Write the request that opens a WebSocket."""
    own = [("Upgrade", "websocket"), ("Connection", "Upgrade")]
    own += [("Sec-WebSocket-Key", KEY), ("Sec-WebSocket-Version", "13")]
    own += [] if subprotocol is None else [("Sec-WebSocket-Protocol", subprotocol)]
    return request("GET", target, *own, *headers, **how)


@define(eq=False)
class WsClient:
    """An open WebSocket.

    :ivar answer: the answer to the request that opened it.
    :ivar version: how later packets are read and written.
    """

    client: RawClient
    answer: Reply
    version: mqtt.MqttVersion = mqtt.MqttVersion.V5
    _frames: mqtt.FrameReader = field(factory=lambda: mqtt.FrameReader(1 << 20))
    _ready: list[mqtt.Frame] = field(factory=list)

    async def send(self, *data: bytes, chunk: int | None = None) -> None:
        """Send bytes as they are, in one piece or in pieces."""
        await self.client.send(b"".join(data), chunk=chunk)

    def encode(self, *packets: mqtt.Packet) -> bytes:
        """Encode packets; a CONNECT sets the version."""
        data = b""
        for packet in packets:
            if isinstance(packet, mqtt.Connect):
                self.version = packet.version
            data += mqtt.encode(packet, self.version)
        return data

    async def send_packet(self, *packets: mqtt.Packet) -> None:
        """Send packets in one frame."""
        await self.send(frame(self.encode(*packets)))

    async def frame(self) -> Frame | None:
        """Return the next frame, None when the server has closed."""
        async with asyncio.timeout(LIMIT):
            try:
                first, second = await self.client.reader.readexactly(2)
                size = second & 0x7F
                if size == 126:
                    (size,) = struct.unpack("!H", await self.client.reader.readexactly(2))
                elif size == 127:
                    (size,) = struct.unpack("!Q", await self.client.reader.readexactly(8))
                data = await self.client.reader.readexactly(size)
            except (asyncio.IncompleteReadError, ConnectionError):
                return None
        assert not second & 0x80, "a server masks no frame"
        assert not first & 0x70, "no extension was negotiated"
        return Frame(first & 0x0F, data, bool(first & 0x80))

    async def packet(self) -> mqtt.Packet | None:
        """Return the next packet, None when a Close or the end comes first."""
        while not self._ready:
            got = await self.frame()
            if got is None or got.opcode == CLOSE:
                return None
            assert got.opcode == BINARY, got
            self._ready += self._frames.feed(got.data)
        return mqtt.decode(self._ready.pop(0), self.version)

    async def connect(self, packet: mqtt.Connect) -> mqtt.Connack | None:
        """Send a CONNECT; return its CONNACK, None when there is none."""
        await self.send_packet(packet)
        answer = await self.packet()
        assert answer is None or isinstance(answer, mqtt.Connack), answer
        return answer


@contextlib.asynccontextmanager
async def opened(
    running: Running,
    target: str = "/mqtt",
    *headers: Header,
    subprotocol: str | None = "mqtt",
    host: str | None = "localhost",
    port: int = 443,
    **how: Any,
) -> AsyncIterator[WsClient]:
    """Open a WebSocket; it must be let in.

    :param port: of AWS.
    :param how: options of :func:`rawclient.connected`; without them no ALPN is offered.
    """
    async with connected(running.gateway.ports[port], running.gateway.ca_file, **({"alpn": ()} | how)) as client:
        await client.send(upgrade(target, *headers, subprotocol=subprotocol, host=host))
        answer = await reply(client)
        assert answer is not None
        assert answer.status == 101, answer
        yield WsClient(client, answer)
