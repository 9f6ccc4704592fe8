"""The policies that the function returned, decided for this client as AWS decides."""

from __future__ import annotations

from typing import Any

import pytest

from customauth import MqttVersion
from customauth.doctor.finding import Certainty, Outcome
from customauth.doctor.setup import WillPart
from customauth.signing import signed_token
from stubbed_aws import (
    ACCOUNT,
    KEYS,
    REGION,
    StubbedAccount,
    allow,
    answer,
    by_name,
    findings,
    healthy,
    policy,
    rules,
    setup_of,
    signed,
)

CERTAIN, LIKELY, POSSIBLE = Certainty.CERTAIN, Certainty.LIKELY, Certainty.POSSIBLE
CONNECT = allow("iot:Connect", "client/pump-7")


@pytest.fixture
def account(account: StubbedAccount) -> StubbedAccount:
    healthy(account)
    return account


def found(account: StubbedAccount, *statements: dict[str, Any], **changed: Any) -> list[tuple[str, Certainty]]:
    account.answers("iot", "test_invoke_authorizer", answer(policy(*statements)))
    return rules(account.checks(setup_of(signed(), **changed)))


@pytest.mark.fact("C21")
def test_an_answer_without_policies_allows_nothing(account: StubbedAccount) -> None:
    account.answers("iot", "test_invoke_authorizer", answer() | {"policyDocuments": []})
    assert rules(account.checks(setup_of(signed()))) == [("answer-no-policies", CERTAIN)]


def test_a_policy_that_is_none_is_told(account: StubbedAccount) -> None:
    account.answers("iot", "test_invoke_authorizer", answer("{}"))
    assert rules(account.checks(setup_of(signed()))) == [("answer-policies", CERTAIN)]


@pytest.mark.parametrize(("token", "other"), [("pump-7", "pump-7"), ("pump", "***")])
def test_a_client_id_is_shown_even_where_the_token_is_part_of_it(
    account: StubbedAccount, token: str, other: str
) -> None:
    account.answers("iot", "test_invoke_authorizer", answer(policy(allow("iot:Connect", f"client/{token}-of-others"))))
    credentials = signed(token=signed_token("token", token, KEYS.private_pem))
    [finding] = findings(account.checks(setup_of(credentials)))
    assert f"on arn:aws:iot:{REGION}:{ACCOUNT}:client/pump-7;" in finding.evidence
    assert finding.evidence.endswith(f"client/{other}-of-others")


@pytest.mark.fact("D3", "F13")
@pytest.mark.parametrize(
    ("statements", "rule"),
    [
        ([CONNECT], None),
        ([allow("iot:Publish", "topic/a")], "policy-no-connect"),
        ([allow("iot:Connect", "client/thing-7")], "policy-client-id"),
        ([allow("iot:Connect", "topic/pump-7")], "policy-client-id"),
        ([CONNECT | {"Resource": f"arn:aws:iot:us-east-1:{ACCOUNT}:client/pump-7"}], "policy-client-id"),
        ([CONNECT | {"Resource": f"arn:aws:iot:{REGION}:210987654321:client/pump-7"}], "policy-client-id"),
        ([CONNECT, allow("iot:Connect", "client/*", "Deny")], "policy-denies-connect"),
        ([CONNECT | {"Condition": {"StringEquals": {"iot:DomainName": "x"}}}], "policy-denies-connect"),
    ],
)
def test_why_a_client_may_not_connect_is_told_apart(
    account: StubbedAccount, statements: list[dict[str, Any]], rule: str | None
) -> None:
    assert found(account, *statements) == ([] if rule is None else [(rule, CERTAIN)])


@pytest.mark.fact("F13")
def test_the_evidence_names_the_client_and_what_is_allowed(account: StubbedAccount) -> None:
    account.answers("iot", "test_invoke_authorizer", answer(policy(allow("iot:Connect", "client/thing-7"))))
    (finding,) = findings(account.checks(setup_of(signed())))
    assert "client/pump-7" in finding.evidence
    assert "client/thing-7" in finding.evidence
    assert finding.facts["resource"] == f"arn:aws:iot:{REGION}:{ACCOUNT}:client/pump-7"
    assert (finding.facts["client_id"], finding.facts["allowed"]) == ("pump-7", "thing-7")


