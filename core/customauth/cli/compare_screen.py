"""What ``customauth compare`` shows on the terminal: the tables, what changed, and last the verdict."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from customauth.cli.say import printable
from customauth.cli.table import print_matrix
from customauth.compare import table
from customauth.compare.interruptions import interruptions
from customauth.compare.verdict import verdict

if TYPE_CHECKING:
    from customauth.compare import Report, Scenario
    from customauth.compare.baseline import Judgement


def show(report: Report, before: Report | None, judgements: Sequence[Judgement]) -> None:
    """Print a report."""
    for line in (*interruptions(report), *table.libraries(report)):
        click.echo(printable(line))
    for rows, legend in (
        (table.speed_table(report), table.LEGEND_SPEED),
        (table.behaviour_table(report), table.LEGEND_BEHAVIOUR),
    ):
        if rows:
            headings = table.headings(rows)
            print_matrix([{heading: row[heading] for heading in headings} for row in rows])
            _show_lines("", [legend])
    _show_lines("Not as expected:", table.unexpected(report))
    _show_lines("Broken down:", table.broken(report))
    _show_lines("Not run:", table.not_run(report))
    if before is not None:
        _show_changes(report, before)
    thresholds = [f"{each.threshold}: {'BROKEN' if each.broken else 'kept'}" for each in judgements]
    _show_lines("Thresholds:", [*thresholds, *(note for each in judgements for note in each.notes)])
    _show_verdict(report)


def show_scenarios(scenarios: Sequence[Scenario]) -> None:
    """Print what there is to be run."""
    for scenario in scenarios:
        parts = [scenario.kind.value]
        if scenario.measures:
            parts.append(f"measures {', '.join(measure.name for measure in scenario.measures)}")
        if scenario.raw:
            parts.append("of the library alone too")
        if scenario.local:
            parts.append("with the local gateway only")
        click.echo(printable(f"{scenario.name} ({'; '.join(parts)})"))
        _show_line(scenario.description)


def _show_changes(report: Report, before: Report) -> None:
    from customauth.compare.baseline import changes

    found = changes(report, before)
    lines = [*found.notes, *found.behaviours, *found.speeds]
    _show_lines("Changed since the baseline:", lines or ["nothing outside the noise of the runs"])


def _show_verdict(report: Report) -> None:
    found = verdict(report)
    click.echo("\nVerdict")
    for each in found.backends:
        click.echo(printable(f"{each.backend} ({each.library})"))
        for sentence in each.sentences:
            _show_line(sentence)
    _show_lines("All of them:", found.general)


def _show_lines(title: str, lines: Sequence[str]) -> None:
    if lines:
        if title:
            click.echo(f"\n{title}")
        for line in lines:
            _show_line(line)


def _show_line(line: str) -> None:
    """Print a line; on a terminal it is broken between words, what belongs to it indented."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        click.echo(f"  {printable(line)}")
        return
    width = max(console.width, 20)
    click.echo(textwrap.fill(printable(line), width, initial_indent="  ", subsequent_indent="    "))
