"""A report as Markdown, for documentation and pull requests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from customauth.compare import table
from customauth.compare.interruptions import interruptions
from customauth.compare.result import Report
from customauth.compare.verdict import verdict

# What GitHub's Markdown would take for markup, HTML or a link in a text of a server or a third party.
_MARKUP = re.compile(r"[\\`*_\[\]<>&|~@#]")
_BREAKS = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


def markdown(report: Report) -> str:
    """Draw a report as Markdown: what is missing, the verdict, the tables, what needs an explanation, and the machines.

    Every text that a server or a third party may have chosen is shown as it is, never read as markup.
    """
    return f"{verdict_markdown(report)}\n{tables_markdown(report)}"


def verdict_markdown(report: Report) -> str:
    """Draw the verdict alone, and before it what it could not be made from."""
    return _joined(_verdict(report))


def tables_markdown(report: Report) -> str:
    """Draw everything but the verdict."""
    return _joined(_tables(report))


def escape(text: str) -> str:
    """Return a text such that Markdown shows it as it is, on one line."""
    return _MARKUP.sub(lambda found: f"&#{ord(found[0])};" if found[0] in "<>&|@" else f"\\{found[0]}", _one_line(text))


def _joined(lines: Iterable[str]) -> str:
    return "\n".join(lines).rstrip("\n") + "\n"


def _verdict(report: Report) -> Iterator[str]:
    left = interruptions(report, most=None)
    if left:
        yield from _section("Interrupted", [])
        yield from _list(left)
    found = verdict(report)
    yield from _section("Verdict", [])
    for each in found.backends:
        yield f"**{escape(each.backend)}** ({escape(each.library)})"
        yield ""
        yield from (f"- {escape(sentence)}" for sentence in each.sentences)
        yield ""
    if found.general:
        yield from _list(found.general)


def _tables(report: Report) -> Iterator[str]:
    speed, behaviour = table.speed_table(report), table.behaviour_table(report)
    if speed:
        yield from _section("Speed", [table.LEGEND_SPEED])
        yield from _table(speed)
    if behaviour:
        yield from _section("Behaviour", [table.LEGEND_BEHAVIOUR])
        yield from _table(behaviour)
    for title, lines in (
        ("Not as expected", table.unexpected(report)),
        ("Broken down", table.broken(report)),
        ("Not run", table.not_run(report)),
        ("Taken with", [f"customauth {report.customauth}, {report.created}", *table.libraries(report)]),
    ):
        if lines:
            yield from _section(title, [])
            yield from _list(lines)


def _section(title: str, paragraphs: Sequence[str]) -> Iterator[str]:
    yield from (f"### {title}", "")
    for paragraph in paragraphs:
        yield from (escape(paragraph), "")


def _list(lines: Sequence[str]) -> Iterator[str]:
    yield from (f"- {escape(line)}" for line in lines)
    yield ""


def _table(rows: Sequence[dict[str, str]]) -> Iterator[str]:
    headings = table.headings(rows)
    yield _line(headings)
    yield _line(["---"] * len(headings), plain=True)
    yield from (_line([row[heading] for heading in headings]) for row in rows)
    yield ""


def _line(cells: Sequence[str], *, plain: bool = False) -> str:
    return f"| {' | '.join(cell if plain else escape(cell) for cell in cells)} |"


def _one_line(text: str) -> str:
    return _BREAKS.sub(" ", text).strip()
