"""The stages of a connection, one after another."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from customauth.dialing.contexts import tls_context
from customauth.dialing.deadline import Deadline
from customauth.dialing.layer import Layer
from customauth.dialing.tcp import connect, resolve
from customauth.dialing.tls import TlsTransport, open_tls
from customauth.endpoint import Endpoint, Transport
from customauth.errors import EndpointError, Stage

if TYPE_CHECKING:
    from customauth.upgrade import Upgrade

_log = logging.getLogger(__name__)

ProtocolT = TypeVar("ProtocolT", bound=asyncio.BaseProtocol)


async def dial(
    protocol_factory: Callable[[], ProtocolT], endpoint: Endpoint, timeout: float, *, upgrade: Upgrade | None = None
) -> tuple[asyncio.Transport, ProtocolT]:
    """Open a connection for MQTT and hand it to a protocol: TLS with SNI (A47), in it a WebSocket where one is asked.

    Small writes go out together at the end of each step of the event loop. The transport's ``close()`` sends what was
    written, ends TLS, and waits for the peer to do so for 10 seconds at most.

    :param timeout: seconds for all stages together.
    :param upgrade: the request that opens the WebSocket; None for a plain one at the endpoint's path.
    :raises EndpointError: the CA or the client certificate cannot be used, or an upgrade is given without a WebSocket.
    :raises NameNotResolved: the name has no address.
    :raises ConnectionRefused: no address took a TCP connection.
    :raises ProxyRefused: the proxy was not reached, or did not connect.
    :raises TlsFailed: with the reason.
    :raises UpgradeRejected: with the HTTP status.
    :raises DialError: at the upgrade the peer closed, or sent what is no HTTP.
    :raises ConnectTimeout: with the stage that was reached.
    """
    if upgrade is not None and endpoint.transport is not Transport.WSS:
        raise EndpointError(f"an upgrade opens a WebSocket, which {endpoint} is not; write wss://{endpoint}")
    deadline = Deadline(timeout)
    top: Layer = await _secure(endpoint, deadline)
    try:
        if endpoint.transport is Transport.WSS:
            from customauth.dialing.websocket import open_websocket
            from customauth.upgrade import Upgrade

            async with deadline.limit(Stage.UPGRADE):
                top = await open_websocket(top, endpoint, upgrade or Upgrade(target=endpoint.path))
            _log.debug("a WebSocket is open")
        protocol = protocol_factory()
        top.start(protocol)
    except BaseException:
        top.abort()
        raise
    return top, protocol


async def probe_tls(endpoint: Endpoint, timeout: float) -> None:
    """Make a TLS connection and close it, sending nothing: an authorizer never hears of it.

    :raises ConnectError: as :func:`dial`.
    """
    tls = await _secure(endpoint, Deadline(timeout))
    tls.abort()


async def _secure(endpoint: Endpoint, deadline: Deadline) -> TlsTransport:
    context = tls_context(endpoint)
    host, port = endpoint.dial_target()
    if endpoint.proxy is not None:
        from customauth.dialing.proxies import open_tunnel

        async with deadline.limit(Stage.PROXY):
            connected = await open_tunnel(endpoint.proxy, host, port, deadline)
    else:
        async with deadline.limit(Stage.NAME):
            addresses = await resolve(host, port)
        async with deadline.limit(Stage.TCP):
            connected = await connect(addresses, deadline.at)
    async with deadline.limit(Stage.TLS):
        tls = await open_tls(connected, context, endpoint.host)
    made = tls.get_extra_info("ssl_object")
    _log.debug("%s with %s, ALPN %s", made.version(), endpoint.host, made.selected_alpn_protocol())
    return tls
