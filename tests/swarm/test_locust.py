"""The fleet on Locust: a master and two workers, in processes of their own, against the gateway."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import importlib.util
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import commands
import locusts
from customauth.swarm import Count, Tally, read_scenario, run
from locusts import HANGS, LOCUSTFILE, alone, fleet, locust
from subscribers import subscriber

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("locust") is None, reason="Locust is an extra"),
    pytest.mark.skipif("paho" not in commands.installed_backends(), reason="the fleet of the example is on paho"),
]


PUBLISH = "publish:1:sample/{client_id}"


def with_two_workers(folder: Path, until: Mapping[str, int]) -> dict[str, dict[str, str]]:
    """Run the fleet until Locust has counted so many requests; return the rows of its statistics by name."""
    locusts.lasts(folder)
    locustfile = folder / "locustfile.py"
    locustfile.write_text(locustfile.read_text() + locusts.ends_at(until))
    listens, at = locusts.ports()
    with (
        locust(folder, "master", "--headless", "--expect-workers", "2", "--csv", "out", *listens) as master,
        locust(folder, "one", *at),
        locust(folder, "other", *at),
    ):
        master.wait(HANGS)
    assert master.returncode == 0, (folder / "master.log").read_text()
    return locusts.rows(folder)


@contextlib.contextmanager
def arrivals(running: commands.RunningGateway) -> Iterator[list[bytes]]:
    """Subscribe to what the fleet publishes; the list has it when the block has ended."""
    login = ("--authorizer", "unsigned-sample", "--username", "alice", "--password", "wonderland")
    came: list[bytes] = []
    with subscriber("-v", "-q", "1", "-t", "sample/#", *login, "--cafile", running.ca_file, running.endpoint) as sub:
        yield came
        # What was acknowledged is on its way.
        assert (
            commands.run(
                "pub", "-q", "1", "-t", "sample/end", "-m", "x", *login, "--cafile", running.ca_file, running.endpoint
            ).code
            == 0
        )
        assert sub.process.stdout is not None
        while (line := sub.process.stdout.readline()) != b"sample/end x\n":
            assert line
            came.append(line)


def on_one_machine(scenario: Path, published: int) -> Tally:
    """Run a scenario as the swarm does until so much was published; return what was counted."""

    async def work() -> Tally:
        stop = asyncio.Event()
        last = None
        async for last in run(read_scenario(scenario).plan(), stop):
            if last.tally.counts[Count.PUBLISHED] >= published:
                stop.set()
        assert last is not None
        return last.tally

    return asyncio.run(asyncio.wait_for(work(), HANGS))


def test_two_workers_count_as_the_swarm_on_one_machine_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_TOKEN", "open-sesame")
    with commands.gateway(tmp_path) as running:
        fleet(tmp_path, running)
        text = (tmp_path / "fleet.toml").read_text().replace("every = 1", "every = 0.2")
        (tmp_path / "fleet.toml").write_text(text)
        with arrivals(running) as came:
            rows = with_two_workers(tmp_path, {"connect": 10, PUBLISH: 50})
        with arrivals(running) as came_alone:
            alone = on_one_machine(tmp_path / "fleet.toml", published=50)
    connects, publishes = rows["connect"], rows[PUBLISH]
    assert rows["connect"]["Type"] == "MQTT"
    assert int(connects["Request Count"]) == alone.counts[Count.ACCEPTED] == 10
    assert int(connects["Failure Count"]) == int(publishes["Failure Count"]) == 0
    # Each of the ten may have one under way when it is stopped, which arrives and is not counted.
    assert 50 <= int(publishes["Request Count"]) <= len(came) <= int(publishes["Request Count"]) + 10
    assert 50 <= alone.counts[Count.ACKNOWLEDGED] <= len(came_alone) <= alone.counts[Count.PUBLISHED]
    assert not alone.errors


def test_a_storm_cuts_all_and_all_come_back(tmp_path: Path) -> None:
    with commands.gateway(tmp_path) as running:
        fleet(tmp_path, running, "\n[storm]\nafter = 0.5\njitter = 0.5\n")
        rows = with_two_workers(tmp_path, {"connect": 20})
    assert int(rows["connect"]["Request Count"]) == 20
    assert int(rows["connect"]["Failure Count"]) == 0


SLOW = """
from gevent.event import Event
from locust import events

