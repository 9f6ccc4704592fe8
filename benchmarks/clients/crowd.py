"""Thousands of connections in one process, each of which publishes now and then: is any of them lost?"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

import customauth

from .arms import VERSIONS, Contest
from .contract import Target, credentials_of, endpoint_of

# So many connect at once while the crowd gathers.
_GATHERING = 16
# Seconds: the shortest keep alive of AWS (E10), so that all ping, too.
_KEEP_ALIVE = 30
# Seconds between two publishes of one connection.
_EVERY = 40.0
_TIMEOUT = 60.0


async def hold_crowd(
    target: Target, contest: Contest, *, prefix: str, topic: str, count: int, seconds: float
) -> dict[str, Any]:
    """Connect ``count`` clients through customauth, hold them, and count.

    Each publishes at QoS 1 at its own time in every 40 s, pings between, and once more at the end.
    """
    endpoint, credentials = endpoint_of(target), credentials_of(target)
    failures: Counter[str] = Counter()
    connections: list[customauth.Connection] = []
    numbers = iter(range(count))

    async def gather() -> None:
        for number in numbers:
            try:
                connection = await customauth.connect(
                    endpoint,
                    credentials,
                    backend=contest.backend,
                    client_id=f"{prefix}-{number}",
                    version=VERSIONS[contest.version],
                    keep_alive=_KEEP_ALIVE,
                    timeout=_TIMEOUT,
                )
            except customauth.ConnectError as error:
                failures[f"{type(error).__name__}: {error}"] += 1
            else:
                connections.append(connection)

    async def publish(connection: customauth.Connection) -> bool:
        try:
            await connection.publish(topic, b"still here", qos=1, timeout=_TIMEOUT)
        except customauth.CustomAuthError as error:
            failures[f"{type(error).__name__}: {error}"] += 1
            return False
        return True

    async def stay(connection: customauth.Connection, number: int) -> int:
        due, acknowledged = time.monotonic() + _EVERY * number / count, 0
        while due < ends:
            await asyncio.sleep(due - time.monotonic())
            acknowledged += await publish(connection)
            due += _EVERY
        await asyncio.sleep(ends - time.monotonic())
        return acknowledged

    began = time.monotonic()
    await asyncio.gather(*(gather() for _ in range(_GATHERING)))
    gathered = time.monotonic()
    ends = gathered + seconds
    published = await asyncio.gather(*(stay(connection, number) for number, connection in enumerate(connections)))
    lost = [connection.closed for connection in connections if connection.closed is not None]
    failures.update(f"lost: {ending}" for ending in lost)
    answered = await asyncio.gather(*(publish(connection) for connection in connections))
    await asyncio.gather(*(connection.aclose() for connection in connections))
    return {
        "wanted": count,
        "accepted": len(connections),
        "accepting_took_s": gathered - began,
        "held_s": seconds,
        "acknowledged_meanwhile": sum(published),
        "lost": len(lost),
        "answered_at_the_end": sum(answered),
        "failures": dict(failures),
    }
