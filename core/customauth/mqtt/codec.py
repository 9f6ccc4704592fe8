"""Packets to bytes and frames to packets: the table of the packets, and the two functions on it.

A packet class has its ``type``, ``to_wire(version)`` and ``from_frame(frame, version)``; it enters here in the union
and in the table.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

from .acknowledgement import Puback, Pubcomp, Pubrec, Pubrel
from .auth import Auth
from .connack import Connack
from .connect import Connect
from .disconnect import Disconnect
from .framing import Frame
from .ping import Pingreq, Pingresp
from .protocol import PROTOCOL_ERROR, MalformedPacket, MqttVersion, PacketType
from .publish import Publish
from .subscribe import Suback, Subscribe
from .unsubscribe import Unsuback, Unsubscribe

_Later: TypeAlias = (
    Connack
    | Publish
    | Puback
    | Pubrec
    | Pubrel
    | Pubcomp
    | Subscribe
    | Suback
    | Unsubscribe
    | Unsuback
    | Pingreq
    | Pingresp
    | Disconnect
    | Auth
)
Packet: TypeAlias = Connect | _Later

_CONNECT: Final = PacketType.CONNECT
# Without CONNECT, which alone states its own version.
_LATER: Final[dict[PacketType, Callable[[Frame, MqttVersion], _Later]]] = {
    PacketType.CONNACK: Connack.from_frame,
    PacketType.PUBLISH: Publish.from_frame,
    PacketType.PUBACK: Puback.from_frame,
    PacketType.PUBREC: Pubrec.from_frame,
    PacketType.PUBREL: Pubrel.from_frame,
    PacketType.PUBCOMP: Pubcomp.from_frame,
    PacketType.SUBSCRIBE: Subscribe.from_frame,
    PacketType.SUBACK: Suback.from_frame,
    PacketType.UNSUBSCRIBE: Unsubscribe.from_frame,
    PacketType.UNSUBACK: Unsuback.from_frame,
    PacketType.PINGREQ: Pingreq.from_frame,
    PacketType.PINGRESP: Pingresp.from_frame,
    PacketType.DISCONNECT: Disconnect.from_frame,
    PacketType.AUTH: Auth.from_frame,
}


def encode(packet: Packet, version: MqttVersion) -> bytes:
    """Return the bytes of ``packet`` on a connection of ``version``.

    :raises ValueError: when the wire cannot carry a field of it: a property or reason code that the version does not
        have, text with U+0000 or a surrogate, a number out of range, more bytes than a length can say.
    """
    return packet.to_wire(version)


def decode(frame: Frame, version: MqttVersion | None) -> Packet:
    """Return the packet in ``frame``, as :class:`FrameReader` cut it.

    Every packet is decoded, also one that only the other side may send: that is for the receiver to refuse.

    :param version: the connection's version; None before CONNECT, which states it (and is decoded by what it states).
    :raises UnsupportedProtocolLevel: for a CONNECT of another MQTT than 3.1.1 and 5.
    :raises MalformedPacket: for a frame that is no packet of the version, with the reason code that the specification
        names; 0x82 for any but CONNECT when ``version`` is None (MQTT-3.1.0-1).
    """
    packet_type = frame.type
    if packet_type is _CONNECT:
        return Connect.from_frame(frame)
    if version is None:
        raise MalformedPacket(PROTOCOL_ERROR, f"{packet_type.name} came before CONNECT")
    return _LATER[packet_type](frame, version)
