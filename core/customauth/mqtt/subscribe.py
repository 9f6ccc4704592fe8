"""SUBSCRIBE and SUBACK (MQTT 5, 3.8 and 3.9)."""

from typing import ClassVar, Final

from attrs import field, frozen

from .framing import Frame, encode_frame
from .properties import Properties, PropertyHolder, decode_properties, encode_properties, shown
from .protocol import MALFORMED_PACKET, PROTOCOL_ERROR, MqttVersion, PacketType
from .reason_codes import encode_reason_codes, take_reason_codes
from .wire import Reader, encode_packet_id, encode_topic_filter

_QOS: Final = 0x03
_NO_LOCAL: Final = 0x04
_RETAIN_AS_PUBLISHED: Final = 0x08
_RESERVED: Final = 0xC0
_RESERVED_V311: Final = 0xFC
_SHARED: Final = "$share/"


@frozen(kw_only=True)
class Subscription:
    """One topic filter of a SUBSCRIBE and its options.

    ``filter`` is any text but the empty one: whether it is a valid filter is the server's answer (0x8F). ``qos`` is
    0, 1 or 2. The rest is of MQTT 5 only: ``retain_handling`` is 0 (send the retained messages), 1 (only for a new
    subscription) or 2 (do not), and ``no_local`` is not for shared subscriptions (MQTT-3.8.3-4).
    """

    filter: str
    qos: int = 0
    no_local: bool = False
    retain_as_published: bool = False
    retain_handling: int = 0


@frozen(kw_only=True)
class Subscribe:
    """A request for one subscription or more.

    ``packet_id`` is 1 to 65,535; ``properties`` are of MQTT 5 only.
    """

    type: ClassVar[PacketType] = PacketType.SUBSCRIBE

    packet_id: int
    subscriptions: tuple[Subscription, ...]
    properties: Properties = field(factory=dict, repr=shown)

    @classmethod
    def from_frame(cls, frame: Frame, version: MqttVersion) -> "Subscribe":
        """Decode the packet.

        :raises MalformedPacket: 0x82 for no subscription (MQTT-3.8.3-2), for an empty filter, for packet identifier 0
            and for options that contradict, 0x81 or 0x82 for everything else.
        """
        reader = Reader(frame.body, "SUBSCRIBE")
        packet_id = reader.packet_id()
        properties = decode_properties(reader, PropertyHolder.SUBSCRIBE, version)
        subscriptions = []
        while reader.remaining:
            subscriptions.append(_take_subscription(reader, version))
        if not subscriptions:
            raise reader.malformed("there is no topic filter", PROTOCOL_ERROR)
        return cls(packet_id=packet_id, subscriptions=tuple(subscriptions), properties=properties)

    def to_wire(self, version: MqttVersion) -> bytes:
        """Encode the packet.

        :raises ValueError: when there is no subscription, or the wire of ``version`` cannot carry a field.
        """
        if not self.subscriptions:
            raise ValueError("a SUBSCRIBE needs a topic filter")
        body = encode_packet_id(self.packet_id) + encode_properties(self.properties, PropertyHolder.SUBSCRIBE, version)
        return encode_frame(
            self.type, body + b"".join([_encode_subscription(each, version) for each in self.subscriptions])
        )


@frozen(kw_only=True)
class Suback:
    """The answer to a SUBSCRIBE, with a reason code for each of its topic filters, in their order.

    A reason code is the QoS that is granted or, from 0x80, why the subscription was refused; MQTT 3.1.1 has
    only 0x80 for that.
    """

    type: ClassVar[PacketType] = PacketType.SUBACK

    packet_id: int
    reason_codes: tuple[int, ...]
    properties: Properties = field(factory=dict, repr=shown)

    @classmethod
    def from_frame(cls, frame: Frame, version: MqttVersion) -> "Suback":
        """Decode the packet.

        :raises MalformedPacket: 0x82 for no reason code, for one that the packet does not have and for packet
            identifier 0, 0x81 or 0x82 for everything else.
        """
        reader = Reader(frame.body, "SUBACK")
        return cls(
            packet_id=reader.packet_id(),
            properties=decode_properties(reader, PropertyHolder.SUBACK, version),
            reason_codes=take_reason_codes(reader, cls.type, version),
        )

    def to_wire(self, version: MqttVersion) -> bytes:
        """Encode the packet.

        :raises ValueError: when there is no reason code, or the wire of ``version`` cannot carry a field.
        """
        body = encode_packet_id(self.packet_id) + encode_properties(self.properties, PropertyHolder.SUBACK, version)
        return encode_frame(self.type, body + encode_reason_codes(self.reason_codes, self.type, version))


def _take_subscription(reader: Reader, version: MqttVersion) -> Subscription:
    topic_filter = reader.topic_filter()
    options = reader.uint8("the subscription options")
    v5 = version is MqttVersion.V5
    if options & (_RESERVED if v5 else _RESERVED_V311):
        raise reader.malformed("a reserved bit of the subscription options is set")
    if options & _QOS == _QOS:
        # MQTT-3-8.3-4 of MQTT 3.1.1 calls malformed what MQTT 5, 3.8.3.1 calls a protocol error.
        raise reader.malformed("the requested QoS is 3", PROTOCOL_ERROR if v5 else MALFORMED_PACKET)
    retain_handling = options >> 4
    if retain_handling == 3:
        raise reader.malformed("the retain handling is 3", PROTOCOL_ERROR)
    if options & _NO_LOCAL and topic_filter.startswith(_SHARED):
        raise reader.malformed("no local is set on a shared subscription", PROTOCOL_ERROR)
    return Subscription(
        filter=topic_filter,
        qos=options & _QOS,
        no_local=bool(options & _NO_LOCAL),
        retain_as_published=bool(options & _RETAIN_AS_PUBLISHED),
        retain_handling=retain_handling,
    )


def _encode_subscription(subscription: Subscription, version: MqttVersion) -> bytes:
    if subscription.qos not in (0, 1, 2):
        raise ValueError("the requested QoS must be 0, 1 or 2")
    if subscription.retain_handling not in (0, 1, 2):
        raise ValueError("the retain handling must be 0, 1 or 2")
    if subscription.no_local and subscription.filter.startswith(_SHARED):
        raise ValueError("no local is not for a shared subscription")
    options = (
        subscription.qos
        | (_NO_LOCAL if subscription.no_local else 0)
        | (_RETAIN_AS_PUBLISHED if subscription.retain_as_published else 0)
        | subscription.retain_handling << 4
    )
    if version is not MqttVersion.V5 and options & _RESERVED_V311:
        raise ValueError("a subscription of MQTT 3.1.1 has no option but the QoS")
    return encode_topic_filter(subscription.filter) + bytes((options,))
