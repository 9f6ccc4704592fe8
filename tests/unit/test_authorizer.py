from __future__ import annotations

import base64
import json
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from customauth.authorizer import (
    Answer,
    InvalidAnswer,
    MqttContext,
    TlsContext,
    build_event,
    function_error_text,
    validate_answer,
)
from customauth.policy import PolicyError, parse_policy

# The first text that Hypothesis draws takes a second where nothing is cached: slowness is no failure here.
untimed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

CONNECTION_ID = "6a6e0f1c-4f0e-4f47-a4f4-2f3f0d8f7b11"
USERNAME = "user?x-amz-customauthorizer-name=a&token=t&x-amz-customauthorizer-signature=a%2Bb%3D"
POLICY: dict[str, object] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}],
}
CONDITIONAL: dict[str, object] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:x": "true"}}}],
}

FORMAT = "Lambda invocation result is in invalid format"
PRINCIPAL = " at principalId failed to satisfy constraint: Member must satisfy ([a-zA-Z0-9]){1,128}"
NO_LIST = "policyDocuments failed to satisfy constraint: List of policies cannot be null."
TOO_MANY = "policyDocuments failed to satisfy constraint: Number of policies allowed cannot exceed 10"
TOO_LONG = "policyDocuments failed to satisfy constraint: Size of a policy document cannot exceeds hard limit of 2048"
MALFORMED = "policyDocuments failed to satisfy constraint: Policy document is Malformed: Invalid policy syntax."
TTL = " failed to satisfy constraint: Member must be greater than 5 minutes and less than 24 hours."


def mqtt(
    username: str | None = USERNAME, password: bytes | None = b"\x00secret", client_id: str | None = "c"
) -> MqttContext:
    return MqttContext(username=username, password=password, client_id=client_id)


def event(
    *,
    mqtt: MqttContext | None = None,
    tls: TlsContext | None = None,
    token: str | None = None,
    verified: bool = False,
) -> dict[str, object]:
    return build_event(connection_id=CONNECTION_ID, mqtt=mqtt, tls=tls, token=token, signature_verified=verified)


def answer(**members: object) -> dict[str, object]:
    return {"isAuthenticated": True, "principalId": "p1", "policyDocuments": [POLICY]} | members


def without(*names: str) -> dict[str, object]:
    return {name: value for name, value in answer().items() if name not in names}


def validate(**members: object) -> Answer:
    return validate_answer(json.dumps(answer(**members)))


def refusal(payload: str | bytes | dict[str, object]) -> str:
    with pytest.raises(InvalidAnswer) as caught:
        validate_answer(json.dumps(payload) if isinstance(payload, dict) else payload)
    return str(caught.value)


def sized_document(length: int) -> str:
    text = json.dumps(POLICY)
    return text + " " * (length - len(text))


# The event


@pytest.mark.fact("C1", "C2", "C3", "C4", "C5", "A18", "A19")
def test_the_event_of_a_signed_connect_has_the_keys_and_order_of_aws() -> None:
    built = event(mqtt=mqtt(), tls=TlsContext(server_name="iot.example.com"), token="t", verified=True)
    assert json.dumps(built) == json.dumps(
        {
            "protocolData": {
                "tls": {"serverName": "iot.example.com"},
                "mqtt": {"username": USERNAME, "password": "AHNlY3JldA==", "clientId": "c"},
            },
            "protocols": ["tls", "mqtt"],
            "token": "t",
            "signatureVerified": True,
            "connectionMetadata": {"id": CONNECTION_ID},
        }
    )


@pytest.mark.fact("A20", "C12")
def test_what_the_client_did_not_send_is_left_out() -> None:
    built = event(mqtt=mqtt(None, None, None), tls=TlsContext(server_name=None))
    assert built == {
        "protocolData": {"tls": {}, "mqtt": {}},
        "protocols": ["tls", "mqtt"],
        "signatureVerified": False,
        "connectionMetadata": {"id": CONNECTION_ID},
    }


@pytest.mark.fact("C12")
def test_an_empty_client_id_is_left_out_but_an_empty_username_is_not() -> None:
    built = event(mqtt=mqtt("", b"", ""))
    assert built["protocolData"] == {"mqtt": {"username": "", "password": ""}}
    assert built["protocols"] == ["mqtt"]


