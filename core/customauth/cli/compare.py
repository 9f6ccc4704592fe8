"""``customauth compare``: the comparison at the command line."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from customauth.cli.credentials import credential_options, take_credentials
from customauth.cli.exits import ExitCode
from customauth.cli.misuse import Misuse
from customauth.cli.options import ca_option, json_option, port_option, take_endpoint, timeout_option
from customauth.cli.say import say

if TYPE_CHECKING:
    from customauth.compare import Cell, Plan, Report


@click.command()
@click.option("--backend", "backends", multiple=True, metavar="NAME", help="Compare these only; may be repeated.")
@click.option(
    "--rounds", type=click.IntRange(1, 1000), default=3, show_default=True, metavar="N", help="Attempts for each cell."
)
@credential_options
@port_option
@ca_option
@timeout_option
@json_option
@click.option("--markdown", "as_markdown", is_flag=True, help="Print a Markdown table.")
@click.option(
    "--merge",
    "merged",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Run nothing: draw stored --json documents as one table; may be repeated.",
)
@click.argument("endpoint", required=False)
def command(
    endpoint: str | None,
    backends: tuple[str, ...],
    merged: tuple[Path, ...],
    as_json: bool,
    as_markdown: bool,
    **options: Any,
) -> int:
    """Run every scenario through every backend on both MQTT versions.

    Without ENDPOINT against a local gateway that it starts itself; with ENDPOINT, give the credentials of connect.
    Exit code 0 when every cell ended as its scenario says it should, 7 when one did not.
    """
    from customauth.compare import Report

    if as_json and as_markdown:
        raise Misuse("--json and --markdown are both given", "give one of them")
    if merged:
        if endpoint is not None or backends:
            raise Misuse("--merge runs nothing, so it takes no ENDPOINT and no --backend", "leave them out")
        reports = _stored(merged)
    else:
        import asyncio

        cells, plan = asyncio.run(_run(endpoint, backends, options, quiet=as_json or as_markdown))
        reports = [Report.of(cells, plan.plugins)]
    _print(reports, as_json=as_json, as_markdown=as_markdown)
    wrong = [cell for report in reports for cell in report.cells if cell.as_expected is False]
    if wrong:
        cell = wrong[0]
        say(f"next: see how one of them fails: customauth connect --backend {cell.backend} -V {cell.version} …")
    return ExitCode.REFUSED if wrong else ExitCode.OK


def _stored(files: tuple[Path, ...]) -> list[Report]:
    from customauth.compare import Report

    reports = []
    for file in files:
        try:
            reports.append(Report.from_json(file.read_text(encoding="utf-8")))
        except (ValueError, OSError) as error:
            raise Misuse(f"--merge {file}: {error}", "give files that customauth compare --json has printed") from error
    return sorted(reports, key=lambda report: report.environment)


async def _run(
    endpoint: str | None, backends: tuple[str, ...], options: dict[str, Any], *, quiet: bool
) -> tuple[list[Cell], Plan]:
    from customauth.cli.progress import watched
    from customauth.compare import run

    async with _plan(endpoint, backends, options) as plan:
        return [cell async for cell in watched(run(plan), plan.attempts, quiet=quiet)], plan


@contextlib.asynccontextmanager
async def _plan(endpoint: str | None, backends: tuple[str, ...], options: dict[str, Any]) -> AsyncIterator[Plan]:
    from customauth import BackendNotInstalled, PluginManager
    from customauth.compare import Plan

    plugins = PluginManager()
    usable = tuple(info.name for info in plugins.describe() if info.problem is None)
    for name in backends:
        plugins.backend(name)
    chosen = tuple(dict.fromkeys(backends)) or usable
    if not chosen:
        raise BackendNotInstalled('no MQTT library is installed; run: pip install "customauth[all]"')
    common: dict[str, Any] = {
        "backends": chosen,
        "rounds": options.pop("rounds"),
        "timeout": options.pop("timeout"),
        "plugins": plugins,
    }
    _refuse_needless(endpoint, options)
    if endpoint is None:
        from customauth.gateway import running

        async with running() as sample:
            assert sample.signed is not None  # noqa: S101 - without a configuration it is the sample
            yield Plan(endpoint=sample.endpoint, credentials=sample.signed, **common)
    else:
        credentials = take_credentials(options)
        yield Plan(endpoint=take_endpoint(options, endpoint), credentials=credentials, **common)


def _refuse_needless(endpoint: str | None, options: dict[str, Any]) -> None:
    """Refuse what would be ignored: the local gateway comes with its own credentials and CA."""
    needless = [name for name, value in options.items() if value]
    if endpoint is None and needless:
        raise Misuse(
            f"--{needless[0].replace('_', '-')} is for an ENDPOINT, and none is given",
            "give the ENDPOINT (HOST[:PORT]), or leave the option out to use the local gateway",
        )


def _print(reports: list[Report], *, as_json: bool, as_markdown: bool) -> None:
    from customauth.compare.report import markdown, rows

    if as_json:
        documents = [report.to_json() for report in reports]
        click.echo(json.dumps(documents[0] if len(documents) == 1 else documents, indent=2))
    elif as_markdown:
        click.echo(markdown(reports))
    else:
        from customauth.cli.table import print_table

        table = rows(reports)
        if len(reports) == 1:
            # What would be the same in every row.
            libraries = "".join(f"; {backend} is {library}" for backend, library in reports[0].libraries.items())
            click.echo(f"{reports[0].environment}, {reports[0].machine}{libraries}")
            table = [
                {name: cell for name, cell in row.items() if name not in ("environment", "library")} for row in table
            ]
        print_table(table)
