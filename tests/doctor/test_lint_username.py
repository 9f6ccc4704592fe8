"""Lint of the user name: its grammar and the names in it."""

from __future__ import annotations

from urllib.parse import quote

import attrs
import pytest

from customauth.doctor.finding import Certainty, Outcome
from customauth.doctor.reading import setup_from_flags
from customauth.doctor.setup import Setup
from customauth.endpoint import Endpoint
from customauth.request import CredentialsIn
from customauth.signing import sign
from lint_samples import NAME, SIGNATURE, check, key_pair, look, raw_setup, raw_username, rules, words

TOKEN = "open-sesame"
SIGNED = quote(sign(TOKEN, key_pair().private_pem), safe="")
HEALTHY = raw_username(TOKEN, SIGNED)


@pytest.mark.parametrize(
    "username",
    [
        HEALTHY,
        HEALTHY.replace("%2F", "/").replace("%3D", "="),
        HEALTHY.replace(SIGNATURE, SIGNATURE.upper()),
        HEALTHY + "&SDK=PythonV2&Version=1.0",
        HEALTHY + "&SDK=IoTDeviceSDK/Python&Platform=Unix&Metadata=(CRTVersion=1;IoTSDKVersion=2)",
        "?" + HEALTHY.partition("?")[2],
        f"a/b&c=d?{NAME}=A",
        f"x-amz?{NAME}=A,b=c@d",
    ],
)
@pytest.mark.fact("A2", "A6", "A7", "A9", "A17", "J1")
def test_a_user_name_that_aws_reads_has_no_finding(username: str) -> None:
    setup = raw_setup(username, public_keys={"k": key_pair().public_pem} if "signature" in username.lower() else {})
    assert rules(setup) == {}
    assert all(each.outcome in (Outcome.PASSED, Outcome.SKIPPED) for each in look(setup))


@pytest.mark.fact("A5")
@pytest.mark.parametrize(
    "username",
    [
        f"alice?{NAME}=A&{SIGNATURE}={SIGNED}?token={TOKEN}",
        f"alice?{NAME}=A&{SIGNATURE}={SIGNED}&token={TOKEN}?SDK=PythonV2&Version=1",
        f"alice?{NAME}=A?{SIGNATURE}={SIGNED}?token={TOKEN}",
        f"alice?token={TOKEN}?{NAME}=A&{SIGNATURE}={SIGNED}",
    ],
)
def test_a_second_question_mark_that_hides_parameters_is_certain(username: str) -> None:
    assert rules(raw_setup(username)) == {"double-question-mark": Certainty.CERTAIN}


@pytest.mark.fact("A5")
def test_a_question_mark_that_hides_nothing_is_possible() -> None:
    setup = raw_setup(f"al?ice?{HEALTHY.partition('?')[2]}")
    assert rules(setup) == {"double-question-mark": Certainty.POSSIBLE}
    assert check(setup, "user name").outcome is Outcome.WARNED


def test_a_raw_question_mark_in_the_token_is_a_token_that_needs_encoding() -> None:
    assert rules(raw_setup(raw_username("open?sesame", SIGNED))) == {"token-unencoded": Certainty.CERTAIN}


def test_parameters_before_a_second_question_mark_that_are_repeated_after_it_are_not_lost() -> None:
    assert rules(raw_setup(f"{HEALTHY}?{HEALTHY.partition('?')[2]}")) == {"double-question-mark": Certainty.POSSIBLE}


@pytest.mark.parametrize(
    "username",
    [
        f"alice&{NAME}=A&token=t",
        f"{NAME}=A&token=t",
        quote(HEALTHY, safe="&=").replace("?", "%3F"),
        quote(HEALTHY, safe=""),
    ],
)
def test_parameters_without_a_question_mark_are_certain(username: str) -> None:
    assert rules(raw_setup(username))["question-mark-missing"] is Certainty.CERTAIN


@pytest.mark.parametrize("joint", [";", ",", "|", " ", "&amp;", "%26", "\n", "/", "#"])
def test_parameters_joined_by_something_else_are_certain(joint: str) -> None:
    assert rules(raw_setup(HEALTHY.replace("&", joint))) == {"parameters-not-joined": Certainty.CERTAIN}


def test_a_last_parameter_joined_by_a_semicolon_is_certain() -> None:
    assert rules(raw_setup(HEALTHY.replace("&token", ";token"))) == {"parameters-not-joined": Certainty.CERTAIN}