@pytest.mark.fact("B27")
def test_without_contexts_there_are_no_protocols() -> None:
    assert list(event(token="t", verified=True)) == ["token", "signatureVerified", "connectionMetadata"]


@pytest.mark.fact("C3", "B21")
def test_a_token_that_was_not_verified_is_left_out() -> None:
    built = event(mqtt=mqtt(), token="t", verified=False)
    assert "token" not in built
    assert built["signatureVerified"] is False


@pytest.mark.fact("A18", "A19")
@untimed
@given(st.text(), st.binary(), st.text(min_size=1))
def test_any_credentials_survive_the_way_through_json(username: str, password: bytes, client_id: str) -> None:
    built = json.loads(json.dumps(event(mqtt=mqtt(username, password, client_id))))["protocolData"]["mqtt"]
    assert base64.b64decode(built["password"], validate=True) == password
    assert (built["username"], built["clientId"]) == (username, client_id)


def test_credentials_are_not_in_the_repr_of_a_context() -> None:
    shown = repr(mqtt())
    assert "token" not in shown
    assert "secret" not in shown


# The answer


@pytest.mark.fact("C15", "C16")
def test_a_valid_answer_is_read_with_its_defaults() -> None:
    assert validate() == Answer(
        authenticated=True,
        principal_id="p1",
        policy_documents=(json.dumps(POLICY, separators=(",", ":")),),
        policies=(parse_policy(POLICY),),
        refresh_after=300,
        disconnect_after=86400,
    )


@pytest.mark.fact("B24", "C17")
def test_a_string_document_is_kept_verbatim_and_an_object_becomes_compact_json() -> None:
    text = ' {"Version" : "2012-10-17", "Id": "\u00e9", "Statement": []}'.replace("[]", json.dumps(POLICY["Statement"]))
    read = validate(policyDocuments=[text, json.loads(text)])
    assert read.policy_documents[0] == text
    assert read.policy_documents[1] == (
        '{"Version":"2012-10-17","Id":"\u00e9","Statement":[{"Effect":"Allow","Action":"iot:Connect","Resource":"*"}]}'
    )
    assert read.policies[0] == read.policies[1]


@pytest.mark.fact("C21")
def test_an_empty_list_of_documents_is_valid() -> None:
    assert validate(policyDocuments=[]).policies == ()


@pytest.mark.fact("C18")
def test_unknown_keys_are_tolerated() -> None:
    assert validate(context={}, password="p") == validate()


@pytest.mark.fact("J6")
def test_a_json_string_that_holds_the_answer_is_accepted_once() -> None:
    text = json.dumps(answer())
    assert validate_answer(json.dumps(text)) == validate()
    assert refusal(json.dumps(json.dumps(text))) == FORMAT


@pytest.mark.fact("J6")
def test_a_statement_that_is_one_object_is_accepted() -> None:
    assert validate(policyDocuments=[{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}]).policies


def test_bytes_are_read_as_utf_8() -> None:
    assert validate_answer(json.dumps(answer(note="\u00e9"), ensure_ascii=False).encode()) == validate()


@pytest.mark.fact("C16")
@pytest.mark.parametrize("name", ["refreshAfterInSeconds", "disconnectAfterInSeconds"])
@pytest.mark.parametrize("seconds", [300, 301, 86400])
def test_times_are_accepted_up_to_their_bounds(name: str, seconds: int) -> None:
    read = validate(**{name: seconds})
    assert seconds == (read.refresh_after if name.startswith("refresh") else read.disconnect_after)


@pytest.mark.fact("C16")
def test_a_time_that_is_null_counts_as_left_out() -> None:
    assert validate(refreshAfterInSeconds=None, disconnectAfterInSeconds=None) == validate()


@pytest.mark.fact("C20")
@pytest.mark.parametrize("name", ["refreshAfterInSeconds", "disconnectAfterInSeconds"])
@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (299, "299"),
        (86401, "86401"),
        (0, "0"),
        (-1, "-1"),
        (300.0, "300.0"),
        (True, "true"),
        ("300", "300"),
        ([300], "[300]"),
        (10**4000, "1" + "0" * 4000),
    ],
)
def test_a_time_out_of_bounds_or_not_an_integer_is_refused(name: str, value: object, shown: str) -> None:
    assert refusal(answer(**{name: value})) == f"{shown} at {name}{TTL}"


