"""How long a grant holds: when the function is asked again, and when the connection ends (C25-C29)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from customauth.gateway.decision import Grant

# When iot:Connect is decided over again without the will, in seconds: AWS was seen to do so after 30 s to 5 min (C31).
_RECHECK_AFTER = 60.0


class Lease:
    """The timers of an accepted connection.

    The end is fixed when the connection is made, whatever later answers say (C27).

    :param time_scale: how many times faster than the clock the answers' seconds pass.
    :param refresh: called when the function is due to be asked again; :meth:`renew` sets the next time.
    :param expire: called at the end.
    :param recheck: called once, when iot:Connect is to be decided over again; None for never.
    """

    __slots__ = ("_end", "_loop", "_next", "_recheck", "_refresh", "_time_scale")

    def __init__(
        self,
        grant: Grant,
        *,
        time_scale: float,
        refresh: Callable[[], None],
        expire: Callable[[], None],
        recheck: Callable[[], None] | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._time_scale = time_scale
        self._refresh = refresh
        self._end = self._loop.call_later(grant.disconnect_after / time_scale, expire)
        self._next = self._after(grant)
        self._recheck = None if recheck is None else self._loop.call_later(_RECHECK_AFTER / time_scale, recheck)

    def renew(self, grant: Grant) -> None:
        """Begin the next interval."""
        self._next = self._after(grant)

    def end(self) -> None:
        """Stop all timers."""
        self._end.cancel()
        self._next.cancel()
        if self._recheck is not None:
            self._recheck.cancel()

    def _after(self, grant: Grant) -> asyncio.TimerHandle:
        return self._loop.call_later(grant.refresh_after / self._time_scale, self._refresh)
