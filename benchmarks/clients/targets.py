"""What is aimed at: ratios of ``customauth`` to the library by itself, and a few absolute numbers."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen


@frozen(kw_only=True)
class Target:
    """A limit for one measure.

    :ivar unit: what the numbers of both arms are in.
    :ivar limit: None where nothing is aimed at.
    :ivar at_most: whether the limit is the highest good value, or the lowest.
    """

    measure: str
    unit: str
    limit: float | None
    at_most: bool

    def met(self, value: float) -> bool:
        """Say whether a value is good, rounded as it is shown."""
        if self.limit is None:
            return True
        shown = round(value, 2)
        return shown <= self.limit if self.at_most else shown >= self.limit

    def __str__(self) -> str:
        if self.limit is None:
            return "none"
        return f"{'≤' if self.at_most else '≥'} {self.limit:g}"


CONNECT = Target(measure="connect p50", unit="ms", limit=1.1, at_most=True)
ACKNOWLEDGED = Target(measure="QoS 1, 100 in flight", unit="messages/s", limit=0.95, at_most=False)
FASTEST = Target(measure="QoS 1, the library's fastest way", unit="messages/s", limit=None, at_most=False)
UNACKNOWLEDGED = Target(measure="QoS 0", unit="messages/s", limit=0.8, at_most=False)
ROUND_TRIP = Target(measure="QoS 1 round trip p50", unit="ms", limit=1.1, at_most=True)

RATIOS: Sequence[Target] = (CONNECT, ACKNOWLEDGED, FASTEST, UNACKNOWLEDGED, ROUND_TRIP)

MEMORY = Target(measure="memory", unit="KiB a connection", limit=100, at_most=True)

COMMAND = {
    "awscrt": Target(measure="command", unit="ms", limit=1.0, at_most=True),
    "paho": Target(measure="command", unit="ms", limit=0.7, at_most=True),
    "gmqtt": Target(measure="command", unit="ms", limit=0.7, at_most=True),
}
"""For each backend that has a target: one ``customauth connect`` to a plain script of the SDK."""
