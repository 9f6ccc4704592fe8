"""The failure table of docs/errors.md is whole, and its tool tells what is not so."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from attrs import asdict, evolve

import failure_table
from customauth.testing.conformance.recording import VARIABLE, Seen, record
from customauth.testing.conformance.table import FAILURES

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "errors.md"

_SEEN = Seen(
    fault="port-closed",
    version="5",
    transport="mqtt",
    backend="one",
    error="ConnectionRefused",
    stage="TCP connect",
    detail="",
    milliseconds=3.2,
)


def _committed() -> list[list[str]]:
    table = PAGE.read_text().partition(failure_table.BEGIN)[2].partition(failure_table.END)[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.split("\n") if line.startswith("|")]


def _bundled() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return sorted(project["entry-points"]["customauth.backends"])


def test_the_page_has_every_failure_of_the_kit_and_every_bundled_backend() -> None:
    head, _, *rows = _committed()
    assert head[5:] == _bundled()
    assert [row[0].strip("`") for row in rows] == [failure.name for failure in FAILURES]
    assert {len(row) for row in rows} == {len(head)}


def test_each_row_of_the_page_says_what_the_kit_expects() -> None:
    _, _, *rows = _committed()
    said = {row[0].strip("`"): (row[2].strip("`"), row[3]) for row in rows}
    expected = {
        failure.name: (failure.error.__name__, failure.stage.value if failure.stage else failure_table.NOTHING)
        for failure in FAILURES
    }
    assert said == expected


def test_each_cell_of_the_page_is_a_time_a_known_difference_or_a_feature_that_is_not_declared() -> None:
    _, _, *rows = _committed()
    part = r"([35][\d. ]*: )?(`\w+`[^,;]*, )?(< )?\d+\.\d s"
    for row in rows:
        for cell in row[5:]:
            assert re.fullmatch(rf"-|{part}(; {part})*", cell), (row[0], cell)


def test_the_table_has_at_least_25_failures_of_distinct_names() -> None:
    names = [failure.name for failure in FAILURES]
    assert len(set(names)) == len(names) >= 25


def test_a_backend_that_tells_something_else_is_named_in_its_cell() -> None:
    others = [evolve(_SEEN, backend=name) for name in ("two", "three")]
    odd = evolve(_SEEN, error="DialError", detail="17", milliseconds=2345.6)
    made = failure_table.table([odd, *others], ["one", "two", "three"])
    (row,) = [line for line in made.split("\n") if "`port-closed`" in line]
    assert "| 5 3.1.1 | `ConnectionRefused` | TCP connect | - |" in row
    assert row.endswith("| `DialError` 17, 2.3 s | < 0.1 s | < 0.1 s |")


def test_a_backend_that_tells_something_else_on_one_version_says_on_which() -> None:
    odd = evolve(_SEEN, version="3.1.1", error="DialError", milliseconds=2345.6)
    made = failure_table.table([_SEEN, evolve(_SEEN, backend="two"), odd], ["one", "two"])
    (row,) = [line for line in made.split("\n") if "`port-closed`" in line]
    assert row.endswith("| 5: < 0.1 s; 3.1.1: `DialError`, 2.3 s | < 0.1 s |")


def test_a_run_of_half_the_kit_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, seen = tmp_path / "page.md", tmp_path / "seen.jsonl"
    page.write_text(f"{failure_table.BEGIN}\n{failure_table.END}\n")
    seen.write_text(json.dumps(asdict(_SEEN)) + "\n")
    assert failure_table.main([str(seen), str(page)]) == 1
    assert "tls-expired" in capsys.readouterr().out
    assert page.read_text() == f"{failure_table.BEGIN}\n{failure_table.END}\n"


def test_a_whole_run_replaces_what_is_between_the_markers_and_nothing_else(tmp_path: Path) -> None:
    page, seen = tmp_path / "page.md", tmp_path / "seen.jsonl"
    page.write_text(f"before\n{failure_table.BEGIN}\nobsolete\n{failure_table.END}\nafter\n")
    seen.write_text("".join(json.dumps(asdict(evolve(_SEEN, fault=each.name))) + "\n" for each in FAILURES))
    assert failure_table.main([str(seen), str(page)]) == 0
    text = page.read_text()
    assert text.startswith(f"before\n{failure_table.BEGIN}\n")
    assert text.endswith(f"{failure_table.END}\nafter\n")
    assert "obsolete" not in text


def test_a_page_without_the_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="no place for the table"):
        failure_table.merge("a page", "a table")


def test_the_kit_records_only_where_it_is_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    record(_SEEN)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "seen.jsonl"))
    record(_SEEN)
    record(_SEEN)
    assert failure_table.read([tmp_path / "seen.jsonl"]) == [_SEEN, _SEEN]
