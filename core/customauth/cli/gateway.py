"""``customauth gateway``: run the local gateway until it is interrupted."""

from __future__ import annotations

import contextlib
import errno
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from customauth.cli.misuse import Misuse
from customauth.cli.options import debug_option, show_debug

if TYPE_CHECKING:
    from customauth.gateway import Gateway, GatewayConfig, Sample

DEFAULT_FOLDER = Path("customauth-gateway")
DEFAULT_PORT = 8443


@click.command()
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The authorizers and names to serve (TOML).  [default: a sample in ./customauth-gateway]",
)
@click.option("--host", default="localhost", show_default=True, metavar="ADDRESS", help="The address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, metavar="N", help="0: a free one."
)
@click.option(
    "--ca-dir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where its CA is, or is made.  [default: the folder ca beside the configuration]",
)
@click.option(
    "--show-function-output",
    is_flag=True,
    help="Show what the functions print, and their tracebacks. It may show credentials.",
)
@debug_option
def command(
    config_file: Path | None, host: str, port: int, ca_dir: Path | None, show_function_output: bool, debug: bool
) -> None:
    """Run AWS IoT Core's custom authentication on this machine, until Ctrl-C.

    Without --config it makes a sample: a CA, a key pair, a signed and an unsigned authorizer. It prints the commands
    that connect to it, then a line for every decision, with the reason.
    """
    import asyncio

    from customauth.gateway import ConfigError, Gateway, load_config, write_sample

    if debug:
        show_debug()
    sample = None
    try:
        if config_file is None:
            sample = write_sample(DEFAULT_FOLDER)
            config_file = sample.config_file
        config = load_config(config_file)
        gateway = Gateway(
            config,
            folder=ca_dir or config_file.parent / "ca",
            host=host,
            port=port,
            on_function_output=_show_output if show_function_output else None,
        )
    except ConfigError as error:
        raise Misuse(
            str(error), "mend the configuration; without --config the gateway makes a sample to start from"
        ) from error
    except ValueError as error:
        raise Misuse(str(error), "mend that file, or choose another folder: --ca-dir DIR, or --config FILE") from error
    except OSError as error:
        if config_file is None:
            mend = "run it in a folder that can be written, or give --config"
        else:
            mend = "choose a --ca-dir that can be read and written"
        raise Misuse(f"{error.filename}: {error.strerror}", mend) from error
    asyncio.run(_serve(gateway, config, sample, host))


async def _serve(gateway: Gateway, config: GatewayConfig, sample: Sample | None, host: str) -> None:
    import asyncio
    import signal

    from customauth.cli.invitation import invitation

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as running:
        try:
            await running.enter_async_context(gateway)
        except OSError as error:
            raise _cannot_listen(host, gateway.port, error) from error
        click.echo(f"Gateway on {gateway.endpoint}, its CA in {gateway.ca_file}; Ctrl-C ends it.")
        for line in invitation(gateway, config, sample, host):
            click.echo(line)
        click.echo("Decisions:")
        _log_decisions(stop.set)
        await stop.wait()
    click.echo("Gateway stopped.")


def _cannot_listen(host: str, port: int, error: OSError) -> Misuse:
    if error.errno == errno.EADDRINUSE:
        return Misuse(f"port {port} is taken", "choose another with --port N, or 0 for a free one")
    if error.errno == errno.EACCES:
        return Misuse(f"port {port} is not for this user", "choose one above 1023 with --port N, or 0 for a free one")
    return Misuse(
        f"cannot listen on {host} port {port}: {error.strerror or error}",
        "choose an address of this machine with --host, or leave it out",
    )


class _DecisionHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """The decisions on standard output; when nobody reads them any more, the gateway ends."""

    def __init__(self, unread: Callable[[], None]) -> None:
        super().__init__(sys.stdout)
        self._unread = unread

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        if isinstance(sys.exception(), BrokenPipeError):
            self._unread()
        else:
            super().handleError(record)


def _show_output(authorizer: str, output: str) -> None:
    from customauth.gateway.printing import printable

    # Among the decisions, where it belongs to the next one.
    for line in output.removesuffix("\n").split("\n"):
        logging.getLogger("customauth.gateway").info("%s | %s", authorizer, printable(line))


def _log_decisions(unread: Callable[[], None]) -> None:
    handler = _DecisionHandler(unread)
    handler.setLevel(logging.INFO)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    log = logging.getLogger("customauth.gateway")
    log.addHandler(handler)
    for other in logging.getLogger("customauth").handlers:
        # What --debug shows on standard error besides.
        other.addFilter(lambda record: record.name != log.name or record.levelno < logging.INFO)
    if log.getEffectiveLevel() > logging.INFO:
        log.setLevel(logging.INFO)
