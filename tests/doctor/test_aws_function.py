"""The function and its resource policy, its log, and what AWS says when it runs it with the device's credentials."""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import pytest
from attrs import evolve

from customauth import CustomAuth, Endpoint
from customauth.doctor.aws.permission import judge_permission
from customauth.doctor.finding import Certainty, Outcome
from customauth.testing.client_certificates import client_certificate
from stubbed_aws import (
    ACCOUNT,
    AUTHORIZER_ARN,
    CALLER,
    FUNCTION,
    FUNCTION_ARN,
    HOST,
    KEYS,
    NAME,
    NOW,
    PASSWORD,
    REGION,
    TOKEN,
    StubbedAccount,
    answer,
    authorizer,
    by_name,
    findings,
    function,
    healthy,
    permission,
    quiet_logs,
    rules,
    setup_of,
    signed,
    unsigned,
    with_password,
)

CERTAIN, LIKELY, POSSIBLE = Certainty.CERTAIN, Certainty.LIKELY, Certainty.POSSIBLE


def beginning(account: StubbedAccount, described: Mapping[str, Any] | None = None) -> None:
    account.answers("sts", "get_caller_identity", CALLER)
    account.answers("iot", "describe_endpoint", {"endpointAddress": HOST})
    account.answers("iot", "describe_authorizer", described or authorizer())


# The function


def test_a_function_that_does_not_exist_is_named_with_its_region(account: StubbedAccount) -> None:
    beginning(account)
    account.refuses("lambda", "get_function_configuration", "ResourceNotFoundException", status=404)
    quiet_logs(account)
    (finding,) = findings(account.checks(setup_of(signed()), invoke=False))
    assert (finding.rule, finding.certainty) == ("function-not-found", CERTAIN)
    assert finding.evidence == f"there is no Lambda function {FUNCTION} in {REGION}"


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"State": "Failed", "StateReason": "no subnet"}, [("function-inactive", CERTAIN)]),
        ({"State": "Pending"}, [("function-inactive", LIKELY)]),
        ({"State": "Inactive"}, [("function-inactive", POSSIBLE)]),
        ({"Timeout": 6}, [("function-slow", POSSIBLE)]),
        ({"Timeout": 5}, []),
    ],
)
@pytest.mark.fact("C24")
def test_the_state_and_the_timeout_of_the_function_are_judged(
    account: StubbedAccount, changed: dict[str, Any], expected: list[tuple[str, Certainty]]
) -> None:
    beginning(account)
    account.answers("lambda", "get_function_configuration", function(**changed))
    if changed.get("State") != "Failed":
        account.answers("lambda", "get_function_concurrency", {"ReservedConcurrentExecutions": 3})
        account.answers("lambda", "get_policy", permission())
    quiet_logs(account)
    assert rules(account.checks(setup_of(signed()), invoke=False)) == expected


def test_a_function_of_which_nothing_may_run_is_told(account: StubbedAccount) -> None:
    beginning(account)
    account.answers("lambda", "get_function_configuration", function())
    account.answers("lambda", "get_function_concurrency", {"ReservedConcurrentExecutions": 0})
    account.answers("lambda", "get_policy", permission())
    quiet_logs(account)
    assert rules(account.checks(setup_of(signed()), invoke=False)) == [("function-inactive", CERTAIN)]


def test_an_alias_in_another_region_is_asked_for_there(account: StubbedAccount) -> None:
    arn = f"arn:aws:lambda:eu-central-1:{ACCOUNT}:function:other:prod"
    beginning(account, authorizer(authorizerFunctionArn=arn))
    expected = {"FunctionName": "other", "Qualifier": "prod"}
    account.answers("lambda", "get_function_configuration", function(), expected, region="eu-central-1")
    account.answers("lambda", "get_function_concurrency", {}, {"FunctionName": "other"}, region="eu-central-1")
    account.answers("lambda", "get_policy", permission(), expected, region="eu-central-1")
    account.answers("logs", "filter_log_events", {}, region="eu-central-1")
    account.answers("logs", "filter_log_events", {})
    assert rules(account.checks(setup_of(signed()), invoke=False)) == []


