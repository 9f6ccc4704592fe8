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
    ├── AwsError                         AWS's API was asked, and refused or was not reached
    │   └── AwsNotSetUp                  boto3, credentials or a region is missing; nothing was asked
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
itself ends in it. ``rule`` names the known cause in :data:`customauth.rules.RULES` that the hint is taken from.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from typing import ClassVar

from customauth._reason_names import CONNACK_NAMES_5, CONNACK_NAMES_311, DISCONNECT_NAMES, REQUEST_NAMES


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
    """The root of the tree.

    :ivar rule: the key of the known cause in :data:`customauth.rules.RULES`, None where there is none.
    """

    rule: str | None = None

    default_hint: ClassVar[str] = ""
    _told_hint: str | None = None

    @property
    def hint(self) -> str:
        """The next step: the cure of the error's rule; empty where there is nothing to say.

        An error that is told another has no rule any more.
        """
        if self._told_hint is not None:
            return self._told_hint
        if self.rule is None:
            return self.default_hint
        # A connection that comes about needs no rule, and is not to wait for them.
        from customauth.rules import RULES

        return RULES[self.rule].fix(self._facts())

    @hint.setter
    def hint(self, hint: str) -> None:
        self._told_hint = hint
        self.rule = None

    def _facts(self) -> Mapping[str, str]:
        """Return what the rule's cure wants to know of the case at hand."""
        return {}


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

    default_hint = "see what the function that gives the credentials raised: it is this error's cause"

    def __init__(self, cause: Exception) -> None:
        super().__init__(f"the source of the credentials failed with {type(cause).__name__}")
        self.__cause__: BaseException | None = cause


