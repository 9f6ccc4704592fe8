"""What is aimed at: ratios of customauth to the library alone, and a few absolute numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen


@frozen(kw_only=True)
class Target:
    """A limit for one measure.

    :ivar measure: its name in the comparison.
    :ivar limit: None where nothing is aimed at.
    :ivar at_most: whether the limit is the highest good value, or the lowest.
    :ivar of_ratio: whether it is for the ratio, or for customauth's own value.
    :ivar backends: limits of single backends, in place of the other.
    """

    measure: str
    limit: float | None
    at_most: bool = True
    of_ratio: bool = True
    backends: Mapping[str, float] | None = None

    def for_backend(self, name: str) -> float | None:
        """Return the limit for a backend, None where nothing is aimed at."""
        return self.limit if self.backends is None else self.backends.get(name, self.limit)

    def met(self, value: float, backend: str) -> bool | None:
        """Say whether a value is good, rounded as it is shown; None where nothing is aimed at."""
        limit = self.for_backend(backend)
        if limit is None:
            return None
        shown = round(value, 2)
        return shown <= limit if self.at_most else shown >= limit

    def text(self, backend: str) -> str:
        """Return the limit for a table."""
        limit = self.for_backend(backend)
        return "none" if limit is None else f"{'≤' if self.at_most else '≥'} {limit:g}"


TARGETS: Sequence[Target] = (
    Target(measure="connect", limit=1.1),
    Target(measure="publish-qos1", limit=0.95, at_most=False),
    Target(measure="publish-fastest", limit=None),
    Target(measure="arrivals-qos0", limit=0.8, at_most=False),
    Target(measure="round-trip-qos1", limit=1.1),
    Target(measure="memory", limit=100, of_ratio=False),
    Target(measure="command", limit=None, backends={"awscrt": 1.0, "paho": 0.7, "gmqtt": 0.7}),
)