@pytest.mark.fact("C20")
@pytest.mark.parametrize(
    "payload",
    [
        "",
        "not JSON",
        "null",
        "[]",
        "1",
        "{}",
        '"text"',
        b"\xff\xfe{}",
        json.dumps(answer()).encode("utf-16"),
        "\ufeff" + json.dumps(answer()),
        json.dumps(answer()) + "{}",
        json.dumps(answer(isAuthenticated="true")),
        json.dumps(answer(isAuthenticated=1)),
        json.dumps(answer(isAuthenticated=None)),
        json.dumps(answer(note=float("nan"))),
        json.dumps(answer(note=float("inf"))),
        json.dumps(without("isAuthenticated")),
        json.dumps(answer())[:-1] + ', "principalId": "p2"}',
        json.dumps(answer())[:-1] + ', "note": ' + "9" * 5000 + "}",
        "[" * 100_000,
        '{"isAuthenticated": ' * 100_000,
        json.dumps("[" * 100_000),
    ],
)
def test_what_is_not_an_answer_is_in_invalid_format(payload: str | bytes) -> None:
    assert refusal(payload) == FORMAT


@pytest.mark.fact("C15", "C20")
@pytest.mark.parametrize(
    ("principal", "shown"),
    [
        ("", ""),
        ("bad-principal!", "bad-principal!"),
        ("p1\n", "p1\n"),
        ("\u00e9", "\u00e9"),
        ("\u0663", "\u0663"),
        ("a" * 129, "a" * 129),
        (None, "null"),
        (1, "1"),
        ({"a": [1]}, '{"a":[1]}'),
    ],
)
def test_a_bad_principal_is_refused_with_its_value(principal: object, shown: str) -> None:
    assert refusal(answer(principalId=principal)) == shown + PRINCIPAL


@pytest.mark.fact("C20")
def test_a_missing_principal_is_shown_as_null() -> None:
    assert refusal(without("principalId")) == "null" + PRINCIPAL


@pytest.mark.fact("C15")
def test_a_principal_of_128_characters_is_accepted() -> None:
    assert validate(principalId="a" * 128).principal_id == "a" * 128


@pytest.mark.fact("C20")
def test_missing_documents_are_refused() -> None:
    assert refusal(without("policyDocuments")) == NO_LIST
    assert refusal(answer(policyDocuments=None)) == NO_LIST
    assert refusal(answer(policyDocuments=POLICY)) == NO_LIST


@pytest.mark.fact("C15", "C20")
def test_ten_documents_are_accepted_and_eleven_are_not() -> None:
    assert len(validate(policyDocuments=[POLICY] * 10).policies) == 10
    assert refusal(answer(policyDocuments=[POLICY] * 11)) == TOO_MANY


@pytest.mark.fact("C20", "C23")
def test_a_document_of_2048_characters_is_accepted_and_one_more_is_not() -> None:
    assert validate(policyDocuments=[sized_document(2048)])
    assert refusal(answer(policyDocuments=[sized_document(2049)])) == TOO_LONG


@pytest.mark.fact("C23")
def test_the_size_of_an_object_is_that_of_its_compact_json_in_characters() -> None:
    room = 2048 - len(json.dumps(POLICY | {"Id": ""}, separators=(",", ":")))
    assert validate(policyDocuments=[POLICY | {"Id": "\u00e9" * room}])
    assert refusal(answer(policyDocuments=[POLICY | {"Id": "\u00e9" * (room + 1)}])) == TOO_LONG


@pytest.mark.fact("C20")
@pytest.mark.parametrize("document", ["this is not json", "{} {}", "{}", "[]", {}, [], None, 1, {"Statement": []}])
def test_a_malformed_document_is_refused(document: object) -> None:
    assert refusal(answer(policyDocuments=[POLICY, document])) == MALFORMED


def test_the_cause_of_a_malformed_document_names_its_place() -> None:
    with pytest.raises(InvalidAnswer) as caught:
        validate(policyDocuments=[POLICY, {"Statement": {"Effect": "allow"}}])
    assert isinstance(caught.value.__cause__, PolicyError)
    assert str(caught.value.__cause__).startswith("policyDocuments[1]: Statement.Effect: must be Allow or Deny")


