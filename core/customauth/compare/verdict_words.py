"""How the sentences of a verdict are put together: lists that stay short, and what belongs together in one word."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from customauth.compare.figures import Row, measure_title, ratio_text

MOST = 3
"""So many things are named in one sentence; a screen is small."""


NOT_EVERYWHERE = "not in all settings"
"""Said of several things together that hold in different settings."""


def named(texts: Iterable[str], most: int = MOST) -> str:
    """Name the first of several things, and count the others; semicolons between them, as the things have commas."""
    found = list(texts)
    shown = "; ".join(found[:most])
    return shown if len(found) <= most else f"{shown}; and {len(found) - most} more"


def bracketed(text: str, *details: str) -> str:
    """Put details in brackets behind a text, those that are empty left out."""
    found = ", ".join(detail for detail in details if detail)
    return f"{text} ({found})" if found else text


def range_text(ratios: Iterable[float]) -> str:
    """Return ``1.20x`` or ``1.20x to 1.31x``."""
    ordered = sorted(ratios)
    low, high = ratio_text(ordered[0]), ratio_text(ordered[-1])
    return low if low == high else f"{low} to {high}"


def measures_named(rows: Iterable[tuple[Row, str]]) -> str:
    """Name the measures of rows; several of one scenario are counted and not named.

    :param rows: one of each measure, with where something holds at it; empty for everywhere.
    """
    by_scenario: dict[str, dict[str, tuple[Row, str]]] = {}
    for row, holds in rows:
        by_scenario.setdefault(row.scenario.name, {})[measure_title(row)] = row, holds
    texts = []
    for by_title in by_scenario.values():
        title, (row, holds) = next(iter(by_title.items()))
        of_all = len(row.scenario.measures)
        if len(by_title) > 1:
            share = "" if len(by_title) == of_all else f"{len(by_title)} of {of_all} measures"
            places = {each for _, each in by_title.values()}
            texts.append(bracketed(row.scenario.title, share, holds if len(places) == 1 else NOT_EVERYWHERE))
        else:
            texts.append(bracketed(title, holds))
    return named(texts)


def counted(names: Sequence[str]) -> str:
    """Name a scenario, or say how many they are."""
    return names[0] if len(names) == 1 else f"{len(names)} scenarios"
