"""Packets to bytes and frames to packets: the table of the packets that are handled, and the two functions on it.

A packet class has its ``type``, ``to_wire(version)`` and ``from_frame(frame, version)``; it enters here in the union
and in the table.
"""

from typing import Final, TypeAlias

from .connack import Connack
from .connect import Connect
from .disconnect import Disconnect
from .framing import Frame
from .ping import Pingreq, Pingresp
from .protocol import PROTOCOL_ERROR, MalformedPacket, MqttVersion, PacketType

_Later: TypeAlias = Connack | Pingreq | Pingresp | Disconnect
Packet: TypeAlias = Connect | _Later

# Without CONNECT, which alone states its own version.
_LATER: Final[dict[PacketType, type[_Later]]] = {
    packet.type: packet for packet in (Connack, Pingreq, Pingresp, Disconnect)
}


def encode(packet: Packet, version: MqttVersion) -> bytes:
    """Return the bytes of ``packet`` on a connection of ``version``.

    :raises ValueError: when the wire cannot carry a field of it: a property or reason code that the version does not
        have, text with U+0000 or a surrogate, a number out of range, more bytes than a length can say.
    """
    return packet.to_wire(version)


def decode(frame: Frame, version: MqttVersion | None) -> Packet:
    """Return the packet in ``frame``, as :class:`FrameReader` cut it.

    :param version: the connection's version; None before CONNECT, which states it (and is decoded by what it states).
    :raises UnsupportedProtocolLevel: for a CONNECT of another MQTT than 3.1.1 and 5.
    :raises MalformedPacket: for a frame that is no packet of the version, with the reason code that the specification
        names; 0x82 for a packet that is not handled, and for any but CONNECT when ``version`` is None (MQTT-3.1.0-1).
    """
    if frame.type is PacketType.CONNECT:
        return Connect.from_frame(frame)
    packet = _LATER.get(frame.type)
    if packet is None:
        raise MalformedPacket(PROTOCOL_ERROR, f"{frame.type.name} is not handled")
    if version is None:
        raise MalformedPacket(PROTOCOL_ERROR, f"{frame.type.name} came before CONNECT")
    return packet.from_frame(frame, version)
