"""What the function is asked, what is made of its answer, and what it prints; mostly without a network."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from aloop import run
from customauth.gateway import (
    AuthenticationType,
    Authorizer,
    ClientCertificate,
    Decision,
    DomainConfiguration,
    Grant,
    Reason,
    Refusal,
)
from customauth.gateway.attempt import Attempt, Trace
from customauth.gateway.authenticate import Authenticator, event_for
from customauth.gateway.config import GatewayConfig
from customauth.gateway.decision import Step
from customauth.gateway.origin import HttpRequest
from customauth.gateway.runtimes.choose import bundled_runtime
from customauth.gateway.runtimes.functions import PythonFunction
from customauth.mqtt import Connect, MqttVersion, Property, Will
from customauth.policy import parse_policy
from gateways import ALLOW, RECORDING, Keys, StartGateway, allow, connect, named, signed
from record_samples import origin

Decide = Callable[..., Decision]


def the_authorizer(file: Path, **more: Any) -> Authorizer:
    function = PythonFunction(file=file, handler="handler")
    return Authorizer(name="open", active=True, function=function, signing_disabled=True, **more)


@pytest.fixture
def decide(tmp_path: Path) -> Decide:
    """Give a function that decides over one attempt with the authorizer ``open``, whose answer or source is given."""

    def decide_once(
        attempt: Connect | Attempt,
        *,
        answer: object = ALLOW,
        function: str = RECORDING,
        shown: Callable[[str, str], None] | None = None,
    ) -> Decision:
        file = tmp_path / "authorizer.py"
        file.write_text(function)
        (tmp_path / "answer.json").write_text(json.dumps(answer))
        config = GatewayConfig(authorizers={"open": the_authorizer(file)}, default_authorizer="open")
        if isinstance(attempt, Connect):
            attempt = Attempt(origin=origin(), client_id=attempt.client_id, connect=attempt)

        async def main() -> Decision:
            authenticator = Authenticator(config, runtimes=bundled_runtime, on_function_output=shown)
            trace = Trace()
            try:
                return trace.decision(attempt, await authenticator.decide(attempt, trace))
            finally:
                await authenticator.aclose()

        return run(main())

    return decide_once


# The event.


@pytest.mark.fact("C1", "C2", "C3", "C4", "C5", "C9", "C14", "A7", "A15", "A18", "A19", "A39", "A47")
@pytest.mark.parametrize("version", list(MqttVersion), ids=lambda version: version.label)
def test_the_function_sees_a_signed_connect_as_at_aws(
    version: MqttVersion, keys: Keys, start_gateway: StartGateway
) -> None:
    username = signed(keys.new, "50% off", sent="50%25%20off").replace("?", "bob?") + "&SDK=PythonV2&Version=1.21"

    async def main() -> None:
        async with start_gateway() as running, running.client(sni="OTHER.example") as client:
            packet = connect(username, version=version, client_id="dév", password=b"\x00\xffpass")
            assert await client.connect(packet)
            (event,) = running.events()
            connection_id = running.decisions[0].connection_id
            assert str(uuid.UUID(connection_id)) == connection_id
            assert event == json.dumps(
                {
                    "protocolData": {
                        "tls": {"serverName": "OTHER.example"},
                        "mqtt": {"username": username, "password": "AP9wYXNz", "clientId": "dév"},
                    },
                    "protocols": ["tls", "mqtt"],
                    "token": "50% off",
                    "signatureVerified": True,
                    "connectionMetadata": {"id": connection_id},
                }
            )

    run(main())


@pytest.mark.fact("B21", "C3", "A18")
def test_without_signing_the_event_has_no_token(keys: Keys, start_gateway: StartGateway) -> None:
    username = signed(keys.old).replace("=signed", "=open")

    async def main() -> None:
        async with start_gateway() as running, running.client() as client:
            await client.connect(connect(username))
            event = json.loads(running.events()[0])
            assert list(event) == ["protocolData", "protocols", "signatureVerified", "connectionMetadata"]
            assert event["signatureVerified"] is False
            assert event["protocolData"]["mqtt"]["username"] == username

    run(main())


@pytest.mark.fact("A20", "C12", "C5")
def test_what_the_client_does_not_send_is_not_in_the_event(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway(settings='default_authorizer = "open"') as running:
            for packet, mqtt in (
                (connect(client_id=""), {}),
                (connect(client_id="c"), {"clientId": "c"}),
                (connect("", client_id="c"), {"username": "", "clientId": "c"}),
                (connect("u", client_id="", password=b""), {"username": "u", "password": ""}),
                (connect(client_id="c", password=b"p"), {"password": "cA==", "clientId": "c"}),
            ):
                async with running.client() as client:
                    assert await client.connect(packet)
                event = json.loads(running.events()[-1])
                assert event["protocolData"] == {"tls": {"serverName": "localhost"}, "mqtt": mqtt}

    run(main())


@pytest.mark.fact("C4")
def test_every_connection_has_an_id_of_its_own(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            for _ in range(2):
                async with running.client() as client:
                    await client.connect(connect(named("open")))
            first, second = (json.loads(event)["connectionMetadata"] for event in running.events())
            assert list(first) == ["id"]
            assert first != second

    run(main())


# The answer.


@pytest.mark.fact("C15", "C16", "C39")
def test_a_grant_holds_what_the_function_granted(decide: Decide) -> None:
    grant = decide(connect(), answer=ALLOW | {"refreshAfterInSeconds": 301}).outcome
    assert isinstance(grant, Grant)
    assert (grant.principal_id, grant.refresh_after, grant.disconnect_after) == ("tester", 301, 86400)
    assert (grant.authorizer, grant.signature) == ("open", "signing disabled")
    assert "iot:Connect" in grant.why


V311 = MqttVersion.V311


@pytest.mark.fact("D18", "D11", "E37")
@pytest.mark.parametrize(
    ("condition", "packet", "is_allowed"),
    [
        ({}, connect(), True),
        ({"StringEquals": {"iot:ClientId": "device"}}, connect(), True),
        ({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, connect(), True),
        ({"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}}, connect(), False),
        ({"StringEquals": {"iot:DomainName": "localhost"}}, connect(), True),
        ({"StringEquals": {"iot:DomainName": "other"}}, connect(), False),
        ({"Bool": {"iot:Connection.Thing.IsAttached": "true"}}, connect(), False),
        ({"Bool": {"iot:Connection.Thing.IsAttached": "false"}}, connect(), True),
        ({"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, connect(), True),
        ({"NumericGreaterThan": {"aws:EpochTime": "1577836800"}}, connect(), True),
        ({"Null": {"iot:ConnectAttributes": "true"}}, connect(), True),
        ({"Null": {"iot:ConnectAttributes": "true"}}, connect(clean_start=False), True),
        ({"Null": {"iot:ConnectAttributes": "true"}}, connect(version=V311, clean_start=False), False),
        ({"Null": {"iot:ConnectAttributes": "true"}}, connect(version=V311), True),
        (
            {"ForAnyValue:StringEquals": {"iot:ConnectAttributes": "PersistentConnect"}},
            connect(properties={Property.SESSION_EXPIRY_INTERVAL: 1}),
            True,
        ),
        (
            {"ForAnyValue:StringEquals": {"iot:ConnectAttributes": "LastWill"}},
            connect(will=Will(topic="gone", payload=b"")),
            True,
        ),
        (
            {"ArnEquals": {"iot:LastWillTopic": "arn:aws:iot:us-east-1:123456789012:topic/gone"}},
            connect(will=Will(topic="gone", payload=b"")),
            True,
        ),
        ({"ArnEquals": {"iot:LastWillTopic": "arn:aws:iot:us-east-1:123456789012:topic/gone"}}, connect(), False),
    ],
)
def test_conditions_see_the_connection_and_what_the_connect_asks_for(
    condition: object, packet: Connect, is_allowed: bool, decide: Decide
) -> None:
    document = allow("client/device")
    document["Statement"][0]["Condition"] = condition
    answer = ALLOW | {"policyDocuments": [document, allow("topic/gone", action="iot:Publish")]}
    attempt = Attempt(
        origin=origin(peer="192.0.2.7:50000", server_name="localhost"), client_id="device", connect=packet
    )
    outcome = decide(attempt, answer=answer).outcome
    assert isinstance(outcome, Grant) is is_allowed, outcome


@pytest.mark.parametrize(
    "function",
    [
        # A published mistake: the whole user name, token and signature included, as the principal.
        "principal, resource = mqtt['username'], '*'",
        "principal, resource = mqtt['password'], '*'",
        "principal, resource = base64.b64decode(mqtt['password']).decode(), '*'",
        "principal, resource = 'p', arn + mqtt['username']",
        "principal, resource = 'p', arn + parse.unquote(mqtt['username'])",
        "principal, resource = 'p', mqtt['username']",
        "principal, resource = {'u': mqtt['username']}, '*'",
        "raise ValueError(event)",
        "print(event); return event",
    ],
)
def test_a_function_that_quotes_the_secrets_does_not_bring_them_into_the_log(function: str, decide: Decide) -> None:
    source = f"""
