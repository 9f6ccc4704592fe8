"""Ctrl-C and SIGTERM during `customauth compare`: what was measured is not lost, and nothing is left running."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from commands import COMMAND, Result, installed_backends, run
from needs import needs_backend

pytestmark = needs_backend

BACKEND = next(iter(installed_backends()), "")
SCENARIOS = """
import asyncio, atexit, os, pathlib, shutil, tempfile, time
from customauth import hookimpl
from customauth.compare import Behaviour, Kind, Measure, Scenario, Turn

class Quick(Scenario):
    name = "quick-one"
    title = "Quick one"
    description = "Measures."
    kind = Kind.SPEED
    measures = (Measure(name="one", title="one", unit="ms"),)

    async def turn(self, bench, subject):
        return Turn(measurements={"one": (1.0, 2.0)})

class Untidy(Quick):
    name = "untidy"
    title = "Untidy"

    async def turn(self, bench, subject):
        atexit.register(shutil.rmtree, tempfile.mkdtemp(prefix="untidy-"))
        return await super().turn(bench, subject)

class Endless(Quick):
    name = "endless"
    title = "Endless"
    measures = (Measure(name="two", title="two", unit="ms"),)
    turns = 0

    async def turn(self, bench, subject):
        self.turns += 1
        if self.turns < 3:
            return Turn(measurements={"two": (1.0,)})
        pathlib.Path("reached").write_text(str(bench.gateway.folder))
        await asyncio.Event().wait()

class Waiting(Endless):
    name = "waiting"
    title = "Waiting"
    turns = 2

class Stubborn(Endless):
    name = "stubborn"
    title = "Stubborn"

    async def turn(self, bench, subject):
        pathlib.Path("reached").write_text(str(bench.gateway.folder))
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                pathlib.Path("cancelled").touch()

class Later(Scenario):
    name = "later"
    title = "Later"
    description = "Is never reached."
    kind = Kind.BEHAVIOUR

    async def turn(self, bench, subject):
        return Turn(behaviour=Behaviour(expected="nothing", as_expected=True, milliseconds=(1.5,)))

@hookimpl
def customauth_comparison_scenarios():
    return [Quick(), Untidy(), Endless(), Waiting(), Stubborn(), Later()]
"""
OUTPUTS = ("--json", "a.json", "--markdown", "a.md", "--junit", "a.xml", "--html", "a.html")
# A guard against hanging, not a measure.
HANGS = 60.0


@frozen(kw_only=True)
class Left:
    """What an interrupted command left behind."""

    result: Result
    folder: Path
    document: Any


@pytest.fixture(scope="session")
def interruptible(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("interruptible")
    info = folder / "interruptible_scenarios-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: interruptible-scenarios\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[customauth.plugins]\ninterruptible = interruptible_scenarios\n")
    (folder / "interruptible_scenarios.py").write_text(SCENARIOS)
    return folder


@contextlib.contextmanager
def _comparing(site: Path, cwd: Path, *words: str, scenarios: tuple[str, ...]) -> Iterator[subprocess.Popen[str]]:
    chosen = [f"--backend={BACKEND}", *(f"--scenario={name}" for name in scenarios), "--no-raw", *words]
    with subprocess.Popen(
        [*COMMAND, "compare", *chosen],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(site), "TMPDIR": str(_temporary_folder_of(cwd))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # As in a terminal: a signal to the group is one to all of them.
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _temporary_folder_of(cwd: Path) -> Path:
    folder = cwd / "temporary"
    folder.mkdir(exist_ok=True)
    return folder


def _wait_for(file: Path, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + HANGS
    while not file.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, f"{file.name} has not come"
        time.sleep(0.02)


def _ended(process: subprocess.Popen[str]) -> Result:
    stdout, stderr = process.communicate(timeout=HANGS)
    return Result(code=process.returncode, stdout=stdout, stderr=stderr)


def _listeners_of(folder: str) -> list[str]:
    """Return the command lines of processes that were started for a comparison's folder."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            # Another's words may be no UTF-8.
            words = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if folder in words:
                found.append(words)
    return found


