"""The options that several commands share: credentials and connection."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from customauth.cli import secrets
from customauth.credentials import CustomAuth, SignedToken
from customauth.endpoint import Endpoint
from customauth.errors import CredentialError
from customauth.mqtt.protocol import MqttVersion

F = TypeVar("F", bound=Callable[..., Any])

VERSIONS = {version.label: version for version in (MqttVersion.V5, MqttVersion.V311)}


def credential_options(command: F) -> F:
    """Add the options that say who connects; :func:`take_credentials` reads them."""
    for add in reversed(
        [
            click.option("--authorizer", "--authorizer-name", metavar="NAME", help="The custom authorizer."),
            click.option("--username", default="", metavar="TEXT", help="The user part of the user name."),
            secrets.PASSWORD.options,
            click.option(
                "--authorizer-token-key-name",
                "--token-key-name",
                "token_key_name",
                metavar="NAME",
                help="The name under which the authorizer expects the token.",
            ),
            secrets.TOKEN.options,
            secrets.SIGNATURE.options,
            click.option(
                "--sign-with",
                type=click.Path(dir_okay=False),
                metavar="KEY.pem",
                help="Sign the token with this private key.",
            ),
            secrets.PASSPHRASE.options,
            click.option(
                "--jwt-file",
                type=click.Path(dir_okay=False),
                metavar="PATH",
                help="Use an RS256 JWT as token and signature; - is standard input.",
            ),
        ]
    ):
        command = add(command)
    return command


def take_credentials(options: dict[str, Any]) -> CustomAuth:
    """Take the credential options out of ``options`` and build the credentials.

    :raises click.UsageError: options that exclude each other.
    :raises CredentialError: credentials that cannot work.
    """
    authorizer: str | None = options.pop("authorizer")
    username: str = options.pop("username")
    key_name: str | None = options.pop("token_key_name")
    sign_with: str | None = options.pop("sign_with")
    jwt_file: str | None = options.pop("jwt_file")
    password = secrets.PASSWORD.take(options)
    token = secrets.TOKEN.take(options)
    signature = secrets.SIGNATURE.take(options)
    passphrase = secrets.PASSPHRASE.take(options)
    if jwt_file is not None:
        if token is not None or signature is not None or sign_with is not None:
            raise click.UsageError(
                "a JWT is token and signature in one: leave out --token, --token-signature, --sign-with"
            )
        jwt = secrets.as_text("the JWT", secrets.read_secret_file(jwt_file))
        return CustomAuth.from_jwt(
            jwt, token_key_name=_key_name(key_name), authorizer=authorizer, username=username, password=password
        )
    signed = None
    if token is not None:
        signed = _sign(_key_name(key_name), secrets.as_text("the token", token), signature, sign_with, passphrase)
    elif signature is not None or sign_with is not None:
        raise CredentialError("there is a signature or a key but no token; add --token-file PATH")
    return CustomAuth(authorizer=authorizer, username=username, password=password, token=signed)


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
            click.option("--port", type=int, metavar="N", help="The port, unless ENDPOINT has one.  [default: 443]"),
            click.option(
                "--cafile",
                type=click.Path(dir_okay=False),
                metavar="FILE",
                help="Trust these CA certificates (PEM) only.",
            ),
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


def timeout_option(command: F) -> F:
    """Add ``--timeout``."""
    return click.option(
        "--timeout", type=float, default=10.0, show_default=True, metavar="SECONDS", help="For the whole attempt."
    )(command)


def json_option(command: F) -> F:
    """Add ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


def debug_option(command: F) -> F:
    """Add ``--debug``; :func:`show_debug` acts on it."""
    return click.option("-d", "--debug", is_flag=True, help="Say on standard error what happens; no secrets.")(command)


def take_connection(options: dict[str, Any], endpoint: str) -> dict[str, Any]:
    """Take the connection options out of ``options`` as arguments for :func:`customauth.connect`.

    :raises EndpointError: an endpoint, port or CA that cannot work.
    """
    cafile = options.pop("cafile")
    return {
        "endpoint": Endpoint.parse(
            endpoint,
            port=options.pop("port"),
            address=options.pop("address"),
            ca_pem=None if cafile is None else secrets.read_file(cafile),
        ),
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


def _key_name(key_name: str | None) -> str:
    if key_name is None:
        raise CredentialError("the token needs a name: add --token-key-name, as the authorizer's tokenKeyName")
    return key_name


def _sign(
    key_name: str, token: str, signature: bytes | None, sign_with: str | None, passphrase: bytes | None
) -> SignedToken:
    if signature is not None and sign_with is not None:
        raise click.UsageError("give the signature or --sign-with, not both")
    if sign_with is not None:
        from customauth.signing import signed_token

        return signed_token(key_name, token, secrets.read_file(sign_with), passphrase=passphrase)
    if signature is None:
        raise CredentialError(
            "the token needs a signature: add --token-signature-file PATH or --sign-with KEY.pem; "
            "for an authorizer with signing disabled leave the token out"
        )
    return SignedToken(key_name=key_name, value=token, signature=secrets.as_text("the signature", signature))
