"""PUBLISH: an application message (MQTT 5, 3.3)."""

import functools
from typing import ClassVar, Final, Protocol

from attrs import define, field

from .framing import Frame
from .properties import Properties, Property, PropertyHolder, decode_properties, encode_properties, shown
from .protocol import PROTOCOL_ERROR, MalformedPacket, MqttVersion, PacketType
from .wire import Reader, encode_packet_id, encode_topic_name, encode_varint

_RETAIN: Final = 0x01
_DUP: Final = 0x08
_FIRST_BYTE: Final = PacketType.PUBLISH << 4
# Looked up once: a member of an enumeration takes its time to find, and this packet is what a broker is busy with.
_V5: Final = MqttVersion.V5
_HOLDER: Final = PropertyHolder.PUBLISH
_TOPIC_ALIAS: Final = Property.TOPIC_ALIAS
# Topics are sent again and again; longer ones than a broker takes are not worth their room.
_LONGEST_KEPT: Final = 256
_MAX_KEPT: Final = 4096


# Not frozen: attrs needs twice as long to make what is.
@define(kw_only=True)
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
        return _plain(frame, version) or cls._strictly(frame, version)

    @classmethod
    def _strictly(cls, frame: Frame, version: MqttVersion) -> "Publish":
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


class Content(Protocol):
    """What all receivers of a message get the same of."""

    @property
    def topic(self) -> str:
        """As in :class:`Publish`."""

    @property
    def payload(self) -> bytes:
        """As in :class:`Publish`."""

    @property
    def properties(self) -> Properties:
        """As in :class:`Publish`."""


class PublishEncoder:
    """Encodes one message for many receivers: topic, properties and payload once, the rest for each.

    :param publish: the message; a :class:`Publish` is one.
    :raises ValueError: when the wire of ``version`` cannot carry one of these.
    """

    __slots__ = ("_qos_0", "_rest", "_topic")

    def __init__(self, publish: Content, version: MqttVersion) -> None:
        topic, properties = publish.topic, publish.properties
        if not topic and _TOPIC_ALIAS not in properties:
            raise ValueError("a PUBLISH needs a topic name or a topic alias")
        self._qos_0: bytes | None = None
        self._topic = (_kept_topic if len(topic) <= _LONGEST_KEPT else encode_topic_name)(topic, "the topic name")
        if not properties and version is not _V5:
            self._rest = publish.payload
        elif properties:
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
            if retain or self._qos_0 is None:
                packet = b"".join((_fixed_header(flags, len(topic) + len(rest)), topic, rest))
                if retain:
                    return packet
                self._qos_0 = packet
            return self._qos_0
        if qos not in (1, 2):
            raise ValueError("the QoS must be 0, 1 or 2")
        if packet_id is None:
            raise ValueError("a PUBLISH of QoS 1 or 2 needs a packet identifier")
        flags |= qos << 1 | (_DUP if dup else 0)
        header = _fixed_header(flags, len(topic) + 2 + len(rest))
        return b"".join((header, topic, encode_packet_id(packet_id), rest))


def _plain(frame: Frame, version: MqttVersion) -> Publish | None:
    """Decode a packet without properties that is no repetition, as most are, in few steps.

    None for all others, and for what is malformed: those need a closer look.
    """
    body, flags = frame.body, frame.flags
    qos = flags >> 1
    size = len(body)
    # With DUP it is above 3.
    if size < 2 or qos > 2:
        return None
    end = start = 2 + (body[0] << 8 | body[1])
    if qos:
        start += 2
    if version is _V5:
        start += 1
    if start > size or end > _LONGEST_KEPT or (version is _V5 and body[start - 1]):
        return None
    topic = _topic_name(body[2:end])
    if not topic:
        return None
    if not qos:
        return Publish(topic=topic, payload=body[start:], retain=flags == _RETAIN)
    packet_id = body[end] << 8 | body[end + 1]
    if not packet_id:
        return None
    return Publish(topic=topic, payload=body[start:], qos=qos, retain=flags & _RETAIN != 0, packet_id=packet_id)


@functools.lru_cache(_MAX_KEPT)
def _topic_name(raw: bytes) -> str | None:
    try:
        return Reader(len(raw).to_bytes(2) + raw, "PUBLISH").topic_name("the topic name")
    except MalformedPacket:
        return None


_kept_topic = functools.lru_cache(_MAX_KEPT)(encode_topic_name)


def _fixed_header(flags: int, remaining: int) -> bytes:
    if remaining < 0x80:
        return bytes((flags, remaining))
    return bytes((flags,)) + encode_varint(remaining, "the remaining length")
