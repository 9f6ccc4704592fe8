"""What becomes of each packet of one connection under a fault; pure: bytes in, bytes out and whether it ends."""

from __future__ import annotations

import enum
from collections import Counter
from typing import Final

from attrs import evolve, field, frozen

from customauth.mqtt import (
    Connack,
    Frame,
    FrameReader,
    MalformedFrame,
    MalformedPacket,
    MqttVersion,
    Packet,
    PacketType,
    Properties,
    Property,
    Puback,
    Suback,
    Unsuback,
    decode,
    encode,
)
from customauth.testing.faults import (
    Answer,
    CloseBeforeConnack,
    Cut,
    Direction,
    Drop,
    DropConnack,
    Fault,
    Inject,
    Reset,
    ResetStage,
)

# The largest packet that MQTT has: a proxy is not the one to refuse it.
_MAX_PACKET: Final = 5 + 268_435_455
_FAILURE_311: Final = 0x80


class Ending(enum.Enum):
    """How a connection is ended."""

    CLOSE = "with the farewells of TLS and TCP"
    RESET = "with an RST"


@frozen(kw_only=True)
class Passage:
    """What becomes of a chunk.

    :ivar forward: goes on in its direction.
    :ivar to_client: goes to the client beside that, where the chunk came from the client.
    :ivar ending: ends the connection after both.
    """

    forward: bytes = field(repr=False)
    to_client: bytes = field(default=b"", repr=False)
    ending: Ending | None = None


