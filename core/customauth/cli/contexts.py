"""The contexts of TestInvokeAuthorizer, in JSON or in the AWS CLI's shorthand (B23)."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from customauth.cli.misuse import Misuse
from customauth.cli.secrets import Secret, as_text

if TYPE_CHECKING:
    from customauth.authorizer import MqttContext, TlsContext
    from customauth.gateway.invoke_request import HttpTestContext

HTTP_CONTEXT = Secret(names=("http-context",), what='As {"headers": {"NAME": "VALUE"}, "queryString": "?a=b"}.')
MQTT_CONTEXT = Secret(
    names=("mqtt-context",), what='As {"username": "TEXT", "password": "BASE64", "clientId": "TEXT"}.'
)
TLS_CONTEXT = Secret(names=("tls-context",), what='As {"serverName": "TEXT"}.')
CONTEXTS = (HTTP_CONTEXT, MQTT_CONTEXT, TLS_CONTEXT)

F = TypeVar("F", bound=Callable[..., Any])

_FILE_MARKS = ("@", "file://")
# A comma ends a bare value, unless a backslash stands before it, and a closing brace ends it with its map.
_BARE = re.compile(r"(?:\\,|[^,}])*")
_KEY = re.compile(r"\s*([^\s=,{}'\"]+)\s*=\s*")
_QUOTED = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\"""", re.DOTALL)


def context_options(command: F) -> F:
    """Add the options of the three contexts; :func:`given_context` reads them."""
    for secret in reversed(CONTEXTS):
        command = secret.options(command)
    return command


def given_context(secret: Secret, options: dict[str, Any]) -> bytes | None:
    """Take a context out of a command's options; ``@FILE``, ``file://FILE`` and ``-`` name what holds it.

    :raises Misuse: given twice, or the file cannot be read.
    """
    file = f"{secret.parameter}_file"
    value: str | None = options[secret.parameter]
    named = "-" if value == "-" else None
    for mark in _FILE_MARKS:
        if value is not None and value.startswith(mark):
            named = value.removeprefix(mark)
    if named is not None and options[file] is None:
        options |= {secret.parameter: None, file: named}
    return secret.given(options)


def read_http(raw: bytes | None) -> HttpTestContext | None:
    """Read an HTTP context.

    :raises Misuse: when it is none; no text of an error holds any of it.
    """
    from customauth.gateway.invoke_request import HttpTestContext

    if raw is None:
        return None
    option = f"--{HTTP_CONTEXT.names[0]}"
    members = _members(option, raw, ("headers", "queryString"))
    headers = members.get("headers")
    if headers is not None and not (
        isinstance(headers, dict) and all(isinstance(value, str) for value in headers.values())
    ):
        raise Misuse(f"{option}: headers is no map of texts", 'write it as {"headers": {"NAME": "VALUE"}}')
    return HttpTestContext(headers=headers, query_string=_text(option, members, "queryString"))


def read_mqtt(raw: bytes | None) -> MqttContext | None:
    """Read an MQTT context, whose password is base64 (B23).

    :raises Misuse: as :func:`read_http`.
    """
    from customauth.authorizer import MqttContext

    if raw is None:
        return None
    option = f"--{MQTT_CONTEXT.names[0]}"
    members = _members(option, raw, ("username", "password", "clientId"))
    encoded = _text(option, members, "password")
    try:
        password = None if encoded is None else base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise Misuse(f"{option}: the password is not base64", "encode it, as: printf %s PASSWORD | base64") from None
    return MqttContext(
        username=_text(option, members, "username"), password=password, client_id=_text(option, members, "clientId")
    )


def read_tls(raw: bytes | None) -> TlsContext | None:
    """Read a TLS context.

    :raises Misuse: as :func:`read_http`.
    """
    from customauth.authorizer import TlsContext

    if raw is None:
        return None
    option = f"--{TLS_CONTEXT.names[0]}"
    return TlsContext(server_name=_text(option, _members(option, raw, ("serverName",)), "serverName"))


def parse_shorthand(text: str) -> dict[str, Any]:
    """Parse ``key=value,key={key=value},key='value'``; values are texts or maps.

    :raises ValueError: saying at which character it is something else, and nothing of what is there.
    """
    members, end = _map(text, 0)
    if end != len(text):
        raise ValueError(f"character {end + 1} does not belong there")
    return members


def _members(option: str, raw: bytes, known: tuple[str, ...]) -> dict[str, Any]:
    text = as_text(option, raw).strip()
    try:
        members = json.loads(text) if text.startswith(("{", "[")) else parse_shorthand(text)
    except (ValueError, RecursionError) as error:
        next_step = f"write it as JSON or as {known[-1]}=VALUE; {option}-file takes it from a file"
        raise Misuse(f"{option} is neither JSON nor shorthand: {error}", next_step) from None
    if not isinstance(members, dict):
        raise Misuse(f"{option} is no JSON object", f"give an object with {', '.join(known)}")
    unknown = len(members.keys() - set(known))
    if unknown:
        # Not named: with a comma that is not escaped it may be a piece of a token.
        raise Misuse(f"{option} has {unknown} members that it cannot have", f"it has {', '.join(known)} and no others")
    return members


def _text(option: str, members: dict[str, Any], name: str) -> str | None:
    value = members.get(name)
    if value is not None and not isinstance(value, str):
        raise Misuse(f"{option}: {name} is no text", f'write it as "{name}": "TEXT"')
    return value


def _map(text: str, start: int) -> tuple[dict[str, Any], int]:
    members: dict[str, Any] = {}
    while True:
        key = _KEY.match(text, start)
        if key is None:
            raise ValueError(f"there is no KEY= at character {start + 1}")
        if key[1] in members:
            raise ValueError(f"the key before character {key.end() + 1} is there twice")
        members[key[1]], start = _value(text, key.end())
        while text[start : start + 1].isspace():
            start += 1
        if text[start : start + 1] != ",":
            return members, start
        start += 1


def _value(text: str, start: int) -> tuple[Any, int]:
    if text.startswith("{", start):
        members, end = ({}, start + 1) if text.startswith("}", start + 1) else _map(text, start + 1)
        if not text.startswith("}", end):
            raise ValueError(f"there is no }} at character {end + 1}")
        return members, end + 1
    if text[start : start + 1] in ("'", '"'):
        quoted = _QUOTED.match(text, start)
        if quoted is None:
            raise ValueError(f"the quotation mark at character {start + 1} is never closed")
        return re.sub(r"\\(['\"\\])", r"\1", quoted[0][1:-1]), quoted.end()
    bare = _BARE.match(text, start)
    assert bare is not None  # noqa: S101 - it matches the empty text
    return bare[0].strip().replace("\\,", ","), bare.end()
