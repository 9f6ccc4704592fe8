"""TestInvokeAuthorizer: what it refuses, the event that it makes, and what it gives back."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import pytest
from attrs import frozen

from customauth.authorizer import MqttContext, TlsContext
from customauth.gateway import GatewayConfig, Grant, Reason, Refusal, invoking, load_config
from customauth.gateway import invoke_request as asked
from customauth.gateway.attempt import Attempt
from customauth.gateway.origin import HttpRequest, Origin
from customauth.gateway.routing import Spoken
from customauth.gateway.runtimes.choose import bundled_runtime
from customauth.signing import sign
from gateways import ALLOW, RECORDING, TOKEN, Keys, allow, connect, named, signed

CONFIG = """
[gateway]
names = ["localhost"]

[authorizers.signed]
status = "ACTIVE"
function = "authorizer.py:handler"
token_key_name = "token"
token_signing_public_keys = { old = "old.pem", new = "new.pem" }
environment = { STAGE = "beta" }

[authorizers.open]
status = "ACTIVE"
function = "authorizer.py:handler"
signing_disabled = true

[authorizers.asleep]
function = "authorizer.py:handler"
signing_disabled = true

[domain_configurations.off]
server_name = "off.example.test"
authentication_type = "CUSTOM_AUTH"
application_protocol = "SECURE_MQTT"
default_authorizer = "open"
allow_authorizer_override = true
status = "DISABLED"

[domain_configurations.fixed]
server_name = "fixed.example.test"
authentication_type = "CUSTOM_AUTH"
application_protocol = "SECURE_MQTT"
default_authorizer = "open"
allow_authorizer_override = false