def test_a_permission_on_the_function_is_none_on_its_alias(account: StubbedAccount) -> None:
    beginning(account, authorizer(authorizerFunctionArn=f"{FUNCTION_ARN}:prod"))
    account.answers("lambda", "get_function_configuration", function())
    account.answers("lambda", "get_function_concurrency", {})
    account.refuses("lambda", "get_policy", "ResourceNotFoundException")
    account.answers("lambda", "get_policy", permission(), {"FunctionName": FUNCTION})
    quiet_logs(account)
    (finding,) = findings(account.checks(setup_of(signed()), invoke=False))
    assert finding.rule == "function-not-permitted"
    assert finding.evidence == f"the permission is on function {FUNCTION}, and the authorizer invokes {FUNCTION}:prod"


# Its resource policy


def statement(**changed: Any) -> str:
    policy: str = permission(**changed)["Policy"]
    return policy


def arn_like(arn: str) -> dict[str, Any]:
    return {"ArnLike": {"AWS:SourceArn": arn}}


@pytest.mark.fact("G2", "G4")
@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"Condition": {}},
        {"Principal": "*"},
        {"Principal": {"Service": ["lambda.amazonaws.com", "iot.amazonaws.com"]}},
        {"Action": "lambda:*"},
        {"Action": ["lambda:GetFunction", "lambda:InvokeFunction"]},
        {"Condition": arn_like(f"arn:aws:iot:*:{ACCOUNT}:authorizer/*")},
        {"Condition": {"ArnEquals": {"aws:sourcearn": AUTHORIZER_ARN}}},
        {"Condition": {"StringEquals": {"AWS:SourceArn": AUTHORIZER_ARN}}},
    ],
)
def test_a_permission_that_lets_aws_iot_invoke_is_good(changed: dict[str, Any]) -> None:
    found = judge_permission(statement(**changed), AUTHORIZER_ARN)
    assert (found.allowed, found.why) == (
        True,
        "statement iot-pumps of the function's resource policy lets iot.amazonaws.com invoke it for this authorizer",
    )


@pytest.mark.fact("F12", "G2", "G3", "G4")
@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"Condition": arn_like(FUNCTION_ARN)}, "the ARN of a function where the authorizer's must stand"),
        ({"Condition": arn_like(f"{AUTHORIZER_ARN}s")}, ": another authorizer; it must be "),
        ({"Condition": arn_like(AUTHORIZER_ARN.replace(REGION, "us-east-1"))}, ": another region; it must be "),
        ({"Condition": arn_like(AUTHORIZER_ARN.replace(ACCOUNT, "210987654321"))}, ": another account; it must be "),
        ({"Condition": arn_like(f"arn:aws:iot:{REGION}:{ACCOUNT}:thing/a")}, "which is no authorizer's; it must be "),
        ({"Condition": {"StringEquals": {"AWS:SourceArn": f"{AUTHORIZER_ARN[:-1]}*"}}}, "it must be "),
        ({"Condition": {"StringEquals": {"AWS:SourceAccount": "210987654321"}}}, "is for account 210987654321"),
        ({"Principal": {"Service": "apigateway.amazonaws.com"}}, "is for apigateway.amazonaws.com, not for iot"),
        ({"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}, f"is for AWS arn:aws:iam::{ACCOUNT}:root"),
        ({"Action": "lambda:GetFunction"}, "allows lambda:GetFunction, not lambda:InvokeFunction"),
        ({"Effect": "Deny"}, "denies it"),
    ],
)
def test_what_is_wrong_with_a_permission_is_named(changed: dict[str, Any], why: str) -> None:
    found = judge_permission(statement(**changed), AUTHORIZER_ARN)
    assert found.allowed is False
    assert why in found.why


def test_the_statement_that_comes_nearest_is_the_one_that_is_told() -> None:
    far = json.loads(statement(Sid="far", Principal={"Service": "s3.amazonaws.com"}))["Statement"]
    near = json.loads(statement(Sid="near", Condition=arn_like(FUNCTION_ARN)))["Statement"]
    found = judge_permission(json.dumps({"Statement": far + near + far}), AUTHORIZER_ARN)
    assert found.why.startswith("statement near ")


