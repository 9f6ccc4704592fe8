"""The parts of a report that can be looked at alone: one environment, protocol version and transport each."""

from __future__ import annotations

from collections import Counter

from attrs import frozen

from customauth.compare.figures import setting_text
from customauth.compare.result import Cell, Report


@frozen(kw_only=True)
class Slice:
    """What the filters choose by."""

    environment: str
    version: str
    transport: str

    @property
    def label(self) -> str:
        """The three in words."""
        return f"{self.environment} · {setting_text(self.version, self.transport)}"


def slice_of(cell: Cell) -> Slice:
    """Return the slice that a cell belongs to."""
    return Slice(environment=cell.environment, version=cell.version, transport=cell.transport)


@frozen(kw_only=True)
class Slices:
    """All slices of a report, and what the page shows at first.

    :ivar all: those that have cells; environments in the report's order, the rest in the order of their cells.
    :ivar first: the one with the most cells that were run.
    """

    all: tuple[Slice, ...]
    environments: tuple[str, ...]
    versions: tuple[str, ...]
    transports: tuple[str, ...]
    first: Slice | None

    def keys(self, slice_: Slice) -> dict[str, int]:
        """Return the attributes by which the page's filters find what belongs to a slice."""
        return {
            "data_environment": self.environments.index(slice_.environment),
            "data_version": self.versions.index(slice_.version),
            "data_transport": self.transports.index(slice_.transport),
        }


def slices_of(report: Report) -> Slices:
    """Return the slices of a report."""
    listed = [environment.id for environment in report.environments]
    environments = tuple(dict.fromkeys([*listed, *(cell.environment for cell in report.cells)]))
    versions = tuple(dict.fromkeys(cell.version for cell in report.cells))
    transports = tuple(dict.fromkeys(cell.transport for cell in report.cells))
    run = Counter(slice_of(cell) for cell in report.cells if cell.measurements or cell.behaviour)
    # A cell of every slice counts a little, so that a report in which nothing ran has a first slice too.
    run.update({slice_of(cell): 0 for cell in report.cells})
    every = sorted(
        run,
        key=lambda slice_: (
            environments.index(slice_.environment),
            versions.index(slice_.version),
            transports.index(slice_.transport),
        ),
    )
    first = max(every, key=lambda slice_: run[slice_], default=None)
    return Slices(all=tuple(every), environments=environments, versions=versions, transports=transports, first=first)
