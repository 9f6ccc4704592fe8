"""The doctor's examination: set-ups that are broken in one known way each, and others in which nothing is wrong.

They were written from the causes alone, before any rule. The doctor has to name the true cause first, may say "cannot
tell" of two, and must never name another; in those that work it has to find nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import doctor_cases
from customauth.cli.exits import ExitCode
from customauth.rules import RULES
from needs import needs_all_or_none
from setups.device import logs_in
from setups.staging import Case, Stage, staged
from setups.table import BROKEN, CANNOT_TELL, HEALTHY


def named(case: Case) -> str:
    return case.name.replace(" ", "-")


def verdict(stage: Stage) -> tuple[int, dict[str, Any]]:
    result = stage.examine()
    printed = result.stdout + result.stderr
    assert not [name for name, secret in secrets(stage.place.folder) if secret in printed], printed
    try:
        return result.code, result.json()["verdict"]
    except (json.JSONDecodeError, KeyError):
        raise AssertionError(f"exit code {result.code}\n{result.stdout}\n{result.stderr}") from None


def secrets(folder: Path) -> Iterator[tuple[str, str]]:
    """List what must not be printed: of a long one its ends, since a piece of it is too much already."""
    for name in ("token", "signature", "password", "jwt", "username", "query"):
        file = folder / name
        text = file.read_text().strip() if file.exists() else ""
        if name in ("username", "query"):
            text = text.partition("signature=")[2].partition("&")[0]
        if len(text) >= 8:
            yield name, text[:24]
            yield name, text[-24:]


def causes(found: dict[str, Any]) -> list[str]:
    return [cause["rule"] for cause in found["causes"]]


@needs_all_or_none
@pytest.mark.parametrize("case", BROKEN, ids=named)
def test_the_true_cause_is_named_first(case: Case, tmp_path: Path) -> None:
    with staged(case, tmp_path) as stage:
        code, found = verdict(stage)

    if case.name in CANNOT_TELL:
        assert (code, causes(found)) == (ExitCode.CANNOT_TELL, []), json.dumps(found, indent=2)
    else:
        assert causes(found)[:1] == [case.cause], json.dumps(found, indent=2)
        assert code == ExitCode.CAUSE_FOUND


@needs_all_or_none
@pytest.mark.parametrize("case", HEALTHY, ids=named)
def test_nothing_is_found_where_nothing_is_wrong(case: Case, tmp_path: Path) -> None:
    with staged(case, tmp_path) as stage:
        code, found = verdict(stage)

    assert (code, causes(found)) == (ExitCode.OK, []), json.dumps(found, indent=2)


@needs_all_or_none
@pytest.mark.parametrize("case", [*BROKEN, *HEALTHY], ids=named)
def test_the_stage_is_what_the_story_says(case: Case, tmp_path: Path) -> None:
    with staged(case, tmp_path) as stage:
        assert logs_in(stage) == (case.cause is None or case.logs_in)


def test_there_are_enough_of_them() -> None:
    assert {case.cause for case in BROKEN} <= set(RULES)
    assert len({case.cause for case in BROKEN}) >= 30
    assert len(HEALTHY) >= 10
    assert len(CANNOT_TELL) <= 2
    assert len({case.name for case in (*BROKEN, *HEALTHY)}) == len(BROKEN) + len(HEALTHY)
    assert {case.name for case in BROKEN} >= CANNOT_TELL


def test_the_page_is_what_its_generator_makes_now(capsys: pytest.CaptureFixture[str]) -> None:
    if doctor_cases.main(["--check"]) != 0:
        pytest.fail(capsys.readouterr().err, pytrace=False)
