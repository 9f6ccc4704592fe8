"""What is measured, each function one measure; the results are plain data, ready for JSON."""

from __future__ import annotations

import itertools
import json
import os
import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

import usage
from attrs import frozen
from load import Load, Outcome

from customauth.mqtt import MqttVersion
from servers import Server

PROTOCOLS = {"MQTT 5": MqttVersion.V5, "MQTT 3.1.1": MqttVersion.V311}

# The authorizer's worker processes are started by the first connections, and caches fill.
_WARM_UP = 64
# A process that has had this much of a core could not have done more in that time.
_FULL = 0.85
# Clients that connect or ping at once while a crowd gathers.
_GATHERING = 16
_SETTLES_IN = 1.0

_numbers = itertools.count()


@frozen(kw_only=True)
class Side:
    """One server and the clients that are aimed at it."""

    server: Server
    load: Load

    def packets(self, version: MqttVersion, count: int) -> list[bytes]:
        """Make CONNECT packets with client identifiers that nobody has used before."""
        return self.server.connect_packets(version, count, f"client-{next(_numbers)}")

    def warm_up(self) -> None:
        """Let the server meet its first clients outside the measure."""
        for version in PROTOCOLS.values():
            self.load.churn(self.packets(version, _WARM_UP), _GATHERING)


def connect_rounds(sides: Sequence[Side], *, rounds: int, per_round: int, in_flight: int) -> list[dict[str, Any]]:
    """Let the servers take turns at accepting clients that leave at once: one record for each turn."""
    for side in sides:
        side.warm_up()
    return [
        {"round": number, **_turn(side, protocol, per_round, in_flight)}
        for number in range(1, rounds + 1)
        for protocol in PROTOCOLS
        for side in sides
    ]


def one_at_a_time(side: Side, count: int) -> dict[str, Any]:
    """Connect one client after the other, so that nobody waits for another: where the time of a connection goes.

    For a gateway that tells (``timed_gateway.py``), with the mean times of its decisions and of their stages.
    """
    side.warm_up()
    told = side.server.log_file.stat().st_size
    outcome = _some(side.load.churn(side.packets(MqttVersion.V5, count), 1), side)
    result: dict[str, Any] = {
        "connections": outcome.done,
        "failures": dict(outcome.failures),
        "handshake_ms": _mean_ms(outcome.handshake),
        "connack_ms": _mean_ms(outcome.connack),
    }
    if side.server.name == "gateway":
        with side.server.log_file.open("rb") as stream:
            stream.seek(told)
            decisions = [json.loads(line) for line in stream if line.startswith(b"{")]
        stages = {stage for decision in decisions for stage in decision["stages"]}
        result["decision_ms"] = _mean_ms([decision["duration"] for decision in decisions])
        result["stages_ms"] = {
            stage: _mean_ms([decision["stages"].get(stage, 0.0) for decision in decisions]) for stage in sorted(stages)
        }
    return result


def crowd(side: Side, *, count: int, seconds: float) -> dict[str, Any]:
    """Connect so many clients, keep them all, and have each of them answered at the end: memory, time and losses."""
    side.warm_up()
    time.sleep(_SETTLES_IN)
    before = usage.memory(side.server.pid)
    came = side.load.hold(side.packets(MqttVersion.V5, count), _GATHERING)
    time.sleep(_SETTLES_IN)
    connected = usage.memory(side.server.pid)
    cpu = usage.cpu_time(side.server.pid)
    time.sleep(seconds)
    idle_cpu = usage.cpu_time(side.server.pid).since(cpu)
    answered = side.load.ping(_GATHERING)
    after = usage.memory(side.server.pid)
    left = side.load.leave()
    return {
        "server": side.server.name,
        "wanted": count,
        "accepted": came.done,
        "answered_a_pingreq": answered.done,
        "failures": {**came.failures, **answered.failures, **left.failures},
        "accepting_took_s": came.wall,
        "held_s": seconds,
        "pinging_took_s": answered.wall,
        "idle_cpu_s": idle_cpu.total,
        "memory_before_kib": before,
        "memory_connected_kib": connected,
        "memory_after_pings_kib": after,
        "kib_per_connection": (max(connected, after) - before) / count,
    }


