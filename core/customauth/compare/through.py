"""``customauth`` put to the same work as the libraries by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from customauth import ComparisonClient, Connection, ConnectRequest, Subscription


class ThroughCustomauth(ComparisonClient):
    """A connection, used as the documentation shows it.

    :param connect: makes the connection that the request is for.
    """

    def __init__(self, request: ConnectRequest, connect: Callable[[], Awaitable[Connection]]) -> None:
        super().__init__(request)
        self._connect = connect
        self._connection: Connection
        self._messages: Subscription[Connection]

    async def open(self) -> None:
        self._connection = await self._connect()

    async def close(self) -> None:
        await self._connection.aclose()

    async def publish_acknowledged(self, topic: str, payload: bytes, *, count: int, window: int) -> None:
        publish = self._connection.publish

        async def some(share: int) -> None:
            for _ in range(share):
                await publish(topic, payload, qos=1)

        async with asyncio.TaskGroup() as publishers:
            for number in range(window):
                publishers.create_task(some(len(range(number, count, window))))

    async def publish_unacknowledged(self, topic: str, payload: bytes, *, count: int) -> None:
        publish = self._connection.publish
        for _ in range(count):
            await publish(topic, payload)

    async def subscribe(self, topic: str, qos: int) -> None:
        self._messages = self._connection.subscribe(topic, qos=qos)
        await self._messages.__aenter__()

    async def round_trip(self, topic: str, payload: bytes, qos: int) -> None:
        await self._connection.publish(topic, payload, qos=qos)
        await anext(self._messages)
