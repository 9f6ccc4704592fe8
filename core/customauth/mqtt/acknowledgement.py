"""PUBACK, PUBREC, PUBREL and PUBCOMP: the answers to a PUBLISH of QoS 1 or 2 (MQTT 5, 3.4 to 3.7)."""

from typing import ClassVar, Final, Self

from attrs import define, field

from .framing import Frame, encode_frame
from .properties import Properties, PropertyHolder, decode_properties, encode_properties, shown
from .protocol import MqttVersion, PacketType
from .reason_codes import encode_reason_code, take_reason_code
from .wire import Reader, encode_packet_id

_V5: Final = MqttVersion.V5
# What comes before the packet identifier where nothing follows it.
_PLAIN: Final = {
    kind: encode_frame(kind, bytes(2))[:2]
    for kind in (PacketType.PUBACK, PacketType.PUBREC, PacketType.PUBREL, PacketType.PUBCOMP)
}


# Not frozen, here and below: attrs needs twice as long to make what is.
@define(kw_only=True)
class _Acknowledgement:
    type: ClassVar[PacketType]

    packet_id: int
    reason_code: int = 0
    properties: Properties = field(factory=dict, repr=shown)

    @classmethod
    def from_frame(cls, frame: Frame, version: MqttVersion) -> Self:
        """Decode the packet; MQTT 5 may leave out the properties, and with them a reason code of 0 (3.4.2.1).

        :raises MalformedPacket: 0x82 for packet identifier 0 and for a reason code that the packet does not have,
            0x81 or 0x82 for everything else.
        """
        body = frame.body
        if len(body) == 2 and body != b"\0\0":
            # As most are, and as soon done.
            return cls(packet_id=body[0] << 8 | body[1])
        reader = Reader(body, cls.type.name)
        packet_id = reader.packet_id()
        if version is not _V5 or not reader.remaining:
            reader.finish()
            return cls(packet_id=packet_id)
        packet = cls(
            packet_id=packet_id,
            reason_code=take_reason_code(reader, cls.type),
            properties=decode_properties(reader, PropertyHolder(cls.type), version) if reader.remaining else {},
        )
        reader.finish()
        return packet

    def to_wire(self, version: MqttVersion) -> bytes:
        """Encode the packet in its shortest form.

        :raises ValueError: when the wire of ``version`` cannot carry a field.
        """
        body = encode_packet_id(self.packet_id)
        if not self.reason_code and not self.properties:
            return _PLAIN[self.type] + body
        body += encode_reason_code(self.reason_code, self.type, version)
        if self.properties:
            body += encode_properties(self.properties, PropertyHolder(self.type), version)
        return encode_frame(self.type, body)


@define(kw_only=True)
class Puback(_Acknowledgement):
    """The answer to a PUBLISH of QoS 1.

    ``reason_code`` is 0, 0x10 (no matching subscribers) or, from 0x80, why the message was refused; MQTT 3.1.1
    carries neither it nor properties.
    """

    type: ClassVar[PacketType] = PacketType.PUBACK


@define(kw_only=True)
class Pubrec(_Acknowledgement):
    """The first answer to a PUBLISH of QoS 2, with the reason codes of :class:`Puback`."""

    type: ClassVar[PacketType] = PacketType.PUBREC


@define(kw_only=True)
class Pubrel(_Acknowledgement):
    """The answer to :class:`Pubrec`; ``reason_code`` is 0 or 0x92 (packet identifier not found)."""

    type: ClassVar[PacketType] = PacketType.PUBREL


@define(kw_only=True)
class Pubcomp(_Acknowledgement):
    """The answer to :class:`Pubrel`, with its reason codes."""

    type: ClassVar[PacketType] = PacketType.PUBCOMP
