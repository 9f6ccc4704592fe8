"""How long a client may say nothing (E10)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class KeepAlive:
    """A limit on silence, which begins anew whenever something is heard.

    The timer is left alone then, and looks when it is due: most clients are heard of far more often than it matters.

    :param limit: in seconds.
    :param silent: called with the limit when it is over.
    """

    __slots__ = ("_heard", "_limit", "_loop", "_silent", "_timer")

    def __init__(self, limit: float, silent: Callable[[float], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._limit = limit
        self._silent = silent
        self._heard = self._loop.time()
        self._timer = self._loop.call_later(limit, self._look)

    def heard(self) -> None:
        """Begin anew."""
        self._heard = self._loop.time()

    def stop(self) -> None:
        """Limit nothing any more."""
        self._timer.cancel()

    def _look(self) -> None:
        left = self._heard + self._limit - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._look)
        else:
            self._silent(self._limit)
