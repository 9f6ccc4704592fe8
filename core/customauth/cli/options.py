"""The options that several commands share, but for the credentials."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from customauth.cli import secrets
from customauth.cli.misuse import Misuse
from customauth.cli.profile import elsewhere
from customauth.cli.will import take_will, will_options
from customauth.endpoint import Endpoint, Transport
from customauth.mqtt.protocol import MqttVersion
from customauth.request import CredentialsIn

if TYPE_CHECKING:
    from customauth.client_certificate import ClientCertificate

F = TypeVar("F", bound=Callable[..., Any])

VERSIONS = {version.label: version for version in (MqttVersion.V5, MqttVersion.V311)}


def json_option(command: F) -> F:
    """Add ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


def json_lines_option(command: F) -> F:
    """Add ``--json`` for a command that prints a line of JSON for every message."""
    return click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for every message.")(command)


def qos_option(command: F) -> F:
    """Add ``--qos``."""
    return click.option("-q", "--qos", type=int, default=0, metavar="N", help="0 or 1.  [default: 0]")(command)


def answer_timeout_option(command: F) -> F:
    """Add ``--answer-timeout``."""
    return click.option(
        "--answer-timeout",
        type=click.FloatRange(0, min_open=True),
        default=30.0,
        metavar="SECONDS",
        help="For each answer of the server, once connected.  [default: 30]",
    )(command)


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


def backend_option(command: F) -> F:
    """Add ``--backend``."""
    return click.option(
        "--backend",
        metavar="NAME",
        shell_complete=complete_backends,
        help="The MQTT library to use (customauth backends).  [default: the first]",
    )(command)


def complete_backends(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Name the backends that begin so, for the shell."""
    from customauth.plugins import default_manager

    return [name for name in default_manager().names() if name.startswith(incomplete)]


def connect_user_property_option(*names: str) -> Callable[[F], F]:
    """Add the option for the user properties of the CONNECT packet, under these names."""
    return click.option(
        *names,
        "connect_user_properties",
        nargs=2,
        multiple=True,
        metavar="NAME VALUE",
        help="A user property of the CONNECT packet (MQTT 5); may be repeated.",
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
            click.option(
                "--transport",
                type=click.Choice([transport.value for transport in Transport]),
                help="MQTT in TLS, or in a WebSocket.  [default: what ENDPOINT says; mqtt]",
            ),
            click.option(
                "--credentials-in",
                type=click.Choice([place.value for place in CredentialsIn]),
                default=CredentialsIn.USERNAME.value,
                show_default=True,
                help="Where authorizer, token and signature travel.",
            ),
            secrets.PROXY.options,
            click.option("--cert", type=click.Path(), metavar="FILE", help="A client certificate (PEM), with --key."),
            click.option("--key", type=click.Path(), metavar="FILE", help="Its private key (PEM)."),
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
            click.option(
                "-c",
                "--no-clean-start/--clean-start",
                "kept_session",
                is_flag=True,
                help="Go on with the session that the server has kept (clean session off).",
            ),
            click.option(
                "--session-expiry",
                type=int,
                metavar="SECONDS",
                help="How long the server is to keep the session (MQTT 5).",
            ),
            will_options,
            timeout_option,
            click.option(
                "--sdk-metrics/--no-sdk-metrics", help="Let an AWS library append its metrics to the user name."
            ),
        ]
    ):
        command = add(command)
    return command


def take_endpoint(options: dict[str, Any], endpoint: str) -> Endpoint:
    """Take the options that :class:`Endpoint` needs out of ``options``; those that a command lacks are left out.

    :param endpoint: ``aws:`` or ``aws:REGION`` in the place of a name is the account's own endpoint (G7).
    :raises Misuse: a file that cannot be read, or a client certificate without its key.
    :raises EndpointError: an endpoint, port or proxy that cannot work.
    :raises AwsError: AWS does not tell the account's endpoint.
    """
    endpoint = resolved(endpoint, options)
    cafile = options.pop("cafile")
    transport = options.pop("transport", None)
    return Endpoint.parse(
        endpoint,
        port=options.pop("port"),
        address=options.pop("address", None),
        ca_pem=None if cafile is None else _read_ca(cafile),
        transport=None if transport is None else Transport(transport),
        proxy=_take_proxy(options) if secrets.PROXY.parameter in options else None,
        client_certificate=_take_certificate(options),
    )


def _read_ca(file: str) -> bytes:
    pem = secrets.read_file(file, "--cafile")
    if b"CERTIFICATE-----" not in pem:
        raise Misuse(
            f"{file} holds no CA certificate (PEM)",
            "give --cafile a file with -----BEGIN CERTIFICATE----- in it; the local gateway prints where its own is",
        )
    return pem


def resolved(endpoint: str, options: dict[str, Any]) -> str:
    """Return an ENDPOINT as it is written, the account's own in the place of ``aws:`` or ``aws:REGION`` (G7).

    :param options: of them ``region`` and ``aws_profile`` count; a command without these takes them from elsewhere.
    :raises AwsError: AWS does not tell it.
    """
    if not endpoint.startswith(("aws:", "wss://aws:")):
        return endpoint
    from customauth.aws.endpoints import resolve

    region, profile = (options[name] if name in options else elsewhere(name) for name in ("region", "aws_profile"))
    return resolve(endpoint, region=region, profile=profile)


def take_connection(options: dict[str, Any], endpoint: str) -> dict[str, Any]:
    """Take the connection options out of ``options`` as arguments for :class:`customauth.ConnectRequest`.

    :raises Misuse: a file that cannot be read, or options that make no sense without another.
    :raises EndpointError: an endpoint, port or proxy that cannot work.
    :raises RequestError: a will that no server takes.
    """
    return {
        "endpoint": take_endpoint(options, endpoint),
        "version": VERSIONS[options.pop("protocol")],
        "credentials_in": CredentialsIn(options.pop("credentials_in")),
        "client_id": options.pop("client_id"),
        "keep_alive": options.pop("keep_alive"),
        "clean_start": not options.pop("kept_session"),
        "session_expiry": options.pop("session_expiry"),
        "user_properties": options.pop("connect_user_properties"),
        "will": take_will(options),
        "timeout": options.pop("timeout"),
        "sdk_metrics": options.pop("sdk_metrics"),
    }


def _take_proxy(options: dict[str, Any]) -> str | None:
    """Take the proxy's URL; an empty one on the command line is none, whatever the environment says."""
    url = secrets.PROXY.take(options)
    return secrets.as_text("the proxy's URL", url) if url else None


def _take_certificate(options: dict[str, Any]) -> ClientCertificate | None:
    certificate, key = options.pop("cert", None), options.pop("key", None)
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise Misuse("a client certificate and its private key go together", "give both --cert FILE and --key FILE")
    from customauth.client_certificate import ClientCertificate

    return ClientCertificate(
        certificate_pem=secrets.read_file(certificate, "--cert"), key_pem=secrets.read_file(key, "--key")
    )


def show_debug() -> None:
    """Send customauth's own log to standard error; the libraries' logs stay where they are."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s: %(message)s"))
    log = logging.getLogger("customauth")
    log.setLevel(logging.DEBUG)
    log.addHandler(handler)
