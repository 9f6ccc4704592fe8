"""Checks of the doctor, made by hand. Import as ``findings``.

::

    certain("port-closed"), likely(...), possible(...)       a finding
    lint(*findings), seen(*findings), asked(*findings)       a check of a stage, with them
    accepted(), refused(), closed(), stopped_at(reached)     how far the probe came
"""

from __future__ import annotations

from customauth.doctor.finding import Certainty, Check, Finding, Outcome, Stage
from customauth.doctor.probe.result import Attempt, Ending, ProbeResult, Reached
from customauth.mqtt.protocol import MqttVersion


def finding(rule: str, certainty: Certainty, **facts: str) -> Finding:
    """Make a finding whose evidence tells where it is from."""
    return Finding(rule=rule, certainty=certainty, evidence=f"{rule} was seen", facts=facts)


def certain(rule: str, **facts: str) -> Finding:
    """Make a finding that is certain."""
    return finding(rule, Certainty.CERTAIN, **facts)


def likely(rule: str, **facts: str) -> Finding:
    """Make a finding that is likely."""
    return finding(rule, Certainty.LIKELY, **facts)


def possible(rule: str, **facts: str) -> Finding:
    """Make a finding that is possible."""
    return finding(rule, Certainty.POSSIBLE, **facts)


def check(stage: Stage, *findings: Finding, name: str = "made up", outcome: Outcome | None = None) -> Check:
    """Make a check that ended as its findings say."""
    ended = outcome or (Outcome.STOPPED if findings else Outcome.PASSED)
    return Check(stage=stage, name=name, outcome=ended, detail="made up", findings=findings)


def lint(*findings: Finding) -> Check:
    """Make a check without network."""
    return check(Stage.LINT, *findings)


def seen(*findings: Finding) -> Check:
    """Make a check of the probe."""
    return check(Stage.PROBE, *findings)


def asked(*findings: Finding) -> Check:
    """Make a check of AWS's own resources."""
    return check(Stage.AWS, *findings)


def accepted(version: MqttVersion = MqttVersion.V5) -> ProbeResult:
    """Return what the probe knows of a CONNECT that was accepted."""
    attempt = Attempt(version=version, ending=Ending.ACCEPTED, reason_code=0)
    return ProbeResult(version=version, reached=Reached.CONNECTED, attempts=[attempt])


def refused(code: int = 0x87) -> ProbeResult:
    """Return what the probe knows of a CONNECT that was refused with a CONNACK."""
    attempt = Attempt(version=MqttVersion.V5, ending=Ending.REFUSED, reason_code=code)
    return ProbeResult(reached=Reached.UPGRADE, attempts=[attempt])


def closed() -> ProbeResult:
    """Return what the probe knows of CONNECTs that were answered by closing the connection."""
    attempts = [Attempt(version=version, ending=Ending.CLOSED) for version in (MqttVersion.V5, MqttVersion.V311)]
    return ProbeResult(version=MqttVersion.V311, reached=Reached.UPGRADE, attempts=attempts)


def stopped_at(reached: Reached) -> ProbeResult:
    """Return what the probe knows when it came so far and sent no CONNECT."""
    return ProbeResult(reached=reached)
