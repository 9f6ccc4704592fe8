"""AWS's API as botocore's Stubber plays it: every request and answer is checked against the service models.

Import as ``stubbed_aws``::

    account = StubbedAccount()                                   of ACCOUNT, in REGION; close() it in the end
    account.answers("iot", "describe_endpoint", {...}, {...})    in the order in which they are asked, by service
    account.refuses("iot", "describe_authorizer", "ResourceNotFoundException")
    account.checks(setup, invoke=False)                          what ask_aws gives; all of the above must be asked for
    authorizer(), function(), permission(), answer()             answers of a healthy account
    setup_of(credentials, ...)                                   what a device with these credentials sends
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import boto3
from attrs import define, field
from botocore.stub import Stubber

from customauth import CustomAuth, Endpoint, MqttVersion, SignedToken
from customauth.doctor.aws import ask_aws
from customauth.doctor.aws.clients import AwsClients
from customauth.doctor.finding import Certainty, Check, Finding
from customauth.doctor.parameters import parameters_of, parts_of
from customauth.doctor.setup import Setup
from customauth.signing import KeyPair, generate_key_pair, signed_token

ACCOUNT = "123456789012"
REGION = "eu-west-1"
HOST = f"a1b2c3-ats.iot.{REGION}.amazonaws.com"
NAME = "pumps"
AUTHORIZER_ARN = f"arn:aws:iot:{REGION}:{ACCOUNT}:authorizer/{NAME}"
FUNCTION = "pumps-authorizer"
FUNCTION_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{FUNCTION}"
CALLER = {"UserId": "AIDAEXAMPLE", "Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/developer"}
NOW = datetime(2025, 11, 3, 9, 30, tzinfo=UTC)
TOKEN = "open-sesame-of-pump-7"
PASSWORD = b"wonderland behind the glass"
KEYS: KeyPair = generate_key_pair()


@define
class StubbedAccount:
    """An account whose every answer is prepared; it is what a ``boto3.Session`` is to the doctor."""

    region: str = REGION
    home: str | None = REGION
    _stubs: dict[tuple[str, str], tuple[Any, Stubber]] = field(factory=dict)

    def client(self, service: str, *, region_name: str, config: object = None) -> Any:
        """Return the stubbed client of a service, as a session does."""
        place = (service, region_name)
        if place not in self._stubs:
            client = _client(service, region_name)
            stubber = Stubber(client)
            stubber.activate()
            self._stubs[place] = (client, stubber)
        return self._stubs[place][0]

    def answers(
        self,
        service: str,
        operation: str,
        response: Mapping[str, Any],
        expected: Mapping[str, Any] | None = None,
        *,
        region: str | None = None,
    ) -> None:
        """Prepare an answer; ``expected`` are the request's members, None for any."""
        self._stub(service, region).add_response(
            operation, dict(response), None if expected is None else dict(expected)
        )

    def refuses(
        self, service: str, operation: str, code: str, text: str = "", *, status: int = 400, region: str | None = None
    ) -> None:
        """Prepare an error."""
        self._stub(service, region).add_client_error(
            operation, service_error_code=code, service_message=text, http_status_code=status
        )

    def checks(self, setup: Setup, **options: Any) -> list[Check]:
        """Ask; whatever was prepared must be asked for, and nothing else."""
        clients = AwsClients(session=self, region=self.region, home=self.home)
        checks = list(ask_aws(setup, clients=clients, **({"now": NOW} | options)))
        for check in checks:
            assert "Stub" not in check.detail, check
        for _, stubber in self._stubs.values():
            stubber.assert_no_pending_responses()
        return checks

    def close(self) -> None:
        """Give the clients back: they are shared, as it takes long to make one."""
        for _, stubber in self._stubs.values():
            stubber.deactivate()

    def _stub(self, service: str, region: str | None) -> Stubber:
        self.client(service, region_name=region or self.region)
        return self._stubs[service, region or self.region][1]


@functools.cache
def _client(service: str, region: str) -> Any:
    session = boto3.session.Session(aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="secret", region_name=region)
    return session.client(service)


def authorizer(**changed: Any) -> dict[str, Any]:
    """Return the answer of DescribeAuthorizer (G9)."""
    description = {
        "authorizerName": NAME,
        "authorizerArn": AUTHORIZER_ARN,
        "authorizerFunctionArn": FUNCTION_ARN,
        "tokenKeyName": "token",
        "tokenSigningPublicKeys": {"key1": KEYS.public_pem.decode()},
        "status": "ACTIVE",
        "signingDisabled": False,
    }
    return {"authorizerDescription": description | changed}


