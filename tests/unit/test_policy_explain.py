"""Explanations of decisions, and sets of policies that remember what they decided."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customauth.policy import (
    Context,
    Explanation,
    Member,
    Policy,
    PolicySet,
    Request,
    Verdict,
    decide,
    explain,
    parse_policy,
)

ARN = "arn:aws:iot:us-east-1:123456789012:"


def parsed(*statements: dict[str, object]) -> Policy:
    return parse_policy({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str, resource: str, **members: object) -> dict[str, object]:
    return {"Effect": "Allow", "Action": action, "Resource": f"{ARN}{resource}"} | members


def ask(policies: list[Policy], action: str, resource: str, **context: str) -> Explanation:
    return explain(policies, Request(action=action, resource=ARN + resource, client_id="c", context=context))


# NotAction and NotResource.


@pytest.mark.fact("D1")
@pytest.mark.parametrize(
    ("members", "action", "resource", "expected"),
    [
        ({"NotAction": "iot:Publish", "Resource": "*"}, "iot:Connect", "client/c", True),
        ({"NotAction": "iot:Publish", "Resource": "*"}, "IOT:PUBLISH", "topic/a", False),
        ({"NotAction": ["iot:P*", "iot:Connect"], "Resource": "*"}, "iot:Connect", "client/c", False),
        ({"Action": "*", "NotResource": f"{ARN}topic/a*"}, "iot:Publish", "topic/ab", False),
        ({"Action": "*", "NotResource": f"{ARN}topic/a*"}, "iot:Publish", "topic/b", True),
        ({"Action": "*", "NotResource": [f"{ARN}topic/a", f"{ARN}topic/b"]}, "iot:Publish", "topic/b", False),
        ({"NotAction": "*", "Resource": "*"}, "iot:Publish", "topic/b", False),
    ],
)
def test_not_action_and_not_resource_mean_all_others(
    members: dict[str, object], action: str, resource: str, expected: bool
) -> None:
    assert ask([parsed({"Effect": "Allow"} | members)], action, resource).decision.allowed is expected
    denied = [parsed({"Effect": "Deny"} | members), parsed({"Effect": "Allow", "Action": "*", "Resource": "*"})]
    assert ask(denied, action, resource).decision.allowed is not expected


# Explanations.


def test_the_statement_that_decided_is_given() -> None:
    policies = [
        parsed(allow("iot:Publish", "topic/*")),
        parsed(allow("iot:Publish", "topic/a", Effect="Deny", Sid="no")),
    ]
    allowed, denied = ask(policies, "iot:Publish", "topic/b"), ask(policies, "iot:Publish", "topic/a")
    assert allowed.decision.verdict is Verdict.ALLOWED
    assert denied.decision.verdict is Verdict.EXPLICIT_DENY
    assert allowed.decided_by is not None
    assert denied.decided_by is not None
    assert (allowed.decided_by.document, allowed.decided_by.number) == (1, 1)
    assert (denied.decided_by.document, denied.decided_by.statement.sid) == (2, "no")
    assert allowed.nearest is denied.nearest is None


def test_the_first_difference_of_the_nearest_resource_is_given() -> None:
    policy = parsed(allow("iot:Publish", "topic/x"), allow("iot:Publish", "topic/devices/*/state"))
    explanation = ask([policy], "iot:Publish", "topic/devices/7/stats")
    assert explanation.nearest is not None
    assert explanation.nearest.number == 2
    (difference,) = explanation.differences
    assert (difference.member, difference.place) == (Member.RESOURCE, "Statement[1].Resource")
    assert difference.wanted == (f"{ARN}topic/devices/*/state",)
    assert difference.agrees == len(f"{ARN}topic/devices/7/stats")
    assert ask([policy], "iot:Publish", "topic/dev").differences[0].agrees == len(f"{ARN}topic/dev")
    assert ask([policy], "iot:Publish", "topic/y").differences[0].agrees == len(f"{ARN}topic/")


@pytest.mark.fact("D17")
def test_the_condition_that_differs_is_given_with_what_the_request_has() -> None:
    conditions = {"StringEquals": {"iot:ClientId": "c", "k": ["a", "b"]}, "IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    policy = parsed(allow("iot:Connect", "client/*", Condition=conditions))
    explanation = ask([policy], "iot:Connect", "client/c", k="z")
    first, second = explanation.differences
    assert (first.member, first.wanted, first.actual) == (Member.CONDITION, ("a", "b"), ("z",))
    assert first.place == "Statement[0].Condition.StringEquals.k"
    assert (second.wanted, second.actual) == (("10.0.0.0/8",), ())
    assert explanation.decision.reason.endswith(
        "the nearest, statement 1 of document 1, allows it on a condition: StringEquals wants k a or b, and it is z"
    )
    assert second.text == "IpAddress wants aws:SourceIp 10.0.0.0/8, and it is missing"


def test_the_statement_with_the_fewest_failing_conditions_comes_nearest() -> None:
    two = allow("iot:Connect", "client/c", Condition={"StringEquals": {"k": "a", "l": "a"}})
    one = allow("iot:Connect", "client/c", Condition={"StringEquals": {"l": "a"}})
    nearest = ask([parsed(two, one)], "iot:Connect", "client/c").nearest
    assert nearest is not None
    assert nearest.number == 2


def test_the_actions_are_given_where_only_they_differ() -> None:
    policy = parsed({"Effect": "Allow", "NotAction": ["iot:Publish", "iot:Receive"], "Resource": "*"})
    (difference,) = ask([policy], "iot:Receive", "topic/a").differences
    assert (difference.member, difference.place) == (Member.ACTION, "Statement[0].NotAction")
    assert difference.text == "all but iot:Publish, iot:Receive"


def test_a_not_resource_is_said_to_be_one() -> None:
    policy = parsed({"Effect": "Allow", "Action": "*", "NotResource": f"{ARN}topic/a"})
    explanation = ask([policy], "iot:Publish", "topic/a")
    assert explanation.decision.reason.endswith(f"allows it on all but {ARN}topic/a")
    assert explanation.differences[0].agrees is None


@pytest.mark.fact("D14")
def test_a_variable_that_nothing_is_known_of_is_named() -> None:
    policy = parsed(allow("iot:Publish", "topic/${iot:ClientId}/${iot:Connection.Thing.ThingName}"))
    reason = ask([policy], "iot:Publish", "topic/c/d").decision.reason
    assert reason.endswith(", but this request has no ${iot:Connection.Thing.ThingName}")


# Sets that remember.

ALLOW_OWN = parsed(
    allow("iot:Publish", "topic/${iot:ClientId}/*"),
    allow("iot:Receive", "topic/*", Condition={"StringLike": {"k": "${l}*"}}),
    allow("iot:Receive", "topic/closed", Effect="Deny"),
)


def request(action: str, topic: str, client_id: str | None, context: dict[str, str]) -> Request:
    return Request(action=action, resource=f"{ARN}topic/{topic}", client_id=client_id, context=context)


REQUESTS = st.builds(
    request,
    st.sampled_from(["iot:Publish", "iot:Receive", "iot:receive", "iot:Connect"]),
    st.sampled_from(["a/b", "b/a", "closed"]),
    st.sampled_from(["a", "b", None]),
    st.dictionaries(st.sampled_from(["k", "l", "m"]), st.sampled_from(["x", "xy"])),
)


@settings(deadline=None)
@given(st.lists(REQUESTS, max_size=20), st.integers(1, 4))
def test_a_set_decides_what_decide_does_whatever_was_asked_before(requests: list[Request], size: int) -> None:
    policies = PolicySet([ALLOW_OWN], size=size)
    for each in requests:
        assert policies.decide(each) == decide([ALLOW_OWN], each)


def test_a_remembered_decision_is_the_same_object_whatever_else_is_in_the_context() -> None:
    policies = PolicySet([ALLOW_OWN])
    first = policies.decide(request("iot:Publish", "a/b", "a", {"aws:CurrentTime": "2026-01-01"}))
    assert policies.decide(request("iot:Publish", "a/b", "a", {"aws:CurrentTime": "2026-01-02"})) is first
    assert policies.decide(request("iot:Publish", "a/b", "b", {})) is not first


@pytest.mark.parametrize(("key", "other"), [("k", "-"), ("l", "xy")])
def test_a_remembered_decision_depends_on_the_keys_and_variables_of_conditions(key: str, other: str) -> None:
    policies = PolicySet([ALLOW_OWN])
    context = {"k": "x", "l": "x"}
    assert policies.decide(request("iot:Receive", "a", None, context)).allowed
    assert not policies.decide(request("iot:Receive", "a", None, context | {key: other})).allowed


def test_a_set_keeps_no_more_decisions_than_its_size() -> None:
    policies = PolicySet([ALLOW_OWN], size=2)
    first = policies.decide(request("iot:Publish", "a/1", "a", {}))
    policies.decide(request("iot:Publish", "a/2", "a", {}))
    assert policies.decide(request("iot:Publish", "a/1", "a", {})) is first
    policies.decide(request("iot:Publish", "a/3", "a", {}))
    again = policies.decide(request("iot:Publish", "a/1", "a", {}))
    assert again == first
    assert again is not first


@pytest.mark.fact("D12")
def test_a_remembered_decision_depends_on_the_certificate_behind_a_suffix() -> None:
    name = "iot:Certificate.Subject.Country"
    policies = PolicySet([parsed(allow("iot:Publish", f"topic/${{{name}.1}}"))])
    for countries, expected in ((("AT", "BE"), True), (("AT", "CH"), False), (("AT",), False)):
        asked = Request(action="iot:Publish", resource=f"{ARN}topic/BE", client_id="c", context={name: countries})
        assert policies.decide(asked).allowed is expected


def test_a_context_is_shared_not_copied() -> None:
    context = Context({"k": "v"})
    assert Request(action="a", resource="*", client_id=None, context=context).context is context
    asked = Request(action="a", resource="*", client_id=None, context={"K": ["v", "w"]})  # type: ignore[dict-item]
    assert asked.context == {"k": ("v", "w")}
