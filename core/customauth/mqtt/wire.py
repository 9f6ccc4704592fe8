"""The data types of the wire (MQTT 5, 1.5): one reader for a packet's body, one function to encode each type.

``what`` names the field in error messages, as in ``"the client identifier"``.
"""

from typing import Final

from .protocol import MALFORMED_PACKET, PROTOCOL_ERROR, TOPIC_NAME_INVALID, MalformedPacket

MAX_VARINT: Final = 268_435_455
_MAX_UINT16: Final = 65_535


class Reader:
    """Takes the fields of a packet's body one after the other.

    Each method that takes a field raises :class:`MalformedPacket` when the field is cut short or ill-formed.

    :param packet: its name in error messages.
    :param at: where in ``data`` the first field begins.
    """

    __slots__ = ("_at", "_data", "_end", "_packet")

    def __init__(self, data: bytes, packet: str, at: int = 0) -> None:
        self._data = data
        self._packet = packet
        self._at = at
        self._end = len(data)

    @property
    def remaining(self) -> int:
        """The number of bytes not taken yet."""
        return self._end - self._at

    def uint8(self, what: str) -> int:
        """Take a byte."""
        return self._take(1, what)[0]

    def uint16(self, what: str) -> int:
        """Take a two byte integer."""
        data, at = self._data, self._at
        if at + 2 > self._end:
            raise self.malformed(f"{what} is cut short")
        self._at = at + 2
        return data[at] << 8 | data[at + 1]

    def uint32(self, what: str) -> int:
        """Take a four byte integer."""
        return int.from_bytes(self._take(4, what))

    def varint(self, what: str) -> int:
        """Take a variable byte integer, which must be encoded in as few bytes as its value needs."""
        decoded = decode_varint(self._data, self._at, self._end)
        if decoded is None:
            raise self.malformed(f"{what} is cut short or longer than four bytes")
        value, after = decoded
        if after - self._at > 1 and not self._data[after - 1]:
            raise self.malformed(f"{what} is encoded in more bytes than it needs")
        self._at = after
        return value

    def binary(self, what: str) -> bytes:
        """Take binary data: a two byte length and as many bytes."""
        data, start = self._data, self._at + 2
        if start <= self._end:
            end = start + (data[start - 2] << 8 | data[start - 1])
            if end <= self._end:
                self._at = end
                return data[start:end]
        raise self.malformed(f"{what} is cut short")

    def text(self, what: str) -> str:
        """Take a UTF-8 encoded string; surrogates and U+0000 are malformed (MQTT-1.5.4-1, MQTT-1.5.4-2)."""
        raw = self.binary(what)
        text = _utf8(raw)
        if text is None:
            raise self.malformed(f"{what} is not well-formed UTF-8")
        if "\0" in text:
            raise self.malformed(f"{what} contains U+0000")
        return text

    def topic_name(self, what: str) -> str:
        """Take a topic name, which may be empty: text without a wildcard (MQTT-3.3.2-2, MQTT-3.3.2-14)."""
        name = self.text(what)
        if "+" in name or "#" in name:
            raise self.malformed(f"{what} contains a wildcard", TOPIC_NAME_INVALID)
        return name

    def topic_filter(self) -> str:
        """Take a topic filter, which is not empty (MQTT-4.7.3-1); whether it is valid is not decided here."""
        topic_filter = self.text("a topic filter")
        if not topic_filter:
            raise self.malformed("a topic filter is empty", PROTOCOL_ERROR)
        return topic_filter

    def packet_id(self) -> int:
        """Take a packet identifier, which is never 0 (MQTT-2.2.1-3, MQTT-2.2.1-4)."""
        packet_id = self.uint16("the packet identifier")
        if not packet_id:
            raise self.malformed("the packet identifier is 0", PROTOCOL_ERROR)
        return packet_id

    def rest(self) -> bytes:
        """Take all that is left."""
        at, self._at = self._at, self._end
        return self._data[at : self._end]

    def section(self, size: int, what: str) -> "Reader":
        """Take ``size`` bytes as a reader of their own."""
        if size > self.remaining:
            raise self.malformed(f"{what} are cut short")
        section = Reader(self._data, self._packet)
        section._at = self._at
        self._at = section._end = self._at + size
        return section

    def finish(self) -> None:
        """Check that nothing is left.

        :raises MalformedPacket: when bytes follow the last field.
        """
        if self.remaining:
            raise self.malformed("bytes follow the last field")

    def malformed(self, problem: str, reason_code: int = MALFORMED_PACKET) -> MalformedPacket:
        """Return the error to raise for ``problem`` at the present place."""
        return MalformedPacket(reason_code, f"{self._packet}: {problem} (byte {self._at} of the packet's body)")

    def _take(self, size: int, what: str) -> bytes:
        at, end = self._at, self._at + size
        if end > self._end:
            raise self.malformed(f"{what} is cut short")
        self._at = end
        return self._data[at:end]


