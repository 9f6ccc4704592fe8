"""The benchmark of messages runs, in a tiny form; nothing is said about speed."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def servers() -> set[str]:
    found = {"gateway"}
    if any(shutil.which("mosquitto", path=path) for path in (None, "/usr/sbin", "/usr/local/sbin")):
        found.add("mosquitto")
    if importlib.util.find_spec("uvloop") is not None:
        found.add("gateway+uvloop")
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="the benchmark needs Linux: /proc and epoll")
def test_a_tiny_run_brings_every_message_and_writes_all_its_numbers(tmp_path: Path) -> None:
    numbers = tmp_path / "numbers.json"
    tiny = ["--rounds", "1", "--messages", "200", "--subscribers", "5", "--spread", "2"]
    run = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "messages.py"), *tiny, "--json", str(numbers)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    document = json.loads(numbers.read_text())

    assert {turn["server"] for turn in document["rounds"]} == servers()
    assert {turn["protocol"] for turn in document["rounds"]} == {"MQTT 5", "MQTT 3.1.1"}
    assert all(turn["received"] == turn["sent"] for turn in document["rounds"])
    assert {turn["server"] for turn in document["fan_out_rounds"]} == servers()
    assert all(turn["received"] == turn["sent"] == 2 * 5 for turn in document["fan_out_rounds"])
    for protocols in document["streams"].values():
        for summary in protocols.values():
            assert ("ratio" in summary["gateway"]) == ("mosquitto" in servers())
    assert f"Taken {document['taken']}" in run.stdout
