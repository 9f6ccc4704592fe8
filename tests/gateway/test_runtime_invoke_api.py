"""A function behind a URL that speaks Lambda's Invoke API: real sockets, and servers that misbehave."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve

from customauth.gateway.runtimes.contract import (
    FunctionFailed,
    FunctionSpec,
    FunctionThrottled,
    FunctionTimedOut,
    Runtime,
)
from customauth.gateway.runtimes.invoke_api import InvokeApiRuntime
from invoke_server import Response, serving
from runtimes import EVENT, SECRET, answers, failure, failure_of, invoke, run, running, spec_of, until, write

PATH = "/2015-03-31/functions/function/invocations"
ANSWER = {"isAuthenticated": True}


def fails(response: Response) -> FunctionFailed:
    with serving(lambda event: response) as server:
        return failure(spec_of(server.url + PATH))


def test_the_event_is_posted_and_the_body_is_the_answer() -> None:
    with serving(lambda event: Response(body=ANSWER)) as server:
        invocation = invoke(spec_of(f"{server.url}{PATH}?Qualifier=1"))
    assert json.loads(invocation.payload) == ANSWER
    assert invocation.duration > 0
    (seen,) = server.seen
    assert (seen.path, seen.event) == (f"{PATH}?Qualifier=1", EVENT)
    assert seen.headers["content-type"] == "application/json"


def test_the_log_that_comes_with_the_answer_is_its_output() -> None:
    headers = {"X-Amz-Log-Result": base64.b64encode(b"so far\n").decode()}
    with serving(lambda event: Response(body=ANSWER, headers=headers)) as server:
        assert invoke(spec_of(server.url)).output == "so far\n"


def test_credentials_of_the_url_are_sent_and_never_told() -> None:
    with serving(lambda event: Response(status=401)) as server:
        address = server.url.removeprefix("http://")
        spec = spec_of(f"http://ali%40ce:{SECRET}@{address}/path?key={SECRET}")
        failed = failure(spec)
    assert server.seen[0].headers["authorization"] == f"Basic {base64.b64encode(b'ali@ce:' + SECRET.encode()).decode()}"
    assert str(failed) == f"http://{address}/path answered with HTTP status 401; check the credentials in the URL"
    assert SECRET not in repr(spec)


@pytest.mark.parametrize(
    "response",
    [
        Response(
            body={"errorType": "ValueError", "errorMessage": SECRET}, headers={"X-Amz-Function-Error": "Unhandled"}
        ),
        Response(body={"errorType": "ValueError", "errorMessage": SECRET}),
        Response(status=502, body={"errorType": "ValueError", "errorMessage": SECRET}),
    ],
    ids=["as Lambda reports it", "as its emulator reports it", "with another status"],
)
def test_an_error_of_the_function_is_reported(response: Response) -> None:
    failed = fails(response)
    assert (failed.error_type, failed.error_message) == ("ValueError", SECRET)
    assert str(failed).endswith("/invocations raised ValueError")


def test_an_error_header_over_a_body_that_says_nothing_is_an_error() -> None:
    failed = fails(Response(body=b"\xff", headers={"X-Amz-Function-Error": "Unhandled"}))
    assert (failed.error_type, failed.error_message) == ("Unhandled", "")


def test_an_answer_that_has_members_of_an_error_is_an_answer() -> None:
    answer = {"isAuthenticated": False, "errorType": "x", "errorMessage": "y"}
    with serving(lambda event: Response(body=answer)) as server:
        assert json.loads(invoke(spec_of(server.url)).payload) == answer


def test_a_limit_of_the_function_s_own_is_a_timeout() -> None:
    body = {"errorType": "Sandbox.Timedout", "errorMessage": "Task timed out after 3.00 seconds"}
    failed = fails(Response(body=body, headers={"X-Amz-Function-Error": "Unhandled"}))
    assert isinstance(failed, FunctionTimedOut)
    assert failed.error_message == "Task timed out after 3.00 seconds"


@pytest.mark.parametrize(
    ("response", "text"),
    [
        (Response(status=404), "answered with HTTP status 404; check the path of the URL"),
        (Response(status=500, body=b"<html>"), "answered with HTTP status 500; see the log"),
        (Response(status=204, body=b""), "answered with HTTP status 204; see the log"),
        (
            Response(status=403, headers={"X-Amzn-ErrorType": "AccessDeniedException:http://x"}),
            "answered with HTTP status 403 (AccessDeniedException); check the credentials",
        ),
    ],
)
def test_another_status_is_told_with_what_to_look_at(response: Response, text: str) -> None:
    assert text in str(fails(response))


def test_status_429_is_throttling() -> None:
    failed = fails(Response(status=429))
    assert isinstance(failed, FunctionThrottled)
    assert failed.error_type == "TooManyRequestsException"


def test_an_answer_of_more_than_6_mb_fails() -> None:
    failed = fails(Response(body=b" " * 6_291_557))
    assert failed.error_type == "Function.ResponseSizeTooLarge"


def test_an_endpoint_that_is_not_there_is_named_with_the_mend() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    failed = failure(spec_of(f"http://127.0.0.1:{port}/x?key={SECRET}"))
    where = f"http://127.0.0.1:{port}/x"
    assert str(failed) == f"{where} cannot be reached (Connection refused); start what serves it, or correct the URL"


def test_an_https_url_wants_tls() -> None:
    with serving(lambda event: Response()) as server:
        failed = failure(spec_of(server.url.replace("http:", "https:")))
    assert "cannot be reached" in str(failed)
    assert "SSL" in str(failed)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def url_of(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}/"


def accept_and_send(listener: socket.socket, data: bytes) -> threading.Thread:
    """Answer one connection with `data` once its request has begun, and close it."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            while b"}" not in connection.recv(65_536):
                pass
            connection.sendall(data)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "cannot be reached (RemoteDisconnected)"),
        (b"SSH-2.0-x\r\n", "gave no HTTP answer (BadStatusLine)"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", "gave no HTTP answer (IncompleteRead)"),
    ],
)
def test_an_answer_that_breaks_off_fails(listener: socket.socket, data: bytes, text: str) -> None:
    thread = accept_and_send(listener, data)
    assert text in str(failure(spec_of(url_of(listener))))
    thread.join()


