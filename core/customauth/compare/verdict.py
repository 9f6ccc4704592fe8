"""What the numbers say, in one screen: for each backend what it cannot do, where it stands apart, what it is best for.

Every sentence is made from the report; nothing is known here of any library. Of a difference within the noise of the
runs nothing is said (:mod:`customauth.compare.medians`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from attrs import Factory, define, frozen

from customauth.compare.figures import Row, backends, behaviour_rows, ratio_text, speed_rows, value_text
from customauth.compare.medians import LEAST_VALUES, MATTERS, Spread, differ, factor, ranked
from customauth.compare.result import Cell, Report, State
from customauth.compare.settings import Setting, is_told, where
from customauth.compare.table import measure_title

# So many things are named in one sentence; a screen is small.
_MOST = 4


@frozen(kw_only=True)
class BackendVerdict:
    """What is said of one backend; each text a whole sentence.

    :ivar library: its library with the versions that were compared.
    :ivar cannot: what others can and it cannot, and what was not run because of it.
    :ivar apart: where it is behind all others, what it does not report as it should, what customauth's layer costs it.
    :ivar best_for: where it is ahead of all others or, when that is nowhere, level with the best.
    :ivar missing: what it broke down at, and what there are no values of.
    """

    backend: str
    library: str
    cannot: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    best_for: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def sentences(self) -> tuple[str, ...]:
        """All of them; a backend of which the data says nothing has one that says so."""
        found = (*self.best_for, *self.apart, *self.cannot, *self.missing)
        return found or ("Nothing sets it apart.",)


@frozen(kw_only=True)
class Verdict:
    """What is said of a report.

    :ivar general: what holds for all of it.
    """

    backends: tuple[BackendVerdict, ...]
    general: tuple[str, ...] = ()


def verdict(report: Report) -> Verdict:
    """Return what a report says of each of its backends."""
    names = backends(report)
    rows = speed_rows(report)
    speed = {name: _Standings() for name in names}
    for row in rows:
        _judge(row, speed)
    return Verdict(
        backends=tuple(
            BackendVerdict(
                backend=name,
                library=_library(report, name),
                cannot=tuple(_cannot(report, name)),
                apart=tuple(_apart(report, name, speed[name])),
                best_for=tuple(_best_for(report, name, speed[name])),
                missing=tuple(_missing(report, name, rows)),
            )
            for name in names
        ),
        general=tuple(_general(report, rows)),
    )


@define
class _Standing:
    """How a backend stands at one measure.

    :ivar scenario: the scenario's name.
    :ivar judged: where it could be compared with another.
    :ivar first: where it is ahead of all others, by how much, and before whom.
    :ivar last: where it is behind all others, by how much, and behind whom.
    :ivar level: where nobody is ahead of it outside the noise.
    :ivar costs: where customauth's layer makes it worse than the library alone, and by how much.
    """

    scenario: str
    title: str
    unit: str
    judged: list[Setting] = Factory(list)
    first: dict[Setting, tuple[float, str]] = Factory(dict)
    last: dict[Setting, tuple[float, str]] = Factory(dict)
    level: list[Setting] = Factory(list)
    medians: dict[Setting, float] = Factory(dict)
    beside_raw: list[Setting] = Factory(list)
    costs: dict[Setting, float] = Factory(dict)


@define
class _Standings:
    """How a backend stands, by scenario and measure."""

    by_measure: dict[tuple[str, str], _Standing] = Factory(dict)

    def of(self, row: Row) -> _Standing:
        assert row.measure is not None  # noqa: S101 - rows of speed have one
        key = (row.scenario.name, row.measure.name)
        return self.by_measure.setdefault(key, _Standing(row.scenario.name, measure_title(row), row.measure.unit))


def _judge(row: Row, speed: dict[str, _Standings]) -> None:
    """Note how every backend of a row stands."""
    assert row.measure is not None  # noqa: S101 - rows of speed have one
    lower_is_better = row.measure.lower_is_better
    setting = Setting(row.environment, row.version, row.transport)
    spreads = _enough(row.spreads())
    raw = _enough(row.spreads(raw=True))
    for name in spreads.keys() & raw.keys():
        standing = speed[name].of(row)
        standing.beside_raw.append(setting)
        worse = (spreads[name].median > raw[name].median) is lower_is_better
        if worse and differ(spreads[name], raw[name]):
            standing.costs[setting] = factor(spreads[name].median, raw[name].median)
    order = ranked(spreads, lower_is_better=lower_is_better)
    if len(order) < 2:
        return
    for name in order:
        standing = speed[name].of(row)
        standing.judged.append(setting)
        standing.medians[setting] = spreads[name].median
        if not differ(spreads[name], spreads[order[0]]):
            standing.level.append(setting)
    for name, neighbour, behind in ((order[0], order[1], False), (order[-1], order[0], True)):
        if all(differ(spreads[name], spreads[other]) for other in order if other != name):
            found = (factor(spreads[name].median, spreads[neighbour].median), neighbour)
            standing = speed[name].of(row)
            (standing.last if behind else standing.first)[setting] = found


def _enough(spreads: dict[str, Spread]) -> dict[str, Spread]:
    return {name: found for name, found in spreads.items() if found.count >= LEAST_VALUES}


def _best_for(report: Report, name: str, standings: _Standings) -> Iterator[str]:
    found = standings.by_measure.values()
    ahead = [standing for standing in found if is_told(standing.first, standing.judged)]
    if ahead:
        ahead = _strongest(ahead, lambda standing: max(ratio for ratio, _ in standing.first.values()))
        yield f"Best for {_named(_first_text(standing) for standing in ahead)}."
    level = [standing for standing in found if is_told(standing.level, standing.judged)]
    if level and not ahead:
        texts = (_with(standing.title, where(standing.level, standing.judged)) for standing in level)
        yield f"Nowhere ahead of all others; level with the best at {_named(texts)}."
    alone = [row for row in behaviour_rows(report) if _alone(row, name)]
    if alone:
        yield f"The only one that ends as it should: {_named(_scenarios(alone))}."


def _apart(report: Report, name: str, standings: _Standings) -> Iterator[str]:
    behind = [standing for standing in standings.by_measure.values() if is_told(standing.last, standing.judged)]
    if behind:
        behind = _strongest(behind, lambda standing: max(ratio for ratio, _ in standing.last.values()))
        yield f"Last at {_named(_last_text(standing) for standing in behind)}."
    wrong = [cell for cell in _cells(report, name) if cell.behaviour is not None and not cell.behaviour.as_expected]
    if wrong:
        by_error: dict[str, list[Cell]] = {}
        for cell in wrong:
            by_error.setdefault((cell.behaviour.error if cell.behaviour else None) or "no error", []).append(cell)
        texts = (f"{_with(*place)}: {said}" for said, cells in by_error.items() for place in _places(report, cells))
        yield f"Not as expected: {_named(texts)}."
    costs = [standing for standing in standings.by_measure.values() if is_told(standing.costs, standing.beside_raw)]
    if costs:
        costs = _strongest(costs, lambda standing: max(standing.costs.values()))
        texts = (
            _with(f"{standing.title} {_range(standing.costs.values())}", where(standing.costs, standing.beside_raw))
            for standing in costs
        )
        yield f"customauth's layer costs it, against the library alone: {_named(texts)}."


def _cannot(report: Report, name: str) -> Iterator[str]:
    lacking: dict[str, list[str]] = {}
    described = [each for each in report.environments if name in each.backends]
    for environment in described:
        everybody = {feature for info in environment.backends.values() for feature in info.features}
        for feature in sorted(everybody - set(environment.backends[name].features)):
            lacking.setdefault(feature, []).append(environment.id)
    if lacking:
        texts = (
            feature if len(ids) == len(described) else f"{feature} (in {' and '.join(ids)})"
            for feature, ids in lacking.items()
        )
        yield f"Cannot do what others here can: {_named(texts, most=12)}."
    for why, cells in _by_reason(report, name, State.NOT_RUN, raw=False).items():
        yield f"Not run: {_placed(report, cells)}: {why}."


def _missing(report: Report, name: str, rows: Sequence[Row]) -> Iterator[str]:
    if not any(cell.backend == name for cell in report.cells):
        yield "Nothing was run with it."
        return
    for why, cells in _by_reason(report, name, State.NOT_RUN, raw=True).items():
        yield f"The library alone was not measured: {_placed(report, cells)}: {why}."
    broken = _by_reason(report, name, State.ERROR, raw=False)
    for why, cells in broken.items():
        yield f"Broke down at {_placed(report, cells)}: {why}."
    for why, cells in _by_reason(report, name, State.ERROR, raw=True).items():
        if not {cell.scenario for cell in cells} <= {cell.scenario for cell in broken.get(why, ())}:
            yield f"The library alone broke down at {_placed(report, cells)}: {why}."
    # What it says nothing of though it was asked, or was not asked.
    without = [row for row in rows if name not in row.spreads() and row.spreads() and _unexplained(row, name)]
    if without:
        yield f"No values of {_named(dict.fromkeys(measure_title(row) for row in without))}."


def _general(report: Report, rows: Sequence[Row]) -> Iterator[str]:
    behaviours = behaviour_rows(report)
    if behaviours:
        alike = [row for row in behaviours if _all_as_expected(row)]
        of_all = len(_scenarios(behaviours))
        disputed = {row.scenario.name for row in behaviours} - {row.scenario.name for row in alike}
        disputed |= {row.scenario.name for row in behaviours if not _all_as_expected(row)}
        yield f"{of_all - len(disputed)} of {of_all} behaviours end as they should with every backend that ran them."
    few = [row for row in rows if any(found.count < LEAST_VALUES for found in row.spreads().values())]
    if few:
        titles = dict.fromkeys(measure_title(row) for row in few)
        yield f"Fewer than {LEAST_VALUES} values, so nothing is said of: {_named(titles)}; more --rounds give more."
    if rows:
        yield f"Differences within the noise of the runs, or below {MATTERS - 1:.0%}, are not told."


def _first_text(standing: _Standing) -> str:
    medians = [standing.medians[setting] for setting in standing.first]
    others = dict.fromkeys(other for _, other in standing.first.values())
    ratios = _range(ratio for ratio, _ in standing.first.values())
    value = value_text(medians[0], standing.unit) + ", " if len(medians) == 1 else ""
    text = f"{standing.title} ({value}{ratios} ahead of {' or '.join(others)}"
    holds = where(standing.first, standing.judged)
    return f"{text}; {holds})" if holds else f"{text})"


def _last_text(standing: _Standing) -> str:
    others = dict.fromkeys(other for _, other in standing.last.values())
    text = f"{standing.title} ({_range(ratio for ratio, _ in standing.last.values())} behind {' or '.join(others)}"
    holds = where(standing.last, standing.judged)
    return f"{text}; {holds})" if holds else f"{text})"


def _strongest(standings: Sequence[_Standing], ratio: Callable[[_Standing], float]) -> list[_Standing]:
    """Order by ratio, one of each scenario before the second of any."""
    ordered = sorted(standings, key=ratio, reverse=True)
    rank: dict[str, int] = {}
    places = []
    for standing in ordered:
        rank[standing.scenario] = rank.get(standing.scenario, -1) + 1
        places.append((rank[standing.scenario], standing))
    return [standing for _, standing in sorted(places, key=lambda place: place[0])]


def _by_reason(report: Report, name: str, state: State, *, raw: bool) -> dict[str, list[Cell]]:
    """Return a backend's cells of a state by the reason that they give."""
    found: dict[str, list[Cell]] = {}
    for cell in report.cells:
        if (cell.backend, cell.state, cell.raw) == (name, state, raw):
            found.setdefault((cell.why or "no reason is given").rstrip("."), []).append(cell)
    return found


