"""The input of TestInvokeAuthorizer, and what the service has against one (B23, B26): pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from attrs import field, frozen

from customauth.authorizer import MqttContext, TlsContext

_SIGNATURE = re.compile(r"[A-Za-z0-9+/]+={0,2}")
# A21
_MAX_TOKEN = 6144
_MAX_SIGNATURE = 2560
_MAX_QUERY = 4096
_MAX_HEADER = 8192
_MAX_MQTT = 65_535
_MAX_SERVER_NAME = 253


class ServiceError(Exception):
    """An error as the service words it.

    :ivar code: its name in the service model.
    :ivar text: its message; None where AWS sends a null.
    :ivar why: what was wrong, where the message does not tell.
    :ivar fix: what to change.
    :ivar output: what the function printed; it may hold credentials, and so may ``text``.
    """

    code = "InternalFailureException"

    def __init__(self, text: str | None, *, why: str = "", fix: str = "", output: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.why = why
        self.fix = fix
        self.output = output


class InvalidRequest(ServiceError):
    """The function was not run: the request breaks a rule, or its signature does not verify (B26)."""

    code = "InvalidRequestException"


class ResourceNotFound(ServiceError):
    """There is no such authorizer (B14)."""

    code = "ResourceNotFoundException"


class InvalidResponse(ServiceError):
    """The function failed, or its answer breaks the contract (B30, C20)."""

    code = "InvalidResponseException"


@frozen(kw_only=True)
class HttpTestContext:
    """The HTTP request of a test, with the case of the headers' names, and the ``?`` of the query kept (B28).

    :ivar headers: None when they are not given, and so with ``query_string``; the event then lacks the member.
    """

    headers: Mapping[str, str] | None = field(default=None, repr=False)
    query_string: str | None = field(default=None, repr=False)


@frozen(kw_only=True)
class TestRequest:
    """The members of the request (B23): either token and signature, or one context or more."""

    authorizer: str
    token: str | None = field(default=None, repr=False)
    token_signature: str | None = field(default=None, repr=False)
    http: HttpTestContext | None = None
    mqtt: MqttContext | None = None
    tls: TlsContext | None = None

    @property
    def has_context(self) -> bool:
        """Whether any context is given."""
        return not (self.http is None and self.mqtt is None and self.tls is None)


def check_members(request: TestRequest) -> None:
    """Check each member by itself, as the service does before it looks at the authorizer (A21, B15).

    :raises InvalidRequest: with all that is wrong.
    """
    errors = [
        f"Value at '{member}' failed to satisfy constraint: {constraint}" for member, constraint in _broken(request)
    ]
    if errors:
        noun = "error" if len(errors) == 1 else "errors"
        text = f"{len(errors)} validation {noun} detected: {'; '.join(errors)}"
        raise InvalidRequest(text, fix="give a value within the limits, or leave the member out")


def check_combination(request: TestRequest, *, signing_disabled: bool) -> None:
    """Check what the members are together, for an authorizer with or without signing (B26).

    :raises InvalidRequest: with the first thing that is wrong.
    """
    if (request.token is None) != (request.token_signature is None):
        raise InvalidRequest(
            "Request must provide both token and tokenSignature together.",
            fix="give token and signature, or leave both out",
        )
    if request.token is not None and request.has_context:
        raise InvalidRequest(
            "Request cannot have token and Http/Mqtt/Tls context.",
            fix="leave the token out and put it, with its signature, into the context's user name, query or headers",
        )
    if request.token is not None and signing_disabled:
        raise InvalidRequest(
            "Token and token signature provided but signing is disabled for the authorizer.",
            fix="give a context in their place",
        )
    if request.token is None and not request.has_context:
        fix = "give a context" if signing_disabled else "give a context, or a token and its signature"
        raise InvalidRequest("Request must have Http/Mqtt/Tls context.", fix=fix)
    query = None if request.http is None else request.http.query_string
    if query is not None and not query.startswith("?"):
        raise InvalidRequest("Invalid arguments in the call", fix="begin the queryString with its ?")


def _broken(request: TestRequest) -> Iterator[tuple[str, str]]:
    """List the members that break a constraint, with its words."""
    yield from _length("token", request.token, _MAX_TOKEN)
    yield from _length("tokenSignature", request.token_signature, _MAX_SIGNATURE)
    if request.token_signature is not None and not _SIGNATURE.fullmatch(request.token_signature):
        yield "tokenSignature", f"Member must satisfy regular expression pattern: {_SIGNATURE.pattern}"
    if request.http is not None:
        for text in (text for pair in (request.http.headers or {}).items() for text in pair):
            yield from _length("httpContext.headers", text, _MAX_HEADER)
        yield from _length("httpContext.queryString", request.http.query_string, _MAX_QUERY)
    if request.mqtt is not None:
        yield from _length("mqttContext.username", request.mqtt.username, _MAX_MQTT)
        yield from _length("mqttContext.password", request.mqtt.password, _MAX_MQTT)
        yield from _length("mqttContext.clientId", request.mqtt.client_id, _MAX_MQTT)
    if request.tls is not None:
        yield from _length("tlsContext.serverName", request.tls.server_name, _MAX_SERVER_NAME)


def _length(member: str, value: str | bytes | None, most: int) -> Iterator[tuple[str, str]]:
    if value is not None and not value:
        yield member, "Member must have length greater than or equal to 1"
    elif value is not None and len(value) > most:
        yield member, f"Member must have length less than or equal to {most}"
