"""The verdict: what all checks together say, the true cause first, and "cannot tell" rather than a wrong one.

What is CERTAIN goes before what is LIKELY, and of two the one that an attempt meets first: it hides the other. A
finding is no cause where something stronger speaks against it: a CONNECT that was accepted, one in which it was mended
and that was refused all the same, a CONNACK that only follows when all before it was right, or AWS's own word. What is
only possible is never named, be it alone: other causes are not seen from here.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from typing import Any

import attrs
from attrs import frozen

from customauth.doctor.clearing import accepted, cleared
from customauth.doctor.finding import Certainty, Check, Outcome, Stage
from customauth.doctor.probe.result import ProbeResult
from customauth.doctor.setup import Setup
from customauth.doctor.suspects import Suspect, suspects
from customauth.doctor.symptoms import ON_THEIR_OWN, REFUSAL, explains
from customauth.rules import Phase

# What is refused before it is sent is refused for how it is written, not for what a function makes of it.
_OF_THE_FORM = frozenset({Phase.AUTHORIZER, Phase.SIGNATURE})


class Judgement(enum.Enum):
    """What the doctor has to say in the end."""

    HEALTHY = "healthy"
    """Nothing that was looked at is wrong."""
    CAUSE_FOUND = "cause found"
    CANNOT_TELL = "cannot tell"
    """It fails, and nothing that was looked at explains it well enough."""


@frozen(kw_only=True)
class Remark:
    """What is worth knowing, though it is not the cause.

    :ivar why_not: why it is not the cause; empty for what stops nobody in the first place.
    """

    suspect: Suspect
    why_not: str = ""

    def as_json(self) -> dict[str, object]:
        """Return it fit for JSON."""
        return self.suspect.as_json() | {"why_not_the_cause": self.why_not or None}


@frozen(kw_only=True)
class Verdict:
    """What all checks together say.

    :ivar causes: the best founded first; where none could be told, the candidates.
    :ivar failed: whether the attempt to connect has failed; None where none was made.
    :ivar refusal: what was seen of the refusal where no cause explains it.
    """

    judgement: Judgement
    causes: tuple[Suspect, ...] = ()
    remarks: tuple[Remark, ...] = ()
    failed: bool | None = None
    refusal: tuple[str, ...] = ()

    @property
    def cause(self) -> Suspect | None:
        """The cause to mend first, None where there is none or it cannot be told."""
        return self.causes[0] if self.judgement is Judgement.CAUSE_FOUND else None

    def as_json(self) -> dict[str, Any]:
        """Return it fit for JSON."""
        return {
            "outcome": self.judgement.value,
            "causes": [cause.as_json() for cause in self.causes],
            "remarks": [remark.as_json() for remark in self.remarks],
            "seen": list(self.refusal),
        }


def judge(setup: Setup, checks: Iterable[Check], probe: ProbeResult | None = None) -> Verdict:
    """Say what the checks together mean; it knows no secret, asks nobody and never raises.

    :param probe: how far the probe came, None where none was made.
    """
    made = tuple(checks)
    failed = _failed(made, probe)
    clear = cleared(made, probe)
    found = suspects(setup, made)
    remarks = [Remark(suspect=each) for each in found if not each.rule.stops]
    stopping = [each for each in found if each.rule.stops]
    remarks += [Remark(suspect=each, why_not=why) for each in stopping if (why := clear.why_not(each))]
    causes = _told_apart([clear.weighed(each) for each in stopping if not clear.why_not(each)])
    if failed is None and setup.broken and len(causes) == 1 and causes[0].rule.phase in _OF_THE_FORM:
        # It is never sent, and this is why.
        causes = [attrs.evolve(causes[0], certainty=max(causes[0].certainty, Certainty.LIKELY))]
    refusal = tuple(line for each in causes if each.key == REFUSAL for line in each.evidence)
    causes = sorted((each for each in causes if each.key != REFUSAL), key=lambda each: _rank(each, failed is True))
    if any(_founded(each, failed is True) for each in causes):
        judgement = Judgement.CAUSE_FOUND
    elif failed or (failed is None and setup.broken):
        judgement = Judgement.CANNOT_TELL
    else:
        judgement = Judgement.HEALTHY
        remarks += [Remark(suspect=each, why_not="nothing shows that it fails") for each in causes]
        causes = []
    return Verdict(judgement=judgement, causes=tuple(causes), remarks=tuple(remarks), failed=failed, refusal=refusal)


def _failed(checks: Iterable[Check], probe: ProbeResult | None) -> bool | None:
    if probe is None:
        return None
    if accepted(probe):
        return False
    stopped = any(check.stage is Stage.PROBE and check.outcome is Outcome.STOPPED for check in checks)
    return True if stopped or probe.attempts else None


def _told_apart(found: Sequence[Suspect]) -> list[Suspect]:
    """Leave out what is only a symptom of another; what was seen of it speaks for that one."""
    causes = [each for each in found if not any(_explains(one, each) for one in found)]
    return [each.with_evidence(_seen_of(each, found, causes)) for each in causes]


def _explains(cause: Suspect, symptom: Suspect) -> bool:
    needed = symptom.certainty if symptom.key in ON_THEIR_OWN else Certainty.LIKELY
    return cause.certainty >= max(needed, Certainty.LIKELY) and explains(cause.key, symptom.key)


def _seen_of(cause: Suspect, found: Sequence[Suspect], causes: Sequence[Suspect]) -> list[str]:
    symptoms = [each for each in found if each not in causes and _explains(cause, each)]
    return [line for each in symptoms for line in each.evidence]


def _founded(cause: Suspect, failed: bool) -> bool:
    """Say whether it may be named: what only matters once connected is not why a connection did not come about."""
    return cause.certainty >= Certainty.LIKELY and not (failed and cause.rule.phase is Phase.CONNECTED)


def _rank(cause: Suspect, failed: bool) -> tuple[bool, int, tuple[int, ...]]:
    seen = failed and Stage.PROBE in cause.stages and cause.certainty >= Certainty.LIKELY
    tier = 0 if seen or cause.certainty is Certainty.CERTAIN else Certainty.CERTAIN - cause.certainty
    return failed and cause.rule.phase is Phase.CONNECTED, tier, cause.place
