"""Lint of the signature against the public key: what it was made of tells the cause."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from customauth.doctor.finding import Certainty, Outcome
from customauth.doctor.setup import Setup
from customauth.signing import sign
from lint_samples import check, key_pair, raw_setup, raw_username, rules

KEYS = {"public.pem": key_pair().public_pem}


def _signed(text: str | bytes, made_with: Any = None, algorithm: Any = None) -> str:
    key = serialization.load_pem_private_key(key_pair().private_pem, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    raw = text if isinstance(text, bytes) else text.encode()
    made = key.sign(raw, made_with or padding.PKCS1v15(), algorithm or hashes.SHA256())
    return base64.b64encode(made).decode()


def _setup(token: str, signature: str, **changes: Any) -> Setup:
    username = raw_username(token, quote(signature, safe=""))
    return raw_setup(username, **{"public_keys": KEYS, **changes})


@pytest.mark.fact("B17", "B19")
def test_a_signature_of_one_of_two_keys_verifies() -> None:
    keys = {"other.pem": key_pair(1).public_pem, "public.pem": key_pair().public_pem}
    setup = _setup("abc", _signed("abc"), public_keys=keys)
    assert rules(setup) == {}
    assert check(setup, "verification").detail == "it verifies with public.pem"


@pytest.mark.parametrize(
    ("token", "signed", "rule"),
    [
        ("abc", "abc\n", "token-newline"),
        ("abc", "abc\r\n", "token-newline"),
        ("abc%0A", "abc", "token-newline"),
        ("a%20b/c", "a%20b%2Fc", "token-double-encoded"),
        ("a%20b", "a%20b", "token-double-encoded"),
        ("a%2520b", "a b", "token-double-encoded"),
        ("a%2Fb", "a%2fb", "token-double-encoded"),
        ("a&b", "a&b", "token-unencoded"),
        ("a&b=c&d", "a&b=c&d", "token-unencoded"),
        ("a&b=", "a&b=", "token-unencoded"),
        ("100%41", "100%41", "token-unencoded"),
        ("eyJhbGciOiJSUzI1NiJ9.e30.c2ln", "eyJhbGciOiJSUzI1NiJ9.e30", "jwt-whole-as-token"),
        ("%20abc", "abc", "signature-mismatch"),
        ("abc", '"abc"', "signature-mismatch"),
        ("%22abc%22", "abc", "value-quoted"),
        ("abc", "alice", "signature-mismatch"),
        ("abc", "something else", "signature-mismatch"),
        ("abc", hashlib.sha256(b"abc").hexdigest(), "signature-mismatch"),
        ("YWJj", "abc", "signature-mismatch"),
        ("abc", base64.b64encode(b"abc").decode(), "signature-mismatch"),
    ],
)
@pytest.mark.fact("B17", "A15", "B18")
def test_what_was_signed_names_the_cause(token: str, signed: str, rule: str) -> None:
    setup = _setup(token, _signed(signed))
    assert rules(setup)[rule] is Certainty.CERTAIN
    stops = {key for key, certainty in rules(setup).items() if certainty > Certainty.POSSIBLE}
    assert stops == {rule}


def test_a_known_key_over_another_text_is_told_from_another_key() -> None:
    assert "made with this key" in check(_setup("abc", _signed("xyz")), "verification").detail
    other = sign("abc", key_pair(1).private_pem)
    assert "not made with the private key" in check(_setup("abc", other), "verification").detail


def test_a_key_of_another_size_is_another_key() -> None:
    setup = _setup("abc", sign("abc", key_pair(2, 3072).private_pem))
    assert rules(setup) == {"signature-mismatch": Certainty.CERTAIN}
    assert "384 bytes and the key makes 256" in check(setup, "verification").detail


def test_a_signature_too_short_for_its_key_is_truncated() -> None:
    whole = base64.b64decode(sign("abc", key_pair(2, 3072).private_pem))
    setup = _setup("abc", base64.b64encode(whole[:300]).decode(), public_keys={"k": key_pair(2, 3072).public_pem})
    assert rules(setup) == {"signature-truncated": Certainty.CERTAIN}


@pytest.mark.parametrize(
    ("made_with", "algorithm", "said"),
    [
        (None, hashes.SHA1(), "SHA1"),  # noqa: S303 what AWS does not verify
        (None, hashes.SHA512(), "SHA512"),
        (padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH), None, "RSA-PSS (SHA256)"),
        (padding.PSS(padding.MGF1(hashes.SHA256()), 32), None, "RSA-PSS (SHA256)"),
    ],
)
@pytest.mark.fact("B17")
def test_another_kind_of_rsa_signature_is_named(made_with: Any, algorithm: Any, said: str) -> None:
    setup = _setup("abc", _signed("abc", made_with, algorithm))
    assert rules(setup) == {"signature-mismatch": Certainty.CERTAIN}
    assert said in check(setup, "verification").detail


def test_a_digest_that_was_signed_as_one_verifies() -> None:
    signature = _signed(hashlib.sha256(b"abc").digest(), None, Prehashed(hashes.SHA256()))
    assert rules(_setup("abc", signature)) == {}


def test_a_signature_over_another_parameter_is_a_token_under_another_name() -> None:
    username = raw_username("abc", quote(_signed("xyz"), safe="")) + "&jwt=xyz"
    assert rules(raw_setup(username, public_keys=KEYS)) == {"token-key-name-mismatch": Certainty.CERTAIN}


def test_wrapped_and_with_a_line_end_signed_are_both_found() -> None:
    wrapped = base64.encodebytes(base64.b64decode(_signed("abc\n"))).decode()
    assert set(rules(_setup("abc", wrapped))) == {"signature-line-breaks", "token-newline"}


@pytest.mark.fact("B7", "B8")
def test_a_key_that_is_none_is_said_to_be_what_it_is() -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()  # noqa: S505 weak on purpose
    elliptic = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem, spki = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    for bad, rule in (
        (key_pair().private_pem, "private-key-given"),
        (b"no PEM", "private-key-given"),
        (key_pair().public_pem.replace(b"-----BEGIN", b"  -----BEGIN"), "private-key-given"),
        (weak.public_bytes(pem, spki), "signing-key-weak"),
        (elliptic.public_bytes(pem, spki), "signing-key-weak"),
    ):
        setup = _setup("abc", _signed("abc"), public_keys={"bad.pem": bad})
        assert rules(setup) == {rule: Certainty.LIKELY}
        assert check(setup, "verification").detail.startswith("bad.pem: ")


def test_a_bad_key_does_not_hide_a_good_one() -> None:
    keys = {"bad.pem": b"no PEM", "public.pem": key_pair().public_pem}
    assert "token-newline" in rules(_setup("abc", _signed("abc\n"), public_keys=keys))


@pytest.mark.fact("F8")
@pytest.mark.parametrize(
    ("username", "rule"),
    [
        (raw_username("abc", None), "signature-missing"),
        (raw_username(None, quote(_signed("abc"), safe="")), "token-missing"),
        (raw_username(None, None), "token-missing"),
        (raw_username("", quote(_signed("abc"), safe="")), "token-missing"),
    ],
)
def test_half_a_signed_token_stops_at_an_authorizer_with_a_key(username: str, rule: str) -> None:
    setup = raw_setup(username, public_keys=KEYS)
    assert rules(setup)[rule] > Certainty.POSSIBLE
    assert check(setup, "verification").outcome is Outcome.SKIPPED


def test_a_token_without_a_signature_is_possible_where_the_authorizer_is_not_known() -> None:
    assert rules(raw_setup(raw_username("abc", None))) == {"signature-missing": Certainty.POSSIBLE}
