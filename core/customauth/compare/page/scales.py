"""From values to places in a chart."""

from __future__ import annotations

import math
from collections.abc import Iterable

from attrs import frozen

WIDTH = 1000
"""The width of a plot in the units of its ``viewBox``; the browser stretches it to the room at hand."""

_LOGARITHMIC_FROM = 50
"""How many times the least value the largest must be before equal steps hide the small ones."""


@frozen(kw_only=True)
class Scale:
    """Where a value lies between the left edge of a plot and its right.

    :ivar low: at the left edge: 0, but a power of ten where ``logarithmic``.
    """

    low: float
    high: float
    logarithmic: bool = False

    def place(self, value: float) -> int:
        """Return the distance from the left edge, 0 to :data:`WIDTH`; what lies outside is put at the edge."""
        if self.logarithmic:
            value = max(value, self.low)
            part = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            part = (value - self.low) / (self.high - self.low)
        return round(WIDTH * min(max(part, 0.0), 1.0))

    def ticks(self) -> tuple[float, ...]:
        """Return the round values to write at the axis, in rising order."""
        if self.logarithmic:
            first, last = round(math.log10(self.low)), round(math.log10(self.high))
            return tuple(10.0**power for power in range(first, last + 1))
        step = _step(self.high)
        return tuple(step * count for count in range(round(self.high / step) + 1))


def scale_of(values: Iterable[float], *, may_be_logarithmic: bool = False) -> Scale:
    """Return the scale that has room for all values: from zero, unless they are too far apart for equal steps."""
    known = [value for value in values if value > 0]
    if not known:
        return Scale(low=0, high=1)
    least, most = min(known), max(known)
    if may_be_logarithmic and most / least > _LOGARITHMIC_FROM:
        return Scale(
            low=10.0 ** math.floor(math.log10(least)), high=10.0 ** math.ceil(math.log10(most)), logarithmic=True
        )
    step = _step(most)
    return Scale(low=0, high=step * math.ceil(round(most / step, 9)))


def _step(most: float) -> float:
    """Return a round step (1, 2, 2.5 or 5 times a power of ten) of which four to eight reach a value."""
    power = 10.0 ** math.floor(math.log10(most / 4))
    return next(step for step in (power * 5, power * 2.5, power * 2, power) if most / step >= 4 - 1e-9)
