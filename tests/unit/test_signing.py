"""Keys and signatures, checked against the openssl command, which is what AWS's documentation signs with."""

from __future__ import annotations

import base64
import functools
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from hypothesis import given, settings
from hypothesis import strategies as st

import servers
from credential_samples import texts_of
from customauth import CredentialError, CustomAuth
from customauth.signing import KEY_SIZES, KeyPair, generate_key_pair, load_public_key, sign, signed_token, verify

PASSPHRASE = b"correct horse"
MARK = "T0KENMARK"
sizes = pytest.mark.parametrize("bits", KEY_SIZES)


@functools.cache
def pair(bits: int = 2048) -> KeyPair:
    return generate_key_pair(bits)


@functools.cache
def locked_pair() -> KeyPair:
    return generate_key_pair(passphrase=PASSPHRASE)


def openssl(*arguments: str | Path, stdin: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, check=True).stdout


def rewritten(*options: str) -> bytes:
    """Return the private key as ``openssl rsa`` writes it with these options."""
    return openssl("rsa", *options, stdin=pair().private_pem)


# Key pairs


@sizes
def test_a_key_pair_has_the_size_that_was_asked_for_and_its_halves_belong_together(bits: int) -> None:
    private = load_pem_private_key(pair(bits).private_pem, None)
    assert isinstance(private, rsa.RSAPrivateKey)
    assert private.key_size == bits
    assert private.public_key() == load_pem_public_key(pair(bits).public_pem)


@pytest.mark.fact("B8")
def test_the_public_key_is_what_aws_takes() -> None:
    lines = pair().public_pem.decode("ascii").splitlines()
    assert lines[0] == "-----BEGIN PUBLIC KEY-----"
    assert lines[-1] == "-----END PUBLIC KEY-----"
    assert openssl("rsa", "-pubout", stdin=pair().private_pem) == pair().public_pem


def test_a_passphrase_encrypts_the_private_key() -> None:
    assert locked_pair().private_pem.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert b"ENCRYPTED" not in pair().private_pem


def test_the_private_key_is_not_in_the_repr() -> None:
    assert "PRIVATE" not in repr(pair())


@pytest.mark.parametrize("bits", [0, 1024, 2047, 8192])
def test_another_size_is_refused(bits: int) -> None:
    with pytest.raises(CredentialError, match=f"{bits} bits is not offered; choose one of 2048, 3072, 4096"):
        generate_key_pair(bits)


@pytest.mark.parametrize("passphrase", [b"", bytes(1024)], ids=["empty", "too long"])
def test_a_passphrase_that_would_not_protect_is_refused(passphrase: bytes) -> None:
    with pytest.raises(CredentialError, match="the passphrase needs 1 to 1023 bytes; leave it out to use none"):
        generate_key_pair(passphrase=passphrase)


# Signatures


@pytest.mark.fact("B17")
@sizes
def test_our_signatures_verify_with_openssl(bits: int, tmp_path: Path) -> None:
    token = "grün & open-sesame"
    public, signature = tmp_path / "public.pem", tmp_path / "signature"
    public.write_bytes(pair(bits).public_pem)
    signature.write_bytes(base64.b64decode(sign(token, pair(bits).private_pem), validate=True))
    told = openssl("dgst", "-sha256", "-verify", public, "-signature", signature, stdin=token.encode())
    assert told == b"Verified OK\n"


@pytest.mark.fact("B17")
@sizes
def test_the_signatures_of_openssl_verify_here_and_are_ours(bits: int, tmp_path: Path) -> None:
    token = "grün & open-sesame"
    private = tmp_path / "private.pem"
    private.write_bytes(pair(bits).private_pem)
    raw = openssl("dgst", "-sha256", "-sign", private, stdin=token.encode())
    signature = openssl("base64", "-A", stdin=raw).decode("ascii")
    assert verify(token, signature, pair(bits).public_pem)
    assert sign(token, pair(bits).private_pem) == signature


PRIVATE_FORMS: dict[str, tuple[Callable[[], bytes], bytes | None]] = {
    "PKCS#8": (lambda: pair().private_pem, None),
    "PKCS#1": (lambda: rewritten("-traditional"), None),
    "PKCS#8 encrypted": (lambda: rewritten("-aes256", "-passout", "pass:correct horse"), PASSPHRASE),
    "PKCS#1 encrypted": (
        lambda: rewritten("-traditional", "-aes256", "-passout", "pass:correct horse"),
        PASSPHRASE,
    ),
    "behind other text": (lambda: b"Bag Attributes\n    friendlyName: x\n" + pair().private_pem, None),
    "with its public key": (lambda: pair().private_pem + pair().public_pem, None),
    "in clear, a passphrase given": (lambda: pair().private_pem, PASSPHRASE),
}


