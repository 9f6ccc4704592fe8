from __future__ import annotations

import json
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from customauth import _policy_pattern as pattern_module
from customauth.policy import (
    Decision,
    Policy,
    PolicyError,
    Request,
    Verdict,
    decide,
    parse_policy,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

# The first text that Hypothesis draws takes a second where nothing is cached: slowness is no failure here.
untimed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

ARN = "arn:aws:iot:eu-west-1:123456789012:"


def statement(**members: object) -> dict[str, object]:
    return {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"} | members


def document(*statements: object) -> dict[str, object]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def parsed(*statements: object) -> Policy:
    return parse_policy(document(*statements))


def ask(policies: list[Policy], resource: str, *, action: str = "iot:Connect", client_id: str | None = "c") -> Decision:
    return decide(policies, Request(action=action, resource=resource, client_id=client_id))


def matches(pattern: str, name: str, client_id: str | None = "c") -> bool:
    """Tell whether a resource that ends in ``pattern`` matches one that ends in ``name``."""
    allow = parsed(statement(Resource=f"{ARN}topic/{pattern}"))
    return ask([allow], f"{ARN}topic/{name}", client_id=client_id).allowed


# Parsing


@pytest.mark.fact("D1")
def test_json_text_and_the_object_it_holds_parse_alike() -> None:
    content = {"Id": "an id"} | document(statement(Sid="a"), statement(Effect="Deny"))
    policy = parse_policy(content)
    assert parse_policy(json.dumps(content)) == policy
    assert (policy.version, policy.policy_id) == ("2012-10-17", "an id")
    assert [(each.sid, each.effect) for each in policy.statements] == [("a", "Allow"), (None, "Deny")]


@pytest.mark.fact("J6")
def test_a_statement_may_be_one_object_instead_of_a_list() -> None:
    single = parse_policy({"Version": "2012-10-17", "Statement": statement()})
    assert single == parsed(statement())


@pytest.mark.fact("D4")
def test_action_and_resource_may_be_a_string_or_a_list() -> None:
    single = parsed(statement(Action="iot:Publish", Resource=f"{ARN}topic/a"))
    listed = parsed(statement(Action=["iot:Publish"], Resource=[f"{ARN}topic/a"]))
    assert single == listed
    several = parsed(statement(Action=["iot:Connect", "iot:Publish"], Resource=[f"{ARN}topic/a", f"{ARN}topic/b"]))
    assert ask([several], f"{ARN}topic/b", action="iot:Publish").allowed


@pytest.mark.parametrize("version", ["2012-10-17", "2008-10-17", None])
def test_both_versions_and_no_version_are_accepted(version: str | None) -> None:
    content = {"Statement": [statement()]} | ({} if version is None else {"Version": version})
    assert parse_policy(content).version == version


MALFORMED = [
    ("", "the document is not JSON: Expecting value"),
    ("{", "the document is not JSON: "),
    ('{"Statement": NaN}', "the document is not JSON: NaN is not JSON"),
    ("[" * 100_000, "the document is not JSON: nested too deeply"),
    ("[]", "the document must be a JSON object, not a value of type list"),
    ("null", "the document must be a JSON object, not null"),
    ('{"Version": "2012-10-17", "Version": "2012-10-17"}', "the document is not JSON: Version is given twice"),
    ({"Version": "2012-10-17"}, "Statement: is missing"),
    ({"Statement": []}, "Statement: must not be an empty list"),
    ({"Statement": "all"}, "Statement: must be an object, not all"),
    ({"Version": "2013-10-17", "Statement": statement()}, "Version: must be one of"),
    ({"Version": None, "Statement": statement()}, "Version: must be a string, not null"),
    ({"Id": 1, "Statement": statement()}, "Id: must be a string, not a value of type int"),
    ({"statement": statement()}, "statement: is unknown here; known are Version, Id, Statement"),
    ({"Statement": statement(Effect="Permit")}, "Statement.Effect: must be Allow or Deny, not Permit"),
    (document(statement(), 1), "Statement[1]: must be an object, not a value of type int"),
    (document(statement(), statement(Effect="allow")), "Statement[1].Effect: must be Allow or Deny, not allow"),
    (document({"Action": "*", "Resource": "*"}), "Statement[0].Effect: is missing"),
    (document({"Effect": "Allow", "Resource": "*"}), "Statement[0].Action: is missing"),
    (document({"Effect": "Allow", "Action": "*"}), "Statement[0].Resource: is missing"),
    (document(statement(Sid=None)), "Statement[0].Sid: must be a string, not null"),
    (document(statement(Action=[])), "Statement[0].Action: must not be an empty list"),
    (document(statement(Resource=[])), "Statement[0].Resource: must not be an empty list"),
    (document(statement(Resource={"a": 1})), "Statement[0].Resource: must be a string, not a value of type dict"),
    (document(statement(Resource=["*", 2])), "Statement[0].Resource[1]: must be a string, not a value of type int"),
    (document(statement(Principal="*")), "Statement[0].Principal: an IoT policy names no principal"),
    (document(statement(Effects="Deny")), "Statement[0].Effects: is unknown here; known are Sid, Effect"),
    (document(statement(NotAction="*")), "Statement[0].NotAction: a statement has either Action or NotAction"),
    (document(statement(Action="Connect")), "Statement[0].Action: must be *, iot:* or an action such as"),
    (document(statement(Action="iot:")), "Statement[0].Action: must be *, iot:* or an action such as"),
    (document(statement(Action=["*", "iot:${iot:ClientId}"])), "Statement[0].Action[1]: must be *, iot:* or"),
    (document(statement(Resource="client/c")), "Statement[0].Resource: must be * or an ARN"),
    (document(statement(Resource="")), "Statement[0].Resource: must be * or an ARN, which begins with arn:, not ''"),
    (document(statement(Resource="arn:${iot:ClientId")), "Statement[0].Resource: ${iot:ClientId is not a variable"),
    (document(statement(Resource="arn:${}")), "Statement[0].Resource: ${} is not a variable"),
    (document(statement(Resource="arn:${a, b}")), "Statement[0].Resource: ${a, b} is not a variable: write ${name} or"),
    (document(statement(Resource="arn:${a, 'b}")), "Statement[0].Resource: ${a, 'b} is not a variable"),
    (document(statement(NotResource="*")), "Statement[0].NotResource: a statement has either Resource or NotResource"),
    (document({"Effect": "Deny", "NotAction": "x", "Resource": "*"}), "Statement[0].NotAction: must be *, iot:* or"),
    (document({"Effect": "Deny", "NotAction": "*", "NotResource": [1]}), "Statement[0].NotResource[0]: must be a str"),
    (document(statement(Condition=[])), "Statement[0].Condition: must be an object of operators, not a value of typ"),
    (document(statement(Condition={"Bool": "x"})), "Statement[0].Condition.Bool: must be an object of condition keys"),
    (document(statement(Condition={"Bool": {"": "true"}})), "Statement[0].Condition.Bool: a condition key must have"),
    (document(statement(Condition={"Equals": {"k": 1}})), "Statement[0].Condition.Equals: is not an operator; known"),
    (document(statement(Condition={"bool": {"k": 1}})), "Statement[0].Condition.bool: is not an operator; it is spel"),
    (document(statement(Condition={"ForAll:Bool": {"k": 1}})), "Statement[0].Condition.ForAll:Bool: is not an operat"),
    (document(statement(Condition={"NullIfExists": {"k": "true"}})), "Statement[0].Condition.NullIfExists: Null takes"),
    (document(statement(Condition={"ForAnyValue:Null": {"k": True}})), "ForAnyValue:Null: Null takes neither IfExists"),
    (document(statement(Condition={"Bool": {"k": None}})), "Statement[0].Condition.Bool.k: must be a string, a numbe"),
    (document(statement(Condition={"Bool": {"k": ["true", "yes"]}})), "Condition.Bool.k[1]: must be true or false, no"),
    (document(statement(Condition={"Null": {"k": "maybe"}})), "Condition.Null.k: must be true (the key is missing) or"),
    (
        document(statement(Condition={"NumericEquals": {"k": "a"}})),
        "Condition.NumericEquals.k: must be a number, not a",
    ),
    (document(statement(Condition={"NumericEquals": {"k": "${a}"}})), "must be a number, not ${a}"),
    (document(statement(Condition={"NumericEquals": {"k": 1e999}})), "must be a number, not inf"),
    (document(statement(Condition={"DateEquals": {"k": "soon"}})), "Condition.DateEquals.k: must be a date such as"),
    (document(statement(Condition={"DateEquals": {"k": "2026-02-30"}})), "must be a date such as"),
    (document(statement(Condition={"IpAddress": {"k": "10.0.0.0/33"}})), "must be an address or a range as 203.0.113"),
    (document(statement(Condition={"BinaryEquals": {"k": "?"}})), "Condition.BinaryEquals.k: must be base64, not ?"),
    (document(statement(Condition={"ArnLike": {"k": "topic/a"}})), "Condition.ArnLike.k: must be * or an ARN of six"),
    (document(statement(Condition={"StringEquals": {"k": "${"}})), "Condition.StringEquals.k: ${ is not a variable"),
]


@pytest.mark.parametrize(("content", "message"), MALFORMED)
def test_a_malformed_document_is_refused_with_its_place(content: str | dict[str, object], message: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(content)
    assert message in str(caught.value)
    assert str(caught.value).startswith(caught.value.place)


def test_actions_of_other_services_and_unknown_variables_are_accepted_and_match_nothing() -> None:
    policy = parsed(statement(Action=["s3:GetObject", "iotjobsdata:*"]), statement(Resource="arn:${aws:username}"))
    assert not ask([policy], ARN + "client/c").allowed
    assert not ask([policy], "arn:${aws:username}").allowed


@pytest.mark.fact("D10")
@pytest.mark.parametrize("version", [{}, {"Version": "2008-10-17"}])
def test_a_variable_outside_the_current_version_is_plain_text(version: dict[str, object]) -> None:
    policy = parse_policy(version | {"Statement": statement(Resource="arn:${iot:ClientId}/${*}")})
    assert not ask([policy], "arn:c/*", client_id="c").allowed
    assert ask([policy], "arn:${iot:ClientId}/${anything}", client_id="c").allowed


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("a\u00e9\n\ud800$", max_size=3),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text("a\u00e9\n\ud800$", max_size=3), children, max_size=3)
    ),
    max_leaves=4,
)
TEXTS = st.sampled_from(["*", "iot:*", "arn:a*", "arn:${iot:ClientId}", "${", "Allow", "Deny", "2012-10-17", "s3:x"])
CONDITIONS = st.dictionaries(
    st.sampled_from(["StringLike", "ForAllValues:ArnLike", "Null", "NumericEqualsIfExists", "DateEquals", "IpAddress"]),
    st.dictionaries(TEXTS | st.just("iot:ClientId"), JSON | TEXTS | st.lists(JSON | TEXTS, max_size=2), max_size=2),
    max_size=2,
)
LOOSE = JSON | TEXTS | CONDITIONS | st.lists(TEXTS, max_size=3)
STATEMENTS = st.dictionaries(
    st.sampled_from(["Sid", "Effect", "Action", "Resource", "NotAction", "NotResource", "Condition", "Other"]), LOOSE
)
DOCUMENTS = st.dictionaries(
    st.sampled_from(["Version", "Id", "Statement", "Other"]), LOOSE | STATEMENTS | st.lists(STATEMENTS, max_size=3)
)


