"""One asyncio dialer for every backend that wants it: name, TCP, TLS, each failure with its stage and class."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

from customauth.endpoint import ALPN, Endpoint
from customauth.errors import (
    ConnectionRefused,
    ConnectTimeout,
    EndpointError,
    NameNotResolved,
    Stage,
    TlsFailed,
    TlsReason,
)

_log = logging.getLogger(__name__)

ProtocolT = TypeVar("ProtocolT", bound=asyncio.BaseProtocol)

_Address = tuple[int, int, int, Any]

# OpenSSL's X509_V_ERR numbers.
_CERTIFICATE_REASONS = {
    9: TlsReason.EXPIRED,
    10: TlsReason.EXPIRED,
    62: TlsReason.WRONG_NAME,
    64: TlsReason.WRONG_NAME,
}

_ALERTS = {
    "NO_APPLICATION_PROTOCOL": TlsReason.ALPN_REFUSED,
    "UNRECOGNIZED_NAME": TlsReason.SNI_REFUSED,
}


class Deadline:
    """The end of one attempt, for all of its stages together.

    :ivar at: the moment, on the clock of the running event loop.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self.at: float = asyncio.get_running_loop().time() + timeout

    @contextlib.asynccontextmanager
    async def limit(self, stage: Stage) -> AsyncIterator[None]:
        """End what is done inside when the deadline passes.

        :raises ConnectTimeout: with this stage.
        """
        limit = asyncio.timeout_at(self.at)
        try:
            async with limit:
                yield
        except TimeoutError as error:
            if limit.expired() and not isinstance(error, ConnectTimeout):
                raise ConnectTimeout(self._timeout, stage) from error
            raise


async def dial(
    protocol_factory: Callable[[], ProtocolT], endpoint: Endpoint, timeout: float
) -> tuple[asyncio.Transport, ProtocolT]:
    """Open a TLS connection with SNI and ALPN ``mqtt`` (A39, A47) and hand it to a protocol.

    :param timeout: seconds for name, TCP and TLS together.
    :raises NameNotResolved: the name has no address.
    :raises ConnectionRefused: no address took a TCP connection.
    :raises TlsFailed: with the reason.
    :raises ConnectTimeout: with the stage that was reached.
    """
    context = tls_context(endpoint)
    deadline = Deadline(timeout)
    async with deadline.limit(Stage.NAME):
        addresses = await _resolve(*endpoint.dial_target())
    _log.debug("%s is at %s", endpoint.dial_target()[0], ", ".join(str(address[3][0]) for address in addresses))
    async with deadline.limit(Stage.TCP):
        connected = await _connect(addresses, deadline.at)
    async with deadline.limit(Stage.TLS):
        made = await _handshake(protocol_factory, connected, context, endpoint.host, timeout)
    tls = made[0].get_extra_info("ssl_object")
    _log.debug("%s with %s, ALPN %s", tls.version(), endpoint.host, tls.selected_alpn_protocol())
    return made


async def probe_tls(endpoint: Endpoint, timeout: float) -> None:
    """Make a TLS connection and close it, sending nothing: an authorizer never hears of it.

    :raises ConnectError: as :func:`dial`.
    """
    transport, _ = await dial(asyncio.Protocol, endpoint, timeout)
    transport.abort()


def tls_context(endpoint: Endpoint) -> ssl.SSLContext:
    """Make the client's TLS settings: TLS 1.2 or later (A49), ALPN ``mqtt``, the endpoint's CA or the system's.

    :raises EndpointError: when the CA holds no certificate.
    """
    try:
        cadata = None if endpoint.ca_pem is None else endpoint.ca_pem.decode("ascii")
        context = ssl.create_default_context(cadata=cadata)
    except (ssl.SSLError, ValueError) as error:
        raise EndpointError(
            "the CA's certificate is damaged; give the file again, whole and in PEM (-----BEGIN CERTIFICATE-----)"
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols([ALPN])
    # Python 3.13 turned strict RFC 5280 checks on; the same CA must work on every Python and every backend.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


async def _resolve(host: str, port: int) -> list[_Address]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise NameNotResolved(f"the name {host} has no address: {getattr(error, 'strerror', error)}") from error
    return [(family, kind, protocol, address) for family, kind, protocol, _, address in found]


async def _connect(addresses: list[_Address], deadline: float) -> socket.socket:
    """Try each address in turn; a silent one gets no more than its share of the time."""
    loop = asyncio.get_running_loop()
    failures: list[OSError] = []
    for left, (family, kind, protocol, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
        peer = socket.socket(family, kind, protocol)
        peer.setblocking(False)
        try:
            async with asyncio.timeout((deadline - loop.time()) / left if left > 1 else None):
                await loop.sock_connect(peer, address)
        except OSError as error:
            peer.close()
            failures.append(error)
        except BaseException:
            peer.close()
            raise
        else:
            _log.debug("TCP connected to %s port %s", *address[:2])
            return peer
    host, port = addresses[-1][3][:2]
    reason = failures[-1].strerror or "no answer"
    raise ConnectionRefused(f"no TCP connection to {host} port {port}: {reason}") from failures[-1]


async def _handshake(
    protocol_factory: Callable[[], ProtocolT],
    connected: socket.socket,
    context: ssl.SSLContext,
    host: str,
    timeout: float,
) -> tuple[asyncio.Transport, ProtocolT]:
    loop = asyncio.get_running_loop()
    try:
        return await loop.create_connection(
            protocol_factory,
            sock=connected,
            ssl=context,
            server_hostname=host,
            # The deadline around all of this ends it first; asyncio's own would hide the stage.
            ssl_handshake_timeout=timeout + 60,
        )
    except ssl.SSLCertVerificationError as error:
        reason = _CERTIFICATE_REASONS.get(error.verify_code, TlsReason.UNTRUSTED_CA)
        raise TlsFailed(reason, error.verify_message) from error
    except ssl.SSLError as error:
        text = error.reason or str(error)
        # An alert that OpenSSL has a name for comes as TLSV1_ALERT_X, another as its prose.
        spelled = text.upper().replace(" ", "_")
        found = (reason for alert, reason in _ALERTS.items() if alert in spelled)
        raise TlsFailed(next(found, TlsReason.HANDSHAKE), text) from error
    except TimeoutError:
        raise
    except OSError as error:
        raise TlsFailed(TlsReason.HANDSHAKE, str(error) or "the peer closed the connection") from error
