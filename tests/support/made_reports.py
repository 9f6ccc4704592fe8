"""Reports made to measure, and any report at all. Import as ``made_reports``.

::

    speeds({"a": (1, 2), "b": (3, 4)}, raw={...}, ...)   a report of one measure, by backend
    endings({"a": behaviour(...), ...})                   a report of one behaviour, by backend
    reports()                                             a hypothesis strategy for whole reports
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import evolve
from hypothesis import strategies as st

from customauth.compare.result import (
    BackendInfo,
    Behaviour,
    Cell,
    Environment,
    Kind,
    Measure,
    Report,
    ScenarioInfo,
    State,
)

MEASURE = Measure(name="connect", title="connect", unit="ms")
SCENARIO = ScenarioInfo(name="connect", title="Connect", description="Connects.", kind=Kind.SPEED, measures=(MEASURE,))
ENDING = ScenarioInfo(name="refused", title="Refused", description="Is refused.", kind=Kind.BEHAVIOUR)


def speeds(
    values: Mapping[str, Sequence[float]],
    *,
    raw: Mapping[str, Sequence[float]] | None = None,
    environment: str = "py3.11",
    version: str = "5",
    transport: str = "mqtt",
    measure: Measure = MEASURE,
    features: Mapping[str, Sequence[str]] | None = None,
    turns: int = 0,
) -> Report:
    """Return a report of one measure.

    :param turns: how many turns the values are from; 0 when that is not known.
    """
    scenario = evolve(SCENARIO, measures=(measure,))
    cells = [
        Cell(
            environment=environment,
            scenario=scenario.name,
            backend=name,
            version=version,
            transport=transport,
            raw=alone,
            measurements={measure.name: tuple(map(float, taken))},
            turns=turns,
        )
        for alone, group in ((False, values), (True, raw or {}))
        for name, taken in group.items()
    ]
    return _report([scenario], cells, environment, [*values, *(features or {})], features or {})


def endings(ended: Mapping[str, Behaviour | None], *, environment: str = "py3.11", version: str = "5") -> Report:
    """Return a report of one behaviour; None is one that broke down."""
    cells = [
        Cell(
            environment=environment,
            scenario=ENDING.name,
            backend=name,
            version=version,
            state=State.RUN if behaviour else State.ERROR,
            why=None if behaviour else "RuntimeError: it fell over",
            behaviour=behaviour,
        )
        for name, behaviour in ended.items()
    ]
    return _report([ENDING], cells, environment, list(ended), {})


def behaviour(error: str | None, *, as_expected: bool = True) -> Behaviour:
    """Return how something ended."""
    return Behaviour(expected="ConnackRefused", as_expected=as_expected, error=error, message="it is refused")


def with_cells(report: Report, *cells: Cell) -> Report:
    """Return a report with more cells."""
    return evolve(report, cells=(*report.cells, *cells))


def joined(*reports: Report) -> Report:
    """Return the cells of several reports of one environment in one report."""
    scenarios = {each.name: each for report in reports for each in report.scenarios}
    return evolve(
        reports[0],
        scenarios=tuple(scenarios.values()),
        cells=tuple(cell for report in reports for cell in report.cells),
    )


def _report(
    scenarios: list[ScenarioInfo],
    cells: list[Cell],
    environment: str,
    names: Sequence[str],
    features: Mapping[str, Sequence[str]],
) -> Report:
    infos = {
        name: BackendInfo(
            library=f"lib{name}",
            library_version="1.0",
            distribution="customauth",
            distribution_version="0.1",
            features=tuple(features.get(name, ())),
        )
        for name in dict.fromkeys(names)
    }
    where = Environment(id=environment, python="3.11.9", platform="Linux x86_64", processor="Any", backends=infos)
    return Report(
        customauth="0.1",
        created="2026-01-02T03:04:05+00:00",
        rounds=9,
        environments=(where,),
        scenarios=tuple(scenarios),
        cells=tuple(cells),
    )


_TEXTS = st.text(max_size=12)
_MAYBE = st.none() | _TEXTS
_NUMBERS = st.lists(st.floats(0, 1e9, allow_nan=False), max_size=6).map(tuple)
_INFOS = st.builds(
    BackendInfo,
    library=_TEXTS,
    library_version=_TEXTS,
    distribution=_TEXTS,
    distribution_version=_TEXTS,
    features=st.lists(_TEXTS, max_size=3).map(tuple),
)
_MEASURES = st.lists(
    st.builds(Measure, name=_TEXTS, title=_TEXTS, unit=st.sampled_from(["ms", "/s", "KiB", "count"]) | _TEXTS),
    max_size=3,
    unique_by=lambda measure: measure.name,
).map(tuple)
_SCENARIOS = st.lists(
    st.builds(
        ScenarioInfo, name=_TEXTS, title=_TEXTS, description=_TEXTS, kind=st.sampled_from(Kind), measures=_MEASURES
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda scenario: scenario.name,
)
_BEHAVIOURS = st.builds(
    Behaviour,
    expected=_TEXTS,
    as_expected=st.booleans(),
    error=_MAYBE,
    stage=_MAYBE,
    reason_code=st.none() | st.integers(0, 255),
    message=_MAYBE,
    cause=_MAYBE,
    cause_message=_MAYBE,
    retryable=st.none() | st.booleans(),
    milliseconds=_NUMBERS,
)


@st.composite
def reports(draw: st.DrawFn) -> Report:
    """Draw a report that holds together."""
    environments = draw(
        st.lists(
            st.builds(
                Environment,
                id=_TEXTS,
                python=_TEXTS,
                platform=_TEXTS,
                processor=_TEXTS,
                processors=st.integers(1, 256),
                backends=st.dictionaries(_TEXTS, _INFOS, max_size=3),
            ),
            min_size=1,
            max_size=3,
            unique_by=lambda environment: environment.id,
        )
    )
    scenarios = draw(_SCENARIOS)
    cells = [
        draw(_cells(environment, scenario))
        for environment in environments
        for scenario in scenarios
        for _ in range(draw(st.integers(0, 3)))
    ]
    return Report(
        customauth=draw(_TEXTS),
        created=draw(_TEXTS),
        endpoint=draw(_TEXTS),
        rounds=draw(st.integers(1, 1000)),
        quick=draw(st.booleans()),
        interrupted=draw(st.dictionaries(st.sampled_from([each.id for each in environments]), _TEXTS)),
        environments=tuple(environments),
        scenarios=tuple(scenarios),
        cells=tuple({_key(cell): cell for cell in cells}.values()),
    )


@st.composite
def _cells(draw: st.DrawFn, environment: Environment, scenario: ScenarioInfo) -> Cell:
    names = [measure.name for measure in scenario.measures]
    return Cell(
        environment=environment.id,
        scenario=scenario.name,
        backend=draw(st.sampled_from([*environment.backends, "another"])),
        version=draw(st.sampled_from(["5", "3.1.1"]) | _TEXTS),
        transport=draw(st.sampled_from(["mqtt", "wss"]) | _TEXTS),
        raw=draw(st.booleans()),
        state=draw(st.sampled_from(State)),
        why=draw(_MAYBE),
        behaviour=draw(st.none() | _BEHAVIOURS) if scenario.kind is Kind.BEHAVIOUR else None,
        measurements=draw(st.dictionaries(st.sampled_from(names), _NUMBERS)) if names else {},
        turns=draw(st.integers(0, 6)),
    )


def _key(cell: Cell) -> tuple[object, ...]:
    return cell.environment, cell.scenario, cell.backend, cell.version, cell.transport, cell.raw
