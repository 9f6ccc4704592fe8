"""What may limit a swarm: open files, processors, and the server's throttling."""

from __future__ import annotations

from pathlib import Path

from attrs import define, field

from customauth.errors import EndpointError
from customauth.swarm.plan import Plan, processors
from customauth.swarm.tally import Count, Tally, Timed

# A process has other files beside its connections, and a connection that ends has one for a while.
_OTHER_FILES = 256
# From here on a processor is taken for fully used; the rest is lost between processes.
_FULL = 0.9
# Later than this an event loop adds to what it times, in seconds.
_LATE = 0.05
# Reason codes of a server that has enough: quota exceeded, server busy, connection rate exceeded (E9, F16).
_THROTTLED = ("0x97", "0x89", "0x9F", "0x96", " 429")


def allow_many_files(connections: int) -> None:
    """Raise this process's soft limit of open files, which its children inherit.

    :param connections: of one process.
    :raises EndpointError: the hard limit is too low.
    """
    try:
        import resource
    except ImportError:
        # A system without such limits.
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + _OTHER_FILES
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise EndpointError(
            f"{connections} connections in one process need {needed} open files, and the hard limit is {hard} "
            f"(ulimit -Hn); raise it, add --processes, or take fewer --clients"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed if hard == resource.RLIM_INFINITY else hard, hard))


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


@define(eq=False)
class Busy:
    """How busy the machine is, whoever keeps it so."""

    _start: tuple[float, float] | None = field(factory=_busy_and_all, init=False)

    def share(self) -> float:
        """Return the share of all processors' time that was used since the start, 0 where it cannot be told."""
        now = _busy_and_all()
        if now is None or self._start is None or now[1] <= self._start[1]:
            return 0.0
        return (now[0] - self._start[0]) / (now[1] - self._start[1])


def own_share(tally: Tally, elapsed: float, plan: Plan) -> float:
    """Return which share of the time that its processes had the swarm itself has used, 0 to 1."""
    available = elapsed * min(plan.processes, processors())
    return min(tally.processor / available, 1.0) if available else 0.0


def limiting(tally: Tally, elapsed: float, busy: float, plan: Plan) -> list[str]:
    """Say what held the swarm back, each in a sentence; empty when nothing here did."""
    found = []
    throttled = sum(number for kind, number in tally.errors.items() if kind.endswith(_THROTTLED))
    if throttled:
        found.append(f"The endpoint throttles: {throttled} attempts or publishes were answered with a quota's code.")
    files = sum(number for kind, number in tally.errors.items() if "EMFILE" in kind)
    if files:
        found.append(f"Open files ran out {files} times (ulimit -n).")
    own = own_share(tally, elapsed, plan)
    if own >= _FULL:
        found.append(f"The swarm's own processor time: it used {own:.0%} of what its processes could have.")
    elif busy >= _FULL:
        found.append(f"The machine's processors: {busy:.0%} busy, {own:.0%} of the swarm's share its own.")
    late = tally.times[Timed.LATE].percentile(0.95)
    if late is not None and late > _LATE:
        found.append(f"The swarm's own event loops were late by {late * 1000:.0f} ms and more at times (p95).")
    attempted = tally.counts[Count.BEGUN]
    if attempted and attempted / plan.rate < 0.8 * elapsed and attempted < plan.clients:
        found.append(f"Only {attempted} of {plan.clients} clients had made their first attempt at the end.")
    return found
