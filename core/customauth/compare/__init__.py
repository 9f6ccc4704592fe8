"""The comparison: the same scenarios through every backend, side by side."""

from customauth.compare.report import Report as Report
from customauth.compare.report import markdown as markdown
from customauth.compare.result import Cell as Cell
from customauth.compare.result import Outcome as Outcome
from customauth.compare.runner import Plan as Plan
from customauth.compare.runner import run as run
from customauth.compare.scenarios import SCENARIOS as SCENARIOS
from customauth.compare.scenarios import Scenario as Scenario

__all__ = ["SCENARIOS", "Cell", "Outcome", "Plan", "Report", "Scenario", "markdown", "run"]