def _places(report: Report, cells: Sequence[Cell]) -> list[tuple[str, str]]:
    """Return the scenarios of one backend's cells, and where, if these are not all of its cells of a scenario."""
    found = []
    for scenario in dict.fromkeys(cell.scenario for cell in cells):
        everywhere = {
            _setting(cell)
            for cell in report.cells
            if (cell.scenario, cell.backend, cell.raw) == (scenario, cells[0].backend, cells[0].raw)
        }
        found.append((scenario, where({_setting(cell) for cell in cells if cell.scenario == scenario}, everywhere)))
    return found


def _placed(report: Report, cells: Sequence[Cell]) -> str:
    """Name the scenarios of one backend's cells, and where; what is the same for all of them once."""
    places = _places(report, cells)
    if len(places) > 1 and len({holds for _, holds in places}) == 1:
        return _with(_named(scenario for scenario, _ in places), places[0][1])
    return _named(_with(*place) for place in places)


def _setting(cell: Cell) -> Setting:
    return Setting(cell.environment, cell.version, cell.transport)


def _unexplained(row: Row, name: str) -> bool:
    cell = row.cells.get(name)
    return cell is None or cell.state is State.RUN


def _alone(row: Row, name: str) -> bool:
    """Say whether a backend is the only one of several that ends a behaviour as expected."""
    told = {backend: cell.behaviour.as_expected for backend, cell in row.cells.items() if cell.behaviour is not None}
    return len(told) > 1 and told.get(name, False) and sum(told.values()) == 1


def _all_as_expected(row: Row) -> bool:
    return all(cell.behaviour is None or cell.behaviour.as_expected for cell in row.cells.values()) and not any(
        cell.state is State.ERROR for cell in row.cells.values()
    )


def _cells(report: Report, name: str) -> list[Cell]:
    return [cell for cell in report.cells if cell.backend == name and not cell.raw]


def _scenarios(rows: Iterable[Row]) -> list[str]:
    return list(dict.fromkeys(row.scenario.name for row in rows))


def _library(report: Report, name: str) -> str:
    infos = [each.backends[name] for each in report.environments if name in each.backends]
    versions = dict.fromkeys(f"{info.library} {info.library_version}" for info in infos)
    return " or ".join(versions) or "library unknown"


def _range(ratios: Iterable[float]) -> str:
    ordered = sorted(ratios)
    low, high = ratio_text(ordered[0]), ratio_text(ordered[-1])
    return low if low == high else f"{low} to {high}"


def _with(text: str, holds: str) -> str:
    return f"{text} ({holds})" if holds else text


def _named(texts: Iterable[str], most: int = _MOST) -> str:
    found = list(texts)
    shown = ", ".join(found[:most])
    return shown if len(found) <= most else f"{shown} and {len(found) - most} more"