all_are_there = Event()
events.spawning_complete.add_listener(lambda **_: all_are_there.set())

class SlowDevice(Device):
    def __init__(self, environment):
        all_are_there.wait()
        super().__init__(environment)

del Device
"""


def test_workers_that_make_their_users_only_after_the_master_has_said_that_all_are_there_storm_too(
    tmp_path: Path,
) -> None:
    with commands.gateway(tmp_path) as running:
        fleet(tmp_path, running, "\n[storm]\nafter = 0\njitter = 0.5\n")
        (tmp_path / "locustfile.py").write_text((tmp_path / "locustfile.py").read_text() + SLOW)
        rows = with_two_workers(tmp_path, {"connect": 20})
    assert int(rows["connect"]["Request Count"]) == 20
    assert int(rows["connect"]["Failure Count"]) == 0


def test_failures_are_told_by_class_and_code(tmp_path: Path) -> None:
    with commands.gateway(tmp_path) as running:
        fleet(tmp_path, running)
        text = (tmp_path / "fleet.toml").read_text().replace("signed-sample", "nobody")
        (tmp_path / "fleet.toml").write_text(text)
        alone(tmp_path, QUIET + locusts.ends_at({"connect": 10}), "-u", "10", "-r", "10")
    with (tmp_path / "out_failures.csv").open(newline="") as file:
        told = {row["Error"] for row in csv.DictReader(file) if row["Name"] == "connect"}
    assert told == {"RequestFailed('ConnackRefused 0x87')"}


def test_a_fleet_ends_by_itself_when_all_have_been_there_for_the_duration(tmp_path: Path) -> None:
    with commands.gateway(tmp_path) as running:
        fleet(tmp_path, running)
        text = (tmp_path / "fleet.toml").read_text().replace("duration = 6", "duration = 0.5")
        (tmp_path / "fleet.toml").write_text(text)
        with locust(tmp_path, "alone", "--headless") as process:
            process.wait(HANGS)
    log = (tmp_path / "alone.log").read_text()
    assert process.returncode == 0, log
    assert '"Device": 10' in log


QUIET = """
from customauth.swarm.locust import CustomAuthUser

class Device(CustomAuthUser):
    pass
"""


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
        enough = locusts.ends_at({PUBLISH: 200, "publish:1:sample/echo/{client_id}": 200})
        rows = alone(tmp_path, BUSY + enough, "-u", "20", "-r", "20")
    said = (tmp_path / "alone.log").read_text()
    assert "Traceback" not in said, said
    assert int(rows[PUBLISH]["Request Count"]) >= 200
    assert int(rows["Aggregated"]["Failure Count"]) == 0


def test_clients_that_do_not_publish_refresh_too(tmp_path: Path) -> None:
    with commands.gateway(tmp_path) as running:
        fleet(tmp_path, running)
        text = (tmp_path / "fleet.toml").read_text().partition("[publish]")[0]
        (tmp_path / "fleet.toml").write_text("refresh = 1.5\n" + text)
        rows = alone(tmp_path, QUIET + locusts.ends_at({"connect": 6}), "-u", "3", "-r", "3")
    assert int(rows["connect"]["Request Count"]) >= 6
    assert int(rows["connect"]["Failure Count"]) == 0


def test_each_row_of_a_table_is_one_client_on_whichever_worker(tmp_path: Path) -> None:
    with commands.gateway(tmp_path, "--log-json", tmp_path / "records.jsonl") as running:
        fleet(tmp_path, running)
        names = [f"lamp-{letter}" for letter in "abcdefg"]
        (tmp_path / "devices.csv").write_text("client_id\n" + "\n".join(names) + "\n")
        text = (tmp_path / "fleet.toml").read_text().replace("clients = 10\n", "")
        text = text.replace('client-id = "device-{n}"', 'csv = "devices.csv"')
        (tmp_path / "fleet.toml").write_text(text)
        rows = with_two_workers(tmp_path, {"connect": len(names)})
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
