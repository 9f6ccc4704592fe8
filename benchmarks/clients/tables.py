"""The report beside its targets, as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import frozen

from customauth.compare import Report, State
from customauth.compare.figures import Row, measure_title, ratio_text, speed_rows, value_text
from customauth.compare.markdown import tables_markdown
from customauth.compare.medians import Spread
from customauth.compare.result import PROCESSOR_TIME

from ..report import markdown
from .arrivals import LOST
from .targets import TARGETS, Target


@frozen(kw_only=True)
class Judged:
    """One backend at one measure that has a target, or could have.

    :ivar ratio: to the library alone, None where that has no value.
    :ivar processor_ratio: the same of the processor time.
    """

    row: Row
    backend: str
    target: Target
    own: Spread
    alone: Spread | None
    ratio: float | None
    processor_ratio: float | None

    @property
    def met(self) -> bool | None:
        """Whether the target is met, None where nothing is aimed at or there is no ratio."""
        value = self.ratio if self.target.of_ratio else self.own.median
        return None if value is None else self.target.met(value, self.backend)


def tables(report: Report, problems: Sequence[str] = ()) -> str:
    """Lay out a report: all that has a target, the comparison's own tables, and what was missed."""
    judged = list(judge(report))
    found = missed(judged)
    parts = [
        _targets(judged),
        tables_markdown(report).rstrip(),
        "\n".join(["Targets missed:", "", *(f"- {each}" for each in found)]) if found else "All targets are met.",
        *(f"**{problem}**" for problem in problems),
    ]
    return "\n\n".join(parts)


def judge(report: Report) -> Iterator[Judged]:
    """Set every measure that has a target beside it."""
    rows = speed_rows(report)
    processor = {_setting(row): _ratios(row) for row in rows if row.measure == PROCESSOR_TIME}
    for target in TARGETS:
        for row in rows:
            if row.measure is None or row.measure.name != target.measure:
                continue
            alone, ratios = row.spreads(raw=True), _ratios(row)
            for name, own in row.spreads().items():
                yield Judged(
                    row=row,
                    backend=name,
                    target=target,
                    own=own,
                    alone=alone.get(name),
                    ratio=ratios.get(name),
                    processor_ratio=processor.get(_setting(row), {}).get(name),
                )


def missed(judged: Sequence[Judged]) -> list[str]:
    """Name every target that is missed."""
    return [
        f"{measure_title(each.row)}, {each.backend}, MQTT {each.row.version}, {each.row.environment}: "
        f"{_shown(each)} ({each.target.text(each.backend)})"
        for each in judged
        if each.met is False
    ]


def lost(report: Report) -> int:
    """Count the messages that were sent at QoS 0 and have not arrived."""
    return sum(int(value) for cell in report.cells for value in cell.measurements.get(LOST, ()))


def is_whole(report: Report) -> bool:
    """Say whether nothing broke down; a crowd of which one is lost has."""
    return all(cell.state is not State.ERROR for cell in report.cells)


def _targets(judged: Sequence[Judged]) -> str:
    rows = [
        [
            measure_title(each.row),
            each.row.environment,
            each.backend,
            each.row.version,
            _value(each.row, each.own),
            _value(each.row, each.alone),
            "" if each.ratio is None else f"**{ratio_text(each.ratio)}**",
            "" if each.processor_ratio is None else ratio_text(each.processor_ratio),
            each.target.text(each.backend),
            {None: "", True: "met", False: "**missed**"}[each.met],
        ]
        for each in judged
    ]
    headings = ["measure", "server", "backend", "MQTT", "customauth", "alone", "ratio", "CPU ratio", "target", ""]
    return markdown(headings, rows)


def _shown(each: Judged) -> str:
    return ratio_text(each.ratio) if each.target.of_ratio and each.ratio is not None else _value(each.row, each.own)


def _value(row: Row, found: Spread | None) -> str:
    return "" if found is None or row.measure is None else value_text(found.median, row.measure.unit)


def _ratios(row: Row) -> dict[str, float]:
    alone = row.spreads(raw=True)
    return {
        name: own.median / alone[name].median
        for name, own in row.spreads().items()
        if name in alone and alone[name].median > 0
    }


def _setting(row: Row) -> tuple[str, ...]:
    return row.scenario.name, row.environment, row.version, row.transport
