"""TCP ports of 127.0.0.1 that listen, refuse or swallow, and the tasks that serve what they take."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Coroutine

from customauth import Endpoint

_HOST = "127.0.0.1"
_BACKLOG = 512
# What the kernel answers within is nothing to what it takes to call a SYN lost; in seconds.
_ANSWER_LIMIT = 0.1


class Port:
    """One TCP port, which keeps its number while it listens, refuses or swallows. It begins by listening.

    :param accepted: called on the running event loop with each connection, a socket that does not block.
    :raises OSError: when there is no free port.
    """

    def __init__(self, accepted: Callable[[socket.socket], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._accepted = accepted
        self._fillers: list[socket.socket] = []
        self._socket = _bound(0)
        self.number: int = self._socket.getsockname()[1]
        self._listen()

    def listen(self) -> None:
        """Take connections.

        :raises OSError: when another program has taken the port in the moment between.
        """
        self._rebind()
        self._listen()

    def refuse(self) -> None:
        """Refuse connections, and reset those that nobody has taken yet.

        :raises OSError: as :meth:`listen`.
        """
        # Bound but not listening: nobody else can take the number meanwhile.
        self._rebind()

    def swallow(self) -> None:
        """Let no connection come about: the accept queue is full, so that the kernel drops every further SYN.

        :raises OSError: as :meth:`listen`.
        """
        self._rebind()
        self._socket.listen(0)
        full = False
        while not full:
            filler = socket.socket()
            self._fillers.append(filler)
            filler.settimeout(_ANSWER_LIMIT)
            try:
                filler.connect((_HOST, self.number))
            except TimeoutError:
                full = True

    def close(self) -> None:
        """Give the port up."""
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()
        while self._fillers:
            self._fillers.pop().close()

    def _rebind(self) -> None:
        self.close()
        self._socket = _bound(self.number)

    def _listen(self) -> None:
        self._socket.listen(_BACKLOG)
        self._loop.add_reader(self._socket.fileno(), self._take)

    def _take(self) -> None:
        # Not loop.sock_accept(): cancelled at the wrong moment, that loses the socket that it has accepted.
        try:
            connected, _ = self._socket.accept()
        except (BlockingIOError, ConnectionAbortedError):
            # The client left first.
            return
        connected.setblocking(False)
        # As a server of MQTT does; small packets would wait for each other's acknowledgement.
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._accepted(connected)


@contextlib.asynccontextmanager
async def serving(serve: Callable[[socket.socket], Coroutine[None, None, None]]) -> AsyncIterator[Port]:
    """Give each connection a task of its own; at the end of the block all are cancelled and their sockets closed.

    :raises Exception: the first that a task raised, at the end of the block.
    """
    tasks: set[asyncio.Task[None]] = set()
    failures: list[BaseException] = []

    def accepted(connected: socket.socket) -> None:
        def done(task: asyncio.Task[None]) -> None:
            tasks.discard(task)
            # A task that is cancelled before its first step never takes its socket.
            connected.close()
            if not task.cancelled() and (failure := task.exception()) is not None:
                failures.append(failure)

        task = asyncio.create_task(serve(connected))
        tasks.add(task)
        task.add_done_callback(done)

    port = Port(accepted)
    try:
        yield port
    finally:
        # By hand and not by a TaskGroup, which would wrap what the block raises.
        port.close()
        left = list(tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
    if failures:
        raise failures[0]


def local_endpoint(port: int, ca_pem: bytes, host: str = "localhost") -> Endpoint:
    """Return the endpoint of a port of 127.0.0.1."""
    return Endpoint(host=host, port=port, ca_pem=ca_pem)


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    try:
        # The port's own connections of a moment ago are in nobody's way.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setblocking(False)
        bound.bind((_HOST, port))
    except OSError:
        bound.close()
        raise
    return bound
