"""What the turns of one scenario add up to: a cell for each subject."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from attrs import define, evolve, field

from customauth import CustomAuth
from customauth.compare.own_process import TurnFailed
from customauth.compare.result import Behaviour, Cell, Measure, State
from customauth.compare.scenario import Subject, Turn

_TRACE_ID = re.compile(r":?\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
# Digits that mean something; more of them are noise, and make documents long.
_DIGITS = 5


@define
class _Sum:
    state: State = State.RUN
    why: str | None = None
    measurements: dict[str, list[float]] = field(factory=dict)
    behaviours: list[Behaviour] = field(factory=list)
    turns: int = 0


class Tally:
    """The turns of one scenario, as they come.

    :param environment: the id of where they are taken.
    :param scenario: its name.
    :param measures: what its turns may bring.
    """

    def __init__(self, environment: str, scenario: str, measures: Iterable[Measure]) -> None:
        self._environment = environment
        self._scenario = scenario
        self._measures = frozenset(measure.name for measure in measures)
        self._sums: dict[Subject, _Sum] = {}

    def expect(self, subject: Subject) -> None:
        """Give a subject its place among the cells."""
        self._sums.setdefault(subject, _Sum())

    def add(self, subject: Subject, turn: Turn) -> None:
        """Take what a turn gave.

        :raises TypeError: it gave something else; a stranger's scenario may.
        :raises ValueError: a measure that the scenario does not describe, or a value that is no number.
        """
        if not isinstance(turn, Turn):
            raise TypeError(f"scenario {self._scenario} gave {type(turn).__name__}; its turn must return a Turn")
        found = self._sums[subject]
        strange = sorted(turn.measurements.keys() - self._measures)
        if strange:
            raise ValueError(f"scenario {self._scenario} does not describe its measure {strange[0]!r}")
        if not all(math.isfinite(value) for values in turn.measurements.values() for value in values):
            raise ValueError(f"scenario {self._scenario} has measured what is no number")
        for name, values in turn.measurements.items():
            found.measurements.setdefault(name, []).extend(_rounded(value) for value in values)
        if turn.behaviour is not None:
            found.behaviours.append(turn.behaviour)
        found.turns += 1

    def not_run(self, subject: Subject, why: str) -> None:
        """Take that a subject cannot do it."""
        found = self._sums[subject]
        found.state, found.why = State.NOT_RUN, without_trace_ids(why)

    def broke_down(self, subject: Subject, error: Exception, credentials: CustomAuth) -> None:
        """Take that a turn failed; what it gave before stays."""
        found = self._sums[subject]
        # What failed in another process says its class itself.
        said = str(error) if isinstance(error, TurnFailed) else f"{type(error).__name__}: {error}"
        told = " ".join(said.split())
        found.state, found.why = State.ERROR, without_trace_ids(_masked(told, credentials))

    def end(self, subject: Subject, turns: int) -> None:
        """Take that no more turns come, of so many that there should have been."""
        found = self._sums[subject]
        if found.state is not State.RUN or found.turns == turns:
            return
        if found.turns:
            found.why = f"interrupted after {found.turns} of {turns} turns"
        else:
            found.state, found.why = State.MISSING, "interrupted before its first turn"

    def is_over(self, subject: Subject) -> bool:
        """Say whether further turns would tell nothing new."""
        return self._sums[subject].state is not State.RUN

    def cells(self) -> Iterator[Cell]:
        """Give the cells, in the order in which the subjects were expected."""
        for subject, found in self._sums.items():
            yield Cell(
                environment=self._environment,
                scenario=self._scenario,
                backend=subject.backend,
                version=subject.version.label,
                transport=subject.transport.value,
                raw=subject.raw,
                state=found.state,
                why=found.why,
                behaviour=_one(found.behaviours),
                measurements={name: tuple(values) for name, values in found.measurements.items()},
                turns=found.turns,
            )


def without_trace_ids(text: str) -> str:
    """Leave out the identifiers that a server puts into its reasons: they differ each time, and mean nothing later."""
    return _TRACE_ID.sub("", text)


def _one(behaviours: list[Behaviour]) -> Behaviour | None:
    """Return the first that was not as expected, or the first, with the times of all."""
    if not behaviours:
        return None
    shown = next((each for each in behaviours if not each.as_expected), behaviours[0])
    return evolve(
        shown,
        message=None if shown.message is None else without_trace_ids(shown.message),
        cause_message=None if shown.cause_message is None else without_trace_ids(shown.cause_message),
        milliseconds=tuple(_rounded(value) for each in behaviours for value in each.milliseconds),
    )


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _masked(text: str, credentials: CustomAuth) -> str:
    """Leave out the credentials: a stranger's exception may quote them."""
    secrets = [credentials.mqtt_username()]
    if credentials.password is not None:
        secrets.append(credentials.password.decode(errors="replace"))
    if credentials.token is not None:
        token = credentials.token
        secrets += [token.signature, quote(token.signature, safe=""), token.value]
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return text
