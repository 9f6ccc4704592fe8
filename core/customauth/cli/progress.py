"""A progress bar over a comparison while it runs."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from customauth.compare import Progress, Report


async def watched(steps: AsyncGenerator[Progress, None]) -> Report:
    """Wait for the report; show how far it is on standard error, if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    report = None
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("comparing", total=None)
        async with contextlib.aclosing(steps):
            async for step in steps:
                bar.update(task, completed=step.done, total=step.total, description=step.scenario or "comparing")
                report = step.report or report
    assert report is not None  # noqa: S101 - the last step brings it
    return report
