"""The names that every part of the codec shares: protocol versions, packet types and the errors of a bad packet."""

import enum
from typing import Final

# MQTT 5, 2.4: the reason codes that the codec itself decides on.
MALFORMED_PACKET: Final = 0x81
PROTOCOL_ERROR: Final = 0x82
UNSUPPORTED_PROTOCOL_VERSION: Final = 0x84
TOPIC_NAME_INVALID: Final = 0x90
TOPIC_ALIAS_INVALID: Final = 0x94
PACKET_TOO_LARGE: Final = 0x95


class MqttVersion(enum.IntEnum):
    """A protocol version, by the protocol level that CONNECT carries for it."""

    V311 = 4
    V5 = 5

    @property
    def label(self) -> str:
        """The version as people write it."""
        return "5" if self is MqttVersion.V5 else "3.1.1"


class PacketType(enum.IntEnum):
    """A control packet type, by its number in the fixed header (MQTT 5, 2.1.2)."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    PUBREC = 5
    PUBREL = 6
    PUBCOMP = 7
    SUBSCRIBE = 8
    SUBACK = 9
    UNSUBSCRIBE = 10
    UNSUBACK = 11
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14
    AUTH = 15


class MalformedPacket(Exception):
    """What arrived is no packet that the protocol allows.

    The message says what is wrong and where; it never holds the value of a field. ``reason_code`` is the MQTT 5
    reason code that the specification names for the fault: 0x81 malformed packet, 0x82 protocol error,
    0x84 unsupported protocol version, 0x90 topic name invalid, 0x94 topic alias invalid, 0x95 packet too large.
    """

    def __init__(self, reason_code: int, message: str) -> None:
        super().__init__(message)
        self.reason_code = reason_code


class UnsupportedProtocolLevel(MalformedPacket):
    """A CONNECT that is MQTT, but of a level other than 3.1.1 and 5 (MQTT 3.1 included).

    The reason code is 0x84 and ``level`` is what the client asked for. A server answers it with a CONNACK of
    return code 0x01 in the 3.1.1 form, which every version reads (E1).
    """

    def __init__(self, level: int) -> None:
        super().__init__(
            UNSUPPORTED_PROTOCOL_VERSION, "CONNECT: the protocol level is neither 4 (MQTT 3.1.1) nor 5 (MQTT 5)"
        )
        self.level = level
