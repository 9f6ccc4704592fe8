"""One CONNECT on a connection of its own, and how it ended."""

from __future__ import annotations

from attrs import frozen

from customauth.doctor.probe.conversation import Answer, Conversation, open_pipe
from customauth.doctor.probe.packets import ConnectBytes
from customauth.doctor.probe.result import Ending
from customauth.doctor.probe.tls import Offer
from customauth.doctor.probe.trip import Stopwatch, Trip
from customauth.mqtt import MqttVersion


@frozen(kw_only=True)
class Exchange:
    """What came of a CONNECT.

    :ivar seconds: from the CONNECT to how it ended.
    :ivar conversation: goes on where it was accepted.
    """

    answer: Answer
    seconds: float
    conversation: Conversation | None = None


async def exchange(trip: Trip, version: MqttVersion, packet: ConnectBytes, offer: Offer) -> Exchange:
    """Send a CONNECT when its turn has come; the connection is closed unless the server accepts."""
    await trip.turns.take(trip.setup.client_id)
    pipe = await open_pipe(trip, offer)
    watch = Stopwatch()
    if isinstance(pipe, str):
        return Exchange(answer=Answer(ending=Ending.UNREACHED, said=pipe), seconds=watch.seconds())
    conversation = Conversation(trip, version, pipe)
    try:
        answer = await conversation.connect(packet)
    except BaseException:
        pipe.abort()
        raise
    seconds = watch.seconds()
    if answer.ending is Ending.ACCEPTED:
        return Exchange(answer=answer, seconds=seconds, conversation=conversation)
    await pipe.close()
    return Exchange(answer=answer, seconds=seconds)
