"""Lines for the person at the terminal."""

from __future__ import annotations

import re
import sys
from typing import TextIO

import click

_CONTROLS = r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"
_LABEL = r"(?:next|error|cause): "
_COMMAND = r"(?<=: )(?:aws|curl|customauth|openssl|pip|printf|python3?) .*"
_WIDEST = 100
_NARROWEST = 20


def say(line: str, *, paste: str = "") -> None:
    """Write one line to standard error, folded on a terminal.

    :param paste: what the line ends with, to be copied: on a terminal it stands alone, in one piece, as a command does.
    """
    line = printable(line)
    if sys.stderr is None or not sys.stderr.isatty():
        click.echo(line, err=True)
        return
    label = re.match(_LABEL, line)
    if label is None or len(line) <= _columns():
        click.echo(line, err=True)
        return
    text, piece = line[label.end() :], printable(paste)
    if not piece or not text.endswith(f": {piece}"):
        command = re.search(_COMMAND, text)
        piece = "" if command is None else command[0]
    first, *others = folded(text.removesuffix(piece).rstrip(), label.end(), sys.stderr)
    click.echo(f"{label[0]}{first}", err=True)
    for other in others:
        click.echo(f"{' ' * label.end()}{other}", err=True)
    if piece:
        click.echo(f"  {piece}", err=True)


def folded(text: str, indent: int, stream: TextIO) -> list[str]:
    """Break a line between words, on a terminal only: elsewhere each thing is said in one line."""
    text = printable(text)
    if not stream.isatty():
        return [text]
    import textwrap

    width = max(_columns() - indent, _NARROWEST)
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]


def printable(text: str) -> str:
    """Escape what would break a line or move the cursor: texts of servers and plug-ins come this way."""
    # Nearly every text is, and the pattern takes its time to compile.
    return text if text.isprintable() else re.sub(_CONTROLS, lambda found: repr(found[0])[1:-1], text)


def _columns() -> int:
    import shutil

    return min(shutil.get_terminal_size().columns, _WIDEST)
