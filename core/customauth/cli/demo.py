"""``customauth demo``: the whole idea in some seconds, on this machine, without an account."""

from __future__ import annotations

import shlex
import time

import click

from customauth.cli.exits import ExitCode
from customauth.cli.program import program


@click.command()
def command() -> int:
    """Start a local gateway, sign a token, connect with every installed library, then with a wrong signature."""
    import asyncio

    return asyncio.run(_demo())


async def _demo() -> int:
    from customauth import BackendNotInstalled, PluginManager
    from customauth.cli.progress import watched
    from customauth.cli.table import print_table
    from customauth.compare import Plan, Report, run
    from customauth.compare.report import rows
    from customauth.gateway import running

    started = time.monotonic()
    plugins = PluginManager()
    described = plugins.describe()
    usable = tuple(info.name for info in described if info.problem is None)
    if not usable:
        raise BackendNotInstalled('no MQTT library is installed; run: pip install "customauth[all]"')
    click.echo("1. Starting a gateway on this machine: it behaves as AWS IoT Core's custom authentication does.")
    async with running() as sample:
        assert sample.signed is not None  # noqa: S101 - without a configuration it is the sample
        token = sample.signed.token
        assert token is not None  # noqa: S101 - the sample is signed
        click.echo(f"   It listens on {sample.endpoint}, with a CA and an authorizer {sample.signed.authorizer!r}.")
        click.echo(f"2. Made an RSA key pair and signed the token that goes under {token.key_name!r}.")
        click.echo("   The MQTT user name is")
        click.echo(f"   {sample.signed.masked_username()}")
        click.echo(f"3. Connecting with {', '.join(usable)}, on MQTT 5 and 3.1.1; then with a wrong signature.")
        plan = Plan(endpoint=sample.endpoint, credentials=sample.signed, backends=usable, plugins=plugins)
        cells = [cell async for cell in watched(run(plan), plan.attempts, quiet=False)]
    for info in described:
        if info.problem is None:
            click.echo(f"   {info.name} is {info.library} {info.library_version}")
    print_table([_short(row) for row in rows([Report.of(cells, plugins)])])
    click.echo("   A refused MQTT 5 client is told so; a refused 3.1.1 client is cut off without a word, as on AWS.")
    for info in described:
        if info.problem is not None:
            click.echo(f"   Not shown: {info.problem}")
    wrong = [cell for cell in cells if not cell.as_expected]
    click.echo(f"Done in {time.monotonic() - started:.1f} s: {len(cells) - len(wrong)} of {len(cells)} as expected.")
    called = shlex.join(program())
    click.echo("Next: run a gateway, and in another terminal a connect command that it prints:")
    click.echo(f"  {called} gateway")
    click.echo("or the same against your own AWS endpoint:")
    click.echo(f"  {called} connect --help")
    return ExitCode.REFUSED if wrong else ExitCode.OK


def _short(row: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in row.items() if key not in ("environment", "library", "reason")}
