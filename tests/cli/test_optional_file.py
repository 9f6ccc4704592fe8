"""Options whose FILE may be left out, and an ENDPOINT behind them."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands import run
from customauth.cli.misuse import Misuse
from customauth.cli.optional_file import STDOUT, check_file

LISTED = [("compare", "--json", ".json"), ("compare", "--markdown", ".md"), ("swarm", "--json", ".json")]


@pytest.mark.parametrize(("command", "option", "ending"), LISTED)
def test_an_endpoint_is_not_taken_for_the_file(tmp_path: Path, command: str, option: str, ending: str) -> None:
    done = run(command, option, "localhost", cwd=tmp_path)
    assert done.code == 2
    assert f"{option} localhost: its FILE must end in {ending}" in done.stderr
    assert done.last == f"next: write localhost{ending} or ./localhost, or put the ENDPOINT before {option}"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("command", "option", "file"),
    [
        ("compare", "--json", "nowhere/a.json"),
        ("compare", "--junit", "nowhere/a.xml"),
        ("swarm", "--json", "nowhere/a.json"),
        ("swarm", "--html", "nowhere/a.html"),
    ],
)
def test_a_folder_that_is_not_there_is_told_before_the_run(
    tmp_path: Path, command: str, option: str, file: str
) -> None:
    done = run(command, option, file, cwd=tmp_path)
    assert done.code == 2
    assert f"{option} {file}: there is no folder nowhere" in done.stderr


@pytest.mark.parametrize("file", [STDOUT, "a.json", "./localhost", "{folder}/localhost"])
def test_what_can_only_be_a_file_is_taken(tmp_path: Path, file: str) -> None:
    check_file("--json", file.format(folder=tmp_path), (".json",))


def test_an_option_that_always_has_a_file_takes_any_name() -> None:
    check_file("--html", "localhost")
    with pytest.raises(Misuse, match="there is no folder"):
        check_file("--html", "nowhere/localhost")
