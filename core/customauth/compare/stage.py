"""One scenario of a plan: who has turns in it, how many, and in which order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from typing import TypeAlias

from customauth import Backend, BackendError, CustomAuth, Feature, MqttVersion, Transport
from customauth.compare.own_process import Take
from customauth.compare.plan import Plan
from customauth.compare.result import PROCESSOR_TIME, Kind, Measure, ScenarioInfo
from customauth.compare.scenario import NotApplicable, Scenario, Subject, Turn
from customauth.compare.stopping import Stopped, unless
from customauth.compare.tally import Tally

TakeTurn: TypeAlias = Callable[[Subject, Take], Awaitable[Turn]]
"""Lets a subject have its turn, wherever that is."""


class Stage:
    """One scenario of a plan.

    :ivar elsewhere: whether each subject has its turns in a process of its own.
    :ivar measures: what is measured: what the scenario describes and, elsewhere, the processor time.
    """

    def __init__(self, plan: Plan, scenario: Scenario, backends: list[Backend]) -> None:
        self.scenario = scenario
        self.elsewhere: bool = plan.processes and scenario.kind is Kind.SPEED and not scenario.fresh
        self.measures: tuple[Measure, ...] = (*scenario.measures, *((PROCESSOR_TIME,) if self.elsewhere else ()))
        self._plan = plan
        limits = (scenario.rounds, scenario.quick_rounds if plan.quick else None)
        self._rounds = min([plan.all_rounds(), *(limit for limit in limits if limit is not None)])
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

    def info(self) -> ScenarioInfo:
        """Describe the scenario for the document."""
        scenario = self.scenario
        return ScenarioInfo(
            name=scenario.name,
            title=scenario.title,
            description=scenario.description,
            kind=Kind(scenario.kind),
            measures=self.measures,
        )

    async def run(
        self, take_turn: TakeTurn, credentials: CustomAuth, tally: Tally, stop: asyncio.Future[str]
    ) -> AsyncGenerator[None, None]:
        """Give every subject its turns; those that are compared with each other are neighbours in time.

        :param credentials: left out of the texts of errors.
        :param stop: once it is done there are no more turns, and the one that is under way does not count.
        """
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
                for subject in order(taking_part, number):
                    if stop.done() or tally.is_over(subject):
                        continue
                    try:
                        async with asyncio.timeout(self.scenario.limit):
                            tally.add(subject, await unless(stop, take_turn(subject, self.scenario.turn)))
                    except Stopped:
                        continue
                    except (NotApplicable, BackendError) as error:
                        tally.not_run(subject, str(error))
                    except Exception as error:  # a library, or a stranger's scenario, may raise anything
                        if stop.done():
                            # Its limit has passed while it was being cancelled.
                            continue
                        tally.broke_down(subject, error, credentials)
                    yield
            for subject in taking_part:
                tally.end(subject, self._rounds)

    def _subjects(self, version: MqttVersion, transport: Transport) -> list[tuple[Backend, Subject]]:
        raw = self._plan.raw and self.scenario.raw and transport is Transport.MQTT
        return [
            (backend, Subject(backend=backend.name, version=version, transport=transport, raw=alone))
            for backend in self._backends
            for alone in ((False, True) if raw else (False,))
        ]

    def _excluded(self, backend: Backend, subject: Subject) -> str | None:
        """Say why a subject has no turn, None when it has."""
        scenario, plan = self.scenario, self._plan
        if scenario.local and plan.endpoint is not None and not (scenario.load and plan.load):
            return "it needs the local gateway; leave out ENDPOINT"
        if self.elsewhere and scenario.local and not scenario.load:
            return "it looks into a gateway in its own process; leave out processes"
        needed = scenario.needs | {
            Feature.MQTT5 if subject.version is MqttVersion.V5 else Feature.MQTT311,
            *({Feature.WEBSOCKET} if subject.transport is Transport.WSS else set()),
        }
        missing = sorted(feature.value for feature in needed - backend.features)
        return f"backend {backend.name} cannot do {', '.join(missing)}" if missing else None


def order(subjects: list[Subject], number: int) -> Iterator[Subject]:
    """Give the subjects in a round's order: another one begins, and another one goes before each.

    The rows of a Williams design: in as many rounds as there are subjects everybody has had every place once, and an
    even number of them has followed each of the others once.
    """
    count = len(subjects)
    for place in range(count):
        offset = (place + 1) // 2 if place % 2 else count - place // 2
        yield subjects[(number + offset) % count]
