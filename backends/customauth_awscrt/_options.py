"""From a request to what awscrt takes in both protocol versions: TLS, timeouts, proxy, WebSocket."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from awscrt import http, io

from customauth import ConnectRequest, Endpoint, EndpointError, Transport

from ._sockets import Mark

if TYPE_CHECKING:
    from customauth import ClientCertificate, Proxy

_ALPN: Final = "mqtt"

# awscrt always means to reconnect. Every client is stopped at its first failure; this keeps it quiet until then.
NEVER_SECONDS: Final = 10**9

_MAX_MILLISECONDS = 2**31 - 1
_SHORTEST_PING_TIMEOUT = 3000

Transform: TypeAlias = Callable[[Any], None]


def milliseconds(seconds: float) -> int:
    """Return a timeout as awscrt takes it: whole, at least 1 and at most what 32 bits hold."""
    return max(1, min(int(seconds * 1000), _MAX_MILLISECONDS))


def ping_timeout_ms(request: ConnectRequest, keep_alive: int) -> int:
    """Return the time for a PINGRESP, which on MQTT 3.1.1 is also that for the CONNACK.

    awscrt ends the process when it is not shorter than the keep alive.
    """
    wanted = max(milliseconds(request.timeout), _SHORTEST_PING_TIMEOUT)
    return min(wanted, keep_alive * 1000 - 1) if keep_alive else wanted


def socket_options(request: ConnectRequest, mark: Mark) -> io.SocketOptions:
    """Return the options of the TCP connection. There is none for TCP_NODELAY."""
    options = io.SocketOptions()
    options.connect_timeout_ms = milliseconds(request.timeout)
    options.keep_alive = True
    options.keep_alive_timeout_secs, options.keep_alive_interval_secs = mark.longer, mark.shorter
    return options


def tls_context(endpoint: Endpoint) -> io.ClientTlsContext:
    """Return the TLS settings, shared by connections: TLS 1.2 or later (A49), ALPN ``mqtt`` but none for a WebSocket
    (A30), the endpoint's CA or the system's, and the endpoint's client certificate.

    :raises EndpointError: when the CA or the client certificate cannot be used.
    """
    alpn = _ALPN if endpoint.transport is Transport.MQTT else None
    return _tls_context(endpoint.ca_pem, endpoint.client_certificate, alpn)


@functools.lru_cache(maxsize=64)
def _tls_context(ca_pem: bytes | None, certificate: ClientCertificate | None, alpn: str | None) -> io.ClientTlsContext:
    if certificate is None:
        options = io.TlsContextOptions()
    else:
        options = io.TlsContextOptions.create_client_with_mtls(certificate.certificate_pem, certificate.key_pem)
    # awscrt's own minimum is TLS 1.0.
    options.min_tls_ver = io.TlsVersion.TLSv1_2
    if alpn is not None:
        options.alpn_list = [alpn]
    if ca_pem is not None:
        options.override_default_trust_store(ca_pem)
    try:
        return io.ClientTlsContext(options)
    except RuntimeError as error:
        what = "the CA file" if certificate is None else "the CA file, or the client certificate and its private key"
        raise EndpointError(
            f"awscrt does not take {what}: {error}; give the files again, whole, in PEM, and those that belong together"
        ) from error


def proxy_options(proxy: Proxy | None) -> http.HttpProxyOptions | None:
    """Return the HTTP proxy that a tunnel is made through by CONNECT, None for none."""
    if proxy is None:
        return None
    options = http.HttpProxyOptions(proxy.host, proxy.port, connection_type=http.HttpProxyConnectionType.Tunneling)
    if proxy.username is not None:
        options.auth_type = http.HttpProxyAuthenticationType.Basic
        options.auth_username, options.auth_password = proxy.username, proxy.password or ""
    return options


def handshake_transform(request: ConnectRequest, is_given_up: Callable[[], bool]) -> Transform | None:
    """Return what makes awscrt's request for a WebSocket ours, None where there is to be no WebSocket.

    :param is_given_up: whether it is no longer to be sent.
    :raises CredentialError: when a header cannot carry the credentials.
    """
    upgrade = request.upgrade()
    if upgrade is None:
        return None

    # awscrt passes it by this name.
    def transform(transform_args: Any) -> None:
        if is_given_up():
            transform_args.set_done(ConnectionAbortedError("the attempt was given up"))
            return
        asked = transform_args.http_request
        asked.path = upgrade.target
        for name, value in upgrade.headers.items():
            asked.headers.set(name, value)
        transform_args.set_done()

    return transform
