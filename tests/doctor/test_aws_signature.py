"""The signature, checked with the authorizer's own keys: what would verify says what went wrong."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

import pytest

from customauth.doctor.finding import Certainty, Outcome
from customauth.signing import generate_key_pair, sign
from stubbed_aws import (
    CALLER,
    HOST,
    KEYS,
    NAME,
    PASSWORD,
    TOKEN,
    StubbedAccount,
    answer,
    authorizer,
    by_name,
    findings,
    healthy,
    healthy_function,
    rules,
    setup_of,
    signed,
    unsigned,
    with_password,
)

CERTAIN, POSSIBLE = Certainty.CERTAIN, Certainty.POSSIBLE
SIGNATURE = sign(TOKEN, KEYS.private_pem)
OTHER = generate_key_pair()


def found(account: StubbedAccount, username: str, **described: Any) -> list[tuple[str, Certainty]]:
    healthy(account, described=authorizer(**described))
    checks = account.checks(setup_of(signed(), username=username), invoke=False)
    assert TOKEN not in str(checks)
    assert SIGNATURE not in str(checks)
    return rules(checks)


def sent(signature: str | None = SIGNATURE, token: str | None = TOKEN, name: str = "token", encode: bool = True) -> str:
    parts = [f"x-amz-customauthorizer-name={NAME}"]
    if signature is not None:
        parts.append(f"x-amz-customauthorizer-signature={quote(signature, safe='') if encode else signature}")
    if token is not None:
        parts.append(f"{name}={quote(token, safe='') if encode else token}")
    return f"pump-7?{'&'.join(parts)}"


@pytest.mark.fact("B19")
def test_a_signature_by_the_second_key_is_good(account: StubbedAccount) -> None:
    keys = {"old": OTHER.public_pem.decode(), "new": KEYS.public_pem.decode()}
    assert found(account, sent(), tokenSigningPublicKeys=keys) == []


@pytest.mark.fact("B17", "B18", "B20")
@pytest.mark.parametrize(
    ("username", "rule"),
    [
        (sent(sign(TOKEN, OTHER.private_pem)), "signature-mismatch"),
        (sent(sign(f"{TOKEN}\n", KEYS.private_pem)), "token-newline"),
        (sent(token=f"{TOKEN}\n"), "token-newline"),
        (sent(quote(SIGNATURE, safe="")), "signature-double-encoded"),
        (sent(SIGNATURE.translate(str.maketrans("+/", "-_")).rstrip("=")), "signature-base64url"),
        (sent("\n".join((SIGNATURE[:64], SIGNATURE[64:]))), "signature-line-breaks"),
        (sent(SIGNATURE[:200]), "signature-truncated"),
        (sent(base64.b64decode(SIGNATURE).hex()), "signature-not-base64"),
        (sent(token="open%2Dsesame"), "signature-mismatch"),
    ],
)
def test_what_went_wrong_with_the_signature_is_found_out(account: StubbedAccount, username: str, rule: str) -> None:
    assert found(account, username) == [(rule, CERTAIN)]


@pytest.mark.fact("F8", "B3")
@pytest.mark.parametrize(
    ("username", "expected"),
    [
        (sent(signature=None), ["signature-missing"]),
        (sent(token=None), ["token-missing"]),
        (sent(signature=None, token=None), ["token-missing"]),
        (sent(name="auth_token"), ["token-key-name-mismatch"]),
        (sent(name="auth_token", signature=None), ["token-key-name-mismatch", "signature-missing"]),
    ],
)
def test_what_a_signed_authorizer_misses_is_named(account: StubbedAccount, username: str, expected: list[str]) -> None:
    assert found(account, username) == [(rule, CERTAIN) for rule in expected]


def test_the_name_that_the_authorizer_expects_and_the_one_that_is_sent_are_facts(account: StubbedAccount) -> None:
    healthy(account)
    (finding,) = findings(account.checks(setup_of(signed(), username=sent(name="auth_token")), invoke=False))
    assert (finding.facts["token_key_name"], finding.facts["sent_key_name"]) == ("token", "auth_token")
    assert finding.evidence == f"authorizer {NAME} wants the token as token, and it is sent under 'auth_token'"


@pytest.mark.fact("B21")
def test_a_signature_that_nobody_verifies_is_a_warning(account: StubbedAccount) -> None:
    healthy(account, described=unsigned())
    checks = account.checks(setup_of(signed()), invoke=False)
    assert rules(checks) == [("signing-disabled", POSSIBLE)]
    assert by_name(checks)["signature"].outcome is Outcome.WARNED


def test_a_password_needs_no_signature(account: StubbedAccount) -> None:
    healthy(account, described=unsigned())
    assert rules(account.checks(setup_of(with_password(password=PASSWORD)), invoke=False)) == []


def test_aws_word_about_a_signature_that_does_not_verify_here_is_no_second_cause(account: StubbedAccount) -> None:
    healthy(account)
    text = f"Token signature mismatch for authorizer {NAME}"
    account.refuses("iot", "test_invoke_authorizer", "InvalidRequestException", text)
    checks = account.checks(setup_of(signed(), username=sent(sign(TOKEN, OTHER.private_pem))))
    assert rules(checks) == [("signature-mismatch", CERTAIN)]
    assert by_name(checks)["test-invoke-authorizer"].detail.startswith("AWS says so too")


def test_keys_that_cannot_be_read_here_are_left_to_aws(account: StubbedAccount) -> None:
    account.answers("sts", "get_caller_identity", CALLER)
    account.answers("iot", "describe_endpoint", {"endpointAddress": HOST})
    account.answers("iot", "describe_authorizer", authorizer(tokenSigningPublicKeys={"key1": "not a key"}))
    healthy_function(account)
    account.answers("iot", "test_invoke_authorizer", answer())
    checks = account.checks(setup_of(signed()))
    assert rules(checks) == []
    assert by_name(checks)["signature"].outcome is Outcome.SKIPPED
