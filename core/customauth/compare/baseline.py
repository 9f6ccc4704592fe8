"""What changed since an earlier report, and which thresholds it breaks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from attrs import evolve, frozen

from customauth.compare.figures import ratio_text, setting_text, value_text
from customauth.compare.interruptions import interruptions, without_values
from customauth.compare.medians import LEAST_VALUES, differ, factor, outside_noise, spread
from customauth.compare.result import Cell, Kind, Measure, Report, State
from customauth.compare.threshold import Against, Threshold, ThresholdError, judged_cells

_Key = tuple[str, str, str, str, str, bool]


@frozen(kw_only=True)
class Changes:
    """What changed, a line for each.

    :ivar notes: what makes the reports differ beside the code: libraries, machine, cells of one only.
    :ivar behaviours: how something ends, before and now.
    :ivar speeds: medians that differ outside the noise of the runs; those within it are not told.
    """

    notes: tuple[str, ...] = ()
    behaviours: tuple[str, ...] = ()
    speeds: tuple[str, ...] = ()


@frozen(kw_only=True)
class Judgement:
    """Whether a threshold is broken.

    :ivar lines: by what, a line for each cell; or why it could not be judged, which counts as broken.
    :ivar notes: which cells were not judged, because the baseline was interrupted.
    """

    threshold: Threshold
    broken: bool
    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def changes(report: Report, baseline: Report) -> Changes:
    """Return what changed since the baseline."""
    before = _paired(report, baseline)
    old = {_key(cell): cell for cell in before.cells}
    behaviours, speeds = [], []
    measures = {
        (scenario.name, measure.name): measure for scenario in report.scenarios for measure in scenario.measures
    }
    for cell in report.cells:
        was = old.get(_key(cell))
        if was is None or State.MISSING in (cell.state, was.state):
            continue
        if _ended(was) != _ended(cell):
            behaviours.append(f"{_name(cell)}: {_ended(was)} before, {_ended(cell)} now")
        for name in cell.measurements:
            line = _speed_change(cell, was, measures[cell.scenario, name])
            if line:
                speeds.append(f"{_name(cell)}, {line}")
    return Changes(notes=tuple(_notes(report, before, old)), behaviours=tuple(behaviours), speeds=tuple(speeds))


def judge(report: Report, baseline: Report | None, thresholds: Iterable[Threshold]) -> list[Judgement]:
    """Say which thresholds a report breaks.

    A ratio breaks one only when the two medians differ outside the noise of the runs, or have too few values to know.
    What an interrupted report lacks breaks one, too: nobody knows whether it would be kept.

    :raises ThresholdError: one is about nothing in the report, or needs a baseline and there is none.
    """
    before = None if baseline is None else _paired(report, baseline)
    return [_judge(report, before, threshold) for threshold in thresholds]


def _judge(report: Report, before: Report | None, threshold: Threshold) -> Judgement:
    if threshold.needs_baseline and before is None:
        raise ThresholdError(f"{threshold} compares with an earlier report; add --baseline FILE")
    old = {_key(cell): cell for cell in before.cells} if before is not None else {}
    if not threshold.measure:
        return _judge_behaviours(report, old, threshold)
    raw = {_key(cell): cell for cell in report.cells if cell.raw}
    lines, judged = [], 0
    about = judged_cells(threshold, report)
    for cell, measure in about:
        value = threshold.value(cell, measure.name)
        if value is None:
            continue
        if threshold.against is Against.NOTHING:
            judged += 1
            if _beyond(value, threshold):
                lines.append(f"{_name(cell)}, {measure.title}: {value_text(value, measure.unit)}")
            continue
        other = raw.get(_key(evolve(cell, raw=True))) if threshold.against is Against.RAW else old.get(_key(cell))
        reference = None if other is None else threshold.value(other, measure.name)
        if other is None or not reference:
            continue
        judged += 1
        if _beyond(value / reference, threshold) and not _within_noise(cell, other, measure):
            compared = "raw" if threshold.against is Against.RAW else "the baseline"
            lines.append(
                f"{_name(cell)}, {measure.title}: {value_text(value, measure.unit)}, {ratio_text(value / reference)} "
                f"of {compared}'s {value_text(reference, measure.unit)}"
            )
    others = [old.get(_key(cell)) for cell, _ in about] if threshold.against is Against.BASELINE else []
    return _judgement(threshold, judged, "no cell has the values", lines, [cell for cell, _ in about], others)


def _judgement(
    threshold: Threshold,
    judged: int,
    lacking: str,
    lines: Sequence[str],
    cells: Sequence[Cell],
    others: Sequence[Cell | None],
) -> Judgement:
    """Sum up what was found of the cells that a threshold is about, beside those of the baseline."""
    missing = without_values(cells)
    found = [*lines, *([f"not judged, as the comparison was interrupted: {missing}"] if missing else [])]
    if not judged and not found:
        found = [f"nothing to judge it by: {lacking}"]
    unknown = without_values(cell for cell in others if cell is not None)
    notes = (f"not judged, as the baseline was interrupted: {unknown}",) if unknown else ()
    return Judgement(threshold=threshold, broken=bool(found), lines=tuple(found), notes=notes)


def _judge_behaviours(report: Report, old: dict[_Key, Cell], threshold: Threshold) -> Judgement:
    lines = []
    judged = 0
    for cell in report.cells:
        was = old.get(_key(cell))
        if was is None or was.behaviour is None or cell.state is State.MISSING:
            continue
        judged += 1
        if was.behaviour.as_expected and not (cell.behaviour and cell.behaviour.as_expected):
            lines.append(f"{_name(cell)}: {_ended(was)} before, {_ended(cell)} now")
    named = {scenario.name for scenario in report.scenarios if scenario.kind is Kind.BEHAVIOUR}
    about = [cell for cell in report.cells if cell.scenario in named and not cell.raw]
    return _judgement(
        threshold, judged, "no behaviour is in both", lines, about, [old.get(_key(cell)) for cell in about]
    )


def _beyond(value: float, threshold: Threshold) -> bool:
    return value > threshold.limit if threshold.above else value < threshold.limit


def _within_noise(cell: Cell, other: Cell, measure: Measure) -> bool:
    now, then = spread(cell.measurements[measure.name]), spread(other.measurements[measure.name])
    if now is None or then is None or min(now.count, then.count) < LEAST_VALUES:
        return False
    return not outside_noise(now, then)


def _speed_change(cell: Cell, was: Cell, measure: Measure) -> str | None:
    now, then = spread(cell.measurements[measure.name]), spread(was.measurements.get(measure.name, ()))
    if now is None or then is None or not differ(now, then):
        return None
    better = (now.median < then.median) is measure.lower_is_better
    ratio = ratio_text(factor(now.median, then.median))
    return (
        f"{measure.title}: {ratio} {'better' if better else 'worse'}, "
        f"{value_text(then.median, measure.unit)} before, {value_text(now.median, measure.unit)} now"
    )


def _notes(report: Report, before: Report, old: dict[_Key, Cell]) -> Iterator[str]:
    yield from interruptions(report)
    yield from (f"baseline: {line}" for line in interruptions(before))
    then = {each.id: each for each in before.environments}
    for environment in report.environments:
        was = then.get(environment.id)
        if was is None:
            yield f"the baseline has nothing of environment {environment.id}; it has {', '.join(then) or 'none'}"
            continue
        if (was.platform, was.processor, was.processors) != (
            environment.platform,
            environment.processor,
            environment.processors,
        ):
            yield f"{environment.id}: another machine, so times do not compare: {was.platform}, {was.processor} before"
        if was.python != environment.python:
            yield f"{environment.id}: Python {was.python} before, {environment.python} now"
        for name, info in environment.backends.items():
            earlier = was.backends.get(name)
            if earlier is not None and earlier.library_version != info.library_version:
                yield f"{environment.id}: {info.library} {earlier.library_version} before, {info.library_version} now"
    now = {_key(cell) for cell in report.cells}
    if added := len(now - old.keys()):
        yield f"{added} cells are not in the baseline"
    if gone := len(old.keys() - now):
        yield f"{gone} cells of the baseline are not in this report"


def _paired(report: Report, baseline: Report) -> Report:
    """Return the baseline; where each report has one environment, its own is called as the new one."""
    if len(report.environments) != 1 or len(baseline.environments) != 1:
        return baseline
    name = report.environments[0].id
    return evolve(
        baseline,
        environments=(evolve(baseline.environments[0], id=name),),
        interrupted={name: "; ".join(baseline.interrupted.values())} if baseline.interrupted else {},
        cells=tuple(evolve(cell, environment=name) for cell in baseline.cells),
    )


def _key(cell: Cell) -> _Key:
    return cell.environment, cell.scenario, cell.backend, cell.version, cell.transport, cell.raw


def _name(cell: Cell) -> str:
    raw = " (raw)" if cell.raw else ""
    return f"{cell.scenario}, {cell.backend}{raw}, {setting_text(cell.version, cell.transport)}, {cell.environment}"


def _ended(cell: Cell) -> str:
    """Say how a cell ended in so few words that only a change of behaviour changes them."""
    if cell.state is not State.RUN:
        return "broke down" if cell.state is State.ERROR else "not run"
    if cell.behaviour is None:
        return "run"
    error = cell.behaviour.error or "no error"
    code = "" if cell.behaviour.reason_code is None else f" 0x{cell.behaviour.reason_code:02x}"
    return f"{error}{code}{'' if cell.behaviour.as_expected else ' (not as expected)'}"
