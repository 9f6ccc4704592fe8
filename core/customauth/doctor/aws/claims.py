"""What the claims of a JWT say of its time; AWS looks at none of them, functions do (B18)."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

from attrs import frozen

from customauth.doctor.aws.case import Case

# Clocks differ; what most libraries take.
_LEEWAY = 60


@frozen(kw_only=True)
class Expiry:
    """A JWT that is not good now."""

    rule: str
    evidence: str


def expiry(case: Case) -> Expiry | None:
    """Say whether the token is a JWT whose time is over or has not come; None for any other token."""
    name = None if case.authorizer is None else case.authorizer.token_key_name
    token = case.setup.jwt or (case.value(name) if name else None) or case.setup.parts.token or ""
    segments = token.split(".")
    claims = _claims(segments[1]) if len(segments) in (2, 3) else None
    if claims is None:
        return None
    now = case.began.timestamp()
    for key, rule, sign, what in (
        ("exp", "jwt-expired", 1, "expired at"),
        ("nbf", "jwt-not-yet-valid", -1, "is not good before"),
        ("iat", "jwt-not-yet-valid", -1, "was issued, it says, at"),
    ):
        moment = claims.get(key)
        if not isinstance(moment, int | float) or isinstance(moment, bool):
            continue
        if sign * (now - moment) > (0 if sign > 0 else _LEEWAY):
            return Expiry(rule=rule, evidence=f"the JWT {what} {_shown(moment)}")
    return None


def _claims(segment: str) -> dict[str, object] | None:
    try:
        found = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _shown(moment: float) -> str:
    try:
        return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"second {moment:g}"
