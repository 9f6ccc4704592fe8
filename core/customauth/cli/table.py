"""Tables on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from customauth.cli.say import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

# Long prose; every other column stays in one piece.
_PROSE = frozenset({"features", "reason"})
# What tells the rows apart.
_KEYS = frozenset({"environment", "scenario", "MQTT", "backend"})
# Where prose would get fewer columns than this, it goes below the table.
_LEAST_PROSE = 24
_UNLIMITED = 1 << 16


def print_table(rows: Sequence[dict[str, str]]) -> None:
    """Print rows that all have the same headings; columns that are empty throughout are left out.

    Into a pipe or file every row is one line, however wide. On a narrow terminal prose goes below the table; on one
    that is too narrow for the rest there is a line of text for each row.
    """
    from rich.console import Console

    console = Console()
    headings = [heading for heading in (rows[0] if rows else {}) if any(row[heading] for row in rows)]
    brief = [heading for heading in headings if heading not in _PROSE]
    whole, short = _table(rows, headings), _table(rows, brief)
    if not console.is_terminal:
        console.width = _width(console, whole)
        console.print(whole)
    elif console.width < _width(console, short):
        # Cut-off cells would say something else; the terminal wraps the lines.
        _print_rows(rows, headings)
    elif brief == headings or console.width >= min(_width(console, short) + _LEAST_PROSE, _width(console, whole)):
        console.print(whole)
    else:
        console.print(short)
        for row in rows:
            for heading in headings:
                if heading in _PROSE and row[heading]:
                    key = " ".join(row[name] for name in brief if name in _KEYS)
                    console.print(_text(f"{key}: {row[heading]}"))


def _print_rows(rows: Sequence[dict[str, str]], headings: Sequence[str]) -> None:
    """Print a line for each row, every cell behind its heading."""
    for row in rows:
        click.echo(printable(", ".join(f"{heading} {row[heading]}" for heading in headings if row[heading])))


def _table(rows: Sequence[dict[str, str]], headings: Sequence[str]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading not in _PROSE)
    for row in rows:
        table.add_row(*(_text(row[heading]) for heading in headings))
    return table


def _text(cell: str) -> Text:
    """Take a cell as it stands: rich would read square brackets as markup."""
    from rich.text import Text

    return Text(printable(cell))


def _width(console: Console, table: Table) -> int:
    return console.measure(table, options=console.options.update(width=_UNLIMITED)).maximum
