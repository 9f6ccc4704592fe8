"""What travels over an accepted connection: messages and their properties, and what the server answers."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from attrs import field, frozen

from customauth.errors import RequestError

if TYPE_CHECKING:
    from customauth.mqtt import Properties

MAX_TOPIC_BYTES = 65_535
"""What the wire carries; AWS takes 256 (E22) and says so itself."""

_WIRE_NAMES = {
    "response_topic": "RESPONSE_TOPIC",
    "correlation_data": "CORRELATION_DATA",
    "content_type": "CONTENT_TYPE",
    "message_expiry": "MESSAGE_EXPIRY_INTERVAL",
}

# Compiled when the first topic is looked at: a connect alone has none.
_NEVER_IN_A_TOPIC = "[\0+#\ud800-\udfff]"
_NEVER_IN_A_FILTER = "[\0\ud800-\udfff]"


def size_alone(data: bytes) -> str:
    """Show of a payload no more than its size."""
    return f"<{len(data)} bytes>"


def user_property_pairs(value: object) -> tuple[tuple[str, str], ...]:
    """Take user properties as they are given.

    :raises RequestError: when they are not pairs of text.
    """
    pairs: list[Any] = list(value) if isinstance(value, Iterable) else [value]
    if not all(_is_pair(pair) for pair in pairs):
        raise RequestError("user properties are pairs of text: [(name, value), …]; a name may come more than once")
    checked = tuple((name, text) for name, text in pairs)
    for part in itertools.chain.from_iterable(checked):
        _check_text(part, "name or value of a user property")
    return checked


def _is_pair(value: object) -> bool:
    return isinstance(value, tuple | list) and len(value) == 2 and all(isinstance(part, str) for part in value)


def four_bytes(_: object, attribute: object, seconds: int | None) -> None:
    """Refuse a number of seconds that four bytes cannot carry.

    :raises RequestError: with its name.
    """
    if seconds is not None and not 0 <= seconds <= 0xFFFF_FFFF:
        name = getattr(attribute, "name", "it").replace("_", " ")
        raise RequestError(f"the {name} of {seconds} s is out of range; use 0 to 4294967295 s (AWS caps it, E40)")


def _check_text(text: str, what: str) -> None:
    if re.search(_NEVER_IN_A_FILTER, text) is not None or len(text.encode()) > MAX_TOPIC_BYTES:
        raise RequestError(f"the {what} is text without NUL, of {MAX_TOPIC_BYTES} bytes at most; shorten or mend it")


def _content_type(_: object, __: object, text: str | None) -> None:
    if text is not None:
        _check_text(text, "content type")


def two_byte_length(_: object, attribute: object, data: bytes | None) -> None:
    """Refuse bytes whose length two bytes cannot carry.

    :raises RequestError: with their name.
    """
    if data is not None and len(data) > MAX_TOPIC_BYTES:
        name = getattr(attribute, "name", "it").replace("_", " ")
        raise RequestError(f"the {name} has {len(data)} bytes, and MQTT carries {MAX_TOPIC_BYTES} here; shorten it")


def _response_topic(_: object, __: object, topic: str | None) -> None:
    if topic is not None:
        check_topic(topic, "response topic")


@frozen(kw_only=True)
class MessageProperties:
    """The properties of a message, which only MQTT 5 carries.

    :param response_topic: where the answer is wanted.
    :param correlation_data: what the answer is to carry.
    :param content_type: such as ``application/json``; AWS takes 256 bytes (E47).
    :param message_expiry: seconds for which the message is worth delivering; AWS takes 1 to 604800 (E40).
    :param user_properties: pairs of name and value, in their order; AWS takes 8 KiB of them (E47).
    :param utf8: declare the payload to be UTF-8 text (payload format indicator 1).
    :raises RequestError: when the wire cannot carry a value.
    """

    response_topic: str | None = field(default=None, validator=_response_topic)
    correlation_data: bytes | None = field(default=None, validator=two_byte_length)
    content_type: str | None = field(default=None, validator=_content_type)
    message_expiry: int | None = field(default=None, validator=four_bytes)
    user_properties: tuple[tuple[str, str], ...] = field(default=(), converter=user_property_pairs)
    utf8: bool = False

    def to_wire(self) -> Properties:
        """Return them as :mod:`customauth.mqtt` has them."""
        from customauth.mqtt import Property

        said: Properties = {
            Property[wire_name]: value
            for name, wire_name in _WIRE_NAMES.items()
            if (value := getattr(self, name)) is not None
        }
        if self.user_properties:
            said[Property.USER_PROPERTY] = list(self.user_properties)
        if self.utf8:
            said[Property.PAYLOAD_FORMAT_INDICATOR] = 1
        return said

    @classmethod
    def from_wire(cls, said: Properties) -> MessageProperties:
        """Take them from what :mod:`customauth.mqtt` has read; what is no property of a message is left out."""
        if not said:
            return NO_PROPERTIES
        from customauth.mqtt import Property

        known: dict[str, Any] = {name: said.get(Property[wire_name]) for name, wire_name in _WIRE_NAMES.items()}
        # An empty one names no topic.
        known["response_topic"] = known["response_topic"] or None
        found = cls(
            **known,
            user_properties=tuple(cast("list[tuple[str, str]]", said.get(Property.USER_PROPERTY, []))),
            utf8=said.get(Property.PAYLOAD_FORMAT_INDICATOR) == 1,
        )
        return NO_PROPERTIES if found == NO_PROPERTIES else found


NO_PROPERTIES = MessageProperties()
"""The properties of a message that has none."""


@frozen(kw_only=True)
class Message:
    """An application message, on its way to the server or from it.

    :ivar qos: 0 or 1; AWS knows no QoS 2 (E18).
    :ivar retain: sent: keep it for later subscribers; received: it was kept (E41).
    :ivar duplicate: received: it may have come before; AWS does not set it (E20).
    :ivar properties: MQTT 5 only.
    """

    topic: str
    payload: bytes = field(default=b"", repr=size_alone)
    qos: int = 0
    retain: bool = False
    duplicate: bool = False
    properties: MessageProperties = NO_PROPERTIES


@frozen(kw_only=True)
class Acknowledgement:
    """What the server answered to a PUBLISH, SUBSCRIBE or UNSUBSCRIBE that it took.

    :ivar reason_code: of MQTT 5; on MQTT 3.1.1, which has none, 0, or in a SUBACK the QoS granted. None at QoS 0,
        where nothing is acknowledged.
    :ivar reason_string: MQTT 5 only, where the server sent one.
    """

    reason_code: int | None = 0
    reason_string: str | None = None


UNACKNOWLEDGED = Acknowledgement(reason_code=None)
"""What a publish at QoS 0 returns."""


def check_topic(topic: str, what: str = "topic") -> None:
    """Refuse what no server takes as the topic of a message.

    :raises RequestError: with the mend.
    """
    if not topic or re.search(_NEVER_IN_A_TOPIC, topic) is not None:
        raise RequestError(f"the {what} needs one character at least and neither + nor # nor NUL; mend {topic!r} (E32)")
    if len(topic) * 4 > MAX_TOPIC_BYTES and len(topic.encode()) > MAX_TOPIC_BYTES:
        raise RequestError(f"the {what} is longer than {MAX_TOPIC_BYTES} bytes; AWS takes 256 (E22)")


def check_filter(topic_filter: str) -> None:
    """Refuse what is no topic filter.

    :raises RequestError: with the mend.
    """
    if not topic_filter or re.search(_NEVER_IN_A_FILTER, topic_filter) is not None:
        raise RequestError("a topic filter needs one character at least and no NUL")
    if len(topic_filter.encode()) > MAX_TOPIC_BYTES:
        raise RequestError(f"the topic filter is longer than {MAX_TOPIC_BYTES} bytes; AWS takes 256 (E22)")
    levels = topic_filter.split("/")
    if any(("+" in level or "#" in level) and len(level) > 1 for level in levels) or "#" in levels[:-1]:
        raise RequestError(
            f"{topic_filter!r} is no topic filter: + and # stand alone between slashes, and # only at the end"
        )


def check_qos(qos: int) -> None:
    """Refuse what AWS does not serve.

    :raises RequestError: for anything but 0 and 1.
    """
    if qos not in (0, 1):
        raise RequestError(f"QoS {qos} cannot be used: AWS serves QoS 0 and 1 (E18); choose one")


def filter_matches(topic_filter: str, topic: str) -> bool:
    """Say whether a message on ``topic`` may have come for ``topic_filter``, shared or not, on any server.

    ``a/#`` matches ``a`` here, as the MQTT specification has it; AWS does not send such a message (E31).
    """
    wanted = topic_filter.split("/")
    if wanted[0] == "$share":
        del wanted[:2]
    levels = topic.split("/")
    if topic.startswith("$") and wanted[0] != levels[0]:
        return False
    for index, level in enumerate(wanted):
        if level == "#":
            return True
        if index == len(levels) or level not in ("+", levels[index]):
            return False
    return len(wanted) == len(levels)
