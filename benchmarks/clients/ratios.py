"""Neighbouring turns compared: the ratio of each pair, and the medians. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def order(number: int) -> tuple[str, str]:
    """Return which arm goes first in a round: they take turns at that, too, so that a drift favours neither."""
    return ("alone", "customauth") if number % 2 else ("customauth", "alone")


def summaries(turns: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Compare the arms, for each measure, server, backend and version in the order in which they came.

    :param turns: one for each arm and round, with ``measure``, ``server``, ``backend``, ``version``, ``round``,
        ``arm``, ``value`` and ``cpu_us``.
    """
    groups: dict[tuple[str, ...], dict[int, dict[str, Mapping[str, Any]]]] = {}
    for turn in turns:
        key = tuple(turn[name] for name in _KEY)
        groups.setdefault(key, {}).setdefault(turn["round"], {})[turn["arm"]] = turn
    return [
        {**dict(zip(_KEY, key, strict=True)), **compared([rounds[number] for number in sorted(rounds)])}
        for key, rounds in groups.items()
    ]


def compared(rounds: Sequence[Mapping[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """Compare the arms of each round; a round without both counts for nothing."""
    pairs = [(each["customauth"], each["alone"]) for each in rounds if {"customauth", "alone"} <= each.keys()]
    ratios = [ours["value"] / theirs["value"] for ours, theirs in pairs]
    cpu_ratios = [ours["cpu_us"] / theirs["cpu_us"] for ours, theirs in pairs if theirs["cpu_us"]]
    return {
        "customauth": median([ours["value"] for ours, _ in pairs]),
        "alone": median([theirs["value"] for _, theirs in pairs]),
        "ratio": median(ratios),
        "ratios": ratios,
        "customauth_cpu_us": median([ours["cpu_us"] for ours, _ in pairs]),
        "alone_cpu_us": median([theirs["cpu_us"] for _, theirs in pairs]),
        "cpu_ratio": median(cpu_ratios),
    }


def median(values: Sequence[float]) -> float | None:
    """Return the median, None of nothing."""
    return statistics.median(values) if values else None


_KEY = ("measure", "server", "backend", "version")
