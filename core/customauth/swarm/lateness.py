"""How late this process's event loop is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

# How often it is looked at, in seconds.
_LOOK = 0.05


async def lateness() -> AsyncIterator[float]:
    """Yield again and again by how many seconds the event loop was late."""
    while True:
        due = time.monotonic() + _LOOK
        await asyncio.sleep(_LOOK)
        yield time.monotonic() - due
