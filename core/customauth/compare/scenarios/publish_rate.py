"""How many messages a second a connection publishes."""

from __future__ import annotations

import time
from typing import ClassVar

from customauth import Transport
from customauth.compare.bench import Bench
from customauth.compare.result import Kind, Measure
from customauth.compare.scenario import Scenario, Subject, Turn

_PAYLOAD = b"x" * 64
_WINDOW = 100


class AcknowledgedRate(Scenario):
    """Publish at QoS 1 with 100 messages in flight."""

    name = "publish-qos1"
    title = "Publish rate, QoS 1"
    description = "Messages of 64 bytes per second from one connection, 100 in flight, until all are acknowledged."
    kind = Kind.SPEED
    measures: ClassVar[tuple[Measure, ...]] = (
        Measure(name="publish-qos1", title="publishes per second, QoS 1", unit="/s", lower_is_better=False),
    )
    local = True
    load = True
    raw = True
    transports: ClassVar[tuple[Transport, ...]] = (Transport.MQTT,)

    async def turn(self, bench: Bench, subject: Subject) -> Turn:
        count = bench.repetitions(1000, 10_000)
        topic = f"{bench.topic}/{self.name}"
        async with bench.connected(subject) as client:
            began = time.perf_counter()
            await client.publish_acknowledged(topic, _PAYLOAD, count=count, window=_WINDOW)
            return Turn(measurements={self.name: (count / (time.perf_counter() - began),)})


class UnacknowledgedRate(Scenario):
    """Publish at QoS 0, and wait until the server has taken it all."""

    name = "publish-qos0"
    title = "Publish rate, QoS 0"
    description = (
        "Messages of 64 bytes per second from one connection, until a last one at QoS 1 is acknowledged: the server "
        "has taken all before it then. Whether a library has dropped some is not seen here."
    )
    kind = Kind.SPEED
    measures: ClassVar[tuple[Measure, ...]] = (
        Measure(name="publish-qos0", title="publishes per second, QoS 0", unit="/s", lower_is_better=False),
    )
    local = True
    load = True
    raw = True
    transports: ClassVar[tuple[Transport, ...]] = (Transport.MQTT,)

    async def turn(self, bench: Bench, subject: Subject) -> Turn:
        count = bench.repetitions(2000, 20_000)
        topic = f"{bench.topic}/{self.name}"
        async with bench.connected(subject) as client:
            began = time.perf_counter()
            await client.publish_unacknowledged(topic, _PAYLOAD, count=count)
            await client.publish_acknowledged(topic, _PAYLOAD, count=1, window=2)
            return Turn(measurements={self.name: (count / (time.perf_counter() - began),)})
