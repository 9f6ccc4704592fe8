"""The results as tables for people, in Markdown. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..report import markdown
from .targets import COMMAND, MEMORY, RATIOS


def tables(document: Mapping[str, Any]) -> str:
    """Lay out what was found."""
    parts = [_taken(document)]
    if document["contests"]:
        parts += [_contests(document["contests"]), _every_ratio(document["contests"])]
    if document["memory"]:
        parts.append(_memory(document["memory"]))
    if document["crowds"]:
        parts.append(_crowds(document["crowds"]))
    if document["command"]:
        parts.append(_command(document["command"]["backends"]))
    parts.append(_missed(document))
    parts += [f"**{problem}**" for problem in document["problems"]]
    return "\n\n".join(parts)


def missed(document: Mapping[str, Any]) -> list[str]:
    """Name every target that is missed."""
    targets = {target.measure: target for target in RATIOS}
    found = []
    for of in document["contests"]:
        target = targets[of["measure"]]
        if of["ratio"] is not None and not target.met(of["ratio"]):
            where = f"{of['backend']}, MQTT {of['version']}, {of['server']}"
            found.append(f"{target.measure}, {where}: {of['ratio']:.2f} ({target})")
    for of in document["memory"]:
        if of["arm"] == "customauth" and not MEMORY.met(of["kib_per_connection"]):
            where = f"{of['backend']}, MQTT {of['version']}"
            found.append(f"{MEMORY.measure}, {where}: {of['kib_per_connection']:.0f} KiB ({MEMORY})")
    for backend, of in document["command"].get("backends", {}).items():
        if backend in COMMAND and not COMMAND[backend].met(of["ratio"]):
            found.append(f"command, {backend}: {of['ratio']:.2f} ({COMMAND[backend]})")
        if of["unused"]:
            found.append(f"command, {backend}: imports what it has no use for: {', '.join(of['unused'])}")
    for of in document["crowds"]:
        if not is_whole(of):
            found.append(f"{of['wanted']:,} at once, {of['backend']}: {of['failures']}")
    return found


def is_whole(crowd: Mapping[str, Any]) -> bool:
    """Say whether everybody came, stayed and was answered at the end."""
    return not crowd["failures"] and crowd["answered_at_the_end"] == crowd["wanted"]


def _taken(document: Mapping[str, Any]) -> str:
    machine, versions = document["machine"], document["versions"]
    known = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    return (
        f"Taken {document['taken']} on {machine['processor']}, {machine['cores']} cores, {machine['system']}; {known}."
    )


def _contests(contests: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for target in RATIOS:
        for of in contests:
            if of["measure"] == target.measure and of["ratio"] is not None:
                rows.append(
                    [
                        f"{target.measure}, {target.unit}",
                        of["server"],
                        of["backend"],
                        of["version"],
                        _number(of["customauth"]),
                        _number(of["alone"]),
                        f"**{of['ratio']:.2f}**",
                        "" if of["cpu_ratio"] is None else f"{of['cpu_ratio']:.2f}",
                        str(target),
                        "" if target.limit is None else _verdict(target.met(of["ratio"])),
                    ]
                )
    headings = ["measure", "server", "backend", "MQTT", "customauth", "alone", "ratio", "CPU ratio", "target", ""]
    return markdown(headings, rows)


def _every_ratio(contests: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        f"- {of['measure']}, {of['server']}, {of['backend']}, MQTT {of['version']}: "
        + ", ".join(f"{ratio:.2f}" for ratio in of["ratios"])
        for of in contests
    ]
    return "\n".join(["The ratio of each round:", "", *lines])


def _memory(memory: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [
            of["backend"],
            of["version"],
            of["arm"],
            f"{of['connections']:,}",
            f"{of['kib_per_connection']:.1f}",
            f"{of['threads_per_connection']:.2f}",
            _verdict(MEMORY.met(of["kib_per_connection"])) if of["arm"] == "customauth" else "",
        ]
        for of in memory
    ]
    headings = ["held", "MQTT", "arm", "connections", "KiB each", "threads each", str(MEMORY)]
    return markdown(headings, rows)


def _crowds(crowds: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [
            f"{of['wanted']:,}",
            of["backend"],
            of["version"],
            f"{of['accepted']:,}",
            f"{of['accepting_took_s']:.1f}",
            f"{of['held_s']:g}",
            f"{of['acknowledged_meanwhile']:,}",
            f"{of['lost']:,}",
            f"{of['answered_at_the_end']:,}",
            _verdict(is_whole(of)),
        ]
        for of in crowds
    ]
    headings = [
        *("at once", "backend", "MQTT", "accepted", "accepting s", "held s"),
        *("publishes acknowledged", "lost", "answered at the end", "none lost"),
    ]
    return markdown(headings, rows)


def _command(backends: Mapping[str, Any]) -> str:
    rows = []
    for backend, of in backends.items():
        target = COMMAND.get(backend)
        rows.append(
            [
                f"customauth connect --backend {backend}",
                f"{of['customauth_ms']:.0f}",
                f"{of['script_ms']:.0f}",
                f"**{of['ratio']:.2f}**",
                str(target) if target else "",
                _verdict(target.met(of["ratio"])) if target else "",
                f"{len(of['modules'])}",
                ", ".join(of["unused"]) or "none",
            ]
        )
    headings = ["command", "ms", "SDK script ms", "ratio", "target", "", "modules", "of no use"]
    every = "\n".join(
        f"- {backend}: {', '.join(f'{ratio:.2f}' for ratio in of['ratios'])}" for backend, of in backends.items()
    )
    return f"{markdown(headings, rows)}\n\nThe ratio of each run:\n\n{every}"


def _missed(document: Mapping[str, Any]) -> str:
    found = missed(document)
    return "\n".join(["Targets missed:", "", *(f"- {each}" for each in found)]) if found else "All targets are met."


def _verdict(met: bool) -> str:
    return "met" if met else "**missed**"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
