"""Compare each MQTT library through customauth with the same library by itself. See benchmarks/README.md.

Run it as ``python -m benchmarks.clients`` in the folder of the repository, on Linux, in an environment that has
customauth and the libraries.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from customauth import PluginManager, Transport
from customauth.cli.progress import watched
from customauth.compare import Plan, Report, run

from .. import machine, usage
from .places import VERSIONS, Place, both_servers, installed
from .plugin import AT_GATEWAY, EVERYWHERE, ClientScenarios, scenarios
from .tables import is_whole, lost, tables

_SCENARIOS = (*EVERYWHERE, *AT_GATEWAY)
# The process with a crowd needs a descriptor for each connection, and so does the server.
_OTHER_FILES = 256
# Cores that others may have before the report says so.
_QUIET = 0.1
# Seconds for whatever a library waits for.
_TIMEOUT = 30.0


def main() -> int:
    """Compare, print the tables; exit with 1 if a message was lost or something broke down."""
    options = _options()
    limit = machine.allow_many_files()
    problems = []
    crowd = min(options.crowd, limit - _OTHER_FILES)
    if crowd < options.crowd:
        problems.append(f"The hard limit of open files, {limit}, is too low for a crowd of {options.crowd}")
    plugins = PluginManager()
    plugins.register(ClientScenarios(crowd=crowd, hold=options.hold))
    others = _Others()
    with tempfile.TemporaryDirectory(prefix="customauth-bench-") as folder, both_servers(Path(folder)) as places:
        if len(places) == 1:
            problems.append("Only with the gateway: mosquitto is not installed; run: apt-get install mosquitto")
        reports = [_report(options, plugins, *place) for place in places.items()]
    report = reports[0].merged_with(reports[1:])
    problems += others.complaint()
    missing = lost(report)
    if missing:
        problems.append(f"{missing} messages at QoS 0 were lost")
    if options.json is not None:
        options.json.write_text(json.dumps(report.to_json(), indent=1) + "\n")
    sys.stdout.write(tables(report, problems) + "\n")
    return 1 if missing or not is_whole(report) else 0


def _report(options: argparse.Namespace, plugins: PluginManager, environment: str, place: Place) -> Report:
    """Compare with one server."""
    sys.stderr.write(f"{environment} ...\n")
    here = _SCENARIOS if environment == "gateway" else EVERYWHERE
    plan = Plan(
        endpoint=place.endpoint,
        credentials=place.credentials,
        load=True,
        backends=tuple(options.backends),
        versions=tuple(VERSIONS[version] for version in options.versions),
        transports=(Transport.MQTT,),
        scenarios=scenarios(plugins, [name for name in here if name in options.scenarios]),
        rounds=options.rounds,
        quick=options.quick,
        processes=True,
        timeout=_TIMEOUT,
        topic="sample/benchmark",
        environment=environment,
        plugins=plugins,
    )
    return asyncio.run(watched(run(plan)))


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
    add("--backends", nargs="+", default=installed(), metavar="NAME", help="default: all installed")
    add("--versions", nargs="+", choices=VERSIONS, default=list(VERSIONS), metavar="V", help="default: 5 3.1.1")
    add("--scenarios", nargs="+", choices=_SCENARIOS, default=_SCENARIOS, metavar="NAME", help=", ".join(_SCENARIOS))
    add("--rounds", type=int, default=7, help="turns of each arm in each scenario (default %(default)s)")
    add("--crowd", type=int, default=5000, help="connections at once in one process (default %(default)s)")
    add("--hold", type=float, default=60.0, help="seconds to hold the crowd (default %(default)s)")
    add("--quick", action="store_true", help="little of everything: a minute or two, to see that it runs")
    add("--json", type=Path, metavar="FILE", help="write the comparison's document to FILE")
    if parser.parse_args().quick:
        # What is given beside --quick still holds.
        parser.set_defaults(rounds=1, crowd=200, hold=5.0)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
