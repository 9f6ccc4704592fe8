"""The keep alive of one connection. paho's own takes a server for dead whose answers are not read for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ._link import Link

# An answer to PINGREQ may take half the keep alive, but no longer than this, in seconds.
_LONGEST = 60.0


class KeepAlive:
    """Sends PINGREQ when nothing went out or came in for a keep alive, and tells when nothing comes in reply.

    :param seconds: the keep alive; 0 for none.
    :param ping: sends PINGREQ.
    :param lost: called once when there was no answer, with the seconds that were waited.
    """

    def __init__(self, link: Link, seconds: int, *, ping: Callable[[], object], lost: Callable[[float], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._link = link
        self._seconds = seconds
        self._patience = min(seconds / 2, _LONGEST)
        self._ping = ping
        self._lost = lost
        self._pinged_at: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        if seconds:
            self._look()

    def stop(self) -> None:
        """Send nothing more."""
        self._seconds = 0
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        now, link = self._loop.time(), self._link
        # While nothing is read, an answer may wait there.
        heard_at = now if link.paused else link.heard_at
        pinged_at = self._pinged_at
        if pinged_at is not None and pinged_at <= heard_at:
            pinged_at = None
        if pinged_at is not None and now - pinged_at >= self._patience:
            self._lost(self._patience)
            return
        if pinged_at is None and now - min(link.sent_at, heard_at) >= self._seconds:
            pinged_at = now
            self._ping()
        self._pinged_at = pinged_at
        if self._seconds:
            due = min(link.sent_at, heard_at) + self._seconds if pinged_at is None else pinged_at + self._patience
            self._timer = self._loop.call_at(due, self._look)
