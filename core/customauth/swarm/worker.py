"""One process of a swarm. It reads its order and then commands, and says every half second what it has seen.

On standard input: the length of the pickled :class:`~customauth.swarm.orders.Order` on a line, the order, then ``cut``
or ``finish`` on lines of their own. On standard output: a line of JSON for each
:class:`~customauth.swarm.tally.Tally`. When the input ends without a ``finish``, the process that gave the orders
has gone, and this one ends at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import IO

from customauth.plugins import PluginManager
from customauth.swarm.cut import cut_connections
from customauth.swarm.device import Device
from customauth.swarm.lateness import lateness
from customauth.swarm.limits import open_files
from customauth.swarm.orders import CUT, FINISH, Order
from customauth.swarm.pipes import begin, lines_of, say
from customauth.swarm.tally import Tally, Timed

_EVERY = 0.5


async def work(order: Order, commands: IO[bytes]) -> None:
    """Let the clients live until the command to finish, or until nobody is left to give one."""
    loop = asyncio.get_running_loop()
    plan, tally = order.plan, Tally()
    plugins = PluginManager()
    # What the library itself takes is not counted for the connections.
    plugins.backend(plan.backend)
    idle = _pss()
    begins = loop.time()
    devices = [
        Device(plan=plan, number=number, due=begins + number / plan.rate, tally=tally, plugins=plugins)
        for number in range(order.index, plan.clients, plan.processes)
    ]
    lives = asyncio.gather(*(device.live() for device in devices))
    watches = [asyncio.ensure_future(watch) for watch in (_tell(tally, idle), _look_at_lateness(tally))]
    obeying = asyncio.ensure_future(_obey(commands, devices, tally, {plan.dialled_port()}))
    try:
        await asyncio.wait((lives, obeying), return_when=asyncio.FIRST_COMPLETED)
        if lives.done() or obeying.result():
            await lives
        else:
            lives.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await lives
    finally:
        for task in (*watches, obeying):
            task.cancel()
    _say(tally, idle)


async def _obey(commands: IO[bytes], devices: list[Device], tally: Tally, ports: set[int]) -> bool:
    """Take commands; return whether they have ended with the one to finish."""
    async for line in lines_of(commands):
        if line.strip() == CUT:
            for device in devices:
                device.cut()
            cut_connections(ports)
            tally.stormed += 1
        elif line.strip() == FINISH:
            for device in devices:
                device.finish()
            return True
    return False


async def _tell(tally: Tally, idle: int) -> None:
    while True:
        _say(tally, idle)
        await asyncio.sleep(_EVERY)


async def _look_at_lateness(tally: Tally) -> None:
    async for seconds in lateness():
        tally.time(Timed.LATE, seconds)


def _say(tally: Tally, idle: int) -> None:
    tally.processor = time.process_time()
    tally.files = open_files()
    tally.kib = max(_pss() - idle, 0)
    say(tally.dump())


def _pss() -> int:
    """Return the proportional set size in KiB, 0 where the system does not tell (proc(5))."""
    try:
        lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def _main() -> None:
    order, commands = begin()
    asyncio.run(work(order, commands))


if __name__ == "__main__":
    _main()
