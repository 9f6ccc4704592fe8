"""The publish over HTTPS, pure: its topic and options, and the answers that AWS gives (A32-A38, F6, F9, F10)."""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import parse_qs, unquote_to_bytes

from attrs import field, frozen

from customauth.gateway.origin import HttpRequest

MAX_PAYLOAD = 131_072
"""The largest payload, in bytes (E21)."""

_PREFIX = "/topics/"
_MAX_TOPIC_BYTES = 256  # E22
_MAX_SLASHES = 7  # E22
_MAX_USER_PROPERTIES = 8192  # E47
_MAX_CORRELATION_DATA = 8192  # E47
_MAX_CONTENT_TYPE = 256  # E47
_MAX_EXPIRY = 604_800  # E40
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


@frozen(kw_only=True)
class HttpAnswer:
    """An answer: its status, the body's text, and what AWS calls the error (F6, F10)."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...]


class BadPublish(ValueError):
    """The request cannot be a publish; the message says why and what to send.

    :ivar status: the HTTP status: 400, 404 or 405.
    :ivar error_type: AWS's name of the error.
    """

    def __init__(self, message: str, *, status: int = 400, error_type: str = "InvalidRequestException") -> None:
        super().__init__(message)
        self.status = status
        self.error_type = error_type


def read_publish(request: HttpRequest) -> Publish:
    """Read a request.

    :raises BadPublish: when it is none.
    """
    if not request.path.startswith(_PREFIX):
        message = f"there is no {request.path[:128]!r}; publish with POST /topics/TOPIC?qos=0"
        raise BadPublish(message, status=404, error_type="ResourceNotFoundException")
    if request.method != "POST":
        raise BadPublish(f"{request.method} is not for /topics; use POST", status=405, error_type="MethodNotAllowed")
    options = {name: values[0] for name, values in parse_qs(request.query, keep_blank_values=True).items()}
    return Publish(
        topic=_topic(unquote_to_bytes(request.path[len(_PREFIX) :])),
        qos=_qos(options.get("qos", "0")),
        retain=_flag("retain", options.get("retain", "false")),
        content_type=_text("contentType", options.get("contentType"), _MAX_CONTENT_TYPE),
        response_topic=_text("responseTopic", options.get("responseTopic"), _MAX_TOPIC_BYTES),
        expiry=_expiry(options.get("messageExpiry")),
        user_properties=_user_properties(request.headers.get("x-amz-mqtt5-user-properties")),
        utf8=_format(request.headers.get("x-amz-mqtt5-payload-format-indicator")),
        correlation_data=_correlation(request.headers.get("x-amz-mqtt5-correlation-data")),
    )


def accepted() -> HttpAnswer:
    """Return the answer to an accepted publish (A36)."""
    return _answer(200, {"message": "OK", "traceId": str(uuid.uuid4())}, None)


def forbidden() -> HttpAnswer:
    """Return the answer to whoever is not let in (F6, F9)."""
    return _answer(403, {"message": "Forbidden", "traceId": str(uuid.uuid4())}, "ForbiddenException:")


def failed(status: int, error_type: str) -> HttpAnswer:
    """Return the answer to a request that cannot be served (F10); what was wrong with it is for the log."""
    return _answer(status, {"message": HTTPStatus(status).phrase, "traceId": str(uuid.uuid4())}, error_type)


def _answer(status: int, content: Mapping[str, str], error_type: str | None) -> HttpAnswer:
    body = json.dumps(content, separators=(",", ":")).encode()
    headers = [
        ("content-type", "application/json"),
        ("content-length", str(len(body))),
        ("date", formatdate(usegmt=True)),
        ("x-amzn-RequestId", str(uuid.uuid4())),
    ]
    if error_type is not None:
        headers += [("x-amzn-ErrorType", error_type), ("access-control-allow-origin", "*")]
        exposed = ("x-amzn-ErrorMessage", "x-amzn-RequestId", "x-amzn-ErrorType", "Date")
        headers += [("access-control-expose-headers", name) for name in exposed]
    return HttpAnswer(status=status, body=body, headers=tuple(headers))


def _topic(raw: bytes) -> str:
    try:
        topic = raw.decode()
    except UnicodeDecodeError as error:
        raise BadPublish("the topic is not UTF-8 after percent-decoding") from error
    if not topic or "\0" in topic:
        raise BadPublish("the topic is empty or holds U+0000")
    if "+" in topic or "#" in topic:
        raise BadPublish("the topic holds + or #, and a wildcard cannot be published to (E32)")
    if len(raw) > _MAX_TOPIC_BYTES or topic.count("/") > _MAX_SLASHES:
        raise BadPublish(f"the topic has more than {_MAX_TOPIC_BYTES} bytes or {_MAX_SLASHES} slashes (E22)")
    return topic


def _qos(text: str) -> int:
    if text not in ("0", "1"):
        raise BadPublish("qos is 0 or 1 (A32)")
    return int(text)


def _flag(name: str, text: str) -> bool:
    flag = _FLAGS.get(text.lower())
    if flag is None:
        raise BadPublish(f"{name} is true or false (A35)")
    return flag


def _text(name: str, text: str | None, most: int) -> str | None:
    if text is not None and len(text.encode(errors="replace")) > most:
        raise BadPublish(f"{name} has more than {most} bytes (E47)")
    return text


def _expiry(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise BadPublish("messageExpiry is a number of seconds (A35)")
    return min(max(int(text), 1), _MAX_EXPIRY)


def _user_properties(text: str | None) -> tuple[tuple[str, str], ...]:
    if text is None:
        return ()
    wanted = 'x-amz-mqtt5-user-properties is base64 of a JSON array such as [{"name": "value"}] (A35)'
    content = _base64(text, wanted)
    if len(content) > _MAX_USER_PROPERTIES:
        raise BadPublish(f"the user properties have more than {_MAX_USER_PROPERTIES} bytes (E47)")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BadPublish(wanted) from error
    if not isinstance(found, list) or not all(_is_pair(item) for item in found):
        raise BadPublish(wanted)
    return tuple(next(iter(item.items())) for item in found)


def _is_pair(item: object) -> bool:
    return isinstance(item, dict) and len(item) == 1 and isinstance(next(iter(item.values())), str)


def _format(text: str | None) -> bool:
    if text not in (None, "UNSPECIFIED_BYTES", "UTF8_DATA"):
        raise BadPublish("x-amz-mqtt5-payload-format-indicator is UNSPECIFIED_BYTES or UTF8_DATA (A35)")
    return text == "UTF8_DATA"


def _correlation(text: str | None) -> bytes | None:
    if text is None:
        return None
    data = _base64(text, "x-amz-mqtt5-correlation-data is base64 (A35)")
    if len(data) > _MAX_CORRELATION_DATA:
        raise BadPublish(f"the correlation data has more than {_MAX_CORRELATION_DATA} bytes (E47)")
    return data


def _base64(text: str, wanted: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadPublish(wanted) from error
