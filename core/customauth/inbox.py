"""Who gets which message, and what becomes of those that nobody asked for yet."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from customauth.errors import CustomAuthError, Disconnected
from customauth.message import Message, filter_matches

if TYPE_CHECKING:
    from customauth.subscription import Subscription

_log = logging.getLogger(__name__)

# Messages of a kept session may come before anybody has subscribed again; so many wait for that.
_MAX_EARLY = 1000
# Topics whose receivers are remembered.
_MAX_KNOWN_TOPICS = 1024


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