@pytest.mark.parametrize(
    "policy",
    [
        "",
        "[]",
        statement(Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}}),
        statement(Condition={"ArnLikeIfExists": {"AWS:SourceArn": FUNCTION_ARN}}),
    ],
)
def test_what_cannot_be_judged_is_not_called_wrong(policy: str) -> None:
    assert judge_permission(policy, AUTHORIZER_ARN).allowed is None


def test_a_function_without_a_permission_is_told_with_all_that_the_command_needs(account: StubbedAccount) -> None:
    beginning(account)
    account.answers("lambda", "get_function_configuration", function())
    account.answers("lambda", "get_function_concurrency", {})
    account.refuses("lambda", "get_policy", "ResourceNotFoundException", status=404)
    quiet_logs(account)
    account.refuses(
        "iot",
        "test_invoke_authorizer",
        "InvalidResponseException",
        "Lambda function encountered error in execution: Access denied: AccessDenied",
    )
    checks = account.checks(setup_of(signed()))
    assert rules(checks) == [("function-not-permitted", CERTAIN)], "what the test says of it is no cause of its own"
    facts = findings(checks)[0].facts
    assert (facts["function"], facts["authorizer_arn"], facts["region"]) == (FUNCTION, AUTHORIZER_ARN, REGION)
    assert by_name(checks)["test-invoke-authorizer"].outcome is Outcome.STOPPED


# TestInvokeAuthorizer


@pytest.mark.fact("B23", "B26", "B28")
def test_headers_and_query_travel_as_the_test_takes_them(account: StubbedAccount) -> None:
    credentials = signed(username="")
    healthy(account)
    account.answers(
        "iot",
        "test_invoke_authorizer",
        answer(),
        {
            "authorizerName": NAME,
            "mqttContext": {"clientId": "pump-7"},
            "httpContext": {"queryString": f"?{credentials.url_query()}", "headers": {"x-extra": "1"}},
            "tlsContext": {"serverName": HOST},
        },
    )
    setup = setup_of(
        credentials,
        username=None,
        endpoint=Endpoint.parse(f"wss://{HOST}"),
        query=credentials.url_query(),
        headers={"x-extra": "1"},
    )
    assert rules(account.checks(evolve(setup, username=None))) == []


@pytest.mark.fact("C20", "B30")
@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("Lambda function encountered error in execution: no such table: KeyError", "function-error"),
        ("Lambda function encountered error in execution: Task timed out after 3.00 seconds: x", "function-timeout"),
        ("Lambda invocation result is in invalid format", "answer-not-understood"),
        ("null at principalId failed to satisfy constraint: Member must satisfy", "answer-principal"),
        ("policyDocuments failed to satisfy constraint: List of policies cannot be null.", "answer-policies"),
        ("policyDocuments failed to satisfy constraint: Policy document is Malformed", "answer-policies"),
        ("60 at refreshAfterInSeconds failed to satisfy constraint: Member", "answer-times"),
        ("60 at disconnectAfterInSeconds failed to satisfy constraint: Member", "answer-times"),
    ],
)
def test_each_way_to_answer_wrongly_is_told_apart(account: StubbedAccount, text: str, rule: str) -> None:
    healthy(account)
    account.refuses("iot", "test_invoke_authorizer", "InvalidResponseException", text)
    assert rules(account.checks(setup_of(signed()))) == [(rule, CERTAIN)]


def test_a_text_that_nobody_knows_is_taken_for_the_answer_with_a_doubt(account: StubbedAccount) -> None:
    healthy(account)
    account.refuses("iot", "test_invoke_authorizer", "InvalidResponseException", "Something new")
    (finding,) = findings(account.checks(setup_of(signed())))
    assert (finding.rule, finding.certainty) == ("answer-not-understood", LIKELY)
    assert finding.evidence == "AWS says: Something new"


@pytest.mark.fact("B26")
def test_aws_own_word_about_the_signature_counts(account: StubbedAccount) -> None:
    healthy(account)
    text = f"Token signature mismatch for authorizer {NAME}"
    account.refuses("iot", "test_invoke_authorizer", "InvalidRequestException", text)
    assert rules(account.checks(setup_of(signed()))) == [("signature-mismatch", CERTAIN)]


