"""A progress bar over a comparison while it runs."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from customauth.compare import Progress, Report


async def watched(steps: AsyncGenerator[Progress, None]) -> Report:
    """Wait for the report; show how far it is on standard error, if that is a terminal."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        # A bar that is disabled says nothing in new versions of rich only: in older ones it ends in an empty line.
        return await _last_of(steps, lambda step: None)
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("comparing", total=None)

        def show(step: Progress) -> None:
            bar.update(task, completed=step.done, total=step.total, description=step.scenario or "comparing")

        return await _last_of(steps, show)


async def _last_of(steps: AsyncGenerator[Progress, None], show: Callable[[Progress], None]) -> Report:
    report = None
    async with contextlib.aclosing(steps):
        async for step in steps:
            show(step)
            report = step.report or report
    assert report is not None  # noqa: S101 - the last step brings it
    return report
