"""Lint of the signature's form, wherever it travels."""

from __future__ import annotations

import base64
import textwrap
from urllib.parse import quote

import attrs
import pytest

from customauth.doctor.finding import Certainty, Outcome
from customauth.doctor.parameters import parameters_of, parts_of
from customauth.doctor.reading import setup_from_flags
from customauth.doctor.setup import Setup
from customauth.endpoint import Endpoint, Transport
from customauth.request import CredentialsIn
from customauth.signing import sign
from lint_samples import NAME, SIGNATURE, check, key_pair, look, raw_setup, raw_username, rules

WSS = Endpoint(host="example.test", transport=Transport.WSS)


def _with_plus() -> tuple[str, str]:
    """Return a token whose signature has + and /, and that signature."""
    for number in range(100):
        signature = sign(f"t{number}", key_pair().private_pem)
        if {"+", "/"} <= set(signature):
            return f"t{number}", signature
    raise AssertionError


TOKEN, PLAIN = _with_plus()
KEYS = {"public.pem": key_pair().public_pem}


def _sent(signature: str) -> Setup:
    return raw_setup(raw_username(TOKEN, signature), public_keys=KEYS)


@pytest.mark.fact("A9", "J2")
@pytest.mark.parametrize("safe", ["", "/", "/="])
def test_raw_slashes_and_equals_signs_are_fine(safe: str) -> None:
    assert rules(_sent(quote(PLAIN, safe=safe))) == {}


@pytest.mark.fact("A14", "J2")
def test_a_raw_plus_in_a_user_name_is_possible_only_and_verifies() -> None:
    assert rules(_sent(PLAIN)) == {"signature-unencoded": Certainty.POSSIBLE}
    assert check(_sent(PLAIN), "verification").outcome is Outcome.PASSED


@pytest.mark.fact("A14", "A27")
def test_a_raw_plus_in_a_query_stops() -> None:
    setup = Setup(endpoint=WSS, credentials_in=CredentialsIn.QUERY, query=f"{NAME}=A&{SIGNATURE}={PLAIN}&token={TOKEN}")
    setup = attrs.evolve(setup, parts=parts_of(parameters_of(setup)))
    assert rules(setup) == {"signature-unencoded": Certainty.LIKELY}
    assert check(setup, "signature").outcome is Outcome.STOPPED


@pytest.mark.parametrize(
    ("spoilt", "rule"),
    [
        (quote(quote(PLAIN, safe=""), safe=""), "signature-double-encoded"),
        (quote(PLAIN.replace("+", " "), safe=""), "signature-spaces"),
        (PLAIN.replace("+", " "), "signature-spaces"),
        (quote(PLAIN.translate(str.maketrans("+/", "-_")), safe=""), "signature-base64url"),
        (quote(PLAIN.translate(str.maketrans("+/", "-_")).rstrip("="), safe=""), "signature-base64url"),
        (quote("\n".join(textwrap.wrap(PLAIN, 64)), safe=""), "signature-line-breaks"),
        ("\n".join(textwrap.wrap(PLAIN, 76)), "signature-line-breaks"),
        (quote("\\n".join(textwrap.wrap(PLAIN, 64)), safe=""), "signature-line-breaks"),
        (quote(PLAIN + "\n", safe=""), "signature-line-breaks"),
        (quote(base64.b64decode(PLAIN).hex(), safe=""), "signature-not-base64"),
        (quote(base64.b64decode(PLAIN).hex(":"), safe=""), "signature-not-base64"),
        (quote(base64.b64decode(PLAIN).decode("latin-1"), safe=""), "signature-not-base64"),
        (quote(PLAIN.rstrip("="), safe=""), "signature-truncated"),
        (quote(PLAIN[:200], safe=""), "signature-truncated"),
        (quote(PLAIN[:-1], safe=""), "signature-truncated"),
        (quote("==" + PLAIN[2:], safe=""), "signature-not-base64"),
        ("", "signature-missing"),
    ],
)
@pytest.mark.fact("A8", "A10", "B17", "B18")
def test_a_spoilt_signature_is_certain_for_what_spoilt_it(spoilt: str, rule: str) -> None:
    setup = _sent(spoilt)
    assert rules(setup).get(rule) is Certainty.CERTAIN
    assert check(setup, "signature").outcome is Outcome.STOPPED
    assert set(rules(setup)) <= {rule, "signature-truncated", "signature-mismatch", "signature-unencoded"}


@pytest.mark.parametrize("spoilt", ["signature-double-encoded", "signature-base64url", "signature-line-breaks"])
def test_a_spoilt_signature_that_verifies_once_mended_says_so(spoilt: str) -> None:
    form = {
        "signature-double-encoded": quote(quote(PLAIN, safe=""), safe=""),
        "signature-base64url": PLAIN.translate(str.maketrans("+/", "-_")),
        "signature-line-breaks": "\n".join(textwrap.wrap(PLAIN, 64)),
    }[spoilt]
    assert set(rules(_sent(form))) == {spoilt}
    assert "once its form is mended" in check(_sent(form), "verification").detail


@pytest.mark.parametrize(
    ("size", "rule"),
    [
        (32, "signature-mismatch"),
        (64, "signature-mismatch"),
        (71, "signature-mismatch"),
        (128, "signing-key-weak"),
        (100, "signature-truncated"),
    ],
)
def test_the_size_tells_what_made_it(size: int, rule: str) -> None:
    signature = base64.b64encode(b"\xff" * size).decode()
    setup = raw_setup(raw_username(TOKEN, quote(signature, safe="")))
    assert rules(setup) == {rule: Certainty.CERTAIN}


@pytest.mark.parametrize("size", [256, 384, 512])
def test_the_sizes_of_rsa_keys_are_fine(size: int) -> None:
    signature = base64.b64encode(b"\xff" * size).decode()
    assert rules(raw_setup(raw_username(TOKEN, quote(signature, safe="")))) == {}


@pytest.mark.fact("A21")
def test_too_long_a_signature_is_likely() -> None:
    signature = base64.b64encode(b"\xff" * 1923).decode()
    assert rules(raw_setup(raw_username(TOKEN, quote(signature, safe="")))) == {"signature-too-long": Certainty.LIKELY}


@pytest.mark.fact("A26")
def test_a_signature_encoded_in_a_header_is_likely() -> None:
    headers = {NAME: "A", SIGNATURE: quote(PLAIN, safe=""), "token": TOKEN}
    setup = setup_from_flags(
        Setup(endpoint=WSS, credentials_in=CredentialsIn.HEADERS, public_keys=KEYS),
        authorizer="A",
        token_key_name="token",
        token=TOKEN,
        signature=PLAIN,
    )
    assert rules(setup) == {}
    setup = attrs.evolve(setup, headers=headers, parts=attrs.evolve(setup.parts, signature=headers[SIGNATURE]))
    assert rules(setup) == {"signature-in-header-encoded": Certainty.LIKELY}


def test_flags_in_each_place_have_no_finding() -> None:
    for place in CredentialsIn:
        base = Setup(endpoint=WSS, credentials_in=place, public_keys=KEYS)
        setup = setup_from_flags(base, authorizer="A", token_key_name="token", token=TOKEN, signature=PLAIN)
        assert rules(setup) == {}
        assert all(each.outcome in (Outcome.PASSED, Outcome.SKIPPED) for each in look(setup))
