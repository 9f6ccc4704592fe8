"""Parse a policy document (D1), as IAM documents the language where the facts are silent."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from customauth._policy_conditions import parse_conditions
from customauth._policy_error import PolicyError, shown
from customauth._policy_model import Policy, Statement
from customauth._policy_pattern import Pattern, parse_pattern

CURRENT_VERSION = "2012-10-17"
_VERSIONS = (CURRENT_VERSION, "2008-10-17")
_STATEMENT_MEMBERS = ("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition")
_ACTION = re.compile(r"\*|[a-z0-9-]+:[a-z0-9*?]+", re.ASCII | re.IGNORECASE)


def parse_policy(document: str | Mapping[str, object]) -> Policy:
    """Parse a policy document, given as JSON text or as the object that the text holds.

    ``Statement`` may be one object instead of a list (J6), ``Action``, ``Resource`` and their ``Not…`` a string or a
    list (D4), a condition's value a string, a number, a boolean or a list of them. Actions of other services and
    variables and condition keys that nothing is known of are accepted, as AWS does: they match nothing.

    :raises PolicyError: the document is malformed: not a JSON object, a member given twice, missing, unknown,
        empty or of a wrong type, an ``Effect`` other than ``Allow`` and ``Deny``, an unknown operator or a value
        that is none of its kind, a ``Principal`` (an IoT policy applies to the client that it was returned for).
    """
    if isinstance(document, str):
        try:
            content = read_json(document)
        except ValueError as error:
            raise PolicyError(f"the document is not JSON: {error}") from error
    else:
        content = document
    if not isinstance(content, Mapping):
        raise PolicyError(f"the document must be a JSON object, not {shown(content)}")
    _check_members(content, "", ("Version", "Id", "Statement"))
    version = _optional_text(content, "", "Version")
    if version is not None and version not in _VERSIONS:
        raise PolicyError(f"must be one of {', '.join(_VERSIONS)}, not {shown(version)}", "Version")
    variables = version == CURRENT_VERSION
    policy_id = _optional_text(content, "", "Id")
    statements = tuple(
        _parse_statement(statement, place, variables) for place, statement in _elements(content, "", "Statement")
    )
    return Policy(version=version, policy_id=policy_id, statements=statements)


def read_json(text: str) -> object:
    """Read JSON strictly: a name given twice in one object, NaN and Infinity are refused.

    :raises ValueError: the text is not JSON, or nested too deeply or with too long a number to be read.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique_members, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _parse_statement(statement: object, place: str, variables: bool) -> Statement:
    if not isinstance(statement, Mapping):
        raise PolicyError(f"must be an object, not {shown(statement)}", place)
    for name in ("Principal", "NotPrincipal"):
        if name in statement:
            raise PolicyError("an IoT policy names no principal; remove this member", f"{place}.{name}")
    _check_members(statement, f"{place}.", _STATEMENT_MEMBERS)
    effect = _optional_text(statement, f"{place}.", "Effect")
    if effect is None:
        raise PolicyError("is missing", f"{place}.Effect")
    if effect not in ("Allow", "Deny"):
        raise PolicyError(f"must be Allow or Deny, not {shown(effect)}", f"{place}.Effect")
    but_actions, actions = _texts(statement, place, "Action")
    but_resources, resources = _texts(statement, place, "Resource")
    return Statement(
        sid=_optional_text(statement, f"{place}.", "Sid"),
        effect=effect,
        actions=tuple(_parse_action(action, where) for where, action in actions),
        resources=tuple(_parse_resource(resource, where, variables) for where, resource in resources),
        but_actions=but_actions,
        but_resources=but_resources,
        conditions=parse_conditions(statement.get("Condition", {}), f"{place}.Condition", variables=variables),
    )


def _parse_action(action: str, place: str) -> Pattern:
    if _ACTION.fullmatch(action) is None:
        raise PolicyError(f"must be *, iot:* or an action such as iot:Connect, not {shown(action)}", place)
    parsed = parse_pattern(action.lower(), place, variables=False)
    return Pattern(source=action, tokens=parsed.tokens, place=place)


def _parse_resource(resource: str, place: str, variables: bool) -> Pattern:
    if resource != "*" and not resource.startswith("arn:"):
        raise PolicyError(f"must be * or an ARN, which begins with arn:, not {shown(resource)}", place)
    return parse_pattern(resource, place, variables=variables)


def _texts(statement: Mapping[str, object], place: str, name: str) -> tuple[bool, list[tuple[str, str]]]:
    """Return whether the opposite member is given, as NotAction, and the strings, each with its place."""
    opposite = f"Not{name}"
    negated = opposite in statement
    if negated and name in statement:
        raise PolicyError(f"a statement has either {name} or {opposite}", f"{place}.{opposite}")
    texts = []
    for element_place, element in _elements(statement, f"{place}.", opposite if negated else name):
        if not isinstance(element, str):
            raise PolicyError(f"must be a string, not {shown(element)}", element_place)
        texts.append((element_place, element))
    return negated, texts


def _elements(members: Mapping[str, object], prefix: str, name: str) -> list[tuple[str, object]]:
    """Return the elements of a list member, or the one value given in place of a list, each with its place."""
    place = f"{prefix}{name}"
    if name not in members:
        raise PolicyError("is missing", place)
    value = members[name]
    if not isinstance(value, list):
        return [(place, value)]
    if not value:
        raise PolicyError("must not be an empty list", place)
    return [(f"{place}[{index}]", element) for index, element in enumerate(value)]


def _optional_text(members: Mapping[str, object], prefix: str, name: str) -> str | None:
    if name not in members:
        return None
    value = members[name]
    if not isinstance(value, str):
        raise PolicyError(f"must be a string, not {shown(value)}", f"{prefix}{name}")
    return value


def _check_members(members: Mapping[str, object], prefix: str, known: Sequence[str]) -> None:
    for name in members:
        if name not in known:
            raise PolicyError(f"is unknown here; known are {', '.join(known)}", f"{prefix}{shown(name)}")


def _unique_members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members: dict[str, object] = {}
    for name, value in pairs:
        if name in members:
            raise ValueError(f"{shown(name)} is given twice")
        members[name] = value
    return members


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