def test_a_refusal_of_the_test_itself_is_no_cause(account: StubbedAccount) -> None:
    healthy(account)
    account.refuses("iot", "test_invoke_authorizer", "InvalidRequestException", "Invalid arguments in the call")
    checks = account.checks(setup_of(signed()))
    assert rules(checks) == []
    assert by_name(checks)["test-invoke-authorizer"].detail.endswith("Invalid arguments in the call")


def denial(account: StubbedAccount, *, trials: list[bool], described: Mapping[str, Any] | None = None) -> None:
    healthy(account, described=described)
    for authenticated in (False, *trials):
        account.answers("iot", "test_invoke_authorizer", answer(authenticated=authenticated))


@pytest.mark.fact("A18")
def test_a_function_that_compares_the_whole_user_name_is_found_out(account: StubbedAccount) -> None:
    healthy(account, described=unsigned())
    account.answers("iot", "test_invoke_authorizer", answer(authenticated=False))
    account.answers(
        "iot",
        "test_invoke_authorizer",
        answer(),
        {
            "authorizerName": NAME,
            "mqttContext": {"username": "pump-7", "password": PASSWORD, "clientId": "pump-7"},
            "tlsContext": {"serverName": HOST},
        },
    )
    checks = account.checks(setup_of(with_password()))
    assert rules(checks) == [("function-reads-whole-username", CERTAIN)]


@pytest.mark.fact("A18", "A28")
def test_with_the_user_name_alone_a_signed_token_travels_in_the_query(account: StubbedAccount) -> None:
    credentials = signed()
    assert credentials.token is not None
    healthy(account)
    seen: list[Mapping[str, Any]] = []
    client = account.client("iot", region_name=REGION)
    client.meta.events.register(
        "provide-client-params.iot.TestInvokeAuthorizer", lambda params, **_: seen.append(params)
    )
    account.answers("iot", "test_invoke_authorizer", answer(authenticated=False))
    account.answers("iot", "test_invoke_authorizer", answer())
    assert rules(account.checks(setup_of(credentials))) == [("function-reads-whole-username", CERTAIN)]
    assert seen[1]["mqttContext"]["username"] == "pump-7"
    query = seen[1]["httpContext"]["queryString"]
    assert query.startswith("?")
    assert dict(parse_qsl(query[1:])) == {
        "x-amz-customauthorizer-signature": credentials.token.signature,
        "token": TOKEN,
    }


ENCODED = base64.b64encode(PASSWORD)


@pytest.mark.fact("A19")
@pytest.mark.parametrize(
    ("password", "trials", "expected"),
    [
        (ENCODED, [False, True], [("password-encoding", CERTAIN)]),
        (ENCODED, [False, False, True], [("password-encoding", CERTAIN)]),
        (ENCODED, [False, False, False], [("function-denies", CERTAIN)]),
        (PASSWORD, [False, True], [("password-encoding", CERTAIN)]),
        (PASSWORD, [False, False, False], [("function-denies", CERTAIN), ("password-encoding", POSSIBLE)]),
        (b"short", [False, False, False], [("function-denies", CERTAIN), ("password-encoding", POSSIBLE)]),
        (None, [False], [("function-denies", CERTAIN)]),
    ],
)
def test_a_denied_password_is_tried_decoded_and_encoded_once_more(
    account: StubbedAccount,
    password: bytes | None,
    trials: list[bool],
    expected: list[tuple[str, Certainty]],
) -> None:
    denial(account, trials=trials, described=unsigned())
    checks = account.checks(setup_of(with_password(password=password)))
    assert rules(checks) == expected


