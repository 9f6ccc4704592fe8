"""CONNECT with the device's own user name and password: MQTT 5 first, because only 5 gives a reason (F1, F3)."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from attrs import evolve, frozen

from customauth.doctor.finding import Check, Finding, Outcome
from customauth.doctor.probe.conversation import Answer, Conversation
from customauth.doctor.probe.exchange import exchange
from customauth.doctor.probe.mended import try_mends
from customauth.doctor.probe.packets import CannotBeSent, ConnectBytes, connect_bytes
from customauth.doctor.probe.refusals import is_bare, meaning
from customauth.doctor.probe.result import Attempt, Ending, Reached
from customauth.doctor.probe.tls import Offer
from customauth.doctor.probe.topics import try_topics
from customauth.doctor.probe.trip import Trip, certain, check
from customauth.doctor.showing import shown_client_id
from customauth.endpoint import ALPN, Transport
from customauth.mqtt import MqttVersion

_ANSWERED = frozenset({Ending.ACCEPTED, Ending.REFUSED})
_QUOTA_EXCEEDED = 0x97
_UNSUPPORTED_VERSION = 0x84
_OTHER_VERSION = "MQTT 3.1.1"


@frozen(kw_only=True)
class _Made:
    """A CONNECT that was made; ``conversation`` goes on where it was accepted."""

    answer: Answer
    check: Check
    conversation: Conversation | None = None


async def log_in(trip: Trip) -> AsyncGenerator[Check, None]:
    """Try the login, and with an accepted one the topics."""
    device = trip.setup.version
    tried_topics = explained = False
    told: tuple[Finding, ...] = ()
    bare: dict[MqttVersion, Answer] = {}
    for version in _order(trip):
        if _is_settled(trip, version):
            continue
        made = await _connect(trip, version)
        if isinstance(made, Check):
            yield made
            continue
        if made.conversation is not None:
            if version is device:
                trip.result.reached = Reached.CONNECTED
            try:
                yield made.check
                if not tried_topics:
                    tried_topics = True
                    async for tried in try_topics(trip, made.conversation):
                        yield tried
                await made.conversation.goodbye()
            finally:
                # Where nobody asks for further checks.
                made.conversation.pipe.abort()
            continue
        otherwise = None if explained else await _otherwise(trip, version, made.answer)
        explained = explained or (otherwise is not None and bool(otherwise.findings))
        findings = _told(trip, version, made, told)
        if is_bare(version, made.answer):
            bare[version] = made.answer
        if version is not device and version is _order(trip)[0]:
            # Whether it concerns the device is seen at its own version.
            told, findings = findings, ()
        # What the other way explains is not guessed at as well.
        yield _with_findings(made.check, () if explained else findings, informs_only=version is not device)
        if otherwise is not None:
            yield otherwise
    # Whoever only closes may not have read the credentials at all.
    is_judged = any(answer.ending is Ending.REFUSED for answer in bare.values())
    if is_judged and not trip.result.accepted:
        version, refused = next(iter(bare.items()))
        async for tried in try_mends(trip, version, refused):
            yield tried


def _told(trip: Trip, version: MqttVersion, made: _Made, told: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Return what an end gives away: where AWS closes on MQTT 3.1.1, what it has told MQTT 5 (F1, F3)."""
    if version is not trip.setup.version:
        return tuple(finding for finding in made.check.findings if finding.rule != "protocol-version")
    if not told or made.answer.ending is not Ending.CLOSED:
        return made.check.findings
    return tuple(evolve(each, evidence=f"{made.answer.said}; MQTT 5 is told: {each.evidence}") for each in told)


def _order(trip: Trip) -> tuple[MqttVersion, ...]:
    if trip.setup.version is MqttVersion.V5:
        return (MqttVersion.V5,)
    if not trip.setup.clean_start:
        # A session that is kept for 3.1.1 is not taken up by 5 (E37), so that 5 is for a refusal alone.
        return (MqttVersion.V311, MqttVersion.V5)
    return (MqttVersion.V5, MqttVersion.V311)


def _is_settled(trip: Trip, version: MqttVersion) -> bool:
    """Say whether a version is not tried any more: the device's own was accepted."""
    return version is not trip.setup.version and trip.result.connected is True


