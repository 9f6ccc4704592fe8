"""``customauth authorizer``: look at a configuration's authorizers, and test one."""

from __future__ import annotations

import click

from customauth.cli.exits import ExitCode
from customauth.cli.subcommands import LazyGroup

_COMMANDS = {
    "test": ("invoke_authorizer", "Run an authorizer's function as TestInvokeAuthorizer does."),
    "list": ("list_authorizers", "List the authorizers of a configuration."),
}


@click.command(cls=LazyGroup, modules=_COMMANDS, invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> ExitCode | None:
    """Look at the authorizers of a gateway configuration, and test one."""
    if context.invoked_subcommand is not None:
        return None
    click.echo(context.get_help(), err=True)
    return ExitCode.USAGE
