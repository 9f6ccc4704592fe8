"""Which known cause a refusal names, and that its fix is that cause's cure for the case at hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from attrs import evolve

from customauth.authorizer import validate_answer
from customauth.gateway import Authorizer, Reason, Refusal
from customauth.gateway.attempt import Attempt, Trace
from customauth.gateway.authenticate import judge
from customauth.gateway.choosing import Proof
from customauth.gateway.config import GatewayConfig
from customauth.gateway.decision import Step, refuse
from customauth.gateway.handshake import objection
from customauth.gateway.runtimes.functions import PythonFunction
from customauth.mqtt import Connect, Will
from customauth.rules import RULES
from gateways import ALLOW, allow, connect
from record_samples import origin

AUTHORIZER = Authorizer(
    name="open",
    active=True,
    function=PythonFunction(file=Path("never-run.py"), handler="handler"),
    signing_disabled=True,
)


def judged(packet: Connect | None, *documents: object, authenticated: bool = True, topic: str | None = None) -> Refusal:
    answer = validate_answer(json.dumps(ALLOW | {"policyDocuments": list(documents)}))
    step = Step.CONNECT if packet is not None else Step.PUBLISH
    client_id = None if packet is None else packet.client_id
    attempt = Attempt(origin=origin(), step=step, client_id=client_id, connect=packet, topic=topic)
    config = GatewayConfig(authorizers={"open": AUTHORIZER})
    answer = evolve(answer, authenticated=authenticated)
    outcome = judge(config, AUTHORIZER, Proof(token=None, how=""), answer, attempt)
    assert isinstance(outcome, Refusal)
    return outcome


def denying() -> object:
    document = allow("client/*")
    document["Statement"][0]["Effect"] = "Deny"
    return document


def conditional() -> object:
    document = allow("client/device")
    document["Statement"][0]["Condition"] = {"StringEquals": {"iot:DomainName": "elsewhere.example"}}
    return document


@pytest.mark.fact("C21", "D9", "D21", "F13")
@pytest.mark.parametrize(
    ("documents", "packet", "expected"),
    [
        ((), connect(), "answer-no-policies"),
        ((allow("topic/a", action="iot:Publish"),), connect(), "policy-no-connect"),
        ((allow("client/another"),), connect(), "policy-client-id"),
        ((allow("client/*"), denying()), connect(), "policy-denies-connect"),
        ((conditional(),), connect(), "policy-denies-connect"),
        ((allow("client/*"),), connect(will=Will(topic="gone", payload=b"")), "policy-will"),
    ],
)
def test_a_missing_permission_names_what_is_missing(
    documents: tuple[object, ...], packet: Connect, expected: str
) -> None:
    refusal = judged(packet, *documents)
    assert (refusal.reason, refusal.rule) == (Reason.POLICY, expected)
    if expected != "answer-no-policies":
        resource = "topic/gone" if expected == "policy-will" else "client/device"
        assert f"arn:aws:iot:us-east-1:123456789012:{resource}" in refusal.fix


def test_a_publish_over_https_that_is_not_allowed_names_action_and_resource() -> None:
    refusal = judged(None, allow("client/*"), topic="a/b")
    assert refusal.rule == "policy-publish"
    assert "iot:Publish on arn:aws:iot:us-east-1:123456789012:topic/a/b" in refusal.fix


def test_a_function_that_says_no_is_its_own_cause() -> None:
    assert judged(connect(), authenticated=False).rule == "function-denies"


def test_a_fix_is_the_cure_without_a_command_of_aws() -> None:
    refusal = refuse(Reason.NOT_FOUND, "authorizer-inactive", "it is", authorizer="a")
    assert refusal.fix == 'set the status of authorizer a to "ACTIVE"'
    assert RULES[refusal.rule].paste({"authorizer": "a"}).startswith("aws iot ")


def test_every_objection_to_a_packet_names_a_rule() -> None:
    packets = {
        "client-id-too-long": connect(client_id="x" * 129),
        "client-id-reserved": connect(client_id="$GEN/x"),
        "will-qos2": connect(will=Will(topic="a", payload=b"", qos=2)),
        "will-topic": connect(will=Will(topic="a/#", payload=b"")),
    }
    for rule, packet in packets.items():
        found = objection(packet)
        assert found is not None
        assert found.rule == rule
        assert rule in RULES


def test_a_secret_that_came_in_as_a_name_is_masked_in_the_fix_too() -> None:
    packet = connect(password=b"s3cret-password", client_id="s3cret-password")
    attempt = Attempt(origin=origin(), client_id=packet.client_id, connect=packet)
    refusal = judged(packet, allow("client/another"))
    assert "s3cret-password" in refusal.fix
    decision = Trace().decision(attempt, refusal)
    assert isinstance(decision.outcome, Refusal)
    assert "s3cret-password" not in decision.outcome.fix
    assert decision.as_json()["rule"] == "policy-client-id"
