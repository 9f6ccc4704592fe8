"""Servers that fail before TLS is up, each an async context manager on 127.0.0.1 and a port of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

from attrs import define, field

from customauth import Endpoint
from customauth.gateway.client_hello import NO_APPLICATION_PROTOCOL, NotClientHello, alert, read_client_hello
from customauth.testing.certificates import authority
from customauth.testing.listening import Port, local_endpoint, serving

_READ_SIZE = 65_536
_CLOSE_LIMIT = 2.0


@define(eq=False)
class PlainServer:
    """A TCP server that never speaks. ``accepted`` are its connections."""

    endpoint: Endpoint
    accepted: list[socket.socket] = field(factory=list)

    @property
    def port(self) -> int:
        """The TCP port."""
        return self.endpoint.port


@contextlib.asynccontextmanager
async def silent_server() -> AsyncIterator[PlainServer]:
    """Take TCP connections and never say a word."""

    async def serve(connected: socket.socket) -> None:
        server.accepted.append(connected)
        with contextlib.suppress(ConnectionError):
            await read_to_end(connected)

    async with serving(serve) as port:
        server = PlainServer(local_endpoint(port.number, authority().ca_pem))
        yield server


@contextlib.asynccontextmanager
async def hanging_up_server() -> AsyncIterator[PlainServer]:
    """Take TCP connections and close them at once."""

    async def serve(connected: socket.socket) -> None:
        server.accepted.append(connected)
        connected.close()

    async with serving(serve) as port:
        server = PlainServer(local_endpoint(port.number, authority().ca_pem))
        yield server


@contextlib.asynccontextmanager
async def closed_port() -> AsyncIterator[Endpoint]:
    """Yield a port that refuses TCP connections."""
    port = Port(socket.socket.close)
    try:
        port.refuse()
        yield local_endpoint(port.number, authority().ca_pem, host="127.0.0.1")
    finally:
        port.close()


@contextlib.asynccontextmanager
async def blackhole() -> AsyncIterator[Endpoint]:
    """Yield a port whose accept queue is full, so that the kernel drops every further SYN."""
    port = Port(socket.socket.close)
    try:
        port.swallow()
        yield local_endpoint(port.number, authority().ca_pem, host="127.0.0.1")
    finally:
        port.close()


@contextlib.asynccontextmanager
async def alpn_refusing_server() -> AsyncIterator[Endpoint]:
    """Take TLS connections and refuse every ALPN protocol with the alert 120, no_application_protocol (F15)."""

    async def serve(connected: socket.socket) -> None:
        with contextlib.suppress(ConnectionError):
            if await receive_hello(connected):
                await refuse_alpn(connected)

    async with serving(serve) as port:
        yield local_endpoint(port.number, authority().ca_pem)


async def receive_hello(connected: socket.socket) -> bytes:
    """Return the bytes up to the end of the ClientHello; none when the client leaves before or speaks no TLS.

    :raises ConnectionError: when the connection is reset.
    """
    received = b""
    while data := await asyncio.get_running_loop().sock_recv(connected, _READ_SIZE):
        received += data
        try:
            if read_client_hello(received) is not None:
                return received
        except NotClientHello:
            break
    return b""


async def refuse_alpn(connected: socket.socket) -> None:
    """Answer a ClientHello with the alert 120 and close.

    :raises ConnectionError: when the client has gone.
    """
    await asyncio.get_running_loop().sock_sendall(connected, alert(NO_APPLICATION_PROTOCOL))
    await finish(connected)


async def finish(connected: socket.socket) -> None:
    """Say that nothing more comes, and wait until the client has noticed or had 2 s to.

    :raises ConnectionError: when it has gone.
    """
    # Closed with bytes unread, a socket resets the connection, and what was sent last may be lost.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_CLOSE_LIMIT):
            connected.shutdown(socket.SHUT_WR)
            await read_to_end(connected)


async def read_to_end(connected: socket.socket) -> None:
    """Read and forget until the client closes.

    :raises ConnectionError: when the connection is reset.
    """
    while await asyncio.get_running_loop().sock_recv(connected, _READ_SIZE):
        pass