@untimed
@given(DOCUMENTS)
def test_any_object_parses_or_raises_a_policy_error(content: dict[str, object]) -> None:
    with suppress(PolicyError):
        assert ask([parse_policy(content)], ARN + "client/c").reason.isprintable()


@untimed
@given(st.text() | JSON.map(json.dumps) | DOCUMENTS.map(json.dumps))
@example("9" * 5000)
@example('{"Id": ' * 3000)
@example('"\\ud800"')
@example("\ufeff{}")
def test_any_text_parses_or_raises_a_policy_error(text: str) -> None:
    with suppress(PolicyError):
        assert parse_policy(text).statements


# Matching


@pytest.mark.fact("D5", "D16")
@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("a", "a", True),
        ("a", "A", False),
        ("a", "ab", False),
        ("a", "", False),
        ("a*", "a", True),
        ("a*", "a/b/c", True),
        ("*c", "a/b/c", True),
        ("a*c", "a/c/d", False),
        ("*a*a*", "a", False),
        ("a**b", "ab", True),
        ("a?", "a/", True),
        ("a?", "a", False),
        ("a?", "abc", False),
        ("?*", "", False),
        ("a/+", "a/b", False),
        ("a/+", "a/+", True),
        ("a/#", "a/b", False),
        ("a/#", "a/#", True),
        ("[ab]", "a", False),
        ("a.c", "abc", False),
        ("$aws/a", "$aws/a", True),
        ("a\n*", "a\n\n", True),
    ],
)
def test_wildcards_are_star_and_question_mark_only(pattern: str, name: str, expected: bool) -> None:
    assert matches(pattern, name) is expected


