"""One MQTT connection of the probe: CONNECT and how it ended, then packet by packet."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from attrs import define, field, frozen

from customauth.doctor.probe.foreign import recognised
from customauth.doctor.probe.packets import ConnectBytes
from customauth.doctor.probe.result import Ending
from customauth.doctor.probe.tls import Failure, Offer, Trouble
from customauth.doctor.probe.trip import Trip
from customauth.doctor.probe.websocket import NoWebSocket, open_websocket
from customauth.endpoint import Transport
from customauth.errors import ConnackRefused
from customauth.mqtt import (
    Connack,
    Disconnect,
    Frame,
    FrameReader,
    MalformedPacket,
    MqttVersion,
    Packet,
    PacketType,
    Properties,
    Property,
    decode,
    encode,
)

_MAX_PACKET = 1 << 20
_UNSUPPORTED_VERSION = 0x84
_UNACCEPTABLE_VERSION_311 = 1


class Pipe(Protocol):
    """What carries MQTT: TLS, or a WebSocket in it."""

    @property
    def alpn(self) -> str | None: ...
    @property
    def trouble(self) -> Failure | None: ...
    async def read(self) -> bytes: ...
    async def write(self, data: bytes) -> None: ...
    async def close(self) -> None: ...
    def abort(self) -> None: ...


@frozen(kw_only=True)
class Answer:
    """How a CONNECT ended.

    :ivar said: in words, without secrets.
    :ivar alpn: the ALPN protocol of the connection.
    :ivar failure: how TLS ended, where it ended badly.
    :ivar foreign: what has answered that speaks no MQTT, where it is known.
    """

    ending: Ending
    said: str
    reason_code: int | None = None
    reason_string: str | None = None
    alpn: str | None = None
    failure: Failure | None = None
    foreign: str | None = None


async def open_pipe(trip: Trip, offer: Offer) -> Pipe | str:
    """Open what carries MQTT in the device's way but for ``offer``; say why where that fails."""
    below = await trip.shake(offer)
    if isinstance(below, Failure):
        return f"no TLS connection: {below.said}"
    if trip.endpoint.transport is not Transport.WSS:
        return below
    opened = await open_websocket(trip, below, trip.endpoint.path)
    return f"no WebSocket: {opened.said}" if isinstance(opened, NoWebSocket) else opened


@define(eq=False)
class Conversation:
    """MQTT over an open pipe."""

    trip: Trip
    version: MqttVersion
    pipe: Pipe
    _frames: FrameReader = field(factory=lambda: FrameReader(_MAX_PACKET))
    _waiting: deque[Frame] = field(factory=deque)
    _first: bytes = b""

    async def connect(self, packet: ConnectBytes) -> Answer:
        """Send CONNECT and wait for what comes of it."""
        self.trip.tell_masked(f"> CONNECT (MQTT {self.version.label})", packet.masked)
        try:
            async with asyncio.timeout(self.trip.setup.timeout):
                await self.pipe.write(packet.data)
                frame = await self._next()
        except TimeoutError:
            return Answer(
                ending=Ending.SILENT,
                said=f"no CONNACK within {self.trip.setup.timeout:g} s",
                alpn=self.pipe.alpn,
            )
        except MalformedPacket:
            return self._foreign()
        return self._closed() if frame is None else self._judge(frame)

    async def ask(self, packet: Packet, label: str) -> None:
        """Send a packet.

        :raises ValueError: MQTT has none with these fields.
        """
        data = encode(packet, self.version)
        self.trip.tell_masked(f"> {label}", data)
        await self.pipe.write(data)

    async def answer(self, *kinds: PacketType) -> Packet | None:
        """Return the next packet of these kinds, or a DISCONNECT; None when the server has closed.

        :raises TimeoutError: none came within the time.
        :raises MalformedPacket: what came is no MQTT.
        """
        async with asyncio.timeout(self.trip.setup.timeout):
            while (frame := await self._next()) is not None:
                if frame.type in kinds or frame.type is PacketType.DISCONNECT:
                    return decode(frame, self.version)
        return None

    async def goodbye(self) -> None:
        """Send DISCONNECT and close: no will is published then, and no session is left that the device asks not for."""
        setup = self.trip.setup
        said: Properties = {}
        if self.version is MqttVersion.V5 and setup.clean_start and setup.session_expiry:
            said = {Property.SESSION_EXPIRY_INTERVAL: 0}
        await self.ask(Disconnect(properties=said), "DISCONNECT")
        await self.pipe.close()

    async def _next(self) -> Frame | None:
        while not self._waiting:
            data = await self.pipe.read()
            if not data:
                return None
            self._first = self._first or data
            frames = self._frames.feed(data)
            self.trip.tell(f"< {', '.join(frame.type.name for frame in frames) or 'part of a packet'}", data)
            self._waiting.extend(frames)
        return self._waiting.popleft()

    def _judge(self, frame: Frame) -> Answer:
        if frame.type is not PacketType.CONNACK:
            return self._foreign()
        try:
            connack = decode(frame, self.version)
        except MalformedPacket:
            # A server that does not know MQTT 5 answers in the form of 3.1.1 (E1).
            if len(frame.body) == 2 and frame.body[1] != 0:
                code = _UNSUPPORTED_VERSION if frame.body[1] == _UNACCEPTABLE_VERSION_311 else frame.body[1]
                return self._refused(code, None)
            return Answer(ending=Ending.NOT_MQTT, said="the CONNACK is malformed", alpn=self.pipe.alpn)
        assert isinstance(connack, Connack)  # noqa: S101 - by the frame's type
        if connack.reason_code:
            text = connack.properties.get(Property.REASON_STRING)
            return self._refused(connack.reason_code, text if isinstance(text, str) else None)
        present = ", and has kept the session" if connack.session_present else ""
        return Answer(ending=Ending.ACCEPTED, said=f"accepted{present}", reason_code=0, alpn=self.pipe.alpn)

    def _refused(self, code: int, text: str | None) -> Answer:
        text = None if text is None else self.trip.masking.line(text)
        said = str(ConnackRefused(code, text))
        return Answer(ending=Ending.REFUSED, said=said, reason_code=code, reason_string=text, alpn=self.pipe.alpn)

    def _closed(self) -> Answer:
        failure = self.pipe.trouble
        farewell = getattr(self.pipe, "farewell", None)
        said = "closed by the server without a CONNACK"
        if farewell is not None:
            said = f"{said}: {farewell}"
        elif failure is not None and failure.trouble is not Trouble.CLOSED:
            said = f"{said}: {failure.said}"
        return Answer(ending=Ending.CLOSED, said=said, alpn=self.pipe.alpn, failure=failure)

    def _foreign(self) -> Answer:
        self.trip.tell("< in place of CONNACK", self._first)
        foreign = recognised(self._first)
        said = "what answers is no MQTT"
        if foreign is not None:
            said = f"{said}: {self.trip.masking.line(foreign)}"
        return Answer(ending=Ending.NOT_MQTT, said=said, alpn=self.pipe.alpn, foreign=foreign)
