"""Which scenarios there are."""

from __future__ import annotations

import logging

import pytest

from customauth import PluginLoadError, PluginManager
from customauth.compare import Bench, Kind, Subject, Turn, known_scenarios
from customauth.compare.scenarios import bundled
from made_scenarios import Made, plugins


async def nothing(_: Bench, __: Subject) -> Turn:
    return Turn()


def test_the_bundled_scenarios_have_names_of_their_own_and_describe_themselves() -> None:
    scenarios = bundled()
    assert len({scenario.name for scenario in scenarios}) == len(scenarios)
    for scenario in scenarios:
        assert scenario.title
        assert scenario.description.endswith(".")
        assert bool(scenario.measures) is (scenario.kind is Kind.SPEED)


def test_no_measure_has_the_name_of_another_scenarios() -> None:
    names = [measure.name for scenario in bundled() for measure in scenario.measures]
    assert len(set(names)) == len(names)


def test_a_plugins_scenarios_come_behind_the_bundled_ones() -> None:
    made = Made(nothing)
    assert known_scenarios(plugins(made))[-1] is made
    assert len(known_scenarios(PluginManager(discover=False))) == len(bundled())


def test_two_scenarios_of_one_name_are_refused_with_both_origins() -> None:
    class Taken(Made):
        name = "connect"

    with pytest.raises(
        PluginLoadError, match=r"two scenarios are named 'connect': of customauth and .+; uninstall one"
    ):
        known_scenarios(plugins(Taken(nothing)))


@pytest.mark.parametrize(
    ("brought", "said"),
    [
        (Made, "gives the class Made, not an instance"),
        ("made", "gives a str, not an instance"),
    ],
)
def test_what_is_no_scenario_costs_a_warning(brought: object, said: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "customauth"):
        assert len(known_scenarios(plugins(brought))) == len(bundled())
    assert said in caplog.text


def test_a_scenario_without_a_description_costs_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    class Silent(Made):
        description = ""

    with caplog.at_level(logging.WARNING, "customauth"):
        assert len(known_scenarios(plugins(Silent(nothing)))) == len(bundled())
    assert "its Silent lacks description" in caplog.text