def summary(records: Sequence[Mapping[str, Any]], protocol: str) -> dict[str, Any]:
    """Take medians over the rounds of one protocol, and compare the servers round by round."""
    of_server: dict[str, list[Mapping[str, Any]]] = {}
    for record in records:
        if record["protocol"] == protocol:
            of_server.setdefault(record["server"], []).append(record)
    result: dict[str, Any] = {
        name: {key: statistics.median(turn[key] for turn in turns) for key in _MEDIANS}
        | {"limited_by": statistics.mode(turn["limited_by"] for turn in turns)}
        for name, turns in of_server.items()
    }
    if len(of_server) > 1:
        pairs = list(zip(of_server["gateway"], of_server["mosquitto"], strict=True))
        ratios = [ours["per_second"] / theirs["per_second"] for ours, theirs in pairs]
        result["ratios"] = ratios
        result["ratio"] = statistics.median(ratios)
        spent = sum(theirs["server_cpu_ms"] for _, theirs in pairs)
        # The system counts in steps of 10 ms, and a short run may see none.
        result["cpu_ratio"] = sum(ours["server_cpu_ms"] for ours, _ in pairs) / spent if spent else None
    return result


_MEDIANS = (
    "per_second",
    "server_cpu_ms",
    "server_children_cpu_ms",
    "client_cpu_ms",
    "server_cores",
    "client_cores",
    "other_cores",
    "handshake_ms",
    "connack_ms",
)


def _turn(side: Side, protocol: str, count: int, in_flight: int) -> dict[str, Any]:
    packets = side.packets(PROTOCOLS[protocol], count)
    cpu, busy = usage.cpu_time(side.server.pid), usage.machine_busy()
    outcome = _some(side.load.churn(packets, in_flight), side)
    used, busy = usage.cpu_time(side.server.pid).since(cpu), usage.machine_busy() - busy
    return {
        "server": side.server.name,
        "protocol": protocol,
        "connections": outcome.done,
        "failures": dict(outcome.failures),
        "tls": list(outcome.tls),
        "wall_s": outcome.wall,
        "per_second": outcome.done / outcome.wall,
        "server_cpu_ms": used.total / count * 1e3,
        "server_children_cpu_ms": used.children / count * 1e3,
        "client_cpu_ms": outcome.cpu / count * 1e3,
        "server_cores": used.total / outcome.wall,
        "client_cores": outcome.cpu / outcome.wall,
        "other_cores": max(busy - used.total - outcome.cpu, 0.0) / outcome.wall,
        "limited_by": _limit(side, outcome, used, busy),
        "handshake_ms": statistics.median(outcome.handshake) * 1e3,
        "connack_ms": statistics.median(outcome.connack) * 1e3,
    }


def _some(outcome: Outcome, side: Side) -> Outcome:
    if not outcome.done:
        raise RuntimeError(f"{side.server.name} accepted nobody: {dict(outcome.failures)}")
    return outcome


def _mean_ms(seconds: Sequence[float]) -> float:
    return statistics.fmean(seconds) * 1e3


def _limit(side: Side, outcome: Outcome, used: usage.CpuTime, busy: float) -> str:
    """Name what could not have gone faster."""
    full = []
    if used.main / outcome.wall >= _FULL:
        full.append("the server's main process")
    if outcome.cpu / outcome.wall >= _FULL * side.load.process_count:
        full.append("the clients")
    if busy / outcome.wall >= _FULL * (os.cpu_count() or 1):
        full.append("all cores of the machine")
    return " and ".join(full) or "waiting"
