"""The bundled speed scenarios, each once through one backend, against a real gateway."""

from __future__ import annotations

import asyncio

import pytest

from commands import features
from customauth import Feature, MqttVersion, PluginManager, Transport
from customauth.compare import Kind, Plan, Report, State
from customauth.compare.scenarios import bundled
from made_scenarios import report
from needs import needs_backend, needs_feature

pytestmark = needs_backend

SPEED = tuple(scenario for scenario in bundled() if scenario.kind is Kind.SPEED)

STAGES = {f"connect-{stage}" for stage in ("dns", "tcp", "tls", "upgrade", "connack")}


@pytest.fixture(scope="module")
def found() -> Report:
    plan = Plan(
        backends=(PluginManager().backend().name,),
        versions=(MqttVersion.V5,),
        transports=(Transport.MQTT, Transport.WSS),
        scenarios=SPEED,
        rounds=1,
        quick=True,
    )
    return asyncio.run(report(plan))


def test_every_scenario_gives_all_that_it_describes(found: Report) -> None:
    # A library that dials by itself takes no address, and shows no stages.
    hidden = set() if Feature.ADDRESS in features(PluginManager().backend().name) else STAGES
    assert [(cell.scenario, cell.why) for cell in found.cells if cell.state is not State.RUN] == []
    for scenario in SPEED:
        measured = {name for cell in found.cells if cell.scenario == scenario.name for name in cell.measurements}
        assert measured == {measure.name for measure in scenario.measures} - hidden


def test_the_library_alone_stands_beside_what_it_can_do_too(found: Report) -> None:
    beside = {cell.scenario for cell in found.cells if cell.raw}
    assert beside == {scenario.name for scenario in SPEED if scenario.raw}


@needs_feature(Feature.ADDRESS)
def test_the_stages_of_a_connect_are_within_the_whole(found: Report) -> None:
    (cell,) = (cell for cell in found.cells if cell.scenario == "connect" and cell.transport == "wss" and not cell.raw)
    stages = [values for name, values in cell.measurements.items() if name.startswith("connect-")]
    assert len(stages) == 5
    for number, whole in enumerate(cell.measurements["connect"]):
        assert 0 < sum(values[number] for values in stages) <= whole * 1.001


def test_what_is_measured_is_more_than_nothing(found: Report) -> None:
    # Threads and growth of memory may be none.
    free = {"threads", "memory", "revoked"}
    for cell in found.cells:
        for name, values in cell.measurements.items():
            assert all(value > 0 or name in free for value in values), (cell.scenario, name)
