"""Run an authorizer function in AWS Lambda itself, through boto3 (extra ``aws``)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from time import monotonic
from typing import Any

from customauth.gateway.runtimes.contract import FunctionFailed, FunctionSpec, Invocation
from customauth.gateway.runtimes.failures import failed, throttled, timed_out
from customauth.gateway.runtimes.functions import LambdaFunction
from customauth.gateway.runtimes.python_worker import MAX_PAYLOAD
from customauth.gateway.runtimes.remote import Calls, Reply, invocation

_RENEW = "the credentials are not valid or no longer so; renew them, and check this machine's clock"
_MENDS = {
    "AccessDeniedException": "allow lambda:InvokeFunction on it to the identity of the credentials",
    "ExpiredTokenException": _RENEW,
    "InvalidSignatureException": _RENEW,
    "UnrecognizedClientException": _RENEW,
    "ResourceNotFoundException": "there is no such function; correct region, account, name or qualifier in the ARN",
    "NoCredentialsError": "there are no AWS credentials; run aws configure, or set AWS_PROFILE, for the gateway",
    "PartialCredentialsError": "the AWS credentials are not complete; set key id and secret access key",
    "ProfileNotFound": "there is no such profile; correct AWS_PROFILE",
    "EndpointConnectionError": "AWS cannot be reached; check the network, and the region in the ARN",
    "ProxyConnectionError": "the proxy cannot be reached; check HTTPS_PROXY",
    "SSLError": "TLS failed; check AWS_CA_BUNDLE, and a proxy between",
}
_SEE = "see the error in AWS's documentation of Invoke"


class LambdaRuntime:
    """Invoke a function in AWS Lambda, with boto3's usual search for credentials and without retries.

    boto3 is imported when the first client connects. The environment and the memory limit of the function are
    those that it has in Lambda, and an invocation costs what it costs there.

    :raises ValueError: the function is no ARN of a Lambda function.
    """

    def __init__(self, spec: FunctionSpec) -> None:
        if not isinstance(spec.function, LambdaFunction):
            raise ValueError(f"{spec.function} is no ARN of a Lambda function")
        self._function = spec.function
        self._spec = spec
        self._calls = Calls(self._function)
        self._connecting = asyncio.Lock()
        self._client: Any = None

    async def invoke(self, event: Mapping[str, object]) -> Invocation:
        """Run the function on `event`.

        :raises FunctionThrottled: Lambda refused to run it so often, or too many invocations were under way.
        :raises FunctionTimedOut: there was no answer within the limit, connecting included.
        :raises FunctionFailed: the function raised, boto3 is missing, or AWS refused; the text says what to change.
        """
        body = json.dumps(event).encode()
        client = await self._connect()
        started = monotonic()
        reply = await self._calls.run(lambda: self._call(client, body), limit=self._spec.timeout, give_up=_wait)
        return invocation(self._function, reply, monotonic() - started)

    async def aclose(self) -> None:
        """Give up the invocations under way."""
        self._calls.close()
        if self._client is not None:
            self._client.close()

    async def _connect(self) -> Any:
        async with self._connecting:
            if self._client is None:
                # Reading the description of AWS's API takes long, and is no part of an invocation.
                limit = self._spec.init_timeout
                self._client = await self._calls.run(self._make_client, limit=limit, give_up=_wait)
        return self._client

    def _make_client(self) -> Any:
        try:
            import boto3
            import botocore.config
            import botocore.exceptions
        except ImportError as error:
            text = 'was not run: boto3 is not installed; run: pip install "customauth[aws]"'
            raise failed(self._function, text, "Runtime.ImportModuleError") from error
        config = botocore.config.Config(
            connect_timeout=self._spec.timeout,
            read_timeout=self._spec.timeout,
            retries={"total_max_attempts": 1},
            max_pool_connections=64,
        )
        region = self._function.arn.split(":")[3]
        try:
            return boto3.session.Session().client("lambda", region_name=region, config=config)
        except botocore.exceptions.BotoCoreError as error:
            raise self._not_invoked(type(error).__name__) from error

    def _call(self, client: Any, body: bytes) -> Reply:
        from botocore import exceptions

        try:
            response = client.invoke(FunctionName=self._function.arn, LogType="Tail", Payload=body)
            payload = response["Payload"].read(MAX_PAYLOAD + 1)
        except exceptions.ClientError as error:
            raise self._refused(error.response) from error
        except (exceptions.ConnectTimeoutError, exceptions.ReadTimeoutError) as error:
            limit = self._spec.timeout
            raise timed_out(self._function, f"did not answer within {limit:g} s", limit) from error
        except exceptions.BotoCoreError as error:
            raise self._not_invoked(type(error).__name__) from error
        return Reply(payload=payload, is_function_error="FunctionError" in response, log=response.get("LogResult", ""))

    def _refused(self, response: Mapping[str, Any]) -> FunctionFailed:
        code = str(response.get("Error", {}).get("Code", "unknown"))
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if status == 429:
            return throttled(self._function, f"was not run: AWS answered {code}; raise the function's concurrency")
        return self._not_invoked(code)

    def _not_invoked(self, code: str) -> FunctionFailed:
        return failed(self._function, f"was not run: {code}: {_MENDS.get(code, _SEE)}", code)


def _wait() -> None:
    """Leave the thread to boto3's own limits."""
