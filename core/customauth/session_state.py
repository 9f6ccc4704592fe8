"""What a session is doing, told to everybody who listens."""

from __future__ import annotations

import asyncio
import enum
import weakref
from collections import deque
from typing import Self

from attrs import frozen

from customauth.connack import Connack


class SessionStateKind(enum.Enum):
    """What a session is doing."""

    CONNECTING = "connecting"
    """An attempt is being made, or its subscriptions are being sent again."""
    CONNECTED = "connected"
    """A connection is open, and the server knows the subscriptions."""
    WAITING = "waiting"
    """An attempt has failed, or a connection was lost; the next attempt is made after ``delay`` seconds."""
    CLOSED = "closed"
    """It has not begun, or it has ended."""


@frozen(kw_only=True)
class SessionState:
    """What a session is doing, and why.

    :ivar attempt: the number of the attempt, from 1; 0 before the first.
    :ivar delay: seconds until the next attempt, while waiting.
    :ivar error: while waiting why it has come to that; when closed why it ended, None where its user ended it.
    :ivar connack: what the server said, while connected.
    """

    kind: SessionStateKind
    attempt: int
    delay: float | None = None
    error: Exception | None = None
    connack: Connack | None = None


class States:
    """An async iterator of the states of a session since it was asked for, until the session ends."""

    def __init__(self) -> None:
        self._coming: deque[SessionState] = deque()
        self._news = asyncio.Event()
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionState:
        while not self._coming:
            if self._ended:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        return self._coming.popleft()

    def _rest(self) -> list[SessionState]:
        rest, self._coming = list(self._coming), deque()
        return rest

    def _tell(self, state: SessionState) -> None:
        self._coming.append(state)
        self._news.set()

    def _end(self) -> None:
        self._ended = True
        self._news.set()


class StateBoard:
    """The present state of a session, and those who listen to its changes.

    :ivar now: the present state.
    """

    def __init__(self) -> None:
        self.now: SessionState = SessionState(kind=SessionStateKind.CLOSED, attempt=0)
        # A listener that nobody holds any more is gone.
        self._listeners: weakref.WeakSet[States] = weakref.WeakSet()
        self._ended = False

    def listen(self) -> States:
        """Return an iterator of every change from now on."""
        states = States()
        if self._ended:
            states._end()
        else:
            self._listeners.add(states)
        return states

    def change(self, state: SessionState) -> None:
        """Tell a new state to everybody."""
        self.now = state
        for listener in list(self._listeners):
            listener._tell(state)

    def end(self, state: SessionState) -> None:
        """Tell the last state to everybody."""
        self.change(state)
        self._ended = True
        for listener in list(self._listeners):
            listener._end()
