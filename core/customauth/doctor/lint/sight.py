"""What every part of lint looks at, and how it reports what it sees."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from attrs import frozen

from customauth import _parameters as grammar
from customauth.doctor.finding import Certainty, Check, Finding, Outcome, Stage
from customauth.doctor.parameters import Parameter, parameters_of, showable
from customauth.doctor.setup import Setup
from customauth.doctor.showing import shown_client_id
from customauth.endpoint import DEFAULT_PORT, authority

_REGION = re.compile(r"\biot\.([a-z]{2}(?:-[a-z]+)+-\d)\.(?:amazonaws\.com|api\.aws)", re.IGNORECASE)
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_@-]{1,128}")


@frozen(kw_only=True)
class Sight:
    """The set-up, its parameters, and the time.

    :ivar parameters: in the order in which AWS looks at them.
    :ivar garbled: whether the user name is so wrong that its parameters are not those that were meant.
    """

    setup: Setup
    now: datetime
    parameters: tuple[Parameter, ...]
    garbled: bool = False

    @classmethod
    def of(cls, setup: Setup, now: datetime) -> Sight:
        """Read the parameters."""
        return cls(setup=setup, now=now, parameters=tuple(parameters_of(setup)))

    def shown(self, name: str) -> str:
        """Return a parameter's name for a line, or a word for it where it may be a piece of a token."""
        return repr(name) if name in showable(self.parameters) else "another parameter"

    def facts(self) -> dict[str, str]:
        """Return what the cures want to know, of what may be shown."""
        parts, told = self.setup.parts, {}
        if parts.authorizer is not None and _PLAIN_NAME.fullmatch(parts.authorizer):
            told["authorizer"] = parts.authorizer
        if self.setup.expected_token_key_name:
            told["token_key_name"] = self.setup.expected_token_key_name
        elif parts.token_key_name in showable(self.parameters) and parts.token_key_name not in grammar.SDK_NAMES:
            told["token_key_name"] = str(parts.token_key_name)
        if self.setup.client_id and self.setup.client_id_given:
            told["client_id"] = shown_client_id(self.setup)
        if self.setup.endpoint is not None:
            host, port = self.setup.endpoint.host, self.setup.endpoint.port
            told["endpoint"] = host if port == DEFAULT_PORT else authority(host, port)
            match = _REGION.search(host)
            if match is not None:
                told["region"] = match[1].lower()
        if self.setup.public_keys:
            told["keys"] = " or ".join(self.setup.public_keys)
        return told

    def certain(self, rule: str, evidence: str, facts: Mapping[str, str] | None = None) -> Finding:
        """Make a finding of what no connection can come about with."""
        return self._finding(rule, Certainty.CERTAIN, evidence, facts)

    def likely(self, rule: str, evidence: str, facts: Mapping[str, str] | None = None) -> Finding:
        """Make a finding of what explains a refusal, and is wrong in few set-ups that work."""
        return self._finding(rule, Certainty.LIKELY, evidence, facts)

    def possible(self, rule: str, evidence: str, facts: Mapping[str, str] | None = None) -> Finding:
        """Make a finding of what may be as it should."""
        return self._finding(rule, Certainty.POSSIBLE, evidence, facts)

    def _finding(self, rule: str, certainty: Certainty, evidence: str, facts: Mapping[str, str] | None) -> Finding:
        return Finding(rule=rule, certainty=certainty, evidence=evidence, facts=self.facts() | dict(facts or {}))


def reported(name: str, *findings: Finding, otherwise: str) -> Check:
    """Report what was found; it stops the connection when it is likely to, and is worth a warning when it may.

    :param otherwise: what to say when nothing was found.
    """
    if not findings:
        return Check(stage=Stage.LINT, name=name, outcome=Outcome.PASSED, detail=otherwise)
    stops = any(each.known_cause.stops and each.certainty > Certainty.POSSIBLE for each in findings)
    return Check(
        stage=Stage.LINT,
        name=name,
        outcome=Outcome.STOPPED if stops else Outcome.WARNED,
        detail="; ".join(dict.fromkeys(each.evidence for each in findings)),
        findings=findings,
    )


def warned(name: str, detail: str) -> Check:
    """Report what is worth knowing, and is no cause."""
    return Check(stage=Stage.LINT, name=name, outcome=Outcome.WARNED, detail=detail)


def skipped(name: str, why: str) -> Check:
    """Report what could not be looked at."""
    return Check(stage=Stage.LINT, name=name, outcome=Outcome.SKIPPED, detail=why)
