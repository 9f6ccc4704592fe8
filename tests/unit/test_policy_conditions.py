"""Conditions of a policy: every operator as IAM documents it, and the keys of a CONNECT."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customauth._policy_operators import OPERATORS
from customauth.policy import Request, connect_context, connection_context, decide, parse_policy

ARN = "arn:aws:iot:us-east-1:123456789012:"
KEY = "aws:Key"
Values = str | tuple[str, ...]


def holds(
    condition: Mapping[str, Mapping[str, Any]],
    context: Mapping[str, Values] | None = None,
    *,
    client_id: str | None = "c",
    version: str = "2012-10-17",
) -> bool:
    """Tell whether a request with this context meets a condition."""
    statement = {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*", "Condition": condition}
    policy = parse_policy({"Version": version, "Statement": statement})
    request = Request(action="iot:Connect", resource=f"{ARN}client/c", client_id=client_id, context=context or {})
    return decide([policy], request).allowed


def one(operator: str, wanted: object, actual: Values | None) -> bool:
    """Tell whether one key with this value, or without any, meets a condition."""
    return holds({operator: {KEY: wanted}}, {} if actual is None else {KEY: actual})


# What each operator compares.

STORE = "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt"

# operator, its negation, the value in the policy, the value in the request, whether the first is met
COMPARISONS: list[tuple[str, str | None, object, str, bool]] = [
    ("StringEquals", "StringNotEquals", "a", "a", True),
    ("StringEquals", "StringNotEquals", "a", "A", False),
    ("StringEquals", "StringNotEquals", "a*", "ab", False),
    ("StringEquals", "StringNotEquals", "a*", "a*", True),
    ("StringEquals", "StringNotEquals", "${*}${?}${$}", "*?$", True),
    ("StringEquals", "StringNotEquals", 7, "7", True),
    ("StringEquals", "StringNotEquals", True, "true", True),
    ("StringEquals", "StringNotEquals", ["a", "b"], "b", True),
    ("StringEquals", "StringNotEquals", ["a", "b"], "c", False),
    ("StringEquals", "StringNotEquals", [], "c", False),
    ("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "aB", "Ab", True),
    ("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "ab", "abc", False),
    ("StringLike", "StringNotLike", "home/*/x", "home/a/b/x", True),
    ("StringLike", "StringNotLike", "home/*", "Home/a", False),
    ("StringLike", "StringNotLike", "a?", "ab", True),
    ("StringLike", "StringNotLike", "a?", "a", False),
    ("StringLike", "StringNotLike", "a${*}", "ab", False),
    ("ArnLike", "ArnNotLike", "arn:aws:someservice:*:111122223333:finance/*", STORE, False),
    ("StringLike", "StringNotLike", "arn:aws:someservice:*:111122223333:finance/*", STORE, True),
    ("ArnLike", "ArnNotLike", "arn:aws:*:*:*:store/*document.txt", STORE, True),
    ("ArnEquals", "ArnNotEquals", f"{ARN}topic/*", f"{ARN}topic/a/b", True),
    ("ArnEquals", "ArnNotEquals", f"{ARN}topic/?", f"{ARN}topic/a", True),
    ("ArnEquals", "ArnNotEquals", f"{ARN}topic/A", f"{ARN}topic/a", False),
    ("ArnEquals", "ArnNotEquals", "arn:aws:iot:*:*:topic/a:b", f"{ARN}topic/a:b", True),
    ("ArnEquals", "ArnNotEquals", "*", f"{ARN}topic/a", True),
    ("ArnEquals", "ArnNotEquals", "*", "topic/a", False),
    ("ArnEquals", "ArnNotEquals", "arn:aws:iot:*:*:*", "arn:aws:iot", False),
    ("Bool", None, "true", "true", True),
    ("Bool", None, "TRUE", "true", True),
    ("Bool", None, True, "true", True),
    ("Bool", None, "false", "true", False),
    ("NumericEquals", "NumericNotEquals", "10", "10.0", True),
    ("NumericEquals", "NumericNotEquals", 10, "10", True),
    ("NumericEquals", "NumericNotEquals", "10", "11", False),
    ("NumericEquals", "NumericNotEquals", "10", "ten", False),
    ("NumericLessThan", None, "10", "9.99", True),
    ("NumericLessThan", None, "10", "10", False),
    ("NumericLessThanEquals", None, "10", "10", True),
    ("NumericLessThanEquals", None, "10", "10.1", False),
    ("NumericGreaterThan", None, "-1", "0", True),
    ("NumericGreaterThan", None, "9", "10", True),
    ("NumericGreaterThan", None, "10", "10", False),
    ("NumericGreaterThanEquals", None, "10", "10", True),
    ("NumericGreaterThanEquals", None, "10", "9", False),
    ("DateEquals", "DateNotEquals", "2026-01-31T12:00:00Z", "2026-01-31T14:00:00+02:00", True),
    ("DateEquals", "DateNotEquals", "2026-01-31T12:00Z", "2026-01-31T12:00:00.000Z", True),
    ("DateEquals", "DateNotEquals", "2026", "2026-01-01T00:00:00Z", True),
    ("DateEquals", "DateNotEquals", "2026-01", "2026-01-01", True),
    ("DateEquals", "DateNotEquals", "1577836800", "2020-01-01T00:00:00Z", True),
    ("DateEquals", "DateNotEquals", 1577836800, "1577836800.0", True),
    ("DateEquals", "DateNotEquals", "2020-01-01", "2020-01-01T00:00:00.5Z", False),
    ("DateLessThan", None, "2020-01-01", "2019-12-31T23:59:59Z", True),
    ("DateLessThan", None, "2020-01-01", "2020-01-01", False),
    ("DateLessThan", None, "2020-01-01", "yesterday", False),
    ("DateLessThanEquals", None, "2020-01-01", "2020-01-01", True),
    ("DateLessThanEquals", None, "2020-01-01", "2020-01-02", False),
    ("DateGreaterThan", None, "2020-01-01", "2020-01-02", True),
    ("DateGreaterThan", None, "2020-01-01", "2020-01-01", False),
    ("DateGreaterThanEquals", None, "2020-01-01", "2020-01-01", True),
    ("DateGreaterThanEquals", None, "2020-01-01", "2019-01-01", False),
    ("BinaryEquals", None, "QmluYXJ5VmFsdWVJbkJhc2U2NA==", "QmluYXJ5VmFsdWVJbkJhc2U2NA==", True),
    ("BinaryEquals", None, "QQ==", "Qg==", False),
    ("BinaryEquals", None, "QQ==", "A", False),
    ("IpAddress", "NotIpAddress", "203.0.113.0/24", "203.0.113.255", True),
    ("IpAddress", "NotIpAddress", "203.0.113.0/24", "203.0.114.0", False),
    ("IpAddress", "NotIpAddress", "203.0.113.7/24", "203.0.113.9", True),
    ("IpAddress", "NotIpAddress", "203.0.113.7", "203.0.113.7", True),
    ("IpAddress", "NotIpAddress", "203.0.113.7", "203.0.113.8", False),
    ("IpAddress", "NotIpAddress", "203.0.113.0/24", "::ffff:203.0.113.7", True),
    ("IpAddress", "NotIpAddress", "2001:db8:1234:5678::/64", "2001:DB8:1234:5678::9", True),
    ("IpAddress", "NotIpAddress", "2001:db8:1234:5678::/64", "203.0.113.7", False),
    ("IpAddress", "NotIpAddress", ["10.0.0.0/8", "2001:db8::/32"], "2001:db8::1", True),
    ("IpAddress", "NotIpAddress", "203.0.113.0/24", "nowhere", False),
]


@pytest.mark.fact("D17")
@pytest.mark.parametrize(("operator", "negated", "wanted", "actual", "expected"), COMPARISONS)
def test_an_operator_compares_as_iam_documents(
    operator: str, negated: str | None, wanted: object, actual: str, expected: bool
) -> None:
    assert one(operator, wanted, actual) is expected
    assert one(f"{operator}IfExists", wanted, actual) is expected
    assert one(f"ForAllValues:{operator}", wanted, actual) is expected
    assert one(f"ForAnyValue:{operator}", wanted, actual) is expected
    if negated is not None:
        assert one(negated, wanted, actual) is not expected
        assert one(f"{negated}IfExists", wanted, actual) is not expected
        assert one(f"ForAllValues:{negated}", wanted, actual) is not expected
        assert one(f"ForAnyValue:{negated}", wanted, actual) is not expected


def test_every_operator_is_compared_above() -> None:
    compared = {name for operator, negated, *_ in COMPARISONS for name in (operator, negated)} - {None}
    assert compared == OPERATORS.keys() - {"Null"}


VALUE = {"Bool": "true", "BinaryEquals": "QQ==", "IpAddress": "10.0.0.1", "NotIpAddress": "10.0.0.1"}


@pytest.mark.fact("D17", "D19")
@pytest.mark.parametrize("operator", sorted(OPERATORS.keys() - {"Null"}))
@pytest.mark.parametrize("missing", [None, ()])
def test_a_missing_key_fails_but_for_negation_if_exists_and_for_all_values(
    operator: str, missing: Values | None
) -> None:
    kinds = {"Arn": "arn:a:b:c:d:e", "Numeric": "1", "Date": "2026-01-01", "String": "a"}
    wanted = VALUE.get(operator) or next(value for kind, value in kinds.items() if operator.startswith(kind))
    assert one(operator, wanted, missing) is ("Not" in operator)
    assert one(f"{operator}IfExists", wanted, missing)
    assert one(f"ForAllValues:{operator}", wanted, missing)
    assert not one(f"ForAnyValue:{operator}", wanted, missing)
    assert one(f"ForAnyValue:{operator}IfExists", wanted, missing)


@pytest.mark.parametrize(
    ("wanted", "actual", "expected"),
    [
        ("true", None, True),
        ("true", (), True),
        ("true", "x", False),
        ("false", "x", True),
        ("false", None, False),
        (True, None, True),
        ("TRUE", None, True),
        (["true", "false"], "x", True),
    ],
)
def test_null_asks_whether_the_key_is_missing(wanted: object, actual: Values | None, expected: bool) -> None:
    assert one("Null", wanted, actual) is expected


# Keys with several values.


@pytest.mark.parametrize(
    ("operator", "actual", "expected"),
    [
        ("ForAllValues:StringEquals", ("a",), True),
        ("ForAllValues:StringEquals", ("a", "b"), True),
        ("ForAllValues:StringEquals", ("a", "z"), False),
        ("ForAllValues:StringEquals", ("",), True),
        ("ForAnyValue:StringEquals", ("z", "a"), True),
        ("ForAnyValue:StringEquals", ("y", "z"), False),
        ("ForAnyValue:StringEquals", ("",), False),
        ("ForAllValues:StringNotEquals", ("y", "z"), True),
        ("ForAllValues:StringNotEquals", ("a", "z"), False),
        ("ForAnyValue:StringNotEquals", ("a", "z"), True),
        ("ForAnyValue:StringNotEquals", ("a", "b"), False),
        ("StringEquals", ("a", "z"), True),
        ("StringNotEquals", ("a", "z"), False),
        ("StringNotEquals", ("y", "z"), True),
    ],
)
def test_set_operators_look_at_every_value(operator: str, actual: tuple[str, ...], expected: bool) -> None:
    assert one(operator, ["a", "b"], actual) is expected


@settings(deadline=None)
@given(st.lists(st.sampled_from("abc"), max_size=3), st.lists(st.sampled_from("abc"), max_size=3))
def test_set_operators_are_those_of_sets(wanted: list[str], actual: list[str]) -> None:
    has = tuple(actual)
    assert one("ForAllValues:StringEquals", wanted, has) is (set(actual) <= set(wanted))
    assert one("ForAnyValue:StringEquals", wanted, has) is bool(set(actual) & set(wanted))
    assert one("ForAllValues:StringNotEquals", wanted, has) is not (set(actual) & set(wanted))
    assert one("ForAnyValue:StringNotEquals", wanted, has) is bool(set(actual) - set(wanted))


# Several operators and keys, and their names.


@pytest.mark.parametrize(("first", "second"), [(True, True), (True, False), (False, True), (False, False)])
def test_operators_and_keys_have_to_hold_together(first: bool, second: bool) -> None:
    context = {"a": "x" if first else "-", "b": "y" if second else "-"}
    assert holds({"StringEquals": {"a": "x", "b": "y"}}, context) is (first and second)
    assert holds({"StringEquals": {"a": "x"}, "StringLike": {"b": "y"}}, context) is (first and second)


def test_nothing_in_a_condition_asks_for_nothing() -> None:
    assert holds({})
    assert holds({"StringEquals": {}})


def test_the_name_of_a_key_is_read_without_regard_to_case() -> None:
    assert holds({"StringEquals": {"AWS:sourceip": "1.2.3.4"}}, {"aws:SourceIp": "1.2.3.4"})
    assert holds({"StringEquals": {"IOT:CLIENTID": "c"}})


# Variables in values.


@pytest.mark.fact("D10", "D14")
@pytest.mark.parametrize("operator", ["StringEquals", "StringLike", "StringEqualsIgnoreCase", "ForAnyValue:StringLike"])
def test_a_variable_in_a_value_stands_for_its_text(operator: str) -> None:
    condition = {operator: {"k": "x/${iot:ClientId}"}}
    assert holds(condition, {"k": "x/c"})
    assert not holds(condition, {"k": "x/d"})
    assert not holds(condition, {"k": "x/*"}, client_id="*d")
    assert not holds(condition, {"k": "x/${iot:ClientId}"}, client_id=None)
    assert holds({operator: {"k": ["x/${unknown}", "y"]}}, {"k": "y"})


def test_a_variable_is_plain_text_in_the_older_language() -> None:
    condition = {"StringEquals": {"k": "${iot:ClientId}"}}
    assert holds(condition, {"k": "${iot:ClientId}"}, version="2008-10-17")
    assert not holds(condition, {"k": "c"}, version="2008-10-17")


def test_an_arn_and_a_boolean_may_hold_variables() -> None:
    arn = {"ArnEquals": {"k": f"{ARN}topic/gone/${{iot:ClientId}}"}}
    assert holds(arn, {"k": f"{ARN}topic/gone/c"})
    assert holds(arn, {"k": f"{ARN}topic/gone/a:b"}, client_id="a:b")
    assert not holds(arn, {"k": f"{ARN}topic/gone/d"})
    assert holds({"Bool": {"k": "${flag}"}}, {"k": "true", "flag": "true"})
    assert not holds({"Bool": {"k": "${flag}"}}, {"k": "true"})


def test_the_negation_of_an_unknown_variable_holds() -> None:
    assert holds({"StringNotEquals": {"k": "${unknown}"}}, {"k": "x"})


# CONNECT: the samples of AWS's page, in other words.

WILL = f"{ARN}topic/gone"


def connects(condition: Mapping[str, Mapping[str, Any]], *, will: str | None = None, persistent: bool = False) -> bool:
    connection = connection_context(source_ip="203.0.113.7", domain_name="iot.example.com")
    return holds(condition, connect_context(connection, will=will, persistent=persistent))


@pytest.mark.fact("D18", "D19")
@pytest.mark.parametrize(
    ("will", "persistent", "expected"),
    [(None, False, True), (None, True, True), (WILL, False, False), (WILL, True, False)],
)
def test_an_allow_for_persistent_sessions_admits_clean_ones_but_no_will(
    will: str | None, persistent: bool, expected: bool
) -> None:
    condition = {"ForAllValues:StringEquals": {"iot:ConnectAttributes": ["PersistentConnect"]}}
    assert connects(condition, will=will, persistent=persistent) is expected


@pytest.mark.fact("D20")
@pytest.mark.parametrize("persistent", [True, False])
def test_an_allow_without_condition_admits_persistent_sessions_until_a_deny_names_them(persistent: bool) -> None:
    allow = {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}
    persists = {"ForAnyValue:StringEquals": {"iot:ConnectAttributes": ["PersistentConnect"]}}
    context = connect_context({}, will=WILL, persistent=persistent)
    request = Request(action="iot:Connect", resource=f"{ARN}client/c", client_id="c", context=context)
    for statements, expected in (
        ([allow], True),
        ([allow, allow | {"Effect": "Deny", "Condition": persists}], not persistent),
    ):
        policy = parse_policy({"Version": "2012-10-17", "Statement": statements})
        assert decide([policy], request).allowed is expected


@pytest.mark.fact("D18")
def test_the_topic_of_the_will_is_the_arn_of_a_topic() -> None:
    condition = {"ArnEquals": {"iot:LastWillTopic": f"{ARN}topic/*"}}
    assert connects(condition, will=WILL)
    assert not connects(condition)
    assert not connects({"StringEquals": {"iot:LastWillTopic": "gone"}}, will=WILL)


@pytest.mark.fact("D10", "D11", "D18")
def test_a_connection_has_an_address_a_name_and_no_thing() -> None:
    assert connects({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}})
    assert connects({"StringEquals": {"iot:DomainName": "iot.example.com"}})
    assert connects({"Bool": {"iot:Connection.Thing.IsAttached": "false"}})
    assert connects({"Null": {"iot:Connection.Thing.ThingName": "true", "aws:CurrentTime": "true"}})
