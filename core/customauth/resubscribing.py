"""The subscriptions of a session: what the server has granted, and what it has to be told again."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from customauth.connection import Connection
from customauth.errors import CustomAuthError, Disconnected, RequestTimeout, SubscribeRefused, UnsubscribeRefused
from customauth.inbox import Inbox

_log = logging.getLogger(__name__)


class Subscriptions:
    """Over all connections of a session.

    :ivar inbox: the subscriptions here, and what has arrived for them.
    """

    def __init__(self) -> None:
        self.inbox: Inbox = Inbox(_no_flow)
        self._granted: set[str] = set()
        # What the server may still have, though nobody here wants it any more.
        self._left: set[str] = set()

    def granted(self, topic_filter: str) -> None:
        """Remember what the server has granted."""
        self._granted.add(topic_filter)
        self._left.discard(topic_filter)

    def leave(self, topic_filter: str) -> None:
        """Forget what nobody wants any more."""
        self._granted.discard(topic_filter)

    def leave_later(self, topic_filter: str) -> None:
        """Let the next connection end what the server may still have."""
        self._left.add(topic_filter)

    def detach(self) -> None:
        """Hold no connection back any more: it has ended."""
        self.inbox.flow = _no_flow

    async def restore(self, connection: Connection) -> None:
        """Let the server know again what it has not kept, and end what was left meanwhile.

        One that is refused now ends with :class:`SubscribeRefused`; the others live on.

        :raises RequestTimeout: it does not answer.
        :raises Disconnected: the connection has ended.
        """
        if not connection.connack.session_present:
            self._left.clear()
            wanted = [each for each in self.inbox.filters().items() if each[0] in self._granted]
            for failure in await asyncio.gather(*(self._subscribe(connection, *each) for each in wanted)):
                if failure is not None:
                    raise failure
        while self._left:
            topic_filter = next(iter(self._left))
            if not self.inbox.wants(topic_filter):
                with contextlib.suppress(UnsubscribeRefused):
                    await connection.unsubscribe(topic_filter, timeout=connection.request.timeout)
            self._left.discard(topic_filter)

    async def _subscribe(self, connection: Connection, topic_filter: str, qos: int) -> CustomAuthError | None:
        """Subscribe; return what makes the connection useless."""
        try:
            await connection._subscribe(topic_filter, qos, connection.request.timeout)
        except (Disconnected, RequestTimeout) as error:
            return error
        except SubscribeRefused as error:
            _log.warning("after a reconnect %s", error)
            self._granted.discard(topic_filter)
            code, text = error.reason_code, error.reason_string
            self.inbox.finish(lambda: SubscribeRefused(code, text, subject=topic_filter), topic_filter)
        return None


def _no_flow() -> None:
    """There is no connection to hold back."""
