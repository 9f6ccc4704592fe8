"""The publish over HTTPS, pure: its topic and its options (A32-A37)."""

from __future__ import annotations

import base64
import binascii
import json
import time
from urllib.parse import parse_qs, unquote_to_bytes

from attrs import field, frozen

from customauth.gateway.broker.limits import MAX_CONTENT_TYPE, MAX_CORRELATION_DATA, MAX_USER_PROPERTIES
from customauth.gateway.broker.messages import Message, message_expiry
from customauth.gateway.broker.topics import topic_fault
from customauth.gateway.http_answers import BadRequest
from customauth.gateway.origin import HttpRequest
from customauth.mqtt import Properties, Property

_PREFIX = "/topics/"
_FLAGS = {"true": True, "false": False}


@frozen(kw_only=True)
class Publish:
    """What is to be published.

    :ivar expiry: of the message, in seconds (A35).
    :ivar utf8: whether the payload is said to be UTF-8 text.
    """

    topic: str
    qos: int = 0
    retain: bool = False
    content_type: str | None = None
    response_topic: str | None = None
    expiry: int | None = None
    user_properties: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    utf8: bool = False
    correlation_data: bytes | None = field(default=None, repr=False)


def read_publish(request: HttpRequest) -> Publish:
    """Read a request; every text of the result is one that MQTT can carry.

    :raises BadRequest: when it is no publish.
    """
    if not request.path.startswith(_PREFIX):
        message = f"there is no {request.path[:128]!r}; publish with POST /topics/TOPIC?qos=0 (A32)"
        raise BadRequest(message, status=404, error_type="ResourceNotFoundException")
    if request.method != "POST":
        raise BadRequest(
            f"{request.method[:16]} is not for /topics; use POST (A32)",
            status=405,
            error_type="MethodNotAllowedException",
            headers=(("allow", "POST"),),
        )
    options = {name: values[0] for name, values in parse_qs(request.query, keep_blank_values=True).items()}
    retain = _flag("retain", options.get("retain", "false"))
    return Publish(
        topic=_published_to(request.path[len(_PREFIX) :], retain),
        qos=_qos(options.get("qos", "0")),
        retain=retain,
        content_type=_content_type(options.get("contentType")),
        response_topic=_response_topic(options.get("responseTopic")),
        expiry=_expiry(options.get("messageExpiry")),
        user_properties=_user_properties(request.headers.get("x-amz-mqtt5-user-properties")),
        utf8=_format(request.headers.get("x-amz-mqtt5-payload-format-indicator")),
        correlation_data=_correlation(request.headers.get("x-amz-mqtt5-correlation-data")),
    )


def http_message(publish: Publish, payload: bytes) -> Message:
    """Return a publish as the message that subscribers get (A35)."""
    found = {
        Property.CONTENT_TYPE: publish.content_type,
        Property.RESPONSE_TOPIC: publish.response_topic,
        Property.CORRELATION_DATA: publish.correlation_data,
    }
    properties: Properties = {name: value for name, value in found.items() if value is not None}
    if publish.utf8:
        properties[Property.PAYLOAD_FORMAT_INDICATOR] = 1
    if publish.user_properties:
        properties[Property.USER_PROPERTY] = list(publish.user_properties)
    return Message(
        topic=publish.topic,
        payload=payload,
        qos=publish.qos,
        retain=publish.retain,
        properties=properties,
        expires=None if publish.expiry is None else time.time() + publish.expiry,
    )


def _published_to(path: str, retain: bool) -> str:
    # A slash is the topic's own, raw or as %2F (A32).
    try:
        topic = unquote_to_bytes(path).decode()
    except UnicodeDecodeError as error:
        raise BadRequest("the topic is not UTF-8 after percent-decoding") from error
    return _topic("the topic", topic, retain=retain)


def _topic(what: str, topic: str, *, retain: bool = False) -> str:
    _check_text(what, topic)
    fault = topic_fault(topic, retain=retain)
    if fault is not None:
        raise BadRequest(f"{what}: {fault}", rule="topic-invalid")
    return topic


def _check_text(what: str, text: str) -> None:
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise BadRequest(f"{what} holds U+0000 or half a surrogate pair, which no text of MQTT may")


def _qos(text: str) -> int:
    if text not in ("0", "1"):
        raise BadRequest("qos is 0 or 1 (A32)")
    return int(text)


def _flag(name: str, text: str) -> bool:
    flag = _FLAGS.get(text.lower())
    if flag is None:
        raise BadRequest(f"{name} is true or false (A35)")
    return flag


def _content_type(text: str | None) -> str | None:
    if text is not None:
        _check_text("contentType", text)
        if len(text.encode()) > MAX_CONTENT_TYPE:
            raise BadRequest(f"contentType has more than {MAX_CONTENT_TYPE} bytes (E47)")
    return text


def _response_topic(text: str | None) -> str | None:
    return None if text is None else _topic("responseTopic", text)


def _expiry(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise BadRequest("messageExpiry is a number of seconds (A35)")
    return message_expiry(int(text))


def _user_properties(text: str | None) -> tuple[tuple[str, str], ...]:
    if text is None:
        return ()
    wanted = 'x-amz-mqtt5-user-properties is base64 of a JSON array such as [{"name": "value"}] (A35)'
    try:
        found = json.loads(_base64(text, wanted))
    except (ValueError, RecursionError) as error:
        raise BadRequest(wanted) from error
    if not isinstance(found, list) or not all(_is_pair(item) for item in found):
        raise BadRequest(wanted)
    pairs = tuple(next(iter(item.items())) for item in found)
    for name, value in pairs:
        _check_text("a user property", name + value)
    if sum(len((name + value).encode()) for name, value in pairs) > MAX_USER_PROPERTIES:
        raise BadRequest(f"the user properties have more than {MAX_USER_PROPERTIES} bytes (E47)")
    return pairs


def _is_pair(item: object) -> bool:
    return isinstance(item, dict) and len(item) == 1 and isinstance(next(iter(item.values())), str)


def _format(text: str | None) -> bool:
    if text not in (None, "UNSPECIFIED_BYTES", "UTF8_DATA"):
        raise BadRequest("x-amz-mqtt5-payload-format-indicator is UNSPECIFIED_BYTES or UTF8_DATA (A35)")
    return text == "UTF8_DATA"


def _correlation(text: str | None) -> bytes | None:
    if text is None:
        return None
    data = _base64(text, "x-amz-mqtt5-correlation-data is base64 (A35)")
    if len(data) > MAX_CORRELATION_DATA:
        raise BadRequest(f"the correlation data has more than {MAX_CORRELATION_DATA} bytes (E47)")
    return data


def _base64(text: str, wanted: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequest(wanted) from error
