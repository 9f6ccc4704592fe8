"""The run of ``customauth compare``: a signal ends it early, and what was measured till then is its report."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from customauth.cli.exits import ExitCode
from customauth.cli.progress import watched
from customauth.cli.say import say

if TYPE_CHECKING:
    from types import FrameType

    from customauth.compare import Plan, Report

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# Seconds after which a second signal is obeyed whatever a library is still doing.
_AT_ONCE = 1.0


def run_plan(plan: Plan) -> tuple[Report, ExitCode | None]:
    """Run a plan to its end, or until SIGINT or SIGTERM; a second one ends the process at once, without a report.

    :returns: with the exit code that an early end has, None for a comparison that is whole.
    :raises click.Abort: there was a second signal.
    """
    with _own_folder() as folder:
        try:
            return asyncio.run(_run(plan, folder))
        except asyncio.CancelledError:
            raise click.Abort from None


@contextlib.contextmanager
def _own_folder() -> Iterator[str]:
    """Keep temporary files in one folder, and remove it: some are left to the interpreter's end, which is skipped."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="customauth-", ignore_cleanup_errors=True) as folder:
        tempfile.tempdir = folder
        try:
            yield folder
        finally:
            tempfile.tempdir = before


async def _run(plan: Plan, folder: str) -> tuple[Report, ExitCode | None]:
    from customauth.compare import run

    stop: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    with _stopped_by_signals(stop, folder) as signals:
        report = await watched(run(plan, stop))
    if not report.interrupted:
        return report, None
    return report, ExitCode.INTERRUPTED if signals else ExitCode.INTERNAL


@contextlib.contextmanager
def _stopped_by_signals(stop: asyncio.Future[str], folder: str) -> Iterator[list[signal.Signals]]:
    """Let the first signal end the comparison, and the second the process; give those that came.

    :param folder: is removed before the process is ended.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None  # noqa: S101 - it runs in one
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    came: list[signal.Signals] = []

    def first(number: signal.Signals) -> None:
        came.append(number)
        if not stop.done():
            stop.set_result(number.name)
        say(f"interrupted by {number.name}: the report of what was measured follows; once more ends at once")
        for each in _SIGNALS:
            loop.remove_signal_handler(each)
            # A handler of the loop would wait for a library that holds it up.
            signal.signal(each, second)

    def second(number: int, _: FrameType | None) -> None:
        came.append(signal.Signals(number))
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        loop.call_soon_threadsafe(task.cancel)
        last = threading.Timer(_AT_ONCE, _end, (folder,))
        last.daemon = True
        last.start()

    for number in _SIGNALS:
        loop.add_signal_handler(number, first, number)
    try:
        yield came
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            # After the second one the next shall end what is left at once.
            signal.signal(number, handler if len(came) < 2 else signal.SIG_DFL)


def _end(folder: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    say("interrupted")
    os._exit(ExitCode.INTERRUPTED)
