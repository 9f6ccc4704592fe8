"""Lint of values that stand wrongly, and how they are put right to be tried."""

from __future__ import annotations

import base64
import textwrap
from typing import Any
from urllib.parse import quote

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from customauth.doctor.finding import Certainty, Finding
from customauth.doctor.mending import mends
from customauth.doctor.probe.packets import connect_bytes
from customauth.doctor.reading import setup_from_flags
from customauth.doctor.setup import Setup
from customauth.doctor.showing import shown, summary
from customauth.doctor.values import exchanged_setup, is_placeholder, unquoted
from customauth.doctor.verdict import judge
from customauth.endpoint import Endpoint
from customauth.mqtt import MqttVersion
from customauth.signing import sign
from lint_samples import AWS, NAME, SIGNATURE, key_pair, look, raw_setup, rules, words

CERTAIN, LIKELY, POSSIBLE = Certainty.CERTAIN, Certainty.LIKELY, Certainty.POSSIBLE
SIGNED = sign("t", key_pair().private_pem)
ENCODED = quote(SIGNED, safe="")
KEYS = {"k": key_pair().public_pem}


def found(setup: Setup) -> list[Finding]:
    return [finding for check in look(setup) for finding in check.findings]


def named(setup: Setup, rule: str) -> str:
    return next(each.fix for each in found(setup) if each.rule == rule)


def mended(setup: Setup, rule: str) -> Setup:
    (mend,) = mends(setup, [each for each in found(setup) if each.rule == rule])
    return mend.setup


def both_mended(setup: Setup) -> Setup:
    return mends(setup, found(setup))[-1].setup


# Quotes and blanks


@pytest.mark.parametrize("value", ['"A"', "'A'", "`A`", "%22A%22", ' "A"'])
def test_quotes_around_the_name_of_the_authorizer_are_likely(value: str) -> None:
    setup = raw_setup(f"alice?{NAME}={value}&token=t")
    assert rules(setup)["value-quoted"] is LIKELY
    assert "authorizer-name-invalid" not in rules(setup)
    assert "the authorizer's name without the quotes" in named(setup, "value-quoted")
    assert mended(setup, "value-quoted").username == f"alice?{NAME}=A&token=t"


def test_quotes_around_the_signature_are_not_told_as_a_broken_one() -> None:
    setup = raw_setup(f'alice?{NAME}=A&token=t&{SIGNATURE}="{ENCODED}"', public_keys=KEYS)
    assert rules(setup) == {"value-quoted": LIKELY}
    assert mended(setup, "value-quoted").parts.signature == SIGNED


def test_quotes_around_a_token_are_possible_as_it_may_be_signed_with_them() -> None:
    setup = raw_setup(f'alice?{NAME}=A&token="t"&{SIGNATURE}={ENCODED}')
    assert rules(setup) == {"value-quoted": POSSIBLE}
    assert mended(setup, "value-quoted").username == f"alice?{NAME}=A&token=t&{SIGNATURE}={ENCODED}"


def test_a_token_that_was_signed_without_its_quotes_is_certain() -> None:
    setup = raw_setup(f"alice?{NAME}=A&token='t'&{SIGNATURE}={ENCODED}", public_keys=KEYS)
    assert rules(setup) == {"value-quoted": Certainty.CERTAIN}
    assert "the token without the quotes" in named(setup, "value-quoted")


@pytest.mark.parametrize("password", [b'"secret"', b"'secret'", b" secret", b"secret ", b"secret\n", b"secret\r\n"])
def test_quotes_and_blanks_around_a_password_are_possible(password: bytes) -> None:
    setup = raw_setup(f"alice?{NAME}=A", password=password)
    assert rules(setup) == {"value-quoted": POSSIBLE}
    assert mended(setup, "value-quoted").password == b"secret"


def test_a_blank_around_the_user_part_is_taken_away() -> None:
    setup = raw_setup(f"alice ?{NAME}=A", password=b"p")
    assert mended(setup, "value-quoted").username == f"alice?{NAME}=A"


# Exchanged


