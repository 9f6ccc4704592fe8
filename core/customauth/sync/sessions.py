"""A connection that stays, blocking."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import TracebackType
from typing import Self, Unpack

from customauth import sessions
from customauth.backoff import Backoff
from customauth.connecting import ConnectOptions, CredentialsSource
from customauth.connection import Payload
from customauth.endpoint import Endpoint
from customauth.errors import RequestError, SessionEnded
from customauth.message import Acknowledgement, MessageProperties
from customauth.session_state import SessionState, States
from customauth.sync.loop_thread import LoopThread
from customauth.sync.subscriptions import Subscription


class Session:
    """A session. Use it as a context manager, or call :meth:`open` and :meth:`close` yourself.

    :ivar client_id: the client id of all its connections.
    """

    def __init__(self, session: sessions.Session) -> None:
        self._session = session
        self._thread: LoopThread | None = None
        self.client_id: str = session.client_id

    @property
    def connected(self) -> bool:
        """Whether there is a connection, and the server knows the subscriptions."""
        return self._session.connected

    @property
    def closed(self) -> SessionEnded | None:
        """How the session ended, the reason as its cause; None while it lives."""
        return self._session.closed

    @property
    def state(self) -> SessionState:
        """What the session is doing."""
        return self._session.state

    def states(self) -> Iterator[SessionState]:
        """Return an iterator of every change from now on, none lost, that ends with the session."""
        loop = self._loop
        return _each(loop.run(self._listen), loop)

    def wait_closed(self) -> SessionEnded:
        """Wait until the session has ended, whoever ended it, and return how."""
        with contextlib.suppress(SessionEnded):
            return self._loop.run(self._session.wait_closed)
        return self._ended()

    def publish(
        self,
        topic: str,
        payload: Payload = b"",
        *,
        qos: int = 1,
        retain: bool = False,
        properties: MessageProperties | None = None,
        timeout: float | None = None,
    ) -> Acknowledgement:
        """Publish a message and return what the server answered, as :meth:`customauth.Session.publish`."""
        return self._loop.run(
            self._session.publish, topic, payload, qos=qos, retain=retain, properties=properties, timeout=timeout
        )

    def subscribe(self, topic_filter: str, qos: int = 0, *, buffer: int = 1000, timeout: float = 30.0) -> Subscription:
        """Return a subscription: a context manager that subscribes, and an iterator of its messages.

        The parameters and errors are those of :meth:`customauth.Session.subscribe`.
        """
        return Subscription(
            lambda: self._session.subscribe(topic_filter, qos, buffer=buffer, timeout=timeout), self._loop, self._ended
        )

    def unsubscribe(self, topic_filter: str, *, timeout: float = 30.0) -> Acknowledgement:
        """End a subscription by its filter, as :meth:`customauth.Session.unsubscribe`."""
        return self._loop.run(self._session.unsubscribe, topic_filter, timeout=timeout)

    def open(self) -> None:
        """Connect; blocks until the first connection is accepted.

        :raises CustomAuthError: what cannot heal.
        """
        if self._thread is not None:
            raise RequestError("a session is opened once; make another with customauth.sync.session")
        self._thread = LoopThread(self._ended)
        try:
            self._thread.run(self._session.__aenter__)
        except BaseException:
            self._thread.stop()
            raise

    def close(self) -> None:
        """Send DISCONNECT, end the session and the thread. Calling it again waits for the same end."""
        if self._thread is None:
            return
        try:
            with contextlib.suppress(SessionEnded):
                self._thread.run(self._session.aclose)
        finally:
            self._thread.stop()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _loop(self) -> LoopThread:
        if self._thread is None:
            raise RequestError("the session has not begun; open it first: with customauth.sync.session(...)")
        return self._thread

    def _ended(self) -> SessionEnded:
        end = self._session.closed
        return SessionEnded() if end is None else end.again()

    async def _listen(self) -> States:
        return self._session.states()


def _each(states: States, loop: LoopThread) -> Iterator[SessionState]:
    try:
        while (state := loop.run(_next, states)) is not None:
            yield state
    except SessionEnded:
        # The loop has stopped before all were taken.
        loop.stop()
        yield from states._rest()


async def _next(states: States) -> SessionState | None:
    return await anext(states, None)


def session(
    endpoint: str | Endpoint,
    credentials: CredentialsSource,
    *,
    backoff: Backoff | None = None,
    refusals: int | None = 3,
    queue: int = 1000,
    resend: float = 10.0,
    **options: Unpack[ConnectOptions],
) -> Session:
    """Return a session, a context manager that connects and stays connected.

    The parameters and errors are those of :func:`customauth.session`.
    """
    return Session(
        sessions.session(
            endpoint, credentials, backoff=backoff, refusals=refusals, queue=queue, resend=resend, **options
        )
    )
