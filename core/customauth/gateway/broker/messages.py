"""A message on its way from a publisher to its subscribers."""

from __future__ import annotations

from attrs import define, field

from customauth.gateway.broker.limits import MAX_EXPIRY
from customauth.mqtt import MqttVersion, Properties, Property, PublishEncoder

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
    :ivar packets: the QoS 0 packets, by version and retain flag, kept in the same way.
    """

    topic: str
    payload: bytes = field(repr=False)
    qos: int = 0
    retain: bool = False
    properties: Properties = field(factory=dict, repr=False)
    expires: float | None = None
    publisher: str | None = None
    encoders: dict[MqttVersion, PublishEncoder] = field(factory=dict, init=False, repr=False)
    packets: dict[tuple[MqttVersion, bool], bytes] = field(factory=dict, init=False, repr=False)


def message_expiry(requested: int) -> int:
    """Return the message expiry that holds, in seconds (E40)."""
    return min(max(requested, 1), MAX_EXPIRY)