@pytest.mark.fact("D15")
@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("${*}", "*", True),
        ("${*}", "a", False),
        ("${?}", "?", True),
        ("${?}", "a", False),
        ("${$}{iot:ClientId}", "${iot:ClientId}", True),
        ("${$}{iot:ClientId}", "c", False),
        ("*${*}?", "ab*c", True),
    ],
)
def test_escapes_are_literal_characters(pattern: str, name: str, expected: bool) -> None:
    assert matches(pattern, name) is expected


@pytest.mark.fact("D10")
@pytest.mark.parametrize("pattern", ["${iot:ClientId}/t", "*/${iot:ClientId}/t", "?/${iot:ClientId}/*"])
def test_the_client_id_is_put_in_place_of_its_variable(pattern: str) -> None:
    name = pattern.replace("*/", "x/").replace("?", "x").replace("*", "t")
    assert matches(pattern, name.replace("${iot:ClientId}", "device-1"), "device-1")
    assert not matches(pattern, name.replace("${iot:ClientId}", "device-2"), "device-1")


@pytest.mark.fact("D16")
@pytest.mark.parametrize("pattern", ["${iot:ClientId}", "*/${iot:ClientId}"])
@pytest.mark.parametrize("client_id", ["*", "?", "${*}", "${iot:ClientId}", "a*", "+", "#"])
def test_a_client_id_is_never_a_wildcard(pattern: str, client_id: str) -> None:
    prefix = pattern.removesuffix("${iot:ClientId}").replace("*", "x")
    assert matches(pattern, prefix + client_id, client_id)
    assert not matches(pattern, prefix + "b", client_id)
    assert not matches(pattern, prefix + "ab", client_id)


