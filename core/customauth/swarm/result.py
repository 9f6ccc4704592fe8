"""The result of a swarm: one JSON document, and the same as a comparison's report, which has the page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from attrs import Factory, define

from customauth._version import __version__
from customauth.compare.environment import this_environment
from customauth.compare.result import Cell, Kind, Measure, Report, ScenarioInfo
from customauth.plugins import PluginManager
from customauth.swarm.crew import Moment
from customauth.swarm.limits import limiting, own_share
from customauth.swarm.plan import Plan
from customauth.swarm.tally import Count, Timed

SCHEMA = 1
"""The version of the document."""

# So many values of a distribution go into the page.
_SAMPLE = 1000

_SCENARIOS = {
    Timed.CONNECT: (
        "swarm/connect",
        "Swarm: connect",
        "From the call to the accepted CONNACK, of every accepted attempt.",
    ),
    Timed.PUBLISH: ("swarm/publish", "Swarm: publish, QoS 1", "From the publish to its PUBACK, of all clients."),
    Timed.RETURN: (
        "swarm/return",
        "Swarm: back after the cut",
        "From the cut to the next accepted CONNACK, jitter included.",
    ),
}


@define
class Series:
    """How the run went, moment by moment."""

    points: list[dict[str, Any]] = Factory(list)

    def add(self, moment: Moment) -> None:
        """Take a moment."""
        counts = moment.tally.counts
        self.points.append(
            {
                "seconds": round(moment.elapsed, 2),
                "phase": moment.phase,
                "connected": moment.tally.connected,
                **{
                    what.value: counts[what]
                    for what in (Count.ACCEPTED, Count.LOST, Count.PUBLISHED, Count.ACKNOWLEDGED)
                },
                "errors": moment.tally.errors.total(),
            }
        )


def document(plan: Plan, last: Moment, series: Series, held: Moment | None) -> dict[str, Any]:
    """Return everything that was seen, without secrets.

    :param held: the last moment before the end, with all connections still up.
    """
    tally = last.tally
    connected = held.tally.connected if held is not None else 0
    return {
        "swarm": SCHEMA,
        "customauth": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "plan": _plan(plan),
        "interrupted": last.interrupted,
        "seconds": round(last.elapsed, 3),
        "gatheredAfter": _rounded(last.gathered_after),
        "storm": None
        if last.storm_at is None
        else {
            "at": _rounded(last.storm_at),
            "cut": tally.counts[Count.CUT],
            "returned": tally.counts[Count.RETURNED],
            "healedAfter": _rounded(last.healed_after),
            "leftBehind": last.left_behind,
        },
        "counts": {what.value: tally.counts[what] for what in Count},
        "connectedAtTheEnd": connected,
        "refreshingAtTheEnd": held.tally.refreshing if held is not None else 0,
        "errors": dict(tally.errors.most_common()),
        "milliseconds": {what.value: tally.times[what].as_json() for what in Timed},
        "kibEach": round(held.tally.kib / connected, 1) if held is not None and connected and held.tally.kib else None,
        "limits": {
            "by": limiting(tally, last.elapsed, last.busy, plan, own_full=last.own_full, busy_full=last.busy_full),
            "own": round(own_share(tally, last.elapsed, plan), 3),
            "ownProcessorSeconds": round(tally.processor, 2),
            "ownFullSeconds": round(last.own_full, 1),
            "machineBusy": round(last.busy, 3),
            "machineFullSeconds": round(last.busy_full, 1),
        },
        "series": series.points,
    }


def report(plan: Plan, last: Moment, plugins: PluginManager) -> Report:
    """Return the times as a comparison's report, of which a page can be made."""
    backend = plan.backend or plugins.backend(None).name
    environment = this_environment(plugins, (backend,), "swarm")
    scenarios, cells = [], []
    for timed, (name, title, description) in _SCENARIOS.items():
        times = last.tally.times[timed]
        if not len(times):
            continue
        measure = Measure(name=timed.value, title=title, unit="ms")
        scenarios.append(
            ScenarioInfo(name=name, title=title, description=description, kind=Kind.SPEED, measures=(measure,))
        )
        cells.append(
            Cell(
                environment=environment.id,
                scenario=name,
                backend=backend,
                version=plan.version.label,
                transport=plan.endpoint.transport.value,
                measurements={timed.value: tuple(seconds * 1000 for seconds in times.sample(_SAMPLE))},
            )
        )
    return Report(
        customauth=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        endpoint=str(plan.endpoint),
        environments=(environment,),
        scenarios=tuple(scenarios),
        cells=tuple(cells),
    )


def _plan(plan: Plan) -> dict[str, Any]:
    publishing, storm = plan.publishing, plan.storm
    return {
        "endpoint": str(plan.endpoint),
        "clients": plan.clients,
        "rate": plan.rate,
        "duration": plan.duration,
        "backend": plan.backend,
        "protocol": plan.version.label,
        "credentialsIn": plan.credentials_in.value,
        "processes": plan.processes,
        "keepAlive": plan.keep_alive,
        "publish": None
        if publishing is None
        else {"every": publishing.every, "topic": publishing.topic, "qos": publishing.qos, "size": publishing.size},
        "storm": None if storm is None else {"after": storm.after, "jitter": storm.jitter},
        "refresh": plan.refresh,
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
