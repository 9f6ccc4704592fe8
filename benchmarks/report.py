"""The results as a table for people, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def taken(document: Mapping[str, Any]) -> str:
    """Say where and with what the numbers were taken."""
    machine, versions = document["machine"], document["versions"]
    known = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    return (
        f"Taken {document['taken']} on {machine['processor']}, {machine['cores']} cores, {machine['system']}; {known}. "
        f"Server certificate: {document['certificate']}. {document['tls']}."
    )


def markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out one table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def table(document: Mapping[str, Any]) -> str:
    """Lay out what ``front_door.py`` found."""
    parts = [
        f"{taken(document)} {document['in_flight']} connections in flight "
        f"from {document['client_processes']} client processes.",
        _connects(document),
    ]
    if document["one_at_a_time"]:
        parts.append(_one_at_a_time(document))
    if document["crowds"]:
        parts.append(_crowds(document["crowds"]))
    parts += [f"**{problem}**" for problem in document["problems"]]
    return "\n\n".join(parts)


def _connects(document: Mapping[str, Any]) -> str:
    rows, said = [], []
    for protocol, summary in document["connects"].items():
        for server in ("gateway", "mosquitto"):
            if server in summary:
                of = summary[server]
                rows.append(
                    [
                        protocol,
                        server,
                        f"{of['per_second']:.0f}",
                        f"{of['server_cpu_ms']:.2f}",
                        f"{of['server_children_cpu_ms']:.2f}",
                        f"{of['client_cpu_ms']:.2f}",
                        f"{of['server_cores']:.2f} / {of['client_cores']:.2f} / {of['other_cores']:.2f}",
                        of["limited_by"],
                    ]
                )
        if "ratio" in summary:
            rounds = ", ".join(f"{ratio:.2f}" for ratio in summary["ratios"])
            cost = "" if summary["cpu_ratio"] is None else f"; server CPU for a connection: {summary['cpu_ratio']:.2f}"
            said.append(
                f"{protocol}, gateway ÷ mosquitto: connects/s **{summary['ratio']:.2f}** (median of {rounds}){cost}."
            )
    headings = [
        "protocol",
        "server",
        "connects/s",
        "server CPU ms",
        "of it in workers",
        "client CPU ms",
        "cores: server / clients / others",
        "limited by",
    ]
    return "\n\n".join([markdown(headings, rows), *said])


def _one_at_a_time(document: Mapping[str, Any]) -> str:
    rows = []
    for server, of in document["one_at_a_time"].items():
        rows.append([server, f"{of['handshake_ms']:.2f}", f"{of['connack_ms']:.2f}"])
    parts = [markdown(["one at a time", "TCP + TLS ms", "CONNECT to CONNACK ms"], rows)]
    ours = document["one_at_a_time"]["gateway"]
    whole = ours["handshake_ms"] + ours["connack_ms"]
    times = {"the decision": ours["decision_ms"], **ours["stages_ms"]}
    parts.append(
        "Of the gateway's time for one connection: "
        + ", ".join(f"{stage} {ms:.2f} ms ({ms / whole:.0%})" for stage, ms in times.items())
        + "."
    )
    shares = ", ".join(
        f"{protocol} {of['gateway']['server_children_cpu_ms'] / of['gateway']['server_cpu_ms']:.0%}"
        for protocol, of in document["connects"].items()
        if of["gateway"]["server_cpu_ms"]
    )
    parts.append(f"The authorizer's worker processes' share of the gateway's CPU: {shares or 'too little to tell'}.")
    return "\n\n".join(parts)


def _crowds(crowds: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [
            f"{of['wanted']:,}",
            of["server"],
            f"{of['accepted']:,}",
            f"{of['answered_a_pingreq']:,}",
            f"{of['accepting_took_s']:.1f}",
            f"{of['held_s']:g}",
            f"{of['pinging_took_s']:.1f}",
            f"{of['kib_per_connection']:.1f}",
        ]
        for of in crowds
    ]
    headings = ["at once", "server", "accepted", "answered a PINGREQ", "accepting s", "held s", "pings s", "KiB each"]
    return markdown(headings, rows)
