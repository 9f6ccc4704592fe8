"""The options that several commands share, but for the credentials."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from customauth.cli import secrets
from customauth.endpoint import Endpoint
from customauth.mqtt.protocol import MqttVersion

F = TypeVar("F", bound=Callable[..., Any])

VERSIONS = {version.label: version for version in (MqttVersion.V5, MqttVersion.V311)}


def json_option(command: F) -> F:
    """Add ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


def debug_option(command: F) -> F:
    """Add ``--debug``; :func:`show_debug` acts on it."""
    return click.option("-d", "--debug", is_flag=True, help="Say on standard error what happens; no secrets.")(command)


def timeout_option(command: F) -> F:
    """Add ``--timeout``."""
    return click.option(
        "--timeout", type=float, default=10.0, show_default=True, metavar="SECONDS", help="For the whole attempt."
    )(command)


def port_option(command: F) -> F:
    """Add ``--port``."""
    return click.option(
        "--port", type=click.IntRange(1, 65535), metavar="N", help="The port, unless ENDPOINT has one.  [default: 443]"
    )(command)


def ca_option(command: F) -> F:
    """Add ``--cafile``."""
    return click.option("--cafile", type=click.Path(), metavar="FILE", help="Trust these CA certificates (PEM) only.")(
        command
    )


def connection_options(command: F) -> F:
    """Add the options that say where and how to connect; :func:`take_connection` reads them."""
    for add in reversed(
        [
            click.option(
                "-V",
                "--protocol",
                type=click.Choice(list(VERSIONS)),
                default="5",
                show_default=True,
                help="MQTT version.",
            ),
            port_option,
            ca_option,
            click.option("--address", metavar="HOST[:PORT]", help="Dial this, but keep ENDPOINT as the server's name."),
            click.option("-i", "--client-id", metavar="TEXT", help="The client id.  [default: a UUID]"),
            click.option(
                "-k",
                "--keep-alive",
                type=int,
                default=60,
                show_default=True,
                metavar="SECONDS",
                help="AWS takes 30 to 1200.",
            ),
            timeout_option,
            click.option("--sdk-metrics", is_flag=True, help="Let an AWS library append its metrics to the user name."),
        ]
    ):
        command = add(command)
    return command


def take_endpoint(options: dict[str, Any], endpoint: str) -> Endpoint:
    """Take the options that :class:`Endpoint` needs out of ``options``.

    :raises Misuse: a CA file that cannot be read.
    :raises EndpointError: an endpoint or port that cannot work.
    """
    cafile = options.pop("cafile")
    return Endpoint.parse(
        endpoint,
        port=options.pop("port"),
        address=options.pop("address", None),
        ca_pem=None if cafile is None else secrets.read_file(cafile, "--cafile"),
    )


def take_connection(options: dict[str, Any], endpoint: str) -> dict[str, Any]:
    """Take the connection options out of ``options`` as arguments for :func:`customauth.connect`.

    :raises Misuse: a CA file that cannot be read.
    :raises EndpointError: an endpoint or port that cannot work.
    """
    return {
        "endpoint": take_endpoint(options, endpoint),
        "version": VERSIONS[options.pop("protocol")],
        "client_id": options.pop("client_id"),
        "keep_alive": options.pop("keep_alive"),
        "timeout": options.pop("timeout"),
        "sdk_metrics": options.pop("sdk_metrics"),
    }


def show_debug() -> None:
    """Send customauth's own log to standard error; the libraries' logs stay where they are."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s: %(message)s"))
    log = logging.getLogger("customauth")
    log.setLevel(logging.DEBUG)
    log.addHandler(handler)
