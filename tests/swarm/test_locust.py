"""The fleet on Locust: a master and two workers, in processes of their own, against the gateway."""

from __future__ import annotations

import csv
import importlib.util
import json
from pathlib import Path

import pytest

import commands
import locusts
from locusts import HANGS, LOCUSTFILE, alone, fleet, locust

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("locust") is None, reason="Locust is an extra"),
    pytest.mark.skipif("paho" not in commands.installed_backends(), reason="the fleet of the example is on paho"),
]


def with_two_workers(folder: Path) -> dict[str, dict[str, str]]:
    """Run the fleet; return the rows of Locust's statistics by name."""
    listens, at = locusts.ports()
    with (
        locust(folder, "master", "--headless", "--expect-workers", "2", "--csv", "out", *listens) as master,
        locust(folder, "one", *at),
        locust(folder, "other", *at),
    ):
        master.wait(HANGS)
    assert master.returncode == 0, (folder / "master.log").read_text()
    return locusts.rows(folder)


def test_two_workers_count_as_the_swarm_on_one_machine_does(tmp_path: Path) -> None:
    with commands.gateway(tmp_path) as running:
        fleet(tmp_path, running)
        rows = with_two_workers(tmp_path)
        done = commands.run(
            "swarm", "--scenario", tmp_path / "fleet.toml", "--json", env={"FLEET_TOKEN": "open-sesame"}
        )
    alone = done.json()["counts"]
    connects, publishes = rows["connect"], rows["publish:1:sample/{client_id}"]
    assert rows["connect"]["Type"] == "MQTT"
    assert int(connects["Request Count"]) == alone["accepted"] == 10
    assert int(connects["Failure Count"]) == int(publishes["Failure Count"]) == 0
    assert alone["acknowledged"] == alone["published"]
    # Each client publishes once a second for six seconds and the time that the others took to come: in either way
    # within one publish of a client.
    assert abs(int(publishes["Request Count"]) - alone["published"]) <= 20
    assert int(publishes["Request Count"]) >= 50


def test_a_storm_cuts_all_and_all_come_back(tmp_path: Path) -> None:
    with commands.gateway(tmp_path) as running:
        fleet(tmp_path, running, "\n[storm]\nafter = 0.5\njitter = 0.5\n")
        # Enough of it for processes that start slowly.
        text = (tmp_path / "fleet.toml").read_text().replace("duration = 6", "duration = 15")
        (tmp_path / "fleet.toml").write_text(text)
        rows = with_two_workers(tmp_path)
    assert int(rows["connect"]["Request Count"]) == 20
    assert int(rows["connect"]["Failure Count"]) == 0


def test_failures_are_told_by_class_and_code(tmp_path: Path) -> None:
    with commands.gateway(tmp_path) as running:
        fleet(tmp_path, running)
        text = (tmp_path / "fleet.toml").read_text().replace("signed-sample", "nobody")
        (tmp_path / "fleet.toml").write_text(text.replace("duration = 6", "duration = 1"))
        with locust(tmp_path, "alone", "--headless", "--csv", "out") as process:
            process.wait(HANGS)
    with (tmp_path / "out_failures.csv").open(newline="") as file:
        told = {row["Error"] for row in csv.DictReader(file) if row["Name"] == "connect"}
    assert told == {"RequestFailed('ConnackRefused 0x87')"}


BUSY = """
from locust import constant, task
from customauth.swarm.locust import CustomAuthUser

class Device(CustomAuthUser):
    wait_time = constant(0.2)

    def on_start(self):
        self.client.connect()
        self.client.subscribe("sample/{client_id}", 1)

    def on_message(self, topic, payload):
        if len(payload) > 1:
            self.client.publish("sample/echo/{client_id}", b"!", qos=1)

    @task
    def tell(self):
        self.client.publish("sample/{client_id}", b"x" * 100_000, qos=1)
"""


def test_tasks_of_many_users_at_once_and_what_they_do_with_a_message(tmp_path: Path) -> None:
    with commands.gateway(tmp_path) as running:
        fleet(tmp_path, running)
        rows = alone(tmp_path, BUSY, "-u", "20", "-r", "20", "-t", "10s")
    said = (tmp_path / "alone.log").read_text()
    assert "Traceback" not in said, said
    assert int(rows["publish:1:sample/{client_id}"]["Request Count"]) > 20
    assert int(rows["publish:1:sample/echo/{client_id}"]["Request Count"]) > 20
    assert int(rows["Aggregated"]["Failure Count"]) == 0


QUIET = """
from customauth.swarm.locust import CustomAuthUser

class Device(CustomAuthUser):
    pass
"""


def test_clients_that_do_not_publish_refresh_too(tmp_path: Path) -> None:
    with commands.gateway(tmp_path) as running:
        fleet(tmp_path, running)
        text = (tmp_path / "fleet.toml").read_text().partition("[publish]")[0]
        (tmp_path / "fleet.toml").write_text("refresh = 1.5\n" + text)
        rows = alone(tmp_path, QUIET, "-u", "3", "-r", "3", "-t", "6s")
    assert int(rows["connect"]["Request Count"]) >= 6
    assert int(rows["connect"]["Failure Count"]) == 0


def test_each_row_of_a_table_is_one_client_on_whichever_worker(tmp_path: Path) -> None:
    with commands.gateway(tmp_path, "--log-json", tmp_path / "records.jsonl") as running:
        fleet(tmp_path, running)
        names = [f"lamp-{letter}" for letter in "abcdefg"]
        (tmp_path / "devices.csv").write_text("client_id\n" + "\n".join(names) + "\n")
        text = (tmp_path / "fleet.toml").read_text().replace("clients = 10\n", "")
        text = text.replace('client-id = "device-{n}"', 'csv = "devices.csv"').replace("duration = 6", "duration = 2")
        (tmp_path / "fleet.toml").write_text(text)
        rows = with_two_workers(tmp_path)
    records = [json.loads(line) for line in (tmp_path / "records.jsonl").read_text().splitlines()]
    came = [each["clientId"] for each in records if each["record"] == "decision" and each["step"] == "connect"]
    assert sorted(came) == names
    assert int(rows["connect"]["Request Count"]) == len(names)


def test_a_scenario_above_the_quotas_is_refused_on_locust_too(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text(
        'endpoint = "abc-ats.iot.eu-west-1.amazonaws.com"\nrate = 500\nbackend = "paho"\n'
    )
    (tmp_path / "locustfile.py").write_text(LOCUSTFILE.read_text())
    with locust(tmp_path, "alone", "--headless") as process:
        process.wait(HANGS)
    assert process.returncode != 0
    assert "beyond_quotas = True" in (tmp_path / "alone.log").read_text()
