"""JSON Web Tokens: as signed tokens (B18), and as what the function checks itself."""

from __future__ import annotations

import base64
import json
import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import frozen

from customauth.doctor.finding import Check, Finding
from customauth.doctor.lint.names import MISREAD
from customauth.doctor.lint.sight import Sight, reported, skipped, warned

ALGORITHM = "RS256"  # B17
LEEWAY = 60
"""Seconds by which clocks may differ."""

_SEGMENT = re.compile(r"[A-Za-z0-9_-]+={0,2}")
_LONGEST_NAME = 16


@frozen(kw_only=True)
class Jwt:
    """A JWT, or its first two segments.

    :ivar what: what it is sent as.
    :ivar whole: whether its own signature stands in it.
    """

    what: str
    header: dict[str, Any]
    claims: dict[str, Any]
    whole: bool

    @property
    def algorithm(self) -> str:
        """What it is signed with, in a form that may be shown."""
        text = self.header.get("alg")
        return text if isinstance(text, str) and text.isalnum() and len(text) <= _LONGEST_NAME else "something else"


def jwt(sight: Sight) -> Check | None:
    """Look at the JWT that is sent as token or password."""
    if sight.garbled:
        return skipped("JWT", MISREAD)
    found = jwts(sight)
    if not found:
        return None
    findings = [*_about_token(sight), *(finding for each in found for finding in _about_times(sight, each))]
    soon = [each.what for each in found if _ends_soon(sight, each)]
    if soon and not findings:
        return warned("JWT", f"{soon[0]} expires within {LEEWAY} s")
    return reported("JWT", *findings, otherwise=f"{found[0].what} is a JWT, {found[0].algorithm}, and it is in time")


def jwts(sight: Sight) -> list[Jwt]:
    """Return the JWTs that are sent."""
    setup = sight.setup
    password = (setup.password or b"").decode("ascii", "replace")
    given = (
        ("the JWT", setup.jwt),
        ("the token", setup.parts.token if setup.jwt is None else None),
        ("the password", password.removeprefix("Bearer ")),
    )
    return [found for what, text in given if text is not None and (found := read_jwt(what, text)) is not None]


def other_algorithm(sight: Sight) -> str | None:
    """Return what the JWT in the token is signed with where that is not RS256, None where it is, or there is none."""
    for each in jwts(sight):
        if each.what != "the password" and each.algorithm != ALGORITHM:
            return each.algorithm
    return None


def read_jwt(what: str, text: str) -> Jwt | None:
    """Read a JWT, or its first two segments; None for anything else."""
    segments = text.strip().split(".")
    if len(segments) not in (2, 3) or not all(_SEGMENT.fullmatch(segment) for segment in segments[:2]):
        return None
    header, claims = _object(segments[0]), _object(segments[1])
    if header is None or "alg" not in header:
        return None
    return Jwt(what=what, header=header, claims=claims or {}, whole=len(segments) == 3)


def _object(segment: str) -> dict[str, Any] | None:
    bare = segment.rstrip("=")
    try:
        value = json.loads(base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4)))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _about_token(sight: Sight) -> list[Finding]:
    setup = sight.setup
    text = setup.parts.token if setup.jwt is None else setup.jwt
    read = None if text is None else read_jwt("the token", text)
    if read is None or text is None:
        return []
    findings = []
    if read.algorithm != ALGORITHM and (setup.jwt is not None or setup.parts.signature is not None):
        find = sight.certain if setup.jwt is not None else sight.likely
        evidence = f"the JWT is signed with {read.algorithm}, and AWS verifies RSA-SHA256 ({ALGORITHM}) only"
        findings.append(find("jwt-not-rs256", evidence, {"algorithm": read.algorithm}))
    if setup.jwt is None and read.whole:
        findings += _about_whole(sight, text)
    return findings


def _about_whole(sight: Sight, text: str) -> list[Finding]:
    signature = sight.setup.parts.signature
    own = text.strip().rpartition(".")[2]
    if signature is not None and _plain(own) == _plain(signature) and own:
        evidence = "the token is the whole JWT, and the signature sent is the one of its first two segments"
        return [sight.certain("jwt-whole-as-token", evidence)]
    if signature is None:
        evidence = "the token is a whole JWT, its signature in it, and none is sent beside it"
        return [sight.possible("jwt-whole-as-token", evidence)]
    return []


def _plain(signature: str) -> str:
    return re.sub(r"[^A-Za-z0-9+/]", "", signature.translate(str.maketrans("-_", "+/")))


def _about_times(sight: Sight, found: Jwt) -> list[Finding]:
    now = sight.now.timestamp()
    expires = _time(found.claims.get("exp"))
    if expires is not None and expires <= now:
        evidence = f"{found.what} has expired: exp is {_shown(expires)}, {_span(now - expires)} ago"
        return [sight.likely("jwt-expired", evidence)]
    begins = _time(found.claims.get("nbf"))
    if begins is not None and begins > now + LEEWAY:
        evidence = f"{found.what} is not valid yet: nbf is {_shown(begins)}, in {_span(begins - now)}"
        return [sight.likely("jwt-not-yet-valid", evidence)]
    issued = _time(found.claims.get("iat"))
    if issued is not None and issued > now + LEEWAY:
        evidence = f"{found.what} was issued in the future: iat is {_shown(issued)}, in {_span(issued - now)}"
        return [sight.likely("jwt-not-yet-valid", evidence)]
    return []


def _ends_soon(sight: Sight, found: Jwt) -> bool:
    expires = _time(found.claims.get("exp"))
    return expires is not None and sight.now.timestamp() < expires <= sight.now.timestamp() + LEEWAY


def _time(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return None
    return seconds if math.isfinite(seconds) else None


def _shown(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, OSError, ValueError):
        return "out of every calendar (in seconds, not milliseconds?)"


def _span(seconds: float) -> str:
    try:
        whole = timedelta(seconds=int(seconds))
    except OverflowError:
        return "ages"
    if whole.days > 1:
        return f"{whole.days} days"
    hours = whole // timedelta(hours=1)
    if hours > 1:
        return f"{hours} hours"
    minutes = whole // timedelta(minutes=1)
    return f"{minutes} minutes" if minutes > 1 else f"{whole.seconds} s"
