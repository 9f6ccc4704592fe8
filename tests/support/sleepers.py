"""An authorizer function that never answers, and how to see that it runs and ends. Import as ``sleepers``.

::

    SLEEPING                        its source
    await started(folder, count=1)  the ids of the processes that it runs in, once there are so many
    await gone(pid), is_gone(pid)   whether such a process has ended
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from rawclient import LIMIT

SLEEPING = """
import os, time
def handler(event, context):
    open(f"{os.getpid()}.started", "w").close()
    time.sleep(3600)
"""


async def started(folder: Path, count: int = 1) -> list[int]:
    """Wait until the function runs in as many processes, and return their ids."""
    async with asyncio.timeout(LIMIT):
        while len(found := list(folder.glob("*.started"))) < count:  # noqa: ASYNC110, ASYNC240 - another process
            await asyncio.sleep(0.01)
    return [int(file.stem) for file in found]


def is_gone(pid: int) -> bool:
    """Say whether a process has ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def gone(pid: int) -> None:
    """Wait until a process has ended."""
    async with asyncio.timeout(LIMIT):
        while not is_gone(pid):  # noqa: ASYNC110 - another process ends
            await asyncio.sleep(0.01)
