"""Lines for the person at the terminal."""

from __future__ import annotations

import re

import click

_CONTROLS = r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"


def say(line: str) -> None:
    """Write one line to standard error."""
    click.echo(printable(line), err=True)


def printable(text: str) -> str:
    """Escape what would break a line or move the cursor: texts of servers and plug-ins come this way."""
    # Nearly every text is, and the pattern takes its time to compile.
    return text if text.isprintable() else re.sub(_CONTROLS, lambda found: repr(found[0])[1:-1], text)
