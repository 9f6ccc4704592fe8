"""One arm in a process of its own: ``python -m benchmarks.clients.worker BACKEND VERSION ARM``.

It reads one JSON object for each line of standard input and answers each with one line of JSON: ``{"do": NAME, ...}``,
a method of :class:`Worker` and its arguments. Times are those of the monotonic clock, which all processes share.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any, cast

from customauth import ComparisonClient

from .arms import Arm, Contest
from .contract import Target
from .crowd import hold_crowd


class Worker:
    """Does what it is told, with one arm."""

    def __init__(self, contest: Contest, arm: Arm) -> None:
        self._contest = contest
        self._arm = arm
        self._held: list[ComparisonClient] = []

    async def aim(self, target: dict[str, Any]) -> dict[str, Any]:
        """Take all that follows to a server."""
        password = target.pop("password")
        self._target = Target(**target, password=None if password is None else password.encode())
        return {}

    async def connect(self, prefix: str, count: int) -> dict[str, Any]:
        """Connect so many clients, one after the other, each of which leaves once it is accepted."""
        times = []
        cpu = time.process_time()
        for number in range(count):
            client = self._client(f"{prefix}-{number}")
            began = time.perf_counter()
            await client.open()
            times.append(time.perf_counter() - began)
            await client.close()
        return {"times": times, "cpu": time.process_time() - cpu}

    async def acknowledged(
        self, client_id: str, topic: str, payload: str, count: int, window: int, fastest: bool = False
    ) -> dict[str, Any]:
        """Publish at QoS 1 until all is acknowledged."""
        client = await self._opened(client_id)
        publish = client.publish_fastest if fastest else client.publish_acknowledged
        cpu, began = time.process_time(), time.monotonic()
        await publish(topic, payload.encode(), count=count, window=window)
        ended, cpu = time.monotonic(), time.process_time() - cpu
        await client.close()
        return {"seconds": ended - began, "cpu": cpu}

    async def unacknowledged(self, client_id: str, topic: str, payload: str, count: int) -> dict[str, Any]:
        """Publish at QoS 0, and close when the last has gone: the receiver says what has arrived, and when."""
        client = await self._opened(client_id)
        cpu, began = time.process_time(), time.monotonic()
        await client.publish_unacknowledged(topic, payload.encode(), count=count)
        # What is acknowledged was behind the others, so that none of them is cut off by closing.
        await client.publish_acknowledged(topic, b"end", count=1, window=1)
        cpu = time.process_time() - cpu
        await client.close()
        return {"began": began, "cpu": cpu}

    async def round_trips(self, client_id: str, topic: str, payload: str, count: int) -> dict[str, Any]:
        """Publish to the own subscription, one message at a time."""
        client = await self._opened(client_id)
        await client.subscribe(topic, 1)
        times = []
        data = payload.encode()
        cpu = time.process_time()
        for _ in range(count):
            began = time.perf_counter()
            await client.round_trip(topic, data, 1)
            times.append(time.perf_counter() - began)
        cpu = time.process_time() - cpu
        await client.close()
        return {"times": times, "cpu": cpu}

    async def hold(self, prefix: str, topic: str, count: int) -> dict[str, Any]:
        """Connect so many clients; they stay, and each has published."""
        for number in range(count):
            client = await self._opened(f"{prefix}-{number}")
            await client.publish_acknowledged(topic, b"here", count=1, window=1)
            self._held.append(client)
        return {}

    async def leave(self) -> dict[str, Any]:
        """Let all that stay leave."""
        while self._held:
            await self._held.pop().close()
        return {}

    async def crowd(self, prefix: str, topic: str, count: int, seconds: float) -> dict[str, Any]:
        """Hold so many connections at once; see :func:`hold_crowd`."""
        return await hold_crowd(self._target, self._contest, prefix=prefix, topic=topic, count=count, seconds=seconds)

    def _client(self, client_id: str) -> ComparisonClient:
        return self._contest.client(self._arm, self._target, client_id)

    async def _opened(self, client_id: str) -> ComparisonClient:
        client = self._client(client_id)
        await client.open()
        return client


async def serve(worker: Worker) -> None:
    """Do what standard input says, until it ends."""
    # Nothing else is to happen on the event loop between the orders, but keep-alive must.
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        order = json.loads(line)
        answer = await getattr(worker, order.pop("do"))(**order)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    backend, version, arm = sys.argv[1:]
    asyncio.run(serve(Worker(Contest(backend, version), cast("Arm", arm))))
