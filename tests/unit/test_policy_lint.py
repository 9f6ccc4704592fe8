"""What the lint of policies finds, and what it leaves alone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from customauth.policy_lint import RULES, Weight, lint

ARN = "arn:aws:iot:us-east-1:123456789012:"
CONNECT: dict[str, Any] = {"Effect": "Allow", "Action": "iot:Connect", "Resource": f"{ARN}client/pump-7"}
PUBLISH: dict[str, Any] = {"Effect": "Allow", "Action": "iot:Publish", "Resource": f"{ARN}topic/a"}
SUBSCRIBE: dict[str, Any] = {"Effect": "Allow", "Action": "iot:Subscribe", "Resource": f"{ARN}topicfilter/a/+"}
RECEIVE: dict[str, Any] = {"Effect": "Allow", "Action": "iot:Receive", "Resource": f"{ARN}topic/a/*"}
ANY = {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}


def document(*statements: dict[str, Any], version: str | None = "2012-10-17") -> dict[str, Any]:
    content: dict[str, Any] = {"Statement": list(statements)}
    return content if version is None else {"Version": version} | content


def found(*statements: dict[str, Any], version: str | None = "2012-10-17", **options: str) -> list[tuple[str, str]]:
    """Return rule and place of what is found, beside a sound iot:Connect."""
    findings = lint([document(CONNECT), document(*statements, version=version)], **options)
    return [(finding.rule.name, finding.place) for finding in findings]


@pytest.mark.fact("D2", "D3", "D4")
@pytest.mark.parametrize(
    "statements",
    [
        [PUBLISH, SUBSCRIBE, RECEIVE],
        [PUBLISH | {"Action": ["iot:Publish", "iot:RetainPublish"], "Resource": f"{ARN}topic/a/${{iot:ClientId}}/*"}],
        [
            SUBSCRIBE
            | {"Action": ["iot:Subscribe", "iot:Receive"], "Resource": [f"{ARN}topicfilter/#", f"{ARN}topic/*"]}
        ],
        [SUBSCRIBE | {"Resource": f"{ARN}topicfilter/$share/group/a/+"}, RECEIVE],
        [PUBLISH | {"Resource": f"{ARN}topic/a${{*}}/+b/c#"}],
        [PUBLISH | {"Action": "iot:*", "Resource": f"{ARN}topic/*"}],
        [PUBLISH | {"Resource": f"{ARN}topi?*"}],
        [PUBLISH | {"Resource": f"{ARN}${{iot:ClientId}}"}],
        [PUBLISH | {"Action": "*", "Resource": f"{ARN}topic*"}],
        [PUBLISH | {"Resource": f"{ARN}topic/${{*}}/+*/#?"}],
        [PUBLISH | {"Resource": "arn:aws:iot:*:*:topic/a"}],
        [PUBLISH | {"Resource": "arn:aws:*"}],
        [PUBLISH | {"Resource": f"{ARN}topic/${{unknown, 'x'}}"}],
        [{"Effect": "Allow", "Action": "iot:GetThingShadow", "Resource": f"{ARN}thing/pump-7/name"}],
        [{"Effect": "Allow", "Action": "iot:ListRetainedMessages", "Resource": "*"}],
        [{"Effect": "Allow", "Action": "iotjobsdata:*", "Resource": f"{ARN}thing/pump-7"}],
        [{"Effect": "Deny", "NotAction": "iot:Connect", "NotResource": f"{ARN}topic/a"}],
        [CONNECT | {"Resource": "*", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}],
        [CONNECT | {"Condition": {"Bool": {"iot:Connection.Thing.IsAttached": "false"}}}],
        [
            CONNECT
            | {"Effect": "Deny", "Condition": {"ForAnyValue:StringEquals": {"iot:ConnectAttributes": "LastWill"}}}
        ],
        [CONNECT | {"Effect": "Deny", "Condition": {"ArnLike": {"iot:LastWillTopic": f"{ARN}topic/x"}}}],
    ],
)
def test_nothing_is_found_in_a_sound_policy(statements: list[dict[str, Any]]) -> None:
    assert found(*statements, account="123456789012", region="us-east-1") == []


FINDINGS: list[tuple[dict[str, Any], str, str]] = [
    (SUBSCRIBE | {"Effect": "Deny", "Resource": f"{ARN}topic/a"}, "wrong-resource-type", "Resource"),
    (PUBLISH | {"Resource": [f"{ARN}topic/a", f"{ARN}topicfilter/a"]}, "wrong-resource-type", "Resource[1]"),
    (RECEIVE | {"Resource": f"{ARN}topicfilter/a"}, "wrong-resource-type", "Resource"),
    (CONNECT | {"Resource": f"{ARN}topic/a"}, "wrong-resource-type", "Resource"),
    (CONNECT | {"Effect": "Deny", "Resource": f"{ARN}thing/a"}, "wrong-resource-type", "Resource"),
    (PUBLISH | {"Action": "iot:ListRetainedMessages"}, "wrong-resource-type", "Resource"),
    (RECEIVE | {"Action": ["iot:Receive", "iot:Subscribe"]}, "nothing-to-act-on", "Action[1]"),
    (PUBLISH | {"Resource": f"{ARN}topic/a/+"}, "mqtt-wildcard", "Resource"),
    (PUBLISH | {"Resource": f"{ARN}topic/+/a"}, "mqtt-wildcard", "Resource"),
    (PUBLISH | {"Resource": f"{ARN}topic/#"}, "mqtt-wildcard", "Resource"),
    (PUBLISH | {"Resource": "arn:aws:iot:eu-west-1:123456789012:topic/a"}, "other-account", "Resource"),
    (PUBLISH | {"Resource": "arn:aws:iot:us-east-1:1*:topic/a"}, "", ""),
    (PUBLISH | {"Resource": "arn:aws:iot:us-east-1:2*:topic/a"}, "other-account", "Resource"),
    (PUBLISH | {"Resource": "arn:aws:iot:us-east-1::topic/a"}, "other-account", "Resource"),
    (PUBLISH | {"Resource": "arn:aws:s3:::topic"}, "other-service", "Resource"),
    (PUBLISH | {"Resource": "arn:aws:iot:topic/a"}, "other-service", "Resource"),
    (PUBLISH | {"Action": "iot:Pubish"}, "unknown-action", "Action"),
    (PUBLISH | {"Action": ["iot:Publish", "iot:Foo*"]}, "unknown-action", "Action[1]"),
    (PUBLISH | {"Action": ["iot:Publish", "iot:AttachPolicy"]}, "other-action", "Action[1]"),
    (PUBLISH | {"Resource": f"{ARN}topic/${{iot:Client}}"}, "unknown-variable", "Resource"),
    (PUBLISH | {"Resource": f"{ARN}topic/${{iot:CustomAuthorizer.PrincipalId}}"}, "unknown-variable", "Resource"),
    (PUBLISH | {"Resource": f"{ARN}topic/${{iot:LastWillTopic}}"}, "unknown-variable", "Resource"),
    (PUBLISH | {"Resource": f"{ARN}topic/${{iot:Connection.Thing.ThingName}}"}, "thing-variable", "Resource"),
    (PUBLISH | {"Resource": f"{ARN}topic/${{iot:Certificate.Subject.Country.1}}"}, "certificate-variable", "Resource"),
    (PUBLISH | {"Resource": "arn:aws:iot:us-east-1:${iot:ClientId}:topic/a"}, "variable-before-resource", "Resource"),
    (
        PUBLISH | {"Condition": {"StringEquals": {"iot:ClientId": "${x}"}}},
        "unknown-variable",
        "Condition.StringEquals.iot:ClientId",
    ),
    (PUBLISH | {"Condition": {"Bool": {"iot:Foo": "true"}}}, "unknown-key", "Condition.Bool.iot:Foo"),
    (PUBLISH | {"Condition": {"Bool": {"aws:Foo": "true"}}}, "other-key", "Condition.Bool.aws:Foo"),
    (
        PUBLISH | {"Condition": {"ForAnyValue:StringEquals": {"iot:ConnectAttributes": "LastWill"}}},
        "key-of-connect",
        "Condition.ForAnyValue:StringEquals.iot:ConnectAttributes",
    ),
    (
        CONNECT | {"Condition": {"StringEquals": {"iot:ConnectAttributes": "LastWill"}}},
        "needs-set-operator",
        "Condition.StringEquals.iot:ConnectAttributes",
    ),
    (
        CONNECT | {"Condition": {"ArnEquals": {"iot:LastWillTopic": f"{ARN}topic/x"}}},
        "will-condition",
        "Condition.ArnEquals.iot:LastWillTopic",
    ),
    ({"Effect": "Allow", "NotAction": ["iot:Publish"], "Resource": f"{ARN}topic/a"}, "allow-all-but", "NotAction"),
    (ANY, "any-client", "Resource"),
    (ANY | {"Action": "iot:*", "Resource": f"{ARN}*"}, "any-client", "Resource"),
    (CONNECT | {"Resource": [f"{ARN}client/*"]}, "any-client", "Resource[0]"),
]


@pytest.mark.fact("D5", "D6", "D11", "D12", "D13", "D14", "D18", "C31")
@pytest.mark.parametrize(("statement", "rule", "place"), FINDINGS)
def test_a_finding_is_named_with_its_place(statement: dict[str, Any], rule: str, place: str) -> None:
    expected = [(rule, f"Statement[0].{place}")] if rule else []
    assert found(statement, account="123456789012", region="us-east-1") == expected


@pytest.mark.parametrize("version", [None, "2008-10-17"])
def test_variables_in_the_old_version_are_found(version: str | None) -> None:
    own = PUBLISH | {"Resource": f"{ARN}topic/${{iot:ClientId}}"}
    condition = PUBLISH | {"Condition": {"StringEquals": {"aws:SourceIp": "${aws:SourceIp}"}}}
    assert found(own, condition, version=version) == [
        ("variable-in-old-version", "Statement[0].Resource"),
        ("variable-in-old-version", "Statement[1].Condition.StringEquals.aws:SourceIp"),
    ]


def test_without_an_account_any_is_taken() -> None:
    assert found(PUBLISH | {"Resource": "arn:aws-cn:iot:cn-north-1:1:topic/a"}) == []


# All documents together.


def of_set(*statements: dict[str, Any]) -> list[str]:
    return [finding.rule.name for finding in lint([document(statement) for statement in statements])]


@pytest.mark.fact("D7", "D8", "C21")
def test_what_is_missing_beside_what_is_allowed_is_found() -> None:
    assert of_set(CONNECT, SUBSCRIBE) == ["no-receive"]
    assert of_set(CONNECT, SUBSCRIBE, RECEIVE) == []
    assert of_set(SUBSCRIBE, RECEIVE) == ["no-connect"]
    assert of_set(PUBLISH) == ["no-connect-for-mqtt"]
    assert of_set(PUBLISH, CONNECT | {"Effect": "Deny"}) == ["no-connect-for-mqtt"]
    assert of_set() == ["no-connect-for-mqtt"]


@pytest.mark.fact("C20", "C23")
def test_documents_that_aws_refuses_are_errors() -> None:
    findings = lint([document(CONNECT)] * 11)
    assert [finding.rule.name for finding in findings] == ["too-many-documents"]
    for characters, expected in ((2048, []), (2049, ["too-long"])):
        text = json.dumps(document(CONNECT))
        padded = text.ljust(characters)
        assert [finding.rule.name for finding in lint([padded])] == expected
    compact = len(json.dumps(document(CONNECT), separators=(",", ":")))
    sid = {"Sid": "x" * (2048 - compact - len('"Sid":"",'))}
    assert lint([document(CONNECT | sid)]) == ()
    (finding,) = lint([document(CONNECT | {"Sid": sid["Sid"] + "x"})])
    assert finding.rule.name == "too-long"
    assert "2049 characters" in finding.why


@pytest.mark.fact("C20")
@pytest.mark.parametrize(
    ("content", "place"),
    [("{", ""), ({"Version": "2013", "Statement": CONNECT}, "Version"), (document({}), "Statement[0].Effect")],
)
def test_a_malformed_document_is_an_error_and_hides_what_it_might_hold(content: Any, place: str) -> None:
    (finding,) = lint([document(PUBLISH), content])
    assert (finding.rule.name, finding.weight, finding.document) == ("malformed", Weight.ERROR, 2)
    assert finding.place == place


def test_every_rule_finds_something_in_these_tests() -> None:
    source = Path(__file__).read_text()
    assert [name for name in RULES if f'"{name}"' not in source] == []


def test_the_documentation_lists_every_rule_with_its_weight_and_no_other() -> None:
    page = (Path(__file__).parents[2] / "docs" / "policies.md").read_text()
    listed = dict(re.findall(r"^\| `([a-z-]+)` \| (error|warning) \|", page, re.MULTILINE))
    assert listed == {name: rule.weight.value for name, rule in RULES.items()}
