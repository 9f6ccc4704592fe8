"""Every error that customauth raises on purpose.

::

    CustomAuthError
    ├── CredentialError (ValueError)     unusable credentials; nothing was dialled
    ├── EndpointError (ValueError)       unusable endpoint or option; nothing was dialled
    ├── BackendError                     nothing was dialled
    │   ├── UnknownBackend
    │   ├── BackendNotInstalled
    │   ├── PluginLoadError
    │   └── UnsupportedFeature
    └── ConnectError                     one attempt was made and failed
        ├── DialError                    the peer was never reached, or not securely
        │   ├── NameNotResolved
        │   ├── ConnectionRefused
        │   └── TlsFailed
        ├── BackendFault                 the backend broke the contract: a fault of the plug-in
        ├── ClosedBeforeConnack          what AWS does to a refused MQTT 3.1.1 client (F3)
        ├── ConnackRefused               the CONNACK carried a refusal (F1)
        └── ConnectTimeout (TimeoutError)

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
    TLS = "TLS handshake"
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
    hint = "check the network between this machine and the endpoint"


class NameNotResolved(DialError):
    """The endpoint's name has no address."""

    default_stage = Stage.NAME
    hint = "check the endpoint's spelling: aws iot describe-endpoint --endpoint-type iot:Data-ATS"


class ConnectionRefused(DialError):
    """The address was resolved, but no TCP connection could be made."""

    hint = "check the port (custom authentication is on 443) and that nothing in between blocks it"


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


class BackendFault(ConnectError):
    """The backend raised what the contract does not know. Its own exception is in ``__cause__``.

    The message names the kind of that exception only: its text is a stranger's and may hold a secret.
    """

    default_retryable = False
    hint = "choose another backend, and report this to the plug-in's authors"


class ClosedBeforeConnack(ConnectError):
    """The peer closed the connection after CONNECT and before a CONNACK: how AWS refuses MQTT 3.1.1 (F3)."""

    default_retryable = False
    hint = (
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

    hint = "read the reason code and the server's log"

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

    hint = "raise --timeout, or check what between this machine and the endpoint swallows packets"

    def __init__(self, timeout: float, stage: Stage) -> None:
        super().__init__(f"no answer within {timeout:g} s, waiting for {stage.value}", stage=stage)
