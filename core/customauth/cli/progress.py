"""A progress bar over a comparison while it runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from customauth.compare import Cell


async def watched(steps: AsyncIterator[tuple[int, Cell | None]], total: int, *, quiet: bool) -> AsyncIterator[Cell]:
    """Pass on the cells; show how far it is on standard error, if that is a terminal and not ``quiet``."""
    from rich.console import Console

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        async for _, cell in steps:
            if cell is not None:
                yield cell
        return
    from rich.progress import Progress

    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("comparing", total=total)
        async for made, cell in steps:
            progress.update(task, completed=made)
            if cell is not None:
                yield cell