@pytest.mark.parametrize("equals", [":", "%3D", " "])
def test_a_name_followed_by_something_else_than_equals_is_certain(equals: str) -> None:
    assert rules(raw_setup(HEALTHY.replace(f"{NAME}=", NAME + equals))) == {"parameters-not-joined": Certainty.CERTAIN}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("x-amz-custom-authorizer-name", NAME),
        ("customauthorizer-name", NAME),
        ("x-amz-customauthoriser-name", NAME),
        ("x_amz_customauthorizer_name", NAME),
        ("x-amzn-customauthorizer-name", NAME),
        ("authorizer-name", NAME),
        ("xmz-customauthoriser-name", NAME),
        ("x-amz-customauthorizername", NAME),
        ("x-amz-customauthorizer-sig", SIGNATURE),
        ("x-amz-customauthorizer-signiture", SIGNATURE),
        ("token-signature", SIGNATURE),
    ],
)
@pytest.mark.fact("A1")
def test_a_name_that_is_nearly_aws_s_is_misspelt(name: str, meant: str) -> None:
    setup = raw_setup(HEALTHY.replace(f"{meant}=", f"{name}="))
    assert rules(setup)["parameter-name-misspelt"] is Certainty.LIKELY
    found = next(each for each in check(setup, "parameter names").findings)
    assert name in found.evidence
    assert found.facts["meant"] == meant


@pytest.mark.fact("A42", "F6")
def test_a_query_that_is_signed_for_aws_is_another_authentication() -> None:
    query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0f"
    assert rules(attrs.evolve(raw_setup(""), query=query))["sigv4-request"] is Certainty.LIKELY


def test_a_token_under_a_name_of_aws_s_make_is_misspelt() -> None:
    assert "parameter-name-misspelt" in rules(
        raw_setup(raw_username(TOKEN, SIGNED, key="x-amz-customauthorizer-token"))
    )


def test_a_misspelt_name_beside_the_right_one_is_ignored() -> None:
    assert rules(raw_setup(HEALTHY + "&authorizer-name=A")) == {}


def test_a_token_key_name_that_looks_like_aws_s_is_taken_when_it_is_expected() -> None:
    setup = raw_setup(raw_username(TOKEN, SIGNED, key="signature"), expected_token_key_name="signature")
    assert rules(setup) == {}


@pytest.mark.fact("A4", "A60")
@pytest.mark.parametrize("username", ["alice", f"alice?{NAME}=", "alice?"])
def test_no_authorizer_is_possible_only(username: str) -> None:
    assert rules(raw_setup(username)) == {"authorizer-not-named": Certainty.POSSIBLE}


@pytest.mark.fact("A22")
def test_nothing_at_all_is_credentials_missing() -> None:
    assert rules(Setup())["credentials-missing"] is Certainty.LIKELY
    assert "credentials-missing" not in rules(Setup(password=b"x"))


@pytest.mark.fact("B1")
@pytest.mark.parametrize("name", ["My%20Authorizer", "A%0A", "A/b", "A" * 129, "A*"])
def test_a_name_that_no_authorizer_has_is_invalid(name: str) -> None:
    assert rules(raw_setup(raw_username(TOKEN, SIGNED, authorizer=name))) == {
        "authorizer-name-invalid": Certainty.LIKELY
    }


@pytest.mark.fact("F8", "A17")
@pytest.mark.parametrize("key", ["jwt", "Token", "tokenKeyName"])
def test_a_token_under_another_name_than_expected_is_certain(key: str) -> None:
    setup = raw_setup(raw_username(TOKEN, SIGNED, key=key), expected_token_key_name="token")
    assert rules(setup) == {"token-key-name-mismatch": Certainty.CERTAIN}
    assert f"'{key}'" in check(setup, "token key name").detail


def test_a_token_key_name_that_may_be_a_piece_of_a_token_is_not_shown() -> None:
    setup = raw_setup(raw_username(TOKEN, SIGNED, key="opensesame/secret"), expected_token_key_name="token")
    assert rules(setup) == {"token-key-name-mismatch": Certainty.CERTAIN}
    assert "opensesame" not in words(look(setup))


def test_the_value_of_a_parameter_without_a_separator_is_not_shown() -> None:
    setup = raw_setup("alice?opensesamesecretvalue", expected_token_key_name="token")
    assert "opensesamesecretvalue" not in words(look(setup))


def test_a_secret_that_is_joined_to_the_authorizer_is_not_shown() -> None:
    setup = raw_setup(f"alice?{NAME}=A,token=opensesamesecretvalue")
    assert rules(setup)["parameters-not-joined"] is Certainty.CERTAIN
    assert "opensesame" not in words(look(setup))


def test_parts_that_customauth_would_not_send_are_told_with_its_reason() -> None:
    setup = setup_from_flags(Setup(), authorizer="A", user="al?ice")
    assert check(setup, "credentials").outcome is Outcome.WARNED
    assert "holds a '?'" in check(setup, "credentials").detail


@pytest.mark.fact("A25")
def test_credentials_in_headers_without_a_websocket_do_not_travel() -> None:
    base = Setup(endpoint=Endpoint(host="example.test"), credentials_in=CredentialsIn.HEADERS)
    assert rules(setup_from_flags(base, authorizer="A")) == {"credentials-missing": Certainty.LIKELY}
