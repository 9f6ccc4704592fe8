"""A subscriber that sees what a server has really taken over: no library and no backend between, straight to it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator

from customauth.mqtt import (
    Connack,
    Connect,
    Frame,
    FrameReader,
    MqttVersion,
    Packet,
    PacketType,
    Puback,
    Publish,
    Suback,
    Subscribe,
    Subscription,
    encode,
)

from .places import Place
from .receiver import tls_context

# Seconds; longer than any run.
_KEEP_ALIVE = 1200
_VERSION = MqttVersion.V5
_READ_SIZE = 1 << 16
_MAX_PACKET = 1 << 20


class Witness:
    """Counts numbers that arrive as payloads, at QoS 1.

    :ivar seen: how often which number has come.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.seen: Counter[int] = Counter()
        self._reader = reader
        self._writer = writer
        self._frames = FrameReader(_MAX_PACKET)
        self._news = asyncio.Event()

    async def subscribe(self, place: Place, client_id: str, topic: str) -> None:
        """Connect and subscribe.

        :raises ConnectionError: when the server refuses one of them.
        """
        connect = Connect(
            version=_VERSION,
            client_id=client_id,
            keep_alive=_KEEP_ALIVE,
            username=place.credentials.mqtt_username(),
            password=place.credentials.password,
        )
        connack = Connack.from_frame(await self._ask(connect), _VERSION)
        wanted = Subscribe(packet_id=1, subscriptions=(Subscription(filter=topic, qos=1),))
        if connack.reason_code or Suback.from_frame(await self._ask(wanted), _VERSION).reason_codes != (1,):
            raise ConnectionError("the server refuses the witness")

    async def watch(self) -> None:
        """Take messages until cancelled.

        :raises ConnectionError: when the server closes.
        """
        while True:
            frames = await self._read()
            self._news.set()
            for frame in frames:
                if frame.type is PacketType.PUBLISH:
                    message = Publish.from_frame(frame, _VERSION)
                    self.seen[int(message.payload)] += 1
                    if message.packet_id is not None:
                        self._send(Puback(packet_id=message.packet_id))

    async def has_seen(self, numbers: set[int]) -> None:
        """Wait until all of these numbers are here."""
        while not numbers <= self.seen.keys():
            self._news.clear()
            await self._news.wait()

    async def _ask(self, packet: Packet) -> Frame:
        self._send(packet)
        while not (frames := await self._read()):
            pass
        return frames[0]

    async def _read(self) -> list[Frame]:
        data = await self._reader.read(_READ_SIZE)
        if not data:
            raise ConnectionError("the server has closed the witness's connection")
        return self._frames.feed(data)

    def _send(self, packet: Packet) -> None:
        self._writer.write(encode(packet, _VERSION))


@contextlib.asynccontextmanager
async def witness(place: Place, client_id: str, topic: str) -> AsyncIterator[Witness]:
    """Watch a topic until the end of the block."""
    endpoint = place.endpoint
    reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port, ssl=tls_context(endpoint))
    seeing = Witness(reader, writer)
    try:
        await seeing.subscribe(place, client_id, topic)
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(seeing.watch())
            yield seeing
            watching.cancel()
    finally:
        writer.close()
        # The gateway may reset what it has nothing to say to any more.
        with contextlib.suppress(OSError):
            await writer.wait_closed()
