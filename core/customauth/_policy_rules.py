"""Rules of the policy lint that look at one statement at a time."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

from attrs import frozen

from customauth._policy_error import shown
from customauth._policy_findings import Finding, finding
from customauth._policy_model import Policy, Statement
from customauth._policy_parse import CURRENT_VERSION
from customauth._policy_pattern import ARN_PARTS, Pattern, Variable, Wildcard
from customauth._policy_vocabulary import CONNECT_KEYS, RESOURCE_TYPES, Source, source

_SERVICE, _REGION, _ACCOUNT, _RESOURCE = 2, 3, 4, 5
_CONNECT = "iot:connect"


@frozen(kw_only=True)
class Document:
    """One document to check.

    :ivar account: what the resources' account has to match, None for any; ``region`` the same of the region.
    """

    number: int
    policy: Policy
    account: str | None
    region: str | None

    def check(self) -> Iterator[Finding]:
        """Yield what the rules find."""
        for statement in self.policy.statements:
            yield from self._actions(statement)
            yield from self._types(statement)
            for pattern in statement.resources:
                yield from self._topic(pattern)
                yield from self._arn(pattern)
                yield from self._variables(pattern.variables, pattern.place)
                yield from self._old_version([pattern.source], pattern.place)
            yield from self._conditions(statement)
            yield from self._breadth(statement)

    def _found(self, rule: str, place: str, why: str) -> Finding:
        return finding(rule, self.number, place, why)

    def _actions(self, statement: Statement) -> Iterator[Finding]:
        for pattern in statement.actions:
            name = pattern.source
            if not name.lower().startswith("iot:") or _known(pattern):
                continue
            close = difflib.get_close_matches(
                name.lower(), [known.lower() for known in RESOURCE_TYPES], n=1, cutoff=0.8
            )
            if close:
                meant = next(known for known in RESOURCE_TYPES if known.lower() == close[0])
                yield self._found("unknown-action", pattern.place, f"there is no action {name}; is {meant} meant?")
            elif pattern.is_plain:
                yield self._found("other-action", pattern.place, f"{name} is not an action of clients")
            else:
                yield self._found("unknown-action", pattern.place, f"no action of clients is like {name}")

    def _types(self, statement: Statement) -> Iterator[Finding]:
        """Match the types of the resources with those of the actions, where both are named."""
        if statement.but_actions or statement.but_resources:
            return
        wanted = {action: RESOURCE_TYPES[action] for pattern in statement.actions for action in _known(pattern)}
        named = [pattern for pattern in statement.actions if pattern.source.lower().startswith("iot:")]
        if not wanted or len(named) < len(statement.actions):
            return
        resources = [pattern for pattern in statement.resources if _is_of_iot(pattern)]
        strangers = [pattern for pattern in resources if not any(_fits(pattern, kind) for kind in wanted.values())]
        for pattern in strangers:
            yield self._found("wrong-resource-type", pattern.place, _wrong_type(pattern, wanted))
        for pattern in named if len(strangers) < len(resources) else ():
            known = _known(pattern)
            if len(known) == 1 and not any(_fits(resource, wanted[known[0]]) for resource in resources):
                why = f"{known[0]} is decided on {_kind(wanted[known[0]])}, and there is no such resource"
                yield self._found("nothing-to-act-on", pattern.place, why)

    def _topic(self, pattern: Pattern) -> Iterator[Finding]:
        part = _resource_part(pattern)
        text = "" if part is None else "".join(token if isinstance(token, str) else "\0" for token in part.tokens)
        levels = text.split("/")
        if levels[0] == "topic" and {"+", "#"} & set(levels[1:]):
            why = f"{shown(pattern.source)} has + or # where only a topic of that very text would match"
            yield self._found("mqtt-wildcard", pattern.place, why)

    def _arn(self, pattern: Pattern) -> Iterator[Finding]:
        parts = pattern.arn_parts()
        if len(parts) < ARN_PARTS:
            if Wildcard.RUN not in pattern.tokens:
                yield self._found("other-service", pattern.place, f"{shown(pattern.source)} is no whole ARN")
            return
        if not _is_of_iot(pattern):
            yield self._found("other-service", pattern.place, f"{shown(pattern.source)} is nothing of AWS IoT")
            return
        for what, part, wanted in (
            ("region", parts[_REGION], self.region),
            ("account", parts[_ACCOUNT], self.account),
        ):
            if wanted is not None and not _may_be(part, wanted):
                why = f"the {what} in {shown(pattern.source)} is not that of the endpoint, {wanted}"
                yield self._found("other-account", pattern.place, why)
        if any(part.variables for part in parts[:_RESOURCE]):
            why = "IAM takes variables only in the resource's own part of an ARN"
            yield self._found("variable-before-resource", pattern.place, why)

    def _variables(self, variables: Sequence[Variable], place: str) -> Iterator[Finding]:
        for variable in dict.fromkeys(variables):
            name, kind = shown(f"${{{variable.name}}}"), source(variable.name)
            if variable.default is not None:
                continue
            if kind in (Source.UNKNOWN, Source.CONNECT):
                yield self._found("unknown-variable", place, f"nothing is known of {name}, so this matches nothing")
            elif kind is Source.THING and variable.key != "iot:connection.thing.isattached":
                why = f"{name} has no value in plain custom authentication, so this matches nothing"
                yield self._found("thing-variable", place, why)
            elif kind is Source.CERTIFICATE:
                yield self._found("certificate-variable", place, f"{name} needs a client certificate")

    def _old_version(self, texts: Sequence[str], place: str) -> Iterator[Finding]:
        if self.policy.version != CURRENT_VERSION and any("${" in text for text in texts):
            version = self.policy.version or "left out"
            why = f"Version is {version}, so ${{…}} is plain text here"
            yield self._found("variable-in-old-version", place, why)

    def _conditions(self, statement: Statement) -> Iterator[Finding]:
        for condition in statement.conditions:
            key, kind = condition.key.lower(), source(condition.key)
            yield from self._variables(condition.variables, condition.place)
            yield from self._old_version(condition.values, condition.place)
            if kind is Source.UNKNOWN:
                rule = "unknown-key" if key.startswith("iot:") else "other-key"
                yield self._found(rule, condition.place, f"AWS IoT documents no condition key {shown(condition.key)}")
            if key in CONNECT_KEYS and not statement.names_action(_CONNECT):
                yield self._found("key-of-connect", condition.place, f"only iot:Connect has {condition.key}")
            several = key == "iot:connectattributes" or key.endswith(".list")
            if several and not condition.is_set_operation and condition.operator != "Null":
                yield self._found("needs-set-operator", condition.place, f"{condition.key} may have several values")
            if key == "iot:lastwilltopic" and statement.effect == "Allow" and statement.names_action(_CONNECT):
                why = "users saw such clients let in, then dropped when AWS asked for iot:Connect again"
                yield self._found("will-condition", condition.place, why)

    def _breadth(self, statement: Statement) -> Iterator[Finding]:
        if statement.effect != "Allow":
            return
        for negated, patterns, name in (
            (statement.but_actions, statement.actions, "NotAction"),
            (statement.but_resources, statement.resources, "NotResource"),
        ):
            if negated:
                place = patterns[0].place.removesuffix("[0]")
                yield self._found("allow-all-but", place, f"an Allow with {name} allows all that it does not name")
        if statement.names_action(_CONNECT) and not statement.but_resources and not statement.conditions:
            for pattern in statement.resources:
                part = _resource_part(pattern) or pattern
                if part.tokens in ((Wildcard.RUN,), ("client/", Wildcard.RUN)):
                    why = "it lets a client connect under any client id, and so take over the session of another"
                    yield self._found("any-client", pattern.place, why)


def _known(pattern: Pattern) -> list[str]:
    """Return the actions of clients that a pattern names."""
    return [action for action in RESOURCE_TYPES if pattern.matches(action.lower(), _nothing)]


def _nothing(_: str) -> None:
    """Resolve nothing."""


def _resource_part(pattern: Pattern) -> Pattern | None:
    """Return the ARN's last part, as ``topic/a``, None where it has none."""
    parts = pattern.arn_parts()
    return parts[_RESOURCE] if len(parts) == ARN_PARTS else None


def _is_of_iot(pattern: Pattern) -> bool:
    parts = pattern.arn_parts()
    return len(parts) < ARN_PARTS or _may_be(parts[_SERVICE], "iot")


def _fits(pattern: Pattern, kind: str | None) -> bool:
    """Tell whether a resource may be of a type."""
    part = _resource_part(pattern)
    if part is None:
        return True
    if kind is None:
        return part.tokens == (Wildcard.RUN,)
    head = part.head()
    return head.startswith(kind) or (kind.startswith(head) and not part.is_plain)


def _may_be(part: Pattern, wanted: str) -> bool:
    """Tell whether a part of an ARN may stand for a text; one with a variable may stand for any."""
    return bool(part.variables) or part.matches(wanted, _nothing)


def _wrong_type(pattern: Pattern, wanted: dict[str, str | None]) -> str:
    kinds = {kind: action for action, kind in wanted.items()}
    decided = ", ".join(f"{action} is decided on {_kind(kind)}" for kind, action in kinds.items())
    return f"{decided}, so {shown(pattern.source)} is never asked for"


def _kind(kind: str | None) -> str:
    return "* alone" if kind is None else f"{kind}…"
