"""``customauth compare``: the comparison at the command line."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from customauth.cli import secrets
from customauth.cli.exits import ExitCode
from customauth.cli.options import credential_options, json_option, take_credentials, timeout_option

if TYPE_CHECKING:
    from customauth.compare import Cell, Plan, Report


@click.command()
@click.option("--backend", "backends", multiple=True, metavar="NAME", help="Compare these only; may be repeated.")
@click.option("--rounds", type=click.IntRange(1, 1000), default=3, show_default=True, help="Attempts for each cell.")
@credential_options
@click.option("--port", type=int, metavar="N", help="The port, unless ENDPOINT has one.  [default: 443]")
@click.option("--cafile", type=click.Path(dir_okay=False), metavar="FILE", help="Trust these CA certificates only.")
@timeout_option
@json_option
@click.option("--markdown", "as_markdown", is_flag=True, help="Print a Markdown table.")
@click.option(
    "--merge",
    "merged",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
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
    from customauth.compare import Report, merge

    if merged:
        try:
            reports = merge(file.read_text(encoding="utf-8") for file in merged)
        except (ValueError, KeyError) as error:
            raise click.UsageError(f"--merge: {error}") from error
    else:
        import asyncio

        cells, plan = asyncio.run(_run(endpoint, backends, options, quiet=as_json or as_markdown))
        reports = [Report.of(cells, plan.plugins)]
    _print(reports, as_json=as_json, as_markdown=as_markdown)
    wrong = any(cell.as_expected is False for report in reports for cell in report.cells)
    return ExitCode.REFUSED if wrong else ExitCode.OK


async def _run(
    endpoint: str | None, backends: tuple[str, ...], options: dict[str, Any], *, quiet: bool
) -> tuple[list[Cell], Plan]:
    from customauth.cli.progress import watched
    from customauth.compare import run

    async with _plan(endpoint, backends, options) as plan:
        return [cell async for cell in watched(run(plan), plan.attempts, quiet=quiet)], plan


@contextlib.asynccontextmanager
async def _plan(endpoint: str | None, backends: tuple[str, ...], options: dict[str, Any]) -> AsyncIterator[Plan]:
    from customauth import BackendNotInstalled, Endpoint, PluginManager
    from customauth.cli.sample_gateway import sample_gateway
    from customauth.compare import Plan

    plugins = PluginManager()
    usable = tuple(info.name for info in plugins.describe() if info.problem is None)
    for name in backends:
        plugins.backend(name)
    chosen = backends or usable
    if not chosen:
        raise BackendNotInstalled('no MQTT library is installed; run: pip install "customauth[all]"')
    port, cafile = options.pop("port"), options.pop("cafile")
    common: dict[str, Any] = {
        "backends": chosen,
        "rounds": options.pop("rounds"),
        "timeout": options.pop("timeout"),
        "plugins": plugins,
    }
    credentials = take_credentials(options)
    if endpoint is None:
        async with sample_gateway() as sample:
            yield Plan(endpoint=sample.endpoint, credentials=sample.signed, **common)
    else:
        ca_pem = None if cafile is None else secrets.read_file(cafile)
        yield Plan(endpoint=Endpoint.parse(endpoint, port=port, ca_pem=ca_pem), credentials=credentials, **common)


def _print(reports: list[Report], *, as_json: bool, as_markdown: bool) -> None:
    from customauth.compare.report import markdown, rows

    if as_json:
        documents = [report.to_json() for report in reports]
        click.echo(json.dumps(documents[0] if len(documents) == 1 else documents, indent=2))
    elif as_markdown:
        click.echo(markdown(reports))
    else:
        from customauth.cli.table import print_table

        print_table(rows(reports))
