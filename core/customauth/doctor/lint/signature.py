"""The form of the signature: base64 of the standard alphabet, whole, encoded once (A8-A10, A21, A26, B17)."""

from __future__ import annotations

import base64
import binascii
import re

from customauth.doctor.finding import Check, Finding
from customauth.doctor.lint.jwt import other_algorithm
from customauth.doctor.lint.names import MISREAD
from customauth.doctor.lint.sight import Sight, reported, skipped
from customauth.doctor.parameters import SIGNATURE, Parameter, first
from customauth.request import CredentialsIn

MAX_SIGNATURE = 2560  # A21
LEAST_BYTES = 256  # of the smallest key that AWS takes (B7)

_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+={0,2}")
_HEXADECIMAL = re.compile(r"(?:[0-9a-f]{2}[: ]?)+|(?:[0-9A-F]{2}[: ]?)+")
_BINARY = re.compile(r"[^\x20-\x7e\t\r\n]")
_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")
_LEAST_HEXADECIMAL = 40
_OLD_KEY = 128
_OTHER_KINDS = {32: "HMAC-SHA256", 48: "HMAC-SHA384", 64: "ECDSA, Ed25519 or HMAC-SHA512"}
_ECDSA = range(70, 73)


def signature(sight: Sight) -> Check:
    """Look at the signature as AWS reads it."""
    text = sight.setup.parts.signature
    if sight.garbled:
        return skipped("signature", MISREAD)
    if text is None:
        return skipped("signature", "none is sent")
    parameter = first(sight.parameters, SIGNATURE)
    findings = _about_form(sight, text, parameter)
    if not findings and parameter is not None:
        findings = _about_raw(sight, parameter)
    return reported("signature", *findings, otherwise=f"base64 of {_decoded_size(text)} bytes")


def _about_form(sight: Sight, text: str, parameter: Parameter | None) -> list[Finding]:
    """Say what happened to a signature that is no plain base64; the first that explains it."""
    place = CredentialsIn.USERNAME if parameter is None else parameter.place
    stripped = text.strip(" \t")
    if not stripped.strip():
        return [sight.certain("signature-missing", "the signature is empty")]
    if _ENCODED.search(text):
        if place is CredentialsIn.HEADERS:
            return [sight.likely("signature-in-header-encoded", "the signature is percent-encoded in a header")]
        return [
            sight.certain("signature-double-encoded", "the signature is still percent-encoded after AWS decodes it")
        ]
    if _BINARY.search(text):
        return [sight.certain("signature-not-base64", "the signature is no text, or text of another kind than base64")]
    if re.search(r"[\r\n]|\\n", text):
        return [sight.certain("signature-line-breaks", "the signature has line ends in it")]
    if " " in stripped and not _HEXADECIMAL.fullmatch(text):
        if place is CredentialsIn.QUERY and parameter is not None and "+" in parameter.raw_value:
            return [
                sight.likely("signature-unencoded", "the signature has a raw +, which a URL query reads as a blank")
            ]
        return [sight.certain("signature-spaces", "the signature has blanks in it, where a + stood")]
    if _HEXADECIMAL.fullmatch(text) and len(text) >= _LEAST_HEXADECIMAL:
        return [sight.certain("signature-not-base64", "the signature is hexadecimal")]
    if re.search("[-_]", text) and _BASE64URL.fullmatch(text):
        return [sight.certain("signature-base64url", "the signature has - or _, which base64 has not")]
    if not _BASE64.fullmatch(text):
        return [sight.certain("signature-not-base64", "the signature has characters that base64 has not")]
    return _about_size(sight, text)


def _about_size(sight: Sight, text: str) -> list[Finding]:
    if len(text) > MAX_SIGNATURE:
        evidence = f"the signature has {len(text)} characters, and AWS takes {MAX_SIGNATURE}"
        return [sight.likely("signature-too-long", evidence)]
    if other_algorithm(sight) is not None:
        # That explains the size.
        return []
    if len(text) % 4:
        evidence = f"the signature has {len(text)} characters, which is no multiple of 4: its end or its = is missing"
        return [sight.certain("signature-truncated", evidence)]
    size = _decoded_size(text)
    if size is None:
        return [sight.certain("signature-not-base64", "the = of the signature stand in the wrong place")]
    kind = _OTHER_KINDS.get(size, "ECDSA" if size in _ECDSA else None)
    if kind is not None:
        evidence = f"the signature has {size} bytes, as of {kind}; AWS verifies RSA-SHA256 only"
        return [sight.certain("signature-mismatch", evidence)]
    if size == _OLD_KEY:
        evidence = f"the signature has {size} bytes, as of a key of 1024 bits; AWS takes 2048 and more"
        return [sight.certain("signing-key-weak", evidence)]
    if size < LEAST_BYTES:
        evidence = f"the signature has {size} bytes, and the smallest key that AWS takes makes {LEAST_BYTES}"
        return [sight.certain("signature-truncated", evidence)]
    return []


def _about_raw(sight: Sight, parameter: Parameter) -> list[Finding]:
    # Raw / and = do no harm (A9), and neither does + in a user name, as far as is known (A14, J2).
    if parameter.place is CredentialsIn.USERNAME and "+" in parameter.raw_value:
        evidence = "the signature has a raw +; AWS is taken to read it as +, and a strict server may read a blank"
        return [sight.possible("signature-unencoded", evidence)]
    return []


def _decoded_size(text: str) -> int | None:
    try:
        return len(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return None
