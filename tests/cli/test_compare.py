"""`customauth compare` and `demo`."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from commands import RunningGateway, installed_backends, run, serving
from needs import needs_backend
from servers import closed_port

WRONG = {"5": "ConnackRefused", "3.1.1": "ClosedBeforeConnack"}


@needs_backend
def test_it_runs_every_scenario_through_every_backend_on_both_versions() -> None:
    result = run("compare", "--rounds", "1", "--json")
    assert result.code == 0, result.stderr
    cells = result.json()["cells"]
    expected = itertools.product(("good", "wrong-signature"), ("5", "3.1.1"), installed_backends())
    assert [(cell["scenario"], cell["version"], cell["backend"]) for cell in cells] == list(expected)
    for cell in cells:
        wrong = cell["scenario"] != "good"
        assert cell["as_expected"] is True
        assert cell["outcome"] == ("failed" if wrong else "connected")
        assert cell["error"] == (WRONG[cell["version"]] if wrong else None)
        assert bool(cell["reason"]) == wrong
        assert len(cell["milliseconds"]) == 1


@needs_backend
def test_the_table_has_outcome_error_reason_and_time() -> None:
    lines = run("compare", "--rounds", "1").stdout.splitlines()
    heading = next(line for line in lines if line.split()[:1] == ["scenario"])
    assert heading.split() == ["scenario", "MQTT", "backend", "ended", "expected", "ms", "reason"]
    row = next(line for line in lines if line.split()[:2] == ["wrong-signature", "3.1.1"])
    assert row.rstrip().endswith("closed by the peer before a CONNACK")
    assert lines[0].startswith("Python 3.")


def test_markdown_is_one_table(backend_name: str) -> None:
    result = run("compare", "--rounds", "1", "--backend", backend_name, "--markdown")
    lines = result.stdout.splitlines()
    assert len(lines) == 2 + 4
    assert {line.count(" | ") for line in lines} == {8}
    assert all(f"| {backend_name} |" in line for line in lines[2:])


@needs_backend
def test_stored_results_are_merged_without_running_anything(tmp_path: Path) -> None:
    document = run("compare", "--rounds", "1", "--json").json()
    for version in ("3.11", "3.12"):
        (tmp_path / f"{version}.json").write_text(json.dumps(document | {"environment": f"Python {version}"}))
    words = ["compare", "--merge", "3.12.json", "--merge", "3.11.json"]
    rows = run(*words, "--markdown", cwd=tmp_path).stdout.splitlines()[2:]
    assert len(rows) == 2 * len(document["cells"])
    assert rows[0].startswith("| Python 3.11 | good | 5 |")
    assert rows[-1].startswith("| Python 3.12 | wrong-signature | 3.1.1 |")
    assert "Python 3.12" in run(*words, cwd=tmp_path).stdout


@pytest.mark.parametrize(
    "content",
    [
        "nonsense",
        "[]",
        '{"schema": 1}',
        '{"schema": 1, "cells": 5}',
        '{"schema": 1, "cells": [5], "environment": "", "machine": "", "libraries": {}}',
        '{"schema": 1, "cells": [{}], "environment": "", "machine": "", "libraries": {}}',
    ],
)
def test_what_cannot_be_merged_is_a_usage_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "file").write_text(content)
    result = run("compare", "--merge", "file", cwd=tmp_path)
    assert result.code == 2
    assert result.last == "next: give files that customauth compare --json has printed"
    assert "Traceback" not in result.stderr


@needs_backend
def test_a_given_endpoint_is_compared_with_given_credentials(sample: RunningGateway, signed: list[str]) -> None:
    words = ["compare", "--rounds", "1", "--json", *signed[1:]]
    assert run(*words).code == 0
    everybody_refused = run(*words, "--authorizer", "nobody")
    assert everybody_refused.code == 7
    good = next(cell for cell in everybody_refused.json()["cells"] if cell["scenario"] == "good")
    assert (good["as_expected"], good["error"]) == (False, "ConnackRefused")


@needs_backend
def test_without_a_token_the_wrong_signature_is_not_run(sample: RunningGateway) -> None:
    words = ["--authorizer", "unsigned-sample", "--username", "alice", "--password", "wonderland"]
    result = run("compare", "--rounds", "1", "--json", *words, *sample.where())
    assert result.code == 0
    ended = {(cell["scenario"], cell["outcome"]) for cell in result.json()["cells"]}
    assert ended == {("good", "connected"), ("wrong-signature", "not run")}


@needs_backend
def test_an_endpoint_that_is_not_there_is_told_cell_by_cell() -> None:
    with serving(closed_port()) as endpoint:
        result = run("compare", "--rounds", "1", "--json", str(endpoint))
    assert result.code == 7
    assert {cell["error"] for cell in result.json()["cells"] if cell["scenario"] == "good"} == {"ConnectionRefused"}


@needs_backend
@pytest.mark.parametrize(
    ("words", "code", "last"),
    [
        (["--backend", "nobody"], 3, "no backend named 'nobody'"),
        (["--authorizer", "x"], 2, "give the ENDPOINT (HOST[:PORT]), or leave the option out"),
        (["--token", "x"], 2, "give the ENDPOINT (HOST[:PORT]), or leave the option out"),
        (["--cafile", "x"], 2, "give the ENDPOINT (HOST[:PORT]), or leave the option out"),
        (["--cafile", "missing.pem", "localhost"], 2, "give --cafile a file that can be read"),
        (["--token", "x", "localhost"], 2, "add --token-key-name"),
        (["--rounds", "0"], 2, "customauth compare --help"),
    ],
)
def test_what_cannot_be_compared_ends_with_the_mend(words: list[str], code: int, last: str) -> None:
    result = run("compare", *words)
    assert result.code == code
    assert last in result.last


@needs_backend
def test_credentials_in_the_environment_do_not_disturb_the_local_gateway() -> None:
    result = run("compare", "--rounds", "1", "--json", env={"CUSTOMAUTH_TOKEN": "for something else"})
    assert result.code == 0, result.stderr


@needs_backend
def test_the_demo_shows_every_backend_and_ends_with_what_to_type_next(tmp_path: Path) -> None:
    result = run("demo", cwd=tmp_path)
    assert result.code == 0, result.stderr
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    for backend in installed_backends():
        rows = [line.split() for line in lines if line.split()[2:3] == [backend] and "yes" in line.split()]
        assert [row[:2] + row[3:5] for row in rows] == [
            ["good", "5", "connected", "yes"],
            ["good", "3.1.1", "connected", "yes"],
            ["wrong-signature", "5", "ConnackRefused", "yes"],
            ["wrong-signature", "3.1.1", "ClosedBeforeConnack", "yes"],
        ]
    cells = 4 * len(installed_backends())
    assert f"{cells} of {cells} as expected." in result.stdout
    assert lines[-3].endswith(" gateway")
    assert lines[-1].endswith(" connect --help")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "mend"),
    [
        (["--json", "--markdown"], "give one of them"),
        (["--merge", "x.json", "localhost:1"], "leave them out"),
        (["--merge", "x.json", "--backend", "paho"], "leave them out"),
    ],
)
def test_options_that_would_be_ignored_are_refused(words: list[str], mend: str) -> None:
    result = run("compare", *words)
    assert result.code == 2
    assert mend in result.last


@needs_backend
def test_a_backend_named_twice_is_compared_once() -> None:
    name = installed_backends()[0]
    result = run("compare", "--rounds", "1", "--json", "--backend", name, "--backend", name)
    assert len(json.loads(result.stdout)["cells"]) == 4


@needs_backend
def test_cells_that_end_otherwise_lead_to_the_command_that_says_why() -> None:
    result = run("compare", "--rounds", "1", "--authorizer", "x", "--backend", installed_backends()[0], "localhost:1")
    assert result.code == 7
    assert f"customauth connect --backend {installed_backends()[0]}" in result.last
