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
_KEYS = frozenset({"environment", "scenario", "measure", "MQTT", "transport", "backend"})
# Where prose would get fewer columns than this, it goes below the table.
_LEAST_PROSE = 24
# What tells the rows of a matrix apart may be folded to this.
_WIDEST_KEY = 30
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


def print_matrix(rows: Sequence[dict[str, str]]) -> None:
    """Print rows that are told apart by their first columns and have a column for each of several subjects.

    Into a pipe or file every row is one line. A narrow terminal gets several tables, each with the first columns and as
    many subjects as there is room for; one that is too narrow even for that, a line of text for each row.
    """
    from rich.console import Console

    console = Console()
    headings = [heading for heading in (rows[0] if rows else {}) if any(row[heading] for row in rows)]
    keys = [heading for heading in headings if heading in _KEYS]
    subjects = [heading for heading in headings if heading not in _KEYS]
    if not console.is_terminal:
        whole = _table(rows, headings)
        console.width = _width(console, whole)
        console.print(whole)
    elif any(_width(console, _table(rows, [*keys, subject], _WIDEST_KEY)) > console.width for subject in subjects):
        _print_rows(rows, headings)
    else:
        while subjects:
            room = next(
                count
                for count in range(len(subjects), 0, -1)
                if count == 1 or _width(console, _table(rows, [*keys, *subjects[:count]], _WIDEST_KEY)) <= console.width
            )
            console.print(_table(rows, [*keys, *subjects[:room]], _WIDEST_KEY))
            subjects = subjects[room:]


def _print_rows(rows: Sequence[dict[str, str]], headings: Sequence[str]) -> None:
    """Print a line for each row, every cell behind its heading."""
    for row in rows:
        click.echo(printable(", ".join(f"{heading} {row[heading]}" for heading in headings if row[heading])))


def _table(rows: Sequence[dict[str, str]], headings: Sequence[str], widest_key: int | None = None) -> Table:
    """Make a table; with ``widest_key`` the columns that tell the rows apart are folded to it."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        widest = widest_key if heading in _KEYS else None
        no_wrap = heading not in _PROSE and widest is None
        table.add_column(_text(heading), overflow="fold", no_wrap=no_wrap, max_width=widest)
    for row in rows:
        table.add_row(*(_text(row[heading]) for heading in headings))
    return table


def _text(cell: str) -> Text:
    """Take a cell as it stands: rich would read square brackets as markup."""
    from rich.text import Text

    return Text(printable(cell))


def _width(console: Console, table: Table) -> int:
    return console.measure(table, options=console.options.update(width=_UNLIMITED)).maximum
