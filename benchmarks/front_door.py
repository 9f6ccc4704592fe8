"""Measure the gateway's front door against mosquitto: connects per second, memory, and a crowd. See README.md.

Run it as ``python benchmarks/front_door.py``, on Linux, in an environment that has customauth.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import machine
import measures
from load import load
from measures import Side
from report import table

import servers

# Descriptors that a server needs beside its clients.
_OTHER_FILES = 256
# Cores that others may have while connects are counted, before the report says so.
_QUIET = 0.1


def main() -> int:
    """Measure, print the table; exit with 1 if a connection failed."""
    options = _options()
    limit = machine.allow_many_files()
    document: dict[str, Any] = {
        "taken": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine.machine(),
        "versions": machine.versions(mosquitto=servers.mosquitto_version()),
        "in_flight": options.in_flight,
        "client_processes": options.client_processes,
        "connections_per_round": options.connections,
        "problems": [],
        "crowds": [],
    }
    problems: list[str] = document["problems"]
    if servers.mosquitto_program() is None:
        problems.append("Only the gateway was measured: mosquitto is not installed; run: apt-get install mosquitto")
    with tempfile.TemporaryDirectory(prefix="customauth-bench-") as name:
        folder = Path(name)
        with _sides(folder, options.client_processes) as sides:
            _say(f"connects: {options.rounds} rounds of {options.connections} ...")
            document["certificate"] = machine.key_kind(sides[0].server.certificate_file)
            records = measures.connect_rounds(
                sides, rounds=options.rounds, per_round=options.connections, in_flight=options.in_flight
            )
            document["rounds"] = records
            document["tls"] = ", ".join(sorted({seen for record in records for seen in record["tls"]}))
            document["connects"] = {protocol: measures.summary(records, protocol) for protocol in measures.PROTOCOLS}
        with _sides(folder, 1, timed=True) as sides:
            _say("connects, one at a time ...")
            document["one_at_a_time"] = {
                side.server.name: measures.one_at_a_time(side, options.connections) for side in sides
            }
        for count in options.crowd:
            held = min(count, limit - _OTHER_FILES)
            if held < count:
                problems.append(
                    f"The hard limit of open files, {limit}, is too low for {count} connections: ulimit -Hn"
                )
            with _sides(folder, options.client_processes) as sides:
                for side in sides:
                    _say(f"{held} connections at once: {side.server.name} ...")
                    document["crowds"].append(measures.crowd(side, count=held, seconds=options.hold))
    others = statistics.fmean(record["other_cores"] for record in records)
    if others > _QUIET:
        problems.append(f"Not a quiet machine: other processes had {others:.1f} cores while connects were counted")
    problems += _failures(document)
    if options.json is not None:
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    sys.stdout.write(table(document) + "\n")
    return 1 if _failures(document) else 0


@contextlib.contextmanager
def _sides(folder: Path, client_processes: int, *, timed: bool = False) -> Iterator[list[Side]]:
    """Start both servers, mosquitto if there is one, with clients for each."""
    with contextlib.ExitStack() as running:

        def side(starting: AbstractContextManager[servers.Server]) -> Side:
            server = running.enter_context(starting)
            return Side(server=server, load=running.enter_context(load(server, client_processes)))

        ours = side(servers.gateway(folder, timed=timed))
        if servers.mosquitto_program() is None:
            yield [ours]
        else:
            yield [ours, side(servers.mosquitto(folder / "mosquitto", ours.server))]


def _failures(document: dict[str, Any]) -> list[str]:
    measured = [*document["rounds"], *document["one_at_a_time"].values(), *document["crowds"]]
    return [f"A connection failed: {why} ({times} times)" for one in measured for why, times in one["failures"].items()]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured to FILE")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each server and protocol (default %(default)s)")
    parser.add_argument("--connections", type=int, default=1000, help="connections in a turn (default %(default)s)")
    parser.add_argument("--in-flight", type=int, default=16, help="of them at the same time (default %(default)s)")
    parser.add_argument("--client-processes", type=int, default=2, help="processes of clients (default %(default)s)")
    parser.add_argument(
        "--crowd",
        type=int,
        nargs="*",
        default=[1000, 5000],
        metavar="N",
        help="connections that are held at once; none leaves this measure out (default 1000 5000)",
    )
    parser.add_argument("--hold", type=float, default=10.0, help="seconds to hold them (default %(default)s)")
    return parser.parse_args()


def _say(what: str) -> None:
    sys.stderr.write(f"{what}\n")


if __name__ == "__main__":
    sys.exit(main())
