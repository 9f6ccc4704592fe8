"""The generators of pages: each is a target of the Makefile, and what cannot be made is told and not written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from generated_page import PageError, generate

ROOT = Path(__file__).parents[2]


def test_every_tool_that_can_check_its_page_is_a_target() -> None:
    checking = {file.stem for file in (ROOT / "tools").glob("*.py") if "--check" in file.read_text(encoding="utf-8")}
    listed = re.search(r"^PAGES := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert listed
    assert set(listed[1].split()) == checking - {"generated_page"}


def test_a_page_is_stale_until_it_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "made.md"

    def run(*words: str) -> int:
        return generate(words, page, tool="maker", make=lambda: "täglich\n")

    assert run("--check") == 1
    assert capsys.readouterr().err == (
        "docs/made.md is stale; run `make maker` (or python tools/maker.py --write) and commit it\n"
    )
    assert run("--write") == 0
    assert page.read_text(encoding="utf-8") == "täglich\n"
    assert run("--check") == 0
    page.write_text("other\n")
    assert run("--check") == 1
    assert run() == 0
    assert capsys.readouterr().out == "täglich\n"


@pytest.mark.parametrize("words", [[], ["--write"], ["--check"]])
def test_a_page_that_cannot_be_made_is_told_and_not_written(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> str:
        raise PageError("A7: without an entry")

    assert generate(words, tmp_path / "made.md", tool="maker", make=fail) == 1
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "A7: without an entry\n")
    assert not (tmp_path / "made.md").exists()
