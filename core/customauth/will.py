"""The will: what the server publishes when the connection is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

from customauth.message import (
    NO_PROPERTIES,
    MessageProperties,
    check_qos,
    check_topic,
    four_bytes,
    size_alone,
    two_byte_length,
)

if TYPE_CHECKING:
    from customauth import mqtt


@frozen(kw_only=True)
class Will:
    """The message that the server publishes when the connection ends in any way but by this side's DISCONNECT (E42).

    :param qos: 0 or 1; AWS refuses 2 at CONNECT (E19).
    :param delay: seconds that the server is to wait with it; MQTT 5 only, and AWS ignores it (E42).
    :raises RequestError: when no server takes it.
    """

    topic: str
    payload: bytes = field(default=b"", repr=size_alone, validator=two_byte_length)
    qos: int = 0
    retain: bool = False
    delay: int | None = field(default=None, validator=four_bytes)
    properties: MessageProperties = NO_PROPERTIES

    def __attrs_post_init__(self) -> None:
        check_topic(self.topic, "topic of the will")
        check_qos(self.qos)

    def needs_mqtt5(self) -> bool:
        """Say whether MQTT 3.1.1 cannot carry it."""
        return self.delay is not None or self.properties != NO_PROPERTIES

    def to_wire(self) -> mqtt.Will:
        """Return it as :mod:`customauth.mqtt` has it."""
        from customauth import mqtt

        said = self.properties.to_wire()
        if self.delay is not None:
            said[mqtt.Property.WILL_DELAY_INTERVAL] = self.delay
        return mqtt.Will(topic=self.topic, payload=self.payload, qos=self.qos, retain=self.retain, properties=said)
