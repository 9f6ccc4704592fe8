"""Run a coroutine on an event loop whose clock can be put forward, and stands still with the machine.

Import as ``aloop``::

    run(main()) -> what it returns          on a loop of its own
    put_forward(seconds)                    inside it: timers that are due by then fire at the next turn
    await alone()                           inside it: until no other task is left
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")

# How long the loop waits in one go, and how much of its time may pass in one go, in seconds. What lies beyond that
# nobody in this process could use: the machine stood still, or was busy with others.
_WAIT = 0.01
_STEP = 0.02


class _Selector(selectors.DefaultSelector):
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(timeout if timeout is None else min(timeout, _WAIT))


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._now = self._seen = super().time()
        super().__init__(_Selector())

    def time(self) -> float:
        seen = super().time()
        self._now += min(seen - self._seen, _STEP)
        self._seen = seen
        return self._now

    def put_forward(self, seconds: float) -> None:
        self._now += seconds


def run(main: Coroutine[object, object, T]) -> T:
    """Run ``main`` to its end."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(main)


async def alone() -> None:
    """Wait until no task but this one is left."""
    async with asyncio.timeout(30):
        # A task that is cancelled needs some turns to end, and its function's process some time.
        while len(asyncio.all_tasks()) > 1:  # noqa: ASYNC110 - nobody is told of it
            await asyncio.sleep(0.001)


def put_forward(seconds: float) -> None:
    """Put the clock of the running loop forward."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, _Loop), "the test is not run by aloop.run"
    loop.put_forward(seconds)
