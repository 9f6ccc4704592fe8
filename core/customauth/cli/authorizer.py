"""``customauth authorizer``: look at a configuration's authorizers, and test one."""

from __future__ import annotations

import importlib

import click

from customauth.cli.exits import ExitCode

# name: (module, what --help says of it). Kept here so that --help imports neither.
_COMMANDS = {
    "test": ("invoke_authorizer", "Run an authorizer's function as TestInvokeAuthorizer does."),
    "list": ("list_authorizers", "List the authorizers of a configuration."),
}


class _LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"customauth.cli.{_COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.command(cls=_LazyGroup, invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> ExitCode | None:
    """Look at the authorizers of a gateway configuration, and test one."""
    if context.invoked_subcommand is not None:
        return None
    click.echo(context.get_help(), err=True)
    return ExitCode.USAGE
