"""What is missing from a report whose comparison was interrupted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from customauth.compare.figures import setting_text
from customauth.compare.result import Cell, Report, State

MOST = 6
"""So many scenarios are named in a line, unless all of them are asked for."""


def interruptions(report: Report, most: int | None = MOST) -> list[str]:
    """Return a line for each environment that was left early: why, how much is missing, and of which scenarios.

    :param most: so many scenarios are named, and the others counted; None for all of them.
    """
    return [_line(name, why, _cells(report, name), most) for name, why in report.interrupted.items()]


def without_values(cells: Iterable[Cell], most: int | None = MOST) -> str:
    """Name the scenarios of which cells are missing, and of those that are missing in part where; empty for none."""
    by_scenario: dict[str, list[Cell]] = {}
    for cell in cells:
        # What nobody could have run is not missing.
        if cell.state is not State.NOT_RUN:
            by_scenario.setdefault(cell.scenario, []).append(cell)
    return _few([text for scenario, found in by_scenario.items() for text in _missing(scenario, found)], most)


def _missing(scenario: str, cells: Sequence[Cell]) -> Iterator[str]:
    if all(cell.state is State.MISSING for cell in cells):
        yield scenario
        return
    by_setting: dict[str, list[Cell]] = {}
    for cell in cells:
        by_setting.setdefault(_setting(cell), []).append(cell)
    for setting, there in by_setting.items():
        lacking = sum(1 for cell in there if cell.state is State.MISSING)
        if lacking:
            yield f"{scenario} on {setting}" + ("" if lacking == len(there) else f" [{lacking} of {len(there)}]")


def _line(name: str, why: str, cells: Sequence[Cell], most: int | None) -> str:
    lacking = sum(1 for cell in cells if cell.state is State.MISSING)
    fewer = [cell for cell in cells if cell.is_cut_short and cell.state is State.RUN]
    parts = [f"{lacking} of {len(cells)} cells are missing ({without_values(cells, most)})"] if lacking else []
    if fewer:
        places = dict.fromkeys(f"{cell.scenario} on {_setting(cell)}" for cell in fewer)
        have = "has" if len(fewer) == 1 else "have"
        parts.append(f"{len(fewer)} {have} fewer turns than planned ({_few(list(places), most)})")
    return f"{name} was interrupted by {why}: {', and '.join(parts) or 'nothing is missing'}."


def _cells(report: Report, environment: str) -> list[Cell]:
    return [cell for cell in report.cells if cell.environment == environment]


def _setting(cell: Cell) -> str:
    return setting_text(cell.version, cell.transport)


def _few(texts: Sequence[str], most: int | None) -> str:
    if most is None or len(texts) <= most:
        return ", ".join(texts)
    return f"{', '.join(texts[:most])} and {len(texts) - most} more"