@pytest.mark.parametrize(("keys", "certainty"), [({}, LIKELY), (KEYS, CERTAIN)])
def test_token_and_signature_that_are_exchanged_are_told_as_such(keys: dict[str, bytes], certainty: Certainty) -> None:
    setup = raw_setup(f"alice?{NAME}=A&token={ENCODED}&{SIGNATURE}=t", public_keys=keys)
    assert rules(setup) == {"token-and-signature-exchanged": certainty}
    assert exchanged_setup(setup).username == f"alice?{NAME}=A&token=t&{SIGNATURE}={ENCODED}"


def test_with_the_key_a_token_that_looks_like_a_broken_signature_is_known_to_be_exchanged() -> None:
    token = "c" * 120
    signed = quote(sign(token, key_pair().private_pem), safe="")
    setup = raw_setup(f"alice?{NAME}=A&token={signed}&{SIGNATURE}={token}", public_keys=KEYS)
    assert rules(setup) == {"token-and-signature-exchanged": CERTAIN}


def test_token_and_signature_that_are_exchanged_with_their_quotes_are_told_as_both() -> None:
    setup = raw_setup(f"alice?{NAME}=A&token='{ENCODED}'&{SIGNATURE}='t'", public_keys=KEYS)
    assert rules(setup) == {"value-quoted": LIKELY, "token-and-signature-exchanged": LIKELY}
    assert both_mended(setup).username == f"alice?{NAME}=A&token=t&{SIGNATURE}={ENCODED}"


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "${SIGNATURE}",
        SIGNED[:200],
        SIGNED[:-2],
        SIGNED.translate(str.maketrans("+/", "-_")),
        SIGNED.replace("+", " ").replace("/", " "),
        quote(SIGNED, safe=""),
        base64.b64decode(SIGNED).hex(),
        "\n".join(textwrap.wrap(SIGNED, 64)),
    ],
)
def test_a_token_of_256_bytes_beside_a_broken_signature_is_not_exchanged(signature: str) -> None:
    token = base64.b64encode(bytes(range(256))).decode()
    setup = raw_setup(f"alice?{NAME}=A&token={quote(token, safe='')}&{SIGNATURE}={quote(signature, safe='')}")
    assert rules(setup)
    assert "token-and-signature-exchanged" not in rules(setup)


def test_two_signatures_are_not_told_apart() -> None:
    assert rules(raw_setup(f"alice?{NAME}=A&token={ENCODED}&{SIGNATURE}={ENCODED}")) == {}


# In another field


@pytest.mark.parametrize("user", ["alice", "alice?", ""])
def test_parameters_in_the_client_id_are_told_and_put_into_the_user_name(user: str) -> None:
    client_id = f"pump-7?{NAME}=A&token=t&{SIGNATURE}={ENCODED}"
    setup = raw_setup(user, client_id=client_id, client_id_given=True, password=b"p")
    assert rules(setup)["parameters-misplaced"] is LIKELY
    put = mended(setup, "parameters-misplaced")
    assert (put.client_id, put.parts.authorizer, put.parts.signature) == ("pump-7", "A", SIGNED)
    everything = f"{shown(setup)} {summary(setup)} {words(look(setup))} {judge(setup, look(setup)).as_json()}"
    assert ENCODED[:20] not in everything
    assert SIGNED[:20] not in everything


def test_parameters_in_the_password_are_told_and_put_into_the_user_name() -> None:
    setup = raw_setup("alice", password=f"secret?{NAME}=A".encode())
    put = mended(setup, "parameters-misplaced")
    assert (put.username, put.password) == (f"alice?{NAME}=A", b"secret")
    assert "x-amz-customauthorizer-name=A" in named(setup, "parameters-misplaced")
    assert named(setup, "parameters-misplaced").endswith("=A")