async def _connect(trip: Trip, version: MqttVersion) -> _Made | Check:
    """Make the device's CONNECT; once more where it came too soon after another one (E9)."""
    try:
        packet = connect_bytes(trip.setup, version)
    except CannotBeSent as error:
        if version is not trip.setup.version:
            return check(_name(version), Outcome.SKIPPED, str(error))
        return check(_name(version), Outcome.STOPPED, str(error), findings=[error.finding])
    own = Offer(alpn=trip.setup.alpn)
    made = await _attempt(trip, version, packet, own, _name(version))
    if made.answer.reason_code == _QUOTA_EXCEEDED:
        again = await _attempt(trip, version, packet, own, _name(version))
        if again.conversation is not None:
            said = f"{again.check.detail}; the first attempt came within a second of another of this client id (E9)"
            return _Made(
                answer=again.answer,
                check=check(_name(version), Outcome.WARNED, said),
                conversation=again.conversation,
            )
        return again
    return made


async def _attempt(
    trip: Trip, version: MqttVersion, packet: ConnectBytes, offer: Offer, name: str, differing: str = ""
) -> _Made:
    made = await exchange(trip, version, packet, offer)
    answer, conversation = made.answer, made.conversation
    trip.result.attempts.append(
        Attempt(
            version=version,
            ending=answer.ending,
            reason_code=answer.reason_code,
            reason_string=answer.reason_string,
            differing=differing,
        )
    )
    if conversation is not None:
        seen = check(name, Outcome.PASSED, f"{answer.said}{_side_effect(trip)}")
    else:
        seen = check(name, Outcome.STOPPED, answer.said, findings=meaning(trip, version, answer))
    return _Made(answer=answer, check=evolve(seen, seconds=made.seconds), conversation=conversation)


async def _otherwise(trip: Trip, version: MqttVersion, answer: Answer) -> Check | None:
    """Try what a server that did not answer may take instead: the ALPN of custom authentication, then MQTT 3.1.1."""
    if answer.ending in _ANSWERED and answer.reason_code != _UNSUPPORTED_VERSION:
        return None
    offered = ", ".join(trip.setup.alpn)
    is_plain = trip.endpoint.transport is Transport.MQTT
    if is_plain and answer.alpn != ALPN and trip.setup.alpn != (ALPN,) and answer.ending not in _ANSWERED:
        rule = "alpn-wrong" if offered else "alpn-missing"
        how = f"with the ALPN {offered}" if offered else "without ALPN"
        seen = await _differently(trip, version, Offer(alpn=(ALPN,)), f"ALPN {ALPN}")
        said = f"{how}: {answer.said}; with the ALPN {ALPN}: {seen.answer.said}"
        found = [certain(rule, said, alpn=offered)] if seen.answer.ending in _ANSWERED else []
        return _informing(seen.check, found)
    # A session that is kept is the other version's: it is left alone.
    if trip.setup.version is MqttVersion.V5 and trip.setup.clean_start and answer.ending is not Ending.UNREACHED:
        seen = await _differently(trip, MqttVersion.V311, Offer(alpn=trip.setup.alpn), _OTHER_VERSION)
        said = f"MQTT 5: {answer.said}; MQTT 3.1.1: {seen.answer.said}"
        found = [certain("protocol-version", said)] if seen.answer.ending is Ending.ACCEPTED else []
        return _informing(seen.check, found)
    return None


async def _differently(trip: Trip, version: MqttVersion, offer: Offer, differing: str) -> _Made:
    name = _name(version) if differing == _OTHER_VERSION else f"{_name(version)} and {differing}"
    try:
        packet = connect_bytes(trip.setup, version)
    except CannotBeSent as error:
        answer = Answer(ending=Ending.UNREACHED, said=str(error))
        return _Made(answer=answer, check=check(name, Outcome.SKIPPED, str(error)))
    made = await _attempt(trip, version, packet, offer, name, differing)
    if made.conversation is not None:
        await made.conversation.goodbye()
    return made


def _informing(seen: Check, findings: list[Finding]) -> Check:
    """Return the check of another way, which stops nobody: what the device does is what counts."""
    outcome = Outcome.SKIPPED if seen.outcome is Outcome.SKIPPED else Outcome.PASSED
    said = seen.detail if outcome is Outcome.SKIPPED or seen.outcome is Outcome.PASSED else f"fails: {seen.detail}"
    return evolve(seen, outcome=outcome, detail=said, findings=tuple(findings))


def _with_findings(seen: Check, findings: tuple[Finding, ...], *, informs_only: bool) -> Check:
    return evolve(seen, outcome=Outcome.WARNED if informs_only else seen.outcome, findings=findings)


def _side_effect(trip: Trip) -> str:
    if not trip.setup.client_id_given:
        return ""
    return f"; the device {shown_client_id(trip.setup)!r} has lost its connection by this, if it had one (E15)"


def _name(version: MqttVersion) -> str:
    return f"CONNECT with MQTT {version.label}"
