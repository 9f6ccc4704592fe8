"""CONNECT without what is suspected, after a refusal that gives no reason: what is accepted then was the cause."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from attrs import evolve

from customauth.doctor.finding import Check, Outcome
from customauth.doctor.mending import Mend
from customauth.doctor.probe.conversation import Answer
from customauth.doctor.probe.exchange import Exchange, exchange
from customauth.doctor.probe.packets import CannotBeSent, connect_bytes
from customauth.doctor.probe.refusals import is_bare
from customauth.doctor.probe.result import Attempt, Ending, MendTried
from customauth.doctor.probe.tls import Offer
from customauth.doctor.probe.trip import Trip, certain, check, likely
from customauth.mqtt import MqttVersion

_AGAIN = "CONNECT as it is, once more"


async def try_mends(trip: Trip, version: MqttVersion, refused: Answer) -> AsyncGenerator[Check, None]:
    """Send each mended CONNECT in turn, until one is accepted.

    Then the device's own is sent once more: what refused it may have passed by itself, as it does where only a
    function that was cold takes too long.

    :param refused: how the device's own CONNECT of this version ended.
    """
    for mend in trip.mends:
        name = f"CONNECT with {mend.how}"
        try:
            made = await _send(evolve(trip, setup=mend.setup), version)
        except CannotBeSent as error:
            yield check(name, Outcome.SKIPPED, str(error))
            continue
        said = made.answer.said
        if made.answer.ending is not Ending.ACCEPTED:
            _tell(trip, mend, accepted=False if is_bare(version, made.answer) else None)
            yield _timed(made, check(name, Outcome.WARNED, f"fails: {said}"))
            continue
        again = await _send(trip, version)
        is_proved = is_bare(version, again.answer)
        _tell(trip, mend, accepted=True if is_proved else None)
        find = certain if is_proved else likely
        evidence = f"as it is: {refused.said}; with {mend.how}: {said}"
        is_passing = again.answer.ending is Ending.ACCEPTED
        found = [] if is_passing else [find(rule, evidence) for rule in mend.rules]
        yield _timed(made, check(name, Outcome.PASSED, said, findings=found))
        yield _compared(trip, version, again)
        return


def _compared(trip: Trip, version: MqttVersion, again: Exchange) -> Check:
    """Return the check of the device's own CONNECT that followed one that was accepted."""
    answer = again.answer
    if answer.ending is not Ending.ACCEPTED:
        return _timed(again, check(_AGAIN, Outcome.WARNED, f"fails: {answer.said}"))
    trip.result.attempts.append(Attempt(version=version, ending=answer.ending, reason_code=0, differing="time"))
    said = f"{answer.said}: the refusal has passed by itself, as where a function that was cold took too long"
    return _timed(again, check(_AGAIN, Outcome.WARNED, said))


def _timed(made: Exchange, seen: Check) -> Check:
    return evolve(seen, seconds=made.seconds)


async def _send(trip: Trip, version: MqttVersion) -> Exchange:
    """Send the CONNECT of the trip's set-up, and say goodbye where it is accepted."""
    packet = connect_bytes(trip.setup, version)
    made = await exchange(trip, version, packet, Offer(alpn=trip.setup.alpn))
    if made.conversation is not None:
        await made.conversation.goodbye()
    return made


def _tell(trip: Trip, mend: Mend, *, accepted: bool | None) -> None:
    trip.result.mends.append(MendTried(rules=mend.rules, how=mend.how, accepted=accepted))
