"""The socket that paho sees; on the other side an asyncio transport."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Link(asyncio.Protocol):
    """A stand-in for the non-blocking socket of a paho client.

    :param on_readable: called when there is something to be read, the end too; reads until :attr:`readable` is false.
    :param on_full: called when the server does not read fast enough.
    :param on_drained: called when it does again.
    :ivar ended: set when the transport is gone.
    :ivar cause: why it was lost, where that is known.
    :ivar paused: whether nothing is read.
    :ivar sent_at: when a packet was last sent, on the clock of the event loop.
    :ivar heard_at: when bytes last arrived, or reading began again.
    """

    def __init__(
        self, *, on_readable: Callable[[], None], on_full: Callable[[], None], on_drained: Callable[[], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_readable = on_readable
        self._on_full = on_full
        self._on_drained = on_drained
        self.ended = asyncio.Event()
        self.cause: Exception | None = None
        self.paused = False
        self.sent_at = self.heard_at = self._loop.time()
        self._arrived = b""
        self._at = 0
        self._at_end = False
        self._open = True
        self._transport: asyncio.Transport | None = None

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - asyncio's own promise for a stream
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self.heard_at = self._loop.time()
        if self._open:
            self._arrived = self._arrived[self._at :] + data
            self._at = 0
            self._hand_over()

    def pause_writing(self) -> None:
        self._on_full()

    def resume_writing(self) -> None:
        self._on_drained()

    def connection_lost(self, exc: Exception | None) -> None:
        # What came before the end still counts: a DISCONNECT says why.
        self.paused = False
        self.cause = exc
        self._at_end = True
        self._transport = None
        self.ended.set()
        self._hand_over()

    # What paho calls.

    def recv(self, size: int) -> bytes:
        """Return what has arrived, ``size`` bytes at most; nothing at the end.

        :raises BlockingIOError: there is nothing yet, or nothing may be read now: paho stops between two packets.
        """
        at = self._at
        data = self._arrived[at : at + size]
        if self.paused or not (data or self._at_end):
            raise BlockingIOError
        self._at = at + len(data)
        return data

    def send(self, packet: bytes | bytearray) -> int:
        """Hand a packet to the transport, which buffers it."""
        self.sent_at = self._loop.time()
        if self._transport is not None:
            self._transport.write(packet)
        return len(packet)

    def setblocking(self, flag: bool) -> None:
        """Never blocks; paho sets it all the same."""

    def close(self) -> None:
        """Do nothing: paho closes before DISCONNECT is on its way, and perhaps after the event loop is gone."""

    # What the connection calls.

    @property
    def readable(self) -> bool:
        """Whether paho has something to read."""
        return self._open and not self.paused and (self._at < len(self._arrived) or self._at_end)

    def peek(self) -> int | None:
        """Return the next byte without taking it, None where there is none to be read now."""
        return self._arrived[self._at] if not self.paused and self._at < len(self._arrived) else None

    def pause(self) -> None:
        """Read no more, and keep what has arrived."""
        self.paused = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read again, what has arrived first."""
        self.paused = False
        self.heard_at = self._loop.time()
        self._loop.call_soon(self._hand_over)
        if self._transport is not None:
            self._transport.resume_reading()

    def finish(self) -> None:
        """Take nothing more, and close once what was written has been sent."""
        self._open = False
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Take nothing more, and close at once."""
        self._open = False
        if self._transport is not None:
            self._transport.abort()

    def _hand_over(self) -> None:
        self._on_readable()
        if self._at == len(self._arrived):
            # Idle connections keep nothing of what they have read.
            self._arrived = b""
            self._at = 0
