"""Options whose FILE may be left out, such as ``--json [FILE]``: then they print."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from customauth.cli.misuse import Misuse

F = TypeVar("F", bound=Callable[..., Any])

STDOUT = "-"
"""What such an option has instead of a FILE when none is given."""


def optional_file(option: str, name: str, text: str) -> Callable[[F], F]:
    """Add such an option, whose value goes to the parameter ``name``; :func:`check_file` is for that value."""
    return click.option(option, name, is_flag=False, flag_value=STDOUT, metavar="[FILE]", help=text)


def check_file(option: str, file: str, endings: tuple[str, ...] = ()) -> None:
    """Refuse, before any work, a file that could not be written after it, or that may be meant as an argument.

    :param endings: of an optional FILE, the first one to be recommended: it would swallow an ENDPOINT that follows it.
    :raises Misuse: it has none of the endings and no ``/``, or its folder is not there.
    """
    if file == STDOUT:
        return
    if endings and not file.endswith(endings) and "/" not in file:
        raise Misuse(
            f"{option} {file}: its FILE must end in {endings[0]}, so that no ENDPOINT is taken for it",
            f"write {file}{endings[0]} or ./{file}, or put the ENDPOINT before {option}",
        )
    folder = Path(file).parent
    if not folder.is_dir():
        raise Misuse(
            f"{option} {file}: there is no folder {folder}", f"make the folder {folder}, or write {option} elsewhere"
        )
