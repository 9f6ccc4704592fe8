"""The AWS IoT policy language: parse policy documents, decide requests, say why.

Pure: no I/O, no clock. An IoT policy follows the conventions of IAM (D1), so where the facts are silent this
module does what IAM documents:

- a document holds at least one statement, a statement at least one action and one resource;
- member names and the values of ``Effect`` and ``Version`` are exact, and a name is given once;
- an action is matched without regard to case, a resource with regard to it;
- a resource is ``*`` or an ARN, whose parts may hold ``*`` and ``?`` (D5);
- variables exist only in ``"Version": "2012-10-17"``; IAM reads them as plain text in the older language, which
  is also the default, and a document that relies on that is reported as not supported.

``Sid`` and ``Id`` decide nothing and may be any string.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Iterator, Mapping, Sequence

from attrs import frozen

from customauth._policy_pattern import CLIENT_ID, Wildcard
from customauth._policy_pattern import Pattern as Pattern

_CURRENT_VERSION = "2012-10-17"
_VERSIONS = (_CURRENT_VERSION, "2008-10-17")


class PolicyError(ValueError):
    """The document is malformed; the message begins with the place, as ``Statement[1].Effect: ...``."""


class UnsupportedPolicy(PolicyError):
    """The document is well formed, but uses a part of the policy language that is not supported yet."""


class Verdict(enum.Enum):
    """The outcome of a decision, in the terms of the AWS service model (D9)."""

    ALLOWED = "ALLOWED"
    EXPLICIT_DENY = "EXPLICIT_DENY"
    IMPLICIT_DENY = "IMPLICIT_DENY"


@frozen(kw_only=True)
class Request:
    """What a client asks to do: an action (``iot:Publish``) on the ARN of a resource (D2, D3).

    ``client_id`` is None where there is none, as over HTTPS (A37).
    """

    action: str
    resource: str
    client_id: str | None


@frozen(kw_only=True)
class Decision:
    """The verdict on one request, and one sentence that tells a human what decided it."""

    verdict: Verdict
    reason: str

    @property
    def allowed(self) -> bool:
        """True only for :attr:`Verdict.ALLOWED`."""
        return self.verdict is Verdict.ALLOWED


@frozen(kw_only=True)
class Policy:
    """A parsed policy document; equal to another when both say the same in the same words."""

    version: str | None
    policy_id: str | None
    statements: tuple[Statement, ...]


@frozen(kw_only=True)
class Statement:
    """One statement: ``effect`` is ``Allow`` or ``Deny``, the patterns are compiled."""

    sid: str | None
    effect: str
    actions: tuple[Pattern, ...]
    resources: tuple[Pattern, ...]

    def names_action(self, action: str) -> bool:
        """Tell whether an action pattern matches; ``action`` is in lower case."""
        return any(pattern.matches(action, None) for pattern in self.actions)

    def names_resource(self, resource: str, client_id: str | None) -> bool:
        """Tell whether a resource pattern matches, for a client with this client identifier."""
        return any(pattern.matches(resource, client_id) for pattern in self.resources)


def parse_policy(document: str | Mapping[str, object]) -> Policy:
    """Parse a policy document, given as JSON text or as the object that the text holds.

    ``Statement`` may be one object instead of a list (J6), ``Action`` and ``Resource`` a string or a list (D4).

    :raises PolicyError: the document is malformed: not a JSON object, a member given twice, missing, unknown,
        empty or of a wrong type, an ``Effect`` other than ``Allow`` and ``Deny``, a ``Principal`` (an IoT policy
        applies to the client that it was returned for).
    :raises UnsupportedPolicy: the document is otherwise well formed, but has a ``Condition``, ``NotAction`` or
        ``NotResource``, a variable other than ``${iot:ClientId}``, any variable without
        ``"Version": "2012-10-17"``, or an action of another service.
    """
    if isinstance(document, str):
        try:
            content = read_json(document)
        except ValueError as error:
            raise PolicyError(f"the document is not JSON: {error}") from error
    else:
        content = document
    if not isinstance(content, Mapping):
        raise PolicyError(f"the document must be a JSON object, not {_shown(content)}")
    _check_members(content, "", ("Version", "Id", "Statement"))
    version = _optional_text(content, "", "Version")
    if version is not None and version not in _VERSIONS:
        raise PolicyError(f"Version: must be one of {', '.join(_VERSIONS)}, not {_shown(version)}")
    policy_id = _optional_text(content, "", "Id")
    # Collected and raised last: what AWS would call malformed must not hide behind what is merely unsupported.
    unsupported: list[str] = []
    statements = tuple(
        _parse_statement(statement, place, version, unsupported)
        for place, statement in _elements(content, "", "Statement")
    )
    if unsupported:
        raise UnsupportedPolicy(unsupported[0])
    return Policy(version=version, policy_id=policy_id, statements=statements)


def decide(policies: Sequence[Policy], request: Request) -> Decision:
    """Decide one request under all the documents together, in any order (D9).

    A matching Deny beats every Allow; without a matching Allow the request is denied. ``${iot:ClientId}``
    stands for the client identifier as literal text (D16); a resource that needs it matches nothing when the
    request has none (D14). The reason numbers documents and statements from 1.
    """
    action = request.action.lower()
    allowed_by: _Numbers | None = None
    for numbers, statement in _numbered(policies):
        is_allow = statement.effect == "Allow"
        if (
            (is_allow and allowed_by is not None)
            or not statement.names_action(action)
            or not statement.names_resource(request.resource, request.client_id)
        ):
            continue
        if not is_allow:
            reason = f"{_name(numbers)} denies {_asked(request)}"
            return Decision(verdict=Verdict.EXPLICIT_DENY, reason=reason)
        allowed_by = numbers
    if allowed_by is None:
        return Decision(verdict=Verdict.IMPLICIT_DENY, reason=_why_nothing_allows(policies, request))
    return Decision(verdict=Verdict.ALLOWED, reason=f"{_name(allowed_by)} allows {_asked(request)}")


def read_json(text: str) -> object:
    """Read JSON strictly: a name given twice in one object, NaN and Infinity are refused.

    :raises ValueError: the text is not JSON, or nested too deeply or with too long a number to be read.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique_members, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None


