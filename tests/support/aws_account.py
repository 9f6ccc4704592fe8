"""An AWS account on this machine, for boto3. Import as ``aws_account``.

::

    account = Account(config, functions={"pumps": LambdaFunction(permissions=())}, denied=(...))
    with serving(account) as environment: ...        the variables that point boto3 at it
    running(config, runtimes=account.runtimes)       a gateway whose functions stand in this account's Lambda
    account.calls                                    the actions that it was asked for

It has what the gateway's configuration has: authorizers, default, domain configurations; the functions run for real.
Every answer is checked against botocore's service models before it is sent.
"""

from __future__ import annotations

import contextlib
import http.server
import os
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import Factory, define, field

from aws_account_lambda import InLambda, LambdaFunction
from aws_account_operations import OPERATIONS
from aws_account_wire import Call, Refused, answer, check_input, failure, read_call
from customauth.gateway.config import Authorizer, GatewayConfig
from customauth.gateway.runtimes.contract import FunctionSpec, Runtime


@define
class Account:
    """The account, and what was asked of it.

    :ivar functions: by the name of the authorizer; the others have a function that is as it should be.
    :ivar denied: actions that the caller may not do.
    :ivar calls: the actions that were asked for, in order.
    :ivar log: by log group, the messages with the time of each in milliseconds since 1970.
    """

    config: GatewayConfig
    functions: Mapping[str, LambdaFunction] = Factory(dict)
    denied: tuple[str, ...] = ()
    calls: list[str] = field(factory=list)
    log: dict[str, list[tuple[int, str]]] = field(factory=dict)

    @property
    def caller(self) -> str:
        """The ARN of whoever asks."""
        return f"arn:aws:iam::{self.config.account}:user/developer"

    def runtimes(self, spec: FunctionSpec) -> Runtime:
        """Run a function as Lambda does for AWS IoT Core: where it exists, may be invoked, and within its time."""
        return InLambda(self, spec)

    def authorizer_of(self, function_arn: str) -> Authorizer:
        """Return the authorizer that has this function.

        :raises KeyError: none has.
        """
        for authorizer in self.config.authorizers.values():
            if self.config.function_arn(authorizer) == function_arn:
                return authorizer
        raise KeyError(function_arn)

    def authorizer_arn(self, authorizer: Authorizer) -> str:
        return self.config.arn(f"authorizer/{authorizer.name}")

    def lambda_of(self, authorizer: Authorizer) -> LambdaFunction:
        return self.functions.get(authorizer.name, LambdaFunction())

    def statements(self, authorizer: Authorizer) -> list[dict[str, Any]]:
        """Return the resource policy of an authorizer's function (G4)."""
        arns = {"authorizer": self.authorizer_arn(authorizer), "function": self.config.function_arn(authorizer)}
        found = []
        for number, given in enumerate(self.lambda_of(authorizer).permissions):
            statement = {
                "Sid": f"iot-{number}",
                "Effect": "Allow",
                "Principal": {"Service": given["principal"]},
                "Action": given["action"],
                "Resource": arns["function"],
            }
            condition: dict[str, Any] = {}
            if given.get("source_account") is not None:
                condition["StringEquals"] = {"AWS:SourceAccount": given["source_account"]}
            if given.get("source_arn") is not None:
                condition["ArnLike"] = {"AWS:SourceArn": given["source_arn"].format(**arns)}
            found.append(statement | ({"Condition": condition} if condition else {}))
        return found

    def may_be_invoked(self, authorizer: Authorizer) -> bool:
        """Say whether AWS IoT Core may invoke the function for its authorizer (G2)."""
        wanted = {"AWS:SourceArn": self.authorizer_arn(authorizer), "AWS:SourceAccount": self.config.account}
        return any(
            statement["Principal"] == {"Service": "iot.amazonaws.com"}
            and statement["Action"] in ("lambda:InvokeFunction", "lambda:*")
            and all(
                wanted[key] == value
                for asked in statement.get("Condition", {}).values()
                for key, value in asked.items()
            )
            for statement in self.statements(authorizer)
        )

    def note(self, group: str, message: str) -> None:
        """Write into a log group."""
        self.log.setdefault(group, []).append((int(time.time() * 1000), message))

    def do(self, call: Call) -> Mapping[str, Any]:
        """Carry an operation out.

        :raises Refused: as the service would.
        :raises NotImplementedError: the account does not have this operation.
        """
        self.calls.append(call.action)
        if call.action in self.denied:
            code = "AccessDenied" if call.service == "sts" else "AccessDeniedException"
            raise Refused(code, f"User: {self.caller} is not authorized to perform: {call.action}")
        check_input(call)
        handler = OPERATIONS.get(call.action)
        if handler is None:
            raise NotImplementedError(call.action)
        return handler(self, call)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, account: Account) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.account = account
        self.failures: list[Exception] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that leave."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            call = read_call(self.command, self.path, dict(self.headers.items()), body)
            try:
                reply = answer(call, self.server.account.do(call))
            except Refused as refused:
                reply = failure(call, refused)
        except Exception as error:
            self.server.failures.append(error)
            reply = 501, {"Content-Type": "text/plain"}, repr(error).encode()
        status, headers, content = reply
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _serve  # noqa: N815 - http.server's own names

    def log_message(self, *args: Any) -> None:
        """Keep the tests' output clean."""


@contextlib.contextmanager
def serving(account: Account) -> Iterator[dict[str, str]]:
    """Serve the account; yields the environment variables that point boto3 at it.

    :raises Exception: at the end, the first thing that the account could not answer in its service's terms.
    """
    with _Server(account) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield {
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_address[1]}",
                "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
                "AWS_SECRET_ACCESS_KEY": "none",
                "AWS_DEFAULT_REGION": account.config.region,
                # Nothing of whoever runs the tests.
                "AWS_CONFIG_FILE": os.devnull,
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
                "AWS_EC2_METADATA_DISABLED": "true",
                "NO_PROXY": "127.0.0.1",
            }
        finally:
            server.shutdown()
            thread.join()
    if server.failures:
        raise server.failures[0]
