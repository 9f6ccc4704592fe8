"""The command's entry: commands are listed without being imported, and every error ends in a line that helps."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import traceback
from collections.abc import Iterator
from typing import Any, NoReturn

import click

from customauth._version import __version__
from customauth.cli.exits import ExitCode, exit_code
from customauth.cli.misuse import Misuse
from customauth.cli.say import say
from customauth.cli.subcommands import LazyGroup
from customauth.errors import CustomAuthError

# name: (module, what --help says of it). Kept here so that --help imports no command.
_COMMANDS = {
    "connect": ("connect", "Connect once and say how it ended."),
    "pub": ("pub", "Connect and publish messages, as mosquitto_pub does."),
    "sub": ("sub", "Connect, subscribe and print the messages, as mosquitto_sub does."),
    "doctor": ("doctor", "Find out why a connection fails, and what to change."),
    "demo": ("demo", "See every installed library make a signed connection to a local gateway."),
    "gateway": ("gateway", "Run the local gateway, AWS IoT Core's custom authentication on this machine."),
    "authorizer": ("authorizer", "Test an authorizer's function as TestInvokeAuthorizer does, or list them all."),
    "policy": ("policy", "Say what policies allow and why, or find what is wrong with them."),
    "compare": ("compare", "Run the same scenarios through every backend, side by side."),
    "swarm": ("swarm", "Connect a fleet of signed clients, and see whether it holds."),
    "endpoint": ("endpoint", "Ask AWS for the account's own endpoint."),
    "backends": ("backends", "List the backends, what they can do, and how to install them."),
    "profiles": ("profiles", "List the named profiles that the connection's options may come from."),
    "username": ("username", "Show what the credentials look like on the wire."),
    "keygen": ("keygen", "Make a key pair for an authorizer."),
    "sign": ("sign", "Sign a token."),
    "verify": ("verify", "Check a token's signature with the public key."),
    "completion": ("completion", "Print the script that completes the command in your shell."),
}


# What a shell says of any command whose output nobody reads any more: 128 and SIGPIPE.
BROKEN_PIPE = 141


class _OutputUnread(Exception):
    """Whoever read our output stopped reading."""


class _Commands(LazyGroup):
    """The commands; it notices when nobody reads what they write."""

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        with _noticing_unread_output():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with _noticing_unread_output():
            return super().invoke(ctx)


@contextlib.contextmanager
def _noticing_unread_output() -> Iterator[None]:
    """Turn a broken pipe into what click leaves alone: it would make of it exit code 1, an error of ours."""
    try:
        yield
    except BrokenPipeError as error:
        raise _OutputUnread from error
    except SystemExit as error:
        # What rich makes of it.
        if isinstance(error.__context__, BrokenPipeError):
            raise _OutputUnread from error
        raise


@click.command(
    cls=_Commands,
    modules=_COMMANDS,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with: customauth demo",
)
@click.version_option(__version__, prog_name="customauth")
@click.pass_context
def cli(context: click.Context) -> ExitCode | None:
    """Connect to AWS IoT Core through a custom authorizer, with the MQTT library of your choice.

    Exit codes: 0 done, 2 usage or unusable credentials, 3 backend missing or feature unsupported, 4 not reached,
    5 TLS, 6 upgrade rejected, 7 refused, 8 deadline, 9 publish or subscription refused, 10 connection lost,
    11 no answer, 12 threshold broken (compare), 13 cause found, 14 cause cannot be told (doctor),
    27 time is up (sub -W), 1 an error of ours, 130 interrupted.
    """
    if context.invoked_subcommand is not None:
        return None
    click.echo(context.get_help(), err=True)
    return ExitCode.USAGE


def main() -> NoReturn:
    """Run the command and exit with a code that means something (:class:`ExitCode`)."""
    try:
        code = _run()
    except (_OutputUnread, BrokenPipeError):
        # Python must not complain at exit that the rest of the output cannot be written.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = BROKEN_PIPE
    sys.exit(code)


def _run() -> int:
    try:
        result: Any = cli.main(prog_name="customauth", standalone_mode=False)
    except click.Abort:
        say("interrupted")
        return ExitCode.INTERRUPTED
    except click.UsageError as error:
        _explain(error)
        return ExitCode.USAGE
    except CustomAuthError as error:
        say(f"error: {error}")
        from customauth.cli.failures import say_next

        say_next(error)
        return exit_code(error)
    except (_OutputUnread, BrokenPipeError):
        raise
    except OSError as error:
        if error.errno != errno.ENOSPC:
            return _our_fault(error)
        say(f"error: what was to be written could not be: {error.strerror}")
        say("next: make room on the disk, or write the output elsewhere")
        return ExitCode.INTERNAL
    except Exception as error:
        return _our_fault(error)
    return result if isinstance(result, int) else ExitCode.OK


def _our_fault(error: Exception) -> int:
    traceback.print_exc()
    say(f"error: {type(error).__name__}: {error}")
    say("next: this is a fault in customauth; please report it with the lines above")
    return ExitCode.INTERNAL


def _explain(error: click.UsageError) -> None:
    """Say what is wrong with the command line, and last what to do."""
    command = error.ctx.command_path if error.ctx else "customauth"
    say(f"error: {error.format_message()}")
    say(f"next: {error.next_step if isinstance(error, Misuse) else f'{command} --help tells what it takes'}")
