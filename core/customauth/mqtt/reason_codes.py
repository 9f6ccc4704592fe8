"""The reason codes that a packet may carry (MQTT 5, 2.4)."""

from collections.abc import Sequence
from typing import Final

from .protocol import PROTOCOL_ERROR, MqttVersion, PacketType
from .wire import Reader

_PUBLISHED: Final = frozenset({0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99})
_RELEASED: Final = frozenset({0x00, 0x92})

_V5: Final[dict[PacketType, frozenset[int]]] = {
    PacketType.PUBACK: _PUBLISHED,
    PacketType.PUBREC: _PUBLISHED,
    PacketType.PUBREL: _RELEASED,
    PacketType.PUBCOMP: _RELEASED,
    PacketType.SUBACK: frozenset({0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2}),
    PacketType.UNSUBACK: frozenset({0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91}),
    PacketType.DISCONNECT: frozenset({0x00, 0x04, *range(0x80, 0x84), 0x87, 0x89, 0x8B, *range(0x8D, 0x91)})
    | frozenset(range(0x93, 0xA3)),
    PacketType.AUTH: frozenset({0x00, 0x18, 0x19}),
}
# The only packet of MQTT 3.1.1 with a list of them; the others are reserved (MQTT-3.9.3-2).
_SUBACK_V311: Final = frozenset({0x00, 0x01, 0x02, 0x80})


def take_reason_code(reader: Reader, packet_type: PacketType) -> int:
    """Take the reason code of an MQTT 5 packet.

    :raises MalformedPacket: 0x82 for one that the packet does not have.
    """
    reason_code = reader.uint8("the reason code")
    if reason_code not in _V5[packet_type]:
        raise reader.malformed("the reason code is not one of this packet's", PROTOCOL_ERROR)
    return reason_code


def take_reason_codes(reader: Reader, packet_type: PacketType, version: MqttVersion) -> tuple[int, ...]:
    """Take the reason codes that end a packet, of which there must be one at least.

    :raises MalformedPacket: 0x82 for none, and for one that the packet does not have.
    """
    if not reader.remaining:
        raise reader.malformed("there is no reason code", PROTOCOL_ERROR)
    reason_codes = reader.rest()
    if not _allowed(packet_type, version).issuperset(reason_codes):
        raise reader.malformed("a reason code is not one of this packet's", PROTOCOL_ERROR)
    return tuple(reason_codes)


def encode_reason_code(reason_code: int, packet_type: PacketType, version: MqttVersion) -> bytes:
    """Encode the reason code of a packet that has none before MQTT 5.

    :raises ValueError: for MQTT 3.1.1, and for a reason code that the packet does not have.
    """
    if version is not MqttVersion.V5:
        raise ValueError(f"{packet_type.name} of MQTT 3.1.1 has neither a reason code nor properties")
    return encode_reason_codes((reason_code,), packet_type, version)


def encode_reason_codes(reason_codes: Sequence[int], packet_type: PacketType, version: MqttVersion) -> bytes:
    """Encode the reason codes that end a packet.

    :raises ValueError: when there is none, and for one that the packet does not have.
    """
    if not reason_codes:
        raise ValueError(f"{packet_type.name} needs a reason code")
    allowed = _allowed(packet_type, version)
    for reason_code in reason_codes:
        if reason_code not in allowed:
            raise ValueError(f"{packet_type.name} has no reason code 0x{reason_code:02X}")
    return bytes(reason_codes)


def _allowed(packet_type: PacketType, version: MqttVersion) -> frozenset[int]:
    return _V5[packet_type] if version is MqttVersion.V5 else _SUBACK_V311
