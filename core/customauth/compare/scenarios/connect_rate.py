"""How many connects a second a process makes when many are under way at once."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

from customauth import ComparisonClient, Transport
from customauth.compare.bench import Bench
from customauth.compare.result import Kind, Measure
from customauth.compare.scenario import Scenario, Subject, Turn

_AT_ONCE = 16


class ConnectRate(Scenario):
    """Connect, 16 at a time."""

    name = "connect-rate"
    title = "Connects per second"
    description = (
        "Accepted connects per second with 16 under way at any time, each closed once it is accepted. A library that "
        "blocks has a thread for each."
    )
    kind = Kind.SPEED
    measures: ClassVar[tuple[Measure, ...]] = (
        Measure(name="connect-rate", title="connects per second", unit="/s", lower_is_better=False),
    )
    local = True
    load = True
    raw = True
    transports: ClassVar[tuple[Transport, ...]] = (Transport.MQTT,)

    async def turn(self, bench: Bench, subject: Subject) -> Turn:
        clients = [bench.client(subject) for _ in range(bench.repetitions(32, 160))]
        began = time.perf_counter()
        await (_in_threads(clients) if clients[0].blocks else _on_the_loop(clients))
        return Turn(measurements={"connect-rate": (len(clients) / (time.perf_counter() - began),)})


async def _on_the_loop(clients: list[ComparisonClient]) -> None:
    waiting = iter(clients)

    async def worker() -> None:
        for client in waiting:
            await client.open()
            await client.close()

    async with asyncio.TaskGroup() as workers:
        for _ in range(_AT_ONCE):
            workers.create_task(worker())


async def _in_threads(clients: list[ComparisonClient]) -> None:
    async def come_and_go(client: ComparisonClient) -> None:
        await client.open()
        await client.close()

    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        await asyncio.gather(
            *(loop.run_in_executor(threads, lambda client: asyncio.run(come_and_go(client)), one) for one in clients)
        )
