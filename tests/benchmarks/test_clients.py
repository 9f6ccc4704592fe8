"""The benchmark of the clients: what it makes of its numbers, and a tiny run; nothing is said about speed."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from customauth import ClosedBeforeConnack, Connection, ConnectRequest, PluginManager
from customauth.compare import (
    Bench,
    Cell,
    Environment,
    Kind,
    Measure,
    Report,
    ScenarioInfo,
    State,
    Subject,
)
from customauth.compare.result import PROCESSOR_TIME
from customauth.gateway import running
from made_scenarios import Plugin
from rawbackend import RawBackend

ROOT = Path(__file__).parents[2]
LIBRARIES = {"paho": "paho", "gmqtt": "gmqtt", "awscrt": "awscrt"}

Load = Callable[[str], ModuleType]

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="the benchmark needs Linux: /proc")


def installed() -> str:
    for backend, module in LIBRARIES.items():
        if importlib.util.find_spec(module) is not None:
            return backend
    pytest.skip("no MQTT library is installed")


ALIKE = (10.0, 10.0)


def cells(scenario: str, own: dict[str, tuple[float, ...]], alone: dict[str, tuple[float, ...]]) -> list[Cell]:
    """Return the cells of a backend, and of its library alone."""
    return [
        Cell(environment="gateway", scenario=scenario, backend="paho", version="5", raw=raw, measurements=dict(values))
        for raw, values in ((False, own), (True, alone))
        if values
    ]


def whole(*found: Cell) -> Report:
    """Return a report of scenarios that each have one measure, beside the processor time."""
    names = dict.fromkeys(cell.scenario for cell in found)
    measures = {
        name: tuple(dict.fromkeys(each for cell in found if cell.scenario == name for each in cell.measurements))
        for name in names
    }
    return Report(
        customauth="1",
        created="today",
        environments=(Environment(id="gateway", python="3", platform="Linux"),),
        scenarios=tuple(
            ScenarioInfo(
                name=name,
                title=name.capitalize(),
                description="",
                kind=Kind.SPEED,
                measures=tuple(
                    PROCESSOR_TIME if each == PROCESSOR_TIME.name else Measure(name=each, title=each, unit="ms")
                    for each in measures[name]
                ),
            )
            for name in names
        ),
        cells=tuple(found),
    )


def test_a_measure_has_the_ratio_of_the_two_medians_and_of_the_processor_times(benchmark_module: Load) -> None:
    own = {"connect": (1.0, 3.0, 30.0), "processor-time": (6.0,)}
    report = whole(*cells("connect", own, {"connect": (2.0, 2.0, 2.0), "processor-time": (4.0,)}))
    [judged] = benchmark_module("tables").judge(report)
    assert (judged.ratio, judged.processor_ratio, judged.met) == (1.5, 1.5, False)
    assert "| **1.50x** | 1.50x | ≤ 1.1 | **missed** |" in benchmark_module("tables").tables(report)


def test_without_the_library_alone_no_ratio_is_judged(benchmark_module: Load) -> None:
    [judged] = benchmark_module("tables").judge(whole(*cells("connect", {"connect": ALIKE}, {})))
    assert (judged.ratio, judged.met) == (None, None)


@pytest.mark.parametrize(
    ("measure", "backend", "value", "met"),
    [
        ("connect", "paho", 1.1049, True),
        ("connect", "paho", 1.106, False),
        ("publish-qos1", "paho", 0.946, True),
        ("publish-qos1", "paho", 0.944, False),
        ("publish-fastest", "paho", 0.1, None),
        ("command", "paho", 0.9, False),
        ("command", "awscrt", 0.9, True),
        ("command", "mqttium", 9.0, None),
    ],
)
def test_a_limit_is_kept_as_it_is_shown(
    benchmark_module: Load, measure: str, backend: str, value: float, met: bool | None
) -> None:
    [target] = [each for each in benchmark_module("targets").TARGETS if each.measure == measure]
    assert target.met(value, backend) is met


def test_every_missed_target_is_named(benchmark_module: Load) -> None:
    report = whole(
        *cells("connect", {"connect": (5.0,)}, {"connect": (10.0,)}),
        *cells("publish-qos1", {"publish-qos1": (5.0,)}, {"publish-qos1": (10.0,)}),
        *cells("memory", {"memory": (300.0,)}, {"memory": (10.0,)}),
        *cells("command", {"command": (9.0,)}, {"command": (10.0,)}),
    )
    tables = benchmark_module("tables")
    found = tables.missed(list(tables.judge(report)))
    assert found == [
        "Publish-qos1, paho, MQTT 5, gateway: 0.50x (≥ 0.95)",
        "Memory, paho, MQTT 5, gateway: 300 ms (≤ 100)",
        "Command, paho, MQTT 5, gateway: 0.90x (≤ 0.7)",
    ]
    assert all(f"- {line}" in tables.tables(report) for line in found)
    assert "All targets are met." in tables.tables(whole(*cells("connect", {"connect": ALIKE}, {"connect": ALIKE})))


def test_lost_messages_are_counted_and_a_broken_crowd_is_no_whole_run(benchmark_module: Load) -> None:
    tables = benchmark_module("tables")
    report = whole(*cells("arrivals-qos0", {"lost-qos0": (0.0, 2.0)}, {"lost-qos0": (3.0,)}))
    assert (tables.lost(report), tables.is_whole(report)) == (5, True)
    broken = evolve(report.cells[0], state=State.ERROR, why="RuntimeError: 4 of 5 stayed")
    assert not tables.is_whole(evolve(report, cells=(broken,)))


class Fickle(RawBackend):
    """Its second connection is closed on it."""

    name: ClassVar[str] = "paho"

    async def connect(self, request: ConnectRequest) -> Connection:
        number = len(self.requests)
        connection = await super().connect(request)
        if number == 1:
            await connection.aclose()
            raise ClosedBeforeConnack
        return connection


def test_a_crowd_of_which_one_is_not_accepted_breaks_down(benchmark_module: Load) -> None:
    crowd = benchmark_module("crowd").Crowd(count=3, hold=0.0)
    plugins = PluginManager(discover=False)
    plugins.register(Plugin(Fickle()))

    async def held() -> None:
        async with running() as gateway:
            assert gateway.signed is not None
            bench = Bench(place=gateway.endpoint, credentials=gateway.signed, plugins=plugins)
            with pytest.raises(RuntimeError, match="2 of 3 stayed and were answered at the end: 1 times Closed"):
                await crowd.turn(bench, Subject(backend="paho"))

    asyncio.run(held())


IMPORTTIME = """\
import time: self [us] | cumulative | imported package
import time:       158 |        158 |   _io
import time:        80 |        300 |     rich.console
import time:        80 |        300 | customauth_paho
import time:        80 |        300 |       gmqtt
import time:        80 |        300 | customauth.policy_lint
Something else that was said
"""


def test_imports_are_read_and_those_of_no_use_are_named(benchmark_module: Load) -> None:
    modules = benchmark_module("modules")
    found = modules.imported(IMPORTTIME)
    assert found == ["_io", "customauth.policy_lint", "customauth_paho", "gmqtt", "rich.console"]
    assert modules.unused(found, "paho") == ["gmqtt", "rich.console"]
    assert modules.unused(found, "gmqtt") == ["customauth_paho", "rich.console"]


@given(
    payload=st.text("ab", min_size=1, max_size=4).map(str.encode),
    between=st.lists(st.text("ab", max_size=3).map(str.encode), max_size=8),
    cuts=st.lists(st.integers(min_value=1, max_value=5), min_size=1),
)
def test_a_payload_is_counted_once_however_the_stream_is_cut(
    benchmark_module: Load, payload: bytes, between: list[bytes], cuts: list[int]
) -> None:
    tally = benchmark_module("receiver").Tally(payload)
    stream = payload.join(between)
    at = number = 0
    while at < len(stream):
        size = cuts[number % len(cuts)]
        tally.feed(stream[at : at + size])
        at, number = at + size, number + 1
    assert tally.count == stream.count(payload)


@needs_linux
def test_a_tiny_run_compares_both_arms_with_every_server_and_writes_the_comparisons_document(tmp_path: Path) -> None:
    backend, numbers = installed(), tmp_path / "numbers.json"
    run = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.clients", "--backends", backend, "--quick", "--crowd", "5"),
            *("--hold", "0", "--json", str(numbers)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    found = Report.from_json(numbers.read_text())
    has_mosquitto = any(shutil.which("mosquitto", path=path) for path in (None, "/usr/sbin", "/usr/local/sbin"))
    servers = {"gateway", "mosquitto"} if has_mosquitto else {"gateway"}
    ran = {
        (cell.scenario, cell.environment.partition("-")[0], cell.version, cell.raw)
        for cell in found.cells
        if cell.state is State.RUN
    }
    assert ran >= {
        (scenario, server, version, raw)
        for scenario in ("connect", "publish-qos1", "arrivals-qos0", "round-trip-qos1")
        for server in servers
        for version in ("5", "3.1.1")
        for raw in (False, True)
    }
    assert {raw for scenario, _, _, raw in ran if scenario == "memory"} == {False, True}
    (imports,) = (cell.behaviour for cell in found.cells if cell.scenario == "command-imports")
    assert imports is not None
    assert imports.as_expected, imports.message
    held = [cell.measurements["crowd"] for cell in found.cells if cell.scenario == "crowd" and cell.state is State.RUN]
    assert held == ([(5.0,)] if backend != "awscrt" else [])
    assert all(cell.measurements["processor-time"] for cell in found.cells if cell.scenario == "connect")
    assert f"customauth {found.customauth}, {found.created}" in run.stdout


@needs_linux
def test_a_few_disconnects_lose_no_acknowledged_message() -> None:
    words = ["--backends", installed(), "--versions", "5", "--cuts", "5", "--seed", "1"]
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.clients.disconnects", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    cells = [cell.strip() for cell in run.stdout.splitlines()[-1].strip("|").split("|")]
    assert (cells[2], cells[-1]) == ("5", "0")
    assert int(cells[3].replace(",", "")) > 0
