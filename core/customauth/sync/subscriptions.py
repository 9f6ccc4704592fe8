"""A subscription, blocking."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from customauth.errors import CustomAuthError, Disconnected, RequestTimeout, SessionEnded
from customauth.message import Message
from customauth.subscription import Subscription as AsyncSubscription
from customauth.sync.loop_thread import LoopThread


class Subscription:
    """A context manager that subscribes and unsubscribes, and an iterator of what arrives meanwhile.

    Several threads may take messages of one subscription; each message goes to one of them.
    """

    def __init__(
        self,
        make: Callable[[], AsyncSubscription[Any]],
        loop: LoopThread,
        ended: Callable[[], CustomAuthError],
    ) -> None:
        self._loop = loop
        self._ended = ended
        self._subscription = loop.run(_called, make)

    @property
    def topic_filter(self) -> str:
        """The filter, as it was asked for."""
        return self._subscription.topic_filter

    @property
    def granted_qos(self) -> int | None:
        """The QoS that the server granted; None before."""
        return self._subscription.granted_qos

    def get(self, timeout: float | None = None) -> Message:
        """Wait for the next message and return it.

        :param timeout: seconds; None for as long as it takes.
        :raises RequestTimeout: none came in time.
        :raises Disconnected: of a connection: it has ended.
        :raises SessionEnded: of a session: it has ended.
        :raises SubscribeRefused: of a session: the server refused the subscription after a reconnect.
        """
        message = self._loop.run(self._next, timeout)
        if message is None:
            raise self._ended()
        return message

    def __enter__(self) -> Self:
        self._loop.run(self._subscription.__aenter__)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # With the connection, or the session, the subscription has ended too.
        with contextlib.suppress(Disconnected, SessionEnded):
            self._loop.run(self._subscription.__aexit__, kind, error, trace)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Message:
        try:
            message = self._loop.run(self._next, None)
        except (Disconnected, SessionEnded) as error:
            # Closed meanwhile, so that there is no loop any more to ask.
            if _was_ended_here(error):
                raise StopIteration from None
            raise
        if message is None:
            raise StopIteration
        return message

    async def _next(self, timeout: float | None) -> Message | None:
        """Return the next message, None when there will be no more."""
        limit = asyncio.timeout(timeout)
        try:
            async with limit:
                return await anext(self._subscription, None)
        except TimeoutError:
            if timeout is None or not limit.expired():
                raise
            error = RequestTimeout(timeout, "message")
            error.hint = "wait longer, or check that somebody publishes to what the filter matches"
            raise error from None


def _was_ended_here(error: Disconnected | SessionEnded) -> bool:
    return not error.by_server if isinstance(error, Disconnected) else error.__cause__ is None


async def _called(make: Callable[[], AsyncSubscription[Any]]) -> AsyncSubscription[Any]:
    return make()
