"""`customauth compare`, on scenarios of a plug-in: they are quick, and what they find is known."""

from __future__ import annotations

import itertools
import json
import os
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

import customauth_template
from commands import Result, RunningGateway, installed_backends, run, serving
from needs import needs_backend
from servers import closed_port

BACKENDS = installed_backends()[:2]
VERSIONS = ("5", "3.1.1")
SCENARIOS = """
from customauth import hookimpl
from customauth.compare import Behaviour, Kind, Measure, Scenario, Turn

class Length(Scenario):
    name = "length"
    title = "Length"
    description = "How long the name of a backend is, in milliseconds."
    kind = Kind.SPEED
    measures = (Measure(name="length", title="length", unit="ms"),)

    async def turn(self, bench, subject):
        async with await bench.connect(subject):
            return Turn(measurements={"length": (float(len(subject.backend)),)})

class Right(Scenario):
    name = "right"
    title = "Right"
    description = "Ends as it should."
    kind = Kind.BEHAVIOUR

    async def turn(self, bench, subject):
        return Turn(behaviour=Behaviour(expected="nothing", as_expected=True, milliseconds=(1.5,)))

class Wrong(Right):
    name = "wrong"
    title = "Wrong"
    description = "Does not end as it should."

    async def turn(self, bench, subject):
        return Turn(behaviour=Behaviour(expected="nothing", as_expected=False, error="SomeError", message="it is odd"))

class Broken(Right):
    name = "broken"
    title = "Broken"
    description = "Falls over."

    async def turn(self, bench, subject):
        raise RuntimeError("it fell over with " + bench.credentials.token.value)

@hookimpl
def customauth_comparison_scenarios():
    return [Length(), Right(), Wrong(), Broken()]
"""


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the plug-in as a stranger would."""
    folder = tmp_path_factory.mktemp("site")
    info = folder / "strange_scenarios-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: strange-scenarios\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[customauth.plugins]\nstrange = strange_scenarios\n")
    (folder / "strange_scenarios.py").write_text(SCENARIOS)
    return folder


def _compare(site: Path, cwd: Path, *words: str | Path, scenarios: tuple[str, ...] = ("length", "right")) -> Result:
    """Compare once in few ways."""
    chosen = [f"--backend={name}" for name in BACKENDS] + [f"--scenario={name}" for name in scenarios]
    quick = ["--rounds", "1", "--transport", "mqtt"]
    return run("compare", *chosen, *quick, *words, cwd=cwd, env={"PYTHONPATH": str(site)})


@pytest.fixture(scope="session")
def stored(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run a comparison with every output, in a folder of its own."""
    folder = tmp_path_factory.mktemp("stored")
    result = _compare(site, folder, "--json", "a.json", "--markdown", "a.md", "--junit", "a.xml", "--rounds", "4")
    (folder / "stdout").write_text(result.stdout)
    assert result.code == 0, result.stderr
    return folder


@pytest.fixture(scope="session")
def document(stored: Path) -> Any:
    return json.loads((stored / "a.json").read_text())


@needs_backend
def test_every_scenario_goes_through_every_backend_on_both_versions(document: Any) -> None:
    cells = [(cell["scenario"], cell["version"], cell["backend"]) for cell in document["cells"]]
    assert sorted(cells) == sorted(itertools.product(("length", "right"), VERSIONS, BACKENDS))
    for cell in document["cells"]:
        assert cell["state"] == "run"
        assert cell["measurements"].get("length", []) == (
            [float(len(cell["backend"]))] * 4 if cell["scenario"] == "length" else []
        )
    assert document["schema"] == 3
    assert document["endpoint"] == "local"
    (environment,) = document["environments"]
    assert set(environment["backends"]) == set(BACKENDS)
    assert all(info["library_version"] for info in environment["backends"].values())


@needs_backend
def test_the_screen_has_the_tables_and_last_the_verdict_and_the_files(stored: Path) -> None:
    lines = (stored / "stdout").read_text().splitlines()
    headings = [line.split() for line in lines if line.split()[1:3] == ["MQTT", "transport"]]
    assert headings == [["measure", "MQTT", "transport", *BACKENDS], ["scenario", "MQTT", "transport", *BACKENDS]]
    verdict = lines.index("Verdict")
    assert all(any(line.startswith(f"{name} (") for line in lines[verdict:]) for name in BACKENDS)
    assert lines[-4:] == [
        "Wrote the JSON document to a.json",
        "Wrote Markdown to a.md",
        "Wrote JUnit XML to a.xml",
        "Wrote the page to customauth-comparison.html",
    ]


