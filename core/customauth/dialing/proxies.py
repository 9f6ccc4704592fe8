"""Through a proxy to the endpoint, whose name the proxy resolves."""

from __future__ import annotations

import logging
import socket

from customauth.dialing.deadline import Deadline
from customauth.dialing.tcp import connect, resolve
from customauth.errors import ConnectionRefused, NameNotResolved, ProxyRefused
from customauth.proxy import Proxy

_log = logging.getLogger(__name__)


async def open_tunnel(proxy: Proxy, host: str, port: int, deadline: Deadline) -> socket.socket:
    """Return a TCP connection to a proxy that has connected to the host and port.

    :raises ProxyRefused: the proxy was not reached, or did not connect.
    """
    try:
        connected = await connect(await resolve(proxy.host, proxy.port), deadline.at)
    except (NameNotResolved, ConnectionRefused) as error:
        raise ProxyRefused(f"the proxy {proxy} was not reached: {error}") from error.__cause__
    try:
        if proxy.scheme == "http":
            from customauth.dialing.http_tunnel import ask
        else:
            from customauth.dialing.socks_tunnel import ask
        await ask(connected, proxy, host, port)
    except OSError as error:
        connected.close()
        raise ProxyRefused(f"the proxy {proxy} closed the connection: {error.strerror or error}") from error
    except BaseException:
        connected.close()
        raise
    _log.debug("the proxy %s is connected to %s port %s", proxy, host, port)
    return connected
