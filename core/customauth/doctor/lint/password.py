"""The password: AWS hands it to the function in base64, whatever it is (A19)."""

from __future__ import annotations

import base64
import binascii

from customauth.doctor.finding import Check, Finding
from customauth.doctor.lint.sight import Sight, reported

_SHORTEST = 8


def password(sight: Sight) -> Check:
    """Look at the password's encoding."""
    data = sight.setup.password
    if data is None:
        return reported("password", otherwise="none is sent")
    findings: list[Finding] = []
    if _is_base64_of_text(data):
        evidence = "the password is the base64 of a text, and AWS encodes it once more for the function"
        findings.append(sight.possible("password-encoding", evidence))
    return reported("password", *findings, otherwise=f"{len(data)} bytes")


def _is_base64_of_text(data: bytes) -> bool:
    if len(data) < _SHORTEST:
        return False
    try:
        decoded = base64.b64decode(data, validate=True)
        text = decoded.decode("utf-8")
    except (binascii.Error, ValueError):
        return False
    # What only happens to be base64 is seldom the base64 of something that a person can read.
    return text.isprintable() and text.isascii() and base64.b64encode(decoded) == data
