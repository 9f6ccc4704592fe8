"""The report of a comparison: plain data that can be stored, merged and drawn."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Iterable
from typing import Any

from attrs import field, frozen

from customauth import PluginManager, __version__
from customauth.compare.result import Cell

SCHEMA = 1
"""The version of the JSON document."""

_TRACE_ID = re.compile(r":[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


@frozen(kw_only=True)
class Report:
    """Cells, and the machine and libraries that they were taken with.

    :ivar environment: a short name of where it ran, such as ``Python 3.11``, which a merged table shows.
    :ivar libraries: the version of each backend's library.
    """

    cells: tuple[Cell, ...]
    environment: str = field(factory=lambda: "Python " + ".".join(platform.python_version_tuple()[:2]))
    machine: str = field(factory=lambda: f"{platform.system()} {platform.machine()}")
    libraries: dict[str, str] = field(factory=dict)

    @classmethod
    def of(cls, cells: Iterable[Cell], plugins: PluginManager) -> Report:
        """Make the report of cells that were just taken on this machine."""
        taken = tuple(cells)
        used = {cell.backend for cell in taken}
        libraries = {
            info.name: f"{info.library} {info.library_version}" for info in plugins.describe() if info.name in used
        }
        return cls(cells=taken, libraries=libraries)

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return {
            "schema": SCHEMA,
            "customauth": __version__,
            "environment": self.environment,
            "machine": self.machine,
            "libraries": self.libraries,
            "cells": [cell.to_json() for cell in self.cells],
        }

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Read back what :meth:`to_json` gave.

        :raises ValueError: when it is something else.
        """
        data = json.loads(text)
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            raise ValueError(f"not a comparison of schema {SCHEMA}; make it with: customauth compare --json")
        try:
            return cls(
                cells=tuple(Cell.from_json(cell) for cell in data["cells"]),
                environment=data["environment"],
                machine=data["machine"],
                libraries=dict(data["libraries"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a whole comparison: {error!r}") from error


def rows(reports: Iterable[Report]) -> list[dict[str, str]]:
    """Return the table's rows, by heading: one a cell, its time the median of its attempts."""
    return [
        {
            "environment": report.environment,
            "scenario": cell.scenario,
            "MQTT": cell.version,
            "backend": cell.backend,
            "library": report.libraries.get(cell.backend, ""),
            "ended": cell.error or cell.outcome.value,
            "expected": {True: "yes", False: "NO", None: "-"}[cell.as_expected],
            "ms": "" if cell.median is None else f"{cell.median:.1f}",
            "reason": _TRACE_ID.sub("", cell.reason or ""),
        }
        for report in reports
        for cell in report.cells
    ]


def markdown(reports: Iterable[Report]) -> str:
    """Draw the reports as one Markdown table."""
    lines = rows(reports)
    headings = list(lines[0]) if lines else []
    table = [headings, ["---"] * len(headings), *([row[heading] for heading in headings] for row in lines)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in table)
