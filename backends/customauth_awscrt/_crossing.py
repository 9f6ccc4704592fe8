"""From awscrt's threads to the event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Any


class Crossing:
    """Calls that awscrt's threads want made on the event loop, made there in their order.

    Waking the event loop from another thread is what costs: it is done once for all calls that wait, and while they
    keep coming the event loop looks for them by itself at each of its turns.
    """

    __slots__ = ("_awake", "_calls", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: deque[tuple[Callable[[Any], object], Any]] = deque()
        self._awake = False

    def call(self, function: Callable[[Any], object], argument: Any) -> None:
        """Let the event loop call a function. From any thread; once the loop is closed it is not called."""
        if self._loop.is_closed():
            # awscrt may take half a minute to end a client (see _attempt), longer than the loop may live.
            self._calls.clear()
            return
        self._calls.append((function, argument))
        if not self._awake:
            self._awake = True
            # It may have been closed just now.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._run)

    def _run(self) -> None:
        calls = self._calls
        if not calls:
            self._awake = False
            # What came just before that line woke nobody.
            if not calls:
                return
            self._awake = True
        # Before the calls, one of which may raise. Others of the event loop have their turn in between.
        self._loop.call_soon(self._run)
        for _ in range(len(calls)):
            function, argument = calls.popleft()
            function(argument)
