"""What the clients of both protocol versions share: from awscrt's threads to the event loop and back."""

from __future__ import annotations

import abc
import asyncio
import contextlib
from collections.abc import Callable

from attrs import frozen

from customauth import Connack, Connection, ConnectRequest

# Long enough for a DISCONNECT and the TLS shutdown; a client that is slower ends by itself, unwaited.
_STOP_TIMEOUT = 2.0

_MAX_MILLISECONDS = 2**31 - 1

# awscrt always means to reconnect. Every client is stopped at its first failure; this keeps it quiet until then.
NEVER_SECONDS = 10**9


@frozen(kw_only=True)
class Failure:
    """How awscrt says that the attempt ended.

    :ivar error: awscrt's own exception.
    :ivar reason_code: of the CONNACK, if there was one and awscrt shows it.
    """

    error: BaseException
    reason_code: int | None = None
    reason_string: str | None = None


class Client(abc.ABC):
    """One awscrt client and its one attempt. Made on the event loop, which it reports to from awscrt's threads.

    :ivar outcome: how the attempt ended.
    """

    def __init__(self, request: ConnectRequest) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        self.outcome: asyncio.Future[Connack | Failure] = self._loop.create_future()

    @abc.abstractmethod
    def start(self) -> None:
        """Make the attempt."""

    @abc.abstractmethod
    def stop(self) -> None:
        """Disconnect, or give up as soon as awscrt lets go. From any thread, any number of times; never waits."""

    async def stop_and_wait(self) -> None:
        """Stop, and wait for the end for a bounded time."""
        self.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_TIMEOUT):
                await self._stopped.wait()

    def _report(self, outcome: Connack | Failure) -> None:
        self._on_loop(lambda: None if self.outcome.done() else self.outcome.set_result(outcome))

    def _report_stopped(self) -> None:
        self._on_loop(self._stopped.set)

    def _on_loop(self, call: Callable[[], None]) -> None:
        # awscrt may take half a minute to end a client (see _attempt), longer than the loop may live.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call)


class AwscrtConnection(Connection):
    """An accepted connection."""

    def __init__(self, client: Client, connack: Connack) -> None:
        self.connack = connack
        self._client = client

    async def aclose(self) -> None:
        """Send DISCONNECT and stop the client, waiting for its end for a bounded time."""
        await self._client.stop_and_wait()


def milliseconds(seconds: float) -> int:
    """Return a timeout as awscrt takes it: whole, at least 1 and at most what 32 bits hold."""
    return max(1, min(int(seconds * 1000), _MAX_MILLISECONDS))
