"""How a command tells that what it tried has failed."""

from __future__ import annotations

import json
from typing import Any

import click

from customauth.cli.exits import exit_code
from customauth.cli.say import say
from customauth.errors import (
    ConnackRefused,
    ConnectError,
    CustomAuthError,
    Disconnected,
    ProxyRefused,
    RequestRefused,
    RequestTimeout,
    UpgradeRejected,
)


def tell_failure(error: CustomAuthError, seconds: float, *, as_json: bool) -> None:
    """Tell what ended a command: on standard error, or as a line of JSON on standard output.

    :raises CustomAuthError: the error itself, where nothing was attempted and no JSON is wanted.
    """
    if as_json:
        click.echo(json.dumps(failure(error, seconds)))
    elif isinstance(error, ConnectError | RequestRefused | RequestTimeout | Disconnected):
        say_failure(error)
    else:
        raise error


def say_failure(error: CustomAuthError) -> None:
    """Say the cause on standard error, and last the next step."""
    say_cause(error)
    say_next(error)


def say_cause(error: CustomAuthError) -> None:
    """Say which error it is."""
    say(f"cause: {type(error).__name__}: {error}")


def say_next(error: CustomAuthError) -> None:
    """Say what to do about it."""
    if error.hint:
        say(f"next: {error.hint}", paste=_paste(error))


def _paste(error: CustomAuthError) -> str:
    """Return what the hint ends with for the person to copy, empty where that is nothing."""
    if error.rule is None:
        return ""
    from customauth.rules import RULES

    return RULES[error.rule].paste(error._facts())


def failure(error: CustomAuthError, seconds: float) -> dict[str, Any]:
    """Return what there is to say as a document for ``--json``."""
    document: dict[str, Any] = {
        "outcome": "failed",
        "error": type(error).__name__,
        "message": str(error),
        "next": error.hint or None,
        "rule": error.rule,
        "exit_code": int(exit_code(error)),
        "milliseconds": round(seconds * 1000, 1),
    }
    if isinstance(error, ConnectError):
        document |= {
            "backend": error.backend,
            "endpoint": error.endpoint,
            "stage": error.stage.value,
            "retryable": error.retryable,
        }
    if isinstance(error, ConnackRefused | RequestRefused | Disconnected):
        document |= {"reason_code": error.reason_code, "reason_string": error.reason_string}
    if isinstance(error, UpgradeRejected | ProxyRefused):
        document["status"] = error.status
    return document
