"""The program of the long run."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).parents[2] / "fuzz" / "run.py"

needs_atheris = pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(RUN), *arguments], capture_output=True, text=True, check=False)


def test_an_unknown_target_is_answered_with_those_that_there_are() -> None:
    ended = run("smtp")
    assert ended.returncode == 2
    assert "no target named 'smtp'; there are: connect, username" in ended.stderr


def test_replay_wants_one_target() -> None:
    ended = run("--replay", "input")
    assert ended.returncode == 2
    assert "--replay needs the one TARGET" in ended.stderr


def test_an_input_that_passes_is_replayed(tmp_path: Path) -> None:
    found = tmp_path / "crash"
    found.write_bytes(b"\0GET / HTTP/1.1\r\n\r\n")
    ended = run("http", "--replay", str(found))
    assert ended.returncode == 0, ended.stderr
    assert "passes" in ended.stdout


@needs_atheris
def test_a_tiny_run_ends_and_leaves_its_corpus(tmp_path: Path) -> None:
    ended = run("client-hello", "publish", "--runs", "200", "--out", str(tmp_path))
    assert ended.returncode == 0, ended.stderr
    assert "nothing was found" in ended.stdout
    assert "Done 111 runs" in ended.stderr
    assert "Done 88 runs" in ended.stderr
    assert any((tmp_path / "publish" / "corpus").iterdir())


@needs_atheris
def test_what_a_run_finds_is_kept_and_fails_it(tmp_path: Path) -> None:
    planted = tmp_path / "planted"
    planted.mkdir()
    (planted / "sitecustomize.py").write_text(
        "import customauth.gateway.client_hello as module\n"
        "def broken(data): raise KeyError(0)\n"
        "module.read_client_hello = broken\n"
    )
    ended = subprocess.run(
        [sys.executable, str(RUN), "client-hello", "--runs", "50", "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(planted), os.environ.get("PYTHONPATH", "")])},
    )
    assert ended.returncode == 1
    assert "failed: client-hello" in ended.stdout
    assert any((tmp_path / "client-hello").glob("crash-*"))
