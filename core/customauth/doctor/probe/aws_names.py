"""What a host name tells of AWS (A52)."""

from __future__ import annotations

import re

_AWS = re.compile(r".+\.amazonaws\.com(\.cn)?", re.IGNORECASE)
_DEFAULT_ENDPOINT = re.compile(r".+\.iot\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?", re.IGNORECASE)


def is_aws(host: str) -> bool:
    """Say whether a name is one of AWS's own."""
    return _AWS.fullmatch(host) is not None


def is_default_endpoint(host: str) -> bool:
    """Say whether a name is that of an account's default endpoint."""
    return _DEFAULT_ENDPOINT.fullmatch(host) is not None


def region_facts(host: str) -> dict[str, str]:
    """Return the region of a default endpoint as a fact for cures, nothing for another name."""
    found = _DEFAULT_ENDPOINT.fullmatch(host)
    return {} if found is None else {"region": found["region"].lower()}
