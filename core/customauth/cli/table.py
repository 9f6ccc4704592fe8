"""Tables on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

# Long prose; every other column stays in one piece.
_WRAPPED = frozenset({"features", "problem", "reason"})


def print_table(rows: Sequence[dict[str, str]]) -> None:
    """Print rows that all have the same headings; columns that are empty throughout are left out."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    headings = [heading for heading in (rows[0] if rows else {}) if any(row[heading] for row in rows)]
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading not in _WRAPPED)
    for row in rows:
        table.add_row(*(row[heading] for heading in headings))
    Console().print(table)
