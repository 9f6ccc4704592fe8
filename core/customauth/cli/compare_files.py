"""The files of ``customauth compare``: what it reads, and the forms in which it writes its report."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from attrs import frozen

from customauth.cli.misuse import Misuse
from customauth.cli.optional_file import STDOUT, check_file, optional_file

if TYPE_CHECKING:
    from customauth.compare import Report
    from customauth.compare.baseline import Judgement

F = TypeVar("F", bound=Callable[..., Any])

PAGE = "customauth-comparison.html"
"""Where the page is written unless it is said."""

# Of those whose FILE may be left out.
_ENDINGS = {"json": (".json",), "markdown": (".md", ".markdown")}


@frozen(kw_only=True)
class Outputs:
    """Where the report goes, by its form: ``json``, ``markdown``, ``junit``, ``html``; ``-`` is standard output.

    :ivar on_screen: whether the tables and the verdict are printed, because no form has standard output.
    """

    files: dict[str, str]
    on_screen: bool


def output_options(command: F) -> F:
    """Add the options that say where the report goes; :func:`take_outputs` reads them."""
    for add in reversed(
        [
            optional_file("--json", "json", "Print the JSON document, or write it to FILE."),
            optional_file("--markdown", "markdown", "Print Markdown, or write it to FILE."),
            click.option("--junit", metavar="FILE", help="Write JUnit XML, which CI systems read."),
            click.option("--html", metavar="FILE", help=f"Write the page there.  [default: {PAGE}]"),
        ]
    ):
        command = add(command)
    return command


def take_outputs(options: dict[str, Any]) -> Outputs:
    """Take those options out of ``options``.

    :raises Misuse: two forms for standard output, or a FILE that may be an ENDPOINT.
    """
    files: dict[str, str] = {}
    for form in ("json", "markdown", "junit", "html"):
        file: str | None = options.pop(form)
        if file is not None:
            check_file(f"--{form}", file, _ENDINGS.get(form, ()))
            files[form] = file
    printed = [form for form, file in files.items() if file == STDOUT]
    if len(printed) > 1:
        raise Misuse(f"--{printed[0]} and --{printed[1]} are both for standard output", "give one of them a FILE")
    if not printed:
        files.setdefault("html", PAGE)
    return Outputs(files=files, on_screen=not printed)


def read_report(file: Path, option: str) -> Report:
    """Read a stored document.

    :raises Misuse: it cannot be read, or is something else.
    """
    from customauth.compare import Report

    try:
        return Report.from_json(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise Misuse(f"{option} {file}: {error}", "give files that customauth compare --json has written") from error


def write(report: Report, judgements: Sequence[Judgement], outputs: Outputs) -> None:
    """Write the report in every form that is wanted.

    :raises Misuse: a file cannot be written.
    """
    for form, file in outputs.files.items():
        text = _drawn(form, report, judgements)
        if file == STDOUT:
            click.echo(text, nl=False)
            continue
        try:
            Path(file).write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise Misuse(f"--{form} {file}: {error.strerror}", f"give --{form} a file that can be written") from error


def tell(outputs: Outputs) -> None:
    """Say which files were written."""
    names = {"json": "the JSON document", "markdown": "Markdown", "junit": "JUnit XML", "html": "the page"}
    for form, file in outputs.files.items():
        click.echo(f"Wrote {names[form]} to {file}")


def _drawn(form: str, report: Report, judgements: Sequence[Judgement]) -> str:
    if form == "json":
        return json.dumps(report.to_json(), indent=1) + "\n"
    if form == "markdown":
        from customauth.compare.markdown import markdown

        return markdown(report)
    if form == "junit":
        from customauth.compare.junit import junit

        return junit(report, judgements)
    from customauth.compare.page import render

    return render(report)
