"""What both protocol versions share: one awscrt client, its one attempt, and the connection that comes of it."""

from __future__ import annotations

import abc
import asyncio
import contextlib
import functools
import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, ClassVar, TypeAlias

from customauth import Acknowledgement, Connack, Connection, ConnectRequest, Disconnected, Message

from ._crossing import Crossing
from ._failures import Failure, invalid, is_gone
from ._sockets import Mark

_log = logging.getLogger(__name__)

# Long enough for a DISCONNECT and the TLS shutdown; a client that is slower is cut off.
_STOP_TIMEOUT = 2.0

# awscrt queues without bound what the socket does not take. At so many bytes publishes at QoS 0 are held.
_MAX_UNSENT = 1 << 20
# What a queued publish costs beside its payload, roughly.
_COST = 256

# What nearly every answer says.
_ACCEPTED = Acknowledgement()

Answer: TypeAlias = "asyncio.Future[Acknowledgement]"
Operation: TypeAlias = "Future[Any]"
"""One of awscrt's operations."""


class AwscrtConnection(Connection):
    """One awscrt client. It reports from awscrt's threads; what follows from that happens on the event loop.

    Its operations return None where awscrt's client has stopped, and raise awscrt's own exception where it does not
    take them.

    :cvar batch_size: publishes at QoS 0 are sent in their order, so that it is enough to watch the last of so many
        bytes.
    :cvar least_watched: so many bytes of them are waited for at the end, and fewer are not.
    :ivar mark: what its socket is known by.
    :ivar is_given_up: nobody waits for the outcome any more.
    :ivar outcome: how the attempt ended.
    """

    batch_size: ClassVar[int] = 1 << 14
    least_watched: ClassVar[int] = 0

    def __init__(self, request: ConnectRequest) -> None:
        super().__init__(request)
        self._loop = asyncio.get_running_loop()
        self._crossing = Crossing(self._loop)
        self._stopped = asyncio.Event()
        self._unsent = 0
        self._batch = 0
        self._last: Operation | None = None
        self._holds = False
        self.mark = Mark.new()
        self.is_given_up = False
        self.outcome: asyncio.Future[Connack | Failure] = self._loop.create_future()

    @abc.abstractmethod
    def start(self) -> None:
        """Make the attempt."""

    @abc.abstractmethod
    def stop(self) -> None:
        """Disconnect, or end as soon as awscrt lets go. From any thread, any number of times; never waits."""

    def give_up(self) -> None:
        """Stop, and close what awscrt does not let go of; never waits."""
        self.is_given_up = True
        self.stop()
        self.mark.shut_down()

    async def stop_and_wait(self) -> None:
        """Stop, and wait for the end for a bounded time."""
        self.stop()
        try:
            async with asyncio.timeout(_STOP_TIMEOUT):
                await self._stopped.wait()
        except TimeoutError:
            self.give_up()

    @abc.abstractmethod
    def _begin_publish(self, message: Message) -> Operation | None: ...

    @abc.abstractmethod
    def _begin_subscribe(self, topic_filter: str, qos: int) -> Operation | None: ...

    @abc.abstractmethod
    def _begin_unsubscribe(self, topic_filter: str) -> Operation | None: ...

    @staticmethod
    @abc.abstractmethod
    def _read_puback(operation: Operation) -> tuple[int, str | None]: ...

    @staticmethod
    @abc.abstractmethod
    def _read_suback(operation: Operation) -> tuple[int, str | None]: ...

    @staticmethod
    @abc.abstractmethod
    def _read_unsuback(operation: Operation) -> tuple[int, str | None]: ...

    def _watch(self, operation: Operation) -> Operation | None:
        """Return what is done when a publish at QoS 0 has left awscrt's memory."""
        return operation

    # What the core calls.

    def _send_publish(self, message: Message) -> Answer | None:
        operation = _begun(self._begin_publish, message)
        if message.qos:
            return self._expect(operation, self._read_puback)
        if operation is not None:
            self._count(message.payload, operation)
        return None

    def _send_subscribe(self, topic_filter: str, qos: int) -> Answer:
        return self._expect(_begun(self._begin_subscribe, topic_filter, qos), self._read_suback)

    def _send_unsubscribe(self, topic_filter: str) -> Answer:
        return self._expect(_begun(self._begin_unsubscribe, topic_filter), self._read_unsuback)

    async def _disconnect(self) -> None:
        # awscrt's DISCONNECT overtakes what waits to be sent.
        last = None if self._stopped.is_set() else self._last_unsent()
        if last is not None and not last.done():
            sent = asyncio.Event()
            last.add_done_callback(lambda _: self._crossing.call(lambda _: sent.set(), None))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STOP_TIMEOUT):
                    await sent.wait()
        await self.stop_and_wait()

    def _last_unsent(self) -> Operation | None:
        """Return what is done when all publishes at QoS 0 have left awscrt's memory; None where they have."""
        if self._last is None or self._unsent + self._batch < self.least_watched:
            return None
        return _begun(self._watch, self._last)

    # On awscrt's threads.

    def _report(self, outcome: Connack | Failure) -> None:
        self._crossing.call(self._settle, outcome)

    def _report_message(self, message: Message) -> None:
        self._crossing.call(self._received, message)

    def _report_end(self, ending: Disconnected) -> None:
        self._crossing.call(self._ended, ending)

    def _report_stopped(self) -> None:
        self._crossing.call(self._stop, None)

    # On the event loop.

    def _settle(self, outcome: Connack | Failure) -> None:
        if not self.outcome.done():
            self.outcome.set_result(outcome)

    def _stop(self, _: None) -> None:
        self._stopped.set()

    def _expect(self, operation: Operation | None, read: Callable[[Operation], tuple[int, str | None]]) -> Answer:
        """Return the answer to come; where awscrt's client has stopped, the end of the connection is on its way."""
        answer: Answer = self._loop.create_future()
        if operation is not None:
            taken = functools.partial(self._take, answer, read)
            operation.add_done_callback(functools.partial(self._crossing.call, taken))
        return answer

    def _take(self, answer: Answer, read: Callable[[Operation], tuple[int, str | None]], operation: Operation) -> None:
        try:
            code, reason = read(operation)
            if code or reason is not None:
                self._answer(answer, code, reason)
            elif not answer.done():
                answer.set_result(_ACCEPTED)
        except Exception as error:
            # The end of the connection is reported by itself, says how, and fails what is asked then.
            if not is_gone(error) and not answer.done():
                answer.set_exception(invalid(error))

    def _count(self, payload: bytes, operation: Operation) -> None:
        """Hold further publishes at QoS 0 while too many of them wait for the socket."""
        self._last = operation
        self._batch += len(payload) + _COST
        if self._batch < self.batch_size:
            return
        batch, self._batch = self._batch, 0
        self._unsent += batch
        if self._unsent > _MAX_UNSENT and not self._holds:
            self._holds = True
            self._hold_publishes()
        watched = _begun(self._watch, operation)
        if watched is not None:
            sent = functools.partial(self._sent, batch)
            watched.add_done_callback(functools.partial(self._crossing.call, sent))

    def _sent(self, batch: int, operation: Operation) -> None:
        self._unsent -= batch
        if self._holds and self._unsent <= _MAX_UNSENT // 2:
            self._holds = False
            self._release_publishes()
        error = operation.exception()
        if error is not None and not is_gone(error):
            _log.warning("a publish at QoS 0 is lost: %s", invalid(error))


def _begun(begin: Callable[..., Operation | None], *arguments: Any) -> Operation | None:
    """Begin one of awscrt's operations; None where there is no connection any more.

    :raises RequestError: awscrt does not take it.
    """
    try:
        return begin(*arguments)
    except Exception as error:
        if is_gone(error):
            return None
        raise invalid(error) from error
