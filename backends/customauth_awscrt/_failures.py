"""From awscrt's error names to the classes of ``customauth.errors``."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeAlias

from attrs import frozen
from awscrt.exceptions import AwsCrtError

from customauth import (
    ClosedBeforeConnack,
    ConnackRefused,
    ConnectError,
    ConnectionRefused,
    ConnectTimeout,
    DialError,
    Disconnected,
    Endpoint,
    NameNotResolved,
    ProxyRefused,
    RequestError,
    Stage,
    TlsFailed,
    TlsReason,
)


@frozen(kw_only=True)
class Failure:
    """How awscrt says that the attempt ended.

    :ivar error: awscrt's own exception.
    :ivar reason_code: of the CONNACK, if there was one and awscrt shows it.
    """

    error: BaseException
    reason_code: int | None = None
    reason_string: str | None = None


_HIDDEN_CODE = (
    "the server's answer to CONNECT was not an acceptance; "
    "awscrt hides whether it was a return code of MQTT 3.1.1, and which"
)

_UNASKED = "awscrt speaks with a client certificate only to a server that asks for one"
_UNASKED_HINT = (
    "give no client certificate, use another backend, or check that the endpoint's authentication type is "
    "CUSTOM_AUTH_X509"
)

_Build: TypeAlias = Callable[[str], ConnectError]


def _handshake(detail: str) -> ConnectError:
    return TlsFailed(TlsReason.HANDSHAKE, detail)


def _proxy(detail: str) -> ConnectError:
    return ProxyRefused(f"no connection through the proxy: {detail}")


def _upgrade(detail: str) -> ConnectError:
    return DialError(f"no WebSocket: {detail}", stage=Stage.UPGRADE)


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
    "AWS_ERROR_HTTP_PROXY_CONNECT_FAILED": _proxy,
    "AWS_ERROR_HTTP_PROXY_CONNECT_FAILED_RETRYABLE": _proxy,
    "AWS_ERROR_HTTP_WEBSOCKET_UPGRADE_FAILURE": _upgrade,
    "AWS_ERROR_HTTP_CONNECTION_CLOSED": _upgrade,
    "AWS_ERROR_HTTP_PROTOCOL_ERROR": _upgrade,
}

# These do not say in which part of TLS, or whether in TLS at all; a look at the way to the server does.
_DOUBTFUL: Final = frozenset(
    {
        "AWS_IO_TLS_ERROR_NEGOTIATION_FAILURE",
        "AWS_IO_TLS_ERROR_NOT_NEGOTIATED",
        "AWS_IO_TLS_ERROR_ALERT_RECEIVED",
        "AWS_IO_TLS_ALERT_NOT_GRACEFUL",
        "AWS_IO_SOCKET_CLOSED",
        "AWS_ERROR_UNKNOWN",
        "BrokenPipeError",
    }
)


# A proxy's answer and that to an upgrade: awscrt keeps their status to itself.
_HTTP: Final = "AWS_ERROR_HTTP_"

# How a request fails when its connection ends; AWS_IO_ and Python's ConnectionError are too.
_GONE: Final = frozenset(
    {
        "AWS_ERROR_MQTT_CANCELLED_FOR_CLEAN_SESSION",
        "AWS_ERROR_MQTT_CONNECTION_DESTROYED",
        "AWS_ERROR_MQTT_CONNECTION_DISCONNECTING",
        "AWS_ERROR_MQTT_CONNECTION_SHUTDOWN",
        "AWS_ERROR_MQTT_NOT_CONNECTED",
        "AWS_ERROR_MQTT_TIMEOUT",
        "AWS_ERROR_MQTT_UNEXPECTED_HANGUP",
        "AWS_ERROR_MQTT5_CLIENT_TERMINATED",
        "AWS_ERROR_MQTT5_DISCONNECT_RECEIVED",
        "AWS_ERROR_MQTT5_OPERATION_FAILED_DUE_TO_OFFLINE_QUEUE_POLICY",
        "AWS_ERROR_MQTT5_PING_RESPONSE_TIMEOUT",
        "AWS_ERROR_MQTT5_USER_REQUESTED_STOP",
    }
)

_RAISED: Final = re.compile(r"\d+ \((AWS_\w+)\)")

_NO_PINGRESP: Final = frozenset({"AWS_ERROR_MQTT_TIMEOUT", "AWS_ERROR_MQTT5_PING_RESPONSE_TIMEOUT"})


def is_doubtful(failure: Failure, endpoint: Endpoint) -> bool:
    """Return whether awscrt does not name what failed: TLS, the WebSocket or the proxy."""
    name = _name(failure.error)
    if endpoint.proxy is not None and _ERRORS.get(name) in (NameNotResolved, ConnectionRefused):
        return True
    return name in _DOUBTFUL or name.startswith(_HTTP)


def error_of(failure: Failure, waited: float, endpoint: Endpoint) -> ConnectError:
    """Return the error that says how the attempt ended, awscrt's own being its cause.

    :param waited: seconds since the attempt began.
    """
    error = _error_of(failure, waited, endpoint)
    error.__cause__ = failure.error
    return error


def lost(error: BaseException, ping_timeout_ms: int) -> Disconnected:
    """Return the end of a connection that awscrt lost without a DISCONNECT of the server, its own error the cause."""
    silent = _name(error) in _NO_PINGRESP
    ending = Disconnected(detail=f"no PINGRESP within {ping_timeout_ms / 1000:g} s" if silent else str(error))
    ending.__cause__ = error
    return ending


def malformed(error: RequestError) -> Disconnected:
    """Return the end of a connection on which a message came with properties that MQTT forbids."""
    ending = Disconnected(detail=f"PUBLISH: {error}")
    ending.__cause__ = error
    return ending


def is_gone(error: BaseException) -> bool:
    """Say whether a request failed because its connection ended, which awscrt reports by itself too."""
    name = _name(error)
    return name in _GONE or name.startswith("AWS_IO_") or isinstance(error, ConnectionError)


def invalid(error: BaseException) -> RequestError:
    """Return the error for what awscrt did not send, its own being the cause."""
    reason = str(error) or type(error).__name__
    refusal = RequestError(f"awscrt did not send it: {reason}; mend the topic, the payload or the properties")
    refusal.__cause__ = error
    return refusal


def _error_of(failure: Failure, waited: float, endpoint: Endpoint) -> ConnectError:
    # 0 when awscrt itself takes offence, as at a session that nobody asked for.
    if failure.reason_code:
        return ConnackRefused(failure.reason_code, failure.reason_string)
    found = _ERRORS.get(_name(failure.error))
    if found is _handshake and endpoint.client_certificate is not None:
        unasked = _handshake(f"{failure.error}; {_UNASKED}")
        unasked.hint = _UNASKED_HINT
        return unasked
    if found is None:
        return ConnectError(f"awscrt failed: {str(failure.error) or type(failure.error).__name__}")
    if isinstance(found, Stage):
        stage = Stage.PROXY if found is Stage.TCP and endpoint.proxy is not None else found
        return ConnectTimeout(round(waited, 1), stage)
    return found(str(failure.error))


def _name(error: BaseException) -> str:
    if isinstance(error, AwsCrtError):
        return str(error.name)
    # awscrt raises from its own calls what has the name in its text, and turns a few of its errors into Python's own.
    found = _RAISED.match(str(error))
    return type(error).__name__ if found is None else found[1]
