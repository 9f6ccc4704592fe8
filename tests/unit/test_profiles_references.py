"""References to secrets: files, environment variables, commands."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import pytest

from customauth.profiles import references
from customauth.profiles.references import Reference, UnusableReference


def _reference(text: str, folder: Path) -> Reference:
    reference = Reference.parse(text, folder=folder)
    assert reference is not None
    return reference


def _program(folder: Path, source: str) -> str:
    (folder / "program.py").write_text(source)
    return f"cmd:'{sys.executable}' program.py"


@pytest.mark.parametrize("text", ["", "hunter2", "file", "http://proxy", "FILE:x", "kms:x"])
def test_any_other_text_is_no_reference(tmp_path: Path, text: str) -> None:
    assert Reference.parse(text, folder=tmp_path) is None


@pytest.mark.parametrize(
    ("content", "secret"),
    [(b"x\n", b"x"), (b"x\r\n", b"x"), (b"x\n\n", b"x\n"), (b"\x00\xff", b"\x00\xff"), (b"", b"")],
)
def test_a_file_gives_its_bytes_but_for_one_line_end(tmp_path: Path, content: bytes, secret: bytes) -> None:
    (tmp_path / "secret").write_bytes(content)
    assert _reference("file:secret", tmp_path).read() == secret
    assert _reference(f"file:{tmp_path}/secret", Path("/")).read() == secret


def test_a_file_in_the_home_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "secret").write_bytes(b"x")
    assert _reference("file:~/secret", Path("/")).read() == b"x"


@pytest.mark.parametrize("name", ["missing", ".", "a\0b"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnusableReference, match=str(tmp_path)):
        _reference(f"file:{name}", tmp_path).read()


def test_a_variable_gives_its_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_TOKEN", "x\n\udcff")
    assert _reference("env:LAB_TOKEN", tmp_path).read() == b"x\n\xff"


@pytest.mark.parametrize("value", [None, ""])
def test_a_variable_that_is_not_set_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("LAB_TOKEN", raising=False)
    if value is not None:
        monkeypatch.setenv("LAB_TOKEN", value)
    with pytest.raises(UnusableReference, match="the environment variable LAB_TOKEN is not set"):
        _reference("env:LAB_TOKEN", tmp_path).read()


def test_a_command_gives_what_it_prints_but_for_one_line_end_and_runs_in_the_folder(tmp_path: Path) -> None:
    source = "import os, sys; os.write(1, os.fsencode(os.getcwd()) + b'\\xff\\n\\n' + sys.stdin.buffer.read())"
    assert _reference(_program(tmp_path, source), tmp_path).read() == bytes(tmp_path) + b"\xff\n"


def test_no_shell_reads_a_command(tmp_path: Path) -> None:
    text = f"cmd:'{sys.executable}' -c 'import sys; print(sys.argv[1:])' $HOME; \"a b\" > x"
    assert _reference(text, tmp_path).read() == b"['$HOME;', 'a b', '>', 'x']"
    assert not (tmp_path / "x").exists()


def test_a_command_that_fails_is_told_without_what_it_printed(tmp_path: Path) -> None:
    reference = _reference(_program(tmp_path, "print('hunter2'); raise SystemExit(3)"), tmp_path)
    with pytest.raises(UnusableReference, match=r"ended with exit code 3$") as caught:
        reference.read()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import os; os.kill(os.getpid(), 9)", "ended with signal 9"),
        ("pass", "printed nothing"),
    ],
)
def test_a_command_that_brings_nothing_is_told(tmp_path: Path, source: str, message: str) -> None:
    with pytest.raises(UnusableReference, match=message):
        _reference(_program(tmp_path, source), tmp_path).read()


def test_a_command_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnusableReference, match=r"no-such-program: No such file or directory"):
        _reference("cmd:no-such-program x", tmp_path).read()


def test_a_command_that_does_not_end_is_killed_and_what_it_started_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(references, "_COMMAND_TIMEOUT", 0.2)
    # The grandchild holds standard output open until this test opens the pipe below.
    os.mkfifo(tmp_path / "pipe")
    source = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'open(\\'pipe\\').read()'])"
    with pytest.raises(UnusableReference, match=r"has not ended within 0\.2 seconds"):
        _reference(_program(tmp_path, source), tmp_path).read()
    # Without a reader by now, it was killed before it came so far, and holds nothing.
    with contextlib.suppress(OSError):
        os.close(os.open(tmp_path / "pipe", os.O_WRONLY | os.O_NONBLOCK))