@pytest.mark.parametrize(("make", "passphrase"), PRIVATE_FORMS.values(), ids=PRIVATE_FORMS.keys())
def test_every_form_of_a_private_key_signs_alike(make: Callable[[], bytes], passphrase: bytes | None) -> None:
    assert sign("open-sesame", make(), passphrase=passphrase) == sign("open-sesame", pair().private_pem)


def test_an_encrypted_pair_of_ours_signs_with_its_passphrase() -> None:
    signature = sign("open-sesame", locked_pair().private_pem, passphrase=PASSPHRASE)
    assert verify("open-sesame", signature, locked_pair().public_pem)


def test_a_public_key_in_pkcs_1_verifies_too() -> None:
    public = rewritten("-RSAPublicKey_out")
    assert public.startswith(b"-----BEGIN RSA PUBLIC KEY-----")
    assert verify("open-sesame", sign("open-sesame", pair().private_pem), public)


@pytest.mark.fact("B17")
@settings(max_examples=30)
@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40))
def test_a_signature_verifies_exactly_its_own_token(token: str, other: str) -> None:
    signature = sign(token, pair().private_pem)
    assert verify(token, signature, pair().public_pem)
    assert verify(other, signature, pair().public_pem) is (other == token)
    assert not verify(f"{token}\n", signature, pair().public_pem)


@pytest.mark.fact("B19")
def test_a_signature_of_another_key_does_not_verify() -> None:
    signature = sign("open-sesame", pair(3072).private_pem)
    assert not verify("open-sesame", signature, pair().public_pem)
    assert verify("open-sesame", signature, pair(3072).public_pem)


@pytest.mark.parametrize("padding_used", ["PSS", "SHA-1"])
def test_a_signature_of_another_scheme_does_not_verify(padding_used: str) -> None:
    private = load_pem_private_key(pair().private_pem, None)
    assert isinstance(private, rsa.RSAPrivateKey)
    if padding_used == "PSS":
        raw = private.sign(b"t", padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    else:
        raw = private.sign(b"t", padding.PKCS1v15(), hashes.SHA1())  # noqa: S303
    assert not verify("t", base64.b64encode(raw).decode("ascii"), pair().public_pem)


@pytest.mark.parametrize("signature", ["", "=", "AAAA", "not base64", "ü", "A" * 344, "%2B"])
def test_a_malformed_signature_verifies_nothing(signature: str) -> None:
    assert not verify("open-sesame", signature, pair().public_pem)


def test_a_token_that_is_no_text_verifies_nothing_and_cannot_be_signed() -> None:
    assert not verify("\ud800", sign("t", pair().private_pem), pair().public_pem)
    with pytest.raises(CredentialError, match="the token is not valid Unicode"):
        sign("secret\ud800", pair().private_pem)


def test_a_signed_token_is_ready_to_be_sent() -> None:
    token = signed_token("token", "open-sesame", locked_pair().private_pem, passphrase=PASSPHRASE)
    auth = CustomAuth(authorizer="A", token=token)
    read = CustomAuth.parse(auth.mqtt_username())
    assert read.token is not None
    assert verify(read.token.value, read.token.signature, locked_pair().public_pem)


@pytest.mark.fact("B18")
@sizes
def test_a_jwt_that_another_library_would_sign_verifies_as_signed_token(bits: int) -> None:
    private = load_pem_private_key(pair(bits).private_pem, None)
    assert isinstance(private, rsa.RSAPrivateKey)
    parts = [json.dumps({"alg": "RS256", "typ": "JWT"}), json.dumps({"sub": "alice", "exp": 4102444800})]
    signed = ".".join(base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in parts)
    raw = private.sign(signed.encode("ascii"), padding.PKCS1v15(), hashes.SHA256())
    jwt = f"{signed}.{base64.urlsafe_b64encode(raw).rstrip(b'=').decode()}"
    auth = CustomAuth.from_jwt(jwt, token_key_name="jwt")
    assert auth.token is not None
    assert auth.token.value == signed
    assert verify(auth.token.value, auth.token.signature, pair(bits).public_pem)
    assert CustomAuth.parse(auth.mqtt_username()) == auth


# Keys that cannot be used


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


@functools.cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@functools.cache
def short_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505


def ssh_key() -> bytes:
    return ec_key().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )


