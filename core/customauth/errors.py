"""Every error that customauth raises on purpose.

::

    CustomAuthError
    ├── CredentialError (ValueError)     unusable credentials; nothing was dialled
    ├── EndpointError (ValueError)       unusable endpoint or option; nothing was dialled
    ├── RequestError (ValueError)        a message or filter that no server takes; nothing was sent
    ├── BackendError                     nothing was dialled
    │   ├── UnknownBackend
    │   ├── BackendNotInstalled
    │   ├── PluginLoadError
    │   └── UnsupportedFeature
    ├── ConnectError                     one attempt was made and failed
    │   ├── DialError                    the peer was never reached, or not securely
    │   │   ├── NameNotResolved
    │   │   ├── ConnectionRefused
    │   │   ├── ProxyRefused             the proxy was not reached, or does not connect
    │   │   ├── TlsFailed
    │   │   └── UpgradeRejected          the server opens no WebSocket (F6, F7)
    │   ├── BackendFault                 the backend broke the contract: a fault of the plug-in
    │   ├── ClosedBeforeConnack          what AWS does to a refused MQTT 3.1.1 client (F3)
    │   ├── ConnackRefused               the CONNACK carried a refusal (F1)
    │   └── ConnectTimeout (TimeoutError)
    ├── CredentialsUnavailable           the source of the credentials failed; nothing was dialled
    ├── Disconnected                     an accepted connection has ended
    ├── SessionEnded                     a session has ended; the reason is its cause
    ├── SessionQueueFull                 too many publishes of a session wait for their acknowledgement
    ├── RequestRefused                   the server answered a request with a reason code of 0x80 or more
    │   ├── PublishRefused
    │   ├── SubscribeRefused
    │   └── UnsubscribeRefused
    └── RequestTimeout (TimeoutError)    the server did not answer a request in time

The cause that the MQTT library or the operating system gave is always in ``__cause__``. No message holds a password,
token or signature. ``hint`` is the next step for the person who reads the error; where nothing was dialled the message
itself ends in it.
"""

from __future__ import annotations

import enum
from typing import ClassVar


class Stage(enum.Enum):
    """How far an attempt had come when it ended."""

    NAME = "name resolution"
    TCP = "TCP connect"
    PROXY = "proxy"
    TLS = "TLS handshake"
    UPGRADE = "WebSocket upgrade"
    CONNACK = "CONNECT/CONNACK"


class TlsReason(enum.Enum):
    """Which part of the TLS handshake failed."""

    UNTRUSTED_CA = "the server's certificate is not signed by a trusted CA"
    WRONG_NAME = "the server's certificate is not for this name"
    EXPIRED = "the server's certificate has expired or is not valid yet"
    ALPN_REFUSED = "the server refused the ALPN protocol"
    SNI_REFUSED = "the server does not serve this name (SNI)"
    HANDSHAKE = "the handshake failed"


class CustomAuthError(Exception):
    """The root of the tree."""

    hint: str = ""


class CredentialError(CustomAuthError, ValueError):
    """The credentials cannot work. The message says which part and how to mend it, and never shows the value."""


class EndpointError(CustomAuthError, ValueError):
    """The endpoint or an option of the connection cannot work. The message says how to mend it."""


class RequestError(CustomAuthError, ValueError):
    """A publish, a subscribe or a will cannot work as it is. Nothing was sent; the message says how to mend it."""


class CredentialsUnavailable(CustomAuthError):
    """The function that was asked for the credentials failed. Nothing was dialled; its own exception is the cause.

    The message names the kind of that exception only: its text is a stranger's and may hold a secret.
    """

    hint: str = "see what the function that gives the credentials raised: it is this error's cause"

    def __init__(self, cause: Exception) -> None:
        super().__init__(f"the source of the credentials failed with {type(cause).__name__}")
        self.__cause__: BaseException | None = cause


class BackendError(CustomAuthError):
    """The backend cannot be used for this request."""


class UnknownBackend(BackendError):
    """No backend has this name. The message lists those that exist."""


class BackendNotInstalled(BackendError):
    """The backend is known but its MQTT library is missing. The message holds the pip command."""


class PluginLoadError(BackendError):
    """A plug-in could not be loaded, or two plug-ins claim one name."""