class Passages:
    """Both directions of one connection.

    What does not begin with a CONNECT, and what no packet begins with, passes as it is, and so does all after it.

    :ivar packets: how many of each type have come, by direction.
    :ivar version: the version of the CONNECT; None before it, and where it was none of ours.
    """

    def __init__(self, fault: Fault | None) -> None:
        self.packets: dict[Direction, Counter[PacketType]] = {direction: Counter() for direction in Direction}
        self.version: MqttVersion | None = None
        self._fault = fault
        self._matches = 0
        self._begun = False
        self._splitters = {direction: _Splitter() for direction in Direction}

    def feed(self, direction: Direction, data: bytes) -> Passage:
        """Take a chunk, of one byte at least, and pass the packets that it completes.

        :raises ValueError: when the packet to inject is none of the connection's version.
        """
        if not self._begun and direction is Direction.TO_SERVER:
            self._begun = True
            if data[0] >> 4 != PacketType.CONNECT:
                for splitter in self._splitters.values():
                    splitter.give_up()
        forward, to_client = bytearray(), bytearray()
        ending = None
        for frame, raw in self._splitters[direction].feed(data):
            if frame is None:
                forward += raw
                continue
            self.packets[direction][frame.type] += 1
            if frame.type is PacketType.CONNECT:
                self.version = _version_of(frame)
            if self._fault is None:
                forward += raw
                continue
            passage = self._pass(direction, frame, raw)
            forward += passage.forward
            (forward if direction is Direction.TO_CLIENT else to_client).extend(passage.to_client)
            ending = passage.ending
            if ending is not None:
                break
        return Passage(forward=bytes(forward), to_client=bytes(to_client), ending=ending)

    def rest(self, direction: Direction) -> bytes:
        """Return what has come of a packet that now will never be complete."""
        return self._splitters[direction].held

    def _pass(self, direction: Direction, frame: Frame, raw: bytes) -> Passage:
        kind = frame.type
        match self._fault:
            case Reset(ResetStage.CONNECT) if kind is PacketType.CONNECT:
                return Passage(forward=b"", ending=Ending.RESET)
            case CloseBeforeConnack(abruptly) if kind is PacketType.CONNACK:
                return Passage(forward=b"", ending=_ending(abruptly))
            case DropConnack() if kind is PacketType.CONNACK:
                return Passage(forward=b"")
            case Drop() as fault if self._counts(direction, kind, fault.direction, fault.packet, fault.count):
                return Passage(forward=b"")
            case Cut() as fault if self._reached(direction, kind, fault):
                size = max(1, len(raw) // 2) if fault.in_the_middle else len(raw)
                return Passage(forward=raw[:size], ending=_ending(fault.abruptly))
            case Inject() as fault if self._reached(direction, kind, fault):
                return Passage(
                    forward=raw, to_client=self._written(fault.content), ending=Ending.CLOSE if fault.close else None
                )
            case Answer() as fault if self._counts(direction, kind, Direction.TO_CLIENT, fault.packet, fault.count):
                return self._answer(fault, frame, raw)
        return Passage(forward=raw)

    def _counts(
        self, direction: Direction, kind: PacketType, wanted: Direction, packet: PacketType | None, limit: int | None
    ) -> bool:
        """Count a packet if it is one that the fault looks for; say whether it is one of the first ``limit``."""
        if direction is not wanted or packet not in (None, kind):
            return False
        self._matches += 1
        return limit is None or self._matches <= limit

    def _reached(self, direction: Direction, kind: PacketType, fault: Cut | Inject) -> bool:
        return self._counts(direction, kind, fault.direction, fault.packet, None) and self._matches == fault.after

    def _written(self, content: Packet | bytes) -> bytes:
        return content if isinstance(content, bytes) else encode(content, self.version or MqttVersion.V5)

    def _answer(self, fault: Answer, frame: Frame, raw: bytes) -> Passage:
        version = self.version
        if version is None:
            return Passage(forward=raw)
        v5 = version is MqttVersion.V5
        try:
            packet = decode(frame, version)
        except MalformedPacket:
            return Passage(forward=raw)
        why: Properties = {}
        if v5 and fault.reason_string is not None:
            why = {Property.REASON_STRING: fault.reason_string}
        code, ending = fault.reason_code, None
        match packet:
            case Connack() if code:
                # MQTT-3.2.2-6: a CONNACK that refuses has no session; nor have the server's properties a meaning.
                packet, ending = Connack(session_present=False, reason_code=code, properties=why), Ending.CLOSE
            case Connack():
                packet = evolve(packet, reason_code=0, properties=packet.properties | why)
            case Suback(packet_id=packet_id, reason_codes=codes):
                # MQTT 3.1.1 has this one for every refusal.
                code = code if v5 else min(code, _FAILURE_311)
                packet = Suback(packet_id=packet_id, reason_codes=(code,) * len(codes), properties=why)
            case Puback(packet_id=packet_id) if v5:
                packet = Puback(packet_id=packet_id, reason_code=code, properties=why)
            case Unsuback(packet_id=packet_id, reason_codes=codes) if v5:
                packet = Unsuback(packet_id=packet_id, reason_codes=(code,) * len(codes), properties=why)
            case _:
                return Passage(forward=raw)
        return Passage(forward=encode(packet, version), ending=ending)


class _Splitter:
    """Cuts a stream into packets as they came, byte for byte."""

    def __init__(self) -> None:
        self._frames = FrameReader(_MAX_PACKET)
        self._broken = False
        self._held = bytearray()

    @property
    def held(self) -> bytes:
        return bytes(self._held)

    def give_up(self) -> None:
        """Cut nothing any more."""
        self._broken = True

    def feed(self, data: bytes) -> list[tuple[Frame | None, bytes]]:
        """Return each packet that is complete; what cannot be a packet comes without a frame."""
        if self._broken:
            return [(None, data)]
        try:
            frames = self._frames.feed(data)
        except MalformedFrame as error:
            frames, self._broken = list(error.frames), True
        self._held += data
        found: list[tuple[Frame | None, bytes]] = []
        start = 0
        for frame in frames:
            end = start + 1
            # The remaining length in the bytes that it came in, which may be more than it needs.
            while self._held[end] & 0x80:
                end += 1
            end += 1 + len(frame.body)
            found.append((frame, bytes(self._held[start:end])))
            start = end
        if self._broken:
            found.append((None, bytes(self._held[start:])))
            start = len(self._held)
        del self._held[:start]
        return found


def _version_of(connect: Frame) -> MqttVersion | None:
    try:
        packet = decode(connect, None)
    except MalformedPacket:
        return None
    return getattr(packet, "version", None)


def _ending(abruptly: bool) -> Ending:
    return Ending.RESET if abruptly else Ending.CLOSE