def decode_varint(data: bytes, at: int, end: int) -> tuple[int, int] | None:
    """Return the variable byte integer at ``at`` and the place after it; None when it has no last byte.

    There is no last byte when ``data`` ends (at ``end``) before it, or when all of the four bytes that are allowed
    say that another follows.
    """
    if at < end and data[at] < 0x80:
        return data[at], at + 1
    value = shift = 0
    for byte in data[at : min(at + 4, end)]:
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    return None


def encode_uint(value: int, size: int, what: str) -> bytes:
    """Encode an unsigned integer in ``size`` bytes.

    :raises ValueError: when it does not fit.
    """
    if not 0 <= value < 1 << 8 * size:
        raise ValueError(f"{what} must be 0 to {(1 << 8 * size) - 1}")
    return value.to_bytes(size)


def encode_packet_id(value: int) -> bytes:
    """Encode a packet identifier.

    :raises ValueError: when it is not 1 to 65,535.
    """
    if not 0 < value <= _MAX_UINT16:
        raise ValueError("the packet identifier must be 1 to 65535")
    return value.to_bytes(2)


def encode_varint(value: int, what: str) -> bytes:
    """Encode a variable byte integer.

    :raises ValueError: when it is negative or above 268,435,455.
    """
    if not 0 <= value <= MAX_VARINT:
        raise ValueError(f"{what} must be 0 to {MAX_VARINT}")
    if value < 0x80:
        return bytes((value,))
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def encode_binary(value: bytes, what: str) -> bytes:
    """Encode binary data with its two byte length.

    :raises ValueError: when it is longer than 65,535 bytes.
    """
    if len(value) > _MAX_UINT16:
        raise ValueError(f"{what} is longer than {_MAX_UINT16} bytes")
    return len(value).to_bytes(2) + value


def encode_text(value: str, what: str) -> bytes:
    """Encode a UTF-8 string with its two byte length.

    :raises ValueError: when it holds U+0000 or a surrogate, or is longer than 65,535 bytes.
    """
    if "\0" in value:
        raise ValueError(f"{what} contains U+0000")
    # Encoded with surrogates let through, as the error that Python would raise carries the text, perhaps a token.
    raw = value.encode("utf-8", "surrogatepass")
    if _utf8(raw) is None:
        raise ValueError(f"{what} contains a surrogate")
    return encode_binary(raw, what)


def encode_topic_name(value: str, what: str) -> bytes:
    """Encode a topic name.

    :raises ValueError: when it holds a wildcard, U+0000 or a surrogate, or is longer than 65,535 bytes.
    """
    if "+" in value or "#" in value:
        raise ValueError(f"{what} contains a wildcard")
    return encode_text(value, what)


def encode_topic_filter(value: str) -> bytes:
    """Encode a topic filter.

    :raises ValueError: when it is empty, holds U+0000 or a surrogate, or is longer than 65,535 bytes.
    """
    if not value:
        raise ValueError("a topic filter is empty")
    return encode_text(value, "a topic filter")


def _utf8(raw: bytes) -> str | None:
    # The decoding error carries the bytes, perhaps a token, so it must not become the context of another error.
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
