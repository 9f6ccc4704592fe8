"""``customauth connect``: one attempt, and how it ended."""

from __future__ import annotations

import time
import traceback
from typing import TYPE_CHECKING, Any

import click

from customauth._version import __version__
from customauth.cli.credentials import credential_options, take_credentials
from customauth.cli.exits import ExitCode, exit_code
from customauth.cli.options import connection_options, debug_option, json_option, show_debug, take_connection
from customauth.cli.say import printable, say
from customauth.errors import ConnackRefused, ConnectError, CustomAuthError

if TYPE_CHECKING:
    from customauth.backend import Backend, Connack
    from customauth.credentials import CustomAuth


@click.command(context_settings={"show_default": False})
@click.option("--backend", metavar="NAME", help="The MQTT library to use (customauth backends).  [default: the first]")
@credential_options
@connection_options
@json_option
@debug_option
@click.argument("endpoint")
def command(endpoint: str, backend: str | None, as_json: bool, debug: bool, **options: Any) -> int:
    """Connect once to ENDPOINT (HOST[:PORT]) and say how it ended.

    Signed: --authorizer, --token-key-name, --token-file, and --token-signature-file or --sign-with.
    Unsigned: --authorizer, --username, --password-file.
    """
    if debug:
        show_debug()
    started = time.monotonic()
    attempt: dict[str, Any] = {}
    try:
        credentials = take_credentials(options)
        attempt = take_connection(options, endpoint)
        _run(credentials, attempt, backend, as_json=as_json, started=started)
    except CustomAuthError as error:
        if debug:
            traceback.print_exc()
        if not as_json and not isinstance(error, ConnectError):
            # Nothing was attempted.
            raise
        return _failed(error, as_json=as_json, started=started)
    return ExitCode.OK


def _run(
    credentials: CustomAuth, attempt: dict[str, Any], backend: str | None, *, as_json: bool, started: float
) -> None:
    import asyncio
    import uuid

    from customauth.backend import ConnectRequest
    from customauth.connecting import attempt as make_attempt
    from customauth.plugins import default_manager

    manager = default_manager()
    chosen = manager.backend(backend)
    if attempt["client_id"] is None:
        attempt["client_id"] = str(uuid.uuid4())
    request = ConnectRequest(credentials=credentials, **attempt)
    manager.check_features(request, chosen)
    if not as_json:
        click.echo(printable(_what_it_is(credentials, attempt, chosen)))
        click.echo("Attempting to connect!")

    async def once() -> Connack:
        async with await make_attempt(request, chosen, manager) as made:
            took = time.monotonic() - started
            if as_json:
                _print_json(_success(attempt, chosen, made.connack, took))
            else:
                click.echo("Connection attempt successful!")
            return made.connack

    asyncio.run(once())


def _what_it_is(credentials: CustomAuth, attempt: dict[str, Any], backend: Backend) -> str:
    from importlib import metadata

    token = credentials.token
    parts = [
        f"customauth {__version__}: MQTT {attempt['version'].label} to {attempt['endpoint']}",
        f"backend {backend.name} ({backend.library} {metadata.version(backend.library)})",
        f"client id {attempt['client_id']}",
        f"authorizer {credentials.authorizer}" if credentials.authorizer else "the endpoint's default authorizer",
        f"signed token under {token.key_name!r}" if token else "unsigned",
    ]
    return ", ".join(parts)


def _success(attempt: dict[str, Any], backend: Backend, connack: Connack, took: float) -> dict[str, Any]:
    import attrs

    return {
        "outcome": "connected",
        "backend": backend.name,
        "protocol": attempt["version"].label,
        "endpoint": str(attempt["endpoint"]),
        "client_id": attempt["client_id"],
        "connack": attrs.asdict(connack),
        "milliseconds": round(took * 1000, 1),
    }


def _failed(error: CustomAuthError, *, as_json: bool, started: float) -> int:
    code = exit_code(error)
    if as_json:
        _print_json(_failure(error, code, time.monotonic() - started))
        return code
    click.echo("Connection attempt failed!")
    say(f"cause: {type(error).__name__}: {error}")
    if error.hint:
        say(f"next: {error.hint}")
    return code


def _failure(error: CustomAuthError, code: ExitCode, took: float) -> dict[str, Any]:
    result: dict[str, Any] = {
        "outcome": "failed",
        "error": type(error).__name__,
        "message": str(error),
        "next": error.hint or None,
        "exit_code": int(code),
        "milliseconds": round(took * 1000, 1),
    }
    if isinstance(error, ConnectError):
        result |= {
            "backend": error.backend,
            "endpoint": error.endpoint,
            "stage": error.stage.value,
            "retryable": error.retryable,
        }
    if isinstance(error, ConnackRefused):
        result |= {"reason_code": error.reason_code, "reason_string": error.reason_string}
    return result


def _print_json(document: dict[str, Any]) -> None:
    import json

    click.echo(json.dumps(document, indent=2))
