"""How many messages at QoS 0 a second arrive, and whether any is lost."""

from __future__ import annotations

import secrets
import time
from typing import ClassVar

from customauth import Transport
from customauth.compare import Bench, Kind, Measure, Scenario, Subject, Turn

from .receiver import Order, receiving

LOST = "lost-qos0"
"""The measure of what did not arrive."""

# Half of the payload's bytes: it is text, in hexadecimal digits.
_RANDOM = 32


class ArrivalRate(Scenario):
    """Publish at QoS 0, and count what arrives at a subscriber."""

    name = "arrivals-qos0"
    title = "Arrivals at QoS 0"
    description = (
        "Messages of 64 bytes per second from one connection to a subscriber in another process, from the first "
        "publish to the last arrival. What has not arrived is not counted as sent, but as lost."
    )
    kind = Kind.SPEED
    measures: ClassVar[tuple[Measure, ...]] = (
        Measure(name="arrivals-qos0", title="arrivals per second at QoS 0", unit="/s", lower_is_better=False),
        Measure(name=LOST, title="lost messages", unit="count"),
    )
    local = True
    load = True
    raw = True
    transports: ClassVar[tuple[Transport, ...]] = (Transport.MQTT,)

    async def turn(self, bench: Bench, subject: Subject) -> Turn:
        count = bench.repetitions(2000, 40_000)
        topic = f"{bench.topic}/{self.name}"
        # Another one each time, so that no late message of an earlier turn is taken for one of this.
        payload = secrets.token_hex(_RANDOM).encode()
        order = Order(
            endpoint=bench.endpoint(subject),
            credentials=bench.credentials,
            client_id=bench.client_id(),
            topic=topic,
            payload=payload,
            count=count,
        )
        async with receiving(order) as arrivals, bench.connected(subject) as client:
            began = time.monotonic()
            await client.publish_unacknowledged(topic, payload, count=count)
            # What is acknowledged was behind the others, so that none of them is cut off by closing.
            await client.publish_acknowledged(topic, b"end", count=1, window=1)
            found = await arrivals()
        rate = found.count / (found.last - began)
        return Turn(measurements={self.name: (rate,), LOST: (float(count - found.count),)})
