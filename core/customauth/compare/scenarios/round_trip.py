"""How long a message takes to the server and back."""

from __future__ import annotations

import time
from typing import ClassVar

from customauth import Transport
from customauth.compare.bench import Bench
from customauth.compare.result import Kind, Measure
from customauth.compare.scenario import Scenario, Subject, Turn

_PAYLOAD = b"x" * 64
_WARM_UP = 3


class _RoundTrip(Scenario):
    kind = Kind.SPEED
    raw = True
    transports: ClassVar[tuple[Transport, ...]] = (Transport.MQTT,)
    qos: ClassVar[int]

    async def turn(self, bench: Bench, subject: Subject) -> Turn:
        # Of its own: nobody else is to get what it sends.
        topic = f"{bench.topic}/{bench.client_id()}"
        times = []
        async with bench.connected(subject) as client:
            await client.subscribe(topic, self.qos)
            for _ in range(_WARM_UP):
                await client.round_trip(topic, _PAYLOAD, self.qos)
            for _ in range(bench.repetitions(12, 200)):
                began = time.perf_counter()
                await client.round_trip(topic, _PAYLOAD, self.qos)
                times.append((time.perf_counter() - began) * 1000)
        return Turn(measurements={self.name: tuple(times)})


class UnacknowledgedRoundTrip(_RoundTrip):
    """Publish at QoS 0 to the own subscription, one message at a time."""

    name = "round-trip-qos0"
    title = "Round trip, QoS 0"
    description = "From publishing 64 bytes at QoS 0 to the message on the own subscription, one at a time."
    measures: ClassVar[tuple[Measure, ...]] = (Measure(name="round-trip-qos0", title="round trip, QoS 0", unit="ms"),)
    qos = 0


class AcknowledgedRoundTrip(_RoundTrip):
    """Publish at QoS 1 to the own subscription, one message at a time."""

    name = "round-trip-qos1"
    title = "Round trip, QoS 1"
    description = "From publishing 64 bytes at QoS 1 until both its PUBACK and the message are here, one at a time."
    measures: ClassVar[tuple[Measure, ...]] = (Measure(name="round-trip-qos1", title="round trip, QoS 1", unit="ms"),)
    qos = 1
