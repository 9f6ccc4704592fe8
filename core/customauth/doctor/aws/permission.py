"""A Lambda function's resource policy: may AWS IoT invoke it for this authorizer (G2-G4)? Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

_SERVICE = "iot.amazonaws.com"
_SERVICES = (_SERVICE, "iot.amazonaws.com.cn")
_ACTION = "lambda:invokefunction"
_ARN_OPERATORS = {"arnlike", "arnequals", "stringlike", "stringequals"}
_LONGEST = 120
_TEXT_OPERATORS = {"stringlike", "stringequals", "stringequalsignorecase"}


@frozen(kw_only=True)
class Permission:
    """What a resource policy says.

    :ivar allowed: None where it depends on what cannot be told here.
    :ivar why: in one clause; of a policy that does not allow it, what is wrong.
    """

    allowed: bool | None
    why: str


def judge_permission(policy: str, authorizer_arn: str) -> Permission:
    """Judge whether a policy lets AWS IoT invoke its function for an authorizer.

    :param policy: the JSON that GetPolicy gives.
    """
    try:
        document = json.loads(policy)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        return Permission(allowed=None, why="the function's resource policy cannot be read")
    statements = [each for each in _list(document.get("Statement")) if isinstance(each, dict)]
    verdicts = [(each, _verdict(each, authorizer_arn)) for each in statements]
    for statement, verdict in verdicts:
        if statement.get("Effect") == "Deny" and verdict.allowed is not False:
            sure = verdict.allowed is True
            return Permission(allowed=False if sure else None, why=f"{_named(statement)} denies it")
    allows = [(each, verdict) for each, verdict in verdicts if each.get("Effect") == "Allow"]
    for allowed in (True, None):
        for statement, verdict in allows:
            if verdict.allowed is allowed:
                return Permission(allowed=allowed, why=f"{_named(statement)} {verdict.why}")
    if not allows:
        return Permission(allowed=False, why="no statement of the function's resource policy allows anything")
    # What comes nearest is worth telling: a wrong SourceArn before a wrong action before a wrong principal.
    statement, nearest = max(allows, key=lambda each: each[1].fits)
    return Permission(allowed=False, why=f"{_named(statement)} {nearest.why}")


@frozen(kw_only=True)
class _Verdict:
    allowed: bool | None
    why: str
    fits: int = 0


def _verdict(statement: Mapping[str, Any], authorizer_arn: str) -> _Verdict:
    """Say whether a statement is about AWS IoT invoking the function for the authorizer."""
    if "NotPrincipal" in statement or "NotAction" in statement:
        return _Verdict(allowed=None, why="is written with NotPrincipal or NotAction")
    principals = list(_principals(statement.get("Principal")))
    if not any(principal in (*_SERVICES, "*") for principal in principals):
        others = ", ".join(map(_short, principals)) or "nobody"
        return _Verdict(allowed=False, why=f"is for {others}, not for {_SERVICE}")
    actions = [str(action) for action in _list(statement.get("Action"))]
    if not any(_like(action.lower(), _ACTION) for action in actions):
        listed = ", ".join(map(_short, actions)) or "nothing"
        return _Verdict(allowed=False, why=f"allows {listed}, not lambda:InvokeFunction", fits=1)
    return _conditions(statement.get("Condition"), authorizer_arn)


def _conditions(conditions: object, authorizer_arn: str) -> _Verdict:
    unknown: str | None = None
    for operator, keys in (conditions if isinstance(conditions, dict) else {}).items():
        for key, given in (keys if isinstance(keys, dict) else {}).items():
            values = [str(value) for value in _list(given)]
            name = str(key).lower()
            if name == "aws:sourcearn" and operator.lower() in _ARN_OPERATORS:
                same = _like_arn if operator.lower() != "stringequals" else str.__eq__
                if not any(same(value, authorizer_arn) for value in values):
                    return _Verdict(allowed=False, why=_wrong_arn(values, authorizer_arn), fits=3)
            elif name == "aws:sourceaccount" and operator.lower() in _TEXT_OPERATORS:
                account = _part(authorizer_arn, 4)
                if not any(_like(value, account) for value in values):
                    shown = ", ".join(map(_short, values))
                    return _Verdict(allowed=False, why=f"is for account {shown}, not for {account}", fits=2)
            else:
                unknown = f"{operator} {key}"
    if unknown is not None:
        return _Verdict(allowed=None, why=f"allows it on a condition that cannot be told here: {_short(unknown)}")
    return _Verdict(allowed=True, why=f"lets {_SERVICE} invoke it for this authorizer")


def _wrong_arn(values: list[str], authorizer_arn: str) -> str:
    """Say how the SourceArn differs from the authorizer's ARN."""
    given = values[0] if values else ""
    shown = f"has the SourceArn {_short(given)}"
    if _part(given, 2) == "lambda":
        return f"{shown}, the ARN of a function where the authorizer's must stand (the tutorial's sample has it so)"
    resource = given.split(":", 5)[-1]
    wanted = authorizer_arn.split(":", 5)[-1]
    if _part(given, 2) != "iot" or not resource.startswith("authorizer/"):
        return f"{shown}, which is no authorizer's; it must be {authorizer_arn}"
    if not _like(resource, wanted):
        return f"{shown}: another authorizer; it must be {authorizer_arn}"
    for place, what in ((3, "region"), (4, "account"), (1, "partition")):
        if not _like(_part(given, place), _part(authorizer_arn, place)):
            return f"{shown}: another {what}; it must be {authorizer_arn}"
    return f"{shown}; it must be {authorizer_arn}"


def _principals(principal: object) -> Iterator[str]:
    if isinstance(principal, str):
        yield principal
    elif isinstance(principal, dict):
        for kind, given in principal.items():
            for each in _list(given):
                # A service is not among the accounts that an ARN names; * is everybody.
                yield str(each) if kind == "Service" or each == "*" else f"{kind} {each}"


def _like_arn(pattern: str, arn: str) -> bool:
    """Compare as ArnLike: part by part, so that a wildcard does not reach across a colon but in the last one."""
    ours, wanted = arn.split(":", 5), pattern.split(":", 5)
    return len(ours) == len(wanted) and all(_like(one, other) for one, other in zip(wanted, ours, strict=True))


def _like(pattern: str, text: str) -> bool:
    expression = "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern)
    return re.fullmatch(expression, text, re.DOTALL) is not None


def _named(statement: Mapping[str, Any]) -> str:
    sid = statement.get("Sid")
    return (
        f"statement {_short(str(sid))} of the function's resource policy" if sid else "the function's resource policy"
    )


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _part(arn: str, number: int) -> str:
    parts = arn.split(":")
    return parts[number] if len(parts) > number else ""


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
