"""``customauth gateway``: run the local gateway until it is interrupted."""

from __future__ import annotations

import errno
import logging
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from customauth.cli.options import debug_option, show_debug

if TYPE_CHECKING:
    from customauth.gateway import Gateway, GatewayConfig, Sample

DEFAULT_FOLDER = Path("customauth-gateway")
DEFAULT_PORT = 8443


@click.command()
@click.option(
    "--config",
    "config_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The authorizers and names to serve (TOML).  [default: a sample in ./customauth-gateway]",
)
@click.option("--host", default="localhost", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="0: a free one.")
@click.option(
    "--ca-dir",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where its CA is, or is made.  [default: the folder ca beside the configuration]",
)
@debug_option
def command(config_file: Path | None, host: str, port: int, ca_dir: Path | None, debug: bool) -> None:
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
        gateway = Gateway(config, folder=ca_dir or config_file.parent / "ca", host=host, port=port)
    except (ConfigError, ValueError) as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        raise click.UsageError(f"{error.filename}: {error.strerror}; choose a folder that can be written") from error
    _log_decisions()
    try:
        asyncio.run(_serve(gateway, config, sample))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise click.UsageError(
                f"port {port} is taken; choose another with --port N, or 0 for a free one"
            ) from error
        raise click.UsageError(f"cannot listen on {host} port {port}: {error.strerror or error}") from error


async def _serve(gateway: Gateway, config: GatewayConfig, sample: Sample | None) -> None:
    import asyncio
    import signal

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with gateway:
        click.echo(f"Gateway on {gateway.endpoint}, its CA in {gateway.ca_file}; Ctrl-C ends it.")
        for line in _how_to_connect(gateway, config, sample):
            click.echo(line)
        click.echo("Decisions:")
        await stop.wait()
    click.echo("Gateway stopped.")


def _how_to_connect(gateway: Gateway, config: GatewayConfig, sample: Sample | None) -> list[str]:
    end = ["--cafile", str(gateway.ca_file), gateway.endpoint]
    if sample is None:
        lines = ["Connect to it with:"]
        for authorizer in config.authorizers.values():
            token = [] if authorizer.signing_disabled else ["--token-key-name", str(authorizer.token_key_name)]
            signed = "" if authorizer.signing_disabled else " --token-file TOKEN --sign-with PRIVATE.pem"
            words = _command(["connect", "--authorizer", authorizer.name, *token])
            lines.append(f"  {words}{signed} {shlex.join(end)}")
        return lines
    from customauth.gateway import sample as made
    from customauth.plugins import default_manager

    signed_words = ["--authorizer", made.SIGNED_AUTHORIZER, "--token-key-name", made.TOKEN_KEY_NAME]
    signed_words += ["--token", made.SAMPLE_TOKEN, "--sign-with", str(sample.private_key_file)]
    unsigned_words = ["--authorizer", made.UNSIGNED_AUTHORIZER, "--username", made.SAMPLE_USERNAME]
    unsigned_words += ["--password", made.SAMPLE_PASSWORD]
    names = [info.name for info in default_manager().describe() if info.problem is None]
    lines = [f"The sample is in {sample.config_file.parent}: change it and start again.", "Signed, with each backend:"]
    lines += ["  " + _command(["connect", "--backend", name, *signed_words, *end]) for name in names]
    lines += ["Unsigned:", "  " + _command(["connect", *unsigned_words, *end])]
    if not names:
        lines.append('No MQTT library is installed here; run: pip install "customauth[paho]"')
    return lines


def _command(words: list[str]) -> str:
    """Write a command line that works from this shell: by name where it is on the path, else as this one was called."""
    called = sys.argv[0]
    on_path = shutil.which("customauth")
    program = "customauth" if on_path and Path(on_path).samefile(called) else called
    return shlex.join([program, *words])


def _log_decisions() -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    log = logging.getLogger("customauth.gateway")
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(handler)
