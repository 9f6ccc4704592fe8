"""Standard output for `customauth sub`: a reader that is slow stops nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path

import pytest

from commands import COMMAND, quoted, run_line
from customauth.cli.output import Output
from needs import needs_backend

LARGE = bytes(range(256)) * 8192


def test_the_event_loop_goes_on_while_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    async def write_and_read() -> bytes:
        writing = asyncio.create_task(Output().write(LARGE))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not writing.done()
        received = b""
        while len(received) < len(LARGE):
            with contextlib.suppress(BlockingIOError):
                received += os.read(read, 65536)
            await asyncio.sleep(0)
        await writing
        return received

    read, write = os.pipe()
    os.set_blocking(read, False)
    with os.fdopen(read, "rb"), os.fdopen(write, "wb") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert asyncio.run(write_and_read()) == LARGE


def test_everything_reaches_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        asyncio.run(Output().write(LARGE))
    assert (tmp_path / "file").read_bytes() == LARGE


@needs_backend
def test_a_closed_standard_output_is_a_usage_error(tmp_path: Path) -> None:
    result = run_line(f"{quoted(COMMAND)} sub -t a localhost:1 >&-", tmp_path)
    assert result.code == 2
    assert result.last == "next: give the messages somewhere to go"


@needs_backend
def test_a_closed_standard_input_has_no_lines(tmp_path: Path) -> None:
    result = run_line(f"{quoted(COMMAND)} pub -t a -l localhost:1 <&-", tmp_path)
    assert result.code == 2
    assert result.last.startswith("next: give -l something to read")
