"""A command line that cannot be carried out."""

from __future__ import annotations

import click


class Misuse(click.UsageError):
    """What was asked for cannot be done.

    :param message: what is wrong.
    :ivar next_step: what to do about it; it becomes the last line on the screen.
    """

    def __init__(self, message: str, next_step: str) -> None:
        super().__init__(message)
        self.next_step = next_step
