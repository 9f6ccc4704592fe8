"""What connections cost that are held: memory and threads of each, and a crowd of them in one process."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from .. import usage
from .arms import Arm, Contest
from .contract import Target
from .processes import Driven, worker
from .turns import client_id, plain

_TOPIC = "sample/benchmark/held"
_WARM_UP = 5
_SETTLES_IN = 1.0
# paho's own loop waits by select(), which knows no descriptor beyond 1023, and a client needs three.
_PAHO_ALONE = 300


def memory(target: Target, contest: Contest, arm: Arm, count: int) -> dict[str, Any]:
    """Hold so many connections in a fresh process, each of which has published once."""
    if contest.backend == "paho" and arm == "alone":
        count = min(count, _PAHO_ALONE)
    with worker(contest, arm) as held:
        held.ask(do="aim", target=plain(target))
        # A library that is not loaded yet would be counted, too.
        held.ask(do="hold", prefix=client_id(), topic=_TOPIC, count=_WARM_UP)
        before = _look(held)
        held.ask(do="hold", prefix=client_id(), topic=_TOPIC, count=count)
        after = _look(held)
        held.ask(do="leave")
    return {
        "backend": contest.backend,
        "version": contest.version,
        "arm": arm,
        "connections": count,
        "kib_per_connection": (after["kib"] - before["kib"]) / count,
        "threads_per_connection": (after["threads"] - before["threads"]) / count,
    }


def crowd(target: Target, contest: Contest, count: int, seconds: float) -> dict[str, Any]:
    """Hold a crowd through customauth, in one process."""
    with worker(contest, "customauth") as held:
        held.ask(do="aim", target=plain(target))
        done = held.ask(do="crowd", prefix=client_id(), topic="sample/benchmark/crowd", count=count, seconds=seconds)
        seen = _look(held)
    return {"backend": contest.backend, "version": contest.version, **done, "threads": seen["threads"]}


def _look(process: Driven) -> dict[str, int]:
    time.sleep(_SETTLES_IN)
    return {"kib": usage.memory(process.pid), "threads": _threads(process.pid)}


def _threads(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("Threads:"):
            return int(line.split()[1])
    raise ValueError(f"/proc/{pid}/status has no Threads")
