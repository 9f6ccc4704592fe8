"""How many messages a second a library publishes when the program is written for it."""

from __future__ import annotations

import time
from typing import ClassVar

from attrs import evolve

from customauth import ComparisonClient, Transport
from customauth.compare import Bench, Kind, Measure, NotApplicable, Scenario, Subject, Turn

_PAYLOAD = b"x" * 64
_WINDOW = 100


class FastestRate(Scenario):
    """Publish at QoS 1 in the library's fastest way, beside customauth's only one."""

    name = "publish-fastest"
    title = "QoS 1, the library's fastest way"
    description = (
        "Messages of 64 bytes per second from one connection, 100 in flight, until all are acknowledged. The library "
        "alone is used by a program that is written for it, such as one that publishes from its callbacks."
    )
    kind = Kind.SPEED
    measures: ClassVar[tuple[Measure, ...]] = (
        Measure(name="publish-fastest", title="publishes per second", unit="/s", lower_is_better=False),
    )
    local = True
    load = True
    raw = True
    transports: ClassVar[tuple[Transport, ...]] = (Transport.MQTT,)

    async def turn(self, bench: Bench, subject: Subject) -> Turn:
        alone = bench.client(evolve(subject, raw=True))
        if type(alone).publish_fastest is ComparisonClient.publish_fastest:
            raise NotApplicable("its library has one way to publish, which publish-qos1 measures")
        count = bench.repetitions(1000, 20_000)
        async with bench.connected(subject) as client:
            began = time.perf_counter()
            await client.publish_fastest(f"{bench.topic}/{self.name}", _PAYLOAD, count=count, window=_WINDOW)
            return Turn(measurements={self.name: (count / (time.perf_counter() - began),)})
