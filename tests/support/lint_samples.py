"""Set-ups for the doctor's lint, and what it says of them. Import as ``lint_samples``.

::

    NOW, AWS, NAME, SIGNATURE
    key_pair(number=0, bits=2048) -> KeyPair            the same one each time
    raw_username(token, signature, …) -> str            joined raw
    raw_setup(username, **changes) -> Setup             as a device sends it to AWS
    look(setup) -> list[Check]                          lint, now
    rules(setup) -> dict[str, Certainty]                what was found
    check(setup, name) -> Check                         one of them
    words(checks) -> str                                everything that is shown of them
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import attrs

from customauth.doctor.finding import Certainty, Check
from customauth.doctor.lint import lint
from customauth.doctor.reading import setup_from_username
from customauth.doctor.setup import Setup
from customauth.endpoint import Endpoint
from customauth.signing import KeyPair, generate_key_pair

NOW = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
AWS = "a1b2c3d4e5-ats.iot.eu-west-1.amazonaws.com"
NAME = "x-amz-customauthorizer-name"
SIGNATURE = "x-amz-customauthorizer-signature"


def key_pair(number: int = 0, bits: int = 2048) -> KeyPair:
    """Return a key pair, the same for the same number."""
    return _key_pair(number, bits)


def raw_username(token: str | None, signature: str | None, *, key: str = "token", authorizer: str | None = "A") -> str:
    """Join a user name raw."""
    named = [(NAME, authorizer), (SIGNATURE, signature), (key, token)]
    return "alice?" + "&".join(f"{name}={value}" for name, value in named if value is not None)


def raw_setup(username: str, **changes: Any) -> Setup:
    """Return the set-up of a device that sends this user name to AWS."""
    return setup_from_username(username, attrs.evolve(Setup(endpoint=Endpoint(host=AWS)), **changes))


def look(setup: Setup) -> list[Check]:
    """Lint it."""
    return list(lint(setup, now=NOW))


def rules(setup: Setup) -> dict[str, Certainty]:
    """Return what was found, and how certain it is."""
    return {finding.rule: finding.certainty for each in look(setup) for finding in each.findings}


def check(setup: Setup, name: str) -> Check:
    """Return the check of that name."""
    return next(each for each in look(setup) if each.name == name)


def words(checks: Iterable[Check]) -> str:
    """Return everything that is shown of the checks."""
    return "\n".join(json.dumps(each.as_json(), ensure_ascii=False) + each.detail for each in checks)


@functools.cache
def _key_pair(number: int, bits: int) -> KeyPair:
    return generate_key_pair(bits)
