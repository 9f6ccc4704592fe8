"""Where a backend is ahead of all others, behind them, or level, and what customauth's layer costs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from attrs import Factory, define, frozen

from customauth.compare.figures import Row, measure_title, value_text
from customauth.compare.medians import factor, ranked, stand_apart
from customauth.compare.settings import Setting, is_told, where
from customauth.compare.verdict_words import bracketed, measures_named, named, range_text

# From this ratio on the two values say more than it does.
_FAR = 10.0


@frozen(kw_only=True)
class _Beside:
    """A backend at a measure in one setting, beside another: two medians that differ outside the noise."""

    other: str
    own: float
    others: float

    @property
    def ratio(self) -> float:
        return factor(self.own, self.others)


@define
class _Standing:
    """How a backend stands at one measure.

    :ivar row: one of the measure's.
    :ivar measured: where the measure has values, whoever's they are.
    :ivar judged: where it could be compared with the others: all that have values have enough of them.
    :ivar first: where it is ahead of all others, beside the next.
    :ivar last: where it is behind all others, beside the first.
    :ivar level: where nobody is ahead of it outside the noise, so that its rank is not known.
    :ivar raw_measured: where there are values of the library alone beside its own.
    :ivar beside_raw: where both are enough to be compared.
    :ivar costs: where customauth's layer makes it worse than the library alone, and by how much.
    """

    row: Row
    measured: list[Setting] = Factory(list)
    judged: list[Setting] = Factory(list)
    first: dict[Setting, _Beside] = Factory(dict)
    last: dict[Setting, _Beside] = Factory(dict)
    level: list[Setting] = Factory(list)
    beside_raw: list[Setting] = Factory(list)
    raw_measured: list[Setting] = Factory(list)
    costs: dict[Setting, float] = Factory(dict)

    @property
    def title(self) -> str:
        return measure_title(self.row)

    def value(self, value: float) -> str:
        assert self.row.measure is not None  # noqa: S101 - rows of speed have one
        return value_text(value, self.row.measure.unit)


@define
class Standings:
    """How a backend stands, by scenario and measure."""

    by_measure: dict[tuple[str, str], _Standing] = Factory(dict)

    def of(self, row: Row) -> _Standing:
        """Return how it stands at the measure of a row."""
        assert row.measure is not None  # noqa: S101 - rows of speed have one
        return self.by_measure.setdefault((row.scenario.name, row.measure.name), _Standing(row))


def standings(names: Sequence[str], rows: Sequence[Row]) -> dict[str, Standings]:
    """Return how every backend stands.

    :param rows: those of speed.
    """
    found = {name: Standings() for name in names}
    for row in rows:
        _judge(row, found)
    return found


def ahead(found: Standings) -> Iterator[str]:
    """Say what a backend is best for or, when that is nothing, where it cannot be told from the best."""
    of_all = found.by_measure.values()
    first = [standing for standing in of_all if is_told(standing.first, standing.judged)]
    if first:
        first = _strongest(first, lambda standing: max(each.ratio for each in standing.first.values()))
        yield f"Best for {named(_ahead_text(standing) for standing in first)}."
        return
    level = [
        (standing.row, where(standing.level, standing.measured))
        for standing in of_all
        # Where it is said to be the last it is not said to be as good as the best in the other settings.
        if is_told(standing.level, standing.judged) and not is_told(standing.last, standing.judged)
    ]
    if level:
        # Being ahead in so few settings that it is not told would make the first half untrue.
        nowhere = not any(standing.first for standing in of_all)
        start = "Nowhere ahead of all others; not" if nowhere else "Not"
        yield f"{start} told apart from the best at {measures_named(level)}."


def behind(found: Standings) -> Iterator[str]:
    """Say where a backend is behind all others."""
    last = [standing for standing in found.by_measure.values() if is_told(standing.last, standing.judged)]
    if last:
        last = _strongest(last, lambda standing: max(each.ratio for each in standing.last.values()))
        yield f"Last at {named(_behind_text(standing) for standing in last)}."


def costs(found: Standings) -> Iterator[str]:
    """Say where customauth's layer makes a backend worse than its library alone."""
    dear = [standing for standing in found.by_measure.values() if is_told(standing.costs, standing.beside_raw)]
    if dear:
        dear = _strongest(dear, lambda standing: max(standing.costs.values()))
        texts = (
            bracketed(standing.title, range_text(standing.costs.values()), where(standing.costs, standing.raw_measured))
            for standing in dear
        )
        yield f"Cost of customauth's layer, beside the library alone: {named(texts)}."


def _judge(row: Row, found: dict[str, Standings]) -> None:
    """Note how every backend of a row stands."""
    assert row.measure is not None  # noqa: S101 - rows of speed have one
    lower_is_better = row.measure.lower_is_better
    setting = row.setting
    spreads, raw = row.spreads(), row.spreads(raw=True)
    if spreads:
        for each in found.values():
            each.of(row).measured.append(setting)
    for name in spreads.keys() & raw.keys():
        standing = found[name].of(row)
        standing.raw_measured.append(setting)
        if not (spreads[name].is_enough and raw[name].is_enough):
            continue
        standing.beside_raw.append(setting)
        worse = (spreads[name].median > raw[name].median) is lower_is_better
        if worse and stand_apart(spreads[name], raw[name]):
            standing.costs[setting] = factor(spreads[name].median, raw[name].median)
    order = ranked(spreads, lower_is_better=lower_is_better)
    # Whoever has too few values may be ahead or behind: then nobody's rank is known.
    if len(order) < 2 or not all(each.is_enough for each in spreads.values()):
        return
    for name in order:
        standing = found[name].of(row)
        standing.judged.append(setting)
        if not any(stand_apart(spreads[name], spreads[each]) for each in order[: order.index(name)]):
            standing.level.append(setting)
    for name, other, is_last in ((order[0], order[1], False), (order[-1], order[0], True)):
        if all(stand_apart(spreads[name], spreads[each]) for each in order if each != name):
            standing = found[name].of(row)
            places = standing.last if is_last else standing.first
            places[setting] = _Beside(other=other, own=spreads[name].median, others=spreads[other].median)


def _ahead_text(standing: _Standing) -> str:
    found = list(standing.first.values())
    value = standing.value(found[0].own) if len(found) == 1 else ""
    return bracketed(
        standing.title,
        value,
        f"{range_text(each.ratio for each in found)} ahead of {_others(found)}",
        where(standing.first, standing.measured),
    )


def _behind_text(standing: _Standing) -> str:
    found = list(standing.last.values())
    farthest = max(found, key=lambda each: each.ratio)
    text = f"{range_text(each.ratio for each in found)} behind {_others(found)}"
    if farthest.ratio >= _FAR:
        which = "" if len(found) == 1 else "at the farthest "
        text += f", {which}{standing.value(farthest.own)} beside {standing.value(farthest.others)}"
    return bracketed(standing.title, text, where(standing.last, standing.measured))


def _others(found: Sequence[_Beside]) -> str:
    return " or ".join(dict.fromkeys(each.other for each in found))


def _strongest(found: Sequence[_Standing], ratio: Callable[[_Standing], float]) -> list[_Standing]:
    """Order by ratio, one of each scenario before the second of any."""
    rank: dict[str, int] = {}
    places = []
    for standing in sorted(found, key=ratio, reverse=True):
        scenario = standing.row.scenario.name
        rank[scenario] = rank.get(scenario, -1) + 1
        places.append((rank[scenario], standing))
    return [standing for _, standing in sorted(places, key=lambda place: place[0])]
