"""The command's entry: commands are listed without being imported, and every error ends in a line that helps."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from typing import Any, NoReturn

import click

from customauth._version import __version__
from customauth.cli.exits import ExitCode, exit_code
from customauth.errors import CustomAuthError

# name: (module, what --help says of it). Kept here so that --help imports no command.
_COMMANDS = {
    "connect": ("connect", "Connect once and say how it ended."),
    "demo": ("demo", "See every installed library make a signed connection to a local gateway."),
    "gateway": ("gateway", "Run the local gateway, AWS IoT Core's custom authentication on this machine."),
    "compare": ("compare", "Run the same scenarios through every backend, side by side."),
    "backends": ("backends", "List the backends, what they can do, and how to install them."),
    "username": ("username", "Show what the credentials look like on the wire."),
    "keygen": ("keygen", "Make a key pair for an authorizer."),
    "sign": ("sign", "Sign a token."),
    "verify": ("verify", "Check a token's signature with the public key."),
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


@click.command(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="customauth")
def cli() -> None:
    """Connect to AWS IoT Core through a custom authorizer, with the MQTT library of your choice.

    Exit codes: 0 connected, 2 usage or unusable credentials, 3 backend missing or feature unsupported, 4 not reached,
    5 TLS, 6 upgrade rejected, 7 refused, 8 deadline, 1 an error of ours, 130 interrupted.
    """


def main() -> NoReturn:
    """Run the command and exit with a code that means something (:class:`ExitCode`)."""
    try:
        result: Any = cli.main(prog_name="customauth", standalone_mode=False)
    except click.Abort:
        _say("interrupted")
        sys.exit(ExitCode.INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(ExitCode.USAGE)
    except CustomAuthError as error:
        _say(f"error: {error}")
        if error.hint:
            _say(f"next: {error.hint}")
        sys.exit(exit_code(error))
    except BrokenPipeError:
        # Whoever read our output has enough; Python must not complain at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.OK)
    except Exception as error:
        traceback.print_exc()
        _say(f"error: {type(error).__name__}: {error}")
        _say("next: this is a fault in customauth; please report it with the lines above")
        sys.exit(ExitCode.INTERNAL)
    sys.exit(result if isinstance(result, int) else ExitCode.OK)


def _say(line: str) -> None:
    click.echo(line, err=True)
