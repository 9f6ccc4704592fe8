"""Run an authorizer function behind any URL that speaks Lambda's Invoke API, such as its runtime emulator."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic
from urllib.parse import unquote, urlsplit

from customauth.gateway.runtimes.contract import FunctionFailed, FunctionSpec, Invocation
from customauth.gateway.runtimes.failures import failed, plain_type, throttled
from customauth.gateway.runtimes.functions import InvokeUrl
from customauth.gateway.runtimes.python_worker import MAX_PAYLOAD
from customauth.gateway.runtimes.remote import Calls, Reply, function_error, invocation, reported_error

_MENDS = {
    401: "check the credentials in the URL",
    403: "check the credentials in the URL",
    404: "check the path of the URL, which ends in /functions/NAME/invocations",
}


class InvokeApiRuntime:
    """Invoke a function by POST to its URL: the event is the body, and so is the answer.

    The function runs elsewhere, so that neither the environment nor the memory limit of `spec` is its own.

    :raises ValueError: the function is no URL.
    """

    def __init__(self, spec: FunctionSpec) -> None:
        if not isinstance(spec.function, InvokeUrl):
            raise ValueError(f"{spec.function} is no URL")
        self._function = spec.function
        self._limit = spec.timeout
        self._calls = Calls(self._function)
        self._tls = ssl.create_default_context() if urlsplit(self._function.url).scheme == "https" else None

    async def invoke(self, event: Mapping[str, object]) -> Invocation:
        """Run the function on `event`.

        :raises FunctionThrottled: the endpoint answered 429, or too many invocations were under way.
        :raises FunctionTimedOut: there was no answer within the limit, connecting included.
        :raises FunctionFailed: the function raised, or the endpoint cannot be reached or gave no answer.
        """
        exchange = _Exchange(self._function, self._limit, self._tls)
        body = json.dumps(event).encode()
        started = monotonic()
        reply = await self._calls.run(lambda: exchange.post(body), limit=self._limit, give_up=exchange.give_up)
        return invocation(self._function, reply, monotonic() - started)

    async def aclose(self) -> None:
        """Give up the invocations under way."""
        self._calls.close()


class _Exchange:
    """One request and its response, on a connection of its own."""

    def __init__(self, function: InvokeUrl, limit: float, tls: ssl.SSLContext | None) -> None:
        self._function = function
        self._limit = limit
        self._tls = tls
        self._socket: socket.socket | None = None

    def post(self, body: bytes) -> Reply:
        connection = self._connection()
        try:
            connection.connect()
            self._socket = connection.sock
            connection.request("POST", self._target(), body, self._headers())
            response = connection.getresponse()
            return self._read(response)
        except TimeoutError:
            raise
        except OSError as error:
            # The text of an error may hold the host name, and no more of the URL.
            why = " ".join((error.strerror or type(error).__name__).split())
            text = f"cannot be reached ({why}); start what serves it, or correct the URL"
            raise failed(self._function, text, "Runtime.InvokeError") from error
        except http.client.HTTPException as error:
            text = f"gave no HTTP answer ({type(error).__name__}); see the log of what serves it"
            raise failed(self._function, text, "Runtime.InvokeError") from error
        finally:
            connection.close()

    def give_up(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def _connection(self) -> http.client.HTTPConnection:
        parts = urlsplit(self._function.url)
        host = parts.hostname or ""
        if self._tls is None:
            return http.client.HTTPConnection(host, parts.port, timeout=self._limit)
        return http.client.HTTPSConnection(host, parts.port, timeout=self._limit, context=self._tls)

    def _target(self) -> str:
        parts = urlsplit(self._function.url)
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "X-Amz-Log-Type": "Tail"}
        parts = urlsplit(self._function.url)
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        return headers

    def _read(self, response: http.client.HTTPResponse) -> Reply:
        payload = response.read(MAX_PAYLOAD + 1)
        if response.length and len(payload) <= MAX_PAYLOAD:
            raise http.client.IncompleteRead(payload)
        if response.status != 200:
            raise self._refused(response, payload)
        return Reply(
            payload=payload,
            is_function_error=response.getheader("X-Amz-Function-Error") is not None,
            log=response.getheader("X-Amz-Log-Result", ""),
        )

    def _refused(self, response: http.client.HTTPResponse, payload: bytes) -> FunctionFailed:
        status = response.status
        if status == 429:
            return throttled(self._function, "answered with HTTP status 429: it runs as often as it may at once")
        error = reported_error(payload)
        if error or response.getheader("X-Amz-Function-Error") is not None:
            return function_error(self._function, error)
        # AWS writes the type, then perhaps a colon and a URL.
        error_type = response.getheader("X-Amzn-ErrorType", "").partition(":")[0]
        named = f" ({plain_type(error_type)})" if error_type else ""
        mend = _MENDS.get(status, "see the log of what serves it")
        return failed(
            self._function,
            f"answered with HTTP status {status}{named}; {mend}",
            error_type or "Runtime.InvokeError",
        )
