"""When two medians differ: outside the noise of the runs, and by enough to matter. No distribution is assumed."""

from __future__ import annotations

import functools
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence

from attrs import frozen

LEAST_VALUES = 4
"""Of fewer values nothing is said: two groups of three come to lie wholly apart by chance once in ten times."""
MATTERS = 1.05
"""A smaller ratio between two medians is not worth a word, however sure it is."""


@frozen(kw_only=True)
class Spread:
    """A median, and between which values the true one lies with a probability of 95 % (of less for under six values).

    :ivar low: the lower end; with few values their smallest.
    :ivar high: the upper end; with few values their largest.
    """

    median: float
    low: float
    high: float
    count: int


def spread(values: Iterable[float]) -> Spread | None:
    """Return the median and its interval from the order of the values, None without values."""
    ordered = sorted(values)
    count = len(ordered)
    if not count:
        return None
    place = _place(count)
    return Spread(median=statistics.median(ordered), low=ordered[place], high=ordered[count - 1 - place], count=count)


def differ(one: Spread, other: Spread) -> bool:
    """Say whether two medians differ outside the noise, and by enough to matter."""
    if min(one.count, other.count) < LEAST_VALUES:
        return False
    return outside_noise(one, other) and factor(one.median, other.median) >= MATTERS


def outside_noise(one: Spread, other: Spread) -> bool:
    """Say whether the intervals of two medians lie apart."""
    return one.high < other.low or other.high < one.low


def factor(one: float, other: float) -> float:
    """Return how many times the larger is the smaller, infinity where that is zero."""
    small, large = sorted((one, other))
    if small <= 0:
        return 1.0 if large == small else math.inf
    return large / small


def ranked(spreads: Mapping[str, Spread], *, lower_is_better: bool) -> list[str]:
    """Return the names, the best median first."""
    return sorted(spreads, key=lambda name: spreads[name].median, reverse=not lower_is_better)


def clearly_first(names: Sequence[str], spreads: Mapping[str, Spread]) -> str | None:
    """Return the first of ranked names when it differs from every other, None when it does not or is alone."""
    first = names[0] if len(names) > 1 else None
    if first is None or not all(differ(spreads[first], spreads[name]) for name in names[1:]):
        return None
    return first


@functools.cache
def _place(count: int) -> int:
    """Return how many values can be left out at each end with the confidence kept (the binomial distribution)."""
    # So many of the 2 ** count ways in which values fall on the two sides of the true median may be missed at one end.
    missable = 2**count // 40
    left_out = 0
    ways = total = 1
    while True:
        ways = ways * (count - left_out) // (left_out + 1)
        total += ways
        if total > missable:
            return left_out
        left_out += 1
