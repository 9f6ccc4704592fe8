"""The time that one attempt has, told with the stage in which it ran out."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar

from customauth.errors import ConnectTimeout, Stage

_times: ContextVar[dict[Stage, float] | None] = ContextVar("customauth_stage_times", default=None)


@contextlib.contextmanager
def timed_stages() -> Iterator[dict[Stage, float]]:
    """Give the seconds that the stages of one attempt took, of those that it makes under a :class:`Deadline`.

    Filled by what is called inside the block, and by the tasks that are made in it.
    """
    times: dict[Stage, float] = {}
    token = _times.set(times)
    try:
        yield times
    finally:
        _times.reset(token)


class Deadline:
    """The end of one attempt, for all of its stages together.

    :ivar at: the moment, on the clock of the running event loop.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self.at: float = asyncio.get_running_loop().time() + timeout

    @contextlib.asynccontextmanager
    async def limit(self, stage: Stage) -> AsyncIterator[None]:
        """End what is done inside when the deadline passes.

        :raises ConnectTimeout: with this stage.
        """
        limit = asyncio.timeout_at(self.at)
        times, begun = _times.get(), time.perf_counter()
        try:
            async with limit:
                yield
                if times is not None:
                    times[stage] = time.perf_counter() - begun
        except TimeoutError as error:
            if limit.expired() and not isinstance(error, ConnectTimeout):
                raise ConnectTimeout(self._timeout, stage) from error
            raise
