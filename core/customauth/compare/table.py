"""A report as tables of text: rows that all have the same headings, a column for each backend."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from customauth.compare.figures import (
    Row,
    backends,
    behaviour_rows,
    grouped,
    measure_title,
    ratio_text,
    setting_text,
    speed_rows,
    value_text,
)
from customauth.compare.result import Cell, Report, State

Alike = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
"""Environments, versions and transports, each of the first with each of the others."""

AS_EXPECTED, NOT_AS_EXPECTED, NOT_RUN, BROKEN = "ok", "NO", "-", "error"
MISSING = "missing"
"""The marks of the matrix of behaviours; words, because not every terminal has symbols."""

_UNMEASURED = {State.ERROR: BROKEN, State.MISSING: MISSING, State.NOT_RUN: NOT_RUN}
_COLUMNS = frozenset({"environment", "measure", "scenario", "MQTT", "transport", "backend"})

LEGEND_SPEED = (
    "Medians; in brackets the ratio to the library alone (raw); * is the best, outside the noise of the runs."
)
LEGEND_BEHAVIOUR = (
    f"{AS_EXPECTED}: ended as it should, with this error; {NOT_AS_EXPECTED}: it did not; "
    f"{NOT_RUN}: not run; {BROKEN}: broke down."
)


def speed_table(report: Report) -> list[dict[str, str]]:
    """Return the medians: a row for each measure, environment, version and transport."""
    names = backends(report)
    return [
        {
            "environment": row.environment,
            "measure": measure_title(row),
            "MQTT": row.version,
            "transport": row.transport,
            **{_heading(name): _speed_text(row, name) for name in names},
        }
        for row in speed_rows(report)
    ]


def behaviour_table(report: Report) -> list[dict[str, str]]:
    """Return how everything ended: a row for each scenario; where it all ended alike, settings share one."""
    names = backends(report)
    of_scenario: dict[str, dict[Alike, tuple[str, ...]]] = {}
    for row in behaviour_rows(report):
        setting = ((row.environment,), (row.version,), (row.transport,))
        of_scenario.setdefault(row.scenario.name, {})[setting] = tuple(
            _behaviour_text(row.cells.get(name)) for name in names
        )
    return [
        {
            "environment": ", ".join(environments),
            "scenario": scenario,
            "MQTT": ", ".join(versions),
            "transport": ", ".join(transports),
            **{_heading(name): cell for name, cell in zip(names, cells, strict=True)},
        }
        for scenario, rows in of_scenario.items()
        for (environments, versions, transports), cells in _merged(rows).items()
    ]


def headings(rows: Sequence[dict[str, str]]) -> list[str]:
    """Return the headings that have something to say: not of empty columns, nor of an environment that all share."""
    filled = [heading for heading in rows[0] if any(row[heading] for row in rows)]
    same = len({row["environment"] for row in rows}) == 1
    return [heading for heading in filled if not (same and heading == "environment")]


def unexpected(report: Report) -> list[str]:
    """Return a line for everything that did not end as it should: what was expected, and what was said."""
    return _lines(
        (
            f"expected {cell.behaviour.expected}; {cell.behaviour.error or 'no error'}"
            + (f": {cell.behaviour.message}" if cell.behaviour.message else ""),
            cell,
        )
        for cell in report.cells
        if cell.behaviour is not None and not cell.behaviour.as_expected
    )


def broken(report: Report) -> list[str]:
    """Return a line for everything that broke down, and how."""
    return _lines((cell.why or "no reason is given", cell) for cell in report.cells if cell.state is State.ERROR)


def not_run(report: Report) -> list[str]:
    """Return a line for each reason why something was not run, and what."""
    reasons = grouped(
        (f"{cell.backend}{' (raw)' if cell.raw else ''}: {cell.why or 'no reason is given'}", cell.scenario)
        for cell in report.cells
        if cell.state is State.NOT_RUN
    )
    return [f"{reason} ({_few(scenarios)})" for reason, scenarios in reasons.items()]


def libraries(report: Report) -> list[str]:
    """Return a line for each environment: its Python, its machine, and the version of every library."""
    return [
        f"{each.id}: {each.python}, {each.platform}, {each.processor or 'processor unknown'} × {each.processors}"
        + "".join(f"; {name} is {info.library} {info.library_version}" for name, info in each.backends.items())
        for each in report.environments
    ]


def _heading(backend: str) -> str:
    # A third party's backend may be called as a column of ours.
    return f"backend {backend}" if backend in _COLUMNS else backend


def _speed_text(row: Row, backend: str) -> str:
    cell, found = row.cells.get(backend), row.spreads().get(backend)
    if cell is None:
        return ""
    if found is None or row.measure is None:
        return _UNMEASURED.get(cell.state, NOT_RUN)
    text = value_text(found.median, row.measure.unit)
    raw = row.spreads(raw=True).get(backend)
    if raw is not None and raw.median > 0:
        text += f" ({ratio_text(found.median / raw.median)})"
    return f"{text} *" if row.best() == backend else text


def _behaviour_text(cell: Cell | None) -> str:
    if cell is None:
        return ""
    if cell.state is not State.RUN or cell.behaviour is None:
        return _UNMEASURED.get(cell.state, BROKEN)
    mark = AS_EXPECTED if cell.behaviour.as_expected else NOT_AS_EXPECTED
    return f"{mark} {cell.behaviour.error}" if cell.behaviour.error else mark


def _lines(said: Iterable[tuple[str, Cell]]) -> list[str]:
    """Return a line for each scenario, backend and text, with the settings in which it was said."""
    settings = grouped(
        (f"{cell.scenario}, {cell.backend}{' (raw)' if cell.raw else ''}\0{text}", _setting(cell))
        for text, cell in said
    )
    return [
        f"{who}, {_few(where)}: {text}"
        for who, text, where in ((*key.split("\0", 1), where) for key, where in settings.items())
    ]


def _setting(cell: Cell) -> str:
    return setting_text(cell.version, cell.transport)


def _merged(rows: dict[Alike, tuple[str, ...]]) -> dict[Alike, tuple[str, ...]]:
    """Join settings that differ in their transport only and have the same cells, then in the version, then in
    the environment."""
    for place in (2, 1, 0):
        joined: dict[tuple[object, ...], list[Alike]] = {}
        for setting, cells in rows.items():
            rest = setting[:place] + setting[place + 1 :]
            joined.setdefault((rest, cells), []).append(setting)
        rows = {_join(settings, place): rows[settings[0]] for settings in joined.values()}
    return rows


def _join(settings: list[Alike], place: int) -> Alike:
    environments, versions, transports = settings[0]
    several = tuple(name for setting in settings for name in setting[place])
    if place == 0:
        return several, versions, transports
    return (environments, several, transports) if place == 1 else (environments, versions, several)


def _few(texts: Sequence[str], most: int = 4) -> str:
    shown = ", ".join(texts[:most])
    return shown if len(texts) <= most else f"{shown} and {len(texts) - most} more"
