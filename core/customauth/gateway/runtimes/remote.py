"""What the runtimes share whose function runs elsewhere: blocking calls in threads, and Lambda's answers."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from attrs import field, frozen

from customauth.gateway.runtimes.contract import FunctionFailed, FunctionTimedOut, Invocation
from customauth.gateway.runtimes.failures import closing, failed, plain_type, throttled, timed_out
from customauth.gateway.runtimes.functions import Function
from customauth.gateway.runtimes.python_worker import MAX_PAYLOAD

T = TypeVar("T")

_MAX_CALLS = 64


@frozen(kw_only=True)
class Reply:
    """What the Invoke API answered, with status 200.

    `log` is the end of what the function printed, in base64, where it was sent.
    """

    payload: bytes = field(repr=False)
    is_function_error: bool
    log: str = field(default="", repr=False)


class Calls:
    """Make blocking calls to a function, each in a thread of its own; at most 64 at once.

    A thread whose call is given up ends by itself, and its place is free then. The threads do not keep the
    gateway from ending.
    """

    def __init__(self, function: Function, *, patience: float = 5.0) -> None:
        self._function = function
        self._patience = patience
        self._places = asyncio.Semaphore(_MAX_CALLS)
        self._under_way: dict[asyncio.Future[Any], Callable[[], None]] = {}
        self._closed = False

    async def run(self, call: Callable[[], T], *, limit: float, give_up: Callable[[], None]) -> T:
        """Return what `call` returns; `give_up` must make it end soon, and is called from the event loop.

        :raises FunctionThrottled: there was no place for the call.
        :raises FunctionTimedOut: there was no answer within `limit` seconds.
        :raises FunctionFailed: this has been closed. Beside these whatever `call` raises.
        """
        if self._closed:
            raise closing(self._function)
        try:
            async with asyncio.timeout(self._patience):
                await self._places.acquire()
        except TimeoutError:
            text = f"was not run: {_MAX_CALLS} invocations were under way for {self._patience:g} s"
            raise throttled(self._function, text) from None
        future = self._start(call)
        self._under_way[future] = give_up
        try:
            async with asyncio.timeout(limit):
                return await future
        except TimeoutError:
            give_up()
            raise timed_out(self._function, f"did not answer within {limit:g} s", limit) from None
        except asyncio.CancelledError:
            give_up()
            raise
        finally:
            del self._under_way[future]

    def close(self) -> None:
        """Give up all calls; those under way and later ones fail."""
        self._closed = True
        for future, give_up in self._under_way.items():
            if not future.done():
                future.set_exception(closing(self._function, "was stopped"))
            give_up()

    def _start(self, call: Callable[[], T]) -> asyncio.Future[T]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def work() -> None:
            try:
                settle = partial(future.set_result, call())
            except Exception as error:  # it is raised where the call is awaited
                settle = partial(future.set_exception, error)
            # The loop may have been closed since.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(end, settle)

        def end(settle: Callable[[], None]) -> None:
            self._places.release()
            if not future.done():
                settle()

        threading.Thread(target=work, name="customauth-invoke", daemon=True).start()
        return future


def invocation(function: Function, reply: Reply, duration: float) -> Invocation:
    """Read a reply as Lambda's clients do.

    :raises FunctionFailed: the function raised, or its answer is longer than 6 MB.
    """
    output = _log_text(reply.log)
    if len(reply.payload) > MAX_PAYLOAD:
        text = f"gave an answer of more than {MAX_PAYLOAD} bytes"
        raise failed(function, text, "Function.ResponseSizeTooLarge", output=output)
    error = reported_error(reply.payload)
    # Lambda's runtime emulator reports errors of a function as if they were its answer.
    if reply.is_function_error or ({"errorType", "errorMessage"} <= error.keys() and "isAuthenticated" not in error):
        raise function_error(function, error, output)
    payload = reply.payload.decode(errors="replace")
    return Invocation(payload=payload, duration=duration, output=output)


def reported_error(payload: bytes) -> dict[str, Any]:
    """Return the JSON object that may report an error, an empty one when there is none."""
    if b'"errorMessage"' not in payload and b'"errorType"' not in payload:
        return {}
    try:
        reported = json.loads(payload)
    except ValueError:
        return {}
    return reported if isinstance(reported, dict) else {}


def function_error(function: Function, error: dict[str, Any], output: str = "") -> FunctionFailed:
    """Make the error that the function itself, or Lambda about it, has reported."""
    error_type = str(error.get("errorType") or "Unhandled")
    message = str(error.get("errorMessage") or "")
    if error_type == "Sandbox.Timedout":
        text = f"{function} exceeded its own limit"
        return FunctionTimedOut(text, error_message=message, error_type=error_type, output=output)
    text = f"raised {plain_type(error_type)}"
    return failed(function, text, error_type, message=message, output=output)


def _log_text(log: str) -> str:
    try:
        return base64.b64decode(log).decode(errors="replace")
    except ValueError:
        return ""
