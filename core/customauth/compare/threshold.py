"""Thresholds such as ``connect.p50>1.2x``: their little grammar.

::

    threshold = "behaviour" | [backend ":"] [scenario "/"] measure ["." statistic] (">" | "<") limit
    statistic = "p0" … "p100" | "min" | "max" | "mean"      the median, p50, unless given
    limit     = number ["x" | "xraw" | unit]

``x`` is times the baseline's value, ``xraw`` times the value of the library alone; without them the limit is in the
measure's own unit, which may be written. ``behaviour`` stands for every behaviour that was as expected in the baseline
and is not any more.
"""

from __future__ import annotations

import enum
import math
import re
import statistics
from collections.abc import Iterable
from decimal import Decimal

from attrs import frozen

from customauth.compare.result import Cell, Measure, Report, ScenarioInfo

_NAME = r"[^\s:/.<>]+"
_GRAMMAR = re.compile(
    rf"(?:(?P<backend>{_NAME}):)?(?:(?P<scenario>{_NAME})/)?(?P<measure>{_NAME})(?:\.(?P<statistic>[a-z0-9]+))?"
    r"\s*(?P<sign>[<>])\s*(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<suffix>(?:[^\s0-9.,]\S*)?)"
)
_STATISTIC = re.compile(r"p(?:[0-9]|[1-9][0-9]|100)|min|max|mean")
_EXAMPLE = "write [BACKEND:][SCENARIO/]MEASURE[.p50]>NUMBER[x|xraw|UNIT], such as connect.p50>1.2x, or behaviour"


class ThresholdError(ValueError):
    """A threshold that cannot be understood, or is about nothing that was measured; the text names the mend."""


class Against(enum.Enum):
    """What a limit is a multiple of."""

    NOTHING = ""
    BASELINE = "x"
    RAW = "xraw"


@frozen(kw_only=True)
class Threshold:
    """A limit for one measure.

    :ivar measure: its name; empty for every behaviour.
    :ivar scenario: its scenario, where several have a measure of that name; None for all of them.
    :ivar backend: None for all of them.
    :ivar above: whether it is broken by more than the limit, not by less.
    :ivar unit: the unit that was written behind the limit, if any.
    """

    measure: str
    limit: float = 0.0
    above: bool = True
    statistic: str = "p50"
    against: Against = Against.NOTHING
    unit: str = ""
    scenario: str | None = None
    backend: str | None = None

    @classmethod
    def parse(cls, text: str) -> Threshold:
        """Read a threshold.

        :raises ThresholdError: it is none.
        """
        text = text.strip()
        if text == "behaviour":
            return cls(measure="")
        found = _GRAMMAR.fullmatch(text)
        if found is None:
            raise ThresholdError(f"{text!r} is no threshold; {_EXAMPLE}")
        statistic = found["statistic"] or "p50"
        if _STATISTIC.fullmatch(statistic) is None:
            raise ThresholdError(f"{text!r}: there is no statistic {statistic!r}; take p0 to p100, min, max or mean")
        limit = float(found["number"])
        if not math.isfinite(limit):
            raise ThresholdError(f"{text!r}: the limit is too large; give a smaller one")
        against = {"x": Against.BASELINE, "xraw": Against.RAW}.get(found["suffix"], Against.NOTHING)
        return cls(
            measure=found["measure"],
            limit=limit,
            above=found["sign"] == ">",
            statistic=statistic,
            against=against,
            unit=found["suffix"] if against is Against.NOTHING else "",
            scenario=found["scenario"],
            backend=found["backend"],
        )

    def __str__(self) -> str:
        if not self.measure:
            return "behaviour"
        backend = f"{self.backend}:" if self.backend else ""
        scenario = f"{self.scenario}/" if self.scenario else ""
        # The shortest digits that give the same number, without an exponent.
        number = format(Decimal(repr(self.limit)), "f")
        sign = ">" if self.above else "<"
        return f"{backend}{scenario}{self.measure}.{self.statistic}{sign}{number}{self.against.value}{self.unit}"

    @property
    def needs_baseline(self) -> bool:
        """Whether it compares with another report."""
        return not self.measure or self.against is Against.BASELINE

    def value(self, cell: Cell, measure: str) -> float | None:
        """Return the statistic of a cell's values, None without values."""
        values = cell.measurements.get(measure)
        if not values:
            return None
        if self.statistic == "p50":
            return cell.median(measure)
        if self.statistic == "mean":
            return statistics.fmean(values)
        if self.statistic in ("min", "max"):
            return min(values) if self.statistic == "min" else max(values)
        return cell.percentile(measure, int(self.statistic[1:]) / 100)

    def measures(self, scenarios: Iterable[ScenarioInfo]) -> list[tuple[ScenarioInfo, Measure]]:
        """Return the measures that it is about.

        :raises ThresholdError: there are none, or it was written with another unit than theirs.
        """
        known = [(scenario, measure) for scenario in scenarios for measure in scenario.measures]
        found = [
            (scenario, measure)
            for scenario, measure in known
            if measure.name == self.measure and self.scenario in (None, scenario.name)
        ]
        if not found:
            names = ", ".join(dict.fromkeys(f"{scenario.name}/{measure.name}" for scenario, measure in known))
            raise ThresholdError(f"{self}: nothing measures that here; there are {names or 'no measures at all'}")
        for _, measure in found:
            if self.unit not in ("", measure.unit):
                raise ThresholdError(
                    f"{self}: {measure.name!r} is in {measure.unit!r}; write that, or leave the unit out"
                )
        return found

    def check(self, scenarios: Iterable[ScenarioInfo], backends: Iterable[str]) -> None:
        """Refuse a threshold that would never be judged.

        :raises ThresholdError: it is about nothing that is measured, or nobody who takes part.
        """
        names = list(backends)
        if self.measure:
            self.measures(scenarios)
        if self.backend is not None and self.backend not in names:
            raise ThresholdError(
                f"{self}: no backend {self.backend!r} takes part; there are {', '.join(names) or 'none'}"
            )


def judged_cells(threshold: Threshold, report: Report) -> list[tuple[Cell, Measure]]:
    """Return the cells that a threshold is about, through customauth, with the measure.

    :raises ThresholdError: it is about nothing in the report.
    """
    return [
        (cell, measure)
        for scenario, measure in threshold.measures(report.scenarios)
        for cell in report.cells
        if cell.scenario == scenario.name and not cell.raw and threshold.backend in (None, cell.backend)
    ]
