"""The properties of messages and of CONNECT, between customauth and paho."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from customauth import ConnectRequest, MessageProperties
from customauth.message import NO_PROPERTIES

if TYPE_CHECKING:
    from customauth import Will


def of_message(given: MessageProperties) -> Properties | None:
    """Return the properties of a PUBLISH for paho, None for none."""
    return None if given is NO_PROPERTIES else _filled(PacketTypes.PUBLISH, given)


def of_will(will: Will) -> Properties | None:
    """Return the properties of a will for paho, None for none."""
    if not will.needs_mqtt5():
        return None
    properties = _filled(PacketTypes.WILLMESSAGE, will.properties)
    if will.delay is not None:
        properties.WillDelayInterval = will.delay
    return properties


def of_connect(request: ConnectRequest) -> Properties | None:
    """Return the properties of CONNECT for paho, None for none."""
    if request.session_expiry is None and not request.user_properties:
        return None
    properties = _empty(PacketTypes.CONNECT)
    if request.session_expiry is not None:
        properties.SessionExpiryInterval = request.session_expiry
    if request.user_properties:
        properties.UserProperty = list(request.user_properties)
    return properties


def from_paho(said: Properties | None) -> MessageProperties:
    """Return the properties of a message that paho has read.

    :raises RequestError: a message cannot have them.
    """
    # paho's own isEmpty() takes as long as reading the packet.
    if said is None or len(vars(said)) == _BARE:
        return NO_PROPERTIES
    found = MessageProperties(
        # An empty one names no topic.
        response_topic=getattr(said, "ResponseTopic", None) or None,
        correlation_data=getattr(said, "CorrelationData", None),
        content_type=getattr(said, "ContentType", None),
        message_expiry=getattr(said, "MessageExpiryInterval", None),
        user_properties=getattr(said, "UserProperty", ()),
        utf8=getattr(said, "PayloadFormatIndicator", 0) == 1,
    )
    return NO_PROPERTIES if found == NO_PROPERTIES else found


def reason_string(said: Properties | None) -> str | None:
    """Return the reason string of an answer that paho has read, None where there is none."""
    text: Any = getattr(said, "ReasonString", None)
    return text if isinstance(text, str) else None


def _empty(packet_type: int) -> Properties:
    # paho says that it is typed, and is not here.
    return Properties(packet_type)  # type: ignore[no-untyped-call]


def _filled(packet_type: int, given: MessageProperties) -> Properties:
    properties = _empty(packet_type)
    if given.utf8:
        properties.PayloadFormatIndicator = 1
    if given.message_expiry is not None:
        properties.MessageExpiryInterval = given.message_expiry
    if given.content_type is not None:
        properties.ContentType = given.content_type
    if given.response_topic is not None:
        properties.ResponseTopic = given.response_topic
    if given.correlation_data is not None:
        properties.CorrelationData = given.correlation_data
    if given.user_properties:
        properties.UserProperty = list(given.user_properties)
    return properties


# What paho's properties have of their own.
_BARE = len(vars(_empty(PacketTypes.PUBLISH)))
