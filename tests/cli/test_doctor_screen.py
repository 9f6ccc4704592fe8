"""What a person sees of `customauth doctor`: on a terminal, in a pipe, and where only the last screen is left."""

from __future__ import annotations

import errno
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Sequence
from pathlib import Path

import pytest

from commands import COMMAND, RunningGateway, run
from customauth.signing import sign

LINES, COLUMNS = 24, 80
_ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_REDRAWN = re.compile(r"[^\n]*\r(?!\n)")


def _on_a_terminal(words: Sequence[str | Path], *, columns: int = COLUMNS, **extra: str) -> str:
    """Run the command on a terminal of its own, and return all that came."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, columns, 0, 0))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CUSTOMAUTH_", "COLUMNS", "NO_"))}
    environment = kept | {"TERM": "xterm", "PYTHONIOENCODING": "utf-8"} | extra
    with subprocess.Popen(
        [*COMMAND, "doctor", *words], stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        came = b""
        while piece := _read(ours):
            came += piece
        os.close(ours)
        process.wait()
    return came.decode().replace("\r\n", "\n")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError as error:
        # How the kernel says that the other side is closed.
        if error.errno != errno.EIO:
            raise
        return b""


def _last_screen(came: str, columns: int = COLUMNS) -> list[str]:
    """Return what stands on the terminal in the end, long lines wrapped as it wraps them."""
    lines = _ESCAPE.sub("", _REDRAWN.sub("", came)).rstrip("\n").split("\n")
    # The cursor stands in a line of its own.
    return [line[at : at + columns] for line in lines for at in range(0, max(len(line), 1), columns)][1 - LINES :]


@pytest.fixture
def key(sample: RunningGateway) -> Path:
    """Return the private key of the sample's signed authorizer."""
    return sample.folder / "customauth-gateway" / "private.pem"


@pytest.fixture
def line_end(sample: RunningGateway, key: Path, tmp_path: Path) -> list[str | Path]:
    """Return the words of a set-up whose signature is over the token and a line end."""
    (tmp_path / "s").write_text(sign("open-sesame\n", key.read_bytes()))
    words = ["--authorizer", "signed-sample", "--token-key-name", "token", "--token", "open-sesame", "-k", "5"]
    return [
        *words,
        "--token-signature-file",
        tmp_path / "s",
        "--public-key",
        key.with_name("public.pem"),
        *sample.where(),
    ]


@pytest.mark.parametrize("columns", [80, 100])
def test_the_last_screen_alone_has_cause_evidence_and_mend(line_end: list[str | Path], columns: int) -> None:
    screen = _last_screen(_on_a_terminal(line_end, columns=columns), columns)
    assert [line for line in screen if line.startswith("Verdict: a cause was found")]
    text = "\n".join(screen)
    for label in ("  Cause ", "  Seen ", "  Fix ", "  Remark "):
        assert label in text
    assert "openssl dgst -sha256 -sign" in text
    assert any(line.startswith("next: ") for line in screen[-3:])


def test_what_is_to_be_filled_in_is_said_where_something_is(sample: RunningGateway, line_end: list[str | Path]) -> None:
    said = "what stands in capitals here is yours to fill in:\n\n  printf "
    assert said in run("doctor", *line_end).stdout
    words = ["--authorizer", "unsigned-sample", "--username", "alice", "--password", "wonderland", "--alpn", ""]
    whole = run("doctor", *words, *sample.where()).stdout
    assert "set_alpn_protocols" in whole
    assert "in capitals" not in whole


def test_the_last_screen_alone_says_what_would_tell(sample: RunningGateway) -> None:
    words = ["--authorizer", "unsigned-sample", "--username", "alice", "--password", "wrong", *sample.where()]
    text = "\n".join(_last_screen(_on_a_terminal(words)))
    for label in ("Verdict: it fails, and the cause cannot be told", "  Seen ", "  Looked ", "  To tell ", "\nnext: "):
        assert label in text


def test_each_check_is_marked_and_timed(login: list[str]) -> None:
    came = _ESCAPE.sub("", _on_a_terminal(login))
    assert "  ✓ endpoint: " in came
    assert re.search(r"  ✓ TCP over IPv4 \(\d+ ms\): ", came)
    assert re.search(r"\n  - AWS: ", came)


def test_a_terminal_has_colours_unless_they_are_not_wanted(login: list[str]) -> None:
    assert "\x1b[32m" in _on_a_terminal(login)
    assert "\x1b[3" not in _on_a_terminal(login, NO_COLOR="1")


def test_a_terminal_that_cannot_show_the_marks_gets_others(login: list[str]) -> None:
    came = _ESCAPE.sub("", _on_a_terminal(login, PYTHONIOENCODING="ascii"))
    assert "  + endpoint: " in came
    assert "✓" not in came


def test_in_a_pipe_each_check_is_one_line_without_colours(line_end: list[str | Path]) -> None:
    result = run("doctor", *line_end, env={"COLUMNS": "40"})
    assert "\x1b" not in result.stdout + result.stderr
    assert result.stderr.count("\n") == 1
    checks = [line for line in result.stdout.splitlines() if re.match(r"  [✓✗!-] \S", line)]
    assert max(map(len, checks)) > 80


def test_what_a_server_says_cannot_move_the_cursor() -> None:
    result = run("doctor", "--lint-only", "--authorizer", "x\x1b[2J", "localhost")
    assert "\x1b" not in result.stdout + result.stderr


def test_what_is_examined_is_folded_on_a_narrow_terminal() -> None:
    came = _on_a_terminal(["doctor", "--lint-only", "--authorizer", "pumps", "--username", "alice"], columns=40)
    head = came.replace("\r", "").replace("\x1b[K", "").split("\n\n")[0].splitlines()
    assert head[0].startswith("customauth")
    assert len(head) > 1
    assert all(len(line) <= 40 for line in head)
