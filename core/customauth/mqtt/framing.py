"""Packet boundaries: the fixed header, and a reader that cuts a byte stream into frames (MQTT 5, 2.1)."""

from collections.abc import Sequence
from typing import Final

from attrs import define, field

from .protocol import MALFORMED_PACKET, PACKET_TOO_LARGE, MalformedPacket, PacketType
from .wire import decode_varint, encode_varint

# MQTT 5, 2.1.3: every other type has 0; PUBLISH has no reserved flags.
_RESERVED_FLAGS: Final = {PacketType.PUBREL: 0b0010, PacketType.SUBSCRIBE: 0b0010, PacketType.UNSUBSCRIBE: 0b0010}


# Neither frozen nor made by keyword: there is one for each packet, and both take their time.
@define
class Frame:
    """One packet as it came: the type and flags of its fixed header, and the bytes after the remaining length."""

    type: PacketType
    flags: int
    # The body of a CONNECT holds the password.
    body: bytes = field(repr=False)


class MalformedFrame(MalformedPacket):
    """The stream cannot be cut any further; ``frames`` are the complete ones that the same chunk brought before."""

    def __init__(self, reason_code: int, message: str, frames: Sequence[Frame] = ()) -> None:
        super().__init__(reason_code, message)
        self.frames: tuple[Frame, ...] = tuple(frames)


class FrameReader:
    """Cuts a stream of bytes, in chunks of any size, into frames.

    A remaining length in more bytes than it needs is taken: MQTT 3.1.1 does not forbid it, and the reader
    knows no version.

    :param max_size: the largest packet in bytes, its fixed header included, as MQTT 5 counts Maximum Packet Size
        (3.1.2.11.4); at least the 5 bytes that a fixed header may take.
    """

    __slots__ = ("_failure", "_held", "_max_size", "_needed")

    def __init__(self, max_size: int) -> None:
        self._max_size = max_size
        self._held = bytearray()
        self._needed = 0
        self._failure: tuple[int, str] | None = None

    @property
    def pending(self) -> int:
        """The number of bytes held of a packet that is not complete; never more than ``max_size``."""
        return len(self._held)

    def feed(self, data: bytes) -> list[Frame]:
        """Take the next chunk of the stream and return the frames that it completes.

        The first error is final: every later call raises it again, without frames.

        :raises MalformedFrame: as soon as the bytes so far cannot begin a packet: 0x81 for packet type 0, for flags
            that its type does not allow and for a remaining length of more than four bytes, 0x95 for a packet
            of more than ``max_size`` bytes (known from its header, before the body is here).
        """
        if self._failure is not None:
            raise MalformedFrame(*self._failure)
        if self._held:
            self._held += data
            # Leaves the held bytes alone until they make a packet, so that small chunks cost no copy each.
            if len(self._held) < self._needed:
                return []
            data = bytes(self._held)
            self._held.clear()
        frames: list[Frame] = []
        try:
            rest = self._cut(data, frames)
        except MalformedPacket as failure:
            # Not the error itself: its traceback would keep the chunk alive.
            self._failure = failure.reason_code, str(failure)
            raise MalformedFrame(*self._failure, frames) from None
        self._held += data[rest:]
        return frames

    def _cut(self, data: bytes, frames: list[Frame]) -> int:
        """Append the frames that are complete in ``data``; return where the first incomplete one begins."""
        start, size = 0, len(data)
        while start < size:
            kind = _FIRST_BYTES[data[start]]
            if kind is None:
                raise MalformedPacket(MALFORMED_PACKET, _bad_first_byte(data[start]))
            packet_type, flags = kind
            body = start + 2
            # Most packets are short, so it is one byte.
            if body > size or (remaining := data[start + 1]) > 0x7F:
                decoded = decode_varint(data, start + 1, size)
                if decoded is None:
                    if size - start > 4:
                        raise MalformedPacket(
                            MALFORMED_PACKET, f"{packet_type.name}: the remaining length is longer than four bytes"
                        )
                    self._needed = size - start + 1
                    break
                remaining, body = decoded
            end = body + remaining
            if end - start > self._max_size:
                raise MalformedPacket(
                    PACKET_TOO_LARGE, f"{packet_type.name}: the packet is larger than {self._max_size} bytes"
                )
            if end > size:
                self._needed = end - start
                break
            frames.append(Frame(packet_type, flags, data[body:end]))
            start = end
        return start


def encode_frame(packet_type: PacketType, body: bytes) -> bytes:
    """Put the fixed header, with the reserved flags of the type, before ``body``.

    :raises ValueError: when the body is longer than a remaining length can say (268,435,455 bytes).
    """
    first_byte = packet_type << 4 | _RESERVED_FLAGS.get(packet_type, 0)
    return bytes((first_byte,)) + encode_varint(len(body), "the remaining length") + body


def _first_byte(byte: int) -> tuple[PacketType, int] | None:
    if byte < 0x10:
        return None
    packet_type, flags = PacketType(byte >> 4), byte & 0x0F
    if packet_type is not PacketType.PUBLISH and flags != _RESERVED_FLAGS.get(packet_type, 0):
        return None
    return packet_type, flags


def _bad_first_byte(byte: int) -> str:
    if byte < 0x10:
        return "fixed header: packet type 0 is reserved"
    return f"{PacketType(byte >> 4).name}: the flags of the fixed header are not the reserved ones"


_FIRST_BYTES: Final = tuple(_first_byte(byte) for byte in range(0x100))
