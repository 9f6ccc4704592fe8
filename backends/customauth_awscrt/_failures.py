"""From awscrt's error names to the classes of ``customauth.errors``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from awscrt.exceptions import AwsCrtError

from customauth import (
    ClosedBeforeConnack,
    ConnackRefused,
    ConnectError,
    ConnectionRefused,
    ConnectTimeout,
    NameNotResolved,
    Stage,
    TlsFailed,
    TlsReason,
)

from ._client import Failure

_HIDDEN_CODE = (
    "the server's answer to CONNECT was not an acceptance; "
    "awscrt hides whether it was a return code of MQTT 3.1.1, and which"
)

_Build: TypeAlias = Callable[[str], ConnectError]


def _handshake(detail: str) -> ConnectError:
    return TlsFailed(TlsReason.HANDSHAKE, detail)


def _closed(_: str) -> ConnectError:
    return ClosedBeforeConnack()


def _refused_311(_: str) -> ConnectError:
    return ClosedBeforeConnack(_HIDDEN_CODE)


_ERRORS: Final[dict[str, _Build | Stage]] = {
    "AWS_IO_DNS_INVALID_NAME": NameNotResolved,
    "AWS_IO_DNS_NO_ADDRESS_FOR_HOST": NameNotResolved,
    "AWS_IO_DNS_QUERY_FAILED": NameNotResolved,
    "AWS_IO_DNS_HOST_REMOVED_FROM_CACHE": NameNotResolved,
    "AWS_IO_SOCKET_CONNECTION_REFUSED": ConnectionRefused,
    "AWS_IO_SOCKET_NO_ROUTE_TO_HOST": ConnectionRefused,
    "AWS_IO_SOCKET_NETWORK_DOWN": ConnectionRefused,
    "AWS_IO_SOCKET_CONNECT_ABORTED": ConnectionRefused,
    "AWS_IO_SOCKET_INVALID_ADDRESS": ConnectionRefused,
    "AWS_IO_SOCKET_TIMEOUT": Stage.TCP,
    "AWS_IO_TLS_NEGOTIATION_TIMEOUT": Stage.TLS,
    "AWS_IO_TLS_ERROR_NEGOTIATION_FAILURE": _handshake,
    "AWS_IO_TLS_ERROR_NOT_NEGOTIATED": _handshake,
    "AWS_IO_TLS_ERROR_ALERT_RECEIVED": _handshake,
    "AWS_IO_TLS_ALERT_NOT_GRACEFUL": _handshake,
    # TCP without TLS's own farewell: in the handshake or after it.
    "AWS_IO_SOCKET_CLOSED": _closed,
    "BrokenPipeError": _closed,
    "AWS_ERROR_MQTT_UNEXPECTED_HANGUP": _closed,
    "AWS_ERROR_MQTT_PROTOCOL_ERROR": _refused_311,
    "AWS_ERROR_MQTT_TIMEOUT": Stage.CONNACK,
    "AWS_ERROR_MQTT5_CONNACK_TIMEOUT": Stage.CONNACK,
}

# These do not say in which part of TLS, or whether in TLS at all; a look at TLS alone does.
_DOUBTFUL: Final = frozenset(
    {
        "AWS_IO_TLS_ERROR_NEGOTIATION_FAILURE",
        "AWS_IO_TLS_ERROR_NOT_NEGOTIATED",
        "AWS_IO_TLS_ERROR_ALERT_RECEIVED",
        "AWS_IO_TLS_ALERT_NOT_GRACEFUL",
        "AWS_IO_SOCKET_CLOSED",
        "BrokenPipeError",
    }
)


def may_be_tls(failure: Failure) -> bool:
    """Return whether TLS may be to blame in a way that awscrt does not name."""
    return _name(failure) in _DOUBTFUL


def error_of(failure: Failure, waited: float) -> ConnectError:
    """Return the error that says how the attempt ended, awscrt's own being its cause.

    :param waited: seconds since the attempt began.
    """
    error = _error_of(failure, waited)
    error.__cause__ = failure.error
    return error


def _error_of(failure: Failure, waited: float) -> ConnectError:
    # 0 when awscrt itself takes offence, as at a session that nobody asked for.
    if failure.reason_code:
        return ConnackRefused(failure.reason_code, failure.reason_string)
    found = _ERRORS.get(_name(failure))
    if found is None:
        return ConnectError(f"awscrt failed: {str(failure.error) or type(failure.error).__name__}")
    if isinstance(found, Stage):
        return ConnectTimeout(round(waited, 1), found)
    return found(str(failure.error))


def _name(failure: Failure) -> str:
    # awscrt turns a few of its errors into Python's own.
    error = failure.error
    return error.name if isinstance(error, AwsCrtError) else type(error).__name__
