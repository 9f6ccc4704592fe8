"""Thousands of connections in one process, each of which publishes now and then: is any of them lost?"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import ClassVar

from customauth import ConnectError, Connection, CustomAuthError, MqttVersion, Transport
from customauth.compare import Bench, Kind, Measure, NotApplicable, Scenario, Subject, Turn

# A crowd takes minutes, so not every backend holds one.
_BACKENDS = ("paho", "gmqtt")
# So many connect at once while the crowd gathers.
_GATHERING = 16
# Seconds: the shortest keep alive of AWS (E10), so that all ping, too.
_KEEP_ALIVE = 30
# Seconds between two publishes of one connection.
_EVERY = 40.0
_TIMEOUT = 60.0


class Crowd(Scenario):
    """Hold a crowd through customauth.

    :param count: of connections.
    :param hold: seconds.
    """

    name = "crowd"
    title = "Crowd"
    description = (
        "Connections at once in one process. Each pings (keep alive 30 s), publishes at QoS 1 at its own time in every "
        "40 s, and once more at the end. It breaks down when one of them is not accepted, is lost, or is not answered."
    )
    kind = Kind.SPEED
    measures: ClassVar[tuple[Measure, ...]] = (
        Measure(name="crowd", title="connections that stayed to the end", unit="count", lower_is_better=False),
        Measure(name="crowd-accepting", title="until all are accepted", unit="ms"),
        Measure(name="crowd-acknowledged", title="publishes acknowledged", unit="count", lower_is_better=False),
    )
    local = True
    load = True
    versions: ClassVar[tuple[MqttVersion, ...]] = (MqttVersion.V5,)
    transports: ClassVar[tuple[Transport, ...]] = (Transport.MQTT,)
    rounds: ClassVar[int | None] = 1
    limit: ClassVar[float] = 900.0

    def __init__(self, *, count: int, hold: float) -> None:
        self._count = count
        self._hold = hold

    async def turn(self, bench: Bench, subject: Subject) -> Turn:
        if subject.backend not in _BACKENDS:
            raise NotApplicable(f"a crowd is held through {' and '.join(_BACKENDS)}")
        crowd = _Gathering(bench, subject)
        began = time.monotonic()
        await crowd.gather(self._count)
        accepting = time.monotonic() - began
        acknowledged = await crowd.stay(self._hold)
        answered = await crowd.leave()
        if crowd.failures or answered != self._count:
            said = "; ".join(f"{number:,} times {failure}" for failure, number in crowd.failures.most_common())
            raise RuntimeError(f"{answered:,} of {self._count:,} stayed and were answered at the end: {said}")
        values = {"crowd": answered, "crowd-accepting": accepting * 1000, "crowd-acknowledged": acknowledged}
        return Turn(measurements={name: (float(value),) for name, value in values.items()})


class _Gathering:
    """A crowd.

    :ivar failures: what went wrong, and how often.
    """

    def __init__(self, bench: Bench, subject: Subject) -> None:
        self.failures: Counter[str] = Counter()
        self._bench = bench
        self._subject = subject
        self._connections: list[Connection] = []

    async def gather(self, count: int) -> None:
        """Connect so many."""
        numbers = iter(range(count))

        async def some() -> None:
            for _ in numbers:
                try:
                    connection = await self._bench.connect(self._subject, keep_alive=_KEEP_ALIVE, timeout=_TIMEOUT)
                except ConnectError as error:
                    self.failures[f"{type(error).__name__}: {error}"] += 1
                else:
                    self._connections.append(connection)

        await asyncio.gather(*(some() for _ in range(_GATHERING)))

    async def stay(self, seconds: float) -> int:
        """Hold them; return how many publishes were acknowledged."""
        began = time.monotonic()
        ends, count = began + seconds, len(self._connections)

        async def stay(connection: Connection, number: int) -> int:
            due, acknowledged = began + _EVERY * number / count, 0
            while due < ends:
                await asyncio.sleep(due - time.monotonic())
                acknowledged += await self._publish(connection)
                due += _EVERY
            await asyncio.sleep(ends - time.monotonic())
            return acknowledged

        return sum(await asyncio.gather(*(stay(each, number) for number, each in enumerate(self._connections))))

    async def leave(self) -> int:
        """Let each publish once more, and leave; return how many were answered."""
        for connection in self._connections:
            if connection.closed is not None:
                self.failures[f"lost: {connection.closed}"] += 1
        answered = await asyncio.gather(*(self._publish(connection) for connection in self._connections))
        await asyncio.gather(*(connection.aclose() for connection in self._connections))
        return sum(answered)

    async def _publish(self, connection: Connection) -> bool:
        try:
            await connection.publish(f"{self._bench.topic}/crowd", b"still here", qos=1, timeout=_TIMEOUT)
        except CustomAuthError as error:
            self.failures[f"{type(error).__name__}: {error}"] += 1
            return False
        return True