[domain_configurations.both]
server_name = "both.example.test"
authentication_type = "CUSTOM_AUTH_X509"
application_protocol = "SECURE_MQTT"
default_authorizer = "open"
allow_authorizer_override = true
"""
MQTT = MqttContext(username=None, password=b"secret", client_id="device")


@frozen
class Bench:
    """A configuration, its function, and what the function was asked."""

    config: GatewayConfig
    folder: Path

    def ask(self, authorizer: str = "open", **members: Any) -> invoking.TestResult:
        """Make one request."""
        request = asked.TestRequest(authorizer=authorizer, **members)
        return asyncio.run(invoking.test_invoke(self.config, bundled_runtime, request))

    def refused(self, authorizer: str = "open", **members: Any) -> asked.ServiceError:
        """Make a request that is refused before the function runs, and return the error."""
        with pytest.raises(asked.ServiceError) as caught:
            self.ask(authorizer, **members)
        assert self.events() == []
        return caught.value

    def answer(self, answer: object) -> None:
        """Let the function answer this from now on."""
        (self.folder / "answer.json").write_text(json.dumps(answer))

    def events(self) -> list[str]:
        """Return the events that the function was asked with, as JSON text."""
        file = self.folder / "events"
        return file.read_text().splitlines() if file.exists() else []

    def event(self) -> str:
        """Return the one event, its random id checked and put away."""
        (event,) = self.events()
        found = re.search(r'\{"id": "([^"]*)"\}\}$', event)
        assert found
        assert str(uuid.UUID(found[1])) == found[1]
        return event.replace(found[1], "ID")


@pytest.fixture
def bench(tmp_path: Path, keys: Keys) -> Bench:
    (tmp_path / "authorizer.py").write_text(RECORDING)
    (tmp_path / "old.pem").write_bytes(keys.old.public_pem)
    (tmp_path / "new.pem").write_bytes(keys.new.public_pem)
    (tmp_path / "gateway.toml").write_text(CONFIG)
    bench = Bench(load_config(tmp_path / "gateway.toml"), tmp_path)
    bench.answer(ALLOW)
    return bench


# What is refused before the function runs.


@pytest.mark.fact("B26")
def test_nothing_at_all_is_refused(bench: Bench) -> None:
    for authorizer in ("open", "signed"):
        error = bench.refused(authorizer)
        assert (error.code, error.text) == ("InvalidRequestException", "Request must have Http/Mqtt/Tls context.")


@pytest.mark.fact("B26")
@pytest.mark.parametrize("half", [{"token": TOKEN}, {"token_signature": "AAAA"}], ids=["token", "signature"])
@pytest.mark.parametrize("authorizer", ["open", "signed"])
def test_half_of_token_and_signature_is_refused(bench: Bench, authorizer: str, half: dict[str, str]) -> None:
    error = bench.refused(authorizer, **half)
    assert error.code == "InvalidRequestException"
    assert error.text == "Request must provide both token and tokenSignature together."


@pytest.mark.fact("B26")
def test_a_token_where_signing_is_disabled_is_refused(bench: Bench, keys: Keys) -> None:
    error = bench.refused("open", token=TOKEN, token_signature=sign(TOKEN, keys.old.private_pem))
    assert error.code == "InvalidRequestException"
    assert error.text == "Token and token signature provided but signing is disabled for the authorizer."


@pytest.mark.fact("B26")
@pytest.mark.parametrize(
    "context",
    [{"mqtt": MQTT}, {"tls": TlsContext(server_name="a")}, {"http": asked.HttpTestContext(headers={"A": "b"})}],
    ids=["mqtt", "tls", "http"],
)
def test_a_token_beside_a_context_is_refused(bench: Bench, keys: Keys, context: dict[str, Any]) -> None:
    signature = sign(TOKEN, keys.old.private_pem)
    error = bench.refused("signed", token=TOKEN, token_signature=signature, **context)
    assert error.code == "InvalidRequestException"
    assert error.text == "Request cannot have token and Http/Mqtt/Tls context."


@pytest.mark.fact("B26")
def test_a_query_string_without_its_question_mark_is_refused(bench: Bench) -> None:
    error = bench.refused(http=asked.HttpTestContext(query_string="a=b"))
    assert (error.code, error.text) == ("InvalidRequestException", "Invalid arguments in the call")


@pytest.mark.fact("B26")
def test_a_signature_of_a_stranger_or_of_another_token_is_a_mismatch(bench: Bench, keys: Keys) -> None:
    of_stranger = bench.refused("signed", token=TOKEN, token_signature=sign(TOKEN, keys.stranger.private_pem))
    of_other = bench.refused("signed", token=TOKEN, token_signature=sign("other", keys.old.private_pem))
    in_context = bench.refused(
        "signed", mqtt=MqttContext(username=signed(keys.stranger), password=None, client_id="device")
    )
    for error in (of_stranger, of_other, in_context):
        assert error.code == "InvalidRequestException"
        assert error.text == "Token signature mismatch for authorizer signed"
        assert error.fix


@pytest.mark.fact("B26")
@pytest.mark.parametrize("username", [None, "alice", "alice?token=t", "?x-amz-customauthorizer-signature=AAAA"])
def test_a_context_without_token_and_signature_is_refused_without_a_message(bench: Bench, username: str | None) -> None:
    error = bench.refused("signed", mqtt=MqttContext(username=username, password=None, client_id="device"))
    assert (error.code, error.text) == ("InvalidRequestException", None)
    assert error.fix


@pytest.mark.fact("B26", "B14")
def test_an_authorizer_that_does_not_exist_is_not_found(bench: Bench) -> None:
    error = bench.refused("nobody", mqtt=MQTT)
    assert (error.code, error.text) == ("ResourceNotFoundException", "Authorizer nobody not found")
    assert error.fix == "name one of signed, open, asleep"


@pytest.mark.fact("A21", "B15")
@pytest.mark.parametrize(
    ("members", "member", "constraint"),
    [
        ({"token": ""}, "token", "Member must have length greater than or equal to 1"),
        ({"token": "t" * 6145}, "token", "Member must have length less than or equal to 6144"),
        ({"token_signature": "A" * 2561}, "tokenSignature", "Member must have length less than or equal to 2560"),
        (
            {"token_signature": "not base64!"},
            "tokenSignature",
            "Member must satisfy regular expression pattern: [A-Za-z0-9+/]+={0,2}",
        ),
        (
            {"http": asked.HttpTestContext(query_string="")},
            "httpContext.queryString",
            "Member must have length greater than or equal to 1",
        ),
        (
            {"http": asked.HttpTestContext(query_string="?" + 4096 * "a")},
            "httpContext.queryString",
            "Member must have length less than or equal to 4096",
        ),
        (
            {"http": asked.HttpTestContext(headers={"A": "b" * 8193})},
            "httpContext.headers",
            "Member must have length less than or equal to 8192",
        ),
        (
            {"mqtt": MqttContext(username="u" * 65536, password=None, client_id=None)},
            "mqttContext.username",
            "Member must have length less than or equal to 65535",
        ),
        (
            {"mqtt": MqttContext(username=None, password=b"", client_id=None)},
            "mqttContext.password",
            "Member must have length greater than or equal to 1",
        ),
        (
            {"mqtt": MqttContext(username=None, password=None, client_id="")},
            "mqttContext.clientId",
            "Member must have length greater than or equal to 1",
        ),
        (
            {"tls": TlsContext(server_name="n" * 254)},
            "tlsContext.serverName",
            "Member must have length less than or equal to 253",
        ),
    ],
)
def test_a_member_out_of_its_limits_is_a_validation_error(
    bench: Bench, members: dict[str, Any], member: str, constraint: str
) -> None:
    error = bench.refused("nobody", **members)
    assert error.code == "InvalidRequestException"
    assert error.text == (
        f"1 validation error detected: Value at '{member}' failed to satisfy constraint: {constraint}"
    )


@pytest.mark.fact("B15")
def test_several_validation_errors_are_counted_and_joined(bench: Bench) -> None:
    text = bench.refused(token="", token_signature="-").text or ""
    assert text.startswith("2 validation errors detected: Value at 'token' failed")
    assert "; Value at 'tokenSignature' failed" in text


@pytest.mark.fact("A21")
def test_members_at_their_limits_are_taken(bench: Bench, keys: Keys) -> None:
    token = "t" * 6144
    bench.ask("signed", token=token, token_signature=sign(token, keys.old.private_pem))
    assert json.loads(bench.event())["token"] == token


# The event.


@pytest.mark.fact("B27", "C3", "C4")
def test_the_event_of_a_token_is_exactly_that(bench: Bench, keys: Keys) -> None:
    bench.ask("signed", token=TOKEN, token_signature=sign(TOKEN, keys.new.private_pem))
    assert bench.event() == (
        '{"token": "a token=of/words", "signatureVerified": true, "connectionMetadata": {"id": "ID"}}'
    )


@pytest.mark.fact("B23", "B28", "C2", "A19")
def test_contexts_are_copied_in_the_order_of_aws(bench: Bench) -> None:
    bench.ask(
        mqtt=MqttContext(username="alice", password=b"\xff\x00?", client_id="device"),
        http=asked.HttpTestContext(headers={"X-Mixed": "Va lue", "b": "c"}, query_string="?a=b&c=%20"),
        tls=TlsContext(server_name="Some.Name"),
    )
    assert bench.event() == (
        '{"protocolData": {"tls": {"serverName": "Some.Name"}, '
        '"mqtt": {"username": "alice", "password": "/wA/", "clientId": "device"}, '
        '"http": {"headers": {"X-Mixed": "Va lue", "b": "c"}, "queryString": "?a=b&c=%20"}}, '
        '"protocols": ["tls", "http", "mqtt"], "signatureVerified": false, "connectionMetadata": {"id": "ID"}}'
    )


@pytest.mark.fact("B28", "C1", "C12", "A20")
@pytest.mark.parametrize(
    ("context", "data", "protocol"),
    [
        ({"mqtt": MqttContext(username=None, password=None, client_id="d")}, {"mqtt": {"clientId": "d"}}, "mqtt"),
        ({"mqtt": MqttContext(username=None, password=None, client_id=None)}, {"mqtt": {}}, "mqtt"),
        ({"http": asked.HttpTestContext(headers={"A": "b"})}, {"http": {"headers": {"A": "b"}}}, "http"),
        ({"http": asked.HttpTestContext(query_string="?a")}, {"http": {"queryString": "?a"}}, "http"),
        ({"tls": TlsContext(server_name="n")}, {"tls": {"serverName": "n"}}, "tls"),
    ],
)
def test_what_is_not_given_is_not_in_the_event(
    bench: Bench, context: dict[str, Any], data: dict[str, Any], protocol: str
) -> None:
    bench.ask(**context)
    event = json.loads(bench.event())
    assert event["protocolData"] == data
    assert event["protocols"] == [protocol]


@pytest.mark.fact("B29", "A18", "C3")
def test_signature_and_token_in_the_user_name_are_verified_and_the_token_delivered(bench: Bench, keys: Keys) -> None:
    username = signed(keys.old)
    bench.ask("signed", mqtt=MqttContext(username=username, password=None, client_id="device"))
    event = json.loads(bench.event())
    assert list(event) == ["protocolData", "protocols", "token", "signatureVerified", "connectionMetadata"]
    assert event["token"] == TOKEN
    assert event["signatureVerified"] is True
    assert event["protocolData"] == {"mqtt": {"username": username, "clientId": "device"}}


@pytest.mark.fact("B28", "A17")
def test_signature_and_token_in_headers_or_query_are_verified(bench: Bench, keys: Keys) -> None:
    signature = sign(TOKEN, keys.new.private_pem)
    headers = {"X-Amz-CustomAuthorizer-Signature": signature, "Token": TOKEN}
    query = f"?token={quote(TOKEN)}&x-amz-customauthorizer-signature={quote(signature, safe='')}"
    bench.ask("signed", http=asked.HttpTestContext(headers=headers))
    bench.ask("signed", http=asked.HttpTestContext(query_string=query))
    events = [json.loads(event) for event in bench.events()]
    assert [event["token"] for event in events] == [TOKEN, TOKEN]
    assert events[0]["protocolData"]["http"]["headers"] == headers
    assert events[1]["protocolData"]["http"]["queryString"] == query


@pytest.mark.fact("B21", "C3")
def test_where_signing_is_disabled_no_signature_is_looked_at(bench: Bench, keys: Keys) -> None:
    bench.ask("open", mqtt=MqttContext(username=signed(keys.stranger), password=None, client_id="device"))
    event = json.loads(bench.event())
    assert "token" not in event
    assert event["signatureVerified"] is False


@pytest.mark.fact("C4")
def test_every_invocation_has_an_id_of_its_own(bench: Bench) -> None:
    bench.ask(mqtt=MQTT)
    bench.ask(mqtt=MQTT)
    first, second = (json.loads(event)["connectionMetadata"]["id"] for event in bench.events())
    assert first != second


def test_the_function_has_its_environment(bench: Bench, keys: Keys) -> None:
    (bench.folder / "authorizer.py").write_text(
        "import os\ndef handler(event, context): raise KeyError(os.environ['STAGE'])"
    )
    with pytest.raises(asked.InvalidResponse) as caught:
        bench.ask("signed", token=TOKEN, token_signature=sign(TOKEN, keys.old.private_pem))
    assert caught.value.text == "Lambda function encountered error in execution: 'beta': KeyError"
    assert "protocolData (B27)" in caught.value.fix


# The answer.


@pytest.mark.fact("B24", "C16", "C17")
def test_the_answer_has_the_shape_of_the_service_model(bench: Bench) -> None:
    verbatim = json.dumps(allow("client/*"), indent=1)
    bench.answer(ALLOW | {"policyDocuments": [allow("*"), verbatim]})
    answer = bench.ask(mqtt=MQTT).as_json()
    assert answer == {
        "isAuthenticated": True,
        "principalId": "tester",
        "policyDocuments": [json.dumps(allow("*"), separators=(",", ":")), verbatim],
        "refreshAfterInSeconds": 300,
        "disconnectAfterInSeconds": 86400,
    }
    client = boto3.client("iot", region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none")
    shape = client.meta.service_model.operation_model("TestInvokeAuthorizer").output_shape
    assert list(answer) == list(shape.members)
    python = {"boolean": bool, "string": str, "integer": int, "list": list}
    for name, member in shape.members.items():
        assert type(answer[name]) is python[member.type_name]


@pytest.mark.fact("B25")
def test_an_inactive_authorizer_is_asked_all_the_same(bench: Bench) -> None:
    assert bench.ask("asleep", mqtt=MQTT).answer.authenticated
    prepared = invoking.prepare(bench.config, asked.TestRequest(authorizer="asleep", mqtt=MQTT))
    assert prepared.obstacle
    assert "INACTIVE" in prepared.obstacle.why


@pytest.mark.fact("C16", "C18")
def test_times_at_their_bounds_and_unknown_members_are_taken(bench: Bench) -> None:
    bench.answer(ALLOW | {"refreshAfterInSeconds": 86400, "disconnectAfterInSeconds": 300, "context": {}})
    answer = bench.ask(mqtt=MQTT).as_json()
    assert (answer["refreshAfterInSeconds"], answer["disconnectAfterInSeconds"]) == (86400, 300)


@pytest.mark.fact("C19", "C21")
def test_a_refusal_and_an_empty_list_of_policies_are_answers(bench: Bench) -> None:
    bench.answer(ALLOW | {"isAuthenticated": False})
    refusing = bench.ask(mqtt=MQTT)
    assert refusing.as_json()["isAuthenticated"] is False
    assert refusing.as_json()["principalId"] == "tester"
    assert len(refusing.as_json()["policyDocuments"]) == 1
    assert isinstance(refusing.outlook, Refusal)
    assert refusing.outlook.reason is Reason.NOT_AUTHENTICATED
    bench.answer(ALLOW | {"policyDocuments": []})
    empty = bench.ask(mqtt=MQTT)
    assert empty.as_json()["isAuthenticated"] is True
    assert isinstance(empty.outlook, Refusal)
    assert empty.outlook.reason is Reason.POLICY


_PRINCIPAL = "at principalId failed to satisfy constraint: Member must satisfy ([a-zA-Z0-9]){1,128}"
_POLICIES = "policyDocuments failed to satisfy constraint: "
_TIMES = "failed to satisfy constraint: Member must be greater than 5 minutes and less than 24 hours."
_DOCUMENT = json.dumps(allow("*"))


def _without(name: str, **changes: Any) -> dict[str, Any]:
    return {key: value for key, value in (ALLOW | changes).items() if key != name}


@pytest.mark.fact("B30", "C15", "C19", "C20", "C23")
@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("garbage", "Lambda invocation result is in invalid format"),
        (_without("isAuthenticated"), "Lambda invocation result is in invalid format"),
        (ALLOW | {"isAuthenticated": "true"}, "Lambda invocation result is in invalid format"),
        ({"isAuthenticated": False}, f"null {_PRINCIPAL}"),
        (_without("principalId"), f"null {_PRINCIPAL}"),
        (ALLOW | {"principalId": "bad-principal!"}, f"bad-principal! {_PRINCIPAL}"),
        (_without("policyDocuments"), f"{_POLICIES}List of policies cannot be null."),
        (_without("policyDocuments", isAuthenticated=False), f"{_POLICIES}List of policies cannot be null."),
        (ALLOW | {"policyDocuments": [_DOCUMENT] * 11}, f"{_POLICIES}Number of policies allowed cannot exceed 10"),
        (
            ALLOW | {"policyDocuments": [_DOCUMENT + " " * 2048]},
            f"{_POLICIES}Size of a policy document cannot exceeds hard limit of 2048",
        ),
        (
            ALLOW | {"policyDocuments": ["{"]},
            f"{_POLICIES}Policy document is Malformed: Invalid policy syntax.",
        ),
        (ALLOW | {"refreshAfterInSeconds": 299}, f"299 at refreshAfterInSeconds {_TIMES}"),
        (ALLOW | {"refreshAfterInSeconds": 86401}, f"86401 at refreshAfterInSeconds {_TIMES}"),
        (ALLOW | {"disconnectAfterInSeconds": 299}, f"299 at disconnectAfterInSeconds {_TIMES}"),
        (ALLOW | {"disconnectAfterInSeconds": 86401}, f"86401 at disconnectAfterInSeconds {_TIMES}"),
        (
            ALLOW | {"refreshAfterInSeconds": 10, "disconnectAfterInSeconds": 11},
            f"10 at refreshAfterInSeconds {_TIMES}",
        ),
    ],
)
def test_an_invalid_answer_has_the_text_of_aws(bench: Bench, answer: object, text: str) -> None:
    bench.answer(answer)
    with pytest.raises(asked.InvalidResponse) as caught:
        bench.ask(mqtt=MQTT)
    assert (caught.value.code, caught.value.text) == ("InvalidResponseException", text)


@pytest.mark.fact("B30", "C20")
def test_a_function_that_raises_is_reported_with_its_message_and_type(bench: Bench) -> None:
    source = "def handler(event, context):\n    print('before')\n    raise ValueError('no such user')"
    (bench.folder / "authorizer.py").write_text(source)
    with pytest.raises(asked.InvalidResponse) as caught:
        bench.ask(mqtt=MQTT)
    assert caught.value.text == "Lambda function encountered error in execution: no such user: ValueError"
    assert caught.value.output.startswith("before\n")


@pytest.mark.fact("C24")
def test_a_function_that_does_not_answer_in_time_is_reported(bench: Bench) -> None:
    (bench.folder / "authorizer.py").write_text("import time\ndef handler(event, context): time.sleep(60)")
    with pytest.raises(asked.InvalidResponse) as caught:
        bench.ask(mqtt=MQTT)
    assert caught.value.text == (
        "Lambda function encountered error in execution: Task timed out after 5.00 seconds: Sandbox.Timedout"
    )


@pytest.mark.fact("D11")
def test_a_condition_on_a_thing_refuses_a_client_of_plain_custom_authentication(bench: Bench) -> None:
    document = allow("*")
    document["Statement"][0]["Condition"] = {"Bool": {"iot:Connection.Thing.IsAttached": "true"}}
    bench.answer(ALLOW | {"policyDocuments": [document]})
    outlook = bench.ask(mqtt=MQTT).outlook
    assert isinstance(outlook, Refusal)
    assert outlook.why.endswith("Bool wants iot:Connection.Thing.IsAttached true, and it is false")


@pytest.mark.fact("C21")
def test_the_outlook_is_that_of_the_client_id(bench: Bench) -> None:
    bench.answer(ALLOW | {"policyDocuments": [allow("client/device")]})
    assert isinstance(bench.ask(mqtt=MQTT).outlook, Grant)
    other = bench.ask(mqtt=MqttContext(username=None, password=None, client_id="other")).outlook
    assert isinstance(other, Refusal)
    assert other.reason is Reason.POLICY
    assert bench.ask(mqtt=MqttContext(username=None, password=None, client_id=None)).outlook is None
    assert bench.ask(tls=TlsContext(server_name="n")).outlook is None


# On the event of a live connection.


def _live(
    bench: Bench, username: str | None = None, *, name: str = "localhost", http: HttpRequest | None = None
) -> Attempt:
    origin = Origin(
        connection_id="0f3b7c1a-7a52-4c0e-9d2b-000000000000",
        peer="a test",
        port=443,
        server_name=name,
        alpn="mqtt",
        domain=bench.config.domain(name),
        account=bench.config.account,
        http=http,
    )
    return Attempt(origin=origin, client_id="device", connect=connect(username, password=b"secret"))


def _prepared(found: invoking.Prepared | Refusal) -> invoking.Prepared:
    assert isinstance(found, invoking.Prepared), found
    return found


@pytest.mark.fact("C5", "A18", "A19")
def test_the_event_of_a_connection_is_that_of_the_gateway(bench: Bench) -> None:
    prepared = _prepared(invoking.prepare_live(bench.config, _live(bench, named("open", "alice")), Spoken.MQTT))
    assert json.dumps(prepared.event) == (
        '{"protocolData": {"tls": {"serverName": "localhost"}, "mqtt": '
        '{"username": "alice?x-amz-customauthorizer-name=open", "password": "c2VjcmV0", "clientId": "device"}}, '
        '"protocols": ["tls", "mqtt"], "signatureVerified": false, '
        '"connectionMetadata": {"id": "0f3b7c1a-7a52-4c0e-9d2b-000000000000"}}'
    )
    assert prepared.obstacle is None
    result = asyncio.run(invoking.invoke(bench.config, bundled_runtime, prepared))
    assert isinstance(result.outlook, Grant)
    assert json.loads(bench.events()[0]) == prepared.event


@pytest.mark.fact("C6", "C7", "C8")
def test_the_event_of_a_websocket_has_its_upgrade(bench: Bench) -> None:
    http = HttpRequest(method="GET", path="/mqtt", query="x-amz-customauthorizer-name=open", headers={"host": "h"})
    prepared = _prepared(invoking.prepare_live(bench.config, _live(bench, http=http), Spoken.WEBSOCKET))
    assert prepared.event["protocols"] == ["tls", "http", "mqtt"]
    assert list(prepared.event["protocolData"]) == ["tls", "mqtt", "http"]
    assert prepared.event["protocolData"]["http"] == {
        "headers": {"host": "h"},
        "queryString": "x-amz-customauthorizer-name=open",
    }


@pytest.mark.fact("B20")
def test_a_connection_whose_signature_does_not_verify_causes_no_event(bench: Bench, keys: Keys) -> None:
    found = invoking.prepare_live(bench.config, _live(bench, signed(keys.stranger)), Spoken.MQTT)
    assert isinstance(found, Refusal)
    assert found.reason is Reason.PARAMETER_INVALID


@pytest.mark.fact("B25")
@pytest.mark.parametrize(
    ("name", "username", "asks", "spoken", "obstacle"),
    [
        ("localhost", named("asleep"), "asleep", Spoken.MQTT, "authorizer asleep is INACTIVE"),
        ("localhost", None, "open", Spoken.MQTT, "named no authorizer"),
        ("elsewhere.test", named("open"), "open", Spoken.MQTT, "does not serve the name 'elsewhere.test'"),
        ("off.example.test", named("open"), "open", Spoken.MQTT, "is DISABLED"),
        ("both.example.test", named("open"), "open", Spoken.MQTT, "wants a client certificate"),
        ("fixed.example.test", named("asleep"), "asleep", Spoken.MQTT, "decided by authorizer open"),
        ("fixed.example.test", named("open"), "open", Spoken.PUBLISH, "serves MQTT, the client speaks HTTPS publish"),
    ],
)
def test_what_is_in_the_way_of_a_connection_is_said_and_the_function_asked_all_the_same(
    bench: Bench, name: str, username: str | None, asks: str, spoken: Spoken, obstacle: str
) -> None:
    found = invoking.prepare_live(bench.config, _live(bench, username, name=name), spoken, asks)
    prepared = _prepared(found)
    assert prepared.authorizer.name == asks
    assert prepared.obstacle
    assert obstacle in prepared.obstacle.why


def test_without_a_name_the_connection_chooses_the_authorizer(bench: Bench) -> None:
    fixed = invoking.prepare_live(bench.config, _live(bench, name="fixed.example.test"), Spoken.MQTT)
    assert _prepared(fixed).authorizer.name == "open"
    found = invoking.prepare_live(bench.config, _live(bench), Spoken.MQTT)
    assert isinstance(found, Refusal)
    with pytest.raises(asked.ResourceNotFound, match="Authorizer nobody not found"):
        invoking.prepare_live(bench.config, _live(bench), Spoken.MQTT, "nobody")


# Secrets.


def test_the_masked_event_shows_no_secret_and_keeps_its_shape(bench: Bench, keys: Keys) -> None:
    signature = sign(TOKEN, keys.old.private_pem)
    request = asked.TestRequest(
        authorizer="signed",
        mqtt=MqttContext(username=signed(keys.old), password=b"s3cret-word", client_id="device"),
        http=asked.HttpTestContext(headers={"X-Key": "k3y-of-mine"}),
    )
    prepared = invoking.prepare(bench.config, request)
    shown = json.dumps(prepared.masked_event)
    for secret in (signature, quote(signature, safe=""), TOKEN, "s3cret-word", "czNjcmV0LXdvcmQ=", "k3y-of-mine"):
        assert secret not in shown
        assert secret not in repr(request) + repr(prepared)
    assert prepared.masked_event["protocolData"]["http"] == {"headers": {"X-Key": "***"}}
    assert list(prepared.masked_event) == list(prepared.event)
    assert "k3y-of-mine" in json.dumps(prepared.event)


def test_a_token_is_masked_in_what_the_function_says(bench: Bench, keys: Keys) -> None:
    request = asked.TestRequest(authorizer="signed", token=TOKEN, token_signature=sign(TOKEN, keys.old.private_pem))
    prepared = invoking.prepare(bench.config, request)
    assert prepared.without_secrets(f"I was told {TOKEN}") == "I was told ***"
    assert TOKEN not in repr(request) + repr(prepared)
    assert prepared.masked_event["token"] == "***"
