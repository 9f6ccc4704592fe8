"""What this benchmark adds to the comparison, as any plug-in would: scenarios of its own, by the hook for them."""

from __future__ import annotations

from collections.abc import Sequence

from customauth import PluginManager, hookimpl
from customauth.compare import Scenario, known_scenarios

from .arrivals import ArrivalRate
from .command import Command, CommandImports
from .crowd import Crowd
from .fastest import FastestRate

EVERYWHERE = ("connect", "publish-qos1", "publish-fastest", "arrivals-qos0", "round-trip-qos1")
"""The scenarios with every server, in their order; those without a file here are customauth's."""

AT_GATEWAY = ("memory", "crowd", "command", "command-imports")
"""The scenarios with the gateway alone."""


class ClientScenarios:
    """The plug-in.

    :param crowd: how many connections are held.
    :param hold: for how many seconds.
    """

    def __init__(self, *, crowd: int, hold: float) -> None:
        self._scenarios = (FastestRate(), ArrivalRate(), Crowd(count=crowd, hold=hold), Command(), CommandImports())

    @hookimpl
    def customauth_comparison_scenarios(self) -> Sequence[Scenario]:
        return self._scenarios


def scenarios(plugins: PluginManager, names: Sequence[str]) -> tuple[Scenario, ...]:
    """Return scenarios by their names, in that order."""
    known = {scenario.name: scenario for scenario in known_scenarios(plugins)}
    return tuple(known[name] for name in names)
