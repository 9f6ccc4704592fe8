"""Measure each MQTT library through customauth against the same library by itself. See benchmarks/README.md.

Run it as ``python -m benchmarks.clients`` in the folder of the repository, on Linux, in an environment that has
customauth and the libraries.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from .. import machine, servers, usage
from .arms import ARMS, BACKENDS, VERSIONS, Contest, installed
from .commands import command_rounds
from .contract import Target
from .gateway import both_servers
from .held import crowd, memory
from .processes import receiver
from .ratios import summaries
from .tables import is_whole, tables
from .turns import Sizes, lost, ring

_LIBRARIES = {"paho": "paho-mqtt", "gmqtt": "gmqtt", "awscrt": "awscrt", "mqttium": "mqttium"}
_PARTS = ("turns", "memory", "crowd", "command")
# The process with a crowd needs a descriptor for each connection, and so does the server.
_OTHER_FILES = 256
# Those that the crowd is held through.
_OF_CROWD = ("paho", "gmqtt")
# Cores that others may have before the report says so.
_QUIET = 0.1


def main() -> int:
    """Measure, print the tables; exit with 1 if a message or a connection was lost."""
    options = _options()
    limit = machine.allow_many_files()
    contests = [Contest(backend, version) for backend in options.backends for version in options.versions]
    document: dict[str, Any] = {
        "taken": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine.machine(),
        "versions": machine.versions(
            mosquitto=servers.mosquitto_version(),
            **{_LIBRARIES[backend]: metadata.version(_LIBRARIES[backend]) for backend in options.backends},
        ),
        "turns": [],
        "contests": [],
        "memory": [],
        "crowds": [],
        "command": {},
        "problems": [],
    }
    problems: list[str] = document["problems"]
    others = _Others()
    with tempfile.TemporaryDirectory(prefix="customauth-bench-") as name, both_servers(Path(name)) as targets:
        gateway = targets["gateway"]
        if "mosquitto" not in targets:
            problems.append("Only with the gateway: mosquitto is not installed; run: apt-get install mosquitto")
        if "turns" in options.parts:
            document["turns"] = _turns(targets, contests, options.rounds, options.sizes)
            document["contests"] = summaries(document["turns"])
        if "memory" in options.parts:
            document["memory"] = _memory(gateway, contests, options.held)
        if "crowd" in options.parts:
            count = min(options.crowd, limit - _OTHER_FILES)
            if count < options.crowd:
                problems.append(f"The hard limit of open files, {limit}, is too low for a crowd of {options.crowd}")
            of_crowd = [each for each in contests if each.backend in _OF_CROWD and each.version == options.versions[0]]
            document["crowds"] = _crowds(gateway, of_crowd, count, options.hold)
        if "command" in options.parts:
            if importlib.util.find_spec("awsiot") is None:
                problems.append(
                    'No command was measured: the script needs the SDK; run: pip install "customauth[awscrt]"'
                )
            else:
                _say("the command ...")
                document["command"] = command_rounds(gateway, Path(name), options.backends, options.runs)
    problems += others.complaint()
    missing = lost(document["turns"])
    if missing:
        problems.append(f"{missing} messages at QoS 0 were lost")
    if options.json is not None:
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    sys.stdout.write(tables(document) + "\n")
    return 1 if missing or not all(is_whole(of) for of in document["crowds"]) else 0


def _turns(targets: dict[str, Target], contests: list[Contest], rounds: int, sizes: Sizes) -> list[dict[str, Any]]:
    """Let all take their turns, round by round."""
    turns: list[dict[str, Any]] = []
    with contextlib.ExitStack() as running:
        receiving = running.enter_context(receiver())
        rings = []
        for contest in contests:
            for server, target in targets.items():
                _say(f"warming up: {contest}, {server} ...")
                rings.append(running.enter_context(ring(server, target, contest, receiving, sizes)))
        for number in range(1, rounds + 1):
            for one in rings:
                _say(f"round {number} of {rounds}: {one.contest}, {one.server} ...")
                turns += one.rounds(number)
    return turns


def _memory(target: Target, contests: list[Contest], count: int) -> list[dict[str, Any]]:
    found = []
    for contest in contests:
        for arm in ARMS:
            _say(f"memory: {contest}, {arm} ...")
            found.append(memory(target, contest, arm, count))
    return found


def _crowds(target: Target, contests: list[Contest], count: int, seconds: float) -> list[dict[str, Any]]:
    found = []
    for contest in contests:
        _say(f"{count:,} at once: {contest} ...")
        found.append(crowd(target, contest, count, seconds))
    return found


class _Others:
    """What other programs had of the machine while everything was measured."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._busy, self._own = usage.machine_busy(), usage.cpu_time(os.getpid()).total

    def complaint(self) -> list[str]:
        """Say so, if it was much."""
        own = usage.cpu_time(os.getpid()).total - self._own
        cores = (usage.machine_busy() - self._busy - own) / (time.monotonic() - self._began)
        return [f"Not a quiet machine: other processes had {cores:.1f} cores"] if cores > _QUIET else []


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.clients", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--backends", nargs="+", choices=BACKENDS, default=installed(), metavar="NAME", help="default: all installed")
    add("--versions", nargs="+", choices=list(VERSIONS), default=list(VERSIONS), metavar="V", help="default: 5 3.1.1")
    add("--parts", nargs="+", choices=_PARTS, default=list(_PARTS), metavar="PART", help=f"of {', '.join(_PARTS)}")
    add("--rounds", type=int, default=7, help="turns of each arm in each measure (default %(default)s)")
    add("--connects", type=int, default=50, help="connections in a turn (default %(default)s)")
    add("--messages", type=int, default=20_000, help="at QoS 1 in a turn; at QoS 0 twice as many (default %(default)s)")
    add("--round-trips", type=int, default=200, help="in a turn (default %(default)s)")
    add("--held", type=int, default=1000, help="connections whose memory is measured (default %(default)s)")
    add("--crowd", type=int, default=5000, help="connections at once in one process (default %(default)s)")
    add("--hold", type=float, default=60.0, help="seconds to hold the crowd (default %(default)s)")
    add("--runs", type=int, default=15, help="runs of the command (default %(default)s)")
    add("--quick", action="store_true", help="little of everything: a minute or two, to see that it runs")
    add("--json", type=Path, metavar="FILE", help="write everything that was measured to FILE")
    if parser.parse_args().quick:
        parser.set_defaults(**_QUICK)
    options = parser.parse_args()
    options.sizes = Sizes(
        connects=options.connects,
        acknowledged=options.messages,
        unacknowledged=2 * options.messages,
        round_trips=options.round_trips,
    )
    return options


# What is given beside --quick still holds.
_QUICK = {
    "rounds": 1,
    "connects": 5,
    "messages": 1000,
    "round_trips": 20,
    "held": 50,
    "crowd": 200,
    "hold": 5.0,
    "runs": 2,
}


def _say(what: str) -> None:
    sys.stderr.write(f"{what}\n")


if __name__ == "__main__":
    sys.exit(main())
