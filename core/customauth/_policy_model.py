"""What a policy document is once it is parsed."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from customauth._policy_conditions import Condition
from customauth._policy_pattern import Pattern
from customauth._policy_request import Request, keys_behind


@frozen(kw_only=True)
class Policy:
    """A parsed policy document; equal to another when both say the same in the same words."""

    version: str | None
    policy_id: str | None
    statements: tuple[Statement, ...]


@frozen(kw_only=True)
class Statement:
    """One statement: ``effect`` is ``Allow`` or ``Deny``, the patterns are compiled.

    :ivar but_actions: ``actions`` are those of ``NotAction``: it is about all others.
    :ivar but_resources: the same of ``NotResource``.
    :ivar conditions: all have to hold.
    """

    sid: str | None
    effect: str
    actions: tuple[Pattern, ...]
    resources: tuple[Pattern, ...]
    but_actions: bool = False
    but_resources: bool = False
    conditions: tuple[Condition, ...] = ()

    def names_action(self, action: str) -> bool:
        """Tell whether it is about an action, given in lower case."""
        return any(pattern.matches(action, _no_variable) for pattern in self.actions) is not self.but_actions

    def names_resource(self, request: Request) -> bool:
        """Tell whether it is about the request's resource."""
        resource, resolve = request.resource, request.variable
        return any(pattern.matches(resource, resolve) for pattern in self.resources) is not self.but_resources

    def failing(self, request: Request) -> Iterator[Condition]:
        """Yield the conditions that the request does not meet."""
        return (condition for condition in self.conditions if not condition.holds(request))

    def applies(self, request: Request) -> bool:
        """Tell whether resource and conditions fit; the action is not looked at."""
        return self.names_resource(request) and next(self.failing(request), None) is None

    def context_keys(self) -> Iterator[str]:
        """Yield, in lower case, the keys of a request's context that :meth:`applies` may depend on."""
        for pattern in self.resources:
            for variable in pattern.variables:
                yield from keys_behind(variable.key)
        for condition in self.conditions:
            for key in (condition.key.lower(), *(variable.key for variable in condition.variables)):
                yield from keys_behind(key)


def _no_variable(_: str) -> None:
    """Resolve nothing: an action has no variables."""
