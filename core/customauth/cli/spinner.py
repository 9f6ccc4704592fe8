"""A sign of life on standard error, if that is a terminal, while something takes its time."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys
from collections.abc import AsyncIterator, Callable

_SIGNS = "|/-\\"
_SECONDS = 0.1
_BLANK = "\r\x1b[K"


@contextlib.asynccontextmanager
async def spinner(what: str) -> AsyncIterator[Callable[[], None]]:
    """Turn it until the end of the block.

    :returns: what takes it away before something else is printed; it comes again by itself.
    """
    stream = sys.stderr
    if stream is None or not stream.isatty():
        yield lambda: None
        return

    def clear() -> None:
        stream.write(_BLANK)
        stream.flush()

    async def turn() -> None:
        for sign in itertools.cycle(_SIGNS):
            # Not before the first pause: most of what is waited for takes no time.
            await asyncio.sleep(_SECONDS)
            stream.write(f"{_BLANK}{sign} {what}")
            stream.flush()

    turning = asyncio.create_task(turn())
    try:
        yield clear
    finally:
        turning.cancel()
        clear()