@pytest.fixture(scope="session", params=[signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def left(request: pytest.FixtureRequest, interruptible: Path, tmp_path_factory: pytest.TempPathFactory) -> Left:
    """Interrupt a comparison, as from a terminal, in the third of its turns of its second scenario."""
    folder = tmp_path_factory.mktemp("left")
    words = ("-V", "5", "--transport", "mqtt", "--transport", "wss", "--rounds", "4", *OUTPUTS)
    with _comparing(interruptible, folder, *words, scenarios=("quick-one", "endless", "later")) as process:
        _wait_for(folder / "reached", process)
        os.killpg(process.pid, request.param)
        result = _ended(process)
    assert result.code == 130, result.stderr + result.stdout
    return Left(result=result, folder=folder, document=json.loads((folder / "a.json").read_text()))


def test_what_was_measured_is_in_the_document_and_what_is_missing_too(left: Left) -> None:
    cells = {(cell["scenario"], cell["transport"]): cell for cell in left.document["cells"]}
    assert {key: (cell["state"], cell["why"], cell["turns"]) for key, cell in cells.items()} == {
        ("quick-one", "mqtt"): ("run", None, 4),
        ("quick-one", "wss"): ("run", None, 4),
        ("endless", "mqtt"): ("run", "interrupted after 2 of 4 turns", 2),
        ("endless", "wss"): ("missing", "interrupted before its first turn", 0),
        ("later", "mqtt"): ("missing", "interrupted before its first turn", 0),
        ("later", "wss"): ("missing", "interrupted before its first turn", 0),
    }
    assert cells["endless", "mqtt"]["measurements"] == {"two": [1.0, 1.0]}
    (environment,) = left.document["environments"]
    assert list(left.document["interrupted"]) == [environment["id"]]


def test_every_form_says_that_it_was_interrupted_and_what_is_missing(left: Left) -> None:
    (name, why), *_ = left.document["interrupted"].items()
    told = f"{name} was interrupted by {why}: 3 of 6 cells are missing (endless on MQTT 5 over wss, later), and 1 has "
    assert left.result.stdout.splitlines()[0].startswith(told)
    assert left.result.stderr.splitlines()[-2].startswith(told)
    assert left.result.last == "next: run what is missing by itself, such as: customauth compare --scenario endless"
    assert "Verdict" in left.result.stdout
    assert (left.folder / "a.md").read_text().startswith("### Interrupted\n")
    assert told in (left.folder / "a.html").read_text()
    (case,) = [
        case
        for case in ET.fromstring((left.folder / "a.xml").read_text()).iter("testcase")  # noqa: S314 - our own
        if case.find("error") is not None
    ]
    assert (case.get("classname"), case.get("name")) == ("comparison", "whole")
    assert case[0].get("message") == f"interrupted by {why}"


def test_nothing_of_it_is_left_running(left: Left) -> None:
    folder = (left.folder / "reached").read_text()
    assert list(_temporary_folder_of(left.folder).iterdir()) == []
    # What its functions have started is killed, and nobody waits for that but the system.
    end = time.monotonic() + HANGS
    while found := _listeners_of(folder):
        assert time.monotonic() < end, found
        time.sleep(0.02)


def test_a_whole_one_leaves_no_temporary_files_either(interruptible: Path, tmp_path: Path) -> None:
    with _comparing(interruptible, tmp_path, "-V", "5", *OUTPUTS, scenarios=("untidy",)) as process:
        result = _ended(process)
    assert result.code == 0, result.stderr
    assert list(_temporary_folder_of(tmp_path).iterdir()) == []


def test_what_is_left_is_merged_with_others(left: Left, tmp_path: Path) -> None:
    (old,) = left.document["interrupted"]
    whole = json.loads(json.dumps(left.document).replace(f'"{old}"', '"other"'))
    (tmp_path / "whole.json").write_text(json.dumps({**whole, "interrupted": {}}))
    words = ("--merge", left.folder / "a.json", "--merge", tmp_path / "whole.json", "--json")
    result = run("compare", *words, cwd=tmp_path)
    assert result.code == 0, result.stderr
    assert result.json()["interrupted"] == left.document["interrupted"]
    assert len(result.json()["environments"]) == 2


def test_what_is_left_is_a_baseline_that_says_what_it_lacks(left: Left, tmp_path: Path) -> None:
    document = json.loads(json.dumps(left.document))
    for cell in document["cells"]:
        cell.update(state="run", why=None, turns=1)
        if cell["scenario"] == "later":
            cell["behaviour"] = {"expected": "nothing", "as_expected": True}
        else:
            cell["measurements"] = {"one" if cell["scenario"] == "quick-one" else "two": [1.0]}
    (tmp_path / "whole.json").write_text(json.dumps({**document, "interrupted": {}}))
    words = ("--merge", tmp_path / "whole.json", "--baseline", left.folder / "a.json", "--fail-on", "two>9x")
    result = run("compare", *words, cwd=tmp_path)
    assert result.code == 0, result.stderr
    assert "baseline: py" in result.stdout
    assert "not judged, as the baseline was interrupted: endless on MQTT 5 over wss" in result.stdout
    back = run(
        *("compare", "--merge", left.folder / "a.json", "--baseline", tmp_path / "whole.json"),
        *("--fail-on", "behaviour"),
        cwd=tmp_path,
    )
    assert back.code == 12
    assert "not judged, as the comparison was interrupted: later" in back.stderr


def test_before_anything_was_measured_nothing_is_overwritten(interruptible: Path, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("of yesterday")
    with _comparing(interruptible, tmp_path, "-V", "5", *OUTPUTS, scenarios=("waiting", "later")) as process:
        _wait_for(tmp_path / "reached", process)
        process.send_signal(signal.SIGINT)
        result = _ended(process)
    assert result.code == 130, result.stderr
    assert result.last == "interrupted before anything was measured; nothing is written"
    assert (tmp_path / "a.json").read_text() == "of yesterday"


def test_a_second_one_ends_at_once_whatever_the_turn_does(interruptible: Path, tmp_path: Path) -> None:
    words = ("-V", "5", "--transport", "mqtt", *OUTPUTS)
    with _comparing(interruptible, tmp_path, *words, scenarios=("quick-one", "stubborn")) as process:
        _wait_for(tmp_path / "reached", process)
        process.send_signal(signal.SIGTERM)
        _wait_for(tmp_path / "cancelled", process)
        process.send_signal(signal.SIGINT)
        result = _ended(process)
    assert (result.code, result.last) == (130, "interrupted"), result.stderr
    assert "interrupted by SIGTERM: the report of what was measured follows; once more ends at once" in result.stderr
    assert not (tmp_path / "a.json").exists()
    assert list(_temporary_folder_of(tmp_path).iterdir()) == []
