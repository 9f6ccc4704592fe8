"""Policy variables: where they stand, what they stand for, and when they stand for nothing."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customauth.policy import Request, decide, parse_policy

ARN = "arn:aws:iot:us-east-1:123456789012:"
COUNTRY = "iot:Certificate.Subject.Country"
Values = str | tuple[str, ...]


def matches(
    pattern: str,
    name: str,
    context: Mapping[str, Values] | None = None,
    *,
    client_id: str | None = "c",
    member: str = "Resource",
) -> bool:
    """Tell whether a resource that ends in ``pattern`` allows one that ends in ``name``."""
    statement = {"Effect": "Allow", "Action": "iot:Publish", member: f"{ARN}topic/{pattern}"}
    policy = parse_policy({"Version": "2012-10-17", "Statement": statement})
    request = Request(action="iot:Publish", resource=f"{ARN}topic/{name}", client_id=client_id, context=context or {})
    return decide([policy], request).allowed


def value(variable: str, context: Mapping[str, Values]) -> str | None:
    """Return what a variable stands for among some texts, None where it matches none of them."""
    texts = {text for given in context.values() for text in ([given] if isinstance(given, str) else given)}
    found = [text for text in sorted(texts) if matches(f"${{{variable}}}", text, context)]
    assert len(found) < 2
    return found[0] if found else None


@pytest.mark.fact("D10")
@pytest.mark.parametrize("name", ["aws:SourceIp", "iot:DomainName", "iot:Connection.Thing.Attributes[envType]"])
def test_a_variable_stands_for_the_value_in_the_context(name: str) -> None:
    assert value(name, {name: "x.y"}) == "x.y"
    assert value(name, {}) is None
    assert not matches(f"a/${{{name}}}/b", f"a/${{{name}}}/b", {})


@pytest.mark.parametrize("name", ["IOT:CLIENTID", "iot:clientid", " iot:ClientId "])
def test_the_name_of_a_variable_is_read_without_regard_to_case(name: str) -> None:
    assert matches(f"${{{name}}}", "c")


@pytest.mark.parametrize(
    ("pattern", "context", "name", "expected"),
    [
        ("${k, 'none'}", {}, "none", True),
        ("${k, 'none'}", {"k": "some"}, "some", True),
        ("${k, 'none'}", {"k": "some"}, "none", False),
        ("${k,'a}b'}/x", {}, "a}b/x", True),
        ("${k, ''}x", {}, "x", True),
        ("${k, '*'}", {}, "any", False),
        ("${k, '*'}", {}, "*", True),
    ],
)
def test_a_default_stands_where_nothing_else_does(
    pattern: str, context: Mapping[str, Values], name: str, expected: bool
) -> None:
    assert matches(pattern, name, context) is expected


@pytest.mark.fact("D14")
def test_a_resource_with_an_unknown_variable_matches_nothing_which_not_resource_takes_for_a_yes() -> None:
    assert not matches("${unknown}", "a")
    assert not matches("*${unknown}", "a")
    assert not matches("${iot:ClientId}/${unknown}", "c/")
    assert matches("${unknown}", "a", member="NotResource")
    assert not matches("${iot:ClientId}", "c", member="NotResource")


@pytest.mark.fact("D12")
def test_a_certificates_attribute_is_its_first_value_and_n_the_one_of_that_index() -> None:
    context = {COUNTRY: ("AT", "BE", "CH", "DE", "ES", "FR")}
    assert value(COUNTRY, context) == "AT"
    assert [value(f"{COUNTRY}.{index}", context) for index in range(7)] == ["AT", "BE", "CH", "DE", "ES", None, None]
    assert value(f"{COUNTRY}.01", context) is None
    assert value(f"{COUNTRY}.List", context) is None
    assert value(COUNTRY, {COUNTRY: "AT"}) == "AT"
    assert value("iot:Certificate.Subject", context) is None


@pytest.mark.fact("D12")
@pytest.mark.parametrize("character", "*$+?#")
def test_a_certificates_value_that_could_widen_a_policy_is_not_substituted(character: str) -> None:
    assert value(COUNTRY, {COUNTRY: f"a{character}"}) is None
    assert (
        value("iot:Connection.Thing.ThingName", {"iot:Connection.Thing.ThingName": f"a{character}"}) == f"a{character}"
    )


@pytest.mark.fact("D12")
@pytest.mark.parametrize(("characters", "is_known"), [(1024, True), (1025, False)])
def test_a_certificates_value_has_at_most_1024_characters(characters: int, is_known: bool) -> None:
    assert (value(COUNTRY, {COUNTRY: "a" * characters}) is not None) is is_known


@pytest.mark.fact("D12")
def test_the_list_of_a_certificates_attribute_is_a_condition_key_with_all_values() -> None:
    condition = {"ForAllValues:StringEquals": {f"{COUNTRY}.List": ["AT", "BE"]}}
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}
    policy = parse_policy({"Version": "2012-10-17", "Statement": statement})
    five = ("AT", "BE", "AT", "BE", "AT")
    for countries, expected in ((("AT", "BE"), True), (("AT", "CH"), False), (five, True), ((*five, "CH"), True)):
        request = Request(action="iot:Connect", resource="*", client_id="c", context={COUNTRY: countries})
        assert decide([policy], request).allowed is expected


def test_a_key_with_several_values_is_no_variable() -> None:
    assert value("iot:ConnectAttributes", {"iot:ConnectAttributes": ("LastWill",)}) is None


@pytest.mark.fact("D16")
def test_a_client_id_of_plus_widens_a_topic_filter() -> None:
    statement = {"Effect": "Allow", "Action": "iot:Subscribe", "Resource": f"{ARN}topicfilter/${{iot:ClientId}}/a"}
    policy = parse_policy({"Version": "2012-10-17", "Statement": statement})
    request = Request(action="iot:Subscribe", resource=f"{ARN}topicfilter/+/a", client_id="+")
    assert decide([policy], request).allowed


PARTS = st.lists(st.sampled_from(["a", "b", "*", "?", "${*}", "${?}", "${k}", "${k, 'ab'}"]), max_size=6)


def reference(parts: list[str], text: str, k: str | None) -> bool:
    """Match the obvious, exponential way."""
    if not parts:
        return not text
    first, *rest = parts
    if first == "*":
        return any(reference(rest, text[start:], k) for start in range(len(text) + 1))
    if first == "?":
        return bool(text) and reference(rest, text[1:], k)
    plain = {"${*}": "*", "${?}": "?", "${k}": k, "${k, 'ab'}": "ab" if k is None else k}.get(first, first)
    return plain is not None and text.startswith(plain) and reference(rest, text[len(plain) :], k)


@settings(deadline=None)
@given(PARTS, st.text("ab*?", max_size=7), st.none() | st.text("ab*?", max_size=2))
def test_patterns_agree_with_a_reference(parts: list[str], name: str, k: str | None) -> None:
    assert matches("".join(parts), name, {} if k is None else {"k": k}) is reference(parts, name, k)
