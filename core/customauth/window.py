"""How many publishes may be unacknowledged at once."""

from __future__ import annotations

import asyncio
from collections import deque


class Window:
    """Places that are taken and given back; those who wait get them in their order.

    :param places: how many there are.
    """

    __slots__ = ("_free", "_waiting")

    def __init__(self, places: int) -> None:
        self._free = places
        self._waiting: deque[asyncio.Future[None]] = deque()

    def take(self) -> bool:
        """Take a place if there is one for which nobody waits."""
        if self._free > 0:
            self._free -= 1
            return True
        return False

    async def wait(self) -> None:
        """Wait for a place and take it."""
        if self.take():
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if not place.cancelled():
                # It was given in the same moment.
                self.give_back()
            raise

    def give_back(self) -> None:
        """Give a place to the one who has waited longest, or back."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        self._free += 1
