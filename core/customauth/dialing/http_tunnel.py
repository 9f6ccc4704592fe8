"""The method CONNECT of an HTTP proxy (RFC 9110, 9.3.6), with Basic authentication."""

from __future__ import annotations

import asyncio
import base64
import socket

import h11

from customauth.errors import ProxyRefused
from customauth.proxy import Proxy

_READ_SIZE = 4096


async def ask(connected: socket.socket, proxy: Proxy, host: str, port: int) -> None:
    """Let the proxy connect to the host and port.

    :raises ProxyRefused: it did not, with its status if it gave one.
    :raises OSError: the connection to it was lost.
    """
    loop = asyncio.get_running_loop()
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    http = h11.Connection(h11.CLIENT)
    try:
        request = h11.Request(method="CONNECT", target=authority, headers=_headers(proxy, authority))
        await loop.sock_sendall(connected, http.send(request) or b"")
        answer = await _answer(connected, http)
    except h11.ProtocolError as error:
        raise ProxyRefused(f"the proxy {proxy} does not speak HTTP: {error}") from error
    if not 200 <= answer.status_code < 300:
        cause = ConnectionRefusedError(f"HTTP status {answer.status_code}")
        raise ProxyRefused(
            f"the proxy {proxy} refused to connect to {authority}: HTTP status {answer.status_code}",
            status=answer.status_code,
        ) from cause
    if http.trailing_data[0]:
        # In TLS the client speaks first.
        raise ProxyRefused(f"the proxy {proxy} sent more than its answer") from ConnectionAbortedError("unasked bytes")


async def _answer(connected: socket.socket, http: h11.Connection) -> h11.Response:
    loop = asyncio.get_running_loop()
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            data = await loop.sock_recv(connected, _READ_SIZE)
            if not data:
                raise ConnectionResetError("no answer to CONNECT")
            http.receive_data(data)
        elif isinstance(event, h11.Response):
            return event


def _headers(proxy: Proxy, authority: str) -> list[tuple[str, str]]:
    headers = [("Host", authority)]
    if proxy.username is not None:
        secret = base64.b64encode(f"{proxy.username}:{proxy.password or ''}".encode()).decode("ascii")
        headers.append(("Proxy-Authorization", f"Basic {secret}"))
    return headers
