"""The runner: every scenario through every backend, in turns whose order changes, so that noise falls on all alike."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from attrs import field, frozen

from customauth import (
    Backend,
    BackendError,
    BackendNotInstalled,
    CustomAuth,
    Endpoint,
    EndpointError,
    Feature,
    MqttVersion,
    PluginManager,
    Transport,
    __version__,
)
from customauth.compare.apart import apart
from customauth.compare.bench import Bench
from customauth.compare.environment import this_environment
from customauth.compare.own_gateway import own_gateway
from customauth.compare.registry import known_scenarios
from customauth.compare.result import Cell, Kind, Report, ScenarioInfo
from customauth.compare.scenario import NotApplicable, Scenario, Subject, Turn
from customauth.compare.tally import Tally

_Take: TypeAlias = Callable[[Bench, Subject], Coroutine[Any, Any, Turn]]

_ROUNDS = 5
_QUICK_ROUNDS = 2


@frozen(kw_only=True)
class Plan:
    """What is compared.

    :param endpoint: the server; None for a local gateway, which the comparison starts itself.
    :param credentials: what that server accepts; needed with an endpoint, and only there.
    :param backends: by name; all whose library is installed unless given.
    :param scenarios: all that there are (:func:`known_scenarios`) unless given; when ``quick`` those for a first look.
    :param rounds: turns of each subject in each scenario; 5 unless given, 2 when ``quick``.
    :param raw: whether the libraries alone take part.
    :param quick: repeat little: for a first look, not for numbers to rely on.
    :param timeout: seconds for an attempt to connect, and for a request.
    :param topic: topics below it may be published and subscribed to.
    :param environment: the id under which the results are merged with those of others; such as ``py3.11`` unless given.
    :raises EndpointError: when an endpoint lacks its credentials, or a number is out of range.
    """

    endpoint: Endpoint | None = None
    credentials: CustomAuth | None = field(default=None, repr=False)
    backends: tuple[str, ...] = ()
    versions: tuple[MqttVersion, ...] = (MqttVersion.V5, MqttVersion.V311)
    transports: tuple[Transport, ...] = (Transport.MQTT, Transport.WSS)
    scenarios: tuple[Scenario, ...] | None = None
    rounds: int | None = None
    raw: bool = True
    quick: bool = False
    timeout: float = 10.0
    topic: str = "sample/compare"
    environment: str | None = None
    plugins: PluginManager = field(factory=PluginManager, repr=False)

    def __attrs_post_init__(self) -> None:
        if (self.endpoint is None) is not (self.credentials is None):
            raise EndpointError("an endpoint and its credentials are compared together; give both, or neither")
        if self.rounds is not None and self.rounds < 1:
            raise EndpointError(f"{self.rounds} rounds measure nothing; give 1 or more")
        if not 0 < self.timeout < float("inf"):
            raise EndpointError(f"the timeout of {self.timeout} s is out of range; give a positive number of seconds")

    def all_rounds(self) -> int:
        """Return how many turns a subject has in a scenario that does not limit them."""
        return self.rounds or (_QUICK_ROUNDS if self.quick else _ROUNDS)


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


async def run(plan: Plan) -> AsyncGenerator[Progress, None]:
    """Run a plan and yield after every turn; the last step brings the report.

    A turn that breaks down costs its cell alone. Close the iterator (``contextlib.aclosing``) when you leave it early:
    then all that was started is stopped.

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
    cells: list[Cell] = []
    async with contextlib.AsyncExitStack() as stack:
        stages = [_Stage(plan, scenario, backends) for scenario in scenarios]
        total = sum(stage.turns for stage in stages) + len(backends)
        done = 0
        bench = await _bench(plan, scenarios, stack)
        for backend in backends:
            await _warm_up(bench, plan, backend)
            done += 1
            yield Progress(done=done, total=total)
        for stage in stages:
            before = done
            tally = Tally(environment.id, stage.scenario)
            async with contextlib.aclosing(stage.run(bench, tally)) as turns:
                async for _ in turns:
                    done += 1
                    yield Progress(done=done, total=total, scenario=stage.scenario.name)
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
        environments=(environment,),
        scenarios=tuple(_info(scenario) for scenario in scenarios),
        cells=tuple(cells),
    )
    yield Progress(done=total, total=total, report=report)


def _backends(plan: Plan) -> list[Backend]:
    names = plan.backends or tuple(info.name for info in plan.plugins.describe() if info.problem is None)
    if not names:
        raise BackendNotInstalled('no MQTT library is installed; run: pip install "customauth[all]"')
    return [plan.plugins.backend(name) for name in dict.fromkeys(names)]


