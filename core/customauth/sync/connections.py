"""One attempt, and the accepted connection, blocking."""

from __future__ import annotations

import contextlib
from types import TracebackType
from typing import Self, Unpack

from customauth import connecting
from customauth.connack import Connack
from customauth.connecting import ConnectOptions, CredentialsSource
from customauth.connection import Connection as AsyncConnection
from customauth.connection import Payload
from customauth.endpoint import Endpoint
from customauth.errors import Disconnected
from customauth.message import Acknowledgement, MessageProperties
from customauth.sync.loop_thread import LoopThread
from customauth.sync.subscriptions import Subscription


class Connection:
    """An accepted connection. Use it as a context manager, or call :meth:`close` yourself.

    :ivar connack: what the server said.
    """

    def __init__(self, connection: AsyncConnection, loop: LoopThread) -> None:
        self._connection = connection
        self._loop = loop
        self.connack: Connack = connection.connack

    @property
    def closed(self) -> Disconnected | None:
        """How the connection ended, None while it is open."""
        return self._connection.closed

    def wait_closed(self) -> Disconnected:
        """Wait until the connection has ended, whoever ended it, and return how."""
        with contextlib.suppress(Disconnected):
            return self._loop.run(self._connection.wait_closed)
        return self._ended()

    def publish(
        self,
        topic: str,
        payload: Payload = b"",
        *,
        qos: int = 0,
        retain: bool = False,
        properties: MessageProperties | None = None,
        timeout: float = 30.0,
    ) -> Acknowledgement:
        """Publish a message and return what the server answered, as :meth:`customauth.Connection.publish`."""
        return self._loop.run(
            self._connection.publish, topic, payload, qos=qos, retain=retain, properties=properties, timeout=timeout
        )

    def subscribe(self, topic_filter: str, qos: int = 0, *, buffer: int = 1000, timeout: float = 30.0) -> Subscription:
        """Return a subscription: a context manager that subscribes, and an iterator of its messages.

        The parameters and errors are those of :meth:`customauth.Connection.subscribe`.
        """
        return Subscription(
            lambda: self._connection.subscribe(topic_filter, qos, buffer=buffer, timeout=timeout),
            self._loop,
            self._ended,
        )

    def unsubscribe(self, topic_filter: str, *, timeout: float = 30.0) -> Acknowledgement:
        """End a subscription by its filter, as :meth:`customauth.Connection.unsubscribe`."""
        return self._loop.run(self._connection.unsubscribe, topic_filter, timeout=timeout)

    def close(self) -> None:
        """Send DISCONNECT, close, and end the thread. Calling it again waits for the same end."""
        try:
            with contextlib.suppress(Disconnected):
                self._loop.run(self._connection.aclose)
        finally:
            self._loop.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ended(self) -> Disconnected:
        ending = self._connection.closed
        return _closed_here() if ending is None else ending.again()


def connect(endpoint: str | Endpoint, credentials: CredentialsSource, **options: Unpack[ConnectOptions]) -> Connection:
    """Make one attempt to connect and return the accepted connection; blocks until it ends.

    The parameters and errors are those of :func:`customauth.connect`.
    """
    loop = LoopThread(_closed_here)
    try:
        connection = loop.run(connecting.connect, endpoint, credentials, **options)
    except BaseException:
        loop.stop()
        raise
    return Connection(connection, loop)


def _closed_here() -> Disconnected:
    return Disconnected(0, by_server=False)
