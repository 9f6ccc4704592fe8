"""The publishes at QoS 1 of a session: kept in their order until the server has acknowledged them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from customauth.connection import Connection
from customauth.errors import CustomAuthError, Disconnected, RequestTimeout, SessionQueueFull
from customauth.message import Acknowledgement, Message

# As many as AWS takes unacknowledged (E29). Waiting here, and not in the connection, keeps their order.
_WINDOW = 100


class Pending:
    """A publish that waits for its acknowledgement."""

    __slots__ = ("answer", "message")

    def __init__(self, message: Message) -> None:
        self.message: Message = message
        self.answer: asyncio.Future[Acknowledgement] = asyncio.get_running_loop().create_future()


class Outbox:
    """What waits to be acknowledged, over all connections of a session.

    :param size: how many may wait.
    :param resend: seconds without a PUBACK after which a publish is sent again on the same connection.
    """

    def __init__(self, size: int, resend: float) -> None:
        self._size = size
        self._resend = resend
        self._waiting: dict[Pending, None] = {}
        # Those that the present connection has not taken yet.
        self._unsent: deque[Pending] = deque()
        self._more = asyncio.Event()

    async def publish(self, message: Message) -> Acknowledgement:
        """Keep a message until the server has acknowledged it. Cancelled, it is not sent (again).

        :raises SessionQueueFull: too many wait; this one was not taken.
        :raises CustomAuthError: what the server or the connection refused it with, or the end of the session.
        """
        if len(self._waiting) >= self._size:
            raise SessionQueueFull(self._size)
        pending = Pending(message)
        self._waiting[pending] = None
        self._unsent.append(pending)
        self._more.set()
        try:
            return await pending.answer
        finally:
            del self._waiting[pending]

    def end(self, error: Callable[[], CustomAuthError]) -> None:
        """Let everything that waits fail."""
        for pending in self._waiting:
            if not pending.answer.done():
                pending.answer.set_exception(error())

    async def deliver(self, connection: Connection) -> None:
        """Send all that waits over a new connection, in order, and what comes, until this is cancelled."""
        self._unsent = deque(self._waiting)
        places = asyncio.Semaphore(min(_WINDOW, connection.connack.receive_maximum))
        async with asyncio.TaskGroup() as sending:
            while True:
                while self._unsent:
                    await places.acquire()
                    sending.create_task(self._send(connection, self._unsent.popleft(), places))
                self._more.clear()
                await self._more.wait()

    async def _send(self, connection: Connection, pending: Pending, places: asyncio.Semaphore) -> None:
        message, answer = pending.message, pending.answer
        try:
            while not answer.done():
                try:
                    taken = await connection.publish(
                        message.topic,
                        message.payload,
                        qos=message.qos,
                        retain=message.retain,
                        properties=message.properties,
                        timeout=self._resend,
                    )
                except RequestTimeout:
                    # AWS answers no publish beyond 100 a second, and has dropped it (E28).
                    continue
                if not answer.done():
                    answer.set_result(taken)
        except Disconnected:
            # The next connection sends it again.
            pass
        except Exception as error:
            if not answer.done():
                answer.set_exception(error)
        finally:
            places.release()
