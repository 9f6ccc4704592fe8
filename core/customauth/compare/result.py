"""What one backend did in one scenario."""

from __future__ import annotations

import enum
import statistics
from typing import Any

from attrs import frozen


class Outcome(enum.Enum):
    """How the attempts of a cell ended."""

    CONNECTED = "connected"
    FAILED = "failed"
    NOT_RUN = "not run"


@frozen(kw_only=True)
class Cell:
    """One backend, one protocol version, one scenario.

    :ivar as_expected: whether it ended as the scenario says it should; None when it was not run.
    :ivar error: the class of the error, and ``reason`` its message.
    :ivar milliseconds: of each attempt, in the order made.
    """

    scenario: str
    backend: str
    version: str
    outcome: Outcome
    as_expected: bool | None = None
    error: str | None = None
    reason: str | None = None
    milliseconds: tuple[float, ...] = ()

    @property
    def median(self) -> float | None:
        """The median time of an attempt, in milliseconds."""
        return statistics.median(self.milliseconds) if self.milliseconds else None

    def to_json(self) -> dict[str, Any]:
        """Return the cell as plain data."""
        return {
            "scenario": self.scenario,
            "backend": self.backend,
            "version": self.version,
            "outcome": self.outcome.value,
            "as_expected": self.as_expected,
            "error": self.error,
            "reason": self.reason,
            "milliseconds": list(self.milliseconds),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Cell:
        """Read back what :meth:`to_json` gave.

        :raises ValueError: when it is something else.
        """
        try:
            return cls(**{**data, "outcome": Outcome(data["outcome"]), "milliseconds": tuple(data["milliseconds"])})
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a cell of a comparison: {error}") from error
