"""Run a coroutine on an event loop whose clock can be put forward. Import as ``aloop``.

::

    run(main()) -> what it returns          on a loop of its own
    put_forward(seconds)                    inside it: timers that are due by then fire at the next turn
    await alone()                           inside it: until no other task is left
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")


class _Loop(asyncio.SelectorEventLoop):
    _ahead = 0.0

    def time(self) -> float:
        return super().time() + self._ahead

    def put_forward(self, seconds: float) -> None:
        self._ahead += seconds


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
