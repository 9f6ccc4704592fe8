"""What a backend did not end as it should, alone did, cannot do, broke down at, and what there are no values of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from customauth.compare.figures import Row, behaviour_rows
from customauth.compare.result import Cell, Report, State
from customauth.compare.settings import Setting, where
from customauth.compare.verdict_words import NOT_EVERYWHERE, bracketed, counted, measures_named, named

_MOST_FEATURES = 12


def alone_right(report: Report, name: str) -> Iterator[str]:
    """Say which behaviours only this backend ends as expected."""
    alone: dict[str, list[Setting]] = {}
    run: dict[str, list[Setting]] = {}
    for row in behaviour_rows(report):
        if _was_run(row):
            run.setdefault(row.scenario.name, []).append(row.setting)
            if _alone(row, name):
                alone.setdefault(row.scenario.name, []).append(row.setting)
    texts = [bracketed(scenario, where(holds, run[scenario])) for scenario, holds in alone.items()]
    if texts:
        yield f"The only one that ends as it should: {named(texts)}."


def wrong(report: Report, name: str) -> Iterator[str]:
    """Say which behaviours it did not end as expected, and how."""
    by_error: dict[str, list[Cell]] = {}
    for cell in report.cells:
        if cell.backend == name and not cell.raw and cell.behaviour is not None and not cell.behaviour.as_expected:
            by_error.setdefault(cell.behaviour.error or "no error", []).append(cell)
    texts = [
        f"{bracketed(scenario, holds)}: {said}"
        for said, cells in by_error.items()
        for scenario, holds in _places(report, cells).items()
    ]
    if texts:
        yield f"Not as expected: {named(texts)}."


def cannot(report: Report, name: str) -> Iterator[str]:
    """Say what it does not declare and others do, and what was not run."""
    lacking: dict[str, list[str]] = {}
    described = [each for each in report.environments if name in each.backends]
    for environment in described:
        everybody = {feature for info in environment.backends.values() for feature in info.features}
        for feature in sorted(everybody - set(environment.backends[name].features)):
            lacking.setdefault(feature, []).append(environment.id)
    if lacking:
        texts = (
            bracketed(feature, "" if len(ids) == len(described) else f"in {' and '.join(ids)}")
            for feature, ids in lacking.items()
        )
        yield f"Cannot do what others here can: {named(texts, _MOST_FEATURES)}."
    not_run = _by_reason(report, name, State.NOT_RUN, raw=False)
    if not_run:
        yield f"Not run: {_reasons(report, name, not_run)}."


def missing(report: Report, name: str, rows: Sequence[Row]) -> Iterator[str]:
    """Say what it broke down at, and what there are no values of.

    :param rows: those of speed.
    """
    if all(cell.state is State.MISSING for cell in report.cells if cell.backend == name):
        yield "Nothing was run with it."
        return
    not_run = _of_library_alone(report, name, State.NOT_RUN)
    if not_run:
        yield f"The library alone was not measured: {_reasons(report, name, not_run)}."
    for why, cells in _by_reason(report, name, State.ERROR, raw=False).items():
        yield f"Broke down at {_placed(report, cells)}: {why}."
    for why, cells in _of_library_alone(report, name, State.ERROR).items():
        yield f"The library alone broke down at {_placed(report, cells)}: {why}."
    # What it says nothing of though it was asked, or was not asked.
    without = held_by_measure(rows, lambda row: name not in row.spreads() and _unexplained(row, name))
    if without:
        yield f"No values of {measures_named(without)}."


def general(report: Report) -> Iterator[str]:
    """Say how many behaviours every backend ends as it should."""
    rows = [row for row in behaviour_rows(report) if _was_run(row)]
    if rows:
        of_all = {row.scenario.name for row in rows}
        disputed = {row.scenario.name for row in rows if not _all_as_expected(row)}
        alike = len(of_all) - len(disputed)
        yield f"{alike} of {len(of_all)} behaviours end as they should with every backend that ran them."


def _by_reason(report: Report, name: str, state: State, *, raw: bool) -> dict[str, list[Cell]]:
    """Return a backend's cells of a state by the reason that they give."""
    found: dict[str, list[Cell]] = {}
    for cell in report.cells:
        if (cell.backend, cell.state, cell.raw) == (name, state, raw):
            found.setdefault((cell.why or "no reason is given").rstrip("."), []).append(cell)
    return found


def _of_library_alone(report: Report, name: str, state: State) -> dict[str, list[Cell]]:
    """Return the cells of the library alone by reason, but for what is said of the backend anyway."""
    said = _by_reason(report, name, state, raw=False)
    return {
        why: cells
        for why, cells in _by_reason(report, name, state, raw=True).items()
        if not {cell.scenario for cell in cells} <= {cell.scenario for cell in said.get(why, ())}
    }


def _reasons(report: Report, name: str, by_reason: dict[str, list[Cell]]) -> str:
    """Name what was not run with each reason, which need not repeat of whom it is."""
    return named(
        f"{_placed(report, cells)}: {why.removeprefix('backend ').removeprefix(f'{name} ')}"
        for why, cells in by_reason.items()
    )


def _placed(report: Report, cells: Sequence[Cell]) -> str:
    """Name the scenario of one backend's cells, or count them; and where."""
    places = _places(report, cells)
    holds = set(places.values())
    return bracketed(counted(list(places)), holds.pop() if len(holds) == 1 else NOT_EVERYWHERE)


def _places(report: Report, cells: Sequence[Cell]) -> dict[str, str]:
    """Return the scenarios of one backend's cells, and where, if these are not all of its cells of a scenario."""
    found = {}
    for scenario in dict.fromkeys(cell.scenario for cell in cells):
        everywhere = {
            _setting(cell)
            for cell in report.cells
            if (cell.scenario, cell.backend, cell.raw) == (scenario, cells[0].backend, cells[0].raw)
        }
        found[scenario] = where({_setting(cell) for cell in cells if cell.scenario == scenario}, everywhere)
    return found


def held_by_measure(rows: Sequence[Row], holds: Callable[[Row], bool]) -> list[tuple[Row, str]]:
    """Return a row of each measure for which something holds, and where, if not wherever it has values.

    :param rows: those of speed.
    """
    found: dict[tuple[str, str], tuple[list[Row], list[Row]]] = {}
    for row in rows:
        if row.measure is not None and row.spreads():
            holding, measured = found.setdefault((row.scenario.name, row.measure.name), ([], []))
            measured.append(row)
            if holds(row):
                holding.append(row)
    return [
        (holding[0], where([row.setting for row in holding], [row.setting for row in measured]))
        for holding, measured in found.values()
        if holding
    ]


def _setting(cell: Cell) -> Setting:
    return Setting(cell.environment, cell.version, cell.transport)


def _unexplained(row: Row, name: str) -> bool:
    cell = row.cells.get(name)
    return cell is None or cell.state is State.RUN


def _alone(row: Row, name: str) -> bool:
    """Say whether a backend is the only one of several that ends a behaviour as expected."""
    told = {backend: cell.behaviour.as_expected for backend, cell in row.cells.items() if cell.behaviour is not None}
    return len(told) > 1 and told.get(name, False) and sum(told.values()) == 1


def _was_run(row: Row) -> bool:
    return any(cell.state in (State.RUN, State.ERROR) for cell in row.cells.values())


def _all_as_expected(row: Row) -> bool:
    return all(
        cell.state is not State.ERROR and (cell.behaviour is None or cell.behaviour.as_expected)
        for cell in row.cells.values()
    )
