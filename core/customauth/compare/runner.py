"""The runner: every scenario through every backend, in turns whose order changes, so that noise falls on all alike."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path

from attrs import frozen

from customauth import Backend, BackendError, BackendNotInstalled, __version__
from customauth.compare.apart import apart
from customauth.compare.bench import Bench
from customauth.compare.environment import this_environment
from customauth.compare.own_gateway import own_gateway
from customauth.compare.own_process import Take, own_processes
from customauth.compare.plan import Plan
from customauth.compare.registry import known_scenarios
from customauth.compare.result import Cell, Report
from customauth.compare.scenario import NotApplicable, Scenario, Subject, Turn
from customauth.compare.stage import Stage, TakeTurn
from customauth.compare.stopping import unless
from customauth.compare.tally import Tally

# Seconds between the closing of the gateway's listener and the end of its process, at most.
_END_TOLD_WITHIN = 10.0


@frozen(kw_only=True)
class Progress:
    """How far a comparison is.

    :ivar done: turns that are over, of ``total``; those that were not needed count as over.
    :ivar scenario: the name of the one that is running; empty when none is.
    :ivar cell: one that has just become whole.
    :ivar report: everything, at the last step.
    """

    done: int
    total: int
    scenario: str = ""
    cell: Cell | None = None
    report: Report | None = None


async def run(plan: Plan, stop: asyncio.Future[str] | None = None) -> AsyncGenerator[Progress, None]:
    """Run a plan and yield after every turn; the last step brings the report.

    A turn that breaks down costs its cell alone. Close the iterator (``contextlib.aclosing``) when you leave it early:
    then all that was started is stopped.

    :param stop: set its result, which says why, and the turn that is under way is cancelled and the last step is next:
        its report has what was measured, and says what is missing (:attr:`Report.interrupted`). The same happens by
        itself when the local gateway ends.
    :raises BackendError: a backend of the plan cannot be loaded, or there is none.
    :raises PluginLoadError: two scenarios have one name.
    :raises RuntimeError: the local gateway did not start.
    """
    backends = _backends(plan)
    scenarios = plan.scenarios
    if scenarios is None:
        scenarios = tuple(each for each in known_scenarios(plan.plugins) if each.quick or not plan.quick)
    environment = this_environment(plan.plugins, tuple(backend.name for backend in backends), plan.environment)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    stop = asyncio.get_running_loop().create_future() if stop is None else stop
    cells: list[Cell] = []
    async with contextlib.AsyncExitStack() as stack:
        stages = [Stage(plan, scenario, backends) for scenario in scenarios]
        total = sum(stage.turns for stage in stages) + len(backends)
        done = 0
        bench = await _bench(plan, scenarios, stack, stop)
        stack.push_async_callback(bench.let_go)
        here = elsewhere = _unless_gateway_ended(_here(bench), bench, stop)
        if any(stage.elsewhere for stage in stages):
            processes = await stack.enter_async_context(own_processes(bench))
            elsewhere = _unless_gateway_ended(processes.turn, bench, stop)
        for backend in backends:
            await _warm_up(elsewhere, plan, backend, stop)
            done += 1
            yield Progress(done=done, total=total)
        for stage in stages:
            before = done
            tally = Tally(environment.id, stage.scenario.name, stage.measures)
            take_turn = elsewhere if stage.elsewhere else here
            async with contextlib.aclosing(stage.run(take_turn, bench.credentials, tally, stop)) as turns:
                async for _ in turns:
                    done += 1
                    yield Progress(done=done, total=total, scenario=stage.scenario.name)
            await bench.let_go()
            done = before + stage.turns
            for cell in tally.cells():
                cells.append(cell)
                yield Progress(done=done, total=total, scenario=stage.scenario.name, cell=cell)
    report = Report(
        customauth=__version__,
        created=created,
        endpoint="local" if plan.endpoint is None else str(plan.endpoint),
        rounds=plan.all_rounds(),
        quick=plan.quick,
        interrupted={environment.id: stop.result()} if any(cell.is_cut_short for cell in cells) else {},
        environments=(environment,),
        scenarios=tuple(stage.info() for stage in stages),
        cells=tuple(cells),
    )
    yield Progress(done=total, total=total, report=report)


def _backends(plan: Plan) -> list[Backend]:
    names = plan.backends or tuple(info.name for info in plan.plugins.describe() if info.problem is None)
    if not names:
        raise BackendNotInstalled('no MQTT library is installed; run: pip install "customauth[all]"')
    return [plan.plugins.backend(name) for name in dict.fromkeys(names)]


async def _bench(
    plan: Plan, scenarios: tuple[Scenario, ...], stack: contextlib.AsyncExitStack, stop: asyncio.Future[str]
) -> Bench:
    if plan.endpoint is not None:
        assert plan.credentials is not None  # noqa: S101 - the plan has checked it
        return Bench(
            place=plan.endpoint,
            credentials=plan.credentials,
            plugins=plan.plugins,
            topic=plan.topic,
            timeout=plan.timeout,
            quick=plan.quick,
        )
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="customauth-")))
    gateway = await stack.enter_async_context(own_gateway(folder, stop))
    local = None
    if any(scenario.local and not scenario.load for scenario in scenarios):
        from customauth.gateway import running

        local = await stack.enter_async_context(running(folder / "gateway.toml", folder=folder))
    return Bench(
        place=gateway.endpoint,
        credentials=gateway.signed,
        plugins=plan.plugins,
        gateway=gateway,
        local=local,
        topic=plan.topic,
        timeout=plan.timeout,
        quick=plan.quick,
    )


async def _warm_up(take_turn: TakeTurn, plan: Plan, backend: Backend, stop: asyncio.Future[str]) -> None:
    """Connect once in every way: it pays for imports, for the authorizer's process and for TLS settings."""
    for version in plan.versions:
        for raw in (False, True) if plan.raw else (False,):
            for transport in plan.transports:
                if stop.done():
                    return
                subject = Subject(backend=backend.name, version=version, transport=transport, raw=raw)
                # What fails here fails again in its cell, where it is told.
                with contextlib.suppress(Exception):
                    await unless(stop, take_turn(subject, _connect_once))


async def _connect_once(bench: Bench, subject: Subject) -> Turn:
    async with bench.connected(subject):
        return Turn()


def _unless_gateway_ended(take_turn: TakeTurn, bench: Bench, stop: asyncio.Future[str]) -> TakeTurn:
    """Let a turn that fails wait until the end of its gateway is known, if that is why: it is no failure of its own."""

    async def guarded(subject: Subject, take: Take) -> Turn:
        try:
            return await take_turn(subject, take)
        except (NotApplicable, BackendError):
            raise
        except Exception:
            # A process closes its connections a moment before its end can be told.
            if bench.gateway is not None and not await bench.gateway.is_listening():
                await asyncio.wait([stop], timeout=_END_TOLD_WITHIN)
            raise

    return guarded


def _here(bench: Bench) -> TakeTurn:
    async def take_turn(subject: Subject, take: Take) -> Turn:
        # A library alone may block, and waits on its own threads then.
        return await (apart(lambda: take(bench, subject)) if subject.raw else take(bench, subject))

    return take_turn