def test_a_client_id_that_was_made_up_here_is_likely_only(account: StubbedAccount) -> None:
    assert found(account, allow("iot:Connect", "client/thing-7"), client_id_given=False) == [
        ("policy-client-id", LIKELY)
    ]


def test_a_condition_on_the_devices_address_is_likely_only(account: StubbedAccount) -> None:
    condition = {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}
    assert found(account, CONNECT | {"Condition": condition}) == [("policy-denies-connect", LIKELY)]


@pytest.mark.fact("D18", "D20")
@pytest.mark.parametrize(
    ("changed", "refused"),
    [
        ({"clean_start": False}, False),
        ({"session_expiry": 60}, True),
        ({"version": MqttVersion.V311}, False),
        ({"version": MqttVersion.V311, "clean_start": False}, True),
    ],
)
def test_a_session_that_is_kept_is_asked_for(account: StubbedAccount, changed: dict[str, Any], refused: bool) -> None:
    condition = {"ForAnyValue:StringEquals": {"iot:ConnectAttributes": "PersistentConnect"}}
    denied = allow("iot:Connect", "client/*", "Deny", Condition=condition)
    assert found(account, CONNECT, denied, **changed) == ([("policy-denies-connect", CERTAIN)] if refused else [])


@pytest.mark.fact("D21")
@pytest.mark.parametrize(
    ("retain", "actions", "refused"),
    [
        (False, ["iot:Publish"], False),
        (True, ["iot:Publish"], True),
        (True, ["iot:Publish", "iot:RetainPublish"], False),
        (False, ["iot:Receive"], True),
    ],
)
def test_a_wills_topic_must_be_publishable(
    account: StubbedAccount, retain: bool, actions: list[str], refused: bool
) -> None:
    statements = [allow(action, "topic/gone") for action in actions]
    will = WillPart(topic="gone", qos=1, retain=retain)
    assert found(account, CONNECT, *statements, will=will) == ([("policy-will", CERTAIN)] if refused else [])


@pytest.mark.fact("D22")
def test_a_topic_that_may_not_be_published_to_is_told(account: StubbedAccount) -> None:
    assert found(account, CONNECT, allow("iot:Publish", "topic/a"), publish=("a", "b")) == [("policy-publish", CERTAIN)]


@pytest.mark.fact("D3", "D6", "D7")
@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([allow("iot:Subscribe", "topicfilter/a/+"), allow("iot:Receive", "topic/a/*")], []),
        ([allow("iot:Subscribe", "topicfilter/b")], [("policy-subscribe", CERTAIN)]),
        ([allow("iot:Subscribe", "topic/a/+")], [("policy-topic-for-filter", CERTAIN)]),
        ([allow("iot:Subscribe", "topicfilter/a/*")], [("policy-receive", POSSIBLE)]),
    ],
)
def test_a_filter_that_may_not_be_subscribed_to_is_told(
    account: StubbedAccount, statements: list[dict[str, Any]], expected: list[tuple[str, Certainty]]
) -> None:
    assert found(account, CONNECT, *statements, subscribe=("a/+",)) == expected


@pytest.mark.fact("D7")
def test_messages_that_are_withheld_are_a_warning(account: StubbedAccount) -> None:
    account.answers("iot", "test_invoke_authorizer", answer(policy(CONNECT, allow("iot:Subscribe", "topicfilter/a"))))
    checks = account.checks(setup_of(signed(), subscribe=("a",)))
    assert rules(checks) == [("policy-receive", CERTAIN)]
    assert by_name(checks)["policy for receiving from a"].outcome is Outcome.WARNED


def test_a_shared_subscription_receives_what_its_filter_matches(account: StubbedAccount) -> None:
    statements = [CONNECT, allow("iot:Subscribe", "topicfilter/$share/*"), allow("iot:Receive", "topic/a/*")]
    assert found(account, *statements, subscribe=("$share/group/a/#",)) == []


@pytest.mark.fact("D3", "D6")
def test_topic_in_the_place_of_topicfilter_is_a_possibility_where_no_filter_was_asked_for(
    account: StubbedAccount,
) -> None:
    assert found(account, CONNECT, allow("iot:Subscribe", "topic/a")) == [("policy-topic-for-filter", POSSIBLE)]
