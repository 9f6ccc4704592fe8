"""Work in a thread with an event loop of its own: a library that blocks shall not stop ours."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def apart(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine in a thread and an event loop of its own, and return its result.

    When this is cancelled, so is the coroutine; it returns when that has ended, which what blocks may delay.
    """
    inner: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = []

    async def watched() -> T:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - it runs in one
        inner.append((asyncio.get_running_loop(), task))
        return await work()

    running = asyncio.get_running_loop().run_in_executor(None, lambda: asyncio.run(watched()))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        for loop, task in inner:
            with contextlib.suppress(RuntimeError):
                # It has ended meanwhile.
                loop.call_soon_threadsafe(task.cancel)
        await asyncio.wait([running])
        if not running.cancelled():
            running.exception()
        raise
