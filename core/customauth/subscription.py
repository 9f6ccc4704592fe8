"""Subscriptions: what is subscribed to and how, how many messages may wait, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Protocol, Self, TypeVar

from customauth.errors import CustomAuthError, Disconnected, RequestError
from customauth.message import Acknowledgement, Message, check_filter, check_qos

if TYPE_CHECKING:
    from customauth.inbox import Inbox


class Subscriber(Protocol):
    """What a subscription asks of the connection or session that it belongs to."""

    _inbox: Inbox

    async def _subscribe(self, topic_filter: str, qos: int, timeout: float) -> Acknowledgement: ...

    async def unsubscribe(self, topic_filter: str, *, timeout: float) -> Acknowledgement: ...


OwnerT = TypeVar("OwnerT", bound=Subscriber)


class Subscription(Generic[OwnerT]):
    """An async context manager that subscribes and unsubscribes, and an async iterator of what arrives meanwhile.

    A message is given to every subscription whose filter it matches; MQTT does not say for which it was sent.

    :ivar topic_filter: as it was asked for.
    :ivar granted_qos: the QoS that the server granted; None before.
    """

    def __init__(self, owner: OwnerT, topic_filter: str, qos: int, *, buffer: int, timeout: float) -> None:
        check_filter(topic_filter)
        check_qos(qos)
        if buffer < 1:
            raise RequestError("a subscription needs room for one message at least; give a buffer of 1 or more")
        self.topic_filter = topic_filter
        self.qos = qos
        self.granted_qos: int | None = None
        self._owner = owner
        self._buffer = buffer
        self._timeout = timeout
        self._waiting: deque[Message] = deque()
        self._arrival = asyncio.Event()
        self._entered = False
        self._ended = False
        self._error: Callable[[], CustomAuthError] | None = None

    @property
    def full(self) -> bool:
        """Whether as many messages wait as may."""
        return len(self._waiting) >= self._buffer

    async def __aenter__(self) -> Self:
        inbox = self._owner._inbox
        self._entered = True
        inbox.add(self)
        try:
            # The server has one subscription for a filter, whatever their number here.
            wanted = inbox.filters()[self.topic_filter]
            granted = await self._owner._subscribe(self.topic_filter, wanted, self._timeout)
        except BaseException:
            inbox.remove(self)
            raise
        self.granted_qos = granted.reason_code
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        inbox = self._owner._inbox
        inbox.remove(self)
        if not self._ended and not inbox.wants(self.topic_filter):
            with contextlib.suppress(Disconnected):
                await self._owner.unsubscribe(self.topic_filter, timeout=self._timeout)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        """Wait for the next message.

        :raises RequestError: the subscription was not entered, so that nothing was ever subscribed to.
        :raises CustomAuthError: how it ended, when all that came before was taken.
        """
        if not self._entered:
            raise RequestError("nothing is subscribed to yet: async with connection.subscribe(…) as messages: …")
        while not self._waiting:
            if self._ended:
                if self._error is not None:
                    raise self._error()
                raise StopAsyncIteration
            self._arrival.clear()
            await self._arrival.wait()
        was_full = self.full
        message = self._waiting.popleft()
        if was_full:
            self._owner._inbox.flow()
        return message

    def put(self, message: Message) -> None:
        """Take a message that has arrived."""
        self._waiting.append(message)
        self._arrival.set()

    def end(self, ending: Disconnected) -> None:
        """Learn that the connection has ended, and nothing more will come."""
        self.finish(ending.again if ending.by_server else None)

    def finish(self, error: Callable[[], CustomAuthError] | None) -> None:
        """Learn that nothing more will come.

        :param error: makes what the iteration raises then; None where it just ends.
        """
        if not self._ended:
            self._ended, self._error = True, error
            self._arrival.set()
