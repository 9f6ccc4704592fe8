"""A function in AWS Lambda: the real boto3 against a server that speaks the Invoke API."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import sys
from pathlib import Path

import pytest
from attrs import evolve

from customauth.gateway.runtimes.aws import LambdaRuntime
from customauth.gateway.runtimes.contract import FunctionFailed, FunctionThrottled, FunctionTimedOut, Runtime
from invoke_server import InvokeServer, Response, serving
from runtimes import ARN, EVENT, SECRET, answers, failure, failure_of, invoke, run, spec_of, write

ANSWER = {"isAuthenticated": True}
KEY_ID = "AKIAIOSFODNN7EXAMPLE"


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Give throwaway credentials, and nothing of this machine's own."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def at(server: InvokeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", server.url)


def fails(response: Response, monkeypatch: pytest.MonkeyPatch) -> FunctionFailed:
    with serving(lambda event: response) as server:
        at(server, monkeypatch)
        failed = failure(spec_of(ARN))
    assert len(server.seen) == 1, "it was tried again"
    assert SECRET not in str(failed)
    return failed


def refusal(status: int, code: str) -> Response:
    return Response(status=status, body={"Message": SECRET, "Type": "User"}, headers={"X-Amzn-ErrorType": code})


@pytest.mark.parametrize("qualifier", ["", ":prod", ":$LATEST"])
def test_the_function_is_invoked_by_its_arn(monkeypatch: pytest.MonkeyPatch, qualifier: str) -> None:
    log = base64.b64encode(b"START\n").decode()
    with serving(lambda event: Response(body=ANSWER, headers={"X-Amz-Log-Result": log})) as server:
        at(server, monkeypatch)
        invocation = invoke(spec_of(ARN + qualifier))
    assert (json.loads(invocation.payload), invocation.output) == (ANSWER, "START\n")
    (seen,) = server.seen
    assert seen.event == EVENT
    assert seen.path.startswith("/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction")
    assert seen.headers["x-amz-log-type"] == "Tail"
    assert f"Credential={KEY_ID}/" in seen.headers["authorization"]
    assert "/eu-west-1/lambda/" in seen.headers["authorization"]


def test_an_error_of_the_function_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    body = {"errorType": "ValueError", "errorMessage": SECRET}
    failed = fails(Response(body=body, headers={"X-Amz-Function-Error": "Unhandled"}), monkeypatch)
    assert (failed.error_type, failed.error_message) == ("ValueError", SECRET)
    assert str(failed) == f"{ARN} raised ValueError"


@pytest.mark.parametrize(
    ("status", "code", "mend"),
    [
        (403, "AccessDeniedException", "allow lambda:InvokeFunction"),
        (403, "UnrecognizedClientException", "renew them"),
        (403, "ExpiredTokenException", "renew them"),
        (403, "InvalidSignatureException", "this machine's clock"),
        (404, "ResourceNotFoundException", "correct region, account, name or qualifier in the ARN"),
        (502, "EC2UnexpectedException", "AWS's documentation of Invoke"),
    ],
)
def test_a_refusal_of_aws_is_told_with_its_code_and_the_mend(
    monkeypatch: pytest.MonkeyPatch, status: int, code: str, mend: str
) -> None:
    failed = fails(refusal(status, code), monkeypatch)
    assert failed.error_type == code
    assert str(failed).startswith(f"{ARN} was not run: {code}: ")
    assert mend in str(failed)


def test_status_429_is_throttling(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = fails(refusal(429, "TooManyRequestsException"), monkeypatch)
    assert isinstance(failed, FunctionThrottled)
    assert "raise the function's concurrency" in str(failed)


def test_an_answer_of_more_than_6_mb_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fails(Response(body=b" " * 6_291_557), monkeypatch).error_type == "Function.ResponseSizeTooLarge"


def test_without_credentials_the_mend_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    failed = failure(spec_of(ARN))
    assert failed.error_type == "NoCredentialsError"
    assert "run aws configure" in str(failed)


def test_a_profile_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    assert "ProfileNotFound: there is no such profile; correct AWS_PROFILE" in str(failure(spec_of(ARN)))


def test_an_endpoint_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", f"http://127.0.0.1:{port}")
    assert "EndpointConnectionError: AWS cannot be reached; check the network" in str(failure(spec_of(ARN)))


@pytest.mark.fact("C24", "F11")
def test_a_function_that_does_not_answer_within_the_limit_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", f"http://127.0.0.1:{listener.getsockname()[1]}")
        failed = failure(evolve(spec_of(ARN), timeout=0.5))
    assert isinstance(failed, FunctionTimedOut)
    assert failed.error_message == "Task timed out after 0.50 seconds"


def test_without_boto3_the_command_that_installs_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    assert 'boto3 is not installed; run: pip install "customauth[aws]"' in str(failure(spec_of(ARN)))


def test_many_invocations_use_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    async def use(runtime: Runtime) -> None:
        assert await asyncio.gather(*(answers(runtime, {"n": n}) for n in range(20))) == [[n] for n in range(20)]

    with serving(lambda event: Response(body=event["n"])) as server:
        at(server, monkeypatch)
        run(spec_of(ARN), use)
    assert len(server.seen) == 20


def test_later_invocations_of_a_closed_runtime_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    async def use(runtime: Runtime) -> None:
        assert await answers(runtime, {}) == [1]
        await runtime.aclose()
        assert "was not run: the gateway is closing" in str(await failure_of(runtime.invoke({})))

    with serving(lambda event: Response(body=1)) as server:
        at(server, monkeypatch)
        run(spec_of(ARN), use)


def test_a_function_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no ARN"):
        LambdaRuntime(write(tmp_path, ""))
