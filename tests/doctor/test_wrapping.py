"""Quotes, assignments and marks around a user name, as it is copied out of source code or a .env file."""

from __future__ import annotations

from urllib.parse import quote

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from customauth.doctor.finding import Certainty
from customauth.doctor.reading import setup_from_flags
from customauth.doctor.setup import Origin, Setup
from customauth.doctor.verdict import judge
from customauth.doctor.wrapping import unwrapped, wrapping_of
from customauth.request import CredentialsIn
from customauth.signing import sign
from lint_samples import NAME, SIGNATURE, key_pair, look, raw_setup, raw_username, rules

SIGNED = quote(sign("open-sesame", key_pair().private_pem), safe="")
BARE = raw_username("open-sesame", SIGNED)
TOKEN_LAST = f"alice?{NAME}=A&{SIGNATURE}={SIGNED}&token=open-sesame"
LITERALS = {
    '"%s"': "double quotes around it",
    "'%s'": "single quotes around it",
    "`%s`": "backward quotes around it",
    '"%s"\n': "double quotes around it",
    '  "%s",\n': "double quotes around it",
    "b'%s'": "single quotes around it",
    '@"%s";': "double quotes around it",
    'username = "%s"': "double quotes around it, and an assignment before them",
    "export MQTT_USERNAME='%s'\n": "single quotes around it, and an assignment before them",
    '#define MQTT_USERNAME "%s"': "double quotes around it, and an assignment before them",
    '.credentials.username = "%s",': "double quotes around it, and an assignment before them",
    'static const char *username = "%s";': "double quotes around it, and an assignment before them",
    'client.setUsername("%s");': "double quotes around it, and an assignment before them",
    '{"username": "%s"}': "double quotes around it, and an assignment before them",
    '\ufeff"%s"': "a byte order mark before it and double quotes around it",
    "\ufeff%s": "a byte order mark before it",
    "%s\r\n": "a line end at its end",
    '%s"': "a quote behind it",
}


@pytest.mark.parametrize("bare", [BARE, TOKEN_LAST], ids=["token last", "signature last"])
@pytest.mark.parametrize("form", LITERALS)
def test_what_stands_around_a_user_name_is_likely_the_cause_and_nothing_else_is_seen(form: str, bare: str) -> None:
    setup = raw_setup(form % bare, public_keys={"k": key_pair().public_pem})
    assert rules(setup) == {"username-wrapped": Certainty.LIKELY}
    found = wrapping_of(form % bare)
    assert found is not None
    assert (found.what, found.inside) == (LITERALS[form], bare)


def test_a_literal_in_several_pieces_is_put_together() -> None:
    found = wrapping_of('"alice?x-amz-customauthorizer-name=A"\n    "&token=t" \\\n  "&SDK=x";')
    assert found is not None
    assert found.inside == "alice?x-amz-customauthorizer-name=A&token=t&SDK=x"


@pytest.mark.parametrize("form", ["MQTT_USERNAME=%s", "username: %s", "set MQTT_USER=%s", '"%s', "'%s", "\n%s"])
def test_what_stands_before_the_user_part_alone_may_be_meant_so(form: str) -> None:
    assert rules(raw_setup(form % BARE)) == {"username-wrapped": Certainty.POSSIBLE}
    found = wrapping_of(form % BARE)
    assert found is not None
    assert found.inside == BARE


@pytest.mark.parametrize("text", ['{"user": "bob"}', '"alice"', f"'t Hooft?{NAME}=A", "alice`"])
def test_what_a_user_part_may_have_of_its_own_is_only_possible(text: str) -> None:
    assert rules(raw_setup(text, password=b"p"))["username-wrapped"] is Certainty.POSSIBLE


def test_a_quote_that_was_signed_at_the_end_of_the_token_is_left_to_it() -> None:
    signed = quote(sign('5"', key_pair().private_pem), safe="")
    setup = raw_setup(f'alice?{NAME}=A&{SIGNATURE}={signed}&token=5"', public_keys={"k": key_pair().public_pem})
    assert rules(setup) == {}
    assert rules(attrs.evolve(setup, public_keys={})) == {"username-wrapped": Certainty.LIKELY}


@pytest.mark.parametrize("user", ["\r", "'alice'", "username=alice"])
def test_a_user_name_that_is_put_together_of_options_has_nothing_around_it(user: str) -> None:
    setup = setup_from_flags(Setup(password=b"p"), authorizer="A", user=user)
    assert Certainty.LIKELY not in rules(setup).values()
    assert "username-wrapped" not in rules(setup)


@pytest.mark.parametrize(
    "text",
    [
        BARE,
        "alice",
        "",
        "o'neill",
        'it\'s "him"?a=b',
        f"'a' and 'b'?{NAME}=A",
        "a=b?c=d",
        "?",
        '"',
        f"a?{NAME}='A'&t=1",
    ],
)
def test_what_belongs_to_a_user_name_is_left_to_it(text: str) -> None:
    found = wrapping_of(text)
    assert found is None or (text == '"' and not found.sure)


def test_a_mistake_inside_the_quotes_is_still_found() -> None:
    setup = raw_setup(f'"alice?{NAME}=A?token=t&{SIGNATURE}={SIGNED}"')
    assert set(rules(setup)) == {"username-wrapped", "double-question-mark"}


def test_quotes_around_a_query_are_found_too() -> None:
    setup = Setup(
        origin=Origin.USERNAME, credentials_in=CredentialsIn.QUERY, query=f"'{NAME}=A&token=t&{SIGNATURE}={SIGNED}'"
    )
    assert "username-wrapped" in rules(setup)
    assert unwrapped(setup).query == f"{NAME}=A&token=t&{SIGNATURE}={SIGNED}"
    assert unwrapped(setup).parts.signature == sign("open-sesame", key_pair().private_pem)


def test_the_verdict_names_the_quotes_and_not_the_signature_that_they_break() -> None:
    setup = raw_setup(f'"{BARE}"', public_keys={"k": key_pair().public_pem})
    verdict = judge(setup, look(setup))
    assert verdict.cause is not None
    assert verdict.cause.key == "username-wrapped"
    assert "the user name as it was read has double quotes around it" in verdict.cause.evidence
    captured = attrs.evolve(setup, origin=Origin.CAPTURE)
    assert (
        "the user name that is sent has double quotes around it" in judge(captured, look(captured)).causes[0].evidence
    )


plain = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\"'`\ufeff"), min_size=1)


@given(plain.map(lambda text: f"user?{text}x"), st.sampled_from(sorted(form for form in LITERALS if '"%s"' in form)))
def test_whatever_stands_in_quotes_comes_out_whole(text: str, form: str) -> None:
    found = wrapping_of(form % text)
    assert found is not None
    assert found.inside == text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_can_be_looked_at_and_what_was_found_is_shorter(text: str) -> None:
    found = wrapping_of(text)
    if found is not None:
        assert len(found.inside) < len(text)
        assert found.inside in text or "\\" in text or '"' in text or "'" in text or "`" in text
    unwrapped(raw_setup(text))
