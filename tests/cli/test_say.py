"""Lines for the person at the terminal: folded there, whole elsewhere, and what is to be pasted in one piece."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customauth.cli.failures import say_next
from customauth.cli.say import folded, say
from customauth.errors import ConnackRefused, CustomAuthError

LONG = "next: check the authorizer's name and status, what its function expects, and that its policy allows iot:Connect"
COMMAND = "aws logs tail /aws/lambda/a-function-with-a-long-name-of-its-own --since 15m --region eu-west-1"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def on_a_terminal(write: Callable[[], None]) -> list[str]:
    """Return the lines that are written to a terminal in the place of standard error."""
    with contextlib.redirect_stderr(Terminal()) as terminal:
        write()
    return terminal.getvalue().splitlines()


def test_elsewhere_than_on_a_terminal_a_line_stays_whole(capsys: pytest.CaptureFixture[str]) -> None:
    say(LONG)
    assert capsys.readouterr().err == f"{LONG}\n"


@pytest.mark.parametrize("label", ["next", "error", "cause"])
def test_on_a_terminal_a_long_line_is_folded_behind_its_label(label: str) -> None:
    first, *others = on_a_terminal(lambda: say(LONG.replace("next", label)))
    assert first.startswith(f"{label}: check ")
    assert others
    assert all(len(line) <= 80 for line in (first, *others))
    assert all(line.startswith(" " * len(f"{label}: ")) and line.strip() for line in others)
    assert " ".join([first, *(line.strip() for line in others)]) == LONG.replace("next", label)


def test_a_short_line_is_left_as_it_is() -> None:
    assert on_a_terminal(lambda: say("next: look")) == ["next: look"]


def test_a_command_at_the_end_stands_on_a_line_of_its_own_in_one_piece() -> None:
    written = on_a_terminal(lambda: say(f"next: read what the function said: {COMMAND}"))
    assert written == ["next: read what the function said:", f"  {COMMAND}"]


def test_what_an_error_has_to_paste_is_in_one_piece_too() -> None:
    error = CustomAuthError("x")
    error.rule = "policy-publish"
    *_, last = on_a_terminal(lambda: say_next(error))
    assert last.startswith('  {"Effect": "Allow", ')
    assert last.endswith("}")
    assert len(last) > 80


def test_an_error_without_anything_to_paste_is_folded() -> None:
    lines = on_a_terminal(lambda: say_next(ConnackRefused(0x87)))
    assert lines[0].startswith("next: ")
    assert len(lines) > 1
    assert max(map(len, lines)) <= 80


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 60))
def test_folding_loses_no_word(text: str, indent: int) -> None:
    whole = folded(text, indent, Terminal())
    assert " ".join(whole).split() == " ".join(folded(text, indent, io.StringIO())).split()
