"""The speed scenarios: a chart for each measure, as a table whose rows are backends and whose cells hold drawings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from attrs import frozen

from customauth.compare.figures import Row, ratio_text, speed_rows, value_text
from customauth.compare.page.boxes import ENOUGH_FOR_P95, ENOUGH_FOR_P99, Box, box
from customauth.compare.page.markup import Html, element, joined
from customauth.compare.page.plots import axis, bar, strip
from customauth.compare.page.scales import Scale, scale_of
from customauth.compare.page.slices import Slice, Slices
from customauth.compare.result import Cell, Measure, Report, ScenarioInfo, State

_UNITS = {"ms": "milliseconds", "/s": "a second", "KiB": "KiB", "count": ""}


@frozen(kw_only=True)
class _Line:
    """One row of a chart."""

    backend: str
    cell: Cell
    values: tuple[float, ...]
    box: Box | None
    to_raw: float | None = None
    clearly_best: bool = False


@frozen(kw_only=True)
class _Chart:
    """One measure in every slice, all drawn to the same scale so that slices compare."""

    scenario: ScenarioInfo
    measure: Measure
    rows: tuple[Row, ...]
    scale: Scale
    strips: bool


def sections(report: Report, slices: Slices) -> Iterator[Html]:
    """Return a section for each kind of measure: what takes time, what is done in a time, and the rest."""
    charts = list(_charts(report))
    for name, title, units in (
        ("times", "Times", ("ms",)),
        ("throughput", "Throughput", ("/s",)),
        ("costs", "Memory and other costs", ()),
    ):
        mine = [
            chart
            for chart in charts
            if (chart.measure.unit in units if units else chart.measure.unit not in ("ms", "/s"))
        ]
        if mine:
            yield element(
                "section",
                element("h2", title, id=name),
                *(_scenario(list(group), slices) for _, group in groupby(mine, key=lambda chart: chart.scenario.name)),
                class_="speed",
                aria_labelledby=name,
            )


def _charts(report: Report) -> Iterator[_Chart]:
    rows = speed_rows(report)
    for (scenario, measure), group in groupby(rows, key=lambda row: (row.scenario, row.measure)):
        if measure is None:
            continue
        mine = tuple(group)
        taken = [values for row in mine for cell in _cells(row) if (values := _values(cell, measure))]
        # A few values are seen better beside a bar than as a distribution that they do not make.
        strips = measure.unit == "ms" and max(map(len, taken), default=0) >= ENOUGH_FOR_P95
        scale = scale_of((value for values in taken for value in values), may_be_logarithmic=strips)
        yield _Chart(scenario=scenario, measure=measure, rows=mine, scale=scale, strips=strips)


def _scenario(charts: Sequence[_Chart], slices: Slices) -> Html:
    scenario = charts[0].scenario
    head, *parts = [_figure(chart, slices) for chart in charts]
    if len(parts) > 1 and all(chart.measure.unit == charts[0].measure.unit for chart in charts):
        # A whole and its parts: the parts would push the next scenario off the screen.
        names = ", ".join(chart.measure.title for chart in charts[1:])
        summary = element("summary", f"{len(parts)} more measures", element("span", names))
        parts = [element("details", summary, element("div", *parts, class_="charts"))]
    return element(
        "article",
        element("h3", scenario.title),
        element("p", scenario.description, class_="description"),
        element("div", head, *parts, class_="charts"),
        class_="scenario",
        data_holder=True,
    )


def _figure(chart: _Chart, slices: Slices) -> Html:
    measure = chart.measure
    unit = _UNITS.get(measure.unit, measure.unit)
    notes = [unit, "less is better" if measure.lower_is_better else "more is better"]
    if chart.scale.logarithmic:
        notes.append("each step ten times the one before")
    caption = element(
        "figcaption", element("strong", measure.title), " ", element("span", ", ".join(filter(None, notes)))
    )
    return element(
        "figure", caption, *(_table(chart, row, slices) for row in chart.rows), class_="chart", data_holder=True
    )


def _table(chart: _Chart, row: Row, slices: Slices) -> Html:
    lines = list(_lines(chart, row))
    with_raw = any(line.cell.raw for line in lines)
    best = _best(lines, chart.measure)
    if chart.strips:
        headings = ["p50", "p95", "p99"]
        figures = [_percentiles(line) for line in lines]
    else:
        headings = ["median", "to best"]
        figures = [_median_to(best, line, chart.measure.unit) for line in lines]
    if with_raw:
        headings.append("to raw")
        figures = [[*each, _to_raw(line)] for line, each in zip(lines, figures, strict=True)]
    slice_ = Slice(environment=row.environment, version=row.version, transport=row.transport)
    head = element(
        "tr",
        element("th", "backend", role="columnheader", scope="col"),
        element("th", element("span", "drawing", class_="unseen"), role="columnheader", scope="col", class_="drawing"),
        *(element("th", heading, role="columnheader", scope="col") for heading in headings),
        role="row",
    )
    body = [_row(chart, line, each) for line, each in zip(lines, figures, strict=True)]
    foot = element("tr", element("td"), element("td", axis(chart.scale), class_="drawing"), aria_hidden="true")
    return element(
        "table",
        element("caption", slice_.label, role="caption"),
        element("thead", head, role="rowgroup"),
        element("tbody", *body, role="rowgroup"),
        element("tfoot", foot, aria_hidden="true"),
        # The rows are laid out as grids, for which some browsers forget what a table is.
        role="table",
        class_=f"figures-{len(headings)}",
        **slices.keys(slice_),
    )


def _row(chart: _Chart, line: _Line, figures: Sequence[str]) -> Html:
    who = [element("span", line.backend, class_="who")]
    if line.cell.raw:
        who.append(element("span", "raw", class_="tag"))
    if line.clearly_best:
        who.append(element("span", "best", class_="tag best"))
    name = element("th", *who, role="rowheader", scope="row")
    kind = "raw" if line.cell.raw else None
    if line.box is None:
        why = element("td", *_why(line.cell), role="cell", class_="why", colspan=1 + len(figures))
        return element("tr", name, why, role="row", class_=kind)
    draw = strip if chart.strips else bar
    drawing = element("td", draw(line.values, line.box, chart.scale), role="cell", class_="drawing")
    return element(
        "tr", name, drawing, *(element("td", each, role="cell") for each in figures), role="row", class_=kind
    )


def _why(cell: Cell) -> list[str]:
    if cell.state is State.ERROR:
        return [element("strong", "! broke down"), f" {cell.why or 'no reason was given'}"]
    if cell.state is State.MISSING:
        return [element("strong", "… missing"), f" {cell.why or ''}"]
    if cell.state is State.NOT_RUN:
        return [element("strong", "— not run"), f" {cell.why or 'no reason was given'}"]
    return [element("strong", "— no values")]


def _lines(chart: _Chart, row: Row) -> Iterator[_Line]:
    best = row.best()
    for name in dict.fromkeys([*row.cells, *row.raw]):
        ours, raw = row.cells.get(name), row.raw.get(name)
        raw_values = _values(raw, chart.measure)
        if ours is not None:
            values = _values(ours, chart.measure)
            yield _Line(
                backend=name,
                cell=ours,
                values=values,
                box=box(values) if values else None,
                to_raw=box(raw_values).median if raw_values else None,
                clearly_best=name == best,
            )
        if raw is not None:
            yield _Line(backend=name, cell=raw, values=raw_values, box=box(raw_values) if raw_values else None)


def _percentiles(line: _Line) -> list[str]:
    if line.box is None:
        return ["", "", ""]
    few = "of {} values, {} would be needed".format
    return [
        value_text(line.box.median, ""),
        _or_few(line.box.p95, few(line.box.count, ENOUGH_FOR_P95)),
        _or_few(line.box.p99, few(line.box.count, ENOUGH_FOR_P99)),
    ]


def _or_few(value: float | None, few: str) -> str:
    return element("span", "—", title=few) if value is None else value_text(value, "")


def _median_to(best: float | None, line: _Line, unit: str) -> list[str]:
    if line.box is None:
        return ["", ""]
    # The heading has the unit; only a count is written in another way.
    median, least, most = (
        value_text(value, unit if unit == "count" else "") for value in (line.box.median, line.box.least, line.box.most)
    )
    spread = f"{line.box.count} values, {least} to {most}"
    return [
        element("span", median, title=spread),
        ratio_text(line.box.median / best) if best else "—",
    ]


def _to_raw(line: _Line) -> str:
    return ratio_text(line.box.median / line.to_raw) if line.box and line.to_raw else "—" if not line.cell.raw else ""


def _best(lines: Sequence[_Line], measure: Measure) -> float | None:
    medians = [line.box.median for line in lines if line.box and not line.cell.raw]
    if not medians:
        return None
    return min(medians) if measure.lower_is_better else max(medians)


def _cells(row: Row) -> Iterator[Cell]:
    yield from row.cells.values()
    yield from row.raw.values()


def _values(cell: Cell | None, measure: Measure) -> tuple[float, ...]:
    return cell.measurements.get(measure.name, ()) if cell is not None and cell.state is State.RUN else ()


def legend() -> Html:
    """Return how to read the charts."""
    return joined(
        [
            "A dot is one value. In a distribution the box is the middle half of the values, the thick line p50, the "
            "thin line p95 and the dashed line p99; a percentile for which the values are too few is left out. A bar "
            "is the median. ",
            element("span", "raw", class_="tag"),
            " is the library alone, without customauth; ",
            element("b", "to raw"),
            " is our median divided by that one, ",
            element("b", "to best"),
            " divided by the best backend's. ",
            element("span", "best", class_="tag best"),
            " stands apart from every other backend outside the noise of the runs.",
        ]
    )
