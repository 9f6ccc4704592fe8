"""A message on its way from a publisher to its subscribers."""

from __future__ import annotations

import time
from typing import cast

from attrs import define, field

from customauth.gateway.broker.limits import (
    MAX_CONTENT_TYPE,
    MAX_CORRELATION_DATA,
    MAX_EXPIRY,
    MAX_USER_PROPERTIES,
)
from customauth.mqtt import MqttVersion, Properties, Property, Publish, PublishEncoder, Will

FORWARDED = (
    Property.PAYLOAD_FORMAT_INDICATOR,
    Property.CONTENT_TYPE,
    Property.RESPONSE_TOPIC,
    Property.CORRELATION_DATA,
    Property.USER_PROPERTY,
)
"""The properties that a subscriber gets as the publisher set them; the message expiry counts down on the way."""


@define(kw_only=True, eq=False)
class Message:
    """What was published.

    :ivar properties: those of :data:`FORWARDED`.
    :ivar expires: when it is no longer of use, in seconds since the epoch; None for never (E40).
    :ivar publisher: the client id, for subscribers that want nothing of their own (no local).
    :ivar encoders: for each protocol version, kept by who sends it to many receivers.
    """

    topic: str
    payload: bytes = field(repr=False)
    qos: int = 0
    retain: bool = False
    properties: Properties = field(factory=dict, repr=False)
    expires: float | None = None
    publisher: str | None = None
    encoders: dict[MqttVersion, PublishEncoder] = field(factory=dict, init=False, repr=False)


def message_expiry(requested: int) -> int:
    """Return the message expiry that holds, in seconds (E40)."""
    return min(max(requested, 1), MAX_EXPIRY)


def will_message(will: Will, client_id: str) -> Message:
    """Return a will as the message that it becomes now (E42)."""
    packet = Publish(
        topic=will.topic,
        payload=will.payload,
        qos=will.qos,
        retain=will.retain,
        packet_id=1 if will.qos else None,
        properties={key: value for key, value in will.properties.items() if key is not Property.WILL_DELAY_INTERVAL},
    )
    return published(packet, will.topic, client_id)


def published(packet: Publish, topic: str, client_id: str) -> Message:
    """Return what a client published to a topic, once its alias is resolved."""
    properties = packet.properties
    if not properties:
        return Message(topic=topic, payload=packet.payload, qos=packet.qos, retain=packet.retain, publisher=client_id)
    expiry = properties.get(Property.MESSAGE_EXPIRY_INTERVAL)
    return Message(
        topic=topic,
        payload=packet.payload,
        qos=packet.qos,
        retain=packet.retain,
        properties={key: properties[key] for key in FORWARDED if key in properties},
        expires=time.time() + message_expiry(expiry) if isinstance(expiry, int) else None,
        publisher=client_id,
    )


def extras_fault(properties: Properties) -> str | None:
    """Say which property is longer than AWS takes it (E47)."""
    if not properties:
        return None
    pairs = cast("list[tuple[str, str]]", properties.get(Property.USER_PROPERTY, []))
    if sum(len(name.encode()) + len(value.encode()) for name, value in pairs) > MAX_USER_PROPERTIES:
        return f"the user properties have more than {MAX_USER_PROPERTIES} bytes (E47)"
    data = properties.get(Property.CORRELATION_DATA)
    if isinstance(data, bytes) and len(data) > MAX_CORRELATION_DATA:
        return f"the correlation data has more than {MAX_CORRELATION_DATA} bytes (E47)"
    kind = properties.get(Property.CONTENT_TYPE)
    if isinstance(kind, str) and len(kind.encode()) > MAX_CONTENT_TYPE:
        return f"the content type has more than {MAX_CONTENT_TYPE} bytes (E47)"
    return None