@pytest.mark.fact("C24", "F11")
@pytest.mark.parametrize("drip", [False, True], ids=["silence", "a byte now and then"])
def test_an_endpoint_that_does_not_answer_within_the_limit_is_given_up(listener: socket.socket, drip: bool) -> None:
    given_up = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(0.05)
            if drip:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n")
            while True:
                try:
                    if drip:
                        connection.sendall(b" ")
                    if not connection.recv(65_536):
                        break
                except TimeoutError:
                    continue
                except OSError:
                    break
        given_up.set()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    failed = failure(evolve(spec_of(url_of(listener)), timeout=0.5))
    assert isinstance(failed, FunctionTimedOut)
    assert str(failed) == f"{url_of(listener)} did not answer within 0.5 s"
    assert given_up.wait(60)
    thread.join()


async def hanging(listener: socket.socket, runtime: Runtime) -> tuple[asyncio.Task[object], socket.socket]:
    """Return an invocation that is under way, and the other end of its connection."""
    listener.setblocking(False)
    invocation = asyncio.create_task(runtime.invoke({}))
    connection, _ = await asyncio.get_running_loop().sock_accept(listener)
    connection.setblocking(False)
    assert await asyncio.get_running_loop().sock_recv(connection, 65_536)
    return invocation, connection


async def is_closed(connection: socket.socket) -> bool:
    with connection:
        while await asyncio.get_running_loop().sock_recv(connection, 65_536):
            pass
    return True


def test_a_cancelled_invocation_is_given_up(listener: socket.socket) -> None:
    async def use(runtime: Runtime) -> None:
        invocation, connection = await hanging(listener, runtime)
        invocation.cancel()
        with pytest.raises(asyncio.CancelledError):
            await invocation
        assert await is_closed(connection)

    run(spec_of(url_of(listener)), use)


def test_closing_fails_the_invocations_under_way_and_later_ones(listener: socket.socket) -> None:
    async def use(runtime: Runtime) -> None:
        invocation, connection = await hanging(listener, runtime)
        await runtime.aclose()
        with pytest.raises(FunctionFailed, match="was stopped: the gateway is closing"):
            await invocation
        assert await is_closed(connection)
        assert "was not run: the gateway is closing" in str(await failure_of(runtime.invoke({})))

    run(spec_of(url_of(listener)), use)


def test_at_most_64_invocations_are_under_way_at_once() -> None:
    go = threading.Event()

    def respond(event: object) -> Response:
        assert go.wait(60)
        return Response(body=1)

    async def use(runtime: Runtime) -> None:
        invocations = asyncio.gather(*(answers(runtime, {}) for _ in range(70)))
        await until(lambda: len(server.seen) >= 64)
        # One that should not be under way gets the time to arrive.
        await asyncio.sleep(0.3)
        assert len(server.seen) == 64
        go.set()
        assert await invocations == [[1]] * 70

    with serving(respond) as server:
        try:
            run(evolve(spec_of(server.url), timeout=50), use)
        finally:
            go.set()


def test_a_function_of_another_kind_is_refused(tmp_path: Path) -> None:
    spec: FunctionSpec = write(tmp_path, "")
    with pytest.raises(ValueError, match="is no URL"):
        InvokeApiRuntime(spec)


def test_the_runtime_can_be_used_in_a_loop_after_the_one_that_made_it() -> None:
    with serving(lambda event: Response(body=1)) as server:
        runtime = InvokeApiRuntime(spec_of(server.url))

        async def use() -> None:
            async with running(runtime):
                assert await answers(runtime, {}, {}) == [1, 1]

        asyncio.run(use())
