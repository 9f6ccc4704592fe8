"""The packets of MQTT 5 in awscrt's form: from the core's objects and back."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from awscrt import mqtt5

from customauth import Connack, ConnectRequest, Message, MessageProperties
from customauth.message import NO_PROPERTIES

if TYPE_CHECKING:
    from customauth import Will

_UNSPECIFIED = 0x80

# By their numbers: making an enumeration's member of one takes longer.
_QOS = (mqtt5.QoS.AT_MOST_ONCE, mqtt5.QoS.AT_LEAST_ONCE)


def connect(request: ConnectRequest) -> mqtt5.ConnectPacket:
    """Return the CONNECT of a request."""
    will = request.will
    return mqtt5.ConnectPacket(
        client_id=request.client_id,
        keep_alive_interval_sec=request.keep_alive,
        username=request.username,
        password=request.password,
        session_expiry_interval_sec=request.session_expiry,
        will=None if will is None else publish(will),
        will_delay_interval_sec=None if will is None else will.delay,
        user_properties=_user_properties(request.user_properties),
    )


def publish(message: Message | Will) -> mqtt5.PublishPacket:
    """Return the PUBLISH of a message."""
    packet = filled(mqtt5.PublishPacket(), message)
    properties = message.properties
    if properties is not NO_PROPERTIES:
        if properties.utf8:
            packet.payload_format_indicator = mqtt5.PayloadFormatIndicator.AWS_MQTT5_PFI_UTF8
        packet.message_expiry_interval_sec = properties.message_expiry
        packet.response_topic = properties.response_topic
        packet.correlation_data_bytes = properties.correlation_data
        packet.content_type = properties.content_type
        packet.user_properties = _user_properties(properties.user_properties)
    return packet


def filled(packet: mqtt5.PublishPacket, message: Message | Will) -> mqtt5.PublishPacket:
    """Return the packet with all of a message but its properties."""
    packet.payload, packet.qos, packet.retain, packet.topic = (
        message.payload,
        _QOS[message.qos],
        message.retain,
        message.topic,
    )
    return packet


def subscribe(topic_filter: str, qos: int) -> mqtt5.SubscribePacket:
    """Return the SUBSCRIBE for one filter."""
    return mqtt5.SubscribePacket([mqtt5.Subscription(topic_filter, _QOS[qos])])


def connack(packet: mqtt5.ConnackPacket) -> Connack:
    """Return what an accepting CONNACK says."""
    said = {
        "assigned_client_id": packet.assigned_client_identifier,
        "server_keep_alive": packet.server_keep_alive_sec,
        "session_expiry": packet.session_expiry_interval_sec,
        "receive_maximum": packet.receive_maximum,
        "maximum_qos": None if packet.maximum_qos is None else int(packet.maximum_qos),
        "retain_available": packet.retain_available,
        "maximum_packet_size": packet.maximum_packet_size,
        "topic_alias_maximum": packet.topic_alias_maximum,
        "wildcard_subscriptions": packet.wildcard_subscriptions_available,
        "subscription_identifiers": packet.subscription_identifiers_available,
        "shared_subscriptions": packet.shared_subscription_available,
    }
    fields: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
    return Connack(
        session_present=bool(packet.session_present),
        reason_string=packet.reason_string,
        response_information=packet.response_information,
        server_reference=packet.server_reference,
        user_properties=_pairs(packet.user_properties),
        **fields,
    )


def message(packet: mqtt5.PublishPacket) -> Message:
    """Return the message of a PUBLISH that has arrived. awscrt does not say whether it is a duplicate."""
    return Message(
        topic=packet.topic,
        payload=packet.payload,
        qos=packet.qos.value,
        retain=bool(packet.retain),
        properties=_properties(packet),
    )


def puback(operation: Future[Any]) -> tuple[int, str | None]:
    """Return reason code and reason string of a PUBACK."""
    packet = operation.result().puback
    return code(packet.reason_code), packet.reason_string


def suback(operation: Future[Any]) -> tuple[int, str | None]:
    """Return reason code and reason string of a SUBACK or an UNSUBACK to one filter."""
    packet = operation.result()
    return code(packet.reason_codes[0]), packet.reason_string


def code(found: int | None) -> int:
    """Return a reason code as its number; awscrt passes none on that MQTT 5 does not know, and none of them is good."""
    return _UNSPECIFIED if found is None else int(found)


def _properties(packet: mqtt5.PublishPacket) -> MessageProperties:
    utf8 = packet.payload_format_indicator == mqtt5.PayloadFormatIndicator.AWS_MQTT5_PFI_UTF8
    if not (
        utf8
        or packet.user_properties
        or packet.content_type is not None
        or packet.response_topic
        or packet.correlation_data_bytes is not None
        or packet.message_expiry_interval_sec is not None
    ):
        return NO_PROPERTIES
    return MessageProperties(
        # An empty one names no topic.
        response_topic=packet.response_topic or None,
        correlation_data=packet.correlation_data_bytes,
        content_type=packet.content_type,
        message_expiry=packet.message_expiry_interval_sec,
        user_properties=_pairs(packet.user_properties),
        utf8=utf8,
    )


def _user_properties(pairs: tuple[tuple[str, str], ...]) -> list[mqtt5.UserProperty] | None:
    return [mqtt5.UserProperty(name, value) for name, value in pairs] or None


def _pairs(found: list[mqtt5.UserProperty] | None) -> tuple[tuple[str, str], ...]:
    return tuple((each.name, each.value) for each in found or ())
