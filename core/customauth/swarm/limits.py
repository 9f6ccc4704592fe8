"""What may limit a swarm: open files, processors, and the server's throttling."""

from __future__ import annotations

from pathlib import Path

from attrs import define, field

from customauth.errors import EndpointError
from customauth.swarm.plan import Plan, processors
from customauth.swarm.tally import Count, Tally, Timed
from customauth.swarm.telling import NO_FILES_LEFT

# A process has other files beside its connections, and a connection that ends has one for a while.
_OTHER_FILES = 256
# From here on a processor is taken for fully used; the rest is lost between processes.
_FULL = 0.9
# In parts so long it is looked at whether processors are full, in seconds: tallies come every half second.
_PART = 2.0
# Later than this an event loop adds to what it times, in seconds.
_LATE = 0.05
# Reason codes of a server that has enough: quota exceeded, server busy, connection rate exceeded (E9, F16).
_THROTTLED = ("0x97", "0x89", "0x9F", "0x96", " 429")


def allow_many_files(connections: int) -> None:
    """Raise this process's soft limit of open files, which its children inherit.

    :param connections: of one process.
    :raises EndpointError: the hard limit is too low.
    """
    soft, hard = _file_limits()
    needed = connections + _OTHER_FILES
    if soft >= needed:
        return
    if hard < needed:
        raise EndpointError(
            f"{connections} connections in one process need {needed} open files, and the hard limit is {hard:.0f} "
            f"(ulimit -Hn); raise it, add --processes, or take fewer --clients"
        )
    _allow_files(needed if hard == float("inf") else int(hard))


def allow_all_files() -> None:
    """Raise this process's soft limit of open files to the hard one, where nobody knows how many there will be."""
    _, hard = _file_limits()
    if hard != float("inf"):
        _allow_files(int(hard))


def open_files() -> int:
    """Return how many files this process may have open, 0 where there is no limit."""
    soft, _ = _file_limits()
    return 0 if soft == float("inf") else int(soft)


def _file_limits() -> tuple[float, float]:
    """Return the soft and the hard limit of open files, infinite where there is none."""
    try:
        import resource
    except ImportError:
        # A system without such limits.
        return float("inf"), float("inf")
    unlimited = resource.RLIM_INFINITY
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return float("inf") if soft == unlimited else soft, float("inf") if hard == unlimited else hard


def _allow_files(soft: int) -> None:
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def out_of_files(tally: Tally) -> str | None:
    """Say in a sentence how often no more files could be opened, and what to change; None when that was never so."""
    times = sum(number for kind, number in tally.errors.items() if kind.endswith(NO_FILES_LEFT))
    if not times:
        return None
    may = f"; a process may have {tally.files}" if tally.files else ""
    return (
        f"Open files ran out {times} times (ulimit -n{may}): raise that and its hard limit (ulimit -Hn) before the "
        "start, or let fewer clients share a process."
    )


def _busy_and_all() -> tuple[float, float] | None:
    """Return how long the machine's processors were busy, and how long they have run (proc(5)); in ticks."""
    try:
        first = Path("/proc/stat").read_text().partition("\n")[0]
    except OSError:
        return None
    # The last two are of guests, and counted before.
    ticks = [float(part) for part in first.split()[1:9]]
    idle = ticks[3] + ticks[4]
    return sum(ticks) - idle, sum(ticks)


def _share(since: tuple[float, float] | None, now: tuple[float, float] | None) -> float:
    if since is None or now is None or now[1] <= since[1]:
        return 0.0
    return (now[0] - since[0]) / (now[1] - since[1])


@define(eq=False)
class Pressure:
    """How busy the processors are, part by part: in the average of a long run a storm of some seconds would vanish.

    :ivar own_full: seconds in which the swarm used nearly all that its processes could have.
    :ivar busy_full: seconds in which anybody used nearly all of the machine's.
    """

    plan: Plan
    own_full: float = field(default=0.0, init=False)
    busy_full: float = field(default=0.0, init=False)
    _start: tuple[float, float] | None = field(factory=_busy_and_all, init=False)
    _part: tuple[float, float] | None = field(default=None, init=False)
    _part_at: float = field(default=0.0, init=False)
    _part_own: float = field(default=0.0, init=False)

    def busy(self) -> float:
        """Return the share of all processors' time that was used since the start, 0 where it cannot be told."""
        return _share(self._start, _busy_and_all())

    def look(self, elapsed: float, tally: Tally) -> None:
        """Take a moment of the run."""
        seconds = elapsed - self._part_at
        if seconds < _PART:
            return
        now = _busy_and_all()
        if (tally.processor - self._part_own) / (seconds * _could_have(self.plan)) >= _FULL:
            self.own_full += seconds
        if _share(self._part or self._start, now) >= _FULL:
            self.busy_full += seconds
        self._part, self._part_at, self._part_own = now, elapsed, tally.processor


def _could_have(plan: Plan) -> int:
    return min(plan.crew(), processors())


def own_share(tally: Tally, elapsed: float, plan: Plan) -> float:
    """Return which share of the time that its processes had the swarm itself has used, 0 to 1."""
    available = elapsed * _could_have(plan)
    return min(tally.processor / available, 1.0) if available else 0.0


def limiting(
    tally: Tally, elapsed: float, busy: float, plan: Plan, *, own_full: float = 0.0, busy_full: float = 0.0
) -> list[str]:
    """Say what held the swarm back, each in a sentence; empty when nothing here did.

    :param own_full: seconds in which the swarm's processes had no time left (:class:`Pressure`).
    :param busy_full: seconds in which the machine had none.
    """
    found = []
    throttled = sum(number for kind, number in tally.errors.items() if kind.endswith(_THROTTLED))
    if throttled:
        found.append(f"The endpoint throttles: {throttled} attempts or publishes were answered with a quota's code.")
    files = out_of_files(tally)
    if files is not None:
        found.append(files)
    own = own_share(tally, elapsed, plan)
    if own >= _FULL:
        found.append(f"The swarm's own processor time: it used {own:.0%} of what its processes could have.")
    elif own_full:
        found.append(f"The swarm's own processor time: all of it for {own_full:.0f} of {elapsed:.0f} s.")
    elif busy >= _FULL:
        found.append(f"The machine's processors: {busy:.0%} busy; the swarm used {own:.0%} of what it could have.")
    elif busy_full:
        found.append(f"The machine's processors: for {busy_full:.0f} of {elapsed:.0f} s none was free.")
    late = tally.times[Timed.LATE].percentile(0.99)
    if late is not None and late > _LATE:
        found.append(f"The swarm's own event loops were late by {late * 1000:.0f} ms and more at times (p99).")
    attempted = tally.counts[Count.BEGUN]
    if attempted and attempted / plan.rate < 0.8 * elapsed and attempted < plan.clients:
        found.append(f"Only {attempted} of {plan.clients} clients had made their first attempt at the end.")
    return found
