"""Does the signature fit the token, and if not, what does it fit (B17-B20)?"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable

from attrs import field, frozen
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from customauth.doctor.finding import Check, Finding
from customauth.doctor.lint.names import MISREAD
from customauth.doctor.lint.sight import Sight, reported, skipped, warned
from customauth.doctor.lint.variants import Variant, variants
from customauth.errors import CredentialError
from customauth.signing import load_public_key

_OTHER_HASHES: tuple[hashes.HashAlgorithm, ...] = (
    hashes.SHA1(),  # noqa: S303 a signature is looked at, not made
    hashes.SHA384(),
    hashes.SHA512(),
)


@frozen(kw_only=True)
class _Fit:
    """What a signature fits.

    :ivar rule: the rule it gives away, None when it fits the token.
    """

    rule: str | None
    evidence: str


@frozen(kw_only=True)
class _Signed:
    raw: bytes = field(repr=False)
    mended: bool


def verification(sight: Sight) -> Check:
    """Verify the signature with the public keys that are given."""
    setup = sight.setup
    if not setup.public_keys:
        return skipped("verification", "no public key is given (--public-key FILE)")
    keys, findings = _load(sight)
    if sight.garbled:
        return _with(findings, skipped("verification", MISREAD))
    token, signature = setup.parts.token, setup.parts.signature
    if not token or not signature or not keys:
        why = "there is no key to verify with" if not keys else "there is no token with a signature"
        return _with(findings, skipped("verification", why))
    signed = _signed(signature)
    if signed is None:
        return _with(findings, skipped("verification", "the signature cannot be read"))
    texts = variants(sight)
    fits = [(name, fit) for name, key in keys.items() for fit in [_fit(key, signed.raw, texts)]]
    name, fit = min(fits, key=lambda each: _rank(each[1]))
    if fit.rule is not None:
        found = (*findings, sight.certain(fit.rule, fit.evidence, {"value": "the token"}))
        return reported("verification", *found, otherwise="")
    if signed.mended:
        return _with(findings, warned("verification", f"it verifies with {name} once its form is mended"))
    return _with(findings, reported("verification", otherwise=f"it verifies with {name}"))


def verifies(sight: Sight) -> bool:
    """Say whether the signature is, as it is sent, one of the token as it is sent."""
    token, text = sight.setup.parts.token or "", sight.setup.parts.signature or ""
    signed = _signed(text)
    if signed is None or signed.mended:
        return False
    digest = _hash(hashes.SHA256(), token.encode("utf-8", "surrogatepass"))
    return any(_recovered(key, signed.raw, hashes.SHA256()) == digest for key in _load(sight)[0].values())


def _load(sight: Sight) -> tuple[dict[str, rsa.RSAPublicKey], list[Finding]]:
    keys: dict[str, rsa.RSAPublicKey] = {}
    findings = []
    for name, pem in sight.setup.public_keys.items():
        try:
            keys[name] = load_public_key(pem)
        except CredentialError as error:
            weak = "bits" in str(error) or "not an RSA key" in str(error)
            findings.append(sight.likely("signing-key-weak" if weak else "private-key-given", f"{name}: {error}"))
    return keys, findings


def _with(findings: Iterable[Finding], check: Check) -> Check:
    """Report what is wrong with a key rather than what the others gave."""
    found = tuple(findings)
    return reported(check.name, *found, otherwise="") if found else check


def _signed(text: str) -> _Signed | None:
    """Decode the signature; where its form is wrong, as it was meant."""
    mended = text
    while (decoded := re.sub(r"%([0-9A-Fa-f]{2})", lambda match: chr(int(match[1], 16)), mended)) != mended:
        mended = decoded
    mended = re.sub(r"[\r\n\t\"']|\\n", "", mended).strip().replace(" ", "+").translate(str.maketrans("-_", "+/"))
    mended = mended.rstrip("=")
    mended += "=" * (-len(mended) % 4)
    try:
        raw = base64.b64decode(mended, validate=True)
    except (binascii.Error, ValueError):
        return None
    return _Signed(raw=raw, mended=mended != text)


def _rank(fit: _Fit) -> int:
    if fit.rule is None:
        return 0
    return 2 if fit.rule == "signature-mismatch" else 1


def _fit(key: rsa.RSAPublicKey, raw: bytes, texts: list[Variant]) -> _Fit:
    size = key.key_size // 8
    if len(raw) != size:
        if len(raw) < size and len(raw) not in (256, 384, 512):
            evidence = f"the signature has {len(raw)} bytes, and the key makes {size}"
            return _Fit(rule="signature-truncated", evidence=evidence)
        evidence = f"the signature has {len(raw)} bytes and the key makes {size}: it was made with another key"
        return _Fit(rule="signature-mismatch", evidence=evidence)
    digest = _recovered(key, raw, hashes.SHA256())
    if digest is not None:
        for text in texts:
            if _hash(hashes.SHA256(), text.text) == digest:
                return _Fit(rule=text.rule, evidence=text.evidence)
        evidence = "the signature was made with this key, over something else than the token that is sent"
        return _Fit(rule="signature-mismatch", evidence=evidence)
    return _other_kind(key, raw, texts) or _Fit(
        rule="signature-mismatch", evidence="the signature was not made with the private key of the public key given"
    )


def _other_kind(key: rsa.RSAPublicKey, raw: bytes, texts: list[Variant]) -> _Fit | None:
    """Look whether the key made the signature in another way than AWS verifies."""
    for algorithm in _OTHER_HASHES:
        if _recovered(key, raw, algorithm) is not None:
            evidence = f"the signature was made with this key and {algorithm.name.upper()}; AWS verifies SHA-256"
            return _Fit(rule="signature-mismatch", evidence=evidence)
    for algorithm in (hashes.SHA256(), *_OTHER_HASHES):
        if any(_verifies_pss(key, raw, text.text, algorithm) for text in texts):
            evidence = (
                f"the signature was made with this key and RSA-PSS ({algorithm.name.upper()}); "
                "AWS verifies PKCS #1 v1.5 with SHA-256"
            )
            return _Fit(rule="signature-mismatch", evidence=evidence)
    if _recovered(key, raw, None) is not None:
        evidence = (
            "the signature was made with this key, but not over a SHA-256 digest as openssl dgst -sha256 makes it"
        )
        return _Fit(rule="signature-mismatch", evidence=evidence)
    return None


def _recovered(key: rsa.RSAPublicKey, raw: bytes, algorithm: hashes.HashAlgorithm | None) -> bytes | None:
    try:
        return key.recover_data_from_signature(raw, padding.PKCS1v15(), algorithm)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return None


def _verifies_pss(key: rsa.RSAPublicKey, raw: bytes, text: bytes, algorithm: hashes.HashAlgorithm) -> bool:
    try:
        key.verify(raw, text, padding.PSS(padding.MGF1(algorithm), padding.PSS.AUTO), algorithm)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _hash(algorithm: hashes.HashAlgorithm, text: bytes) -> bytes:
    digest = hashes.Hash(algorithm)
    digest.update(text)
    return digest.finalize()
