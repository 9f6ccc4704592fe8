"""The benchmark runs, in a tiny form; nothing is said about speed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLIENTS = 20

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="the benchmark needs Linux: /proc and epoll")


def has_mosquitto() -> bool:
    return any(shutil.which("mosquitto", path=path) for path in (None, "/usr/sbin", "/usr/local/sbin"))


@needs_linux
def test_a_tiny_run_connects_everybody_and_writes_all_its_numbers(tmp_path: Path) -> None:
    numbers = tmp_path / "numbers.json"
    tiny = ["--rounds", "1", "--connections", str(CLIENTS), "--crowd", str(CLIENTS), "--hold", "0"]
    run = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "front_door.py"), *tiny, "--json", str(numbers)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    document = json.loads(numbers.read_text())
    servers = {"gateway", "mosquitto"} if has_mosquitto() else {"gateway"}

    assert {turn["server"] for turn in document["rounds"]} == servers
    assert {turn["protocol"] for turn in document["rounds"]} == {"MQTT 5", "MQTT 3.1.1"}
    assert all(turn["connections"] == CLIENTS for turn in document["rounds"])
    assert all(turn["tls"] == ["TLSv1.3 TLS_AES_256_GCM_SHA384"] for turn in document["rounds"])

    assert set(document["one_at_a_time"]) == servers
    assert document["one_at_a_time"]["gateway"]["decision_ms"] > 0

    assert {crowd["server"] for crowd in document["crowds"]} == servers
    assert all(crowd["accepted"] == crowd["answered_a_pingreq"] == CLIENTS for crowd in document["crowds"])

    for protocol in ("MQTT 5", "MQTT 3.1.1"):
        assert ("ratio" in document["connects"][protocol]) == ("mosquitto" in servers)
    assert f"Taken {document['taken']}" in run.stdout
    assert ("mosquitto is not installed" in run.stdout) == ("mosquitto" not in servers)
