"""``customauth swarm`` as a user runs it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

import commands

pytestmark = pytest.mark.skipif(not commands.installed_backends(), reason="a swarm needs an MQTT library")

# A guard against hanging, not a measure.
_HANGS = 90.0


def test_without_an_endpoint_it_brings_its_own_gateway(tmp_path: Path) -> None:
    page, numbers = tmp_path / "swarm.html", tmp_path / "swarm.json"
    words = ["--clients", "5", "--duration", "1", "--publish-every", "0.3", "--rate", "50/s"]
    done = commands.run("swarm", *words, "--html", page, "--json", numbers)
    assert done.code == 0, done.stdout + done.stderr
    found = json.loads(numbers.read_text())
    assert found["connectedAtTheEnd"] == 5
    assert found["counts"]["acknowledged"] + found["counts"]["interrupted"] == found["counts"]["published"]
    assert page.read_text().lower().startswith("<!doctype html>")


def _decisions(records: Path) -> int:
    lines = [line for line in records.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return sum(json.loads(line)["record"] == "decision" for line in lines)


def test_an_interrupt_after_a_storm_ends_it_with_a_report_of_the_storm(tmp_path: Path) -> None:
    records, numbers = tmp_path / "records.jsonl", tmp_path / "swarm.json"
    rows = ["client_id,username,password", *(f"lamp-{number},alice,wonderland" for number in range(5))]
    (tmp_path / "devices.csv").write_text("\n".join(rows) + "\n")
    words = ["--csv", str(tmp_path / "devices.csv"), "--authorizer", "unsigned-sample", "--duration", "600"]
    words += ["--storm-after", "0.3", "--storm-jitter", "0.2", "--json", str(numbers)]
    with (
        commands.gateway(tmp_path, "--log-json", records) as running,
        commands.start("swarm", *running.where(*words)) as process,
    ):
        ends = time.monotonic() + _HANGS
        while _decisions(records) < 10:
            assert time.monotonic() < ends
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        output, said = process.communicate(timeout=_HANGS)
    assert process.returncode == 130, said
    assert "storm: 5 cut, 5 back" in output
    assert json.loads(numbers.read_text())["counts"]["accepted"] == 10


def test_a_scenario_file_and_a_table_against_a_gateway(tmp_path: Path) -> None:
    with commands.gateway(tmp_path) as running:
        (tmp_path / "fleet.toml").write_text(
            f"""
            endpoint = "{running.endpoint}"
            cafile = "{running.ca_file}"
            rate = 50
            duration = 0
            [client]
            authorizer = "unsigned-sample"
            csv = "devices.csv"
            """
        )
        rows = ["client_id,username,password", "one,alice,wonderland", "two,alice,wrong"]
        (tmp_path / "devices.csv").write_text("\n".join(rows) + "\n")
        done = commands.run("swarm", "--scenario", tmp_path / "fleet.toml", "--json")
    assert done.code == 7
    found = done.json()
    assert found["counts"]["accepted"] == 1
    assert set(found["errors"]) == {"connect: ConnackRefused 0x87"}
    assert "wonderland" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--authorizer", "a"], "--authorizer is for an ENDPOINT, and none is given"),
        (["--cafile", __file__], "--cafile is for an ENDPOINT, and none is given"),
        (["--csv", __file__], "--csv is for an ENDPOINT, and none is given"),
        (["--rate", "many", "localhost"], "'many' is no rate"),
        (["--publish-topic", "t", "localhost"], "--publish-every"),
        (["--csv", "nowhere.csv", "localhost"], "nowhere.csv"),
        (["--scenario", "nowhere.toml"], "nowhere.toml"),
        (["--storm-after", "10", "--duration", "5"], "a longer --duration"),
        (["--rate", "500", "abc-ats.iot.eu-west-1.amazonaws.com"], "--beyond-quotas"),
    ],
)
def test_bad_input_is_refused_before_anything_is_started(words: list[str], said: str) -> None:
    done = commands.run("swarm", *words)
    assert done.code == 2
    assert said in done.stderr


def test_an_interrupt_ends_it_with_a_report() -> None:
    with commands.start("swarm", "--clients", "3", "--duration", "600", "--json") as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "connected" in line:
                break
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=_HANGS)
    assert process.returncode == 130
    assert json.loads(output)["interrupted"] is True


@pytest.mark.skipif(shutil.which("setsid") is None, reason="needs setsid")
def test_ctrl_c_while_its_processes_start_is_for_it_alone() -> None:
    own_group = ("setsid", *commands.COMMAND)
    with commands.start("swarm", "--clients", "3", "--duration", "600", "--json", program=own_group) as process:
        assert process.stderr is not None
        # Its processes have been started, and have not read their orders.
        assert "0/3 connected" in next(process.stderr)
        # A terminal sends it to the whole group.
        os.killpg(process.pid, signal.SIGINT)
        output, said = process.communicate(timeout=_HANGS)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert json.loads(output)["interrupted"] is True


def test_clients_that_are_refreshing_at_the_end_are_there() -> None:
    done = commands.run("swarm", "--clients", "10", "--rate", "100", "--duration", "3", "--refresh", "0.6", "--json")
    assert done.code == 0, done.stdout + done.stderr
    found = done.json()
    assert found["connectedAtTheEnd"] + found["refreshingAtTheEnd"] == 10
