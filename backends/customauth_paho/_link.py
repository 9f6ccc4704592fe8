"""The socket that paho sees: non-blocking calls on one side, an asyncio transport on the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Link(asyncio.Protocol):
    """A stand-in for the socket of a paho client.

    :ivar on_bytes: called when bytes have arrived.
    :ivar on_end: called once when the connection has ended, with the cause if there was one.
    :ivar ended: set when the transport is gone.
    """

    def __init__(self) -> None:
        self.on_bytes: Callable[[], None] = lambda: None
        self.on_end: Callable[[Exception | None], None] = lambda _: None
        self.ended = asyncio.Event()
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - asyncio's own promise for a stream
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        self.on_bytes()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.ended.set()
        self.on_end(exc)

    def recv(self, size: int) -> bytes:
        """Take up to ``size`` bytes; paho comes again when more have arrived."""
        if not self._received:
            raise BlockingIOError
        taken = bytes(self._received[:size])
        del self._received[:size]
        return taken

    def send(self, data: bytes) -> int:
        """Hand bytes to the transport, which buffers them."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionError("the connection is closed")
        self._transport.write(data)
        return len(data)

    def pending(self) -> int:
        """Return how many bytes wait to be read."""
        return len(self._received)

    def setblocking(self, flag: bool) -> None:
        """Never blocks; paho sets it all the same."""

    def close(self) -> None:
        """Close once what was written has been sent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()
