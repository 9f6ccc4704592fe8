"""Which suspects something stronger speaks for: an accepted CONNECT, how far the probe came, AWS's own word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import evolve, frozen

from customauth.doctor.finding import Certainty, Check, Outcome, Stage
from customauth.doctor.probe.result import Attempt, Ending, ProbeResult, Reached
from customauth.doctor.suspects import Suspect
from customauth.doctor.symptoms import REFUSAL, explains
from customauth.mqtt.protocol import MqttVersion
from customauth.rules import RULES, Phase

_PASSED = {
    Reached.NAME: (Phase.NAME,),
    Reached.TCP: (Phase.NAME, Phase.TCP),
    Reached.PROXY: (Phase.NAME, Phase.TCP, Phase.PROXY),
    Reached.TLS: (Phase.NAME, Phase.TCP, Phase.PROXY, Phase.TLS),
    Reached.UPGRADE: (Phase.NAME, Phase.TCP, Phase.PROXY, Phase.TLS, Phase.UPGRADE),
}
_NETWORK = _PASSED[Reached.UPGRADE]

# They belong to an early phase, and show only when the server does not answer the CONNECT.
_LATE = frozenset({"wrong-port", "alpn-missing", "alpn-wrong", "endpoint-is-address"})

# Codes that say that the packet was in order and the login was not, by version (F1).
_LOGIN_REFUSED = {MqttVersion.V5: {0x86, 0x87}, MqttVersion.V311: {4, 5}}

_BEFORE_CONNECTED = tuple(phase for phase in Phase if phase < Phase.CONNECTED)
_LOGIN = tuple(phase for phase in Phase if Phase.DOMAIN <= phase <= Phase.ANSWER)


def _keys(first: Phase, last: Phase) -> frozenset[str]:
    return frozenset(key for key, rule in RULES.items() if first <= rule.phase <= last)


# What a check of AWS that passed speaks for: by its name the rules, and what it says.
_AWS_WORD = {
    "authorizer": (
        frozenset({"authorizer-not-named", "authorizer-not-found", "authorizer-name-invalid"}),
        "AWS has the authorizer that decides, and it is ACTIVE",
    ),
    "signature": (_keys(Phase.SIGNATURE, Phase.SIGNATURE), "by the authorizer's keys in AWS the signature is right"),
    "test-invoke-authorizer": (
        _keys(Phase.SIGNATURE, Phase.ANSWER),
        "AWS ran the authorizer with these credentials, and it let them in",
    ),
}


@frozen(kw_only=True)
class Cleared:
    """What speaks for the suspects.

    :ivar outright: by phase, why no suspect of it is the cause, however certain it seemed.
    :ivar passed: by phase, why a suspect of it that is not certain is not the cause.
    :ivar refuted: by rule, what AWS says against it, unless AWS itself is certain of it.
    :ivar proved: by rule, what the server has accepted once that was mended.
    :ivar unmended: by rule, what the server has refused all the same when that was mended.
    :ivar answered: whether the server has judged the login, so that it read the packet.
    """

    outright: Mapping[Phase, str]
    passed: Mapping[Phase, str]
    refuted: Mapping[str, str]
    proved: Mapping[str, str]
    unmended: Mapping[str, str]
    answered: bool

    def why_not(self, suspect: Suspect) -> str:
        """Return why a suspect is not the cause, empty where it may be."""
        phase = suspect.rule.phase
        if suspect.key == REFUSAL:
            # It says no more than what was seen.
            return ""
        if phase in self.outright:
            return self.outright[phase]
        if suspect.key in self.proved or any(explains(rule, suspect.key) for rule in self.proved):
            return ""
        if self.proved and phase in (*_LOGIN, Phase.POLICY):
            return f"the server accepts it all the same with {' and '.join(dict.fromkeys(self.proved.values()))}"
        is_certain = suspect.certainty is Certainty.CERTAIN
        if suspect.key in self.refuted and not (is_certain and suspect.stage is Stage.AWS):
            return self.refuted[suspect.key]
        if is_certain:
            return ""
        if suspect.certainty is Certainty.POSSIBLE and suspect.key in self.unmended:
            return self.unmended[suspect.key]
        if suspect.certainty >= Certainty.LIKELY and suspect.stage is Stage.PROBE:
            # It knows how far it came itself.
            return ""
        if suspect.key in _LATE and not self.answered:
            return ""
        return self.passed.get(phase, "")

    def weighed(self, suspect: Suspect) -> Suspect:
        """Return a suspect as certain as it still is: of what is mended in vain something else is wrong as well."""
        doubted = suspect.certainty is Certainty.LIKELY and suspect.stage is not Stage.AWS
        return evolve(suspect, certainty=Certainty.POSSIBLE) if doubted and suspect.key in self.unmended else suspect


def cleared(checks: Sequence[Check], probe: ProbeResult | None) -> Cleared:
    """Find what speaks for the suspects."""
    outright: dict[Phase, str] = {}
    passed: dict[Phase, str] = {}
    answered = False
    if probe is not None:
        passed = dict.fromkeys(_PASSED.get(probe.reached, ()), "the probe came past it")
        answered = any(_judged(attempt) for attempt in probe.attempts if not attempt.differing)
        if answered:
            passed |= dict.fromkeys((*_NETWORK, Phase.PACKET), "the server read the CONNECT and judged the login")
        if accepted(probe):
            outright = dict.fromkeys(_BEFORE_CONNECTED, "the server accepts this CONNECT as it is")
        elif probe.accepted:
            word = "the server accepts these credentials when they are sent in another way"
            outright = dict.fromkeys(_LOGIN, word)
            # Of what is sent in another way a policy may say otherwise: a session is kept by other means (D18, E37).
            passed[Phase.POLICY] = word
    tried = () if probe is None else probe.mends
    said = {check.name for check in checks if check.stage is Stage.AWS and check.outcome is Outcome.PASSED}
    refuted = {key: word for name, (keys, word) in _AWS_WORD.items() if name in said for key in sorted(keys)}
    return Cleared(
        outright=outright,
        passed=passed,
        refuted=refuted,
        proved={rule: each.how for each in tried if each.accepted for rule in each.rules},
        unmended={
            each.rules[0]: f"with {each.how} the server refuses it all the same"
            for each in tried
            if each.accepted is False and len(each.rules) == 1
        },
        answered=answered,
    )


def accepted(probe: ProbeResult) -> bool:
    """Say whether the server accepted the CONNECT, in the device's own version where that was tried."""
    own = [attempt.ending for attempt in probe.attempts if not attempt.differing]
    return Ending.ACCEPTED in own if probe.connected is None else probe.connected


def _judged(attempt: Attempt) -> bool:
    if attempt.ending is Ending.ACCEPTED:
        return True
    return attempt.ending is Ending.REFUSED and attempt.reason_code in _LOGIN_REFUSED.get(attempt.version, set())
