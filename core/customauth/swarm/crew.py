"""The processes of a swarm, driven from here: start, gather, storm, finish, and everything added up."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncGenerator

from attrs import define, field, frozen

from customauth.errors import CustomAuthError
from customauth.plugins import PluginManager
from customauth.swarm.limits import Pressure, allow_many_files
from customauth.swarm.orders import CUT, FINISH, Order
from customauth.swarm.pipes import sized
from customauth.swarm.plan import Plan
from customauth.swarm.tally import Count, Tally

# A line of a worker's tally, with thousands of buckets.
_LONGEST_LINE = 16 * 1024 * 1024
_EVERY = 0.5
# How much longer than the timeout of an attempt the clients may take to finish, in seconds.
_FINISHES_WITHIN = 15.0


class SwarmBroken(CustomAuthError):
    """A process of the swarm has ended, and nobody wanted it to."""

    default_hint = "see what it said on standard error; exit code -9: look for the out-of-memory killer (dmesg)"


@frozen(kw_only=True)
class Moment:
    """What a swarm has seen up to a moment.

    :ivar elapsed: seconds since the start.
    :ivar phase: ``gathering``, ``holding``, ``storm``, ``finishing`` or ``over``.
    :ivar busy: the share of the machine's processor time that anybody used, 0 to 1, since the start.
    :ivar own_full: seconds in which the swarm used nearly all processor time that its processes could have.
    :ivar busy_full: seconds in which anybody used nearly all of the machine's.
    """

    elapsed: float
    phase: str
    tally: Tally
    busy: float
    own_full: float = 0.0
    busy_full: float = 0.0
    gathered_after: float | None = None
    storm_at: float | None = None
    healed_after: float | None = None
    left_behind: int | None = None
    interrupted: bool = False


@define(eq=False)
class _Worker:
    process: asyncio.subprocess.Process
    tally: Tally = field(factory=Tally)

    async def listen(self) -> None:
        """Take what it says until it ends."""
        assert self.process.stdout is not None  # noqa: S101 - it is a pipe
        # A process that is killed may leave half a line.
        while (line := await self.process.stdout.readline()).endswith(b"\n"):
            self.tally = Tally.load(json.loads(line))

    async def tell(self, command: bytes) -> None:
        assert self.process.stdin is not None  # noqa: S101 - it is a pipe
        with contextlib.suppress(ConnectionError):
            self.process.stdin.write(command + b"\n")
            await self.process.stdin.drain()


async def run(plan: Plan, stop: asyncio.Event | None = None) -> AsyncGenerator[Moment, None]:
    """Run a plan and yield what is seen every half second; the last moment, ``over``, is after all have ended.

    :param stop: set it to end early, in good order.
    :raises EndpointError: this system does not allow so many open files.
    :raises BackendError: the backend is unknown, or its library is missing.
    :raises SwarmBroken: a process of the swarm has ended; its own words are on standard error.
    """
    stop = stop or asyncio.Event()
    PluginManager().backend(plan.backend)
    allow_many_files(-(-plan.clients // plan.processes))
    async with contextlib.AsyncExitStack() as stack:
        workers = [await stack.enter_async_context(_worker(plan, index)) for index in range(plan.crew())]
        course = _Course(plan=plan, workers=workers)
        listening = [asyncio.ensure_future(worker.listen()) for worker in workers]
        try:
            while not all(task.done() for task in listening):
                yield await course.step(stop)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_EVERY):
                        await _any(stop, listening, finishing=course.phase == "finishing")
                for worker, task in zip(workers, listening, strict=True):
                    if task.done():
                        task.result()
                        await course.has_ended(worker)
        finally:
            for task in listening:
                task.cancel()
        course.phase = "over"
        yield course.moment()


@define(eq=False)
class _Course:
    """Where a run is, and what is to be done next."""

    plan: Plan
    workers: list[_Worker]
    phase: str = "gathering"
    _began: float = field(factory=time.monotonic, init=False)
    _pressure: Pressure = field(init=False)
    _gathered_after: float | None = field(default=None, init=False)
    _storm_at: float | None = field(default=None, init=False)
    _healed_after: float | None = field(default=None, init=False)
    _left_behind: int | None = field(default=None, init=False)
    _interrupted: bool = field(default=False, init=False)
    _finish_by: float = field(default=float("inf"), init=False)
    _killed: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._pressure = Pressure(self.plan)

    def moment(self) -> Moment:
        """Add up what the workers have said."""
        elapsed, tally = self._elapsed(), Tally.sum(worker.tally for worker in self.workers)
        self._pressure.look(elapsed, tally)
        if self._killed:
            tally.errors["finish: not in time, so the process was ended"] += 1
        return Moment(
            elapsed=elapsed,
            phase=self.phase,
            tally=tally,
            busy=self._pressure.busy(),
            own_full=self._pressure.own_full,
            busy_full=self._pressure.busy_full,
            gathered_after=self._gathered_after,
            storm_at=self._storm_at,
            healed_after=self._healed_after,
            left_behind=self._left_behind,
            interrupted=self._interrupted,
        )

    async def step(self, stop: asyncio.Event) -> Moment:
        """Do what is due, and say where the run is."""
        seen = self.moment()
        plan, elapsed = self.plan, seen.elapsed
        if self.phase == "finishing":
            if elapsed > self._finish_by and not self._killed:
                self._killed = True
                for worker in self.workers:
                    with contextlib.suppress(ProcessLookupError):
                        worker.process.kill()
            return seen
        if self._gathered_after is None and seen.tally.counts[Count.BEGUN] >= plan.clients:
            self._gathered_after, self.phase = elapsed, "holding"
        gathered = self._gathered_after
        storm_due = gathered is not None and plan.storm is not None and elapsed >= gathered + plan.storm.after
        if storm_due and self._storm_at is None:
            self._storm_at, self.phase = elapsed, "storm"
            await self._tell(CUT)
        elif self.phase == "storm" and self._all_back():
            assert self._storm_at is not None  # noqa: S101 - it has begun
            self._healed_after, self.phase = elapsed - self._storm_at, "holding"
        if stop.is_set() or (gathered is not None and elapsed >= gathered + plan.duration):
            self._interrupted = stop.is_set()
            if self._storm_at is not None:
                counts = seen.tally.counts
                self._left_behind = counts[Count.CUT] - counts[Count.RETURNED]
            self.phase = "finishing"
            self._finish_by = elapsed + plan.timeout + _FINISHES_WITHIN
            await self._tell(FINISH)
        return self.moment()

    async def has_ended(self, worker: _Worker) -> None:
        """Take the end of a process.

        :raises SwarmBroken: it was not to end, or not so.
        """
        code = await worker.process.wait()
        if not self._killed and (code or self.phase != "finishing"):
            raise SwarmBroken(f"a process of the swarm broke down (exit code {code})")

    def _all_back(self) -> bool:
        tallies = [worker.tally for worker in self.workers]
        return all(each.stormed and each.counts[Count.CUT] <= each.counts[Count.RETURNED] for each in tallies)

    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    async def _tell(self, command: bytes) -> None:
        for worker in self.workers:
            await worker.tell(command)


@contextlib.asynccontextmanager
async def _worker(plan: Plan, index: int) -> AsyncGenerator[_Worker, None]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "customauth.swarm.worker",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LONGEST_LINE,
        # Ctrl-C is for this process, which ends the swarm in good order.
        start_new_session=True,
    )
    try:
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        # One that has broken down at once is found out by its end.
        with contextlib.suppress(ConnectionError):
            process.stdin.write(sized(Order(plan=plan, index=index)))
            await process.stdin.drain()
        yield _Worker(process)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await process.wait()


async def _any(stop: asyncio.Event, listening: list[asyncio.Task[None]], *, finishing: bool) -> None:
    """Wait for the end of a worker, or for the wish to stop."""
    deaf = finishing or stop.is_set()
    wish = asyncio.ensure_future(asyncio.Event().wait() if deaf else stop.wait())
    waits: list[asyncio.Task[None] | asyncio.Task[bool]] = [task for task in listening if not task.done()]
    try:
        await asyncio.wait([*waits, wish], return_when=asyncio.FIRST_COMPLETED)
    finally:
        wish.cancel()