@pytest.mark.parametrize(
    ("client_id", "told"),
    [
        ("pump-7", "pump-7"),
        ("a&b=c?d", "a&b=c?d"),
        ("pump-7?room=7", "pump-7?room=7"),
        ("pump-7?token=secret-of-mine", "pump-7?***"),
        (f"pump-7?{NAME}=A;token=secret-of-mine", "pump-7?***"),
        (f"token=secret-of-mine&{NAME}=A", "token=***"),
        (f"{SIGNATURE}=secret-of-mine", f"{SIGNATURE}=***"),
        ("pump-7 x-amz-secret", "pump-7 ***"),
    ],
)
def test_of_a_client_id_with_parameters_only_what_stands_before_them_is_shown(client_id: str, told: str) -> None:
    setup = raw_setup("alice", client_id=client_id, client_id_given=True)
    assert shown(setup)["client_id"] == told
    packet = connect_bytes(setup, MqttVersion.V5)
    assert len(packet.masked) == len(packet.data)
    assert (b"secret" in packet.masked) == ("secret" in told)
    assert client_id.encode() in packet.data


def test_parameters_that_stand_in_the_user_name_too_are_not_misplaced() -> None:
    assert rules(raw_setup(f"alice?{NAME}=A", password=f"x?{NAME}=B".encode())) == {}


# Never filled in


@pytest.mark.parametrize(
    "text",
    ["${SIGNATURE}", "$SIGNATURE", "$(cat signature)", "{{ signature }}", "{signature}", "<signature>", "%s", "%SIG%"],
)
def test_the_place_of_a_signature_is_told_as_such(text: str) -> None:
    setup = raw_setup(f"alice?{NAME}=A&token=t&{SIGNATURE}={quote(text)}")
    verdict = judge(setup, look(setup))
    assert verdict.cause is not None
    assert verdict.cause.key == "placeholder-left"
    assert verdict.cause.fix.startswith("fill the signature in")


@pytest.mark.parametrize("text", ["A", SIGNED, "open-sesame", "a$b", "50%", "{}", "$5", "<a", "", "MY", '{"a": 1}'])
def test_a_value_is_no_place_for_one(text: str) -> None:
    assert not is_placeholder(text)


@pytest.mark.parametrize("name", ["MY_AUTHORIZER", "MY-PUMPS"])
def test_an_authorizer_may_be_called_mine(name: str) -> None:
    assert rules(raw_setup(f"alice?{NAME}={name}")) == {"placeholder-left": POSSIBLE}


@pytest.mark.parametrize(
    ("token", "certainty"),
    [("${TOKEN}", LIKELY), ("YOUR_TOKEN", LIKELY), ("{TOKEN}", POSSIBLE), ("MY_TOKEN", POSSIBLE)],
)
def test_what_may_be_a_token_is_only_possibly_the_place_of_one(token: str, certainty: Certainty) -> None:
    setup = raw_setup(f"alice?{NAME}=A&token={quote(token)}&{SIGNATURE}={ENCODED}")
    assert rules(setup) == {"placeholder-left": certainty}


def test_a_password_that_begins_with_a_dollar_is_only_possible() -> None:
    assert rules(raw_setup(f"alice?{NAME}=A", password=b"$ecret")) == {"placeholder-left": POSSIBLE}


# Whatever is sent


def test_what_the_options_give_is_looked_at_too() -> None:
    base = Setup(endpoint=Endpoint(host=AWS), password=b'"p"')
    assert rules(setup_from_flags(base, authorizer="A", user="alice")) == {"value-quoted": POSSIBLE}


@given(st.text(max_size=40))
def test_what_is_in_no_quotes_stays_as_it_is(text: str) -> None:
    for quote_mark in "\"'`":
        assert unquoted(f"{quote_mark}x{text}y{quote_mark}") == f"x{text}y"
    assert unquoted(f"x{text}y") == f"x{text}y"


@given(
    st.fixed_dictionaries(
        {
            "username": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60),
            "password": st.binary(max_size=20),
            "client_id": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
        }
    )
)
def test_any_set_up_can_be_looked_at_and_put_right(given_: dict[str, Any]) -> None:
    setup = evolve(
        raw_setup(f"alice?{NAME}={given_['username']}", password=given_["password"]), client_id=given_["client_id"]
    )
    for mend in mends(setup, found(setup)):
        assert mend.setup != setup