@pytest.mark.fact("A19")
@pytest.mark.parametrize(
    ("runtime", "code", "expected"),
    [
        ("python3.13", "InvalidResponseException", [("function-denies", CERTAIN)]),
        ("python3.13", "ThrottlingException", [("function-denies", CERTAIN), ("password-encoding", POSSIBLE)]),
        ("nodejs22.x", None, [("function-denies", CERTAIN), ("password-encoding", POSSIBLE)]),
    ],
)
def test_a_function_that_stumbles_over_bytes_that_are_no_text_decodes_the_password(
    account: StubbedAccount, runtime: str, code: str | None, expected: list[tuple[str, Certainty]]
) -> None:
    beginning(account, unsigned())
    account.answers("lambda", "get_function_configuration", function(Runtime=runtime))
    account.answers("lambda", "get_function_concurrency", {})
    account.answers("lambda", "get_policy", permission())
    quiet_logs(account)
    for _ in range(3):
        account.answers("iot", "test_invoke_authorizer", answer(authenticated=False))
    if code is not None:
        said = "Lambda function encountered error in execution: 'utf-8' codec: UnicodeDecodeError"
        account.refuses("iot", "test_invoke_authorizer", code, said)
    assert rules(account.checks(setup_of(with_password()))) == expected


@pytest.mark.fact("A19")
def test_a_function_that_denies_the_password_of_its_environment_compares_it_encoded(account: StubbedAccount) -> None:
    beginning(account, unsigned())
    environment = {"Variables": {"STAGE": "prod", "PASSWORD": PASSWORD.decode()}}
    account.answers("lambda", "get_function_configuration", function(Environment=environment))
    account.answers("lambda", "get_function_concurrency", {})
    account.answers("lambda", "get_policy", permission())
    quiet_logs(account)
    for _ in range(3):
        account.answers("iot", "test_invoke_authorizer", answer(authenticated=False))
    checks = account.checks(setup_of(with_password()))
    assert rules(checks) == [("password-encoding", LIKELY), ("function-denies", LIKELY)]
    assert PASSWORD.decode() not in str(checks)


@pytest.mark.fact("A64", "A65")
@pytest.mark.parametrize("own", [True, False])
def test_with_a_client_certificate_the_principal_must_be_its_id(account: StubbedAccount, own: bool) -> None:
    certificate = client_certificate()
    der = ssl.PEM_cert_to_DER_cert(certificate.certificate_pem.decode())
    identity = hashlib.sha256(der).hexdigest()
    account.answers("sts", "get_caller_identity", CALLER)
    account.answers("iot", "describe_endpoint", {"endpointAddress": HOST})
    account.answers("iot", "describe_endpoint", {"endpointAddress": "a1b2c3.iot"})
    listed = {"domainConfigurations": [{"domainConfigurationName": "field"}]}
    account.answers("iot", "list_domain_configurations", listed)
    found = {"domainConfigurationName": "field", "domainName": "iot.example.com"}
    kinds = {"authenticationType": "CUSTOM_AUTH_X509", "applicationProtocol": "SECURE_MQTT"}
    account.answers("iot", "describe_domain_configuration", found | kinds)
    account.answers("iot", "describe_authorizer", authorizer())
    account.answers("lambda", "get_function_configuration", function())
    account.answers("lambda", "get_function_concurrency", {})
    account.answers("lambda", "get_policy", permission())
    quiet_logs(account)
    said = answer() | {"principalId": identity if own else "pump7", "policyDocuments": []}
    account.answers("iot", "test_invoke_authorizer", said)
    setup = setup_of(signed(), endpoint=Endpoint(host="iot.example.com", client_certificate=certificate))
    assert rules(account.checks(setup)) == ([] if own else [("principal-of-certificate", CERTAIN)])


