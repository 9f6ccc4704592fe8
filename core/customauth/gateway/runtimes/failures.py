"""How the runtimes word what went wrong: the function, then what it did."""

from __future__ import annotations

import re

from customauth.gateway.runtimes.contract import FunctionFailed, FunctionThrottled, FunctionTimedOut
from customauth.gateway.runtimes.functions import Function

_PLAIN_TYPE = re.compile(r"[A-Za-z_][\w.]{0,63}", re.ASCII)


def failed(
    function: Function, text: str, error_type: str, *, message: str | None = None, output: str = ""
) -> FunctionFailed:
    """Make an error whose message is `text` unless the function has one of its own."""
    return FunctionFailed(
        f"{function} {text}",
        error_message=text if message is None else message,
        error_type=error_type,
        output=output,
    )


def timed_out(function: Function, text: str, limit: float, output: str = "") -> FunctionTimedOut:
    """Make the error of a limit of so many seconds that has passed."""
    return FunctionTimedOut(
        f"{function} {text}",
        error_message=f"Task timed out after {limit:.2f} seconds",
        error_type="Sandbox.Timedout",
        output=output,
    )


def throttled(function: Function, text: str) -> FunctionThrottled:
    """Make the error of a function that was not run because too much was asked for at once."""
    return FunctionThrottled(
        f"{function} {text}", error_message="Rate Exceeded.", error_type="TooManyRequestsException"
    )


def closing(function: Function, what: str = "was not run") -> FunctionFailed:
    """Make the error of an invocation that the end of the gateway has ended."""
    return failed(function, f"{what}: the gateway is closing", "Runtime.Closed")


def plain_type(error_type: str) -> str:
    """Return an error's type as it can be logged: a function may make it up from anything, a password included."""
    return error_type if _PLAIN_TYPE.fullmatch(error_type) else "an error"
