"""The results of ``messages.py`` as tables for people, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from report import markdown, taken


def table(document: Mapping[str, Any]) -> str:
    """Lay out what ``messages.py`` found."""
    parts = [taken(document), _streams(document["streams"]), _fan_out(document)]
    parts += [f"**{problem}**" for problem in document["problems"]]
    return "\n\n".join(parts)


def _streams(streams: Mapping[str, Any]) -> str:
    rows, ratios = [], []
    for kind, protocols in streams.items():
        for protocol, summary in protocols.items():
            for server, of in summary.items():
                rows.append(
                    [
                        kind,
                        protocol,
                        server,
                        f"{of['per_second']:,.0f}",
                        _ratio(of),
                        f"{of['arrival_us']:.0f}" if "arrival_us" in of else "",
                        f"{of['server_cpu_us']:.1f}",
                        f"{of['client_cpu_us']:.1f}",
                        f"{of['server_cores']:.2f} / {of['client_cores']:.2f} / {of['other_cores']:.2f}",
                        str(of["lost"]),
                    ]
                )
                if "ratios" in of:
                    every = ", ".join(f"{ratio:.2f}" for ratio in of["ratios"])
                    ratios.append(f"- {kind}, {protocol}, {server}: {every}")
    headings = [
        "publisher to subscriber",
        "protocol",
        "server",
        "messages/s",
        "÷ mosquitto",
        "arrives in µs",
        "server CPU µs",
        "client CPU µs",
        "cores: server / clients / others",
        "lost",
    ]
    parts = [markdown(headings, rows)]
    if ratios:
        parts.append("The ratio of each round:\n\n" + "\n".join(ratios))
    return "\n\n".join(parts)


def _fan_out(document: Mapping[str, Any]) -> str:
    rows = [
        [
            f"1 → {document['subscribers']:,}",
            server,
            f"{of['milliseconds']:.1f}",
            f"{of['per_second']:,.0f}",
            _ratio(of),
            f"{of['server_cpu_us']:.1f}",
            f"{of['client_cpu_us']:.1f}",
            f"{of['kib_per_subscriber']:.1f}",
            str(of["lost"]),
        ]
        for server, of in document["fan_out"].items()
    ]
    headings = [
        "fan-out, QoS 0, MQTT 5",
        "server",
        "until all have it, ms",
        "deliveries/s",
        "÷ mosquitto",
        "server CPU µs",
        "client CPU µs",
        "KiB a subscriber",
        "lost",
    ]
    return markdown(headings, rows)


def _ratio(of: Mapping[str, Any]) -> str:
    return f"**{of['ratio']:.2f}**" if "ratio" in of else ""
