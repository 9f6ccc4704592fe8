"""What a connection that is held costs."""

from __future__ import annotations

import json
import sys
from typing import ClassVar

from customauth import MqttVersion, Transport
from customauth.compare.bench import Bench
from customauth.compare.children import child
from customauth.compare.holding import Order
from customauth.compare.medians import LEAST_VALUES
from customauth.compare.result import Kind, Measure
from customauth.compare.scenario import NotApplicable, Scenario, Subject, Turn


class MemoryAndThreads(Scenario):
    """Hold connections in a process that does nothing else."""

    name = "memory"
    title = "Memory and threads"
    description = (
        "What each connection adds to the memory (proportional set size, PSS) and to the threads of a fresh process "
        "that holds 100 of them (25 when quick), each of which has published once. Linux."
    )
    kind = Kind.SPEED
    measures: ClassVar[tuple[Measure, ...]] = (
        Measure(name="memory", title="memory for each connection", unit="KiB"),
        Measure(name="threads", title="threads for each connection", unit="count"),
    )
    local = True
    load = True
    fresh = True
    raw = True
    versions: ClassVar[tuple[MqttVersion, ...]] = (MqttVersion.V5,)
    transports: ClassVar[tuple[Transport, ...]] = (Transport.MQTT,)
    # One fresh process is like another, by a few percent; of fewer than these nothing would be said.
    rounds: ClassVar[int | None] = LEAST_VALUES
    quick_rounds: ClassVar[int | None] = 1

    async def turn(self, bench: Bench, subject: Subject) -> Turn:
        if sys.platform != "linux":
            raise NotApplicable("memory is read as Linux tells it")
        order = Order(
            subject=subject,
            place=bench.place,
            credentials=bench.credentials,
            timeout=bench.timeout,
            topic=bench.topic,
            count=bench.repetitions(25, 100),
        )
        said, _ = await child("holding", subject, order)
        found = json.loads(said)
        if "not_applicable" in found:
            raise NotApplicable(found["not_applicable"])
        return Turn(measurements={"memory": (found["kib"],), "threads": (found["threads"],)})