@needs_backend
def test_the_files_hold_the_same_report(stored: Path, document: Any) -> None:
    cases = list(ET.fromstring((stored / "a.xml").read_text()).iter("testcase"))  # noqa: S314 - our own
    assert len(cases) == len(document["cells"])
    assert (stored / "a.md").read_text().startswith("### Verdict\n")
    page = (stored / "customauth-comparison.html").read_text()
    assert page.lower().startswith("<!doctype html>")
    assert all(name in page for name in BACKENDS)


@needs_backend
def test_a_report_on_standard_output_is_alone_there_and_leaves_no_file(stored: Path, tmp_path: Path) -> None:
    for option, start in (("--json", "{"), ("--markdown", "### Verdict")):
        result = run("compare", "--merge", stored / "a.json", option, cwd=tmp_path)
        assert result.code == 0, result.stderr
        assert result.stdout.startswith(start)
        assert "Wrote" not in result.stdout
    assert json.loads(run("compare", "--merge", stored / "a.json", "--json", cwd=tmp_path).stdout)
    assert list(tmp_path.iterdir()) == []


@needs_backend
def test_what_did_not_end_as_it_should_is_told_and_leads_to_one_cell(site: Path, tmp_path: Path) -> None:
    result = _compare(site, tmp_path, "-V", "5", scenarios=("wrong",))
    assert result.code == 7
    assert f"wrong, {BACKENDS[0]}, MQTT 5: expected nothing; SomeError: it is odd" in result.stdout
    assert result.last.endswith(f"customauth compare --backend {BACKENDS[0]} --scenario wrong -V 5")


@needs_backend
def test_a_cell_that_breaks_down_costs_only_itself_and_tells_no_secret(site: Path, tmp_path: Path) -> None:
    result = _compare(site, tmp_path, "-V", "5", "--json", scenarios=("right", "broken"))
    assert result.code == 7
    states = {(cell["scenario"], cell["state"]) for cell in result.json()["cells"]}
    assert states == {("right", "run"), ("broken", "error")}
    assert "RuntimeError: it fell over with" in result.stdout
    assert "open-sesame" not in result.stdout + result.stderr


def test_a_backend_without_its_library_alone_takes_part_and_nothing_breaks_down(tmp_path: Path) -> None:
    info = tmp_path / "customauth_template-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: customauth-template\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[customauth.backends]\ntemplate = customauth_template\n")
    found = os.pathsep.join([str(tmp_path), str(Path(customauth_template.__file__).parent.parent)])
    words = ["--backend=template", "--scenario=memory", "--scenario=round-trip-qos0", "-V", "5", "--quick", "--json"]
    result = run("compare", *words, cwd=tmp_path, env={"PYTHONPATH": found})
    assert result.code == 0, result.stderr
    cells = {(cell["scenario"], cell["raw"]): cell for cell in result.json()["cells"] if cell["transport"] == "mqtt"}
    for scenario in ("memory", "round-trip-qos0"):
        assert cells[scenario, False]["measurements"]
        assert cells[scenario, True]["why"] == "template brings no client of its library alone"


@needs_backend
def test_stored_reports_are_merged_though_they_are_merged_themselves(document: Any, tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        (environment,) = document["environments"]
        cells = [{**cell, "environment": name} for cell in document["cells"]]
        changed = {**document, "environments": [{**environment, "id": name}], "cells": cells}
        (tmp_path / f"{name}.json").write_text(json.dumps(changed))
    both = run("compare", "--merge", "one.json", "--merge", "two.json", "--json", "both.json", cwd=tmp_path)
    assert both.code == 0, both.stderr
    result = run("compare", "--merge", "both.json", "--merge", "three.json", "--json", cwd=tmp_path)
    merged = result.json()
    assert [each["id"] for each in merged["environments"]] == ["one", "two", "three"]
    assert len(merged["cells"]) == 3 * len(document["cells"])
    twice = run("compare", "--merge", "both.json", "--merge", "one.json", cwd=tmp_path)
    assert twice.code == 2
    assert twice.last == "next: give each its own --environment"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("nonsense", "not JSON"),
        ("[]", "not a comparison"),
        ('{"schema": 1, "cells": []}', "schema 1"),
        ('{"schema": 2, "customauth": "1", "created": "", "cells": 5}', "cells is int, and must be list"),
    ],
)
def test_what_cannot_be_merged_is_a_usage_error(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "file").write_text(content)
    result = run("compare", "--merge", "file", cwd=tmp_path)
    assert result.code == 2
    assert said in result.stderr
    assert result.last == "next: give files that customauth compare --json has written"
    assert "Traceback" not in result.stderr


