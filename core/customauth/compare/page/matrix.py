"""The behaviour scenarios: a matrix for each slice, and every answer in full."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from attrs import frozen

from customauth.compare.figures import Row, backends, behaviour_rows, value_text
from customauth.compare.page.markup import Html, element, joined
from customauth.compare.page.slices import Slice, Slices
from customauth.compare.result import Behaviour, Cell, Report, State


@frozen
class _Mark:
    """How a cell is marked; the sign and the words say the same as the colour."""

    kind: str
    sign: str
    words: str


_AS_EXPECTED = _Mark("good", "✓", "as expected")
_OTHERWISE = _Mark("bad", "✗", "not as expected")
_NOT_RUN = _Mark("none", "—", "not run")
_BROKE = _Mark("broke", "!", "broke down")
_MISSING = _Mark("none", "…", "missing")
_MARKS = (_AS_EXPECTED, _OTHERWISE, _BROKE, _NOT_RUN)


def matrices(report: Report, slices: Slices) -> Html | None:
    """Return the section with a matrix for each slice, None for a report without behaviour scenarios."""
    rows = behaviour_rows(report)
    if not rows:
        return None
    numbered = {id(cell): number for number, cell in enumerate(report.cells)}
    order = backends(report)
    tables, answers = [], []
    for slice_ in slices.all:
        mine = [row for row in rows if _slice(row) == slice_]
        if mine:
            tables.append(_matrix(mine, slice_, slices, order, numbered))
            answers += [_answer(row, cell, slices, numbered) for row in mine for _, cell in _columns(row, order)]
    marks = (*_MARKS, *((_MISSING,) if report.interrupted else ()))
    key = [element("span", f"{mark.sign} {mark.words}", class_=f"mark {mark.kind}") for mark in marks]
    return element(
        "section",
        element("h2", "Behaviour", id="behaviour"),
        element("p", *key, class_="key"),
        element(
            "p",
            "Point at a cell, or go to it with the keyboard, for the exact answer; click or press Enter to keep it.",
            class_="note scripted",
        ),
        element("div", *tables, data_holder=True),
        element(
            "details",
            element("summary", "Every answer in full"),
            element("div", *answers, class_="answers"),
            id="answers",
        ),
        aria_labelledby="behaviour",
    )


def _slice(row: Row) -> Slice:
    return Slice(environment=row.environment, version=row.version, transport=row.transport)


def _columns(row: Row, order: Sequence[str]) -> Iterator[tuple[tuple[str, bool], Cell]]:
    for name in order:
        for raw, cells in ((False, row.cells), (True, row.raw)):
            if name in cells:
                yield (name, raw), cells[name]


def _matrix(rows: Sequence[Row], slice_: Slice, slices: Slices, order: Sequence[str], numbered: dict[int, int]) -> Html:
    found = [dict(_columns(row, order)) for row in rows]
    columns = sorted(
        {column for each in found for column in each}, key=lambda column: (order.index(column[0]), column[1])
    )
    head = element(
        "tr",
        element("th", "scenario", scope="col"),
        *(element("th", _title(name, raw), scope="col") for name, raw in columns),
    )
    body = [
        element(
            "tr",
            element("th", row.scenario.title, scope="row"),
            *(_cell(each.get(column), numbered) for column in columns),
        )
        for row, each in zip(rows, found, strict=True)
    ]
    totals = [_total([each[column] for each in found if column in each]) for column in columns]
    foot = element("tr", element("th", "as expected", scope="row"), *(element("td", total) for total in totals))
    table = element(
        "table",
        element("caption", slice_.label),
        element("thead", head),
        element("tbody", *body),
        element("tfoot", foot),
        class_="matrix",
    )
    label = f"Behaviour, {slice_.label}"
    return element("div", table, class_="scroll", role="region", aria_label=label, tabindex=0, **slices.keys(slice_))


def _title(name: str, raw: bool) -> Html:
    return joined([name, " ", element("span", "raw", class_="tag")]) if raw else joined([name])


def _total(cells: Sequence[Cell]) -> str:
    run = [cell for cell in cells if cell.behaviour is not None]
    return f"{sum(cell.behaviour.as_expected for cell in run if cell.behaviour)} of {len(run)}"


def _cell(cell: Cell | None, numbered: dict[int, int]) -> Html:
    if cell is None:
        return element("td")
    mark = _mark(cell)
    button = element(
        "button",
        element("span", mark.sign, class_="sign", aria_hidden="true"),
        element("span", f"{mark.words}: ", class_="unseen") if cell.behaviour else "",
        element("span", _short(cell), class_="said"),
        type="button",
        class_=f"mark {mark.kind}",
        aria_expanded="false",
        aria_controls="answer",
        data_answer=numbered[id(cell)],
    )
    return element("td", button)


def _mark(cell: Cell) -> _Mark:
    if cell.state is State.ERROR:
        return _BROKE
    if cell.state is State.MISSING:
        return _MISSING
    if cell.state is State.NOT_RUN or cell.behaviour is None:
        return _NOT_RUN
    return _AS_EXPECTED if cell.behaviour.as_expected else _OTHERWISE


def _short(cell: Cell) -> str:
    if cell.state is State.RUN and cell.behaviour is not None:
        return cell.behaviour.error or "no error"
    return _mark(cell).words


def _answer(row: Row, cell: Cell, slices: Slices, numbered: dict[int, int]) -> Html:
    mark = _mark(cell)
    # Wherever it is shown it stands below the section's heading.
    heading = element("h3", f"{row.scenario.title}: {cell.backend}{' raw' if cell.raw else ''}")
    facts = _behaviour(cell.behaviour) if cell.behaviour is not None else [("Reason", cell.why or "none was given")]
    return element(
        "article",
        heading,
        element("p", element("span", f"{mark.sign} {mark.words}", class_=f"mark {mark.kind}"), f" {_slice(row).label}"),
        element("p", row.scenario.description, class_="description"),
        element("dl", *(joined([element("dt", term), element("dd", said)]) for term, said in facts)),
        class_="answer",
        id=f"answer-{numbered[id(cell)]}",
        **slices.keys(_slice(row)),
    )


def _behaviour(told: Behaviour) -> list[tuple[str, str]]:
    code = told.reason_code
    cause = told.cause if told.cause_message is None else f"{told.cause or 'an exception'}: {told.cause_message}"
    listed = [
        ("Expected", told.expected),
        ("Error", told.error or "no error"),
        ("Message", told.message),
        ("Stage", told.stage),
        ("Reason code", None if code is None else f"{code} (0x{code:02X})"),
        ("The library's own", cause),
        ("Worth a retry", None if told.retryable is None else "yes" if told.retryable else "no"),
        ("Told after", _times(told.milliseconds)),
    ]
    return [(term, said) for term, said in listed if said is not None]


def _times(milliseconds: Sequence[float]) -> str | None:
    if not milliseconds:
        return None
    if len(milliseconds) == 1:
        return value_text(milliseconds[0], "ms")
    median = value_text(statistics.median(milliseconds), "ms")
    least, most = value_text(min(milliseconds), ""), value_text(max(milliseconds), "ms")
    return f"{median}, of {len(milliseconds)} rounds from {least} to {most}"
