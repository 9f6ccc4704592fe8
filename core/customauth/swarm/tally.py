"""What a swarm counts and times, in a form that adds up over processes."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from attrs import define, field

# Times keep this many significant bits, so a percentile is off by less than 1 %.
_BITS = 8


class Count(enum.Enum):
    """What is counted."""

    BEGUN = "begun"
    """Clients that have made their first attempt."""
    ATTEMPTS = "attempts"
    ACCEPTED = "accepted"
    LOST = "lost"
    """Connections that ended, and nobody here wanted it."""
    CUT = "cut"
    """Connections that the storm cut, and attempts to connect."""
    RETURNED = "returned"
    """Clients of the storm that are back."""
    REFRESHED = "refreshed"
    PUBLISHED = "published"
    ACKNOWLEDGED = "acknowledged"
    INTERRUPTED = "interrupted"
    """Publishes that the storm has cut off, so that nobody knows whether they came through."""


class Timed(enum.Enum):
    """What is timed."""

    CONNECT = "connect"
    PUBLISH = "publish"
    RETURN = "return"
    """From the cut of the storm until the client is accepted again, its own waiting included."""
    LATE = "late"
    """How late this program's own event loop was."""


class Distribution:
    """Times, in buckets of less than 1 %."""

    def __init__(self, buckets: Mapping[int, int] | None = None) -> None:
        self._buckets: Counter[int] = Counter(buckets or {})

    def add(self, seconds: float) -> None:
        """Take one."""
        microseconds = max(int(seconds * 1e6), 0)
        shift = max(microseconds.bit_length() - _BITS, 0)
        self._buckets[(microseconds >> shift) << shift] += 1

    def add_all(self, other: Distribution) -> None:
        """Take those of another."""
        self._buckets.update(other._buckets)

    def __len__(self) -> int:
        return self._buckets.total()

    def percentile(self, part: float) -> float | None:
        """Return the seconds below which ``part`` (0 to 1) of them lie, None when there are none."""
        wanted = part * len(self)
        seen = 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= wanted:
                return bucket / 1e6
        return None

    def sample(self, most: int) -> Iterator[float]:
        """Return at most so many of them, evenly chosen, in seconds."""
        step = max(len(self) / most, 1.0)
        due, seen = step / 2, 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            while due <= seen:
                yield bucket / 1e6
                due += step

    def as_json(self) -> dict[str, float | int | None]:
        """Return what a report shows, in milliseconds."""
        shown = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
        found = {name: self.percentile(part) for name, part in shown.items()}
        return {"count": len(self)} | {
            name: None if seconds is None else round(seconds * 1000, 3) for name, seconds in found.items()
        }

    def dump(self) -> dict[str, int]:
        """Return all of it, fit for JSON."""
        return {str(bucket): count for bucket, count in self._buckets.items()}

    @classmethod
    def load(cls, buckets: Mapping[str, int]) -> Distribution:
        """Read what :meth:`dump` has returned."""
        return cls({int(bucket): count for bucket, count in buckets.items()})


@define
class Tally:
    """What one process, or all together, has seen so far.

    :ivar connected: connections that are up now.
    :ivar errors: how often each kind of error was met, by what was done, as ``connect: ConnackRefused 0x87``.
    :ivar refreshing: clients on their way from one connection to the next, because their credentials were due.
    :ivar stormed: processes that have cut their connections.
    :ivar processor: seconds of processor time that the processes have used.
    :ivar kib: what the connections add to the proportional set size (PSS) of the processes; 0 where it cannot be told.
    :ivar files: how many files one of the processes may have open, the least of them; 0 where it cannot be told.
    """

    counts: Counter[Count] = field(factory=Counter)
    errors: Counter[str] = field(factory=Counter)
    times: dict[Timed, Distribution] = field(factory=lambda: {each: Distribution() for each in Timed})
    connected: int = 0
    refreshing: int = 0
    stormed: int = 0
    processor: float = 0.0
    kib: int = 0
    files: int = 0

    def count(self, what: Count) -> None:
        """Count one."""
        self.counts[what] += 1

    def time(self, what: Timed, seconds: float) -> None:
        """Take a time."""
        self.times[what].add(seconds)

    def dump(self) -> dict[str, Any]:
        """Return all of it, fit for JSON."""
        return {
            "counts": {what.value: number for what, number in self.counts.items()},
            "errors": dict(self.errors),
            "times": {what.value: times.dump() for what, times in self.times.items()},
            "connected": self.connected,
            "refreshing": self.refreshing,
            "stormed": self.stormed,
            "processor": self.processor,
            "files": self.files,
            "kib": self.kib,
        }

    @classmethod
    def load(cls, document: Mapping[str, Any]) -> Tally:
        """Read what :meth:`dump` has returned."""
        return cls(
            counts=Counter({Count(what): number for what, number in document["counts"].items()}),
            errors=Counter(document["errors"]),
            times={Timed(what): Distribution.load(times) for what, times in document["times"].items()},
            connected=document["connected"],
            refreshing=document["refreshing"],
            stormed=document["stormed"],
            processor=document["processor"],
            files=document["files"],
            kib=document["kib"],
        )

    @classmethod
    def sum(cls, tallies: Iterable[Tally]) -> Tally:
        """Add them up."""
        whole = cls()
        for tally in tallies:
            whole.counts.update(tally.counts)
            whole.errors.update(tally.errors)
            for what, times in tally.times.items():
                whole.times[what].add_all(times)
            whole.connected += tally.connected
            whole.refreshing += tally.refreshing
            whole.stormed += tally.stormed
            whole.processor += tally.processor
            whole.files = min(whole.files or tally.files, tally.files or whole.files)
            whole.kib += tally.kib
        return whole
