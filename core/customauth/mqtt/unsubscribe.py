"""UNSUBSCRIBE and UNSUBACK (MQTT 5, 3.10 and 3.11)."""

from typing import ClassVar

from attrs import field, frozen

from .framing import Frame, encode_frame
from .properties import Properties, PropertyHolder, decode_properties, encode_properties, shown
from .protocol import PROTOCOL_ERROR, MqttVersion, PacketType
from .reason_codes import encode_reason_codes, take_reason_codes
from .wire import Reader, encode_packet_id, encode_topic_filter


@frozen(kw_only=True)
class Unsubscribe:
    """A request to end one subscription or more, by their topic filters.

    ``packet_id`` is 1 to 65,535; ``properties`` are of MQTT 5 only.
    """

    type: ClassVar[PacketType] = PacketType.UNSUBSCRIBE

    packet_id: int
    filters: tuple[str, ...]
    properties: Properties = field(factory=dict, repr=shown)

    @classmethod
    def from_frame(cls, frame: Frame, version: MqttVersion) -> "Unsubscribe":
        """Decode the packet.

        :raises MalformedPacket: 0x82 for no filter (MQTT-3.10.3-2), for an empty one and for packet identifier 0,
            0x81 or 0x82 for everything else.
        """
        reader = Reader(frame.body, "UNSUBSCRIBE")
        packet_id = reader.packet_id()
        properties = decode_properties(reader, PropertyHolder.UNSUBSCRIBE, version)
        filters = []
        while reader.remaining:
            filters.append(reader.topic_filter())
        if not filters:
            raise reader.malformed("there is no topic filter", PROTOCOL_ERROR)
        return cls(packet_id=packet_id, filters=tuple(filters), properties=properties)

    def to_wire(self, version: MqttVersion) -> bytes:
        """Encode the packet.

        :raises ValueError: when there is no filter, or the wire of ``version`` cannot carry a field.
        """
        if not self.filters:
            raise ValueError("an UNSUBSCRIBE needs a topic filter")
        head = encode_packet_id(self.packet_id)
        properties = encode_properties(self.properties, PropertyHolder.UNSUBSCRIBE, version)
        return encode_frame(self.type, head + properties + b"".join(map(encode_topic_filter, self.filters)))


@frozen(kw_only=True)
class Unsuback:
    """The answer to an UNSUBSCRIBE, with a reason code for each of its topic filters, in their order.

    MQTT 3.1.1 carries neither reason codes nor properties.
    """

    type: ClassVar[PacketType] = PacketType.UNSUBACK

    packet_id: int
    reason_codes: tuple[int, ...] = ()
    properties: Properties = field(factory=dict, repr=shown)

    @classmethod
    def from_frame(cls, frame: Frame, version: MqttVersion) -> "Unsuback":
        """Decode the packet.

        :raises MalformedPacket: 0x82 for no reason code in MQTT 5, for one that the packet does not have and for
            packet identifier 0, 0x81 or 0x82 for everything else.
        """
        reader = Reader(frame.body, "UNSUBACK")
        packet_id = reader.packet_id()
        if version is not MqttVersion.V5:
            reader.finish()
            return cls(packet_id=packet_id)
        return cls(
            packet_id=packet_id,
            properties=decode_properties(reader, PropertyHolder.UNSUBACK, version),
            reason_codes=take_reason_codes(reader, cls.type, version),
        )

    def to_wire(self, version: MqttVersion) -> bytes:
        """Encode the packet.

        :raises ValueError: when MQTT 5 gets no reason code or MQTT 3.1.1 one, and when the wire of ``version``
            cannot carry a field.
        """
        body = encode_packet_id(self.packet_id) + encode_properties(self.properties, PropertyHolder.UNSUBACK, version)
        if version is MqttVersion.V5:
            body += encode_reason_codes(self.reason_codes, self.type, version)
        elif self.reason_codes:
            raise ValueError("an UNSUBACK of MQTT 3.1.1 has no reason codes")
        return encode_frame(self.type, body)