import base64
from urllib import parse
def handler(event, context):
    mqtt = event["protocolData"]["mqtt"]
    arn = "arn:aws:iot:us-east-1:123456789012:client/"
    {function}
    statement = {{"Effect": "Allow", "Action": "iot:Connect", "Resource": resource}}
    document = {{"Version": "2012-10-17", "Statement": statement}}
    return {{"isAuthenticated": True, "principalId": principal, "policyDocuments": [document]}}
"""
    secrets = ('s"cr\\t', "s%22cr%5Ct", "c2lnbmF0dXJl", "pass-wörd", "cGFzcy13w7ZyZA==")
    username = "alice?token=s%22cr%5Ct&x-amz-customauthorizer-signature=c2lnbmF0dXJl"
    decision = decide(connect(username, password="pass-wörd".encode()), function=source)
    assert isinstance(decision.outcome, Refusal)
    record = json.dumps(decision.as_json(), ensure_ascii=False)
    for secret in secrets:
        assert secret not in decision.line()
        assert json.dumps(secret, ensure_ascii=False)[1:-1] not in record


@pytest.mark.parametrize("member", ["token", "password"])
def test_a_secret_that_is_returned_as_the_principal_is_masked(
    member: str, keys: Keys, start_gateway: StartGateway
) -> None:
    expression = {
        "token": 'event["token"]',
        "password": 'base64.b64decode(event["protocolData"]["mqtt"]["password"]).decode()',
    }
    function = f"""
