"""A connection in memory: what a handler writes is kept, and what a client sends is given to it as TLS would."""

from __future__ import annotations

import asyncio
import atexit
import functools
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, Protocol, cast

from customauth.gateway.front import Front
from customauth.gateway.origin import Origin
from customauth.gateway.tls import TlsConnection
from fuzz_targets import world

# A decision takes a few turns of the loop, each request of a chunk has one; what needs more than this goes in circles.
_MOST_TURNS = 20_000


class Handler(Protocol):
    """What speaks over a connection."""

    def received(self, data: bytes) -> None:
        """Take what the client sent."""

    def lost(self) -> None:
        """Learn that the connection is gone."""


class MemoryLink:
    """The TLS connection, as its handlers see it."""

    def __init__(self) -> None:
        self.written = bytearray()
        self.closing = False
        self.reading = True
        self.handler: Handler | None = None

    def write(self, data: bytes) -> None:
        """Keep it; as TLS does, nothing after the connection has begun to close."""
        if not self.closing:
            self.written += data

    def close(self) -> None:
        """Close."""
        self.closing = True

    def hang_up(self) -> None:
        """Close."""
        self.closing = True

    def abort(self) -> None:
        """Close."""
        self.closing = True

    def pause_reading(self) -> None:
        """Give the handler nothing more for now."""
        self.reading = False

    def resume_reading(self) -> None:
        """Give the handler what comes."""
        self.reading = True

    def hand_over(self, handler: Handler) -> None:
        """Give it to another handler from now on."""
        self.handler = handler


class _Complaints(logging.Handler):
    """The errors that the gateway logs: it goes on after them, a fuzzer must not."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it, with its traceback."""
        self.found.append(logging.Formatter().format(record))


class _Loop:
    """An event loop that knows which tasks run, and what went wrong in it."""

    def __init__(self) -> None:
        self.complaints = _Complaints()
        logging.getLogger("customauth.gateway").addHandler(self.complaints)
        self.tasks: set[asyncio.Task[Any]] = set()
        self.loop = asyncio.new_event_loop()
        atexit.register(self.loop.close)
        self.loop.set_task_factory(self._task)
        self.loop.set_exception_handler(lambda _, context: self.complaints.found.append(repr(context)))

    def run(self, work: Coroutine[Any, Any, bytes]) -> bytes:
        """Run this to its end; an error that was only logged is one."""
        self.complaints.found.clear()
        result = self.loop.run_until_complete(work)
        assert not self.complaints.found, self.complaints.found[0]
        return result

    async def settled(self) -> None:
        """Wait until no task is left but the one that runs."""
        for _ in range(_MOST_TURNS):
            await asyncio.sleep(0)
            if len(self.tasks) == 1:
                # What the last task has asked for in its last turn.
                await asyncio.sleep(0)
                return
        raise AssertionError("a task does not end")

    def _task(self, loop: asyncio.AbstractEventLoop, work: Any, **how: Any) -> asyncio.Task[Any]:
        task = asyncio.Task(work, loop=loop, **how)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task


@functools.cache
def _loop() -> _Loop:
    return _Loop()


def serve(begin: Callable[[MemoryLink], Handler], chunks: Iterable[bytes], *, most_written: int) -> bytes:
    """Let a handler have the chunks until it closes or they end; return what it wrote.

    An exception of the handler, a log record of it, a task that never ends, a client that nobody reads any more and
    a client that is written to without end are all failures.
    """
    return _loop().run(_serve(begin, chunks, most_written))


async def _serve(begin: Callable[[MemoryLink], Handler], chunks: Iterable[bytes], most_written: int) -> bytes:
    link = MemoryLink()
    link.handler = begin(link)
    try:
        for chunk in chunks:
            if link.closing:
                break
            link.handler.received(chunk)
            await _loop().settled()
            assert link.reading or link.closing, "nobody reads the client any more"
        assert len(link.written) <= most_written, f"{len(link.written)} bytes were written"
    finally:
        link.closing = True
        link.handler.lost()
        await _loop().settled()
    return bytes(link.written)


def front(link: MemoryLink, origin: Origin) -> Handler:
    """Return who has a new connection first."""
    # It asks no more of TLS than the link has.
    tls = cast(TlsConnection, link)
    return Front(tls, world.office(), origin, publish=lambda *_: None, admitted=lambda: None)


def finished(work: Awaitable[object]) -> object:
    """Run to its end what waits for nothing."""
    steps = work.__await__()
    try:
        next(steps)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits for something")
