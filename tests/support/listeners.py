"""What a test hears of a connection that it dialled. Import as ``listeners``.

::

    Listener                     a protocol: .received, .said_eof, .cause, .lost; .transport
    await listener.hears(b"..")  until these bytes have arrived, at the end of what has
    await listener.ended()       until the connection is gone; returns the cause
    run(main())                  on the loop of aloop; run(main(), "uvloop") on uvloop's
    loops                        a mark that runs a test on both: it asks for ``loop``
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Coroutine
from typing import TypeVar

import pytest

import aloop
from needs import needs

T = TypeVar("T")

LIMIT = 20.0
"""How long anything may take, in seconds."""

loops = pytest.mark.parametrize("loop", ["asyncio", pytest.param("uvloop", marks=needs("uvloop"))])


def run(main: Coroutine[object, object, T], loop: str = "asyncio") -> T:
    """Run ``main`` to its end."""
    if loop == "asyncio":
        return aloop.run(main)
    with asyncio.Runner(loop_factory=importlib.import_module(loop).new_event_loop) as runner:
        return runner.run(main)


class Listener(asyncio.Protocol):
    """A protocol that writes down what it is told."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.calls: list[str] = []
        self.transport: asyncio.Transport | None = None
        self.lost = 0
        self.cause: Exception | None = None
        self._news = asyncio.Event()

    @property
    def said_eof(self) -> bool:
        """Whether the peer said that it sends nothing more."""
        return "eof_received" in self.calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.calls.append("connection_made")

    def data_received(self, data: bytes) -> None:
        self.received += data
        self._news.set()

    def eof_received(self) -> None:
        self.calls.append("eof_received")
        self._news.set()

    def pause_writing(self) -> None:
        self.calls.append("pause_writing")
        self._news.set()

    def resume_writing(self) -> None:
        self.calls.append("resume_writing")
        self._news.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.calls.append("connection_lost")
        self.lost += 1
        self.cause = exc
        self._news.set()

    async def hears(self, data: bytes) -> None:
        """Wait until these bytes have arrived."""
        await self._until(lambda: self.received.endswith(data))

    async def told(self, call: str) -> None:
        """Wait until one of its methods was called."""
        await self._until(lambda: call in self.calls)

    async def ended(self) -> Exception | None:
        """Wait until the connection is gone, and return the cause."""
        await self._until(lambda: bool(self.lost))
        return self.cause

    async def _until(self, condition: object) -> None:
        assert callable(condition)
        async with asyncio.timeout(LIMIT):
            while not condition():
                self._news.clear()
                await self._news.wait()
