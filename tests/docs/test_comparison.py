"""docs/comparison.md: its programs run, its lists are current, and strangers take part with no change of ours."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from attrs import evolve

import comparison_page
from commands import gateway, installed_backends, run
from customauth.compare.document import schema
from needs import needs_backend
from sample_report import sample_report

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "comparison.md").read_text()
PROGRAMS = dict(re.findall(r"^```python file=(\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))


@pytest.fixture(scope="session")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Install the page's scenarios and the template backend as strangers would; return the PYTHONPATH."""
    site = tmp_path_factory.mktemp("strangers")
    (site / "my_scenarios.py").write_text(PROGRAMS["my_scenarios.py"])
    announced = re.search(r'^\[project\.entry-points\."customauth\.plugins"\]\n(\S+) = "(\S+)"$', PAGE, re.MULTILINE)
    assert announced
    for name, entries in (
        ("my_scenarios", f"[customauth.plugins]\n{announced[1]} = {announced[2]}\n"),
        ("customauth_template", "[customauth.backends]\ntemplate = customauth_template\n"),
    ):
        info = site / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(entries)
    return f"{site}:{ROOT / 'examples' / 'template-backend' / 'src'}"


@needs_backend
def test_a_strangers_backend_and_a_strangers_scenario_take_part(strangers: str, tmp_path: Path) -> None:
    ours = installed_backends()[0]
    chosen = ["--scenario=subscribe", "--scenario=denied-subscription", f"--backend={ours}", "--backend=template"]
    result = run(
        "compare", *chosen, "--rounds=1", "--quick", "--json=a.json", cwd=tmp_path, env={"PYTHONPATH": strangers}
    )
    assert result.code == 0, result.stderr + result.stdout
    cells = json.loads((tmp_path / "a.json").read_text())["cells"]
    assert {(cell["scenario"], cell["backend"]) for cell in cells} == {
        (scenario, backend) for scenario in ("subscribe", "denied-subscription") for backend in (ours, "template")
    }
    assert {cell["state"] for cell in cells} == {"run"}
    for cell in cells:
        if cell["scenario"] == "subscribe":
            assert len(cell["measurements"]["subscribe"]) == 5
        else:
            assert cell["behaviour"]["error"] == "SubscribeRefused"
    assert "template" in (tmp_path / "customauth-comparison.html").read_text()


def test_the_strangers_scenario_is_listed(strangers: str) -> None:
    listed = run("compare", "--list", env={"PYTHONPATH": strangers}).stdout
    assert "subscribe (speed; measures subscribe)\n  From SUBSCRIBE to SUBACK" in listed
    assert "denied-subscription (behaviour)\n" in listed


def test_the_program_that_compares_from_python_ends_with_a_verdict(backend_name: str, tmp_path: Path) -> None:
    made = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAMS["compare_from_python.py"], backend_name],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        timeout=90,
    )
    assert made.returncode == 0, made.stderr
    lines = made.stdout.splitlines()
    assert f"round-trip-qos0 {backend_name} 5 run" in lines
    assert lines[-1].startswith(f"{backend_name} ")


def test_the_independent_program_measures_one_cell(tmp_path: Path, backend_name: str) -> None:
    if backend_name != "paho":
        pytest.skip("this program is written for paho-mqtt alone")
    words = ["--authorizer", "signed-sample", "--token-key-name", "token", "--token", "open-sesame"]
    with gateway(tmp_path) as running:
        key = tmp_path / "customauth-gateway" / "private.pem"
        shown = run("username", *words, "--sign-with", key, "--unmask", "--json")
        assert shown.code == 0, shown.stderr
        made = subprocess.run(
            [sys.executable, "-c", PROGRAMS["one_cell.py"], "localhost", running.port, str(running.ca_file), "3"],
            input=shown.stdout,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert made.returncode == 0, made.stderr
    assert re.fullmatch(r"median [\d.]+ ms of 3, [\d.]+ to [\d.]+\n", made.stdout)


def test_the_list_of_scenarios_is_current() -> None:
    assert comparison_page.main(["--check"]) == 0, f"run: {comparison_page.COMMAND}"


def test_every_member_of_the_document_is_on_the_page() -> None:
    assert [name for name in schema()["properties"] if f"`{name}`" not in PAGE] == []


def test_results_have_the_verdict_on_all_and_the_tables_of_the_newest() -> None:
    report = sample_report()
    (first, second) = report.environments
    renamed = evolve(
        report,
        environments=(evolve(first, id="py3.11-lowest"), evolve(second, id="py3.11-newest")),
        cells=tuple(
            evolve(cell, environment="py3.11-lowest" if cell.environment == first.id else "py3.11-newest")
            for cell in report.cells
        ),
    )
    text = comparison_page.results(renamed)
    assert "The tables are those of py3.11-newest." in text
    assert text.count("### Verdict") == 1
    assert "The tables are those of py3.11-lowest." in comparison_page.results(renamed, "py3.11-lowest")
    with pytest.raises(ValueError, match=r"there are py3\.11-lowest, py3\.11-newest"):
        comparison_page.results(renamed, "py2.7")


def test_a_part_is_replaced_between_its_markers_and_a_lost_marker_is_told() -> None:
    once = comparison_page.with_part(PAGE, "results", "first")
    assert comparison_page.with_part(once, "results", "second") == comparison_page.with_part(PAGE, "results", "second")
    with pytest.raises(ValueError, match="put it back"):
        comparison_page.with_part(PAGE.replace("<!-- end of results -->", ""), "results", "x")
