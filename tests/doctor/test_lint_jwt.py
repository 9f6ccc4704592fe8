"""Lint of JSON Web Tokens and of the password."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customauth.doctor.finding import Certainty, Outcome
from customauth.doctor.reading import setup_from_flags
from customauth.doctor.setup import Setup
from customauth.signing import sign
from lint_samples import NOW, check, key_pair, look, raw_setup, raw_username, rules, words

SECONDS = int(NOW.timestamp())


def _segment(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _jwt(claims: Any, algorithm: Any = "RS256", key: int = 0) -> str:
    head = f"{_segment({'alg': algorithm})}.{_segment(claims)}"
    signature = sign(head, key_pair(key).private_pem)
    return f"{head}.{signature.translate(str.maketrans('+/', '-_')).rstrip('=')}"


def _flags(jwt: str, **base: Any) -> Setup:
    return setup_from_flags(Setup(**base), authorizer="A", user="alice", token_key_name="jwt", jwt=jwt)


@pytest.mark.fact("B18")
def test_a_jwt_in_time_has_no_finding() -> None:
    jwt = _jwt({"exp": SECONDS + 3600, "nbf": SECONDS, "iat": SECONDS - 1, "sub": "x"})
    setup = _flags(jwt, public_keys={"k": key_pair().public_pem})
    assert rules(setup) == {}
    assert all(each.outcome in (Outcome.PASSED, Outcome.SKIPPED) for each in look(setup))


@pytest.mark.parametrize(
    ("claims", "rule", "said"),
    [
        ({"exp": SECONDS - 86400 * 3}, "jwt-expired", "3 days ago"),
        ({"exp": SECONDS}, "jwt-expired", "2026-03-14T15:09:26Z"),
        ({"exp": SECONDS - 7200.5}, "jwt-expired", "2 hours ago"),
        ({"exp": SECONDS + 9999, "nbf": SECONDS + 600}, "jwt-not-yet-valid", "in 10 minutes"),
        ({"iat": (SECONDS + 600) * 1000}, "jwt-not-yet-valid", "milliseconds"),
    ],
)
def test_a_jwt_out_of_time_is_likely_refused_by_the_function(claims: dict[str, Any], rule: str, said: str) -> None:
    setup = _flags(_jwt(claims))
    assert rules(setup) == {rule: Certainty.LIKELY}
    assert said in check(setup, "JWT").detail


def test_clocks_may_differ_by_a_minute() -> None:
    assert rules(_flags(_jwt({"nbf": SECONDS + 59, "iat": SECONDS + 59}))) == {}


def test_a_jwt_that_is_about_to_expire_is_worth_a_warning() -> None:
    assert check(_flags(_jwt({"exp": SECONDS + 30})), "JWT").outcome is Outcome.WARNED


@pytest.mark.fact("B17", "B18")
@pytest.mark.parametrize("algorithm", ["HS256", "ES256", "PS256", "RS512", "none", None, "<script>"])
def test_a_jwt_of_another_algorithm_is_certain(algorithm: Any) -> None:
    setup = _flags(_jwt({}, algorithm))
    assert rules(setup) == {"jwt-not-rs256": Certainty.CERTAIN}
    assert "<script>" not in words(look(setup))


def test_the_short_signature_of_another_algorithm_is_no_cause_of_its_own() -> None:
    assert rules(_flags(f"{_segment({'alg': 'HS256'})}.{_segment({})}.{'A' * 43}")) == {
        "jwt-not-rs256": Certainty.CERTAIN
    }


@pytest.mark.fact("B18")
def test_a_whole_jwt_as_token_with_its_own_signature_is_certain() -> None:
    jwt = _jwt({})
    own = jwt.rpartition(".")[2].translate(str.maketrans("-_", "+/")) + "=="
    for keys in ({}, {"k": key_pair().public_pem}):
        setup = raw_setup(raw_username(jwt, quote(own, safe="")), public_keys=keys)
        assert rules(setup) == {"jwt-whole-as-token": Certainty.CERTAIN}


def test_a_whole_jwt_that_was_signed_as_a_token_is_fine() -> None:
    jwt = _jwt({})
    signature = sign(jwt, key_pair().private_pem)
    setup = raw_setup(raw_username(jwt, quote(signature, safe="")), public_keys={"k": key_pair().public_pem})
    assert rules(setup) == {}


def test_a_whole_jwt_without_a_signature_is_possible_only() -> None:
    found = rules(raw_setup(raw_username(_jwt({}), None)))
    assert found == {"jwt-whole-as-token": Certainty.POSSIBLE, "signature-missing": Certainty.POSSIBLE}


def test_an_expired_jwt_in_the_password_is_found() -> None:
    setup = raw_setup("alice?x-amz-customauthorizer-name=A", password=_jwt({"exp": 1}).encode())
    assert rules(setup) == {"jwt-expired": Certainty.LIKELY}
    assert "the password has expired" in check(setup, "JWT").detail


def test_claims_are_not_shown() -> None:
    setup = _flags(_jwt({"exp": 1, "sub": "secret-subject", "email": "a@example.test"}))
    assert "secret-subject" not in words(look(setup))
    assert "example.test" not in words(look(setup))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["exp", "nbf", "iat"]), inner),
        max_leaves=8,
    )
)
def test_any_claims_are_looked_at(claims: Any) -> None:
    look(Setup(password=f"{_segment({'alg': 'RS256'})}.{_segment(claims)}.x".encode()))


@pytest.mark.fact("A19")
def test_a_password_in_base64_is_possible_only() -> None:
    setup = raw_setup("alice?x-amz-customauthorizer-name=A", password=base64.b64encode(b"open sesame"))
    assert rules(setup) == {"password-encoding": Certainty.POSSIBLE}
    assert check(setup, "password").outcome is Outcome.WARNED


@pytest.mark.parametrize(
    "password", [b"password", b"test1234", b"secret", b"\xff\x00", b"", b"deadbeef", b"AAAAAAAA", b"open sesame"]
)
def test_a_plain_password_is_not_taken_for_base64(password: bytes) -> None:
    assert rules(raw_setup("alice?x-amz-customauthorizer-name=A", password=password)) == {}
