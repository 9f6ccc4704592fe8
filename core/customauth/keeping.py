"""Keeping a connection: attempt after attempt, until it is not wanted any more or nothing heals."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from attrs import frozen

from customauth.backoff import Backoff
from customauth.connecting import ConnectOptions, CredentialsSource, connect
from customauth.connection import Connection
from customauth.endpoint import Endpoint
from customauth.errors import CustomAuthError, Disconnected, RequestError, SessionEnded
from customauth.fresh_credentials import fresh
from customauth.giving_up import Prospect, prospect
from customauth.message import Acknowledgement
from customauth.mqtt.protocol import MqttVersion
from customauth.outbox import Outbox
from customauth.resubscribing import Subscriptions
from customauth.session_state import SessionState, SessionStateKind, StateBoard

_log = logging.getLogger(__name__)


@frozen(kw_only=True)
class Terms:
    """What a session is to do; the parameters of :func:`customauth.session`."""

    endpoint: str | Endpoint
    credentials: CredentialsSource
    backoff: Backoff
    refusals: int | None
    options: ConnectOptions


class Keeper:
    """Connects, and connects again; each connection gets the subscriptions and what waits to be published.

    :param tell: called with every new state.
    :ivar connection: the present one, also for a moment after it has ended; None while there is none.
    :ivar lost: how the last one ended.
    :ivar end: how it all ended; None before.
    """

    def __init__(
        self, terms: Terms, subscriptions: Subscriptions, outbox: Outbox, tell: Callable[[SessionState], None]
    ) -> None:
        self.connection: Connection | None = None
        self.lost: Disconnected | None = None
        self.end: SessionEnded | None = None
        self.board: StateBoard = StateBoard()
        self._terms = terms
        self._subscriptions = subscriptions
        self._outbox = outbox
        self._tell = tell
        self._change = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._accepted = self._begun = self._leaving = False

    async def begin(self) -> None:
        """Begin, and wait for the first connection.

        :raises CustomAuthError: what cannot heal.
        """
        if self._task is not None:
            raise RequestError("a session is entered once; make another with customauth.session")
        self._task = asyncio.create_task(self._live(), name="customauth session")
        try:
            while not self._begun and self.end is None:
                await self._change.wait()
        except BaseException:
            await self.aclose()
            raise
        if not self._begun and self.end is not None:
            raise self.end.__cause__ or self.end

    async def aclose(self) -> None:
        """Close the connection and end; calling it again waits for the same end."""
        task = self._task
        if task is None:
            return
        if not self._leaving:
            self._leaving = True
            task.cancel()
        interrupted: asyncio.CancelledError | None = None
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError as error:
                # Not before everything is gone; a connection closes within a few seconds.
                interrupted = error
        if interrupted is not None:
            raise interrupted

    def check_alive(self) -> None:
        """Refuse what comes too early or too late.

        :raises RequestError: it has not begun.
        :raises SessionEnded: it has ended.
        """
        if self.end is not None:
            raise self.end.again()
        if self._task is None:
            raise RequestError("the session has not begun; enter it first: async with customauth.session(...)")

    async def wait_ended(self) -> SessionEnded:
        """Wait for the end."""
        while self.end is None:
            await self._change.wait()
        return self.end

    async def over_any(self, request: Callable[[Connection], Awaitable[Acknowledgement]]) -> Acknowledgement:
        """Make a request over the present connection, or over the next that does not break meanwhile.

        :raises SessionEnded: there is no next one.
        """
        while True:
            if self.end is not None:
                raise self.end.again()
            connection = self.connection
            if connection is not None:
                try:
                    return await request(connection)
                except Disconnected:
                    if self.connection is not connection:
                        continue
            await self._change.wait()

    async def _live(self) -> None:
        reason: Exception | None = None
        try:
            reason = await self._stay_connected()
        except Exception as error:
            reason = error
        finally:
            self.end = SessionEnded(reason)
            self._outbox.end(self.end.again)
            self._subscriptions.inbox.finish(None if reason is None else self.end.again)
            last = SessionState(kind=SessionStateKind.CLOSED, attempt=self.board.now.attempt, error=reason)
            self.board.end(last)
            self._log_and_tell(last)
            self._changed()

    async def _stay_connected(self) -> Exception:
        """Connect again and again; return what does not heal."""
        loop, backoff = asyncio.get_running_loop(), self._terms.backoff
        attempt = failures = refused = 0
        while True:
            attempt += 1
            self._enter(SessionState(kind=SessionStateKind.CONNECTING, attempt=attempt))
            try:
                connection = await self._attempt()
            except Exception as error:
                answered, failure = loop.time(), error
            else:
                answered, refused = loop.time(), 0
                failure = await self._hold(connection, attempt)
                if loop.time() - answered >= backoff.steady:
                    failures = 0
            outlook = prospect(failure)
            if outlook is Prospect.NEW_CREDENTIALS:
                refused += 1
            else:
                refused = 0
            if outlook is Prospect.NONE or refused == self._terms.refusals:
                return failure
            delay = backoff.delay(failures, loop.time() - answered)
            failures += 1
            self._enter(SessionState(kind=SessionStateKind.WAITING, attempt=attempt, delay=delay, error=failure))
            await asyncio.sleep(delay)

    async def _attempt(self) -> Connection:
        terms = self._terms
        options = terms.options
        if self._accepted and _is_kept(options):
            options = {**options, "clean_start": False}
        return await connect(terms.endpoint, await fresh(terms.credentials), **options)

    async def _hold(self, connection: Connection, attempt: int) -> Exception:
        """Use a connection until it ends; return why it did."""
        self._accepted = True
        connection._adopt(self._subscriptions.inbox)
        serving = asyncio.create_task(self._serve(connection, attempt))
        ending = asyncio.create_task(connection.wait_closed())
        try:
            await asyncio.wait({serving, ending}, return_when=asyncio.FIRST_COMPLETED)
            if serving.done() and not isinstance(error := serving.exception(), Disconnected):
                assert isinstance(error, Exception)  # noqa: S101 - it serves until it fails
                return error
            self.lost = await ending
            return self.lost
        finally:
            self.connection = None
            self._subscriptions.detach()
            self._changed()
            try:
                await connection.aclose()
            finally:
                await _end_all(serving, ending)

    async def _serve(self, connection: Connection, attempt: int) -> None:
        await self._subscriptions.restore(connection)
        self.connection, self._begun = connection, True
        self._enter(SessionState(kind=SessionStateKind.CONNECTED, attempt=attempt, connack=connection.connack))
        self._changed()
        await self._outbox.deliver(connection)

    def _enter(self, state: SessionState) -> None:
        self.board.change(state)
        self._log_and_tell(state)

    def _log_and_tell(self, state: SessionState) -> None:
        _log.log(
            logging.DEBUG if state.kind is SessionStateKind.CONNECTING else logging.INFO,
            "session of client id %r: %s, attempt %d%s%s",
            self._terms.options.get("client_id"),
            state.kind.value,
            state.attempt,
            "" if state.delay is None else f", the next in {state.delay:.1f} s",
            "" if state.error is None else f": {_told(state.error)}",
        )
        self._tell(state)

    def _changed(self) -> None:
        self._change.set()
        self._change = asyncio.Event()


def _is_kept(options: ConnectOptions) -> bool:
    """Say whether the server is asked to keep the session after the connection (E37)."""
    if MqttVersion(options.get("version", MqttVersion.V5)) is MqttVersion.V5:
        return bool(options.get("session_expiry"))
    return not options.get("clean_start", True)


async def _end_all(*tasks: asyncio.Task[object]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _told(error: Exception) -> str:
    # The text of a stranger's exception may hold a secret.
    return str(error) if isinstance(error, CustomAuthError) else type(error).__name__
