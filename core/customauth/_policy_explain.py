"""Say why a request is allowed or denied: the statement that decided, or the one that came nearest."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence

from attrs import frozen

from customauth._policy_error import shown
from customauth._policy_model import Policy, Statement
from customauth._policy_pattern import Pattern
from customauth._policy_request import Request


class Verdict(enum.Enum):
    """The outcome of a decision, in the terms of the AWS service model (D9)."""

    ALLOWED = "ALLOWED"
    EXPLICIT_DENY = "EXPLICIT_DENY"
    IMPLICIT_DENY = "IMPLICIT_DENY"


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
class Located:
    """A statement and where it stands; ``document`` and ``number`` count from 1."""

    document: int
    number: int
    statement: Statement

    @property
    def name(self) -> str:
        """As a sentence names it: ``statement 2 of document 1``."""
        return f"statement {self.number} of document {self.document}"


class Member(enum.Enum):
    """The part of a statement that a request differs in."""

    ACTION = "Action"
    RESOURCE = "Resource"
    CONDITION = "Condition"


@frozen(kw_only=True)
class Difference:
    """How a request differs from one member of a statement that would have allowed it.

    :ivar place: of the member in its document, as ``Statement[0].Resource[1]``.
    :ivar text: what differs, in one clause.
    :ivar wanted: what stands there: the patterns, or the values of a condition.
    :ivar actual: what the request has: its action, its resource or the values of the condition's key; none where
        that is missing.
    :ivar agrees: for a resource the number of its characters that agree with the pattern before the first that does
        not; None for anything else, and for NotResource.
    """

    member: Member
    place: str
    text: str
    wanted: tuple[str, ...]
    actual: tuple[str, ...]
    agrees: int | None = None


@frozen(kw_only=True)
class Explanation:
    """A decision and what led to it.

    :ivar decided_by: the statement that allows or denies, None with an implicit deny.
    :ivar nearest: with an implicit deny the Allow that differs least, None where none comes near.
    :ivar differences: what the request differs in from ``nearest``.
    """

    request: Request
    decision: Decision
    decided_by: Located | None = None
    nearest: Located | None = None
    differences: tuple[Difference, ...] = ()


def located(policies: Sequence[Policy]) -> Iterator[Located]:
    """Yield all statements."""
    for document, policy in enumerate(policies, 1):
        for number, statement in enumerate(policy.statements, 1):
            yield Located(document=document, number=number, statement=statement)


def explain_match(decided_by: Located, request: Request) -> Explanation:
    """Explain what one statement allows or denies."""
    is_allow = decided_by.statement.effect == "Allow"
    verdict = Verdict.ALLOWED if is_allow else Verdict.EXPLICIT_DENY
    reason = f"{decided_by.name} {'allows' if is_allow else 'denies'} {_asked(request)}"
    return Explanation(request=request, decision=Decision(verdict=verdict, reason=reason), decided_by=decided_by)


def explain_implicit_deny(policies: Sequence[Policy], request: Request) -> Explanation:
    """Explain why nothing allows a request."""
    if not policies:
        return _denied(request, f"there is no policy document, so nothing allows {_asked(request)}")
    denied = f"no statement allows {_asked(request)}"
    action = request.action.lower()
    allows = [each for each in located(policies) if each.statement.effect == "Allow"]
    fits = [each for each in allows if each.statement.names_action(action) and each.statement.names_resource(request)]
    if fits:
        nearest = min(fits, key=lambda each: len(list(each.statement.failing(request))))
        conditions = _condition_differences(nearest.statement, request)
        text = f"{denied}; the nearest, {nearest.name}, allows it on a condition: {conditions[0].text}"
        return _denied(request, text, nearest, conditions)
    asked = [each for each in allows if each.statement.names_action(action)]
    if asked:
        nearest = max(asked, key=lambda each: _agreement(each.statement, request))
        resource = _resource_difference(nearest.statement, request)
        text = f"{denied}; the nearest, {nearest.name}, allows it {resource.text}"
        return _denied(request, text, nearest, [resource, *_condition_differences(nearest.statement, request)])
    for nearest in allows:
        if nearest.statement.names_resource(request):
            difference = _action_difference(nearest.statement, request)
            text = f"{denied}; the nearest, {nearest.name}, allows {difference.text} on it"
            return _denied(request, text, nearest, [difference, *_condition_differences(nearest.statement, request)])
    return _denied(request, f"{denied}, and none allows that action or anything on that resource")


def _denied(
    request: Request, reason: str, nearest: Located | None = None, differences: Sequence[Difference] = ()
) -> Explanation:
    decision = Decision(verdict=Verdict.IMPLICIT_DENY, reason=reason)
    return Explanation(request=request, decision=decision, nearest=nearest, differences=tuple(differences))


def _action_difference(statement: Statement, request: Request) -> Difference:
    actions = tuple(pattern.source for pattern in statement.actions)
    text = f"{'all but' if statement.but_actions else 'only'} {', '.join(actions)}"
    place = _common_place(statement.actions)
    return Difference(member=Member.ACTION, place=place, text=text, wanted=actions, actual=(request.action,))


def _resource_difference(statement: Statement, request: Request) -> Difference:
    actual = (request.resource,)
    if statement.but_resources:
        resources = tuple(pattern.source for pattern in statement.resources)
        text = f"on all but {', '.join(map(shown, resources))}"
        place = _common_place(statement.resources)
        return Difference(member=Member.RESOURCE, place=place, text=text, wanted=resources, actual=actual)
    nearest = max(statement.resources, key=lambda pattern: pattern.reach(request.resource, request.variable))
    text = f"on {shown(nearest.source)}{_where_variables_are(nearest, request)}"
    return Difference(
        member=Member.RESOURCE,
        place=nearest.place,
        text=text,
        wanted=(nearest.source,),
        actual=actual,
        agrees=nearest.reach(request.resource, request.variable),
    )


def _condition_differences(statement: Statement, request: Request) -> list[Difference]:
    return [
        Difference(
            member=Member.CONDITION,
            place=condition.place,
            text=condition.why_not(request),
            wanted=condition.values,
            actual=request.values(condition.key.lower()),
        )
        for condition in statement.failing(request)
    ]


def _agreement(statement: Statement, request: Request) -> int:
    if statement.but_resources:
        return 0
    return max(pattern.reach(request.resource, request.variable) for pattern in statement.resources)


def _common_place(patterns: Sequence[Pattern]) -> str:
    return patterns[0].place.removesuffix("[0]")


def _where_variables_are(pattern: Pattern, request: Request) -> str:
    """Say what each variable of a pattern stands for, and last which one nothing is known of."""
    known: list[str] = []
    for variable in dict.fromkeys(pattern.variables):
        text = variable.text(request.variable)
        name = shown(f"${{{variable.name}}}")
        if text is not None:
            known.append(f"{name} is {shown(text)}")
        elif variable.key == "iot:clientid":
            return ", but this request has no client identifier"
        else:
            return f", but this request has no {name}"
    return f", where {' and '.join(known)}" if known else ""


def _asked(request: Request) -> str:
    return f"{shown(request.action)} on {shown(request.resource)}"
