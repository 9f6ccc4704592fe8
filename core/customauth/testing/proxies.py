"""Real proxies on 127.0.0.1 and a port of their own, for tests of backends.

::

    http_proxy(**how) -> ProxyServer        the method CONNECT, Basic authentication
    socks5_proxy(**how) -> ProxyServer      SOCKS5, user and password
    ProxyServer                             .proxy for an Endpoint, .asked: what it was to connect to, as host:port

Each is an async context manager. How it behaves::

    user=("alice", "secret")     nobody else is served
    names={"device.example": ("127.0.0.1", 8443)}     where a name leads that only the proxy knows
    says=b"..."                  answer every request with these bytes, and close
    silent=True                  take the connection and say nothing
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ipaddress
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

from attrs import define, field

from customauth import Proxy

Place: TypeAlias = tuple[str, int]
User: TypeAlias = tuple[str, str]
_Streams: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_NO_METHOD = 0xFF


@define(eq=False)
class ProxyServer:
    """A proxy that runs."""

    proxy: Proxy
    user: User | None = None
    names: dict[str, Place] = field(factory=dict)
    says: bytes | None = None
    silent: bool = False
    asked: list[str] = field(factory=list)
    connections: int = 0

    async def reach(self, host: str, port: int) -> _Streams:
        """Connect to where a client wants to be connected."""
        self.asked.append(f"{host}:{port}")
        return await asyncio.open_connection(*self.names.get(host, (host, port)))


_Talk: TypeAlias = Callable[[ProxyServer, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[_Streams | None]]


@contextlib.asynccontextmanager
async def http_proxy(
    *,
    user: User | None = None,
    names: dict[str, Place] | None = None,
    says: bytes | None = None,
    silent: bool = False,
) -> AsyncIterator[ProxyServer]:
    """Run a proxy that knows the method CONNECT."""
    async with _running("http", _talk_http, user, names, says, silent) as server:
        yield server


@contextlib.asynccontextmanager
async def socks5_proxy(
    *,
    user: User | None = None,
    names: dict[str, Place] | None = None,
    says: bytes | None = None,
    silent: bool = False,
) -> AsyncIterator[ProxyServer]:
    """Run a SOCKS5 proxy."""
    async with _running("socks5", _talk_socks5, user, names, says, silent) as server:
        yield server


@contextlib.asynccontextmanager
async def _running(
    scheme: str, talk: _Talk, user: User | None, names: dict[str, Place] | None, says: bytes | None, silent: bool
) -> AsyncIterator[ProxyServer]:
    tasks: list[asyncio.Task[None]] = []
    writers: list[asyncio.StreamWriter] = []

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        tasks.append(asyncio.create_task(serve(reader, writer)))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            if server.silent:
                await reader.read()
                return
            if server.says is not None:
                await reader.read(65536)
                writer.write(server.says)
                await writer.drain()
            elif (onward := await talk(server, reader, writer)) is not None:
                writers.append(onward[1])
                await asyncio.gather(_relay(reader, onward[1]), _relay(onward[0], writer))
        writer.close()

    listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    server = ProxyServer(Proxy(scheme=scheme, host="127.0.0.1", port=port), user, names or {}, says, silent)
    try:
        yield server
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        for writer in writers:
            writer.transport.abort()
        await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)
    for result in ended:
        if isinstance(result, Exception):
            raise result


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
        return
    writer.transport.abort()


async def _talk_http(
    server: ProxyServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> _Streams | None:
    request = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = request[0].split(" ")
    headers = dict(line.lower().split(": ", 1) for line in request[1:] if line)
    if method != "CONNECT" or headers["host"] != target:
        raise ValueError(f"the request {request[0]!r} for {headers['host']} is none to an HTTP proxy")
    given = next((line.partition(": ")[2] for line in request if line.lower().startswith("proxy-authorization")), None)
    if server.user is not None:
        wanted = "Basic " + base64.b64encode(":".join(server.user).encode()).decode()
        if given != wanted:
            writer.write(b"HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n")
            return None
    host, _, port = target.rpartition(":")
    try:
        onward = await server.reach(host.strip("[]"), int(port))
    except OSError:
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        return None
    # In two pieces, and with a provisional answer before it.
    writer.write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 Connec")
    await writer.drain()
    await asyncio.sleep(0)
    writer.write(b"tion established\r\nVia: test\r\n\r\n")
    return onward


async def _talk_socks5(
    server: ProxyServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> _Streams | None:
    version, count = await reader.readexactly(2)
    if version != 5:
        raise ValueError(f"version {version} of SOCKS is none that this proxy speaks")
    methods = await reader.readexactly(count)
    method = 0 if server.user is None else 2
    if method not in methods:
        writer.write(bytes([5, _NO_METHOD]))
        return None
    writer.write(bytes([5, method]))
    if server.user is not None:
        _, size = await reader.readexactly(2)
        name = (await reader.readexactly(size)).decode()
        (size,) = await reader.readexactly(1)
        secret = (await reader.readexactly(size)).decode()
        granted = (name, secret) == server.user
        writer.write(bytes([1, 0 if granted else 1]))
        if not granted:
            return None
    _, command, _, kind = await reader.readexactly(4)
    if command != 1:
        raise ValueError(f"the SOCKS command {command} is not CONNECT")
    if kind == 3:
        (size,) = await reader.readexactly(1)
        host = (await reader.readexactly(size)).decode()
    else:
        host = str(ipaddress.ip_address(await reader.readexactly(4 if kind == 1 else 16)))
    (port,) = struct.unpack("!H", await reader.readexactly(2))
    try:
        onward = await server.reach(host, port)
    except OSError:
        writer.write(bytes([5, 5, 0, 1, 0, 0, 0, 0, 0, 0]))
        return None
    writer.write(bytes([5, 0, 0, 3, 4]) + b"here" + bytes([0, 1]))
    return onward
