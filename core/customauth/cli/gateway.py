"""``customauth gateway``: run the local gateway until it is interrupted."""

from __future__ import annotations

import contextlib
import errno
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from attrs import frozen

from customauth.cli.misuse import Misuse
from customauth.cli.options import debug_option, show_debug

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

    from customauth.cli.gateway_log import RecordFiles, Tally
    from customauth.gateway import Gateway, GatewayConfig, Record, Sample

DEFAULT_FOLDER = Path("customauth-gateway")
DEFAULT_PORT = 8443

_PORT = click.IntRange(0, 65535)
_FILE = click.Path(path_type=Path, dir_okay=False)


def _finite(context: click.Context, parameter: click.Parameter, value: float) -> float:
    if not math.isfinite(value):
        raise click.BadParameter(f"{value} is not a finite number.")
    return value


@frozen(kw_only=True)
class _Wanted:
    """Where it listens, and where the records go beside the lines on standard output.

    :ivar ports: to listen on, by the port of AWS that each stands for.
    """

    host: str
    ports: dict[int, int]
    show_function_output: bool
    log_json: Path | None
    log_aws: Path | None
    ready_file: Path | None


@click.command()
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The authorizers and names to serve (TOML); changes are taken while running.  "
    "[default: a sample in ./customauth-gateway]",
)
@click.option("--host", default="localhost", show_default=True, metavar="ADDRESS", help="The address to listen on.")
@click.option(
    "--port", type=_PORT, default=DEFAULT_PORT, show_default=True, metavar="N", help="AWS's port 443. 0: a free one."
)
@click.option("--port-8883", type=_PORT, metavar="N", help="A listener that stands for AWS's port 8883, too.")
@click.option("--port-8443", type=_PORT, metavar="N", help="A listener that stands for AWS's port 8443, too.")
@click.option(
    "--ca-dir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where its CA is, or is made.  [default: the folder ca beside the configuration]",
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Keep retained messages and persistent sessions there.  [default: they end with the gateway]",
)
@click.option(
    "--time-scale",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    show_default=True,
    callback=_finite,
    metavar="X",
    help="Let refreshAfterInSeconds, disconnectAfterInSeconds and cached answers pass X times as fast.",
)
@click.option("--log-json", type=_FILE, metavar="FILE", help="Append every record as a line of JSON.")
@click.option("--log-aws", type=_FILE, metavar="FILE", help="Append AWS IoT's own log events as lines of JSON.")
@click.option("--ready-file", type=_FILE, metavar="FILE", help="Write port and CA as JSON while it listens.")
@click.option(
    "--show-function-output",
    is_flag=True,
    help="Show what the functions print, and their tracebacks. It may show credentials.",
)
@click.option("--uvloop", "on_uvloop", is_flag=True, help="Run on uvloop, which is faster and has to be installed.")
@debug_option
def command(
    config_file: Path | None,
    host: str,
    port: int,
    port_8883: int | None,
    port_8443: int | None,
    ca_dir: Path | None,
    data_dir: Path | None,
    time_scale: float,
    on_uvloop: bool,
    debug: bool,
    **outputs: Any,
) -> None:
    """Run AWS IoT Core's custom authentication on this machine, until Ctrl-C.

    Without --config it makes a sample: a CA, a key pair, a signed and an unsigned authorizer. It prints the commands
    that connect to it, then a line for every decision, with the reason.
    """
    import asyncio

    from customauth.cli.gateway_log import Tally, function_output_shown
    from customauth.gateway import ConfigError, Gateway, load_config, write_sample
    from customauth.gateway.runtimes.choose import bundled_runtime
    from customauth.plugins import default_manager

    if debug:
        show_debug()
    further = {role: number for role, number in ((8883, port_8883), (8443, port_8443)) if number is not None}
    wanted = _Wanted(host=host, ports={443: port, **further}, **outputs)
    sample = None
    tally = Tally()
    if wanted.ready_file is not None:
        # One that was left behind by a gateway that was killed would tell what is not so.
        with contextlib.suppress(OSError):
            wanted.ready_file.unlink()
    with _record_files(wanted) as files:

        def record(item: Record) -> None:
            tally.count(item)
            files.write(item)

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
                further_ports=further,
                time_scale=time_scale,
                follow=config_file,
                data_folder=data_dir,
                runtimes=default_manager().runtime_factory(bundled_runtime),
                on_record=record,
                on_function_output=function_output_shown if wanted.show_function_output else None,
            )
        except ConfigError as error:
            raise Misuse(
                str(error), "mend the configuration; without --config the gateway makes a sample to start from"
            ) from error
        except ValueError as error:
            mend = "mend that file, or choose another folder: --ca-dir DIR, --data-dir DIR or --config FILE"
            raise Misuse(str(error), mend) from error
        except OSError as error:
            if config_file is None:
                mend = "run it in a folder that can be written, or give --config"
            else:
                mend = "choose a --ca-dir that can be read and written"
            raise Misuse(f"{error.filename}: {error.strerror}", mend) from error
        with asyncio.Runner(loop_factory=_uvloop() if on_uvloop else None) as runner:
            runner.run(_serve(gateway, config, sample, wanted, tally))


