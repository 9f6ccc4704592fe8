"""The account on this machine that stands in for AWS: boto3 itself is its client."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ParamValidationError

import aws_account_wire as wire
from aws_account import Account, serving
from aws_account_lambda import LambdaFunction, permission
from customauth.gateway import load_config
from customauth.signing import generate_key_pair, sign

FUNCTION = """
import base64

def handler(event, context):
    mqtt = event["protocolData"]["mqtt"]
    if mqtt["clientId"] == "broken":
        raise KeyError("no pump of that name")
    return {
        "isAuthenticated": base64.b64decode(mqtt["password"]) == b"wonderland",
        "principalId": "pump",
        "policyDocuments": [{"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}]}],
    }
"""
CONFIG = """
[gateway]
names = ["a1b2-ats.iot.eu-central-1.amazonaws.com"]
region = "eu-central-1"
default_authorizer = "open"

[authorizers.open]
status = "ACTIVE"
function = "authorizer.py:handler"
signing_disabled = true

[authorizers.signed]
function = "authorizer.py:handler"
token_key_name = "token"
token_signing_public_keys = { key1 = "public.pem" }

[domain_configurations.field]
server_name = "mqtt.pumps.test"
authentication_type = "CUSTOM_AUTH"
application_protocol = "SECURE_MQTT"
default_authorizer = "open"
allow_authorizer_override = false
"""

Clients = Callable[..., Any]


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Account]:
    keys = generate_key_pair()
    (tmp_path / "gateway.toml").write_text(CONFIG)
    (tmp_path / "authorizer.py").write_text(FUNCTION)
    (tmp_path / "public.pem").write_bytes(keys.public_pem)
    (tmp_path / "private.pem").write_bytes(keys.private_pem)
    return lambda **changed: Account(load_config(tmp_path / "gateway.toml"), **changed)


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clients]:
    with contextlib.ExitStack() as stack:

        def client_of(account: Account, service: str, region: str = "eu-central-1") -> Any:
            for name, value in stack.enter_context(serving(account)).items():
                monkeypatch.setenv(name, value)
            client = boto3.session.Session().client(service, region_name=region)
            stack.callback(client.close)
            return client

        yield client_of


def code(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    response = error.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_the_endpoint_is_the_gateways_first_name(make: Callable[..., Account], clients: Clients) -> None:
    iot = clients(make(), "iot")

    assert iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"] == (
        "a1b2-ats.iot.eu-central-1.amazonaws.com"
    )
    assert iot.describe_endpoint()["endpointAddress"] == "a1b2.iot.eu-central-1.amazonaws.com"


def test_an_authorizer_is_described_with_its_keys_and_status(make: Callable[..., Account], clients: Clients) -> None:
    iot = clients(make(), "iot")

    signed = iot.describe_authorizer(authorizerName="signed")["authorizerDescription"]
    default = iot.describe_default_authorizer()["authorizerDescription"]

    assert (signed["status"], signed["tokenKeyName"]) == ("INACTIVE", "token")
    assert signed["tokenSigningPublicKeys"]["key1"].startswith("-----BEGIN PUBLIC KEY-----")
    assert (default["authorizerName"], default["status"]) == ("open", "ACTIVE")


def test_what_is_not_there_is_a_modelled_404(make: Callable[..., Account], clients: Clients) -> None:
    account = make()

    with pytest.raises(ClientError) as elsewhere:
        clients(account, "iot", "eu-west-1").describe_authorizer(authorizerName="open")
    with pytest.raises(ClientError) as missing:
        clients(account, "iot").describe_authorizer(authorizerName="opne")

    assert code(elsewhere) == code(missing) == ("ResourceNotFoundException", 404)
    assert missing.value.response["Error"]["Message"] == "Authorizer opne not found"


def test_a_domain_configuration_is_listed_and_described(make: Callable[..., Account], clients: Clients) -> None:
    iot = clients(make(), "iot")

    names = [one["domainConfigurationName"] for one in iot.list_domain_configurations()["domainConfigurations"]]
    field = iot.describe_domain_configuration(domainConfigurationName="field")

    assert names == ["iot:Data-ATS", "field"]
    assert field["domainName"] == "mqtt.pumps.test"
    assert field["authorizerConfig"] == {"defaultAuthorizerName": "open", "allowAuthorizerOverride": False}


def test_a_test_invocation_runs_the_function(make: Callable[..., Account], clients: Clients) -> None:
    iot = clients(make(), "iot")

    def ask(password: bytes) -> Any:
        return iot.test_invoke_authorizer(
            authorizerName="open", mqttContext={"username": "alice", "password": password, "clientId": "pump-7"}
        )

    assert ask(b"wonderland")["isAuthenticated"] is True
    assert ask(b"wonder")["isAuthenticated"] is False
    assert '"iot:Connect"' in ask(b"wonderland")["policyDocuments"][0]


def test_a_test_invocation_fails_as_the_service_words_it(
    make: Callable[..., Account], clients: Clients, tmp_path: Path
) -> None:
    account = make()
    iot = clients(account, "iot")
    signature = sign("t1", (tmp_path / "private.pem").read_bytes())

    with pytest.raises(ClientError, match="Token signature mismatch for authorizer signed"):
        iot.test_invoke_authorizer(authorizerName="signed", token="t2", tokenSignature=signature)
    with pytest.raises(ClientError, match="encountered error in execution: 'no pump of that name': KeyError") as raised:
        iot.test_invoke_authorizer(authorizerName="open", mqttContext={"clientId": "broken", "password": b"x"})

    assert code(raised) == ("InvalidResponseException", 400)
    logs = clients(account, "logs")
    [event] = logs.filter_log_events(logGroupName="/aws/lambda/open")["events"]
    assert event["message"].startswith("[ERROR] KeyError")


@pytest.mark.parametrize(
    "permissions",
    [(), (permission(source_arn="{function}"),), (permission(principal="apigateway.amazonaws.com"),)],
    ids=["none", "its own ARN", "another service"],
)
def test_a_function_that_iot_may_not_invoke_is_not_run(
    permissions: tuple[Any, ...], make: Callable[..., Account], clients: Clients
) -> None:
    account = make(functions={"open": LambdaFunction(permissions=permissions)})

    with pytest.raises(ClientError) as refused:
        clients(account, "iot").test_invoke_authorizer(authorizerName="open", mqttContext={"clientId": "pump-7"})

    assert code(refused) == ("UnauthorizedException", 401)
    assert account.log == {}


def test_the_resource_policy_is_the_one_of_add_permission(make: Callable[..., Account], clients: Clients) -> None:
    account = make(functions={"signed": LambdaFunction(permissions=())})
    client = clients(account, "lambda")

    policy = client.get_policy(FunctionName="arn:aws:lambda:eu-central-1:123456789012:function:open")["Policy"]

    assert "arn:aws:iot:eu-central-1:123456789012:authorizer/open" in policy
    with pytest.raises(ClientError) as none:
        client.get_policy(FunctionName="signed")
    assert code(none) == ("ResourceNotFoundException", 404)


def test_a_function_has_its_timeout_and_its_concurrency(make: Callable[..., Account], clients: Clients) -> None:
    account = make(
        functions={"open": LambdaFunction(timeout=30, concurrency=0), "signed": LambdaFunction(exists=False)}
    )
    client = clients(account, "lambda")

    assert client.get_function_configuration(FunctionName="open")["Timeout"] == 30
    assert client.get_function_concurrency(FunctionName="open")["ReservedConcurrentExecutions"] == 0
    assert client.get_function(FunctionName="open")["Configuration"]["State"] == "Active"
    with pytest.raises(ClientError) as missing:
        client.get_function_configuration(FunctionName="signed")
    assert code(missing) == ("ResourceNotFoundException", 404)


@pytest.mark.parametrize(
    ("service", "action", "status"),
    [
        ("sts", "sts:GetCallerIdentity", 403),
        ("iot", "iot:DescribeEndpoint", 403),
        ("lambda", "lambda:GetPolicy", 403),
        ("logs", "logs:FilterLogEvents", 400),
    ],
)
def test_a_denied_action_is_named(
    service: str, action: str, status: int, make: Callable[..., Account], clients: Clients
) -> None:
    client = clients(make(denied=(action,)), service)
    calls = {
        "sts": lambda: client.get_caller_identity(),
        "iot": lambda: client.describe_endpoint(),
        "lambda": lambda: client.get_policy(FunctionName="open"),
        "logs": lambda: client.filter_log_events(logGroupName="/aws/lambda/open"),
    }

    with pytest.raises(ClientError, match=f"not authorized to perform: {action}") as denied:
        calls[service]()

    assert code(denied) == ("AccessDenied" if service == "sts" else "AccessDeniedException", status)


def test_the_caller_is_known(make: Callable[..., Account], clients: Clients) -> None:
    assert clients(make(), "sts").get_caller_identity()["Account"] == "123456789012"


def test_a_pattern_of_the_model_holds(make: Callable[..., Account], clients: Clients) -> None:
    with pytest.raises(ClientError, match="tokenSignature") as refused:
        clients(make(), "iot").test_invoke_authorizer(authorizerName="signed", token="t1", tokenSignature="a_b-")

    assert code(refused) == ("InvalidRequestException", 400)


def test_an_answer_without_the_models_shape_is_not_sent(make: Callable[..., Account]) -> None:
    headers = {"Authorization": "Credential=AKIA/20251103/eu-central-1/iot/aws4_request"}
    call = wire.read_call("GET", "/authorizer/open", headers, b"")

    assert (call.action, call.parameters) == ("iot:DescribeAuthorizer", {"authorizerName": "open"})
    with pytest.raises(ParamValidationError):
        wire.answer(call, {"authorizerDescription": {"authorizerName": 7}})
    with pytest.raises(ParamValidationError):
        wire.answer(call, {"authoriserDescription": {}})
    with pytest.raises(ValueError, match="has no error"):
        wire.failure(call, wire.Refused("DeleteConflictException", "no"))
