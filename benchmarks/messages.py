"""Measure the gateway's messages against mosquitto: throughput, latency, fan-out, what they cost. See README.md.

Run it as ``python benchmarks/messages.py``, on Linux, in an environment that has customauth, and perhaps uvloop.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
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
import talks
from load import load
from message_report import table
from talks import Kind, Side

import servers

_TALKERS = Path(__file__).with_name("talkers.py")
# Cores that others may have while messages are counted, before the report says so.
_QUIET = 0.1


def main() -> int:
    """Measure, print the table; exit with 1 if a message was lost."""
    options = _options()
    machine.allow_many_files()
    kinds = (
        Kind(name="QoS 0, many in a TLS record", qos=0, together=128, count=options.messages),
        Kind(name="QoS 0, one in a TLS record", qos=0, together=1, count=options.messages),
        Kind(name="QoS 1, up to 100 in flight", qos=1, together=100, count=options.messages),
        Kind(name="QoS 1, one in flight", qos=1, together=None, count=max(options.messages // 10, 1)),
    )
    document: dict[str, Any] = {
        "taken": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine.machine(),
        "versions": machine.versions(mosquitto=servers.mosquitto_version()),
        "subscribers": options.subscribers,
        "problems": [],
    }
    problems: list[str] = document["problems"]
    if servers.mosquitto_program() is None:
        problems.append("Only the gateway was measured: mosquitto is not installed; run: apt-get install mosquitto")
    if importlib.util.find_spec("uvloop") is None:
        problems.append('uvloop was left out: it is not installed; run: pip install "customauth[uvloop]"')
    with tempfile.TemporaryDirectory(prefix="customauth-bench-") as name, _sides(Path(name)) as sides:
        _say(f"messages: {options.rounds} rounds ...")
        document["certificate"] = machine.key_kind(sides[0].server.certificate_file)
        turns = talks.stream_rounds(sides, kinds, rounds=options.rounds)
        _say(f"fan-out to {options.subscribers} ...")
        spread = talks.fan_out(sides, subscribers=options.subscribers, messages=options.spread, rounds=options.rounds)
    document["rounds"], document["fan_out_rounds"] = turns, spread
    document["tls"] = ", ".join(sorted({seen for turn in turns for seen in turn["tls"]}))
    document["streams"] = {
        kind.name: {
            protocol: talks.summary(
                [turn for turn in turns if (turn["kind"], turn["protocol"]) == (kind.name, protocol)]
            )
            for protocol in talks.PROTOCOLS
        }
        for kind in kinds
    }
    document["fan_out"] = talks.summary(spread)
    others = statistics.fmean(turn["other_cores"] for turn in turns)
    if others > _QUIET:
        problems.append(f"Not a quiet machine: other processes had {others:.1f} cores while messages were counted")
    lost = sum(turn["sent"] - turn["received"] for turn in (*turns, *spread))
    if lost:
        problems.append(f"{lost} messages were lost")
    if options.json is not None:
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    sys.stdout.write(table(document) + "\n")
    return 1 if lost else 0


@contextlib.contextmanager
def _sides(folder: Path) -> Iterator[list[Side]]:
    """Start the gateway, on uvloop too if there is one, and mosquitto if there is one, with a load for each."""
    with contextlib.ExitStack() as running:

        def side(starting: AbstractContextManager[servers.Server]) -> Side:
            server = running.enter_context(starting)
            return Side(server=server, load=running.enter_context(load(server, 1, _TALKERS)))

        sides = [side(servers.gateway(folder))]
        if importlib.util.find_spec("uvloop") is not None:
            sides.append(side(servers.gateway(folder, uvloop=True)))
        if servers.mosquitto_program() is not None:
            sides.append(side(servers.mosquitto(folder / "mosquitto", sides[0].server)))
        yield sides


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured to FILE")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each server (default %(default)s)")
    parser.add_argument("--messages", type=int, default=50_000, help="messages in a turn (default %(default)s)")
    parser.add_argument("--subscribers", type=int, default=1000, help="of the fan-out (default %(default)s)")
    parser.add_argument("--spread", type=int, default=20, help="messages of the fan-out (default %(default)s)")
    return parser.parse_args()


def _say(what: str) -> None:
    sys.stderr.write(f"{what}\n")


if __name__ == "__main__":
    sys.exit(main())
