"""What a chart shows of the values of one cell."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from attrs import frozen

ENOUGH_FOR_P95 = 20
"""With fewer values the 95th percentile is the largest value by another name."""
ENOUGH_FOR_P99 = 100
"""Likewise the 99th."""


@frozen(kw_only=True)
class Box:
    """The places of a distribution; a percentile is None where the values are too few for it."""

    count: int
    least: float
    lower_quartile: float
    median: float
    upper_quartile: float
    p95: float | None
    p99: float | None
    most: float


def box(values: Sequence[float]) -> Box:
    """Sum up at least one value.

    :raises ValueError: when there is none.
    """
    if not values:
        raise ValueError("no values; a cell without values has no distribution")
    ordered = sorted(values)
    return Box(
        count=len(ordered),
        least=ordered[0],
        lower_quartile=_below(ordered, 0.25),
        median=statistics.median(ordered),
        upper_quartile=_below(ordered, 0.75),
        p95=_below(ordered, 0.95) if len(ordered) >= ENOUGH_FOR_P95 else None,
        p99=_below(ordered, 0.99) if len(ordered) >= ENOUGH_FOR_P99 else None,
        most=ordered[-1],
    )


def _below(ordered: Sequence[float], part: float) -> float:
    # As Cell.percentile has it, so that table and page say the same.
    return ordered[min(int(part * len(ordered)), len(ordered) - 1)]
