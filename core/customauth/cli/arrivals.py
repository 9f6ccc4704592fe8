"""Messages of several subscriptions in the order in which they came, each once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from customauth.cli.message_format import Arrival
from customauth.subscription import Subscription

if TYPE_CHECKING:
    from customauth.connection import Connection
    from customauth.message import Message

# So many may wait; then nothing more is read from the server.
_BUFFER = 1000


class Arrivals:
    """What has come, for all subscriptions together."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._subscriptions: list[_Gathered] = []
        self._waiting: list[Arrival] = []
        self._news = asyncio.Event()
        self._last: Message | None = None
        # It ends with the connection.
        self._ended = asyncio.ensure_future(connection.wait_closed())
        self._ended.add_done_callback(lambda _: self._news.set())

    async def subscribe(self, topic_filter: str, qos: int, timeout: float) -> int | None:
        """Subscribe for as long as the connection lives, and return the QoS that was granted.

        There is no UNSUBSCRIBE at the end: a session that the server keeps is to keep its subscriptions.

        :raises SubscribeRefused: the server's answer was a refusal.
        :raises RequestTimeout: there was no answer.
        :raises Disconnected: the connection has ended meanwhile.
        """
        subscription = _Gathered(self, self._connection, topic_filter, qos, timeout)
        await subscription.__aenter__()
        self._subscriptions.append(subscription)
        return subscription.granted_qos

    async def next(self) -> list[Arrival]:
        """Wait until something has come, and return all that has; nothing when the connection has ended."""
        if not self._waiting and self._connection.closed is None:
            self._news.clear()
            await self._news.wait()
        was_full = self.full
        arrivals, self._waiting = self._waiting, []
        if was_full:
            for subscription in self._subscriptions[:1]:
                subscription.resume()
        return arrivals

    @property
    def full(self) -> bool:
        """Whether as many wait as may."""
        return len(self._waiting) >= _BUFFER

    def put(self, message: Message) -> None:
        """Take a message. Every subscription that it matches gives it, one directly after the other."""
        if message is not self._last:
            self._last = message
            self._waiting.append(Arrival(message=message))
            self._news.set()


class _Gathered(Subscription["Connection"]):
    """A subscription whose messages are gathered with those of others."""

    def __init__(self, arrivals: Arrivals, connection: Connection, topic_filter: str, qos: int, timeout: float) -> None:
        super().__init__(connection, topic_filter, qos, buffer=_BUFFER, timeout=timeout)
        self._arrivals = arrivals

    @property
    def full(self) -> bool:
        return self._arrivals.full

    def put(self, message: Message) -> None:
        self._arrivals.put(message)

    def resume(self) -> None:
        """Let the connection read on, now that there is room."""
        self._owner._inbox.flow()