def _slower(document: Any, folder: Path) -> Path:
    """Store the report of a time when everything took half as long and ended otherwise."""
    changed = json.loads(json.dumps(document))
    for cell in changed["cells"]:
        cell["measurements"] = {name: [value / 2 for value in taken] for name, taken in cell["measurements"].items()}
        if cell["behaviour"]:
            cell["behaviour"]["error"] = "AnotherError"
    (folder / "old.json").write_text(json.dumps(changed))
    return folder / "old.json"


@needs_backend
def test_a_baseline_shows_what_changed(document: Any, stored: Path, tmp_path: Path) -> None:
    words = ["--merge", stored / "a.json", "--baseline", _slower(document, tmp_path)]
    result = run("compare", *words, cwd=tmp_path)
    assert result.code == 0, result.stderr
    assert "Changed since the baseline:" in result.stdout
    assert "length: 2.00x worse" in result.stdout
    assert "AnotherError before, no error now" in result.stdout


@needs_backend
@pytest.mark.parametrize(
    ("threshold", "code"),
    [("length>1.2x", 12), ("length>2.5x", 0), ("length<1ms", 0), ("length/length.max>1", 12), ("behaviour", 0)],
)
def test_a_broken_threshold_has_an_exit_code_of_its_own(
    document: Any, stored: Path, tmp_path: Path, threshold: str, code: int
) -> None:
    words = ["--merge", stored / "a.json", "--baseline", _slower(document, tmp_path), "--junit", "a.xml"]
    result = run("compare", *words, "--fail-on", threshold, cwd=tmp_path)
    assert result.code == code, result.stderr
    assert ("broken: length" in result.stderr) is bool(code)
    suite = ET.fromstring((tmp_path / "a.xml").read_text())[-1]  # noqa: S314 - our own
    assert (suite.get("name"), suite.get("failures")) == ("thresholds", "1" if code else "0")


@needs_backend
def test_thresholds_alone_decide_the_exit_code_where_there_are_any(site: Path, tmp_path: Path) -> None:
    words = ["-V", "5", "--fail-on", "length>1000"]
    assert _compare(site, tmp_path, *words, scenarios=("length", "wrong")).code == 0


@needs_backend
@pytest.mark.parametrize(
    ("words", "last"),
    [
        (["--fail-on", "length"], "such as connect.p50>1.2x"),
        (["--fail-on", "length>2x"], "add --baseline FILE"),
        (["--fail-on", "lenght>2"], "there are length/length"),
        (["--fail-on", "nobody:length>2"], f"there are {', '.join(BACKENDS)}"),
        (["--baseline", "missing.json"], "give files that customauth compare --json has written"),
        (["--json", "localhost"], "put the ENDPOINT before --json"),
        (["--json", "--markdown"], "give one of them a FILE"),
        (["--scenario", "nothing"], "take of these: "),
        (["--junit", "missing/a.xml"], "make the folder missing, or write --junit elsewhere"),
    ],
)
def test_what_cannot_be_done_ends_with_the_mend(site: Path, tmp_path: Path, words: list[str], last: str) -> None:
    result = _compare(site, tmp_path, "-V", "5", *words, scenarios=("length",))
    assert result.code == 2, result.stderr
    assert last in result.last
    assert "Traceback" not in result.stderr