class AwsError(CustomAuthError):
    """AWS's API was asked for something, and refused it or was not reached. No device connects that way.

    :ivar code: AWS's code of the error, as ``AccessDeniedException``, or the name of botocore's own.
    """

    default_hint = "see the error in AWS's documentation"

    def __init__(self, message: str, *, code: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        if hint:
            self.hint = hint


class AwsNotSetUp(AwsError):
    """AWS's API cannot be asked from here: boto3, credentials or a region is missing. Nothing was asked."""

    default_hint = "set AWS_PROFILE and AWS_REGION, or run: aws configure"


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


_SERVER = re.compile(r"\A\w+://|/.*\Z")
_AWS_NAME = re.compile(r"\.iot\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?(?::[0-9]+)?\Z")  # A52


class ConnectError(CustomAuthError):
    """One attempt to connect was made and failed.

    :ivar stage: how far the attempt had come.
    :ivar retryable: whether the very same attempt may succeed later.
    :ivar backend: the name of the backend that made it; filled in by :func:`customauth.connect`.
    :ivar endpoint: the endpoint as ``host:port``; filled in by :func:`customauth.connect`.
    """

    backend: str = ""
    endpoint: str = ""
    rule: str | None = "not-mqtt"

    default_stage: ClassVar[Stage] = Stage.CONNACK
    default_retryable: ClassVar[bool] = True

    def __init__(
        self,
        message: str,
        *,
        stage: Stage | None = None,
        retryable: bool | None = None,
        hint: str | None = None,
        rule: str | None = None,
    ) -> None:
        super().__init__(message)
        self.stage: Stage = stage or self.default_stage
        self.retryable: bool = self.default_retryable if retryable is None else retryable
        if hint is not None:
            self.hint = hint
        if rule is not None:
            self.rule = rule

    def _facts(self) -> Mapping[str, str]:
        server = _SERVER.sub("", self.endpoint)
        region = _AWS_NAME.search(server)
        return {"endpoint": server, "region": "" if region is None else region[1]}


class DialError(ConnectError):
    """The peer was not reached, or no secure connection to it could be made."""

    default_stage = Stage.TCP
    rule: str | None = "tcp-unreachable"


class NameNotResolved(DialError):
    """The endpoint's name has no address."""

    default_stage = Stage.NAME
    rule: str | None = "name-not-resolved"


class ConnectionRefused(DialError):
    """The address was resolved, but no TCP connection could be made."""

    rule: str | None = "port-closed"


_PROXY_AUTHENTICATION_REQUIRED = 407
_BUSY = frozenset({408, 429})
# The replies of SOCKS5 that will be the same next time: the rule set, the command, the type of address (RFC 1928, 6).
_SETTLED_SOCKS_REPLIES = frozenset({2, 7, 8})

_PROXY_RULES = {
    _PROXY_AUTHENTICATION_REQUIRED: "proxy-authentication",
    403: "proxy-forbids",
    2: "proxy-forbids",
}


class ProxyRefused(DialError):
    """The proxy was not reached, or did not connect to the endpoint.

    :ivar status: the HTTP status, or the reply code of SOCKS5 (below 10); None where there was neither.
    """

    default_stage = Stage.PROXY
    rule: str | None = "proxy-refused"

    def __init__(self, message: str, *, status: int | None = None) -> None:
        settled = status is not None and (
            status in _SETTLED_SOCKS_REPLIES or (400 <= status < 500 and status not in _BUSY)
        )
        super().__init__(message, retryable=not settled, rule=None if status is None else _PROXY_RULES.get(status))
        self.status = status


_TLS_RULES = {
    TlsReason.UNTRUSTED_CA: "tls-untrusted",
    TlsReason.WRONG_NAME: "tls-wrong-name",
    TlsReason.EXPIRED: "tls-expired",
    TlsReason.ALPN_REFUSED: "alpn-refused",
    TlsReason.SNI_REFUSED: "sni-refused",
    TlsReason.HANDSHAKE: "tls-failed",
}


class TlsFailed(DialError):
    """The TLS handshake failed; ``reason`` says in which part."""

    default_stage = Stage.TLS
    default_retryable = False

    def __init__(self, reason: TlsReason, detail: str = "") -> None:
        message = f"{reason.value}: {detail}" if detail else reason.value
        super().__init__(message, rule=_TLS_RULES[reason])
        self.reason = reason


_UPGRADE_RULES = {
    101: "upgrade-not-mqtt",
    400: "upgrade-bad-request",
    403: "upgrade-forbidden",
    404: "websocket-path",
}


class UpgradeRejected(DialError):
    """The server answered the request that opens a WebSocket with a refusal (F6, F7).

    :ivar status: the HTTP status; 101 where the server opened something else than a WebSocket for MQTT.
    """

    default_stage = Stage.UPGRADE
    rule: str | None = "upgrade-rejected"

    def __init__(self, status: int, detail: str = "") -> None:
        message = f"the WebSocket was refused with HTTP status {status}"
        super().__init__(
            f"{message}: {detail}" if detail else message,
            retryable=status == 429 or status >= 500,
            rule=_UPGRADE_RULES.get(status),
        )
        self.status = status


class BackendFault(ConnectError):
    """The backend raised what the contract does not know. Its own exception is in ``__cause__``.

    The message names the kind of that exception only: its text is a stranger's and may hold a secret.
    """

    default_retryable = False
    default_hint = "choose another backend, and report this to the plug-in's authors"
    rule: str | None = None


class ClosedBeforeConnack(ConnectError):
    """The peer closed the connection after CONNECT and before a CONNACK: how AWS refuses MQTT 3.1.1 (F3)."""

    default_retryable = False
    rule: str | None = "closed-before-connack"

    def __init__(self, message: str = "closed by the peer before a CONNACK") -> None:
        super().__init__(message)


_CONNACK_RULES = {
    1: "protocol-version",
    2: "client-id-refused",
    4: "not-authorized",
    5: "not-authorized",
    0x81: "packet-malformed",
    0x84: "protocol-version",
    0x85: "client-id-refused",
    0x86: "not-authorized",
    0x87: "not-authorized",
    0x90: "will-topic",
    0x97: "connect-too-often",
    0x9B: "will-qos2",
}

_RETRYABLE_CODES = frozenset({3, 0x80, 0x83, 0x88, 0x89, 0x97, 0x9F})


class ConnackRefused(ConnectError):
    """The CONNACK carried a refusal.

    :ivar reason_code: the MQTT 5 reason code (128 and above) or the MQTT 3.1.1 return code (1 to 5).
    :ivar reason_string: the reason string of MQTT 5, where the server sent one and the library passes it on (F1).
    """

    default_hint = "read the reason code and the server's log"
    rule: str | None = None

    def __init__(self, reason_code: int, reason_string: str | None = None) -> None:
        if reason_code >= 0x80:
            code, name = f"0x{reason_code:02X}", CONNACK_NAMES_5.get(reason_code)
        else:
            code, name = str(reason_code), CONNACK_NAMES_311.get(reason_code)
        message = f"refused with CONNACK {code} ({name or 'unknown code'})"
        if reason_string:
            message += f": {reason_string}"
        retryable = reason_code in _RETRYABLE_CODES
        super().__init__(message, retryable=retryable, rule=_CONNACK_RULES.get(reason_code))
        self.reason_code = reason_code
        self.reason_string = reason_string

    def _facts(self) -> Mapping[str, str]:
        # A server that refuses MQTT 3.1.1 says so in the return codes of that version.
        return {**super()._facts(), "version": "3.1.1" if self.reason_code >= 0x80 else "5"}


_TIMEOUT_RULES = {
    Stage.TCP: "tcp-unreachable",
    Stage.CONNACK: "no-connack",
}


class ConnectTimeout(ConnectError, TimeoutError):
    """The deadline passed; ``stage`` names what was being waited for."""

    default_hint = "raise --timeout, or check what between this machine and the endpoint swallows packets"
    rule: str | None = None

    def __init__(self, timeout: float, stage: Stage) -> None:
        message = f"no answer within {timeout:g} s, waiting for {stage.value}"
        super().__init__(message, stage=stage, rule=_TIMEOUT_RULES.get(stage))


_DISCONNECT_RULES = {
    0x81: "protocol-error",
    0x82: "protocol-error",
    0x87: "connection-not-authorized",
    0x8D: "keep-alive-timeout",
    0x8E: "session-taken-over",
    0x8F: "filter-invalid",
    0x90: "topic-invalid",
    0x93: "receive-maximum",
    0x94: "topic-alias",
    0x95: "payload-too-large",
    0x97: "quota-exceeded",
    0x98: "credentials-expired",
    0x9B: "qos2",
    0xA1: "subscription-identifier",
}


class Disconnected(CustomAuthError):
    """An accepted connection has ended.

    :ivar by_server: whether the peer, or the network, ended it, and not this side.
    :ivar reason_code: of the DISCONNECT packet, whoever sent it; None when the connection ended without one.
    :ivar reason_string: MQTT 5 only, where the server sent one (E16).
    """

    default_hint = "connect again, or let a customauth.session do so"

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
            self.rule = "closed-without-word"
        else:
            name = DISCONNECT_NAMES.get(reason_code, "unknown code")
            message = f"the server ended the connection with DISCONNECT 0x{reason_code:02X} ({name})"
            self.rule = _DISCONNECT_RULES.get(reason_code)
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
        twin._told_hint = self._told_hint
        twin.rule = self.rule
        return twin


_REQUEST_RULES = {
    0x80: "policy-publish",
    0x87: "policy-publish",
    0x8F: "filter-invalid",
    0x90: "topic-invalid",
    0x97: "quota-exceeded",
}


class RequestRefused(CustomAuthError):
    """The server refused a request and kept the connection.

    :ivar reason_code: 0x80 or more (E34); 0x80 is all that MQTT 3.1.1 can say.
    :ivar reason_string: MQTT 5 only, where the server sent one.
    """

    what: ClassVar[str] = "the request"
    default_hint = "read the reason code and the server's log"
    _rules: ClassVar[Mapping[int, str]] = _REQUEST_RULES
    _subject_is: ClassVar[str] = "topic"

    def __init__(self, reason_code: int, reason_string: str | None = None, *, subject: str = "") -> None:
        name = REQUEST_NAMES.get(reason_code, "unknown code")
        message = f"{self.what}{f' {subject!r}' if subject else ''} was refused with 0x{reason_code:02X} ({name})"
        if reason_string:
            message += f": {reason_string}"
        super().__init__(message)
        self.reason_code: int = reason_code
        self.reason_string: str | None = reason_string
        self.rule: str | None = self._rules.get(reason_code)
        self._subject = subject

    def _facts(self) -> Mapping[str, str]:
        return {self._subject_is: self._subject}


class PublishRefused(RequestRefused):
    """The PUBACK carries a refusal. MQTT 3.1.1 has none: there AWS closes the connection."""

    what = "the publish to"


class SubscribeRefused(RequestRefused):
    """The SUBACK carries a refusal."""

    what = "the subscription to"
    _rules = {  # noqa: RUF012
        **_REQUEST_RULES,
        0x80: "policy-subscribe",
        0x87: "policy-subscribe",
        0x97: "too-many-subscriptions",
    }
    _subject_is = "filter"


class UnsubscribeRefused(RequestRefused):
    """The UNSUBACK carries a refusal. MQTT 3.1.1 has none."""

    what = "the end of the subscription to"
    _rules = SubscribeRefused._rules
    _subject_is = "filter"


class RequestTimeout(CustomAuthError, TimeoutError):
    """The server did not answer a request in time. Whether it took it is not known."""

    rule: str | None = "rate-exceeded"

    def __init__(self, timeout: float, awaited: str) -> None:
        super().__init__(f"no {awaited} within {timeout:g} s")


class SessionEnded(CustomAuthError):
    """A session has ended, and nothing more can be done with it.

    :param reason: what ended it, None where its user did; it becomes the cause.
    """

    default_hint = "begin another session"

    def __init__(self, reason: Exception | None = None) -> None:
        if reason is None:
            message = "the session was ended here"
        elif isinstance(reason, CustomAuthError):
            message = f"the session has ended: {reason}"
            self.hint = reason.hint or self.default_hint
            self.rule: str | None = reason.rule
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

    default_hint = "wait for some of them to be acknowledged, drop this one, or give the session a larger queue"

    def __init__(self, queue: int) -> None:
        super().__init__(f"{queue} publishes wait for their acknowledgement, and the session takes no more")
