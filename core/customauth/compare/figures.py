"""A report as rows to be shown: what was measured, and how every behaviour ended, side by side for all backends."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

from attrs import Factory, frozen

from customauth.compare.medians import Spread, clearly_first, ranked, spread
from customauth.compare.result import PROCESSOR_TIME, Cell, Kind, Measure, Report, ScenarioInfo, State
from customauth.compare.settings import Setting


@frozen(kw_only=True)
class Row:
    """One scenario, or one measure of it, in one environment, on one protocol version and transport.

    :ivar cells: through customauth, by the backend's name.
    :ivar raw: the library alone, by the backend's name.
    """

    environment: str
    scenario: ScenarioInfo
    version: str
    transport: str
    measure: Measure | None = None
    cells: dict[str, Cell] = Factory(dict)
    raw: dict[str, Cell] = Factory(dict)

    @property
    def setting(self) -> Setting:
        """Where it was taken."""
        return Setting(self.environment, self.version, self.transport)

    def spreads(self, *, raw: bool = False) -> dict[str, Spread]:
        """Return the spread of the measure for every backend that has values of it."""
        if self.measure is None:
            return {}
        cells = self.raw if raw else self.cells
        taken = {name: spread(_values(cell, self.measure), cell.turns) for name, cell in cells.items()}
        return {name: found for name, found in taken.items() if found is not None}

    def best(self) -> str | None:
        """Return the backend that is better than every other outside the noise, None when there is none."""
        spreads = self.spreads()
        if self.measure is None or not spreads:
            return None
        return clearly_first(ranked(spreads, lower_is_better=self.measure.lower_is_better), spreads)


def backends(report: Report) -> list[str]:
    """Return the names of all backends of a report, those without cells too, in the order in which they appear."""
    described = (name for environment in report.environments for name in environment.backends)
    return list(dict.fromkeys([*described, *(cell.backend for cell in report.cells)]))


def speed_rows(report: Report) -> list[Row]:
    """Return a row for each measure, environment, version and transport, in the scenarios' order."""
    return [
        Row(
            environment=row.environment,
            scenario=row.scenario,
            version=row.version,
            transport=row.transport,
            measure=measure,
            cells=row.cells,
            raw=row.raw,
        )
        for scenario in report.scenarios
        if scenario.kind is Kind.SPEED
        for measure in scenario.measures
        for row in _rows(report, scenario)
        if any(_says_something(cell, measure) for cell in (*row.cells.values(), *row.raw.values()))
    ]


def behaviour_rows(report: Report) -> list[Row]:
    """Return a row for each behaviour scenario, environment, version and transport, in the scenarios' order."""
    return [
        row
        for scenario in report.scenarios
        if scenario.kind is Kind.BEHAVIOUR
        for row in _rows(report, scenario)
        if row.cells
    ]


def measure_title(row: Row) -> str:
    """Return how a row of a measure is called, without saying a word of the scenario's title twice."""
    scenario, measure = row.scenario, row.measure
    own = [each for each in scenario.measures if each != PROCESSOR_TIME]
    if measure is None or own == [measure] or measure.title.casefold() == scenario.title.casefold():
        return scenario.title
    first, _, _ = measure.title.partition(" ")
    if first.casefold() in scenario.title.casefold().split():
        return first[:1].upper() + measure.title[1:]
    return f"{scenario.title}: {measure.title}"


def value_text(value: float, unit: str) -> str:
    """Return a value with three digits that count and its unit; ``count`` goes without."""
    if not math.isfinite(value):
        number = "∞"
    elif abs(value) >= 100 or (unit == "count" and value == int(value)):
        number = f"{value:,.0f}"
    else:
        number = f"{value:.{1 if abs(value) >= 10 else 2}f}"
    return number if unit in ("count", "") else f"{number} {unit}"


def ratio_text(ratio: float) -> str:
    """Return a ratio such as ``1.05x``."""
    if not math.isfinite(ratio):
        return "∞x"
    return f"{ratio:.0f}x" if ratio >= 100 else f"{ratio:.1f}x" if ratio >= 10 else f"{ratio:.2f}x"


def setting_text(version: str, transport: str) -> str:
    """Return where a cell was taken, such as ``MQTT 3.1.1 over wss``."""
    return f"MQTT {version}" if transport == "mqtt" else f"MQTT {version} over {transport}"


def grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return what belongs to each text, in the order of appearance and each once: ``(text, what)``."""
    found: dict[str, list[str]] = {}
    for text, what in pairs:
        members = found.setdefault(text, [])
        if what not in members:
            members.append(what)
    return found


def _rows(report: Report, scenario: ScenarioInfo) -> Iterator[Row]:
    cells = [cell for cell in report.cells if cell.scenario == scenario.name]
    environments = _in_order(cells, lambda cell: cell.environment, [each.id for each in report.environments])
    settings = list(dict.fromkeys((cell.version, cell.transport) for cell in cells))
    order = backends(report)
    for environment in environments:
        for version, transport in settings:
            here = [
                cell
                for cell in sorted(cells, key=lambda cell: order.index(cell.backend))
                if (cell.environment, cell.version, cell.transport) == (environment, version, transport)
            ]
            # What was missed altogether has no row; it is named among what is missing.
            if any(cell.state is not State.MISSING for cell in here):
                yield Row(
                    environment=environment,
                    scenario=scenario,
                    version=version,
                    transport=transport,
                    cells={cell.backend: cell for cell in here if not cell.raw},
                    raw={cell.backend: cell for cell in here if cell.raw},
                )


def _in_order(cells: Iterable[Cell], key: Callable[[Cell], str], order: list[str]) -> list[str]:
    return sorted({key(cell) for cell in cells}, key=order.index)


def _values(cell: Cell, measure: Measure) -> tuple[float, ...]:
    return cell.measurements.get(measure.name, ()) if cell.state is State.RUN else ()


def _says_something(cell: Cell, measure: Measure) -> bool:
    """Say whether a row of a measure has anything to show for a cell."""
    return cell.state is not State.RUN or bool(_values(cell, measure))
