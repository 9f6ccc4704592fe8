"""A SOCKS5 proxy (RFC 1928), with user and password (RFC 1929)."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from python_socks import ProxyError, ProxyType
from python_socks.async_.asyncio import Proxy as Socks

from customauth.endpoint import authority
from customauth.errors import ProxyRefused
from customauth.proxy import Proxy

# The deadline around all of this ends it first; the library's own would hide the stage. In seconds.
_NO_LIMIT = 86_400.0


async def ask(connected: socket.socket, proxy: Proxy, host: str, port: int) -> None:
    """Let the proxy connect to the host and port.

    :raises ProxyRefused: it did not, with its reply code if it gave one.
    :raises OSError: the connection to it was lost.
    """
    loop = asyncio.get_running_loop()
    socks = Socks(
        ProxyType.SOCKS5,
        proxy.host,
        proxy.port,
        proxy.username,
        proxy.password,
        rdns=True,
        forward=_Connected(connected, proxy, loop),
        loop=loop,
    )
    try:
        await socks.connect(host, port, timeout=_NO_LIMIT)
    except ProxyError as error:
        raise ProxyRefused(
            f"the proxy {proxy} refused to connect to {authority(host, port)}: {error}", status=error.error_code
        ) from error
    except UnicodeError as error:
        raise ProxyRefused(f"the proxy {proxy} cannot be asked for {host!r}, which is no name") from error


class _Connected(Socks):
    """What leads to the proxy: in a chain of proxies the one before it, here the connection that is there already."""

    def __init__(self, connected: socket.socket, proxy: Proxy, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(ProxyType.SOCKS5, proxy.host, proxy.port, loop=loop)
        self._connected = connected

    async def connect(
        self, dest_host: str, dest_port: int, timeout: float | None = None, **kwargs: Any
    ) -> socket.socket:
        return self._connected
