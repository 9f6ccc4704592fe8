"""``customauth demo``: the whole idea in some seconds, on this machine, without an account."""

from __future__ import annotations

import shlex
import statistics
import time
from typing import TYPE_CHECKING

import click

from customauth.cli.exits import ExitCode
from customauth.cli.program import program

if TYPE_CHECKING:
    from customauth.compare import Cell


@click.command()
def command() -> int:
    """Start a local gateway, sign a token, connect with every installed library, then with a wrong signature."""
    import asyncio

    return asyncio.run(_demo())


async def _demo() -> int:
    from customauth import BackendNotInstalled, PluginManager, Transport
    from customauth.cli.demo_scenarios import Good, WrongSignature
    from customauth.cli.progress import watched
    from customauth.cli.table import print_table
    from customauth.compare import Plan, run
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
        plan = Plan(
            endpoint=sample.endpoint,
            credentials=sample.signed,
            backends=usable,
            transports=(Transport.MQTT,),
            scenarios=(Good(), WrongSignature()),
            rounds=3,
            raw=False,
            plugins=plugins,
        )
        cells = (await watched(run(plan))).cells
    for info in described:
        if info.problem is None:
            click.echo(f"   {info.name} is {info.library} {info.library_version}")
    print_table([_row(cell) for cell in cells])
    click.echo("   A refused MQTT 5 client is told so; a refused 3.1.1 client is cut off without a word, as on AWS.")
    for info in described:
        if info.problem is not None:
            click.echo(f"   Not shown: {info.problem}")
    wrong = [cell for cell in cells if not (cell.behaviour and cell.behaviour.as_expected)]
    click.echo(f"Done in {time.monotonic() - started:.1f} s: {len(cells) - len(wrong)} of {len(cells)} as expected.")
    called = shlex.join(program())
    click.echo("Next: run a gateway, and in another terminal a connect command that it prints:")
    click.echo(f"  {called} gateway")
    click.echo("or the same against your own AWS endpoint:")
    click.echo(f"  {called} connect --help")
    return ExitCode.REFUSED if wrong else ExitCode.OK


def _row(cell: Cell) -> dict[str, str]:
    row = {"scenario": cell.scenario, "MQTT": cell.version, "backend": cell.backend}
    told = cell.behaviour
    if told is None:
        return {**row, "ended": cell.state.value, "expected": "-", "ms": "", "reason": cell.why or ""}
    return {
        **row,
        "ended": told.error or "connected",
        "expected": "yes" if told.as_expected else "NO",
        "ms": f"{statistics.median(told.milliseconds):.1f}",
        "reason": "",
    }
