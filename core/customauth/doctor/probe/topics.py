"""What the accepted connection may do: subscribe, and publish where that is asked for (D22)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from customauth.doctor.finding import Check, Finding, Outcome
from customauth.doctor.probe.aws_names import region_facts
from customauth.doctor.probe.trip import Stopwatch, Trip, certain, check, likely
from customauth.errors import Disconnected
from customauth.mqtt import (
    Disconnect,
    MalformedPacket,
    Packet,
    PacketType,
    Puback,
    Publish,
    Suback,
    Subscribe,
    Subscription,
)

if TYPE_CHECKING:
    from customauth.doctor.probe.conversation import Conversation

_REFUSED = 0x80
_NOT_AUTHORIZED = 0x87
_FILTER_INVALID = 0x8F
_TOPIC_INVALID = 0x90
_QUOTA_EXCEEDED = 0x97
_PAYLOAD = b"customauth doctor"

_HUNG_UP = "the server ended the connection in place of a"

_SUBSCRIBE_RULES = {
    _NOT_AUTHORIZED: "policy-subscribe",
    _FILTER_INVALID: "filter-invalid",
    _QUOTA_EXCEEDED: "too-many-subscriptions",
}
_PUBLISH_RULES = {_NOT_AUTHORIZED: "policy-publish", _TOPIC_INVALID: "topic-invalid", _QUOTA_EXCEEDED: "rate-exceeded"}


async def try_topics(trip: Trip, conversation: Conversation) -> AsyncIterator[Check]:
    """Subscribe to the device's filters and publish to its topics, each for itself, until the server closes."""
    setup, open_still = trip.setup, True
    for number, wanted in enumerate(setup.subscribe, start=1):
        name = f"SUBSCRIBE {wanted}"
        if not setup.clean_start:
            yield check(name, Outcome.SKIPPED, "it would enter the session that is kept for the device")
        elif not open_still:
            yield _unasked(name)
        else:
            made = await _subscribe(trip, conversation, number, wanted)
            open_still = made.outcome is not Outcome.STOPPED or wanted in trip.result.subscribed
            yield made
    for number, topic in enumerate(setup.publish, start=len(setup.subscribe) + 1):
        name = f"PUBLISH {topic}"
        if not trip.publish:
            yield check(name, Outcome.SKIPPED, "a publish has effects; ask for it with --publish-for-real")
        elif not open_still:
            yield _unasked(name)
        else:
            made = await _publish(trip, conversation, number, topic)
            open_still = made.outcome is not Outcome.STOPPED or topic in trip.result.published
            yield made


async def _subscribe(trip: Trip, conversation: Conversation, number: int, wanted: str) -> Check:
    name, watch = f"SUBSCRIBE {wanted}", Stopwatch()
    facts = {"filter": wanted, **region_facts(trip.endpoint.host)}
    packet = Subscribe(packet_id=number, subscriptions=(Subscription(filter=wanted, qos=1),))
    answer = await _ask(conversation, packet, PacketType.SUBACK)
    if isinstance(answer, ValueError):
        return check(name, Outcome.STOPPED, str(answer), watch, [certain("filter-invalid", str(answer))])
    if not isinstance(answer, Suback):
        return _ended(name, answer, watch, likely("policy-subscribe", f"{_HUNG_UP} SUBACK for {wanted}", **facts))
    code = answer.reason_codes[0]
    trip.result.subscribed[wanted] = code
    if code < _REFUSED:
        return check(name, Outcome.PASSED, f"granted with QoS {code}", watch)
    said = f"SUBACK 0x{code:02X} for {wanted}"
    rule = _SUBSCRIBE_RULES.get(code)
    found = certain(rule, said, **facts) if rule else likely("policy-subscribe", said, **facts)
    return check(name, Outcome.STOPPED, said, watch, [found])


async def _publish(trip: Trip, conversation: Conversation, number: int, topic: str) -> Check:
    name, watch = f"PUBLISH {topic}", Stopwatch()
    facts = {"topic": topic, **region_facts(trip.endpoint.host)}
    packet = Publish(topic=topic, payload=_PAYLOAD, qos=1, packet_id=number)
    answer = await _ask(conversation, packet, PacketType.PUBACK)
    if isinstance(answer, ValueError):
        return check(name, Outcome.STOPPED, str(answer), watch, [certain("topic-invalid", str(answer))])
    if not isinstance(answer, Puback):
        return _ended(name, answer, watch, likely("policy-publish", f"{_HUNG_UP} PUBACK for {topic}", **facts))
    code = answer.reason_code
    trip.result.published[topic] = code
    if code < _REFUSED:
        return check(name, Outcome.PASSED, "published, and acknowledged", watch)
    said = f"PUBACK 0x{code:02X} for {topic}"
    rule = _PUBLISH_RULES.get(code)
    found = certain(rule, said, **facts) if rule else likely("policy-publish", said, **facts)
    return check(name, Outcome.STOPPED, said, watch, [found])


async def _ask(
    conversation: Conversation, packet: Subscribe | Publish, wanted: PacketType
) -> Packet | ValueError | TimeoutError | None:
    try:
        await conversation.ask(packet, packet.type.name)
        return await conversation.answer(wanted)
    except (ValueError, TimeoutError) as error:
        return error
    except MalformedPacket:
        return None


def _ended(name: str, answer: Packet | TimeoutError | None, watch: Stopwatch, usual: Finding) -> Check:
    if isinstance(answer, TimeoutError):
        return check(name, Outcome.STOPPED, "no answer within the time", watch)
    if isinstance(answer, Disconnect) and answer.reason_code not in (0, _NOT_AUTHORIZED):
        said = str(Disconnected(answer.reason_code))
        invalid = {_FILTER_INVALID: "filter-invalid", _TOPIC_INVALID: "topic-invalid"}.get(answer.reason_code)
        return check(name, Outcome.STOPPED, said, watch, [] if invalid is None else [certain(invalid, said)])
    # How AWS answers what the policy denies an MQTT 3.1.1 client.
    return check(name, Outcome.STOPPED, usual.evidence, watch, [usual])


def _unasked(name: str) -> Check:
    return check(name, Outcome.SKIPPED, "the server had closed the connection before; ask for it alone")