_STATEMENT_MEMBERS = ("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition")
_OWN_ACTION = re.compile(r"\*|iot:[a-z0-9*?]+", re.ASCII | re.IGNORECASE)
_OTHER_ACTION = re.compile(r"[a-z0-9-]+:[a-z0-9*?]+", re.ASCII | re.IGNORECASE)
_TOKEN = re.compile(r"\*|\?|\$\{[^}]*\}?|[^*?$]+|\$")


def _parse_statement(statement: object, place: str, version: str | None, unsupported: list[str]) -> Statement:
    if not isinstance(statement, Mapping):
        raise PolicyError(f"{place}: must be an object, not {_shown(statement)}")
    for name in ("Principal", "NotPrincipal"):
        if name in statement:
            raise PolicyError(f"{place}.{name}: an IoT policy names no principal; remove this member")
    _check_members(statement, f"{place}.", _STATEMENT_MEMBERS)
    if "Condition" in statement:
        unsupported.append(f"{place}.Condition: conditions are not supported yet")
    effect = _optional_text(statement, f"{place}.", "Effect")
    if effect is None:
        raise PolicyError(f"{place}.Effect: is missing")
    if effect not in ("Allow", "Deny"):
        raise PolicyError(f"{place}.Effect: must be Allow or Deny, not {_shown(effect)}")
    actions = [
        _parse_action(action, action_place, unsupported)
        for action_place, action in _texts(statement, place, "Action", unsupported)
    ]
    resources = [
        _parse_resource(resource, resource_place, version, unsupported)
        for resource_place, resource in _texts(statement, place, "Resource", unsupported)
    ]
    return Statement(
        sid=_optional_text(statement, f"{place}.", "Sid"),
        effect=effect,
        actions=tuple(actions),
        resources=tuple(resources),
    )


def _parse_action(action: str, place: str, unsupported: list[str]) -> Pattern:
    if _OWN_ACTION.fullmatch(action) is None:
        if _OTHER_ACTION.fullmatch(action) is None:
            raise PolicyError(f"{place}: must be *, iot:* or an action such as iot:Connect, not {_shown(action)}")
        unsupported.append(f"{place}: {action} is not supported yet, only actions that begin with iot:")
    tokens = tuple(_wildcard_or_text(part) for part in _TOKEN.findall(action.lower()))
    return Pattern(source=action, tokens=tokens)


def _parse_resource(resource: str, place: str, version: str | None, unsupported: list[str]) -> Pattern:
    if resource != "*" and not resource.startswith("arn:"):
        raise PolicyError(f"{place}: must be * or an ARN, which begins with arn:, not {_shown(resource)}")
    tokens: list[str | Wildcard] = []
    for part in _TOKEN.findall(resource):
        if not part.startswith("${"):
            tokens.append(_wildcard_or_text(part))
            continue
        if version != _CURRENT_VERSION:
            unsupported.append(f'{place}: {_shown(part)} needs "Version": "{_CURRENT_VERSION}" in the document')
        elif not part.endswith("}") or part == "${}":
            raise PolicyError(f"{place}: {_shown(part)} is not a variable: write ${{name}}, or ${{$}} for a $")
        elif part in ("${*}", "${?}", "${$}"):
            tokens.append(part[2])
        elif part == CLIENT_ID:
            tokens.append(Wildcard.CLIENT_ID)
        elif part.lower() == CLIENT_ID.lower():
            raise PolicyError(f"{place}: {part} is spelled {CLIENT_ID}")
        else:
            unsupported.append(f"{place}: the variable {_shown(part)} is not supported yet")
    return Pattern(source=resource, tokens=tuple(tokens))


