"""Whole packets out of the stream of bytes, and what mqttium does not tell of them."""

from __future__ import annotations

from collections.abc import Callable

from mqttium import MalformedPacketError

from customauth import MqttVersion, mqtt
from customauth.mqtt import Frame, PacketType

# Looked up once: a member of an enumeration takes its time to find.
_PUBACK, _DISCONNECT = int(PacketType.PUBACK) << 4, int(PacketType.DISCONNECT) << 4
# Where a PUBACK has its reason code: behind the packet identifier. Most have nothing behind that.
_CODE_AT = 2
_MAX_LENGTH_BYTES = 4


class Packets:
    """Cuts what arrives at the ends of packets, and reads along what mqttium does not tell.

    mqttium waits for the end of a packet that has none: of a type or a length that MQTT does not have. Of a PUBACK it
    tells neither a reason code below 0x80 nor the reason string with it, and it does not tell that a DISCONNECT came
    where its reason code is 0x00.

    :param on_puback: called with packet identifier, reason code and reason string of a PUBACK.
    :ivar goodbye: the server's DISCONNECT, None before.
    :ivar failure: why what follows cannot begin a packet, None as long as it can; mqttium's own error, for mqttium.
    """

    def __init__(self, version: MqttVersion, on_puback: Callable[[int, int, str | None], None]) -> None:
        self._version = version
        self._on_puback = on_puback
        self._begun = bytearray()
        self._needed = 0
        self.goodbye: mqtt.Disconnect | None = None
        self.failure: MalformedPacketError | None = None

    def feed(self, data: bytes) -> bytes:
        """Take what has arrived, and return the packets that are complete."""
        if self._begun:
            self._begun += data
            if len(self._begun) < self._needed:
                return b""
            data = bytes(self._begun)
            self._begun.clear()
        end = self._walk(data)
        if end == len(data):
            return data
        self._begun += data[end:]
        return data[:end]

    def _walk(self, data: bytes) -> int:
        """Return where the first packet begins that is not complete."""
        start, size = 0, len(data)
        while start < size:
            first = data[start]
            if first < 0x10:
                self.failure = MalformedPacketError("packet type 0 is reserved")
                return start
            body = start + 2
            # Most packets are short, so it is one byte.
            if body > size or (length := data[start + 1]) > 0x7F:
                decoded = _length(data, start + 1)
                if decoded is None:
                    self._needed = size - start + 1
                    if size - start > _MAX_LENGTH_BYTES:
                        self.failure = MalformedPacketError("the remaining length is longer than four bytes")
                    return start
                length, body = decoded
            end = body + length
            if end > size:
                self._needed = end - start
                return start
            if first == _PUBACK and _CODE_AT <= length <= _CODE_AT + 1:
                code = data[body + _CODE_AT] if length > _CODE_AT else 0
                self._on_puback(data[body] << 8 | data[body + 1], code, None)
            elif first in (_PUBACK, _DISCONNECT):
                self._read(first, data[body:end])
            start = end
        return start

    def _read(self, first: int, body: bytes) -> None:
        try:
            packet = mqtt.decode(Frame(PacketType(first >> 4), 0, body), self._version)
        except mqtt.MalformedPacket:
            # mqttium finds it, too.
            return
        if isinstance(packet, mqtt.Puback):
            self._on_puback(packet.packet_id, packet.reason_code, reason_string(packet.properties))
        elif isinstance(packet, mqtt.Disconnect):
            self.goodbye = packet


def reason_string(properties: mqtt.Properties) -> str | None:
    """Return the reason string, None for none."""
    text = properties.get(mqtt.Property.REASON_STRING)
    return text if isinstance(text, str) else None


def _length(data: bytes, start: int) -> tuple[int, int] | None:
    """Return the remaining length and where it ends, None where its end is not here."""
    length = 0
    for index, byte in enumerate(data[start : start + _MAX_LENGTH_BYTES]):
        length |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return length, start + index + 1
    return None
