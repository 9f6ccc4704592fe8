"""Properties of MQTT 5, from customauth's names to mqttium's and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mqttium.api import ConnAckPacket, Properties

from customauth import Connack, ConnectRequest, MessageProperties
from customauth.message import NO_PROPERTIES

if TYPE_CHECKING:
    from customauth import Will

_MESSAGE = {
    "response_topic": "response_topic",
    "correlation_data": "correlation_data",
    "content_type": "content_type",
    "message_expiry": "message_expiry_interval",
}

_CONNACK = {
    "reason_string": "reason_string",
    "assigned_client_id": "assigned_client_identifier",
    "server_keep_alive": "server_keep_alive",
    "session_expiry": "session_expiry_interval",
    "receive_maximum": "receive_maximum",
    "maximum_qos": "maximum_qos",
    "retain_available": "retain_available",
    "maximum_packet_size": "maximum_packet_size",
    "topic_alias_maximum": "topic_alias_maximum",
    "wildcard_subscriptions": "wildcard_subscription_available",
    "subscription_identifiers": "subscription_identifier_available",
    "shared_subscriptions": "shared_subscription_available",
    "response_information": "response_information",
    "server_reference": "server_reference",
    "user_properties": "user_property",
}
# On the wire they are a byte.
_YES_OR_NO = frozenset(
    {"retain_available", "wildcard_subscriptions", "subscription_identifiers", "shared_subscriptions"}
)


def for_connect(request: ConnectRequest) -> Properties | None:
    """Return the properties of the CONNECT packet, None for none."""
    said: dict[str, Any] = {}
    if request.session_expiry is not None:
        said["session_expiry_interval"] = request.session_expiry
    if request.user_properties:
        said["user_property"] = request.user_properties
    return Properties(said) if said else None


def for_message(properties: MessageProperties) -> Properties | None:
    """Return the properties of a PUBLISH packet, None for none."""
    said = _said(properties)
    return Properties(said) if said else None


def for_will(will: Will) -> Properties | None:
    """Return the properties of the will, None for none."""
    said = _said(will.properties)
    if will.delay is not None:
        said["will_delay_interval"] = will.delay
    return Properties(said) if said else None


def of_message(properties: Properties) -> MessageProperties:
    """Return what a PUBLISH packet brought; what is no property of a message is left out."""
    said = properties.values
    known: dict[str, Any] = {name: said.get(theirs) for name, theirs in _MESSAGE.items()}
    found = MessageProperties(
        **known, user_properties=said.get("user_property", ()), utf8=said.get("payload_format_indicator") == 1
    )
    return NO_PROPERTIES if found == NO_PROPERTIES else found


def of_connack(packet: ConnAckPacket) -> Connack:
    """Return what an accepting CONNACK packet says."""
    said = {} if packet.properties is None else packet.properties.values
    fields: dict[str, Any] = {
        name: bool(said[theirs]) if name in _YES_OR_NO else said[theirs]
        for name, theirs in _CONNACK.items()
        if theirs in said
    }
    return Connack(session_present=packet.session_present, **fields)


def reason(properties: Properties | None) -> str | None:
    """Return the reason string, None for none."""
    text = None if properties is None else properties.get("reason_string")
    return text if isinstance(text, str) else None


def _said(properties: MessageProperties) -> dict[str, Any]:
    said = {theirs: value for name, theirs in _MESSAGE.items() if (value := getattr(properties, name)) is not None}
    if properties.user_properties:
        said["user_property"] = properties.user_properties
    if properties.utf8:
        said["payload_format_indicator"] = 1
    return said