def _wildcard_or_text(part: str) -> str | Wildcard:
    return Wildcard(part) if part in ("*", "?") else part


def _texts(statement: Mapping[str, object], place: str, name: str, unsupported: list[str]) -> Iterator[tuple[str, str]]:
    """The strings of Action or Resource, each with its place."""
    opposite = f"Not{name}"
    if opposite in statement:
        if name in statement:
            raise PolicyError(f"{place}.{opposite}: a statement has either {name} or {opposite}")
        unsupported.append(f"{place}.{opposite}: {opposite} is not supported yet")
        return
    for element_place, element in _elements(statement, f"{place}.", name):
        if not isinstance(element, str):
            raise PolicyError(f"{element_place}: must be a string, not {_shown(element)}")
        yield element_place, element


def _elements(members: Mapping[str, object], prefix: str, name: str) -> list[tuple[str, object]]:
    """The elements of a list member, or the one value given in place of a list, each with its place."""
    if name not in members:
        raise PolicyError(f"{prefix}{name}: is missing")
    value = members[name]
    if not isinstance(value, list):
        return [(f"{prefix}{name}", value)]
    if not value:
        raise PolicyError(f"{prefix}{name}: must not be an empty list")
    return [(f"{prefix}{name}[{index}]", element) for index, element in enumerate(value)]


def _optional_text(members: Mapping[str, object], prefix: str, name: str) -> str | None:
    if name not in members:
        return None
    value = members[name]
    if not isinstance(value, str):
        raise PolicyError(f"{prefix}{name}: must be a string, not {_shown(value)}")
    return value


def _check_members(members: Mapping[str, object], prefix: str, known: Sequence[str]) -> None:
    for name in members:
        if name not in known:
            raise PolicyError(f"{prefix}{_shown(name)}: is unknown here; known are {', '.join(known)}")


def _unique_members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members: dict[str, object] = {}
    for name, value in pairs:
        if name in members:
            raise ValueError(f"{_shown(name)} is given twice")
        members[name] = value
    return members


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


_Numbers = tuple[int, int]


def _numbered(policies: Sequence[Policy]) -> Iterator[tuple[_Numbers, Statement]]:
    for document, policy in enumerate(policies, 1):
        for number, statement in enumerate(policy.statements, 1):
            yield (document, number), statement


def _name(numbers: _Numbers) -> str:
    document, statement = numbers
    return f"statement {statement} of document {document}"


def _why_nothing_allows(policies: Sequence[Policy], request: Request) -> str:
    if not policies:
        return f"there is no policy document, so nothing allows {_asked(request)}"
    denied = f"no statement allows {_asked(request)}"
    action = request.action.lower()
    allows = [(_name(numbers), allow) for numbers, allow in _numbered(policies) if allow.effect == "Allow"]
    candidates = [(name, p) for name, allow in allows if allow.names_action(action) for p in allow.resources]
    if candidates:
        name, pattern = max(candidates, key=lambda candidate: _shared_start(candidate[1], request))
        nearest = f"{denied}; the nearest, {name}, allows it on {_shown(pattern.source)}"
        if not pattern.needs_client_id:
            return nearest
        if request.client_id is None:
            return f"{nearest}, but this request has no client identifier"
        return f"{nearest}, where {CLIENT_ID} is {_shown(request.client_id)}"
    for name, allow in allows:
        if allow.names_resource(request.resource, request.client_id):
            actions = ", ".join(pattern.source for pattern in allow.actions)
            return f"{denied}; the nearest, {name}, allows only {actions} on it"
    return f"{denied}, and none allows that action or anything on that resource"


def _shared_start(pattern: Pattern, request: Request) -> int:
    text = pattern.source.replace(CLIENT_ID, request.client_id or "")
    count = 0
    for ours, theirs in zip(text, request.resource, strict=False):
        if ours != theirs:
            break
        count += 1
    return count


def _asked(request: Request) -> str:
    return f"{_shown(request.action)} on {_shown(request.resource)}"


def _shown(value: object) -> str:
    """A value for one line of a log, which a control character in a name must not break."""
    if not isinstance(value, str):
        return "null" if value is None else f"a value of type {type(value).__name__}"
    return value if value.isprintable() and value else ascii(value)
