"""How many publishes may be without an acknowledgement, for the libraries that run on the event loop."""

from __future__ import annotations

import asyncio


class Window:
    """Counts what is unacknowledged.

    :param size: so many may be.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._out = 0
        self._waiting: asyncio.Future[None] | None = None
        self._wanted = 0

    async def take(self) -> None:
        """Take a place, as soon as there is one."""
        if self._out == self._size:
            await self._below(self._size)
        self._out += 1

    def release(self, *_: object) -> None:
        """Give a place back."""
        self._out -= 1
        if self._waiting is not None and self._out < self._wanted and not self._waiting.done():
            self._waiting.set_result(None)

    async def drained(self) -> None:
        """Wait until all is acknowledged."""
        if self._out:
            await self._below(1)

    async def _below(self, number: int) -> None:
        self._wanted = number
        self._waiting = asyncio.get_running_loop().create_future()
        await self._waiting
        self._waiting = None