def on_unknown_curve(key: bytes) -> bytes:
    """Return a PEM key on P-256 as one on a curve whose object identifier nobody knows."""
    begin, *body, end = key.splitlines()
    der = base64.b64decode(b"".join(body)).replace(bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a8648ce3d030163"))
    return b"\n".join([begin, base64.encodebytes(der).strip(), end, b""])


WRONG_PRIVATE_KEYS: dict[str, tuple[Callable[[], bytes], bytes | None, str]] = {
    "no passphrase": (lambda: locked_pair().private_pem, None, "the private key is encrypted; give its passphrase"),
    "an empty passphrase": (lambda: locked_pair().private_pem, b"", "is encrypted; give its passphrase"),
    "a wrong passphrase": (
        lambda: locked_pair().private_pem,
        b"wr0ng pass",
        "the passphrase is wrong or the key is damaged; try it",
    ),
    "a wrong passphrase for PKCS#1": (
        lambda: rewritten("-traditional", "-aes256", "-passout", "pass:correct horse"),
        b"wr0ng pass",
        "the passphrase is wrong or the key is damaged; try it",
    ),
    "the public key": (lambda: pair().public_pem, None, "this is a public key; signing needs the private key"),
    "the public key in PKCS#1": (lambda: rewritten("-RSAPublicKey_out"), None, "this is a public key"),
    "an elliptic curve": (lambda: pem(ec_key()), None, "not an RSA key; AWS verifies RSA-SHA256 only"),
    # Releases of cryptography differ in whether they take it for a key at all.
    "an unknown curve": (lambda: on_unknown_curve(pem(ec_key())), None, "not an RSA key|not a PEM private key"),
    "1024 bits": (lambda: pem(short_key()), None, "has 1024 bits; AWS takes 2048 and more"),
    "a certificate": (lambda: servers.authority().ca_pem, None, "not a PEM private key; .*BEGIN PRIVATE KEY"),
    "a key for SSH": (ssh_key, None, "not a(n RSA key| PEM private key)"),
    "half a file": (lambda: pair().private_pem[:500], None, "not a PEM private key"),
    "nothing": (lambda: b"", None, "not a PEM private key"),
    "DER": (lambda: openssl("rsa", "-outform", "DER", stdin=pair().private_pem), None, "not a PEM private key"),
}


@pytest.mark.fact("B7")
@pytest.mark.parametrize(("make", "passphrase", "message"), WRONG_PRIVATE_KEYS.values(), ids=WRONG_PRIVATE_KEYS.keys())
def test_a_private_key_that_cannot_sign_for_aws_is_refused(
    make: Callable[[], bytes], passphrase: bytes | None, message: str
) -> None:
    private_pem = make()
    with pytest.raises(CredentialError, match=message) as refused:
        sign(MARK, private_pem, passphrase=passphrase)
    shown = "".join(texts_of(refused.value))
    secrets = [MARK, private_pem[40:80].decode("latin-1"), (passphrase or b"").decode()]
    assert not [secret for secret in secrets if secret and secret in shown]


WRONG_PUBLIC_KEYS: dict[str, tuple[Callable[[], bytes], str]] = {
    "the private key": (lambda: pair().private_pem, "this is a private key; give the public key"),
    "the private key in PKCS#1": (lambda: rewritten("-traditional"), "this is a private key"),
    "the encrypted private key": (lambda: locked_pair().private_pem, "this is a private key"),
    "both keys": (lambda: pair().public_pem + pair().private_pem, "this is a private key"),
    "a certificate": (lambda: servers.authority().ca_pem, "not a PEM public key; .*BEGIN PUBLIC KEY"),
    "an elliptic curve": (lambda: public_pem(ec_key()), "not an RSA key; AWS verifies RSA-SHA256 only"),
    "an unknown curve": (lambda: on_unknown_curve(public_pem(ec_key())), "not an RSA key"),
    "1024 bits": (lambda: public_pem(short_key()), "has 1024 bits; AWS takes 2048 and more"),
    "half a file": (lambda: pair().public_pem[:200], "not a PEM public key"),
    "nothing": (lambda: b"", "not a PEM public key"),
}


@pytest.mark.fact("B7")
@pytest.mark.parametrize(("make", "message"), WRONG_PUBLIC_KEYS.values(), ids=WRONG_PUBLIC_KEYS.keys())
def test_a_public_key_that_aws_would_not_take_is_refused(make: Callable[[], bytes], message: str) -> None:
    with pytest.raises(CredentialError, match=message):
        load_public_key(make())
    with pytest.raises(CredentialError, match=message):
        verify("open-sesame", "AAAA", make())
