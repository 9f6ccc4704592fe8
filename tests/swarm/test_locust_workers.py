"""Workers of Locust that come and go, and what limits them."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

import commands
import locusts
from locusts import HANGS, LOCUST, fleet, locust, rows, said, until

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("locust") is None, reason="Locust is an extra"),
    pytest.mark.skipif("paho" not in commands.installed_backends(), reason="the fleet of the example is on paho"),
    pytest.mark.skipif(sys.platform == "win32", reason="no such signals and limits there"),
]

USER = """
from customauth.swarm.locust import CustomAuthUser

class Device(CustomAuthUser):
    pass
"""


def _connects(records: Path) -> Counter[str]:
    """Return how often each client was accepted."""
    found: Counter[str] = Counter()
    for line in records.read_text().splitlines(keepends=True):
        if line.endswith("\n"):
            record = json.loads(line)
            if record["record"] == "decision" and record["step"] == "connect":
                found[record["clientId"]] += 1
    return found


def _in_table(folder: Path, name: str) -> int:
    """Return how many requests of a name the table says that Locust prints again and again."""
    found = re.findall(rf"MQTT +{name} +(\d+) ", (folder / "alone.log").read_text())
    return int(found[-1]) if found else 0


def test_a_worker_that_was_missing_comes_back_and_shares_no_client_with_another(tmp_path: Path) -> None:
    records = tmp_path / "records.jsonl"
    listens, at = locusts.ports()
    words = ("--headless", "--expect-workers", "2", "-u", "6", "-r", "6", "--csv", "out", "--enable-rebalancing")
    with commands.gateway(tmp_path, "--log-json", records) as running:
        fleet(tmp_path, running)
        (tmp_path / "locustfile.py").write_text(USER)
        with (
            locust(tmp_path, "master", *words, *listens) as master,
            locust(tmp_path, "one", *at) as one,
            locust(tmp_path, "other", *at),
        ):
            until(lambda: len(_connects(records)) >= 6, tmp_path, "master")

            def missed() -> bool:
                # Again and again, whoever else lets it go on.
                one.send_signal(signal.SIGSTOP)
                return said(tmp_path, "master", "setting state to missing")

            until(missed, tmp_path, "master")
            # The other worker has taken over its users.
            until(lambda: _connects(records).total() >= 9, tmp_path, "master")
            one.send_signal(signal.SIGCONT)
            until(lambda: said(tmp_path, "master", "self-healed with heartbeat"), tmp_path, "master")
            # Long enough for clients that throw each other out to come back some times.
            time.sleep(6.0)
            master.send_signal(signal.SIGTERM)
            master.wait(HANGS)
    found = rows(tmp_path)
    assert "disconnect" not in found or int(found["disconnect"]["Failure Count"]) == 0, found["disconnect"]
    assert _connects(records).most_common(1)[0][1] == 1, _connects(records)


def test_more_users_than_rows_of_a_table_are_told_and_the_others_run(tmp_path: Path) -> None:
    with commands.gateway(tmp_path) as running:
        fleet(tmp_path, running)
        (tmp_path / "devices.csv").write_text("client_id\nlamp-a\nlamp-b\n")
        text = (tmp_path / "fleet.toml").read_text().replace("clients = 10\n", "")
        (tmp_path / "fleet.toml").write_text(text.replace('client-id = "device-{n}"', 'csv = "devices.csv"'))
        enough = locusts.ends_at({"connect": 3, "publish:1:sample/{client_id}": 1})
        found = locusts.alone(tmp_path, USER + enough, "-u", "3", "-r", "3")
    assert int(found["publish:1:sample/{client_id}"]["Failure Count"]) == 0
    assert int(found["publish:1:sample/{client_id}"]["Request Count"]) > 0
    assert "NoIdentityLeft" in (tmp_path / "out_failures.csv").read_text()
    log = (tmp_path / "alone.log").read_text()
    assert "There are 2 identities, and more users want one; give as many users (-u 2)" in log
    assert "Traceback" not in log


def test_an_event_loop_that_runs_late_is_told_in_the_log_of_worker_and_master_and_in_the_statistics(
    tmp_path: Path,
) -> None:
    listens, at = locusts.ports()
    words = ("--headless", "--expect-workers", "1", "-u", "2", "-r", "2", "--csv", "out")
    sentence = "The swarm's own event loops were late by"
    with commands.gateway(tmp_path) as running:
        fleet(tmp_path, running)
        (tmp_path / "locustfile.py").write_text(USER)
        with locust(tmp_path, "master", *words, *listens) as master, locust(tmp_path, "one", *at) as one:
            until(lambda: locusts.beside(one) is not None, tmp_path, "one")
            driver = locusts.beside(one)
            assert driver is not None

            def told() -> bool:
                os.kill(driver, signal.SIGSTOP)
                time.sleep(0.2)
                os.kill(driver, signal.SIGCONT)
                return said(tmp_path, "master", f"is limited by: {sentence}")

            until(told, tmp_path, "one")
            master.send_signal(signal.SIGTERM)
            master.wait(HANGS)
    log = (tmp_path / "one.log").read_text()
    assert log.count(f"Limited by: {sentence}") == 2, log
    assert "The process that holds the connections used" in log
    assert f"was limited during the test by: {sentence}" in (tmp_path / "master.log").read_text()
    found = rows(tmp_path)
    late = found["event loop late"]
    assert late["Type"] == "SWARM"
    assert float(late["Max Response Time"]) >= 100
    requests = sum(int(row["Request Count"]) for row in found.values() if row["Type"] == "MQTT")
    assert int(found["Aggregated"]["Request Count"]) == requests


def test_open_files_that_run_out_are_told_at_once_and_in_the_end_with_what_to_change(tmp_path: Path) -> None:
    limited = ("sh", "-c", 'ulimit -n 60; exec "$0" "$@"', *LOCUST)
    with commands.gateway(tmp_path) as running:
        fleet(tmp_path, running)
        # It says every second how many files it may have, and how late it was.
        enough = locusts.ends_at({"connect": 80, "event loop late": 1})
        (tmp_path / "locustfile.py").write_text(USER + enough)
        words = ("--headless", "-u", "80", "-r", "40", "--csv", "out")
        with locust(tmp_path, "alone", *words, program=limited) as process:
            process.wait(HANGS)
    log = (tmp_path / "alone.log").read_text()
    assert log.count("Limited by: Open files ran out") >= 2, log
    assert "(ulimit -n; a process may have 60): raise that and its hard limit" in log
    assert "EMFILE" in (tmp_path / "out_failures.csv").read_text()


def test_a_driver_that_is_killed_is_told_of(tmp_path: Path) -> None:
    with commands.gateway(tmp_path) as running:
        fleet(tmp_path, running)
        (tmp_path / "locustfile.py").write_text(USER)
        with locust(tmp_path, "alone", "--headless", "-u", "2", "-r", "2") as process:
            until(lambda: said(tmp_path, "alone", "publish:1:"), tmp_path, "alone")
            driver = locusts.beside(process)
            assert driver is not None
            os.kill(driver, signal.SIGKILL)
            until(lambda: said(tmp_path, "alone", "(exit code -9)"), tmp_path, "alone")
            process.send_signal(signal.SIGTERM)
            process.wait(HANGS)


def test_after_an_interrupt_the_users_disconnect_and_nothing_is_a_failure(tmp_path: Path) -> None:
    with commands.gateway(tmp_path) as running:
        fleet(tmp_path, running)
        (tmp_path / "fleet.toml").write_text((tmp_path / "fleet.toml").read_text().replace("every = 1", "every = 0.05"))
        (tmp_path / "locustfile.py").write_text(USER)
        with locust(tmp_path, "alone", "--headless", "-u", "5", "-r", "5", "--csv", "out") as process:
            # What Locust has counted as connected, and is publishing.
            until(lambda: _in_table(tmp_path, "connect") == 5, tmp_path, "alone")
            until(lambda: said(tmp_path, "alone", "publish:1:"), tmp_path, "alone")
            process.send_signal(signal.SIGINT)
            process.wait(HANGS)
    # The CSV files are written once a second, and not in the end.
    last = (tmp_path / "alone.log").read_text().rpartition("Shutting down")[2]
    assert re.search(r"MQTT +disconnect +5 +0\(", last), last
    assert re.search(r"Aggregated +\d+ +0\(", last), last


INTERRUPTED = """
import os
import signal
from locust import events

@events.request.add_listener
def interrupt(name, exception, **_):
    # A loss is told where the answers to all users are read.
    if name == "disconnect" and exception is not None:
        events.request.remove_listener(interrupt)
        os.kill(os.getpid(), signal.SIGINT)
"""


def test_an_interrupt_that_comes_while_answers_are_read_ends_it_in_order_too(tmp_path: Path) -> None:
    with commands.gateway(tmp_path) as running:
        fleet(tmp_path, running)
        # They throw each other out.
        text = (tmp_path / "fleet.toml").read_text().replace("device-{n}", "device")
        (tmp_path / "fleet.toml").write_text(text)
        (tmp_path / "locustfile.py").write_text(USER + INTERRUPTED)
        with locust(tmp_path, "alone", "--headless", "-u", "2", "-r", "2") as process:
            process.wait(HANGS)
    log = (tmp_path / "alone.log").read_text()
    assert "Shutting down" in log
    assert "Traceback" not in log
