"""The time that one attempt has, told with the stage in which it ran out."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from customauth.errors import ConnectTimeout, Stage


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
        try:
            async with limit:
                yield
        except TimeoutError as error:
            if limit.expired() and not isinstance(error, ConnectTimeout):
                raise ConnectTimeout(self._timeout, stage) from error
            raise