import base64

def handler(event, context):
    return {ALLOW!r} | {{"principalId": {expression[member]}}}
"""

    async def main() -> None:
        async with start_gateway(function=function) as running, running.client() as client:
            assert await client.connect(connect(signed(keys.old, "s3cretToken"), password=b"hunter2Password"))
            (line,) = running.lines()
            assert "ALLOW" in line
            assert ", principal ***, " in line

    run(main())


# What the function prints.

PRINTING = f"""
def handler(event, context):
    print("asked\\x1b[2J")
    if event["protocolData"]["mqtt"]["clientId"] == "bad":
        raise RuntimeError("its own words")
    return {ALLOW!r}
"""


def test_what_a_function_prints_is_handed_over(decide: Decide) -> None:
    output: list[tuple[str, str]] = []
    decision = decide(connect(client_id="good"), function=PRINTING, shown=lambda *heard: output.append(heard))
    assert isinstance(decision.outcome, Grant)
    assert output == [("open", "asked\x1b[2J\n")]


def test_a_function_that_raises_hands_over_its_traceback_and_is_to_be_mended(decide: Decide) -> None:
    output: list[tuple[str, str]] = []
    outcome = decide(connect(client_id="bad"), function=PRINTING, shown=lambda *heard: output.append(heard)).outcome
    ((name, text),) = output
    assert isinstance(outcome, Refusal)
    assert "its own words" not in outcome.why
    assert outcome.fix == "mend the function; `customauth gateway --show-function-output` shows its output"
    assert name == "open"
    assert text.startswith("asked\x1b[2J\nTraceback ")
    assert text.endswith("RuntimeError: its own words\n")


def test_a_function_that_prints_nothing_hands_nothing_over(decide: Decide) -> None:
    output: list[tuple[str, str]] = []
    function = f"def handler(event, context):\n    return {ALLOW!r}\n"
    decision = decide(connect(), function=function, shown=lambda *heard: output.append(heard))
    assert isinstance(decision.outcome, Grant)
    assert output == []


# The event of what is not MQTT over TLS.

HTTP = HttpRequest(method="POST", path="/topics/a/b", query="qos=1&actionToken=allow", headers={"host": "h", "x": "1"})


@pytest.mark.fact("C6", "C7", "C8", "C10", "C11", "I5")
def test_the_event_of_a_publish_has_its_headers_and_query_and_no_mqtt() -> None:
    attempt = Attempt(origin=origin(http=HTTP, server_name=None), step=Step.PUBLISH, topic="a/b")
    assert event_for(attempt, None) == {
        "protocolData": {"tls": {}, "http": {"headers": {"host": "h", "x": "1"}, "queryString": HTTP.query}},
        "protocols": ["tls", "http"],
        "signatureVerified": False,
        "connectionMetadata": {"id": "id"},
    }


@pytest.mark.fact("A29", "C6")
def test_the_event_of_a_websocket_has_both_http_and_mqtt() -> None:
    attempt = Attempt(origin=origin(http=HTTP), client_id="device", connect=connect("u"))
    event = event_for(attempt, "t")
    assert event["protocols"] == ["tls", "http", "mqtt"]
    assert event["token"] == "t"
    data: Any = event["protocolData"]
    assert data["mqtt"] == {"username": "u", "clientId": "device"}
    assert attempt.protocol == "MQTT 5 over WebSocket"


# What a publish needs.


@pytest.mark.fact("A37", "D8")
@pytest.mark.parametrize(
    ("actions", "retain", "reason"),
    [
        (["iot:Publish"], False, None),
        (["iot:Publish"], True, Reason.POLICY),
        (["iot:Publish", "iot:RetainPublish"], True, None),
        (["iot:RetainPublish"], True, Reason.POLICY),
        (["iot:Connect"], False, Reason.POLICY),
    ],
)
def test_a_publish_needs_the_right_to_publish_and_none_to_connect(
    actions: list[str], retain: bool, reason: Reason | None, decide: Decide
) -> None:
    attempt = Attempt(origin=origin(http=HTTP, alpn=None), step=Step.PUBLISH, topic="a/b", retain=retain)
    outcome = decide(attempt, answer=ALLOW | {"policyDocuments": [allow("topic/a/b", action=actions)]}).outcome
    assert (outcome.reason if isinstance(outcome, Refusal) else None) is reason


@pytest.mark.fact("A37")
def test_over_https_a_policy_with_the_client_id_grants_nothing(decide: Decide) -> None:
    attempt = Attempt(origin=origin(http=HTTP, alpn=None), step=Step.PUBLISH, topic="a/b")
    answer = ALLOW | {"policyDocuments": [allow("topic/${iot:ClientId}"), allow("topic/a/${iot:ClientId}")]}
    assert isinstance(decide(attempt, answer=answer).outcome, Refusal)


# With a client certificate.

X509 = DomainConfiguration(
    name="x509", server_name="x509.example", authentication_type=AuthenticationType.CUSTOM_AUTH_X509
)
CERTIFICATE = ClientCertificate(
    name="one",
    pem="-----BEGIN CERTIFICATE-----",
    principal_id="ab12",
    active=True,
    policy_documents=(parse_policy(allow("topic/alarm", action="iot:Publish")),),
)


def with_certificate(certificate: ClientCertificate | None, packet: Connect) -> Attempt:
    where = origin(domain=X509, server_name="x509.example", certificate=certificate)
    return Attempt(origin=where, client_id=packet.client_id, connect=packet)


@pytest.mark.fact("A63")
@pytest.mark.parametrize("certificate", [None, evolve(CERTIFICATE, active=False)], ids=["none", "INACTIVE"])
def test_without_an_active_certificate_the_function_is_not_asked(
    certificate: ClientCertificate | None, decide: Decide, tmp_path: Path
) -> None:
    outcome = decide(with_certificate(certificate, connect())).outcome
    assert isinstance(outcome, Refusal)
    assert outcome.reason is Reason.NOT_AUTHENTICATED
    assert "(A63)" in outcome.fix
    assert not (tmp_path / "events").exists()


@pytest.mark.fact("A64")
def test_the_event_has_the_certificate_and_its_id() -> None:
    event: Any = event_for(with_certificate(CERTIFICATE, connect()), None)
    assert event["protocolData"]["tls"] == {
        "serverName": "x509.example",
        "x509CertificatePem": CERTIFICATE.pem,
        "principalId": "ab12",
    }


@pytest.mark.fact("A65")
def test_the_answer_has_to_name_the_principal_of_the_certificate(decide: Decide) -> None:
    outcome = decide(with_certificate(CERTIFICATE, connect()), answer=ALLOW).outcome
    assert isinstance(outcome, Refusal)
    assert outcome.reason is Reason.FUNCTION_FAILED
    assert outcome.fix.startswith("return protocolData.tls.principalId")
    granted = decide(with_certificate(CERTIFICATE, connect()), answer=ALLOW | {"principalId": "ab12"})
    assert isinstance(granted.outcome, Grant)
    assert granted.authentication == "CUSTOM_AUTH_X509"


@pytest.mark.fact("A66")
def test_what_certificate_and_answer_allow_is_united_and_the_answer_may_allow_nothing(decide: Decide) -> None:
    mine = ALLOW | {"principalId": "ab12"}
    will = connect(will=Will(topic="alarm", payload=b"!"))
    may_connect = mine | {"policyDocuments": [allow("client/device")]}
    assert isinstance(decide(with_certificate(CERTIFICATE, will), answer=may_connect).outcome, Grant)
    none = {name: value for name, value in mine.items() if name != "policyDocuments"}
    outcome = decide(with_certificate(CERTIFICATE, will), answer=none).outcome
    assert isinstance(outcome, Refusal)
    assert outcome.reason is Reason.POLICY
    everything = evolve(CERTIFICATE, policy_documents=(parse_policy(allow("*")),))
    assert isinstance(decide(with_certificate(everything, will), answer=none).outcome, Grant)
    denied = mine | {"policyDocuments": [allow("client/*", effect="Deny")]}
    assert isinstance(decide(with_certificate(everything, will), answer=denied).outcome, Refusal)