@pytest.mark.fact("C20")
def test_the_first_failing_check_wins() -> None:
    bad = answer(
        isAuthenticated=1,
        principalId="!",
        policyDocuments=None,
        refreshAfterInSeconds=1,
        disconnectAfterInSeconds=2,
    )
    texts = [refusal(bad)]
    for cure in (
        {"isAuthenticated": False},
        {"principalId": "p"},
        {"policyDocuments": ["{}"] * 9 + [sized_document(2049)] * 2},
        {"policyDocuments": ["{}", sized_document(2049)]},
        {"policyDocuments": [POLICY, "{}"]},
        {"policyDocuments": [CONDITIONAL]},
        {"refreshAfterInSeconds": 300},
    ):
        bad.update(cure)
        texts.append(refusal(bad))
    assert texts == [
        FORMAT,
        "!" + PRINCIPAL,
        NO_LIST,
        TOO_MANY,
        TOO_LONG,
        MALFORMED,
        "1 at refreshAfterInSeconds" + TTL,
        "2 at disconnectAfterInSeconds" + TTL,
    ]


@pytest.mark.fact("C19")
def test_a_refusing_answer_is_validated_too() -> None:
    assert refusal({"isAuthenticated": False}) == "null" + PRINCIPAL
    assert refusal({"isAuthenticated": False, "principalId": "p1"}) == NO_LIST


@pytest.mark.fact("J8")
def test_a_refusing_answer_with_times_of_zero_is_invalid() -> None:
    zeros = answer(isAuthenticated=False, disconnectAfterInSeconds=0, refreshAfterInSeconds=0)
    assert refusal(zeros) == "0 at refreshAfterInSeconds" + TTL


def test_a_refusing_answer_grants_nothing() -> None:
    read = validate(isAuthenticated=False, policyDocuments=[POLICY, CONDITIONAL])
    assert not read.authenticated
    assert read.policies == ()
    assert len(read.policy_documents) == 2


@pytest.mark.fact("C20")
def test_a_function_error_is_given_with_message_and_type() -> None:
    text = "Lambda function encountered error in execution: boom: ValueError"
    assert function_error_text("boom", "ValueError") == text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("a\u00e9\n\ud800$", max_size=3) | st.just(POLICY),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text("a\u00e9\n\ud800$", max_size=3), children, max_size=3)
    ),
    max_leaves=4,
)
ANSWERS = st.fixed_dictionaries(
    {"isAuthenticated": st.booleans() | JSON},
    optional={
        "principalId": st.just("p1") | JSON,
        "policyDocuments": st.lists(st.just(POLICY) | st.just(CONDITIONAL) | JSON, max_size=11) | JSON,
        "refreshAfterInSeconds": st.integers(0, 90000) | JSON,
        "disconnectAfterInSeconds": st.integers(0, 90000) | JSON,
        "other": JSON,
    },
)


@untimed
@given(st.text() | st.binary() | JSON.map(json.dumps) | ANSWERS.map(json.dumps))
@example('{"isAuthenticated": true, "principalId": "\\ud800"}')
@example('{"isAuthenticated": true, "principalId": -1e999}')
def test_any_payload_is_valid_or_raises_a_declared_error(payload: str | bytes) -> None:
    with suppress(InvalidAnswer):
        read = validate_answer(payload)
        assert 300 <= read.refresh_after <= 86400
        assert 300 <= read.disconnect_after <= 86400


@pytest.mark.parametrize("name", ["isAuthenticated", "principalId", "policyDocuments", "refreshAfterInSeconds"])
def test_a_value_nested_to_any_depth_is_refused_without_another_error(name: str) -> None:
    for depth in (*range(2, 1100), 10_000):
        payload = json.dumps(answer(**{name: "nested"}))
        assert refusal(payload.replace('"nested"', "[" * depth + "]" * depth))


@pytest.mark.parametrize(
    ("payload", "cause"),
    [
        ("null", "it answered null; return a JSON object"),
        ('"yes"', None),
        ("[]", "it answered a list; return a JSON object"),
        ("{}", "isAuthenticated is missing; return true or false"),
        ('{"isAuthenticated": "true"}', "isAuthenticated is a text; return true or false"),
        ('{"isAuthenticated": 1}', "isAuthenticated is a number; return true or false"),
    ],
)
def test_what_makes_an_answer_invalid_is_said_beside_awss_text(payload: str, cause: str | None) -> None:
    with pytest.raises(InvalidAnswer, match="Lambda invocation result is in invalid format") as caught:
        validate_answer(payload)
    assert caught.value.__cause__ is not None
    assert cause is None or str(caught.value.__cause__) == cause
