"""The first bytes of a client inside TLS, and the WebSocket that a request among them opens through the proxy (A23)."""

from __future__ import annotations

import asyncio
import contextlib
import http

from attrs import field, frozen
from websockets.protocol import Side

from customauth.testing.faults import Fault, UpgradeRefused, UpgradeSilent
from customauth.testing.relay import Stream
from customauth.testing.tls_stream import TlsStream
from customauth.testing.websocket_stream import WebSocketStream

_GET = b"GET "
_END_OF_HEAD = b"\r\n\r\n"
_SWITCHING_PROTOCOLS = b"HTTP/1.1 101 "
_MAX_HEAD = 65_536


@frozen(kw_only=True)
class Opened:
    """Both sides as what carries packets, and what was read from them already."""

    client: Stream
    server: Stream
    from_client: bytes = field(default=b"", repr=False)
    from_server: bytes = field(default=b"", repr=False)


async def open_passage(client: TlsStream, server: TlsStream, fault: Fault | None) -> Opened | None:
    """Wait for what the client begins with and, where it opens a WebSocket, for the server's answer.

    :return: None when the connection is over with that.
    :raises ConnectionError: when a side resets it.
    """
    first = await _first_bytes(client, server)
    if not first:
        return None
    if not first.startswith(_GET):
        return Opened(client=client, server=server, from_client=first)
    if isinstance(fault, UpgradeSilent):
        while await client.read():
            pass
        return None
    request, after_request = await _read_head(client, first)
    if isinstance(fault, UpgradeRefused):
        await client.write(_refusal(fault.status))
        return None
    await server.write(request)
    answer, after_answer = await _read_head(server, b"")
    if not answer.startswith(_SWITCHING_PROTOCOLS):
        await client.write(answer)
        return Opened(client=client, server=server, from_client=after_request, from_server=after_answer)
    await client.write(answer)
    return Opened(
        client=WebSocketStream(client, Side.SERVER, after_request),
        server=WebSocketStream(server, Side.CLIENT, after_answer),
    )


async def _first_bytes(client: TlsStream, server: TlsStream) -> bytes:
    """Return what the client says first, enough to tell HTTP; nothing when either side ends before."""
    reading = asyncio.create_task(_read_prefix(client))
    watching = asyncio.create_task(server.read())
    try:
        done, _ = await asyncio.wait((reading, watching), return_when=asyncio.FIRST_COMPLETED)
        if reading in done:
            return reading.result()
        # The server never speaks first: it has lost patience.
        watching.result()
        return b""
    finally:
        for task in (reading, watching):
            task.cancel()
        await asyncio.gather(reading, watching, return_exceptions=True)


async def _read_prefix(client: TlsStream) -> bytes:
    first = await client.read()
    while first and len(first) < len(_GET) and _GET.startswith(first):
        more = await client.read()
        if not more:
            break
        first += more
    return first


async def _read_head(stream: TlsStream, first: bytes) -> tuple[bytes, bytes]:
    """Return the head of a message, and what came after it; where there is no end of it, all that came."""
    received = first
    while _END_OF_HEAD not in received and len(received) < _MAX_HEAD:
        more = await stream.read()
        if not more:
            break
        received += more
    end = received.find(_END_OF_HEAD) + len(_END_OF_HEAD)
    return (received[:end], received[end:]) if end >= len(_END_OF_HEAD) else (received, b"")


def _refusal(status: int) -> bytes:
    phrase = ""
    with contextlib.suppress(ValueError):
        phrase = http.HTTPStatus(status).phrase
    return f"HTTP/1.1 {status} {phrase}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode()
