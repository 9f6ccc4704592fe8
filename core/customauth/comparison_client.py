"""What the comparison lets a library do by itself, without customauth's layer: one client for one connection."""

from __future__ import annotations

import abc
import asyncio
from typing import ClassVar

from customauth.request import ConnectRequest


class ComparisonClient(abc.ABC):
    """A library as its own documentation shows it, at its best configuration; a backend may bring one.

    Everything is called in the order open, the rest, close, and one at a time. Nothing reconnects.

    :cvar blocks: it works on threads of its own, and its methods block the one that calls them, which is how the
        library is used; no event loop has anything else to do then.
    :param request: where to connect to, as whom, and the final user name and password.
    """

    blocks: ClassVar[bool] = False

    def __init__(self, request: ConnectRequest) -> None:
        self.request = request

    @abc.abstractmethod
    async def open(self) -> None:
        """Connect, and return once the CONNACK has accepted. The library's own objects are made here: this is timed.

        :raises Exception: any, when it has not.
        """

    @abc.abstractmethod
    async def close(self) -> None:
        """Send DISCONNECT, and leave nothing behind."""

    @abc.abstractmethod
    async def publish_acknowledged(self, topic: str, payload: bytes, *, count: int, window: int) -> None:
        """Publish so many messages at QoS 1, and return when all are acknowledged.

        :param window: so many may be unacknowledged at a time.
        """

    async def publish_fastest(self, topic: str, payload: bytes, *, count: int, window: int) -> None:
        """Do the same in the way that is fastest with this library, where that is another.

        Such a way asks for another program: one that publishes from the library's callbacks, or that learns only when
        all is acknowledged.
        """
        await self.publish_acknowledged(topic, payload, count=count, window=window)

    @abc.abstractmethod
    async def publish_unacknowledged(self, topic: str, payload: bytes, *, count: int) -> None:
        """Publish so many messages at QoS 0; some may still be on their way when it returns."""

    @abc.abstractmethod
    async def subscribe(self, topic: str, qos: int) -> None:
        """Subscribe for :meth:`round_trip`, and return once the SUBACK is here."""

    @abc.abstractmethod
    async def round_trip(self, topic: str, payload: bytes, qos: int) -> None:
        """Publish to the own subscription; return when the message is here, and at QoS 1 its PUBACK too."""


class InFlight:
    """Counts what is unacknowledged, for the libraries that run on the event loop.

    :param most: so many may be.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._out = 0
        self._waiting: asyncio.Future[None] | None = None
        self._wanted = 0

    async def take(self) -> None:
        """Take a place, as soon as there is one."""
        if self._out >= self._most:
            await self._below(self._most)
        self._out += 1

    def release(self, *_: object) -> None:
        """Give a place back."""
        self._out -= 1
        if self._waiting is not None and self._out < self._wanted and not self._waiting.done():
            self._waiting.set_result(None)

    async def drained(self) -> None:
        """Wait until all is acknowledged."""
        if self._out:
            await self._below(1)

    async def _below(self, number: int) -> None:
        self._wanted = number
        self._waiting = asyncio.get_running_loop().create_future()
        await self._waiting
        self._waiting = None
