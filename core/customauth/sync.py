"""The blocking form, for scripts: ``customauth.sync.connect`` takes what :func:`customauth.connect` takes.

An event loop of its own runs in a thread for as long as the connection lives, so keep-alive goes on between calls.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from customauth import connecting
from customauth.connack import Connack
from customauth.connecting import ConnectOptions, CredentialsSource
from customauth.connection import Connection as AsyncConnection
from customauth.endpoint import Endpoint

T = TypeVar("T")


class Connection:
    """An accepted connection. Use it as a context manager, or call :meth:`close` yourself.

    :ivar connack: what the server said.
    """

    def __init__(self, connection: AsyncConnection, loop: _LoopThread) -> None:
        self._connection = connection
        self._loop = loop
        self.connack: Connack = connection.connack

    def close(self) -> None:
        """Send DISCONNECT, close, and end the thread. Calling it again does nothing."""
        if self._loop.running:
            try:
                self._loop.run(self._connection.aclose())
            finally:
                self._loop.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def connect(endpoint: str | Endpoint, credentials: CredentialsSource, **options: Unpack[ConnectOptions]) -> Connection:
    """Make one attempt to connect and return the accepted connection; blocks until it ends.

    The parameters and errors are those of :func:`customauth.connect`.
    """
    loop = _LoopThread()
    try:
        connection = loop.run(connecting.connect(endpoint, credentials, **options))
    except BaseException:
        loop.stop()
        raise
    return Connection(connection, loop)


class _LoopThread:
    """A thread that runs one event loop until it is stopped, then ends it tidily."""

    def __init__(self) -> None:
        # A factory keeps the runner from setting the calling thread's event loop.
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._loop = self._runner.get_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._serve, name="customauth-sync", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and wait; interrupted, cancel it first."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _serve(self) -> None:
        with self._runner:
            self._runner.run(self._stop.wait())
