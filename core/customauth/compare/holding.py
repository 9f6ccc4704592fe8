"""A program that holds connections and says what they take; :mod:`customauth.compare.children` starts it.

It reads an :class:`Order` and prints a JSON object with ``kib`` and ``threads`` for each connection, or with the text
``not_applicable`` when the subject cannot do it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import pickle
import sys
from pathlib import Path

from attrs import field, frozen

from customauth import BackendError, ComparisonClient, CustomAuth, Endpoint, PluginManager
from customauth.compare.apart import apart
from customauth.compare.bench import Bench
from customauth.compare.scenario import NotApplicable, Subject

# What an allocator takes for the first ones is not counted.
_WARM_UP = 3
# So long a library's threads may take to come to rest, in seconds.
_SETTLES_IN = 0.3


@frozen(kw_only=True)
class Order:
    """Who holds how many connections, and where."""

    subject: Subject
    place: Endpoint
    credentials: CustomAuth = field(repr=False)
    timeout: float
    topic: str
    count: int


@frozen(kw_only=True)
class _Look:
    kib: int
    threads: int


async def hold(order: Order) -> dict[str, float]:
    """Connect, let each publish once, and count."""
    bench = Bench(
        place=order.place,
        credentials=order.credentials,
        plugins=PluginManager(),
        topic=order.topic,
        timeout=order.timeout,
    )
    held: list[ComparisonClient] = []

    async def more(number: int) -> None:
        begin = len(held)
        for _ in range(number):
            client = bench.client(order.subject)
            await client.open()
            held.append(client)
        # All at once: a library may wait for the server's delayed acknowledgement of TCP in each.
        topic = f"{order.topic}/held"
        await asyncio.gather(
            *(client.publish_acknowledged(topic, b"here", count=1, window=1) for client in held[begin:])
        )

    try:
        await more(_WARM_UP)
        before = await _look()
        await more(order.count)
        after = await _look()
    finally:
        while held:
            await held.pop().close()
    return {
        "kib": (after.kib - before.kib) / order.count,
        "threads": (after.threads - before.threads) / order.count,
    }


async def _look() -> _Look:
    gc.collect()
    await asyncio.sleep(_SETTLES_IN)
    return _Look(kib=_number("smaps_rollup", "Pss:"), threads=_number("status", "Threads:"))


def _number(file: str, key: str) -> int:
    # proc(5)
    lines = Path("/proc/self", file).read_text().splitlines()
    return int(next(line for line in lines if line.startswith(key)).split()[1])


def _main() -> None:
    order = pickle.loads(sys.stdin.buffer.read())  # noqa: S301 - written by the process that has started this one
    result: dict[str, float] | dict[str, str]
    try:
        result = asyncio.run(apart(lambda: hold(order)) if order.subject.raw else hold(order))
    except (NotApplicable, BackendError) as error:
        result = {"not_applicable": str(error)}
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    _main()
