"""What the checks have given away, put together by cause."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence

import attrs
from attrs import Factory, frozen

from customauth.doctor.finding import Certainty, Check, Finding, Stage
from customauth.doctor.probe.aws_names import region_facts
from customauth.doctor.setup import Setup
from customauth.doctor.showing import shown_authorizer, shown_client_id, shown_token_key_name, shown_user
from customauth.rules import RULES, Rule

# Who is believed first: AWS knows, the probe has seen, lint concludes.
_AUTHORITY = {Stage.AWS: 0, Stage.PROBE: 1, Stage.LINT: 2}
_ORDER = {key: number for number, key in enumerate(RULES)}


@frozen(kw_only=True)
class Suspect:
    """One cause, and everything that speaks for it.

    :ivar certainty: in the light of all that was found; a finding alone may have been less or more certain.
    :ivar stage: of the finding that is believed first.
    :ivar stages: of all findings.
    :ivar evidence: what was seen, the most telling first.
    :ivar facts: what the cure wants to know.
    """

    rule: Rule
    certainty: Certainty
    stage: Stage
    stages: frozenset[Stage]
    evidence: tuple[str, ...]
    facts: Mapping[str, str] = Factory(dict)

    @property
    def key(self) -> str:
        """The rule's key."""
        return self.rule.key

    @property
    def fix(self) -> str:
        """What to change."""
        return self.rule.fix(self.facts)

    @property
    def place(self) -> tuple[int, int, int, int]:
        """Order suspects that are equally certain: the earlier cause hides the later."""
        return self.rule.phase, -self.certainty, _AUTHORITY[self.stage], _ORDER[self.key]

    def with_evidence(self, more: Iterable[str]) -> Suspect:
        """Return it with what further speaks for it."""
        return attrs.evolve(self, evidence=tuple(dict.fromkeys((*self.evidence, *more))))

    def as_json(self) -> dict[str, object]:
        """Return it fit for JSON."""
        return {
            "rule": self.key,
            "phase": self.rule.phase.name.lower(),
            "certainty": self.certainty.name.lower(),
            "stages": sorted(stage.value for stage in self.stages),
            "cause": self.rule.cause,
            "evidence": list(self.evidence),
            "fix": self.fix,
            "settings": dict(self.rule.settings),
            "sources": list(self.rule.sources),
        }


def suspects(setup: Setup, checks: Iterable[Check]) -> list[Suspect]:
    """Put the findings together by cause, in the order of :attr:`Suspect.place`."""
    by_rule: dict[str, list[tuple[Finding, Stage]]] = {}
    everything: list[Finding] = []
    for check in checks:
        for finding in check.findings:
            by_rule.setdefault(finding.rule, []).append((finding, check.stage))
            everything.append(finding)
    known = _agreed(everything) | _of_setup(setup)
    return sorted((_suspect(found, known) for found in by_rule.values()), key=lambda suspect: suspect.place)


def _suspect(found: Sequence[tuple[Finding, Stage]], known: Mapping[str, str]) -> Suspect:
    ranked = sorted(found, key=lambda each: _weight(*each))
    first, stage = ranked[0]
    facts: dict[str, str] = dict(known)
    for finding, _ in reversed(ranked):
        facts |= finding.facts
    return Suspect(
        rule=first.known_cause,
        certainty=first.certainty,
        stage=stage,
        stages=frozenset(stage for _, stage in ranked),
        evidence=tuple(dict.fromkeys(finding.evidence for finding, _ in ranked)),
        facts=facts,
    )


def _weight(finding: Finding, stage: Stage) -> tuple[object, ...]:
    return -finding.certainty, _AUTHORITY[stage], finding.evidence, sorted(finding.facts.items())


def _agreed(findings: Iterable[Finding]) -> dict[str, str]:
    """Return the facts on which all findings agree: one check learns the account, another names the cure."""
    told: dict[str, set[str]] = {}
    for finding in findings:
        for name, value in finding.facts.items():
            told.setdefault(name, set()).add(value)
    return {name: values.pop() for name, values in sorted(told.items()) if len(values) == 1}


def _of_setup(setup: Setup) -> dict[str, str]:
    """Return what the set-up itself tells of the case at hand."""
    told = {
        "authorizer": shown_authorizer(setup),
        "client_id": shown_client_id(setup),
        "token_key_name": shown_token_key_name(setup),
        "user": shown_user(setup),
        **{name: shlex.quote(file) for name, file in setup.files.items()},
    }
    if setup.endpoint is not None:
        told |= {"endpoint": setup.endpoint.host, **region_facts(setup.endpoint.host)}
    return {name: value for name, value in told.items() if value}
