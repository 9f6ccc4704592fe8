"""The condition operators that IAM documents: what their values are, and when one matches (D17).

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import operator as compare
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from attrs import frozen

from customauth._policy_error import PolicyError, shown
from customauth._policy_pattern import ARN_PARTS, Resolve, Variable, parse_pattern


@frozen(kw_only=True)
class Test:
    """One value of a condition, ready to be compared: ``passes(actual, resolve)``."""

    passes: Callable[[str, Resolve], bool]
    variables: tuple[Variable, ...] = ()


_Make = Callable[[str, str, bool], Test]


@frozen(kw_only=True)
class Operator:
    """An operator without prefix and suffix.

    :ivar test: prepares a value, given its place and whether the document's version has variables; it raises
        PolicyError for a value that is none of the operator's kind.
    :ivar negated: it passes where no value matches, so also where the key is missing (IAM).
    """

    test: _Make
    negated: bool = False
    asks_for_absence: bool = False


def _equals(text: str, place: str, variables: bool) -> Test:
    pattern = parse_pattern(text, place, variables=variables, wildcards=False)
    return Test(passes=pattern.matches, variables=pattern.variables)


def _equals_ignoring_case(text: str, place: str, variables: bool) -> Test:
    pattern = parse_pattern(text, place, variables=variables, wildcards=False)

    def passes(actual: str, resolve: Resolve) -> bool:
        wanted = pattern.plain_text(resolve)
        return wanted is not None and wanted.casefold() == actual.casefold()

    return Test(passes=passes, variables=pattern.variables)


def _like(text: str, place: str, variables: bool) -> Test:
    pattern = parse_pattern(text, place, variables=variables)
    return Test(passes=pattern.matches, variables=pattern.variables)


def _bool(text: str, place: str, variables: bool) -> Test:
    pattern = parse_pattern(text, place, variables=variables, wildcards=False)
    if not pattern.variables and text.lower() not in ("true", "false"):
        raise PolicyError(f"must be true or false, not {shown(text)}", place)
    return _equals_ignoring_case(text, place, variables)


def _null(text: str, place: str, variables: bool) -> Test:
    """Compare with whether the key is missing, given as ``true`` or ``false``."""
    if text.lower() not in ("true", "false"):
        raise PolicyError(f"must be true (the key is missing) or false, not {shown(text)}", place)
    return Test(passes=lambda missing, _: missing == text.lower())


def _arn(text: str, place: str, variables: bool) -> Test:
    """Compare each of the six parts of an ARN by itself, so that no wildcard reaches over a colon before the last."""
    pattern = parse_pattern(text, place, variables=variables)
    if text == "*":
        return Test(passes=lambda actual, _: len(_parts(actual)) == ARN_PARTS)
    parts = pattern.arn_parts()
    if len(parts) != ARN_PARTS:
        raise PolicyError(
            f"must be * or an ARN of six parts, as arn:aws:iot:REGION:ACCOUNT:topic/x, not {shown(text)}", place
        )

    def passes(actual: str, resolve: Resolve) -> bool:
        theirs = _parts(actual)
        return len(theirs) == ARN_PARTS and all(
            ours.matches(part, resolve) for ours, part in zip(parts, theirs, strict=True)
        )

    return Test(passes=passes, variables=pattern.variables)


def _parts(arn: str) -> list[str]:
    return arn.split(":", ARN_PARTS - 1)


def _binary(text: str, place: str, variables: bool) -> Test:
    wanted = _bytes(text)
    if wanted is None:
        raise PolicyError(f"must be base64, not {shown(text)}", place)
    return Test(passes=lambda actual, _: _bytes(actual) == wanted)


def _bytes(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _ip(text: str, place: str, variables: bool) -> Test:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise PolicyError(f"must be an address or a range as 203.0.113.0/24, not {shown(text)}", place) from None

    def passes(actual: str, _: Resolve) -> bool:
        address = _address(actual)
        return address is not None and address in network

    return Test(passes=passes)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _ordered(read: Callable[[str], Any], kind: str, holds: Callable[[Any, Any], bool]) -> _Make:
    """Make an operator that compares what ``read`` makes of both texts; of an unreadable actual value, none."""

    def test(text: str, place: str, variables: bool) -> Test:
        wanted = read(text)
        if wanted is None:
            raise PolicyError(f"must be {kind}, not {shown(text)}", place)

        def passes(actual: str, _: Resolve) -> bool:
            has = read(actual)
            return has is not None and holds(has, wanted)

        return Test(passes=passes)

    return test


_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_YEAR, _MONTH = re.compile(r"\d{4}", re.ASCII), re.compile(r"\d{4}-\d\d", re.ASCII)
_EPOCH = re.compile(r"\d{5,12}(?:\.\d+)?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?", re.ASCII)


def _number(text: str) -> Decimal | None:
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def _instant(text: str) -> Decimal | None:
    """Read a date of W3C's profile of ISO 8601, or seconds since 1970, as seconds since 1970."""
    if _EPOCH.fullmatch(text):
        return Decimal(text)
    if _YEAR.fullmatch(text):
        text = f"{text}-01-01"
    elif _MONTH.fullmatch(text):
        text = f"{text}-01"
    if not _DATE.fullmatch(text):
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    microseconds = (instant.replace(tzinfo=instant.tzinfo or UTC) - _FIRST_SECOND) // datetime.resolution
    return Decimal(microseconds) / 1_000_000


_FIRST_SECOND = datetime(1970, 1, 1, tzinfo=UTC)

_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "Equals": compare.eq,
    "LessThan": compare.lt,
    "LessThanEquals": compare.le,
    "GreaterThan": compare.gt,
    "GreaterThanEquals": compare.ge,
}


def _both(positive: str, negative: str, test: _Make) -> dict[str, Operator]:
    return {positive: Operator(test=test), negative: Operator(test=test, negated=True)}


def _comparing(family: str, read: Callable[[str], Any], kind: str) -> dict[str, Operator]:
    equal = _ordered(read, kind, compare.eq)
    named = {f"{family}{name}": Operator(test=_ordered(read, kind, holds)) for name, holds in _COMPARISONS.items()}
    return named | {f"{family}NotEquals": Operator(test=equal, negated=True)}


OPERATORS: Mapping[str, Operator] = {
    **_both("StringEquals", "StringNotEquals", _equals),
    **_both("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", _equals_ignoring_case),
    **_both("StringLike", "StringNotLike", _like),
    **_comparing("Numeric", _number, "a number"),
    **_comparing("Date", _instant, "a date such as 2026-01-31T12:00:00Z, or seconds since 1970"),
    "Bool": Operator(test=_bool),
    "BinaryEquals": Operator(test=_binary),
    **_both("IpAddress", "NotIpAddress", _ip),
    **_both("ArnEquals", "ArnNotEquals", _arn),
    **_both("ArnLike", "ArnNotLike", _arn),
    "Null": Operator(test=_null, asks_for_absence=True),
}
"""Every operator by its name, without ``ForAllValues:``, ``ForAnyValue:`` and ``IfExists``."""
