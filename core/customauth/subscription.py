"""Subscriptions: who gets which message, how many may wait, and what becomes of those that nobody asked for yet."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

from customauth.errors import CustomAuthError, Disconnected, RequestError
from customauth.message import Acknowledgement, Message, check_filter, check_qos, filter_matches

_log = logging.getLogger(__name__)

# Messages of a kept session may come before anybody has subscribed again; so many wait for that.
_MAX_EARLY = 1000
# Topics whose receivers are remembered.
_MAX_KNOWN_TOPICS = 1024


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
        self._ended = False
        self._error: Callable[[], CustomAuthError] | None = None

    @property
    def full(self) -> bool:
        """Whether as many messages wait as may."""
        return len(self._waiting) >= self._buffer

    async def __aenter__(self) -> Self:
        inbox = self._owner._inbox
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


class Inbox:
    """The subscriptions of one connection or session, and the messages that came before them.

    :param flow: called when :attr:`full` may have changed.
    """

    def __init__(self, flow: Callable[[], None]) -> None:
        self.flow: Callable[[], None] = flow
        self._subscriptions: list[Subscription[Any]] = []
        self._receivers: dict[str, list[Subscription[Any]]] = {}
        self._early: deque[Message] = deque(maxlen=_MAX_EARLY)
        self._warned = False

    @property
    def full(self) -> bool:
        """Whether some subscription has as many messages waiting as it may."""
        return any(subscription.full for subscription in self._subscriptions)

    def wants(self, topic_filter: str) -> bool:
        """Say whether some subscription has this very filter."""
        return any(subscription.topic_filter == topic_filter for subscription in self._subscriptions)

    def filters(self) -> dict[str, int]:
        """Return all filters, each with the highest QoS that is wanted of it."""
        wanted: dict[str, int] = {}
        for subscription in self._subscriptions:
            wanted[subscription.topic_filter] = max(subscription.qos, wanted.get(subscription.topic_filter, 0))
        return wanted

    def add(self, subscription: Subscription[Any]) -> None:
        """Give a subscription what matches it from now on, and what has come early."""
        self._subscriptions.append(subscription)
        self._receivers.clear()
        if self._early:
            early, self._early = self._early, deque(maxlen=_MAX_EARLY)
            for message in early:
                self.put(message)

    def remove(self, subscription: Subscription[Any]) -> None:
        """Give a subscription nothing more."""
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
            self._receivers.clear()
            self.flow()

    def put(self, message: Message) -> None:
        """Give a message to those that want it."""
        receivers = self._receivers.get(message.topic)
        if receivers is None:
            receivers = self._find(message.topic)
        if not receivers:
            if len(self._early) == _MAX_EARLY and not self._warned:
                self._warned = True
                _log.warning("nobody subscribes to what arrives, such as on %r; the oldest are dropped", message.topic)
            self._early.append(message)
        for receiver in receivers:
            receiver.put(message)
            if receiver.full:
                self.flow()

    def take_over(self, other: Inbox) -> None:
        """Take what has come to another before anybody subscribed there."""
        early, other._early = other._early, deque(maxlen=_MAX_EARLY)
        for message in early:
            self.put(message)

    def end(self, ending: Disconnected) -> None:
        """Let every subscription end when it has given what waits."""
        for subscription in self._subscriptions:
            subscription.end(ending)

    def finish(self, error: Callable[[], CustomAuthError] | None, topic_filter: str | None = None) -> None:
        """Let subscriptions of a session end when they have given what waits.

        :param error: makes what each raises then; None where it just ends.
        :param topic_filter: the filter of those that end; None for all.
        """
        for subscription in self._subscriptions:
            if topic_filter in (None, subscription.topic_filter):
                subscription.finish(error)

    def _find(self, topic: str) -> list[Subscription[Any]]:
        found = [each for each in self._subscriptions if filter_matches(each.topic_filter, topic)]
        if len(self._receivers) == _MAX_KNOWN_TOPICS:
            self._receivers.clear()
        self._receivers[topic] = found
        return found
