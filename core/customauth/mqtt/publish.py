"""PUBLISH: an application message (MQTT 5, 3.3)."""

from typing import ClassVar, Final

from attrs import field, frozen

from .framing import Frame
from .properties import Properties, Property, PropertyHolder, decode_properties, encode_properties, shown
from .protocol import PROTOCOL_ERROR, MqttVersion, PacketType
from .wire import Reader, encode_packet_id, encode_topic_name, encode_varint

_RETAIN: Final = 0x01
_DUP: Final = 0x08
_FIRST_BYTE: Final = PacketType.PUBLISH << 4
# Looked up once: a member of an enumeration takes its time to find, and this packet is what a broker is busy with.
_V5: Final = MqttVersion.V5
_HOLDER: Final = PropertyHolder.PUBLISH
_TOPIC_ALIAS: Final = Property.TOPIC_ALIAS


@frozen(kw_only=True)
class Publish:
    """An application message on its way to the server or from it.

    ``qos`` is 0, 1 or 2; ``packet_id`` is 1 to 65,535, and None at QoS 0. ``topic`` is empty only in MQTT 5 with
    the property ``TOPIC_ALIAS``. ``properties`` are of MQTT 5 only; its ``SUBSCRIPTION_IDENTIFIER`` is a list.
    """

    type: ClassVar[PacketType] = PacketType.PUBLISH

    topic: str
    payload: bytes = field(repr=False)
    qos: int = 0
    retain: bool = False
    dup: bool = False
    packet_id: int | None = None
    properties: Properties = field(factory=dict, repr=shown)

    @classmethod
    def from_frame(cls, frame: Frame, version: MqttVersion) -> "Publish":
        """Decode the packet.

        :raises MalformedPacket: 0x90 for a topic with a wildcard (MQTT-3.3.2-2), 0x94 for a topic alias of 0, 0x82
            for no topic, for packet identifier 0 and for DUP at QoS 0 (MQTT-3.3.1-2), 0x81 or 0x82 for everything else.
        """
        flags = frame.flags
        qos = flags >> 1 & 3
        reader = Reader(frame.body, "PUBLISH")
        if qos == 3:
            raise reader.malformed("the QoS is 3")
        if not qos and flags & _DUP:
            raise reader.malformed("DUP is set at QoS 0", PROTOCOL_ERROR)
        topic = reader.topic_name("the topic name")
        packet_id = reader.packet_id() if qos else None
        properties = decode_properties(reader, _HOLDER, version)
        if not topic and _TOPIC_ALIAS not in properties:
            raise reader.malformed("there is neither a topic name nor a topic alias", PROTOCOL_ERROR)
        return cls(
            topic=topic,
            payload=reader.rest(),
            qos=qos,
            retain=flags & _RETAIN != 0,
            dup=flags & _DUP != 0,
            packet_id=packet_id,
            properties=properties,
        )

    def to_wire(self, version: MqttVersion) -> bytes:
        """Encode the packet.

        :raises ValueError: when the wire of ``version`` cannot carry a field.
        """
        return PublishEncoder(self, version).encode(
            qos=self.qos, packet_id=self.packet_id, retain=self.retain, dup=self.dup
        )


class PublishEncoder:
    """Encodes one message for many receivers: topic, properties and payload once, the rest for each.

    :param publish: the message; of its fields only topic, properties and payload count.
    :raises ValueError: when the wire of ``version`` cannot carry one of these.
    """

    __slots__ = ("_rest", "_topic")

    def __init__(self, publish: Publish, version: MqttVersion) -> None:
        topic, properties = publish.topic, publish.properties
        if not topic and _TOPIC_ALIAS not in properties:
            raise ValueError("a PUBLISH needs a topic name or a topic alias")
        self._topic = encode_topic_name(topic, "the topic name")
        if properties or version is not _V5:
            self._rest = encode_properties(properties, _HOLDER, version) + publish.payload
        else:
            self._rest = b"\x00" + publish.payload

    def encode(self, *, qos: int = 0, packet_id: int | None = None, retain: bool = False, dup: bool = False) -> bytes:
        """Return the packet for one receiver.

        :param packet_id: 1 to 65,535, and None at QoS 0.
        :raises ValueError: for a field out of its range and for DUP or a packet identifier at QoS 0.
        """
        topic, rest = self._topic, self._rest
        flags = _FIRST_BYTE | _RETAIN if retain else _FIRST_BYTE
        if not qos:
            if dup or packet_id is not None:
                raise ValueError("a PUBLISH of QoS 0 has neither DUP nor a packet identifier")
            return bytes((flags,)) + encode_varint(len(topic) + len(rest), "the remaining length") + topic + rest
        if qos not in (1, 2):
            raise ValueError("the QoS must be 0, 1 or 2")
        if packet_id is None:
            raise ValueError("a PUBLISH of QoS 1 or 2 needs a packet identifier")
        flags |= qos << 1 | (_DUP if dup else 0)
        remaining = encode_varint(len(topic) + 2 + len(rest), "the remaining length")
        return b"".join((bytes((flags,)), remaining, topic, encode_packet_id(packet_id), rest))
