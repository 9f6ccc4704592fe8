"""What a comparison found: plain data that is stored as one JSON document, merged, and drawn.

The document is published as ``schema.json`` beside this file; everything that is shown is made from it alone.
"""

from __future__ import annotations

import enum
import statistics
from collections.abc import Iterable
from typing import Any

from attrs import Factory, evolve, frozen

SCHEMA = 3
"""The version of the document."""


class Kind(enum.Enum):
    """What a scenario is for."""

    SPEED = "speed"
    BEHAVIOUR = "behaviour"


class State(enum.Enum):
    """Whether a cell was run."""

    RUN = "run"
    NOT_RUN = "not run"
    """The backend, the version or the transport cannot do it; ``why`` says so."""
    ERROR = "error"
    """It broke down; ``why`` has the error."""
    MISSING = "missing"
    """The comparison was interrupted before its first turn."""


@frozen(kw_only=True)
class Measure:
    """One thing that a scenario measures.

    :ivar name: its key in the document, such as ``connect``.
    :ivar unit: ``ms``, ``/s``, ``KiB`` or ``count``.
    """

    name: str
    title: str
    unit: str
    lower_is_better: bool = True


PROCESSOR_TIME = Measure(name="processor-time", title="processor time of a turn", unit="ms")
"""Measured where subjects have processes of their own: that of the process, without those that it has started."""


@frozen(kw_only=True)
class ScenarioInfo:
    """A scenario, as the document describes it."""

    name: str
    title: str
    description: str
    kind: Kind
    measures: tuple[Measure, ...] = ()


@frozen(kw_only=True)
class Behaviour:
    """How a backend ended what a behaviour scenario made it do; of several rounds the first that was not as expected.

    :ivar expected: in words, what should have been said.
    :ivar as_expected: whether it was.
    :ivar error: the class of the error; None where there was none.
    :ivar cause: the class of the library's or the system's own exception, ``module.Class``.
    :ivar message: the error's text, without trace ids, so that rounds and runs compare.
    :ivar milliseconds: until it was told, of each round.
    """

    expected: str
    as_expected: bool
    error: str | None = None
    stage: str | None = None
    reason_code: int | None = None
    message: str | None = None
    cause: str | None = None
    cause_message: str | None = None
    retryable: bool | None = None
    milliseconds: tuple[float, ...] = ()


@frozen(kw_only=True)
class Cell:
    """One scenario with one backend, protocol version and transport, in one environment.

    :ivar raw: the library alone, without customauth's layer.
    :ivar why: why it was not run, how it broke down, or after how many of its turns it was interrupted.
    :ivar measurements: all values, by the measure's name, in the order taken.
    :ivar turns: how many turns they are from.
    """

    environment: str
    scenario: str
    backend: str
    version: str
    transport: str = "mqtt"
    raw: bool = False
    state: State = State.RUN
    why: str | None = None
    behaviour: Behaviour | None = None
    measurements: dict[str, tuple[float, ...]] = Factory(dict)
    turns: int = 0

    @property
    def is_cut_short(self) -> bool:
        """Whether it has fewer turns than it should have had, because the comparison was interrupted."""
        return self.state is State.MISSING or (self.state is State.RUN and self.why is not None)

    def median(self, measure: str) -> float | None:
        """Return the median of a measure, None where it was not taken."""
        values = self.measurements.get(measure)
        return statistics.median(values) if values else None

    def percentile(self, measure: str, part: float) -> float | None:
        """Return the value below which ``part`` (0 to 1) of a measure's values lie."""
        values = sorted(self.measurements.get(measure, ()))
        return values[min(int(part * len(values)), len(values) - 1)] if values else None


@frozen(kw_only=True)
class BackendInfo:
    """A backend in an environment."""

    library: str
    library_version: str
    distribution: str
    distribution_version: str
    features: tuple[str, ...] = ()


@frozen(kw_only=True)
class Environment:
    """Where cells were taken.

    :ivar id: short and unique in a document, such as ``py3.11`` or ``py3.12-lowest``.
    """

    id: str
    python: str
    platform: str
    processor: str = ""
    processors: int = 1
    backends: dict[str, BackendInfo] = Factory(dict)


@frozen(kw_only=True)
class Report:
    """A whole comparison.

    :ivar created: UTC, ISO 8601.
    :ivar endpoint: ``local`` for the gateway that the comparison started itself.
    :ivar rounds: how many turns each cell had.
    :ivar interrupted: why an environment was left before all was measured, by its id; see :attr:`State.MISSING`.
    """

    customauth: str
    created: str
    endpoint: str = "local"
    rounds: int = 1
    quick: bool = False
    interrupted: dict[str, str] = Factory(dict)
    environments: tuple[Environment, ...] = ()
    scenarios: tuple[ScenarioInfo, ...] = ()
    cells: tuple[Cell, ...] = ()

    def merged_with(self, others: Iterable[Report]) -> Report:
        """Return one report of several, taken in environments of different ids.

        :raises ValueError: when two have an environment of the same id.
        """
        everything = [self, *others]
        environments = tuple(each for report in everything for each in report.environments)
        ids = [each.id for each in environments]
        if len(set(ids)) != len(ids):
            twice = max(ids, key=ids.count)
            raise ValueError(f"two reports are of environment {twice!r}; give each its own --environment")
        scenarios: dict[str, ScenarioInfo] = {}
        for each in (each for report in everything for each in report.scenarios):
            known = scenarios.setdefault(each.name, each)
            names = {measure.name for measure in known.measures}
            more = tuple(measure for measure in each.measures if measure.name not in names)
            scenarios[each.name] = evolve(known, measures=(*known.measures, *more))
        return evolve(
            self,
            interrupted={name: why for report in everything for name, why in report.interrupted.items()},
            environments=environments,
            scenarios=tuple(scenarios.values()),
            cells=tuple(cell for report in everything for cell in report.cells),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the document."""
        from customauth.compare.document import to_document

        return to_document(self)

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Read a document.

        :raises ValueError: when it is something else, or of another schema.
        """
        from customauth.compare.document import from_document

        return from_document(text)
