"""The processes of a swarm, driven from here: start, gather, storm, finish, and everything added up."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncGenerator

from attrs import define, field, frozen

from customauth.swarm.limits import Busy, allow_many_files
from customauth.swarm.orders import CUT, FINISH, Order
from customauth.swarm.pipes import sized
from customauth.swarm.plan import Plan
from customauth.swarm.tally import Count, Tally

# A line of a worker's tally, with thousands of buckets.
_LONGEST_LINE = 16 * 1024 * 1024
_EVERY = 0.5
# How much longer than the timeout of an attempt the clients may take to finish, in seconds.
_FINISHES_WITHIN = 15.0


@frozen(kw_only=True)
class Moment:
    """What a swarm has seen up to a moment.

    :ivar elapsed: seconds since the start.
    :ivar phase: ``gathering``, ``holding``, ``storm``, ``finishing`` or ``over``.
    :ivar busy: the share of the machine's processor time that anybody used, 0 to 1, since the start.
    """

    elapsed: float
    phase: str
    tally: Tally
    busy: float
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
        while line := await self.process.stdout.readline():
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
    :raises RuntimeError: a process of the swarm broke down; its own words are on standard error.
    """
    stop = stop or asyncio.Event()
    allow_many_files(-(-plan.clients // plan.processes))
    async with contextlib.AsyncExitStack() as stack:
        workers = [await stack.enter_async_context(_worker(plan, index)) for index in range(plan.processes)]
        course = _Course(plan=plan, workers=workers)
        listening = [asyncio.ensure_future(worker.listen()) for worker in workers]
        try:
            while not all(task.done() for task in listening):
                yield await course.step(stop)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_EVERY):
                        await _any(stop, listening, finishing=course.phase == "finishing")
            for task in listening:
                task.result()
        finally:
            for task in listening:
                task.cancel()
        codes = [await worker.process.wait() for worker in workers]
        if any(codes):
            raise RuntimeError(f"a process of the swarm broke down (exit code {next(filter(None, codes))})")
        course.phase = "over"
        yield course.moment()


@define(eq=False)
class _Course:
    """Where a run is, and what is to be done next."""

    plan: Plan
    workers: list[_Worker]
    phase: str = "gathering"
    _began: float = field(factory=time.monotonic, init=False)
    _busy: Busy = field(factory=Busy, init=False)
    _gathered_after: float | None = field(default=None, init=False)
    _storm_at: float | None = field(default=None, init=False)
    _healed_after: float | None = field(default=None, init=False)
    _left_behind: int | None = field(default=None, init=False)
    _interrupted: bool = field(default=False, init=False)
    _finish_by: float = field(default=float("inf"), init=False)

    def moment(self) -> Moment:
        """Add up what the workers have said."""
        return Moment(
            elapsed=self._elapsed(),
            phase=self.phase,
            tally=Tally.sum(worker.tally for worker in self.workers),
            busy=self._busy.share(),
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
            if elapsed > self._finish_by:
                for worker in self.workers:
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

    def _all_back(self) -> bool:
        counts = [worker.tally.counts for worker in self.workers]
        return all(0 < each[Count.CUT] <= each[Count.RETURNED] for each in counts)

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
    )
    try:
        assert process.stdin is not None  # noqa: S101 - it is a pipe
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
