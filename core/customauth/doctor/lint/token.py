"""The token as it travels: there or not, and whether it arrives as it was meant (A11, A15, A21, F8)."""

from __future__ import annotations

import re

from customauth.doctor.finding import Check, Finding
from customauth.doctor.lint.names import MISREAD
from customauth.doctor.lint.sight import Sight, reported, skipped, warned
from customauth.doctor.parameters import Parameter, candidates, first, pieces_cut_off
from customauth.doctor.setup import Origin
from customauth.request import CredentialsIn

MAX_TOKEN = 6144  # A21

_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def token(sight: Sight) -> Check:
    """Look at the token."""
    setup = sight.setup
    if sight.garbled:
        return skipped("token", MISREAD)
    text, signature = setup.parts.token, setup.parts.signature
    if not text:
        return _about_none(sight, signed=signature is not None)
    findings = [*_without_signature(sight, signature), *_about_text(sight, text)]
    parameter = _sent(sight)
    if parameter is not None:
        findings += _about_encoding(sight, parameter)
    if not findings and text != text.strip():
        return warned("token", "it has white space at its beginning or end, which must be signed too")
    return reported("token", *findings, otherwise=f"length {len(text)}")


def _sent(sight: Sight) -> Parameter | None:
    name = sight.setup.parts.token_key_name
    return None if name is None else first(sight.parameters, name)


def _about_none(sight: Sight, *, signed: bool) -> Check:
    setup = sight.setup
    expected = setup.expected_token_key_name
    if expected is not None and candidates(sight.parameters) and first(sight.parameters, expected) is None:
        return skipped("token", "none is sent under the name that the authorizer expects")
    findings = []
    if setup.parts.token is not None:
        findings.append(sight.certain("token-missing", "the token is empty"))
    elif signed:
        findings.append(sight.likely("token-missing", "a signature is sent, and no token"))
    elif setup.broken_rule is None and setup.public_keys:
        evidence = "a public key is given, so the authorizer wants a signed token, and none is sent"
        findings.append(sight.certain("token-missing", evidence))
    elif setup.broken_rule is None and expected is not None:
        evidence = f"the authorizer expects a token as {expected!r}, and none is sent"
        findings.append(sight.likely("token-missing", evidence))
    return reported("token", *findings, otherwise="none is sent, as for an authorizer with signing disabled")


def _without_signature(sight: Sight, signature: str | None) -> list[Finding]:
    setup = sight.setup
    if setup.origin is Origin.FLAGS and setup.parts.token_key_name is None:
        return [sight.likely("token-missing", "the token has no token key name, so it cannot be sent")]
    if signature is not None:
        return []
    if setup.public_keys:
        return [
            sight.certain("signature-missing", "a token is sent, and no signature, to an authorizer with a public key")
        ]
    evidence = "a token is sent, and no signature"
    known = setup.origin is Origin.FLAGS or setup.expected_token_key_name is not None
    return [(sight.likely if known else sight.possible)("signature-missing", evidence)]


def _about_text(sight: Sight, text: str) -> list[Finding]:
    findings = []
    if len(text) > MAX_TOKEN:
        evidence = f"the token has {len(text)} characters, and AWS takes {MAX_TOKEN}"
        findings.append(sight.likely("token-too-long", evidence))
    if text.endswith(("\n", "\r")):
        findings.append(sight.possible("token-newline", "the token ends with a line end"))
    if _ENCODED.search(text) and sight.setup.origin is not Origin.FLAGS:
        evidence = "the token is still percent-encoded after AWS has decoded it"
        findings.append(sight.possible("token-double-encoded", evidence))
    return findings


def _about_encoding(sight: Sight, parameter: Parameter) -> list[Finding]:
    """Look for characters in the token that mean something where it travels."""
    raw, place = parameter.raw_value, parameter.place
    if place is CredentialsIn.HEADERS:
        if not raw.isascii() or not raw.isprintable() or raw != raw.strip():
            return [sight.likely("token-unencoded", "the token has characters that a header does not carry")]
        return []
    findings = []
    pieces = pieces_cut_off(sight.parameters, parameter)
    if any(not piece.raw_value and "=" not in piece.raw_name for piece in pieces):
        evidence = "what looks like a piece of the token follows it after a raw &"
        findings.append(sight.likely("token-unencoded", evidence))
    if _BAD_PERCENT.search(raw):
        findings.append(sight.likely("token-unencoded", "the token holds a raw %, which begins an escape"))
    if place is CredentialsIn.QUERY and "#" in raw:
        findings.append(sight.likely("token-unencoded", "the token holds a raw #, which ends a URL's query"))
    if "+" in raw:
        read = "a blank" if place is CredentialsIn.QUERY else "a + here, and a strict server may read a blank"
        evidence = f"the token holds a raw +, which is read as {read}"
        findings.append(sight.possible("token-unencoded", evidence))
    return findings
