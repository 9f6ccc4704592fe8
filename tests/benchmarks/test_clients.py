"""The benchmark of the clients: what it makes of its numbers, and a tiny run; nothing is said about speed."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
LIBRARIES = {"paho": "paho", "gmqtt": "gmqtt", "awscrt": "awscrt"}
MEASURES = {"connect p50", "QoS 1, 100 in flight", "QoS 0", "QoS 1 round trip p50"}

Load = Callable[[str], ModuleType]

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="the benchmark needs Linux: /proc")


def installed() -> str:
    for backend, module in LIBRARIES.items():
        if importlib.util.find_spec(module) is not None:
            return backend
    pytest.skip("no MQTT library is installed")


def turn(number: int, arm: str, value: float, cpu_us: float = 1.0) -> dict[str, Any]:
    where = {"measure": "QoS 0", "server": "gateway", "backend": "paho", "version": "5"}
    return {**where, "round": number, "arm": arm, "value": value, "cpu_us": cpu_us}


def test_each_round_has_the_ratio_of_its_own_two_turns(benchmark_module: Load) -> None:
    turns = [
        *(turn(1, "alone", 10), turn(1, "customauth", 20)),
        *(turn(2, "customauth", 30), turn(2, "alone", 10)),
        *(turn(3, "alone", 100), turn(3, "customauth", 10)),
    ]
    [summary] = benchmark_module("ratios").summaries(turns)
    assert summary["ratios"] == [2, 3, 0.1]
    assert summary["ratio"] == 2
    assert (summary["customauth"], summary["alone"]) == (20, 10)


def test_a_round_that_only_one_arm_has_finished_counts_for_nothing(benchmark_module: Load) -> None:
    turns = [turn(1, "alone", 10), turn(1, "customauth", 20), turn(2, "alone", 10)]
    [summary] = benchmark_module("ratios").summaries(turns)
    assert summary["ratios"] == [2]


def test_turns_of_other_contests_are_kept_apart(benchmark_module: Load) -> None:
    others = [{**turn(1, arm, value), "version": "3.1.1"} for arm, value in (("alone", 4), ("customauth", 1))]
    turns = [turn(1, "alone", 10), *others, turn(1, "customauth", 20)]
    summaries = benchmark_module("ratios").summaries(turns)
    assert {each["version"]: each["ratio"] for each in summaries} == {"5": 2, "3.1.1": 0.25}


def test_a_processor_time_below_the_clocks_step_makes_no_ratio(benchmark_module: Load) -> None:
    [summary] = benchmark_module("ratios").summaries([turn(1, "alone", 10, cpu_us=0), turn(1, "customauth", 20)])
    assert summary["cpu_ratio"] is None


def test_the_arms_take_turns_at_going_first(benchmark_module: Load) -> None:
    order = benchmark_module("ratios").order
    assert order(1) == tuple(reversed(order(2)))
    assert order(1) == order(3)


def test_a_limit_is_kept_as_it_is_shown(benchmark_module: Load) -> None:
    targets = benchmark_module("targets")
    assert targets.CONNECT.met(1.1049)
    assert not targets.CONNECT.met(1.106)
    assert targets.ACKNOWLEDGED.met(0.946)
    assert not targets.ACKNOWLEDGED.met(0.944)
    assert [str(target) for target in (targets.CONNECT, targets.ACKNOWLEDGED)] == ["≤ 1.1", "≥ 0.95"]


def document(**parts: Any) -> dict[str, Any]:
    empty = {"contests": [], "memory": [], "crowds": [], "command": {}, "problems": []}
    machine = {"processor": "a processor", "cores": 2, "system": "Linux"}
    return {"taken": "today", "machine": machine, "versions": {"customauth": "1"}, **empty, **parts}


def test_every_missed_target_is_named(benchmark_module: Load) -> None:
    where = {"server": "gateway", "backend": "paho", "version": "5"}
    numbers = {"customauth": 1.0, "alone": 1.0, "cpu_ratio": None, "ratios": [0.5]}
    crowd = {"backend": "gmqtt", "version": "5", "wanted": 5, "accepted": 5, "answered_at_the_end": 5, "lost": 1}
    more = {"failures": {"lost: x": 1}, "accepting_took_s": 1.0, "held_s": 1.0, "acknowledged_meanwhile": 5}
    command = {"customauth_ms": 1.0, "script_ms": 1.0, "ratio": 0.9, "ratios": [0.9], "modules": ["rich"]}
    found = document(
        contests=[
            {**where, **numbers, "measure": "QoS 0", "ratio": 0.5},
            {**where, **numbers, "measure": "connect p50", "ratio": 0.5},
        ],
        memory=[
            {**where, "arm": arm, "connections": 9, "kib_per_connection": 300.0, "threads_per_connection": 1.0}
            for arm in ("alone", "customauth")
        ],
        crowds=[{**crowd, **more}],
        command={"backends": {"paho": {**command, "unused": ["rich"]}, "awscrt": {**command, "unused": []}}},
    )
    tables = benchmark_module("tables")
    assert [line.partition(":")[0] for line in tables.missed(found)] == [
        "QoS 0, paho, MQTT 5, gateway",
        "memory, paho, MQTT 5",
        "command, paho",
        "command, paho",
        "5 at once, gmqtt",
    ]
    shown = tables.tables(found)
    assert all(f"- {line}" in shown for line in tables.missed(found))
    assert "All targets are met." in tables.tables(document())


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
def test_a_tiny_run_measures_both_arms_and_writes_all_its_numbers(tmp_path: Path) -> None:
    backend, numbers = installed(), tmp_path / "numbers.json"
    tiny = ["--quick", "--connects", "2", "--messages", "200", "--round-trips", "5", "--held", "5", "--crowd", "5"]
    tiny += ["--hold", "0", "--runs", "1"]
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.clients", "--backends", backend, *tiny, "--json", str(numbers)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    found = json.loads(numbers.read_text())
    has_mosquitto = any(shutil.which("mosquitto", path=path) for path in (None, "/usr/sbin", "/usr/local/sbin"))
    servers = {"gateway", "mosquitto"} if has_mosquitto else {"gateway"}
    measures = MEASURES if backend == "gmqtt" else {*MEASURES, "QoS 1, the library's fastest way"}
    expected = {(measure, server, version) for measure in measures for server in servers for version in ("5", "3.1.1")}

    assert {(each["measure"], each["server"], each["version"]) for each in found["contests"]} == expected
    assert all(len(each["ratios"]) == 1 for each in found["contests"])
    assert {each["arm"] for each in found["turns"]} == {"alone", "customauth"}
    assert all(each.get("lost", 0) == 0 for each in found["turns"])
    assert {(each["arm"], each["version"]) for each in found["memory"]} == {
        (arm, version) for arm in ("alone", "customauth") for version in ("5", "3.1.1")
    }
    assert all(each["answered_at_the_end"] == 5 and not each["lost"] for each in found["crowds"])
    if importlib.util.find_spec("awsiot") is not None:
        assert "customauth" in found["command"]["backends"][backend]["modules"]
    assert f"Taken {found['taken']}" in run.stdout


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
