"""Subjects that have processes of their own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from typing import Any

import pytest

from customauth import MqttVersion, Transport
from customauth.compare import Bench, Cell, Plan, Report, State, Subject, Turn
from customauth.compare.result import PROCESSOR_TIME
from customauth.compare.scenarios.memory import MemoryAndThreads
from customauth.compare.scenarios.publish_rate import AcknowledgedRate
from customauth.gateway import RunningGateway
from customauth.testing import LocalGateway
from elsewhere_scenarios import Again, Breaking, Dying, Hanging, Number, Refusing, Session
from made_scenarios import Made, plugins, report
from needs import needs

pytestmark = needs("paho-mqtt")

_ONE_WAY: dict[str, Any] = {"versions": (MqttVersion.V5,), "transports": (Transport.MQTT,)}


@pytest.fixture(scope="module")
def found() -> Report:
    async def here(_: Bench, __: Subject) -> Turn:
        return Turn()

    class Unpicklable(Made):
        name = "unpicklable"

    scenarios = (
        *(Number(), Again(), Session(), Dying(), Hanging(), Refusing(), Breaking()),
        *(Unpicklable(here), MemoryAndThreads()),
    )
    plan = Plan(backends=("paho",), scenarios=scenarios, rounds=2, quick=True, processes=True, **_ONE_WAY)
    return asyncio.run(report(plan))


def _cells(found: Report, scenario: str) -> list[Cell]:
    return [cell for cell in found.cells if cell.scenario == scenario]


def test_each_subject_has_one_process_for_all_its_turns(found: Report) -> None:
    numbers = [set(cell.measurements["number"]) for cell in (*_cells(found, "number"), *_cells(found, "again"))]
    through, alone = numbers[:2]
    assert numbers == [through, alone, through, alone]
    assert len(through) == len(alone) == 1
    assert len(through | alone | {float(os.getpid())}) == 3


def test_ctrl_c_in_a_terminal_does_not_reach_them(found: Report) -> None:
    sessions = {value for cell in _cells(found, "session") for value in cell.measurements["number"]}
    assert len(sessions) == 2
    assert float(os.getsid(0)) not in sessions


def test_the_processor_time_of_each_turn_is_measured(found: Report) -> None:
    for cell in _cells(found, "again"):
        assert len(cell.measurements["processor-time"]) == 2
        assert min(cell.measurements["processor-time"]) > 10
    by_name = {each.name: each for each in found.scenarios}
    assert by_name["again"].measures[-1] == PROCESSOR_TIME


def test_a_scenario_with_fresh_processes_has_no_other_around_them(found: Report) -> None:
    for cell in _cells(found, "memory"):
        assert (cell.state, cell.measurements.keys()) == (State.RUN, {"memory", "threads"})


@pytest.mark.parametrize(
    ("scenario", "state", "why"),
    [
        ("dying", State.ERROR, "the subject's process ended with 3"),
        ("hanging", State.ERROR, "TimeoutError:"),
        ("refusing", State.NOT_RUN, "it has no wheels"),
        ("breaking", State.ERROR, "ValueError: it broke with ***"),
    ],
)
def test_what_ends_a_turn_in_another_process_is_told(found: Report, scenario: str, state: State, why: str) -> None:
    assert [(cell.state, cell.why) for cell in _cells(found, scenario)] == [(state, why)] * 2


def test_a_scenario_that_another_process_cannot_get_breaks_down(found: Report) -> None:
    (cell,) = _cells(found, "unpicklable")
    assert cell.state is State.ERROR
    assert "local object" in (cell.why or "")


def test_a_backend_that_another_process_would_not_find_is_not_run() -> None:
    plan = Plan(plugins=plugins(), backends=("other",), scenarios=(Number(),), rounds=1, processes=True, **_ONE_WAY)
    assert {cell.why for cell in asyncio.run(report(plan)).cells} == {
        "another process does not find other, which is no installed plug-in"
    }


@pytest.fixture(scope="module")
def gateway() -> Iterator[RunningGateway]:
    with LocalGateway() as running:
        yield running


@pytest.mark.parametrize(("load", "state"), [(True, State.RUN), (False, State.NOT_RUN)])
def test_a_server_is_loaded_only_when_it_may_be(gateway: RunningGateway, load: bool, state: State) -> None:
    plan = Plan(
        endpoint=gateway.endpoint,
        credentials=gateway.signed,
        load=load,
        backends=("paho",),
        scenarios=(AcknowledgedRate(),),
        rounds=1,
        quick=True,
        raw=False,
        **_ONE_WAY,
    )
    assert [cell.state for cell in asyncio.run(report(plan)).cells] == [state]
