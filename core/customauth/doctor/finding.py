"""What the doctor does and finds: checks, one after the other, and the causes that they give away."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

from attrs import Factory, field, frozen

from customauth.rules import RULES, Rule


class Certainty(enum.IntEnum):
    """How sure it is that what was found is the cause.

    ``CERTAIN``: no connection can come about with it. ``LIKELY``: it explains what was seen, and few other things do.
    ``POSSIBLE``: it is one of several that would.
    """

    POSSIBLE = enum.auto()
    LIKELY = enum.auto()
    CERTAIN = enum.auto()


class Stage(enum.Enum):
    """The doctor's own stages."""

    LINT = "lint"
    PROBE = "probe"
    AWS = "aws"


class Outcome(enum.Enum):
    """How a check ended."""

    PASSED = "passed"
    STOPPED = "stopped"
    WARNED = "warned"
    SKIPPED = "skipped"


def _known(_: object, __: object, rule: str) -> None:
    if rule not in RULES:
        raise ValueError(f"there is no rule {rule!r}")


@frozen(kw_only=True)
class Finding:
    """A cause that a check has given away.

    :param rule: its key in :data:`customauth.rules.RULES`.
    :param evidence: what was seen, in one line, without secrets.
    :param facts: what the rule's cure wants to know of the case at hand.
    """

    rule: str = field(validator=_known)
    certainty: Certainty
    evidence: str
    facts: Mapping[str, str] = Factory(dict)

    @property
    def known_cause(self) -> Rule:
        """The rule."""
        return RULES[self.rule]

    @property
    def fix(self) -> str:
        """What to change, for the case at hand."""
        return self.known_cause.fix(self.facts)

    def as_json(self) -> dict[str, Any]:
        """Return it fit for JSON."""
        return {
            "rule": self.rule,
            "certainty": self.certainty.name.lower(),
            "stops": self.known_cause.stops,
            "cause": self.known_cause.cause,
            "evidence": self.evidence,
            "fix": self.fix,
            "sources": list(self.known_cause.sources),
        }


@frozen(kw_only=True)
class Check:
    """One thing that was looked at.

    :param name: what was looked at, such as ``signature`` or ``TLS without ALPN``.
    :param detail: what was seen, in one line, without secrets; of a skipped check, why.
    :param seconds: how long it took, None where that says nothing.
    """

    stage: Stage
    name: str
    outcome: Outcome
    detail: str
    seconds: float | None = None
    findings: tuple[Finding, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it fit for JSON."""
        return {
            "stage": self.stage.value,
            "name": self.name,
            "outcome": self.outcome.value,
            "detail": self.detail,
            "milliseconds": None if self.seconds is None else round(self.seconds * 1000, 3),
            "findings": [finding.as_json() for finding in self.findings],
        }
