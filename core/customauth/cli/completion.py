"""``customauth completion``: the script that lets a shell complete commands, options, files and names."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

# The name under which the shell knows the command; click makes the variable's name of it.
_PROGRAM = "customauth"
_VARIABLE = "_CUSTOMAUTH_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the script that completes the command in your SHELL.

    \b
    bash, in ~/.bashrc:    eval "$(customauth completion bash)"
    zsh, in ~/.zshrc:      eval "$(customauth completion zsh)"
    fish:                  customauth completion fish > ~/.config/fish/completions/customauth.fish

    zsh completes when compinit has run before.
    """
    maker = get_completion_class(shell)
    assert maker is not None  # noqa: S101 - click brings all three
    click.echo(maker(context.find_root().command, {}, _PROGRAM, _VARIABLE).source())
