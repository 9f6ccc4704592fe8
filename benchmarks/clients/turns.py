"""The measures in which both arms take turns: connecting, QoS 1, QoS 0, round trips."""

from __future__ import annotations

import contextlib
import functools
import itertools
import secrets
import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

from attrs import asdict, field, frozen

from . import targets
from .arms import Arm, Contest
from .contract import Target
from .processes import Driven, worker
from .ratios import order

# What is warm then: imports, the authorizer's worker process, caches.
_WARM_UP = 5

_TOPIC = "sample/benchmark"
_numbers = itertools.count()


@frozen(kw_only=True)
class Sizes:
    """How much one turn does.

    :ivar window: publishes at QoS 1 without an acknowledgement at a time.
    :ivar payload: bytes.
    """

    connects: int = 50
    acknowledged: int = 20_000
    unacknowledged: int = 40_000
    round_trips: int = 200
    window: int = 100
    payload: int = 64


@frozen(kw_only=True)
class Ring:
    """Where turns are taken: one server, one contest, and a process for each arm."""

    server: str
    target: Target
    contest: Contest
    arms: dict[Arm, Driven] = field(repr=False)
    receiver: Driven = field(repr=False)
    sizes: Sizes

    def rounds(self, number: int) -> Iterator[dict[str, Any]]:
        """Take the turns of one round: each measure by both arms, one after the other."""
        for measure, take in _TURNS.items():
            if measure == targets.FASTEST.measure and not self.contest.has_a_faster_way:
                continue
            for arm in cast("tuple[Arm, Arm]", order(number)):
                yield {
                    "round": number,
                    "measure": measure,
                    "server": self.server,
                    "backend": self.contest.backend,
                    "version": self.contest.version,
                    "arm": arm,
                    **take(self, self.arms[arm]),
                }

    def warm_up(self) -> None:
        """Let both arms meet the server outside the measure."""
        for arm in self.arms.values():
            arm.ask(do="aim", target=plain(self.target))
            arm.ask(do="connect", prefix=client_id(), count=_WARM_UP)
            arm.ask(do="acknowledged", **_stream(self, _WARM_UP), window=self.sizes.window)


@contextlib.contextmanager
def ring(server: str, target: Target, contest: Contest, receiving: Driven, sizes: Sizes) -> Iterator[Ring]:
    """Start the processes of a contest, aimed and warm."""
    with worker(contest, "alone") as alone, worker(contest, "customauth") as ours:
        made = Ring(
            server=server,
            target=target,
            contest=contest,
            arms={"alone": alone, "customauth": ours},
            receiver=receiving,
            sizes=sizes,
        )
        made.warm_up()
        yield made


def plain(target: Target) -> dict[str, Any]:
    """Return a target as JSON takes it."""
    given = asdict(target)
    given["ca_file"] = str(target.ca_file)
    given["password"] = None if target.password is None else target.password.decode()
    return given


def client_id() -> str:
    """Make a client identifier that nobody has used before."""
    return f"bench-{next(_numbers)}"


def _stream(ring: Ring, count: int) -> dict[str, Any]:
    # Another payload each time, so that no late message of an earlier turn is taken for one of this.
    payload = secrets.token_hex(ring.sizes.payload // 2)
    return {"client_id": client_id(), "topic": _TOPIC, "payload": payload, "count": count}


def _connect(ring: Ring, arm: Driven) -> dict[str, Any]:
    count = ring.sizes.connects
    done = arm.ask(do="connect", prefix=client_id(), count=count)
    return {"value": statistics.median(done["times"]) * 1e3, "cpu_us": done["cpu"] / count * 1e6}


def _acknowledged(ring: Ring, arm: Driven, *, fastest: bool = False) -> dict[str, Any]:
    count = ring.sizes.acknowledged
    done = arm.ask(do="acknowledged", **_stream(ring, count), window=ring.sizes.window, fastest=fastest)
    return {"value": count / done["seconds"], "cpu_us": done["cpu"] / count * 1e6}


def _unacknowledged(ring: Ring, arm: Driven) -> dict[str, Any]:
    count = ring.sizes.unacknowledged
    stream = _stream(ring, count)
    ring.receiver.ask(**{**stream, "client_id": client_id()}, target=plain(ring.target))
    done = arm.ask(do="unacknowledged", **stream)
    arrived = ring.receiver.answer()
    return {
        # What is lost is not counted as sent.
        "value": arrived["arrived"] / (arrived["last"] - done["began"]),
        "cpu_us": done["cpu"] / count * 1e6,
        "lost": count - arrived["arrived"],
    }


def _round_trip(ring: Ring, arm: Driven) -> dict[str, Any]:
    count = ring.sizes.round_trips
    stream = _stream(ring, count)
    # Of its own: nobody else is to get what it sends.
    stream["topic"] = f"{_TOPIC}/{stream['client_id']}"
    done = arm.ask(do="round_trips", **stream)
    return {"value": statistics.median(done["times"]) * 1e3, "cpu_us": done["cpu"] / count * 1e6}


_TURNS: dict[str, Callable[[Ring, Driven], dict[str, Any]]] = {
    targets.CONNECT.measure: _connect,
    targets.ACKNOWLEDGED.measure: _acknowledged,
    targets.FASTEST.measure: functools.partial(_acknowledged, fastest=True),
    targets.UNACKNOWLEDGED.measure: _unacknowledged,
    targets.ROUND_TRIP.measure: _round_trip,
}


def lost(turns: Sequence[dict[str, Any]]) -> int:
    """Count the messages that were sent at QoS 0 and have not arrived."""
    return sum(turn.get("lost", 0) for turn in turns)
