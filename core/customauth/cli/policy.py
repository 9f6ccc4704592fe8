"""``customauth policy``: what policies allow, and what is wrong with them."""

from __future__ import annotations

import click

from customauth.cli.exits import ExitCode
from customauth.cli.subcommands import LazyGroup

_COMMANDS = {
    "explain": ("explain_policy", "Say whether policies allow an action, and why."),
    "lint": ("lint_policy", "Find what is likely wrong with policies."),
}


@click.command(cls=LazyGroup, modules=_COMMANDS, invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> ExitCode | None:
    """Ask policy documents what they allow, and check them; no account, no gateway."""
    if context.invoked_subcommand is not None:
        return None
    click.echo(context.get_help(), err=True)
    return ExitCode.USAGE