@pytest.mark.fact("D14", "A37")
def test_a_resource_that_needs_a_client_id_matches_nothing_without_one() -> None:
    assert not matches("${iot:ClientId}", "c", None)
    assert not matches("${iot:ClientId}", "${iot:ClientId}", None)
    assert not matches("*${iot:ClientId}", "", None)
    either = parsed(statement(Resource=[f"{ARN}topic/${{iot:ClientId}}", f"{ARN}topic/open"]))
    assert ask([either], f"{ARN}topic/open", client_id=None).allowed


def reference_match(pattern: str, text: str) -> bool:
    """Match a glob the obvious, exponential way."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(reference_match(pattern[1:], text[start:]) for start in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and reference_match(pattern[1:], text[1:])


@untimed
@given(st.text("ab*?", max_size=8), st.text("ab", max_size=8))
def test_the_matcher_agrees_with_a_reference(pattern: str, name: str) -> None:
    assert matches(pattern, name) is reference_match(pattern, name)


@untimed
@given(st.lists(st.sampled_from(["a", "*", "?", "${iot:ClientId}"]), max_size=6), st.text("ab", max_size=8))
def test_the_client_id_variable_agrees_with_a_reference(parts: list[str], name: str) -> None:
    pattern = "".join(parts)
    assert matches(pattern, name, "ab") is reference_match(pattern.replace("${iot:ClientId}", "ab"), name)


@pytest.fixture
def line_budget() -> Iterator[list[int]]:
    """Fail once the lines run in the pattern module have used up the number that the list holds."""
    budget = [1_000_000]

    def trace(frame: FrameType, event: str, _: object) -> object:
        if frame.f_code.co_filename != pattern_module.__file__:
            return None
        if event == "line":
            budget[0] -= 1
            assert budget[0] > 0, "too many steps"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)  # type: ignore[arg-type]
    yield budget
    sys.settrace(before)


@pytest.mark.parametrize("pattern", ["*a" * 200 + "*b", "a*" * 200 + "b", "?*" * 200 + "b", "**" * 200 + "b"])
def test_no_pattern_makes_matching_more_than_linear_in_the_text(pattern: str, line_budget: list[int]) -> None:
    policy = parsed(statement(Resource=f"arn:{pattern}"))
    line_budget[0] = 4 * 1000 + 200
    request = Request(action="iot:Connect", resource="arn:" + "a" * 1000, client_id="c")
    assert not policy.statements[0].names_resource(request)


# Deciding


@pytest.mark.fact("D4")
@pytest.mark.parametrize("action", ["*", "iot:*", "iot:Connect", "IOT:CONNECT", "iot:Conn*", "iot:?onnect"])
def test_an_action_matches_without_regard_to_case(action: str) -> None:
    assert ask([parsed(statement(Action=action))], ARN + "client/c").allowed


@pytest.mark.parametrize("action", ["iot:Publish", "iot:Connec", "iot:Connect?"])
def test_another_action_does_not_match(action: str) -> None:
    assert not ask([parsed(statement(Action=action))], ARN + "client/c").allowed


def test_a_resource_matches_with_regard_to_case() -> None:
    policy = parsed(statement(Resource=ARN + "client/Device"))
    assert ask([policy], ARN + "client/Device").allowed
    assert not ask([policy], ARN + "client/device").allowed


@pytest.mark.fact("D6")
def test_subscribe_matches_the_filter_as_text() -> None:
    policy = parsed(statement(Action="iot:Subscribe", Resource=ARN + "topicfilter/location/#"))
    assert ask([policy], ARN + "topicfilter/location/#", action="iot:Subscribe").allowed
    assert not ask([policy], ARN + "topicfilter/location/Seattle", action="iot:Subscribe").allowed


ALLOW = parsed(statement())
DENY = parsed(statement(Effect="Deny"))
OTHER = parsed(statement(Action="iot:Publish"))


@pytest.mark.fact("D9")
@pytest.mark.parametrize(
    ("policies", "verdict"),
    [
        ([], Verdict.IMPLICIT_DENY),
        ([OTHER], Verdict.IMPLICIT_DENY),
        ([ALLOW], Verdict.ALLOWED),
        ([OTHER, ALLOW, ALLOW], Verdict.ALLOWED),
        ([DENY], Verdict.EXPLICIT_DENY),
        ([ALLOW, DENY], Verdict.EXPLICIT_DENY),
        ([DENY, ALLOW], Verdict.EXPLICIT_DENY),
        ([parsed(statement(), statement(Effect="Deny"))], Verdict.EXPLICIT_DENY),
        ([ALLOW, parsed(statement(Effect="Deny", Resource=ARN + "client/other"))], Verdict.ALLOWED),
    ],
)
def test_deny_beats_allow_and_nothing_is_allowed_by_default(policies: list[Policy], verdict: Verdict) -> None:
    decision = ask(policies, ARN + "client/c")
    assert decision.verdict is verdict
    assert decision.allowed is (verdict is Verdict.ALLOWED)


def test_the_reason_names_the_statement_and_document_that_decided() -> None:
    assert ask([OTHER, ALLOW], "arn:x").reason == "statement 1 of document 2 allows iot:Connect on arn:x"
    denied = ask([ALLOW, parsed(statement(Action="iot:Publish"), statement(Effect="Deny"))], "arn:x")
    assert denied.reason == "statement 2 of document 2 denies iot:Connect on arn:x"


@pytest.mark.fact("C21")
def test_the_reason_for_no_documents_says_so() -> None:
    assert ask([], "arn:x").reason == "there is no policy document, so nothing allows iot:Connect on arn:x"


def test_the_reason_for_an_implicit_deny_names_the_nearest_resource() -> None:
    far = statement(Resource=["arn:aws:iot:us-east-1:1:client/x", "arn:aws:s3:::b"])
    near = statement(Resource=ARN + "client/y")
    assert ask([parsed(far), parsed(statement(Effect="Deny", Resource="arn:z"), near)], ARN + "client/x").reason == (
        f"no statement allows iot:Connect on {ARN}client/x; "
        f"the nearest, statement 2 of document 2, allows it on {ARN}client/y"
    )


def test_the_reason_says_what_the_client_id_variable_stood_for() -> None:
    policy = parsed(statement(Resource="arn:client/${iot:ClientId}"))
    reason = ask([policy], "arn:client/b", client_id="a").reason
    assert reason.endswith("allows it on arn:client/${iot:ClientId}, where ${iot:ClientId} is a")
    reason = ask([policy], "arn:client/b", client_id=None).reason
    assert reason.endswith("allows it on arn:client/${iot:ClientId}, but this request has no client identifier")


def test_the_reason_names_the_actions_allowed_on_the_resource_when_the_action_differs() -> None:
    policy = parsed(statement(Action=["iot:Publish", "iot:Receive"]))
    assert ask([policy], "arn:x").reason == (
        "no statement allows iot:Connect on arn:x; "
        "the nearest, statement 1 of document 1, allows only iot:Publish, iot:Receive on it"
    )


def test_the_reason_says_when_nothing_comes_near() -> None:
    policy = parsed(statement(Action="iot:Publish", Resource="arn:y"), statement(Effect="Deny", Resource="arn:y"))
    assert ask([policy], "arn:x").reason == (
        "no statement allows iot:Connect on arn:x, and none allows that action or anything on that resource"
    )


def test_a_line_break_in_a_topic_does_not_break_the_line_of_the_reason() -> None:
    policy = parsed(statement(Resource="arn:${iot:ClientId}\n"))
    decisions = [ask(policies, "arn:\nx", client_id="\r") for policies in ([], [ALLOW], [DENY], [policy])]
    assert all(decision.reason.isprintable() for decision in decisions)
