"""The AWS IoT policy language: parse policy documents, decide requests, say why.

Pure: no I/O, no clock. An IoT policy follows the conventions of IAM (D1), so where the facts are silent this
module does what IAM documents:

- a document holds at least one statement, a statement at least one action and one resource;
- member names, operators and the values of ``Effect`` and ``Version`` are exact, and a name is given once;
- an action and the name of a condition key or variable are read without regard to case, a resource with regard to it;
- a resource is ``*`` or an ARN, whose parts may hold ``*`` and ``?`` (D5);
- variables exist only in ``"Version": "2012-10-17"``; in the older language, which is also the default, they are
  plain text;
- a variable that nothing is known of makes its pattern match nothing (D14), which lets ``NotResource`` and the
  negated operators apply;
- several operators and keys of a condition have to hold together, several values are alternatives.

``Sid`` and ``Id`` decide nothing and may be any string.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import field, frozen

from customauth._policy_conditions import Condition
from customauth._policy_error import PolicyError
from customauth._policy_explain import (
    Decision,
    Difference,
    Explanation,
    Located,
    Member,
    Verdict,
    explain_implicit_deny,
    explain_match,
    located,
)
from customauth._policy_model import Policy, Statement
from customauth._policy_parse import parse_policy, read_json
from customauth._policy_pattern import Pattern, Variable
from customauth._policy_request import Context, Request, connect_context, connection_context

__all__ = [
    "Condition",
    "Context",
    "Decision",
    "Difference",
    "Explanation",
    "Located",
    "Member",
    "Pattern",
    "Policy",
    "PolicyError",
    "PolicySet",
    "Request",
    "Statement",
    "Variable",
    "Verdict",
    "connect_context",
    "connection_context",
    "decide",
    "explain",
    "parse_policy",
    "read_json",
]


def decide(policies: Sequence[Policy], request: Request) -> Decision:
    """Decide one request under all the documents together, in any order (D9).

    A matching Deny beats every Allow; without a matching Allow the request is denied. A variable stands for its
    value as literal text (D16); a resource whose variable has none, as ``${iot:ClientId}`` over HTTPS, matches
    nothing (D14). The reason numbers documents and statements from 1.
    """
    return explain(policies, request).decision


def explain(policies: Sequence[Policy], request: Request) -> Explanation:
    """Decide one request as :func:`decide` does, and tell what led to it."""
    action = request.action.lower()
    return _explain(policies, [each for each in located(policies) if each.statement.names_action(action)], request)


class PolicySet:
    """The documents that apply to one client or to many, for decisions one after another.

    What was decided is kept, by everything that it depended on: action, resource, client identifier and those keys
    of the context that a statement about the action looks at. So a set may serve any requests, and a key that changes
    with every request, as ``aws:CurrentTime``, costs nothing unless a policy asks for it.

    :param policies: the documents, which form one set (D9).
    :param size: how many decisions are kept for each action; beyond it the oldest are forgotten.
    """

    def __init__(self, policies: Sequence[Policy], *, size: int = 256) -> None:
        self.policies: tuple[Policy, ...] = tuple(policies)
        self._size = size
        self._actions: dict[str, _Remembered] = {}

    def decide(self, request: Request) -> Decision:
        """Decide one request as :func:`decide` does."""
        remembered = self._actions.get(request.action)
        if remembered is None:
            remembered = self._prepare(request.action)
        context = request.context
        values = tuple([context.get(key) for key in remembered.keys]) if remembered.keys else None
        asked = (request.resource, request.client_id, values)
        decision = remembered.decisions.get(asked)
        if decision is None:
            decision = _explain(self.policies, remembered.statements, request).decision
            if len(remembered.decisions) >= self._size:
                del remembered.decisions[next(iter(remembered.decisions))]
            remembered.decisions[asked] = decision
        return decision

    def explain(self, request: Request) -> Explanation:
        """Explain one request as :func:`explain` does; nothing of it is kept."""
        return explain(self.policies, request)

    def _prepare(self, action: str) -> _Remembered:
        lowered = action.lower()
        statements = [each for each in located(self.policies) if each.statement.names_action(lowered)]
        keys = sorted({key for each in statements for key in each.statement.context_keys()})
        remembered = _Remembered(statements=statements, keys=keys)
        # There are a dozen actions; an unending row of others would be somebody's mistake.
        if len(self._actions) < _MOST_ACTIONS:
            self._actions[action] = remembered
        return remembered


_MOST_ACTIONS = 64
_Asked = tuple[str, str | None, tuple[str | tuple[str, ...] | None, ...] | None]


@frozen(kw_only=True, eq=False)
class _Remembered:
    """The statements about one action, the keys that they look at, and what they decided."""

    statements: Sequence[Located]
    keys: Sequence[str]
    decisions: dict[_Asked, Decision] = field(factory=dict, repr=False)


def _explain(policies: Sequence[Policy], statements: Sequence[Located], request: Request) -> Explanation:
    """Explain a request, given the statements about its action."""
    allowed_by: Located | None = None
    for each in statements:
        is_allow = each.statement.effect == "Allow"
        if (is_allow and allowed_by is not None) or not each.statement.applies(request):
            continue
        if not is_allow:
            return explain_match(each, request)
        allowed_by = each
    if allowed_by is None:
        return explain_implicit_deny(policies, request)
    return explain_match(allowed_by, request)
