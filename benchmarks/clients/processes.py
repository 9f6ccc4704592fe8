"""Processes of ``worker.py`` and ``receiver.py``, driven from here."""

from __future__ import annotations

import contextlib
import json
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .arms import Arm, Contest

_ROOT = Path(__file__).parents[2]
# Seconds for one order; the longest is that of a crowd.
_LIMIT = 600.0


class Driven:
    """A process that answers each line of JSON with another."""

    def __init__(self, name: str, process: subprocess.Popen[str]) -> None:
        self._name = name
        self._process = process

    def __str__(self) -> str:
        return self._name

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def tell(self, **order: Any) -> None:
        """Give an order."""
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """Wait for the answer to an order.

        :raises RuntimeError: when the process has ended, or has said nothing for a long time.
        """
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        # One answer stands for each order, so that none waits in the buffer of the stream.
        if not select.select([self._process.stdout], [], [], _LIMIT)[0]:
            raise RuntimeError(f"{self} has not answered within {_LIMIT:g} s")
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self} has ended; its traceback is above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(self, **order: Any) -> dict[str, Any]:
        """Give an order and wait for the answer."""
        self.tell(**order)
        return self.answer()


@contextlib.contextmanager
def worker(contest: Contest, arm: Arm) -> Iterator[Driven]:
    """Run one arm."""
    with _driven("worker", contest.backend, contest.version, arm) as driven:
        yield driven


@contextlib.contextmanager
def receiver() -> Iterator[Driven]:
    """Run the receiving side."""
    with _driven("receiver") as driven:
        yield driven


@contextlib.contextmanager
def _driven(module: str, *words: str) -> Iterator[Driven]:
    command = [sys.executable, "-m", f"benchmarks.clients.{module}", *words]
    # Closes its standard input, which ends it, and waits for that.
    with subprocess.Popen(  # noqa: S603 - our own program, and no shell
        command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Driven(" ".join((module, *words)), process)
        except BaseException:
            process.kill()
            raise
