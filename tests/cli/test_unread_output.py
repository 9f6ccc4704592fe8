"""Output that nobody reads any more, as in `customauth backends | head -0`: no traceback, and no claim of success."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from commands import COMMAND, RunningGateway, run, start
from needs import needs_backend

UNREAD = 141


@contextlib.contextmanager
def _unread_pipe() -> Iterator[int]:
    read, write = os.pipe()
    os.close(read)
    try:
        yield write
    finally:
        os.close(write)


@needs_backend
@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        ["connect", "--help"],
        ["backends"],
        ["backends", "--json"],
        ["username"],
        ["keygen"],
        ["connect", "localhost:1"],
        ["connect", "--json", "localhost:1"],
        ["compare", "--rounds", "1", "--scenario", "refusal"],
        ["demo"],
        ["gateway", "--port", "0"],
    ],
    ids=" ".join,
)
def test_a_closed_pipe_ends_the_command_without_a_word(words: list[str], tmp_path: Path) -> None:
    with _unread_pipe() as output:
        made = subprocess.run(
            [*COMMAND, *words], stdout=output, stderr=subprocess.PIPE, cwd=tmp_path, timeout=240, check=False
        )
    assert (made.returncode, made.stderr) == (UNREAD, b"")


def test_closed_pipes_on_both_outputs_end_it_too() -> None:
    with _unread_pipe() as output:
        made = subprocess.run([*COMMAND, "frob"], stdout=output, stderr=output, timeout=240, check=False)
    assert made.returncode == UNREAD


@needs_backend
def test_the_gateway_ends_when_nobody_reads_its_decisions_any_more(tmp_path: Path) -> None:
    stderr_file = tmp_path / "stderr"
    with (
        stderr_file.open("w") as stderr,
        start("gateway", "--port", "0", stderr=stderr, cwd=tmp_path) as process,
    ):
        assert process.stdout is not None
        running = RunningGateway(process, tmp_path, stderr_file, lines=_until_decisions(process.stdout))
        process.stdout.close()
        run("connect", *running.where())
        assert process.wait(60) == UNREAD
    assert stderr_file.read_text() == ""


def _until_decisions(output: IO[str]) -> list[str]:
    lines = [output.readline().rstrip("\n")]
    while lines[-1] != "Decisions:":
        lines.append(output.readline().rstrip("\n"))
    return lines


def test_a_full_disk_is_told_in_a_line() -> None:
    with Path("/dev/full").open("w") as full:
        made = subprocess.run(
            [sys.executable, "-m", "customauth", "username", "--username", "alice"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=240,
        )
    assert made.returncode == 1
    assert "No space left" in made.stderr
    assert made.stderr.splitlines()[-1].startswith("next: make room")
    assert "Traceback" not in made.stderr
