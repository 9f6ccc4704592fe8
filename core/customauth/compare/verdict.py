"""What the numbers say, in one screen: for each backend what it cannot do, where it stands apart, what it is best for.

Every sentence is made from the report; nothing is known here of any library. What does not hold in all settings that
were measured says in which it does. Of a difference within the noise of the runs nothing is said
(:mod:`customauth.compare.medians`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import frozen

from customauth.compare import verdict_cells, verdict_speed
from customauth.compare.figures import Row, backends, speed_rows
from customauth.compare.interruptions import interruptions
from customauth.compare.medians import LEAST_VALUES, MATTERS
from customauth.compare.result import Report
from customauth.compare.verdict_words import measures_named


@frozen(kw_only=True)
class BackendVerdict:
    """What is said of one backend; each text a whole sentence.

    :ivar library: its library with the versions that were compared.
    :ivar cannot: what others can and it cannot, and what was not run because of it.
    :ivar apart: where it is behind all others, what it does not report as it should, what customauth's layer costs it.
    :ivar best_for: where it is ahead of all others or, when that is nowhere, cannot be told from the best.
    :ivar missing: what it broke down at, and what there are no values of.
    """

    backend: str
    library: str
    cannot: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    best_for: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def sentences(self) -> tuple[str, ...]:
        """All of them; a backend of which the data says nothing has one that says so."""
        found = (*self.best_for, *self.apart, *self.cannot, *self.missing)
        return found or ("Nothing that could be judged sets it apart.",)


@frozen(kw_only=True)
class Verdict:
    """What is said of a report.

    :ivar general: what holds for all of it.
    """

    backends: tuple[BackendVerdict, ...]
    general: tuple[str, ...] = ()


def verdict(report: Report) -> Verdict:
    """Return what a report says of each of its backends."""
    names = backends(report)
    rows = speed_rows(report)
    speed = verdict_speed.standings(names, rows)
    return Verdict(
        backends=tuple(
            BackendVerdict(
                backend=name,
                library=_library(report, name),
                cannot=tuple(verdict_cells.cannot(report, name)),
                apart=(
                    *verdict_speed.behind(speed[name]),
                    *verdict_cells.wrong(report, name),
                    *verdict_speed.costs(speed[name]),
                ),
                best_for=(*verdict_speed.ahead(speed[name]), *verdict_cells.alone_right(report, name)),
                missing=tuple(verdict_cells.missing(report, name, rows)),
            )
            for name in names
        ),
        general=(*interruptions(report), *verdict_cells.general(report), *_limits(report, rows)),
    )


def _limits(report: Report, rows: Sequence[Row]) -> Iterator[str]:
    """Say what the verdict keeps silent about."""
    few = verdict_cells.held_by_measure(rows, lambda row: not all(each.is_enough for each in row.spreads().values()))
    if few:
        yield (
            f"Fewer than {LEAST_VALUES} values, or all from one round, so nothing is said of: {measures_named(few)}"
            f"{_more_by(report)}."
        )
    if rows:
        yield (
            f"Differences within the noise of the runs, below {MATTERS - 1:.0%}, or in another direction from round to "
            "round are not told."
        )


def _more_by(report: Report) -> str:
    """Say how there would be more values, if that is known: a scenario may limit its rounds."""
    if report.quick:
        return "; a comparison that is not quick has more"
    return "; more rounds give more" if report.rounds < LEAST_VALUES else ""


def _library(report: Report, name: str) -> str:
    infos = [each.backends[name] for each in report.environments if name in each.backends]
    versions = dict.fromkeys(f"{info.library} {info.library_version}" for info in infos)
    return " or ".join(versions) or "library unknown"
