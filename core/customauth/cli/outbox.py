"""What ``customauth pub`` does with each message, and how it tells the outcome."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import click
from attrs import frozen

from customauth.cli.exits import ExitCode, exit_code
from customauth.cli.failures import failure, say_cause, say_next
from customauth.cli.say import printable
from customauth.errors import CustomAuthError, RequestError, RequestRefused

if TYPE_CHECKING:
    from customauth.connection import Connection
    from customauth.message import Acknowledgement, MessageProperties

# So many publishes at QoS 1 may be unacknowledged on AWS (E29), and elsewhere more bring nothing.
_WINDOW = 100


class Teller:
    """Tells the outcome of each message: here of those only that failed, and of each kind of failure once."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def published(self, topic: str, answer: Acknowledgement, seconds: float) -> None:
        """Tell that a message was taken, or at QoS 0 sent."""

    def failed(self, topic: str, error: CustomAuthError, seconds: float) -> None:
        """Tell that a message was not."""
        if str(error) not in self._told:
            self._told.add(str(error))
            say_cause(error)

    def ended(self, error: CustomAuthError) -> None:
        """Tell what to do about the first failure."""
        say_next(error)


class VerboseTeller(Teller):
    """Tells of every message on standard output."""

    def published(self, topic: str, answer: Acknowledgement, seconds: float) -> None:
        code = answer.reason_code
        how = "sent" if code is None else f"acknowledged with 0x{code:02X}"
        if answer.reason_string:
            how += f" ({answer.reason_string})"
        click.echo(printable(f"{topic}: {how}, {seconds * 1000:.1f} ms"))


class JsonTeller(Teller):
    """Prints a line of JSON for every message."""

    def published(self, topic: str, answer: Acknowledgement, seconds: float) -> None:
        self._print(
            {
                "outcome": "sent" if answer.reason_code is None else "acknowledged",
                "topic": topic,
                "reason_code": answer.reason_code,
                "reason_string": answer.reason_string,
                "milliseconds": round(seconds * 1000, 1),
            }
        )

    def failed(self, topic: str, error: CustomAuthError, seconds: float) -> None:
        self._print(failure(error, seconds) | {"topic": topic})

    def ended(self, error: CustomAuthError) -> None:
        pass

    def _print(self, document: dict[str, Any]) -> None:
        click.echo(json.dumps(document))


@frozen(kw_only=True)
class Outgoing:
    """What is published, and how.

    :ivar answer_timeout: seconds for the answer to each message.
    """

    topic: str
    payloads: AsyncIterator[bytes]
    qos: int
    retain: bool
    properties: MessageProperties
    answer_timeout: float


class Outbox:
    """Publishes in order, at QoS 1 many at once; a message that is refused does not hold up the others."""

    def __init__(self, connection: Connection, outgoing: Outgoing, teller: Teller) -> None:
        self._connection = connection
        self._outgoing = outgoing
        self._teller = teller
        self._room = asyncio.Semaphore(min(connection.connack.receive_maximum, _WINDOW))
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: CustomAuthError | None = None
        self._fault: BaseException | None = None
        self._hopeless = asyncio.Event()

    async def feed(self) -> None:
        """Publish all payloads, until a failure shows that no other can be; answers may be missing then.

        :raises Disconnected: the connection was lost, and no message was on its way that would tell so.
        """
        feeding = asyncio.ensure_future(self._feed())
        lost = asyncio.ensure_future(self._connection.wait_closed())
        hopeless = asyncio.ensure_future(self._hopeless.wait())
        watched = (feeding, lost, hopeless)
        try:
            await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
            if lost.done() and not feeding.done() and not self._tasks and self._failure is None:
                raise lost.result().again()
        finally:
            for task in watched:
                task.cancel()
            await asyncio.wait(watched)
        if not feeding.cancelled():
            feeding.result()

    async def finish(self) -> ExitCode:
        """Wait for the answers, and tell what to do when there was a failure.

        :raises Disconnected: the connection was lost, at QoS 0, where no answer says what was taken.
        """
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._fault is not None:
            raise self._fault
        if self._failure is not None:
            self._teller.ended(self._failure)
            return exit_code(self._failure)
        if self._outgoing.qos == 0 and self._connection.closed is not None:
            raise self._connection.closed.again()
        return ExitCode.OK

    async def _feed(self) -> None:
        async for payload in self._outgoing.payloads:
            if self._hopeless.is_set():
                return
            if self._outgoing.qos == 0:
                await self._publish(payload)
                continue
            await self._room.acquire()
            task = asyncio.ensure_future(self._publish(payload))
            self._tasks.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._room.release()
        if not task.cancelled() and task.exception() is not None:
            self._fault = task.exception()
            self._hopeless.set()

    async def _publish(self, payload: bytes) -> None:
        outgoing = self._outgoing
        began = time.monotonic()
        try:
            answer = await self._connection.publish(
                outgoing.topic,
                payload,
                qos=outgoing.qos,
                retain=outgoing.retain,
                properties=outgoing.properties,
                timeout=outgoing.answer_timeout,
            )
        except CustomAuthError as error:
            self._teller.failed(outgoing.topic, error, time.monotonic() - began)
            self._failure = self._failure or error
            if not isinstance(error, RequestRefused | RequestError):
                self._hopeless.set()
        else:
            self._teller.published(outgoing.topic, answer, time.monotonic() - began)