class UnsupportedFeature(BackendError):
    """The request needs something that the backend does not declare. The message names backends that do."""


class ConnectError(CustomAuthError):
    """One attempt to connect was made and failed.

    :ivar stage: how far the attempt had come.
    :ivar retryable: whether the very same attempt may succeed later.
    :ivar backend: the name of the backend that made it; filled in by :func:`customauth.connect`.
    :ivar endpoint: the endpoint as ``host:port``; filled in by :func:`customauth.connect`.
    """

    backend: str = ""
    endpoint: str = ""
    hint: str = "check that it is an MQTT server which listens at the endpoint's port, and its log"

    default_stage: ClassVar[Stage] = Stage.CONNACK
    default_retryable: ClassVar[bool] = True

    def __init__(
        self,
        message: str,
        *,
        stage: Stage | None = None,
        retryable: bool | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.stage: Stage = stage or self.default_stage
        self.retryable: bool = self.default_retryable if retryable is None else retryable
        if hint is not None:
            self.hint = hint


class DialError(ConnectError):
    """The peer was not reached, or no secure connection to it could be made."""

    default_stage = Stage.TCP
    hint: str = "check the network between this machine and the endpoint"


class NameNotResolved(DialError):
    """The endpoint's name has no address."""

    default_stage = Stage.NAME
    hint: str = "check the endpoint's spelling: aws iot describe-endpoint --endpoint-type iot:Data-ATS"


class ConnectionRefused(DialError):
    """The address was resolved, but no TCP connection could be made."""

    hint: str = "check the port (custom authentication is on 443) and that nothing in between blocks it"


_PROXY_AUTHENTICATION_REQUIRED = 407
_BUSY = frozenset({408, 429})
# The replies of SOCKS5 that will be the same next time: the rule set, the command, the type of address (RFC 1928, 6).
_SETTLED_SOCKS_REPLIES = frozenset({2, 7, 8})

_PROXY_HINTS = {
    _PROXY_AUTHENTICATION_REQUIRED: "give user and password in the proxy's URL: http://user:password@host:port",
    403: "let the proxy's administrator allow the endpoint and its port",
    2: "let the proxy's administrator allow the endpoint and its port",
}


class ProxyRefused(DialError):
    """The proxy was not reached, or did not connect to the endpoint.

    :ivar status: the HTTP status, or the reply code of SOCKS5 (below 10); None where there was neither.
    """

    default_stage = Stage.PROXY
    hint: str = "check the proxy's URL, its user and password, and that the proxy reaches the endpoint"

    def __init__(self, message: str, *, status: int | None = None) -> None:
        settled = status is not None and (
            status in _SETTLED_SOCKS_REPLIES or (400 <= status < 500 and status not in _BUSY)
        )
        super().__init__(message, retryable=not settled, hint=None if status is None else _PROXY_HINTS.get(status))
        self.status = status


_TLS_HINTS = {
    TlsReason.UNTRUSTED_CA: "trust the server's CA: --cafile FILE (the local gateway's is ca.pem in its folder)",
    TlsReason.WRONG_NAME: "connect to a name that is in the server's certificate, or use --address to dial elsewhere",
    TlsReason.EXPIRED: "check this machine's clock, then the server's certificate",
    TlsReason.ALPN_REFUSED: "the server does not speak MQTT with custom authentication here; check endpoint and port",
    TlsReason.SNI_REFUSED: (
        "use one of the account's own data endpoints: aws iot describe-endpoint --endpoint-type iot:Data-ATS"
    ),
    TlsReason.HANDSHAKE: "check that the port speaks TLS 1.2 or 1.3",
}


class TlsFailed(DialError):
    """The TLS handshake failed; ``reason`` says in which part."""

    default_stage = Stage.TLS
    default_retryable = False

    def __init__(self, reason: TlsReason, detail: str = "") -> None:
        message = f"{reason.value}: {detail}" if detail else reason.value
        super().__init__(message, hint=_TLS_HINTS[reason])
        self.reason = reason


_UPGRADE_HINTS = {
    101: "the server opens WebSockets, but not for MQTT: check endpoint, port and path (/mqtt on AWS)",
    400: "open the WebSocket at /mqtt with the subprotocol mqtt; check that endpoint and port are those of AWS IoT",
    403: (
        "check the credentials in headers or query: the authorizer's name, token key name, token and signature; "
        "without any, AWS takes the request for SigV4 and refuses it"
    ),
    404: "open the WebSocket at /mqtt",
}


class UpgradeRejected(DialError):
    """The server answered the request that opens a WebSocket with a refusal (F6, F7).

    :ivar status: the HTTP status; 101 where the server opened something else than a WebSocket for MQTT.
    """

    default_stage = Stage.UPGRADE
    hint: str = "check endpoint, port and path (/mqtt on AWS), and what stands between that answers in its place"

    def __init__(self, status: int, detail: str = "") -> None:
        message = f"the WebSocket was refused with HTTP status {status}"
        super().__init__(
            f"{message}: {detail}" if detail else message,
            retryable=status == 429 or status >= 500,
            hint=_UPGRADE_HINTS.get(status),
        )
        self.status = status


class BackendFault(ConnectError):
    """The backend raised what the contract does not know. Its own exception is in ``__cause__``.

    The message names the kind of that exception only: its text is a stranger's and may hold a secret.
    """

    default_retryable = False
    hint: str = "choose another backend, and report this to the plug-in's authors"


class ClosedBeforeConnack(ConnectError):
    """The peer closed the connection after CONNECT and before a CONNACK: how AWS refuses MQTT 3.1.1 (F3)."""

    default_retryable = False
    hint: str = (
        "AWS refuses an MQTT 3.1.1 client without a word: connect once with --protocol 5, which says more, "
        "and check authorizer name, user name and password or token and signature, and the policy for this client id"
    )

    def __init__(self, message: str = "closed by the peer before a CONNACK") -> None:
        super().__init__(message)


_CONNACK_NAMES_311 = {
    1: "unacceptable protocol version",
    2: "identifier rejected",
    3: "server unavailable",
    4: "bad user name or password",
    5: "not authorized",
}

_CONNACK_NAMES_5 = {
    0x80: "unspecified error",
    0x81: "malformed packet",
    0x82: "protocol error",
    0x83: "implementation specific error",
    0x84: "unsupported protocol version",
    0x85: "client identifier not valid",
    0x86: "bad user name or password",
    0x87: "not authorized",
    0x88: "server unavailable",
    0x89: "server busy",
    0x8A: "banned",
    0x8C: "bad authentication method",
    0x90: "topic name invalid",
    0x95: "packet too large",
    0x97: "quota exceeded",
    0x99: "payload format invalid",
    0x9A: "retain not supported",
    0x9B: "QoS not supported",
    0x9C: "use another server",
    0x9D: "server moved",
    0x9F: "connection rate exceeded",
}

_AUTHORIZATION_HINT = (
    "check the authorizer's name and status, what its function expects (user name and password, or token key name, "
    "token and signature), and that its policy allows iot:Connect for this client id; its log says which: CloudWatch "
    "on AWS, the DENY line of the local gateway"
)

_CONNACK_HINTS = {
    2: "choose another client id, of 1 to 128 bytes",
    4: _AUTHORIZATION_HINT,
    5: _AUTHORIZATION_HINT,
    0x84: "connect with the other protocol version: --protocol 3.1.1",
    0x85: "choose another client id, of 1 to 128 bytes",
    0x86: _AUTHORIZATION_HINT,
    0x87: _AUTHORIZATION_HINT,
    0x97: "wait a second before the next attempt: AWS takes one CONNECT per second per client id",
}

_RETRYABLE_CODES = frozenset({3, 0x80, 0x83, 0x88, 0x89, 0x97, 0x9F})


class ConnackRefused(ConnectError):
    """The CONNACK carried a refusal.

    :ivar reason_code: the MQTT 5 reason code (128 and above) or the MQTT 3.1.1 return code (1 to 5).
    :ivar reason_string: the reason string of MQTT 5, where the server sent one and the library passes it on (F1).
    """

    hint: str = "read the reason code and the server's log"

    def __init__(self, reason_code: int, reason_string: str | None = None) -> None:
        if reason_code >= 0x80:
            code, name = f"0x{reason_code:02X}", _CONNACK_NAMES_5.get(reason_code)
        else:
            code, name = str(reason_code), _CONNACK_NAMES_311.get(reason_code)
        message = f"refused with CONNACK {code} ({name or 'unknown code'})"
        if reason_string:
            message += f": {reason_string}"
        retryable = reason_code in _RETRYABLE_CODES
        super().__init__(message, retryable=retryable, hint=_CONNACK_HINTS.get(reason_code))
        self.reason_code = reason_code
        self.reason_string = reason_string


class ConnectTimeout(ConnectError, TimeoutError):
    """The deadline passed; ``stage`` names what was being waited for."""

    hint: str = "raise --timeout, or check what between this machine and the endpoint swallows packets"

    def __init__(self, timeout: float, stage: Stage) -> None:
        super().__init__(f"no answer within {timeout:g} s, waiting for {stage.value}", stage=stage)


_DISCONNECT_NAMES = {
    0x00: "normal disconnection",
    0x04: "disconnect with will message",
    0x80: "unspecified error",
    0x81: "malformed packet",
    0x82: "protocol error",
    0x83: "implementation specific error",
    0x87: "not authorized",
    0x89: "server busy",
    0x8B: "server shutting down",
    0x8D: "keep alive timeout",
    0x8E: "session taken over",
    0x8F: "topic filter invalid",
    0x90: "topic name invalid",
    0x91: "packet identifier in use",
    0x93: "receive maximum exceeded",
    0x94: "topic alias invalid",
    0x95: "packet too large",
    0x96: "message rate too high",
    0x97: "quota exceeded",
    0x98: "administrative action",
    0x99: "payload format invalid",
    0x9A: "retain not supported",
    0x9B: "QoS not supported",
    0x9C: "use another server",
    0x9D: "server moved",
    0x9E: "shared subscriptions not supported",
    0x9F: "connection rate exceeded",
    0xA0: "maximum connect time",
    0xA1: "subscription identifiers not supported",
    0xA2: "wildcard subscriptions not supported",
}

_DENIED_HINT = (
    "let the policy that the authorizer returns allow this action on this topic; the server's log says which was "
    "denied: CloudWatch on AWS, the DENY line of the local gateway"
)

_DISCONNECT_HINTS = {
    0x87: "the authorizer's answer has expired or its policy denies: connect again with fresh credentials, "
    "or mend the policy; the server's log says which",
    0x8D: "nothing was heard from this client for 1.5 times the keep alive (E10): do not block the event loop",
    0x8E: "another client connected with this client id (E15): give each its own",
    0x90: _DENIED_HINT,
    0x93: "at most 100 unacknowledged QoS 1 publishes are taken (E29)",
    0x97: "a quota of the connection was exceeded: a payload of more than 128 KiB (E21), or too many messages (E28)",
}

_SILENT_END_HINT = (
    "AWS closes without a word when an MQTT 3.1.1 client publishes or subscribes to what its policy denies, when "
    "another client takes its client id (E15), or when it sends what AWS does not serve: "
    "connect with MQTT 5, which says which"
)


class Disconnected(CustomAuthError):
    """An accepted connection has ended.

    :ivar by_server: whether the peer, or the network, ended it, and not this side.
    :ivar reason_code: of the DISCONNECT packet, whoever sent it; None when the connection ended without one.
    :ivar reason_string: MQTT 5 only, where the server sent one (E16).
    """

    hint: str = "connect again, or let a customauth.session do so"

    def __init__(
        self,
        reason_code: int | None = None,
        *,
        by_server: bool = True,
        reason_string: str | None = None,
        detail: str = "",
    ) -> None:
        if not by_server:
            message = f"the connection was closed here{': ' if detail else ''}{detail}"
        elif reason_code is None:
            message = f"the connection was lost without a DISCONNECT{': ' if detail else ''}{detail}"
            self.hint = _SILENT_END_HINT
        else:
            name = _DISCONNECT_NAMES.get(reason_code, "unknown code")
            message = f"the server ended the connection with DISCONNECT 0x{reason_code:02X} ({name})"
            self.hint = _DISCONNECT_HINTS.get(reason_code, type(self).hint)
            if reason_string:
                message += f": {reason_string}"
        super().__init__(message)
        self.by_server: bool = by_server
        self.reason_code: int | None = reason_code
        self.reason_string: str | None = reason_string
        self._detail = detail

    def again(self) -> Disconnected:
        """Return the same once more, to be raised in another place."""
        twin = Disconnected(
            self.reason_code, by_server=self.by_server, reason_string=self.reason_string, detail=self._detail
        )
        twin.__cause__ = self.__cause__
        twin.hint = self.hint
        return twin


_REQUEST_NAMES = {
    0x80: "unspecified error",
    0x83: "implementation specific error",
    0x87: "not authorized",
    0x8F: "topic filter invalid",
    0x90: "topic name invalid",
    0x91: "packet identifier in use",
    0x97: "quota exceeded",
    0x99: "payload format invalid",
    0x9E: "shared subscriptions not supported",
    0xA1: "subscription identifiers not supported",
    0xA2: "wildcard subscriptions not supported",
}

_REQUEST_HINTS = {
    0x80: _DENIED_HINT,
    0x87: _DENIED_HINT,
    0x8F: "mend the topic filter: at most 256 bytes and 8 levels (E22)",
    0x90: "mend the topic: at most 256 bytes and 8 levels, and none of the reserved ones (E22, E44)",
    0x97: "a quota is exceeded, such as 50 subscriptions a connection (E26): do with less, or wait",
}


class RequestRefused(CustomAuthError):
    """The server refused a request and kept the connection.

    :ivar reason_code: 0x80 or more (E34); 0x80 is all that MQTT 3.1.1 can say.
    :ivar reason_string: MQTT 5 only, where the server sent one.
    """

    what: ClassVar[str] = "the request"
    hint: str = "read the reason code and the server's log"

    def __init__(self, reason_code: int, reason_string: str | None = None, *, subject: str = "") -> None:
        name = _REQUEST_NAMES.get(reason_code, "unknown code")
        message = f"{self.what}{f' {subject!r}' if subject else ''} was refused with 0x{reason_code:02X} ({name})"
        if reason_string:
            message += f": {reason_string}"
        super().__init__(message)
        self.reason_code: int = reason_code
        self.reason_string: str | None = reason_string
        self.hint = _REQUEST_HINTS.get(reason_code, type(self).hint)


class PublishRefused(RequestRefused):
    """The PUBACK carries a refusal. MQTT 3.1.1 has none: there AWS closes the connection."""

    what = "the publish to"


class SubscribeRefused(RequestRefused):
    """The SUBACK carries a refusal."""

    what = "the subscription to"


class UnsubscribeRefused(RequestRefused):
    """The UNSUBACK carries a refusal. MQTT 3.1.1 has none."""

    what = "the end of the subscription to"


class RequestTimeout(CustomAuthError, TimeoutError):
    """The server did not answer a request in time. Whether it took it is not known."""

    hint: str = "raise the timeout; AWS answers no publish beyond 100 a second for a connection (E28)"

    def __init__(self, timeout: float, awaited: str) -> None:
        super().__init__(f"no {awaited} within {timeout:g} s")


class SessionEnded(CustomAuthError):
    """A session has ended, and nothing more can be done with it.

    :param reason: what ended it, None where its user did; it becomes the cause.
    """

    hint: str = "begin another session"

    def __init__(self, reason: Exception | None = None) -> None:
        if reason is None:
            message = "the session was ended here"
        elif isinstance(reason, CustomAuthError):
            message = f"the session has ended: {reason}"
            self.hint = reason.hint or type(self).hint
        else:
            # The text of a stranger's exception may hold a secret.
            message = f"the session has ended with {type(reason).__name__}"
        super().__init__(message)
        self.__cause__: BaseException | None = reason

    def again(self) -> SessionEnded:
        """Return the same once more, to be raised in another place."""
        return SessionEnded(self.__cause__ if isinstance(self.__cause__, Exception) else None)


class SessionQueueFull(CustomAuthError):
    """As many publishes of a session as may wait for their acknowledgement do. This one was not taken."""

    hint: str = "wait for some of them to be acknowledged, drop this one, or give the session a larger queue"

    def __init__(self, queue: int) -> None:
        super().__init__(f"{queue} publishes wait for their acknowledgement, and the session takes no more")