def _uvloop() -> Callable[[], AbstractEventLoop]:
    import importlib

    try:
        # By name: whoever checks types need not have it.
        factory: Callable[[], AbstractEventLoop] = importlib.import_module("uvloop").new_event_loop
    except ImportError as error:
        raise Misuse(
            "uvloop is not installed", 'install it, pip install "customauth[uvloop]", or leave out --uvloop'
        ) from error
    return factory


async def _serve(gateway: Gateway, config: GatewayConfig, sample: Sample | None, wanted: _Wanted, tally: Tally) -> None:
    import asyncio
    import signal

    from customauth.cli.gateway_log import decisions_shown, ready
    from customauth.cli.invitation import invitation

    _allow_many_connections()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as running:
        try:
            await running.enter_async_context(gateway)
        except OSError as error:
            raise _cannot_listen(wanted, gateway, error) from error
        click.echo(f"Gateway on {gateway.endpoint}, its CA in {gateway.ca_file}; Ctrl-C ends it.")
        for role, port in gateway.ports.items():
            if port != gateway.port:
                click.echo(f"For AWS's port {role} it listens on {port}.")
        for line in invitation(gateway, config, sample, wanted.host):
            click.echo(line)
        click.echo("Decisions:")
        decisions_shown(stop.set)
        if wanted.ready_file is not None:
            try:
                running.enter_context(ready(wanted.ready_file, gateway))
            except OSError as error:
                raise Misuse(f"{wanted.ready_file}: {error.strerror}", "choose another --ready-file") from error
        await stop.wait()
    click.echo(f"{tally.accepted} accepted, {tally.refused} refused.")
    click.echo("Gateway stopped.")


def _allow_many_connections() -> None:
    """Use as many file descriptors as this user may have: each connection takes one."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _record_files(wanted: _Wanted) -> RecordFiles:
    from customauth.cli.gateway_log import RecordFiles

    try:
        return RecordFiles(wanted.log_json, wanted.log_aws)
    except OSError as error:
        raise Misuse(f"{error.filename}: {error.strerror}", "choose another file for the log") from error


def _cannot_listen(wanted: _Wanted, gateway: Gateway, error: OSError) -> Misuse:
    # They are opened in this order: what failed is the first that is not open.
    role, port = next((role, port) for role, port in wanted.ports.items() if role not in gateway.ports)
    option = "--port" if role == 443 else f"--port-{role}"
    if error.errno == errno.EADDRINUSE:
        return Misuse(f"port {port} is taken", f"choose another with {option} N, or 0 for a free one")
    if error.errno == errno.EACCES:
        return Misuse(
            f"port {port} is not for this user", f"choose one above 1023 with {option} N, or 0 for a free one"
        )
    return Misuse(
        f"cannot listen on {wanted.host} port {port}: {error.strerror or error}",
        "choose an address of this machine with --host, or leave it out",
    )