@needs_backend
@pytest.mark.parametrize(
    ("words", "code", "last"),
    [
        (["--backend", "nobody"], 3, "no backend named 'nobody'"),
        (["--authorizer", "x"], 2, "give the ENDPOINT (HOST[:PORT]), or leave the option out"),
        (["--token", "x"], 2, "give the ENDPOINT (HOST[:PORT]), or leave the option out"),
        (["--cafile", "x"], 2, "give the ENDPOINT (HOST[:PORT]), or leave the option out"),
        (["--address", "x"], 2, "give the ENDPOINT (HOST[:PORT]), or leave the option out"),
        (["--topic", "x"], 2, "give the ENDPOINT (HOST[:PORT]), or leave the option out"),
        (["--cafile", "missing.pem", "localhost"], 2, "give --cafile a file that can be read"),
        (["--token", "x", "localhost"], 2, "add --token-key-name"),
        (["--rounds", "0"], 2, "customauth compare --help"),
        (["--merge", "x.json", "localhost:1"], 2, "leave it out"),
        (["--merge", "x.json", "--backend", "paho"], 2, "leave it out"),
        (["--merge", "x.json", "--quick"], 2, "leave it out"),
    ],
)
def test_what_cannot_be_compared_ends_with_the_mend(words: list[str], code: int, last: str) -> None:
    result = run("compare", *words)
    assert result.code == code
    assert last in result.last


@needs_backend
def test_a_given_endpoint_is_compared_with_given_credentials(
    sample: RunningGateway, signed: list[str], site: Path, tmp_path: Path
) -> None:
    words = ["-V", "5", *signed[1:]]
    result = _compare(site, tmp_path, "--json", *words, scenarios=("length",))
    assert result.code == 0, result.stderr
    assert result.json()["endpoint"] == sample.endpoint
    refused = _compare(site, tmp_path, "--json", *words, "--authorizer", "nobody", scenarios=("length",))
    assert refused.code == 7
    assert {cell["why"].partition(":")[0] for cell in refused.json()["cells"]} == {"ConnackRefused"}


@needs_backend
def test_an_endpoint_that_is_not_there_is_told_cell_by_cell(site: Path, tmp_path: Path) -> None:
    with serving(closed_port()) as endpoint:
        result = _compare(site, tmp_path, "-V", "5", "--json", "a.json", str(endpoint), scenarios=("length",))
    assert result.code == 7
    cells = json.loads((tmp_path / "a.json").read_text())["cells"]
    assert [cell["why"].partition(":")[0] for cell in cells] == ["ConnectionRefused"] * len(BACKENDS)
    assert result.last.endswith(f" --scenario length -V 5 {endpoint}, with the same credentials")


@needs_backend
def test_credentials_in_the_environment_do_not_disturb_the_local_gateway(site: Path, tmp_path: Path) -> None:
    words = [f"--backend={BACKENDS[0]}", "--scenario=length", "--rounds=1", "--json"]
    env = {"CUSTOMAUTH_TOKEN": "for something else", "PYTHONPATH": str(site)}
    result = run("compare", *words, cwd=tmp_path, env=env)
    assert result.code == 0, result.stderr


@needs_backend
def test_a_backend_named_twice_is_compared_once(site: Path, tmp_path: Path) -> None:
    result = _compare(site, tmp_path, "-V", "5", "--backend", BACKENDS[0], "--json", scenarios=("length",))
    assert [cell["backend"] for cell in result.json()["cells"]] == BACKENDS


def test_the_list_has_bundled_scenarios_and_those_of_plug_ins(site: Path) -> None:
    result = run("compare", "--list", env={"PYTHONPATH": str(site)})
    assert result.code == 0
    assert "connect (speed; measures connect, " in result.stdout
    assert "wrong (behaviour)\n  Does not end as it should." in result.stdout


@needs_backend
def test_a_bundled_scenario_has_the_library_alone_beside_it(tmp_path: Path) -> None:
    words = [f"--backend={BACKENDS[0]}", "--scenario=round-trip-qos1", "-V", "5", "--quick", "--rounds=1"]
    cells = run("compare", *words, "--json", cwd=tmp_path).json()["cells"]
    assert {cell["raw"] for cell in cells} == {True, False}
    alone = run("compare", *words, "--json", "--no-raw", cwd=tmp_path).json()["cells"]
    assert {cell["raw"] for cell in alone} == {False}


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
