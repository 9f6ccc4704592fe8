"""What happens to a turn when it must end early, or ends in a way that would take the whole comparison with it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

from customauth.compare.own_process import TurnFailed

T = TypeVar("T")


class Stopped(Exception):
    """The comparison is to end; what was under way has been cancelled."""


async def unless(stop: asyncio.Future[str], work: Awaitable[T]) -> T:
    """Do the work, or cancel it as soon as ``stop`` is done.

    :raises Stopped: it was cancelled, or its result came too late to be told from the ending's own doing.
    :raises TurnFailed: it ended with what would end a program, or an event loop, and not only itself.
    """
    task = asyncio.ensure_future(_contained(work))
    either: list[asyncio.Future[Any]] = [task, stop]
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
        # Asked for even when this is cancelled: the event loop complains about an error that nobody has looked at.
        error = None if task.cancelled() else task.exception()
    if stop.done():
        raise Stopped
    if task.cancelled():
        raise TurnFailed("CancelledError: it has cancelled itself")
    if error is not None:
        raise error
    return task.result()


async def _contained(work: Awaitable[T]) -> T:
    try:
        return await work
    except SystemExit as error:
        # A task that ends so ends the event loop.
        raise TurnFailed(f"SystemExit: {error}") from error
