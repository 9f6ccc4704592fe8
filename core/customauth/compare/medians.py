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
    :ivar rounds: the median of each round; empty when it is not known which values are of which.
    """

    median: float
    low: float
    high: float
    count: int
    rounds: tuple[float, ...] = ()

    @property
    def is_enough(self) -> bool:
        """Whether anything can be said of it: there are values enough, and not all are from one round."""
        return self.count >= LEAST_VALUES and len(self.rounds) != 1


def spread(values: Iterable[float], turns: int = 0) -> Spread | None:
    """Return the median and its interval from the order of the values, None without values.

    :param values: in the order taken.
    :param turns: how many turns they are from, as many from each; 0 when that is not known.
    """
    taken = list(values)
    count = len(taken)
    if not count:
        return None
    ordered, place, parts = sorted(taken), _place(count), min(turns, count)
    return Spread(
        median=statistics.median(ordered),
        low=ordered[place],
        high=ordered[count - 1 - place],
        count=count,
        rounds=tuple(
            statistics.median(taken[number * count // parts : (number + 1) * count // parts]) for number in range(parts)
        ),
    )


def differ(one: Spread, other: Spread) -> bool:
    """Say whether two medians differ outside the noise, and by enough to matter."""
    if min(one.count, other.count) < LEAST_VALUES:
        return False
    return outside_noise(one, other) and factor(one.median, other.median) >= MATTERS


def stand_apart(one: Spread, other: Spread) -> bool:
    """Say whether two that took turns differ, and not in another direction from round to round.

    What changes from one round to the next, such as the load of the machine, falls on both alike; so the same one must
    be ahead in every round, or in so many that chance does it in less than 5 %.
    """
    if not (one.is_enough and other.is_enough and differ(one, other)):
        return False
    pairs = list(zip(one.rounds, other.rounds, strict=False))
    is_less = one.median < other.median
    against = sum(1 for first, second in pairs if first == second or (first < second) is not is_less)
    return against <= (_place(len(pairs)) if pairs else 0)


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
    """Return the first of ranked names when it stands apart from every other, None when it does not or is alone."""
    first = names[0] if len(names) > 1 else None
    if first is None or not all(stand_apart(spreads[first], spreads[name]) for name in names[1:]):
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