async def _bench(plan: Plan, scenarios: tuple[Scenario, ...], stack: contextlib.AsyncExitStack) -> Bench:
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
    gateway = await stack.enter_async_context(own_gateway(folder))
    local = None
    if any(scenario.local for scenario in scenarios):
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


async def _warm_up(bench: Bench, plan: Plan, backend: Backend) -> None:
    """Connect once in every way: it pays for imports, for the authorizer's process and for TLS settings."""
    for version in plan.versions:
        for raw in (False, True) if plan.raw else (False,):
            for transport in plan.transports:
                subject = Subject(backend=backend.name, version=version, transport=transport, raw=raw)
                # What fails here fails again in its cell, where it is told.
                with contextlib.suppress(Exception):
                    await _turn(bench, subject, _connect_once)


async def _connect_once(bench: Bench, subject: Subject) -> Turn:
    async with bench.connected(subject):
        return Turn()


async def _turn(bench: Bench, subject: Subject, take: _Take) -> Turn:
    # A library alone may block, and waits on its own threads then.
    return await (apart(lambda: take(bench, subject)) if subject.raw else take(bench, subject))


class _Stage:
    """One scenario of a plan: who has turns in it, and how many."""

    def __init__(self, plan: Plan, scenario: Scenario, backends: list[Backend]) -> None:
        self.scenario = scenario
        self._plan = plan
        self._rounds = min(plan.all_rounds(), scenario.rounds or plan.all_rounds())
        self._ways = [
            (version, transport)
            for transport in plan.transports
            if transport in scenario.transports
            for version in plan.versions
            if version in scenario.versions
        ]
        self._backends = backends

    @property
    def turns(self) -> int:
        """How many turns there are at most."""
        return sum(len(self._subjects(*way)) for way in self._ways) * self._rounds

    async def run(self, bench: Bench, tally: Tally) -> AsyncGenerator[None, None]:
        """Give every subject its turns; those that are compared with each other are neighbours in time."""
        for way in self._ways:
            taking_part = []
            for backend, subject in self._subjects(*way):
                tally.expect(subject)
                why = self._excluded(backend, subject)
                if why is None:
                    taking_part.append(subject)
                else:
                    tally.not_run(subject, why)
            for number in range(self._rounds):
                for subject in _order(taking_part, number):
                    if tally.is_over(subject):
                        continue
                    await self._take(bench, subject, tally)
                    yield

    async def _take(self, bench: Bench, subject: Subject, tally: Tally) -> None:
        try:
            async with asyncio.timeout(self.scenario.limit):
                tally.add(subject, await _turn(bench, subject, self.scenario.turn))
        except (NotApplicable, BackendError) as error:
            tally.not_run(subject, str(error))
        except Exception as error:  # a library, or a stranger's scenario, may raise anything
            tally.broke_down(subject, error, bench.credentials)

    def _subjects(self, version: MqttVersion, transport: Transport) -> list[tuple[Backend, Subject]]:
        raw = self._plan.raw and self.scenario.raw and transport is Transport.MQTT
        return [
            (backend, Subject(backend=backend.name, version=version, transport=transport, raw=alone))
            for backend in self._backends
            for alone in ((False, True) if raw else (False,))
        ]

    def _excluded(self, backend: Backend, subject: Subject) -> str | None:
        """Say why a subject has no turn, None when it has."""
        if self.scenario.local and self._plan.endpoint is not None:
            return "it needs the local gateway; leave out ENDPOINT"
        needed = self.scenario.needs | {
            Feature.MQTT5 if subject.version is MqttVersion.V5 else Feature.MQTT311,
            *({Feature.WEBSOCKET} if subject.transport is Transport.WSS else set()),
        }
        missing = sorted(feature.value for feature in needed - backend.features)
        return f"backend {backend.name} cannot do {', '.join(missing)}" if missing else None


def _order(subjects: list[Subject], number: int) -> Iterator[Subject]:
    """Give the subjects in a round's order: another one begins, and another one goes before each.

    The rows of a Williams design: in as many rounds as there are subjects everybody has had every place once, and an
    even number of them has followed each of the others once.
    """
    count = len(subjects)
    for place in range(count):
        offset = (place + 1) // 2 if place % 2 else count - place // 2
        yield subjects[(number + offset) % count]


def _info(scenario: Scenario) -> ScenarioInfo:
    return ScenarioInfo(
        name=scenario.name,
        title=scenario.title,
        description=scenario.description,
        kind=Kind(scenario.kind),
        measures=tuple(scenario.measures),
    )
