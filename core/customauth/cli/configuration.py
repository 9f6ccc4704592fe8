"""The gateway configuration that a command looks at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from customauth.cli.gateway import DEFAULT_FOLDER
from customauth.cli.misuse import Misuse

if TYPE_CHECKING:
    from customauth.gateway import GatewayConfig

F = TypeVar("F", bound=Callable[..., Any])

_DEFAULT_FILE = DEFAULT_FOLDER / "gateway.toml"


def config_option(command: F) -> F:
    """Add ``--config``; :func:`read_config` reads the file."""
    return click.option(
        "--config",
        "config_file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help=f"The gateway's configuration (TOML).  [default: ./{_DEFAULT_FILE}]",
    )(command)


def read_config(config_file: Path | None) -> GatewayConfig:
    """Read the configuration, by default that of the gateway's sample.

    :raises Misuse: there is none, or it cannot be used.
    """
    from customauth.gateway import ConfigError, load_config

    if config_file is None and not _DEFAULT_FILE.exists():
        raise Misuse(
            f"which configuration? there is no ./{_DEFAULT_FILE}",
            "add --config FILE, or run customauth gateway here once, which makes a sample",
        )
    try:
        return load_config(config_file or _DEFAULT_FILE)
    except ConfigError as error:
        raise Misuse(str(error), "mend the configuration, or give another with --config FILE") from error