def unsigned(**changed: Any) -> dict[str, Any]:
    """Return the same for an authorizer with signing disabled."""
    found = authorizer(signingDisabled=True, **changed)
    del found["authorizerDescription"]["tokenSigningPublicKeys"]
    return found


def function(**changed: Any) -> dict[str, Any]:
    """Return the answer of GetFunctionConfiguration."""
    return {"FunctionName": FUNCTION, "State": "Active", "Timeout": 5, "Runtime": "python3.13"} | changed


def permission(**changed: Any) -> dict[str, Any]:
    """Return the answer of GetPolicy for a function that AWS IoT may invoke (G4)."""
    statement = {
        "Sid": "iot-pumps",
        "Effect": "Allow",
        "Principal": {"Service": "iot.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": FUNCTION_ARN,
        "Condition": {
            "StringEquals": {"AWS:SourceAccount": ACCOUNT},
            "ArnLike": {"AWS:SourceArn": AUTHORIZER_ARN},
        },
    } | changed
    return {"Policy": json.dumps({"Version": "2012-10-17", "Id": "default", "Statement": [statement]})}


def policy(*statements: Mapping[str, Any]) -> str:
    """Return a policy document as TestInvokeAuthorizer does."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str, resource: str, effect: str = "Allow", **more: Any) -> dict[str, Any]:
    """Return a statement about a resource of the account."""
    return {"Effect": effect, "Action": action, "Resource": f"arn:aws:iot:{REGION}:{ACCOUNT}:{resource}", **more}


def answer(*documents: str, authenticated: bool = True) -> dict[str, Any]:
    """Return the answer of TestInvokeAuthorizer (B24)."""
    return {
        "isAuthenticated": authenticated,
        "principalId": "pump7",
        "policyDocuments": list(documents or (policy(allow("iot:*", "*")),)),
        "refreshAfterInSeconds": 300,
        "disconnectAfterInSeconds": 86400,
    }


def signed(**changed: Any) -> CustomAuth:
    """Return credentials with a token and its signature."""
    token: SignedToken = signed_token("token", TOKEN, KEYS.private_pem)
    return CustomAuth(**{"authorizer": NAME, "username": "pump-7", "token": token} | changed)


def with_password(**changed: Any) -> CustomAuth:
    """Return credentials with a password."""
    return CustomAuth(**{"authorizer": NAME, "username": "pump-7", "password": PASSWORD} | changed)


def setup_of(credentials: CustomAuth, *, username: str | None = None, **changed: Any) -> Setup:
    """Return what a device with these credentials sends.

    :param username: sent in the place of what the credentials make.
    """
    sent = credentials.mqtt_username() if username is None else username
    given: dict[str, Any] = {
        "endpoint": Endpoint.parse(HOST),
        "version": MqttVersion.V5,
        "client_id": "pump-7",
        "client_id_given": True,
        "username": sent,
        "user": credentials.username,
        "password": credentials.password,
    }
    setup = Setup(**given | changed)
    parts = parts_of(parameters_of(setup))
    return Setup(**given | {"parts": parts} | changed)


def healthy(account: StubbedAccount, *, described: Mapping[str, Any] | None = None) -> None:
    """Prepare all that is asked before the function is run, with nothing wrong."""
    account.answers("sts", "get_caller_identity", CALLER)
    account.answers("iot", "describe_endpoint", {"endpointAddress": HOST}, {"endpointType": "iot:Data-ATS"})
    account.answers("iot", "describe_authorizer", described or authorizer(), {"authorizerName": NAME})
    healthy_function(account)


def healthy_function(account: StubbedAccount) -> None:
    """Prepare what is asked about the function, with nothing wrong."""
    account.answers("lambda", "get_function_configuration", function(), {"FunctionName": FUNCTION})
    account.answers("lambda", "get_function_concurrency", {}, {"FunctionName": FUNCTION})
    account.answers("lambda", "get_policy", permission(), {"FunctionName": FUNCTION})
    quiet_logs(account)


def quiet_logs(account: StubbedAccount) -> None:
    """Prepare logs without anything in them."""
    account.answers("logs", "filter_log_events", {"events": []})
    account.refuses("logs", "filter_log_events", "ResourceNotFoundException")


def by_name(checks: list[Check]) -> dict[str, Check]:
    """Return the checks by their names."""
    return {check.name: check for check in checks}


def findings(checks: list[Check]) -> list[Finding]:
    """Return what the checks found."""
    return [finding for check in checks for finding in check.findings]


def rules(checks: list[Check]) -> list[tuple[str, Certainty]]:
    """Return the rules of what they found, and how sure it is."""
    return [(finding.rule, finding.certainty) for finding in findings(checks)]
