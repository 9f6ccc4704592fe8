"""A process of its own for each subject: nobody's threads and garbage fall on another's turn."""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeAlias

from attrs import define, evolve, field, frozen

from customauth import CustomAuth, Endpoint, PluginManager
from customauth.compare.bench import Bench
from customauth.compare.own_gateway import OwnGateway
from customauth.compare.result import PROCESSOR_TIME
from customauth.compare.scenario import NotApplicable, Subject, Turn

Take: TypeAlias = Callable[[Bench, Subject], Coroutine[Any, Any, Turn]]
"""What a turn does."""

SIZE = 8
"""Bytes, most significant first, that say how long the pickle behind them is."""

# Seconds that a process may take to end by itself when its standard input has.
_STOPS_WITHIN = 10.0


class TurnFailed(Exception):
    """A turn broke down where its error cannot come out; the text names the class of the error."""


@frozen(kw_only=True)
class Start:
    """What a process makes its bench of."""

    place: Endpoint
    credentials: CustomAuth = field(repr=False)
    gateway: OwnGateway | None
    topic: str
    timeout: float
    quick: bool


@frozen(kw_only=True)
class Answer:
    """What became of a turn: one of the three.

    :ivar not_applicable: why the subject cannot do it.
    :ivar failed: the class and the text of any other error.
    """

    turn: Turn | None = None
    not_applicable: str | None = None
    failed: str | None = None
    processor_time: float = 0.0


class Processes:
    """The processes of a run, each started when its subject first has a turn. See :func:`own_processes`."""

    def __init__(self, bench: Bench) -> None:
        self._start = Start(
            place=bench.place,
            credentials=bench.credentials,
            gateway=bench.gateway,
            topic=bench.topic,
            timeout=bench.timeout,
            quick=bench.quick,
        )
        self._names = frozenset(PluginManager().names())
        self._running: dict[Subject, _Process] = {}

    async def turn(self, subject: Subject, take: Take) -> Turn:
        """Let a subject have its turn in its process.

        A turn that is cancelled, as by its deadline, costs the process; the next one gets another.

        :raises NotApplicable: as the turn does, or because another process would not find the backend.
        :raises TurnFailed: anything else went wrong there.
        """
        if subject.backend not in self._names:
            raise NotApplicable(f"another process does not find {subject.backend}, which is no installed plug-in")
        process = self._running.get(subject)
        if process is None:
            process = self._running[subject] = await _started(self._start)
        try:
            answer = await process.ask((take, subject))
        except BaseException:
            del self._running[subject]
            await process.kill()
            raise
        if answer.not_applicable is not None:
            raise NotApplicable(answer.not_applicable)
        if answer.turn is None:
            raise TurnFailed(answer.failed)
        return evolve(
            answer.turn,
            measurements={**answer.turn.measurements, PROCESSOR_TIME.name: (answer.processor_time * 1000,)},
        )

    async def stop(self) -> None:
        """End them all."""
        while self._running:
            await self._running.popitem()[1].stop()


@contextlib.asynccontextmanager
async def own_processes(bench: Bench) -> AsyncIterator[Processes]:
    """Give the processes of a run until the end of the block."""
    processes = Processes(bench)
    try:
        yield processes
    finally:
        await processes.stop()


@define(eq=False)
class _Process:
    _process: asyncio.subprocess.Process

    async def ask(self, order: object) -> Answer:
        """Send an order, and wait for the answer.

        :raises TurnFailed: the process has ended.
        """
        reading = self._process.stdout
        assert reading is not None  # noqa: S101 - it is a pipe
        await self.tell(order)
        try:
            size = int.from_bytes(await reading.readexactly(SIZE))
            answer = pickle.loads(await reading.readexactly(size))  # noqa: S301 - written by our own child
        except asyncio.IncompleteReadError:
            code = await self._process.wait()
            raise TurnFailed(f"the subject's process ended with {code}") from None
        assert isinstance(answer, Answer)  # noqa: S101 - what the program writes
        return answer

    async def tell(self, order: object) -> None:
        """Send an order."""
        writing = self._process.stdin
        assert writing is not None  # noqa: S101 - it is a pipe
        data = pickle.dumps(order)
        # A process that has ended is told of when its answer is waited for.
        with contextlib.suppress(ConnectionError):
            writing.write(len(data).to_bytes(SIZE) + data)
            await writing.drain()

    async def stop(self) -> None:
        """Let it end by itself, or end it."""
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        self._process.stdin.close()
        try:
            async with asyncio.timeout(_STOPS_WITHIN):
                await self._process.wait()
        except BaseException as error:
            await self.kill()
            if not isinstance(error, TimeoutError):
                raise

    async def kill(self) -> None:
        """End it."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()


async def _started(start: Start) -> _Process:
    process = _Process(
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "customauth.compare.turns_program",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            # Ctrl-C reaches all processes of a terminal; this one ends when its standard input does.
            start_new_session=True,
        )
    )
    try:
        # It must find the scenarios' modules where this process has found them.
        await process.tell(sys.path)
        await process.tell(start)
    except BaseException:
        await process.kill()
        raise
    return process
