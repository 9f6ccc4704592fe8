"""The comparison: the same work through every backend, side by side, failures included.

::

    from customauth.compare import Plan, run

    async for step in run(Plan(rounds=3)):
        print(step.done, "of", step.total)
    report = step.report

What it found is a :class:`Report`; everything that is shown is made from that alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from customauth._lazy import lazy_names

if TYPE_CHECKING:
    from customauth.compare.bench import Bench as Bench
    from customauth.compare.plan import Plan as Plan
    from customauth.compare.registry import known_scenarios as known_scenarios
    from customauth.compare.result import BackendInfo as BackendInfo
    from customauth.compare.result import Behaviour as Behaviour
    from customauth.compare.result import Cell as Cell
    from customauth.compare.result import Environment as Environment
    from customauth.compare.result import Kind as Kind
    from customauth.compare.result import Measure as Measure
    from customauth.compare.result import Report as Report
    from customauth.compare.result import ScenarioInfo as ScenarioInfo
    from customauth.compare.result import State as State
    from customauth.compare.runner import Progress as Progress
    from customauth.compare.runner import run as run
    from customauth.compare.scenario import NotApplicable as NotApplicable
    from customauth.compare.scenario import Scenario as Scenario
    from customauth.compare.scenario import Subject as Subject
    from customauth.compare.scenario import Turn as Turn

_HOMES = {
    "bench": ("Bench",),
    "plan": ("Plan",),
    "registry": ("known_scenarios",),
    "result": (
        "BackendInfo",
        "Behaviour",
        "Cell",
        "Environment",
        "Kind",
        "Measure",
        "Report",
        "ScenarioInfo",
        "State",
    ),
    "runner": ("Progress", "run"),
    "scenario": (
        "NotApplicable",
        "Scenario",
        "Subject",
        "Turn",
    ),
}

__all__ = [
    "BackendInfo",
    "Behaviour",
    "Bench",
    "Cell",
    "Environment",
    "Kind",
    "Measure",
    "NotApplicable",
    "Plan",
    "Progress",
    "Report",
    "Scenario",
    "ScenarioInfo",
    "State",
    "Subject",
    "Turn",
    "known_scenarios",
    "run",
]

__getattr__: Callable[[str], object] = lazy_names(__name__, _HOMES)
