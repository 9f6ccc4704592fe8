"""Run the fleet of ``examples/swarm`` on Locust, smaller, in processes of their own. Import as ``locusts``.

::

    fleet(folder, running_gateway, extra="")                 writes fleet.toml and locustfile.py
    locust(folder, name, *words) -> Popen                    a context manager; what it says goes to NAME.log there
    alone(folder, locustfile, *words) -> rows                runs it in one process to its end
    ends_at({name: number}) -> str                           for a locustfile: the run ends at so many requests
    lasts(folder)                                            makes the scenario's duration longer than any test
    ports() -> (master's words, a worker's words)            for a master and workers on loopback
    rows(folder) -> {name: row}                              of Locust's statistics
    until(true, folder, name)                                waits, and shows the log when that takes too long
    beside(process) -> pid                                   of the process that holds a Locust process's connections
"""

from __future__ import annotations

import contextlib
import csv
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import commands

ROOT = Path(__file__).parents[2]
LOCUSTFILE = ROOT / "examples" / "swarm" / "locustfile.py"
FLEET = ROOT / "examples" / "swarm" / "fleet.toml"
LOCUST = (sys.executable, "-m", "locust", "-f", "locustfile.py")

# A guard against hanging, not a measure.
HANGS = 120.0

_ENDS = """
import gevent
from locust import events, stats
from locust.runners import MasterRunner, WorkerRunner

def _end(environment, runner):
    wanted = {wanted}
    while True:
        counted = {{name: entry.num_requests for (name, _), entry in list(environment.stats.entries.items())}}
        if all(counted.get(name, 0) >= number for name, number in wanted.items()):
            break
        gevent.sleep(0.1)
    reported = set()

    def on_report(client_id, data):
        if data["user_count"] == 0:
            reported.add(client_id)

    environment.events.worker_report.add_listener(on_report)
    runner.stop()
    # What workers have counted since their last report.
    while isinstance(runner, MasterRunner) and len(reported) < runner.worker_count:
        gevent.sleep(0.1)
    # The CSV files are written so often, and not in the end.
    gevent.sleep(2 * stats.CSV_STATS_INTERVAL_SEC)
    runner.quit()

@events.init.add_listener
def _on_init(environment, runner, **_):
    # Workers end with their master.
    if not isinstance(runner, WorkerRunner):
        gevent.spawn(_end, environment, runner)
"""


def fleet(folder: Path, running: commands.RunningGateway, extra: str = "") -> None:
    """Write the example's fleet, smaller, for a gateway that runs in ``folder``."""
    changes = {
        'endpoint = "localhost:8443"': f'endpoint = "{running.endpoint}"',
        'cafile = "customauth-gateway/ca/ca.pem"': f'cafile = "{running.ca_file}"',
        "clients = 200": "clients = 10",
        "duration = 20": "duration = 6",
        "every = 5": "every = 1",
    }
    text = FLEET.read_text()
    for before, after in changes.items():
        assert before in text
        text = text.replace(before, after)
    (folder / "fleet.toml").write_text(text + extra)
    (folder / "locustfile.py").write_text(LOCUSTFILE.read_text())


@contextlib.contextmanager
def locust(folder: Path, name: str, *words: str, program: Sequence[str] = LOCUST) -> Iterator[subprocess.Popen[bytes]]:
    """Run Locust in a folder; what it says goes to a file there."""
    environment = {**os.environ, "FLEET_TOKEN": "open-sesame"}
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen([*program, *words], cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            yield process
            process.wait(HANGS)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait()


def ports() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the words of a master and of its workers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    return (
        ("--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port),
        ("--worker", "--master-host", "127.0.0.1", "--master-port", port),
    )


def rows(folder: Path) -> dict[str, dict[str, str]]:
    """Return the rows of Locust's statistics by name."""
    with (folder / "out_stats.csv").open(newline="") as file:
        return {row["Name"]: row for row in csv.DictReader(file)}


def alone(folder: Path, locustfile: str, *words: str) -> dict[str, dict[str, str]]:
    """Run a locustfile in one process; return the rows of its statistics by name."""
    (folder / "locustfile.py").write_text(locustfile)
    with locust(folder, "alone", "--headless", "--csv", "out", *words) as process:
        process.wait(HANGS)
    return rows(folder)


def ends_at(wanted: Mapping[str, int]) -> str:
    """Return what a locustfile needs besides, to end the run once Locust has counted so many requests of each name."""
    return _ENDS.format(wanted=dict(wanted))


def lasts(folder: Path) -> None:
    """Let the scenario last until the test ends it."""
    text = (folder / "fleet.toml").read_text()
    assert "duration = 6\n" in text
    (folder / "fleet.toml").write_text(text.replace("duration = 6\n", "duration = 1000\n"))


def until(true: Callable[[], bool], folder: Path, name: str) -> None:
    """Wait until something is so.

    :raises AssertionError: it takes too long; with the log of ``name``.
    """
    ends = time.monotonic() + HANGS
    while not true():
        assert time.monotonic() < ends, (folder / f"{name}.log").read_text()
        time.sleep(0.1)


def said(folder: Path, name: str, words: str) -> bool:
    """Say whether a process has said something."""
    return words in (folder / f"{name}.log").read_text()


def beside(process: subprocess.Popen[bytes]) -> int | None:
    """Return the process that holds the connections of a Locust process, None while there is none (proc(5))."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        # Others end meanwhile.
        with contextlib.suppress(OSError):
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            if parent == process.pid and b"customauth.swarm.driver" in (stat.parent / "cmdline").read_bytes():
                return int(stat.parent.name)
    return None