def jwt(**claims: Any) -> CustomAuth:
    from customauth.signing import sign

    def segment(content: Mapping[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")

    value = f"{segment({'alg': 'RS256'})}.{segment(claims)}"
    signature = sign(value, KEYS.private_pem).translate(str.maketrans("+/", "-_")).rstrip("=")
    return CustomAuth.from_jwt(f"{value}.{signature}", token_key_name="token", authorizer=NAME)


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"exp": NOW.timestamp() - 1}, [("jwt-expired", CERTAIN), ("function-denies", LIKELY)]),
        ({"exp": NOW.timestamp() + 1}, [("function-denies", CERTAIN)]),
        ({"nbf": NOW.timestamp() + 300}, [("jwt-not-yet-valid", CERTAIN), ("function-denies", LIKELY)]),
        ({"exp": 1e300, "iat": True}, [("function-denies", CERTAIN)]),
        ({"exp": -1e300}, [("jwt-expired", CERTAIN), ("function-denies", LIKELY)]),
    ],
)
@pytest.mark.fact("B18")
def test_a_denied_jwt_is_told_with_its_time(
    account: StubbedAccount, claims: dict[str, Any], expected: list[tuple[str, Certainty]]
) -> None:
    denial(account, trials=[])
    assert rules(account.checks(setup_of(jwt(**claims)))) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Signature has expired: ExpiredSignatureError", [("jwt-expired", CERTAIN), ("function-error", LIKELY)]),
        ("no such table: KeyError", [("function-error", CERTAIN), ("jwt-expired", LIKELY)]),
    ],
)
def test_a_function_that_fails_for_an_old_jwt_is_told_apart(
    account: StubbedAccount, said: str, expected: list[tuple[str, Certainty]]
) -> None:
    healthy(account)
    text = f"Lambda function encountered error in execution: {said}"
    account.refuses("iot", "test_invoke_authorizer", "InvalidResponseException", text)
    assert rules(account.checks(setup_of(jwt(exp=NOW.timestamp() - 60)))) == expected


# Logs


def logged(account: StubbedAccount, *messages: str, iot: tuple[Mapping[str, Any], ...] = ()) -> None:
    beginning(account)
    account.answers("lambda", "get_function_configuration", function())
    account.answers("lambda", "get_function_concurrency", {})
    account.answers("lambda", "get_policy", permission())
    events = [{"timestamp": number, "message": text} for number, text in enumerate(messages)]
    account.answers("logs", "filter_log_events", {"events": events[:1], "nextToken": "more"})
    account.answers("logs", "filter_log_events", {"events": events[1:]})
    found = [{"timestamp": number, "message": json.dumps(event)} for number, event in enumerate(iot)]
    account.answers("logs", "filter_log_events", {"events": found})


def test_the_functions_last_errors_are_evidence_without_secrets(account: StubbedAccount) -> None:
    other = "Zm9yIGFub3RoZXIgZGV2aWNlIG9ubHk0"
    logged(account, "[ERROR] KeyError: 'x'\nTraceback", f"[ERROR] ValueError: {TOKEN} and {other} of another device")
    checks = account.checks(setup_of(signed()), invoke=False)
    assert rules(checks) == [("function-error", POSSIBLE)]
    detail = by_name(checks)["function's log"].detail
    assert detail.endswith("[ERROR] ValueError: *** and *** of another device | [ERROR] KeyError: 'x'")


def test_a_timeout_in_the_log_is_told_as_one(account: StubbedAccount) -> None:
    logged(account, "2025-11-03T09:29:00Z 1 Task timed out after 3.00 seconds")
    assert rules(account.checks(setup_of(signed()), invoke=False)) == [("function-timeout", POSSIBLE)]


@pytest.mark.fact("C34", "C35", "C36")
@pytest.mark.parametrize(
    ("client_id", "probe_connected", "expected"),
    [
        ("pump-7", False, [("signature-mismatch", LIKELY)]),
        ("pump-7", None, [("signature-mismatch", POSSIBLE)]),
        ("pump-8", False, []),
    ],
)
def test_aws_iots_reason_for_this_client_is_evidence(
    account: StubbedAccount,
    client_id: str,
    probe_connected: bool | None,
    expected: list[tuple[str, Certainty]],
) -> None:
    event = {
        "eventType": "Connection.AuthNError",
        "clientId": client_id,
        "reason": "SECURITY_TOKEN_SIGNATURE_MISMATCH",
        "details": "Signature mismatch",
    }
    logged(account, iot=({"not": "of a client", "clientId": "pump-9"}, event))
    checks = account.checks(setup_of(signed()), invoke=False, probe_connected=probe_connected)
    assert rules(checks) == expected


def test_a_reason_that_nobody_knows_is_shown(account: StubbedAccount) -> None:
    logged(account, iot=({"reason": "SOMETHING_NEW", "details": "who knows"},))
    checks = account.checks(setup_of(signed()), invoke=False)
    assert by_name(checks)["AWS IoT's log"].detail == "AWS IoT logged SOMETHING_NEW: who knows"
