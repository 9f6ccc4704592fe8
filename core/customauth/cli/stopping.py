"""Work that goes on until a signal or the clock ends it."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import signal
from collections.abc import Callable, Coroutine, Iterator
from typing import Any


class Stop(enum.Enum):
    """What ended the work before its end."""

    SIGNAL = "SIGINT or SIGTERM"
    CLOCK = "its time was up"


async def unless_stopped(work: Coroutine[Any, Any, None], seconds: float | None = None) -> Stop | None:
    """Do the work, and cancel it when a signal comes or the time is up. Afterwards signals do again what they did.

    :returns: what stopped it, None when it came to its own end.
    """
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    stops: list[Stop] = []

    def stop(why: Stop) -> None:
        if not stops:
            stops.append(why)
            task.cancel()

    timer = None if seconds is None else loop.call_later(seconds, stop, Stop.CLOCK)
    try:
        with _signals(loop, lambda: stop(Stop.SIGNAL)):
            await task
    except asyncio.CancelledError:
        if not stops:
            # Somebody else's.
            task.cancel()
            raise
        return stops[0]
    finally:
        if timer is not None:
            timer.cancel()
    return None


@contextlib.contextmanager
def _signals(loop: asyncio.AbstractEventLoop, act: Callable[[], None]) -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        loop.add_signal_handler(number, act)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
