"""``customauth connect``: one attempt, and how it ended."""

from __future__ import annotations

import time
import traceback
from typing import TYPE_CHECKING, Any

import click

from customauth._version import __version__
from customauth.cli.attempt import Attempt, attempt_options, take_attempt
from customauth.cli.exits import ExitCode, exit_code
from customauth.cli.options import connect_user_property_option, debug_option, json_option, show_debug
from customauth.cli.profile import takes_profile
from customauth.cli.say import printable
from customauth.errors import ConnectError, CustomAuthError
from customauth.request import CredentialsIn

if TYPE_CHECKING:
    from customauth.connack import Connack


@click.command(context_settings={"show_default": False})
@attempt_options
@connect_user_property_option("--user-property", "--connect-user-property")
@json_option
@debug_option
@click.argument("endpoint", required=False)
@takes_profile(needs_endpoint=True)
def command(endpoint: str, as_json: bool, debug: bool, **options: Any) -> int:
    """Connect once to ENDPOINT (HOST[:PORT] or wss://HOST[:PORT][/PATH]) and say how it ended.

    Signed: --authorizer, --token-key-name, --token-file, and --token-signature-file or --sign-with.
    Unsigned: --authorizer, --username, --password-file.
    """
    if debug:
        show_debug()
    started = time.monotonic()
    try:
        _run(take_attempt(options, endpoint), as_json=as_json, started=started)
    except CustomAuthError as error:
        from customauth.cli.failures import failure, say_failure

        if debug:
            traceback.print_exc()
        if as_json:
            _print_json(failure(error, time.monotonic() - started))
        elif isinstance(error, ConnectError):
            click.echo("Connection attempt failed!")
            say_failure(error)
        else:
            # Nothing was attempted.
            raise
        return exit_code(error)
    return ExitCode.OK


def _run(attempt: Attempt, *, as_json: bool, started: float) -> None:
    import asyncio

    if not as_json:
        click.echo(printable(_what_it_is(attempt)))
        click.echo("Attempting to connect!")

    async def once() -> None:
        async with await attempt.make() as made:
            took = time.monotonic() - started
            if as_json:
                _print_json(_success(attempt, made.connack, took))
            else:
                click.echo("Connection attempt successful!")

    asyncio.run(once())


def _what_it_is(attempt: Attempt) -> str:
    request, backend = attempt.request, attempt.backend
    credentials, endpoint = request.credentials, request.endpoint
    token = credentials.token
    parts = [
        f"customauth {__version__}: MQTT {request.version.label} to {endpoint}",
        f"backend {backend.name} ({backend.library} {attempt.plugins.library_version(backend)})",
        f"client id {request.client_id}",
        f"authorizer {credentials.authorizer}" if credentials.authorizer else "the endpoint's default authorizer",
        f"signed token under {token.key_name!r}" if token else "unsigned",
    ]
    if request.credentials_in is not CredentialsIn.USERNAME:
        parts.append(f"credentials in {request.credentials_in.value}")
    if endpoint.proxy is not None:
        parts.append(f"through {endpoint.proxy}")
    if endpoint.client_certificate is not None:
        parts.append("with a client certificate")
    return ", ".join(parts)


def _success(attempt: Attempt, connack: Connack, took: float) -> dict[str, Any]:
    import attrs

    request = attempt.request
    return {
        "outcome": "connected",
        "backend": attempt.backend.name,
        "protocol": request.version.label,
        "endpoint": str(request.endpoint),
        "client_id": request.client_id,
        "connack": attrs.asdict(connack),
        "milliseconds": round(took * 1000, 1),
    }


def _print_json(document: dict[str, Any]) -> None:
    import json

    click.echo(json.dumps(document, indent=2))
