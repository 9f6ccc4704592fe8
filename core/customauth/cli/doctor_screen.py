"""What ``customauth doctor`` shows: each check as it ends, and last a verdict that stands alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import attrs
import click

from customauth._version import __version__
from customauth.cli.say import folded, printable, say
from customauth.cli.spinner import spinner
from customauth.doctor import Check, Judgement, Outcome, Plan, Setup, Stage, Verdict, examine, judge
from customauth.doctor.report import next_step, not_looked_at, ruled_out, worth_saying, would_tell
from customauth.doctor.showing import summary
from customauth.doctor.suspects import Suspect

_TITLES = {
    Stage.LINT: "What is sent, without network",
    Stage.PROBE: "The connection, step by step",
    Stage.AWS: "What AWS knows",
}
_MARKS = {Outcome.PASSED: "✓", Outcome.STOPPED: "✗", Outcome.WARNED: "!", Outcome.SKIPPED: "-"}
_ASCII = str.maketrans("✓✗", "+x")
_COLOURS = {Outcome.PASSED: "green", Outcome.STOPPED: "red", Outcome.WARNED: "yellow"}
# The verdict has to fit a terminal of 24 lines.
_MOST_EVIDENCE = 3
_MOST_CANDIDATES = 2
_MOST_REMARKS = 3
_MOST_SKIPPED = 4
_LABEL = 9
_BYTES_IN_LINE = 16


def show(setup: Setup, plan: Plan, *, show_bytes: bool) -> Verdict:
    """Examine a set-up while a person looks on, and print the verdict."""
    import asyncio

    for line in _folded(f"customauth {__version__} doctor: {summary(setup)}", 0):
        click.echo(line)
    checks = asyncio.run(_watched(setup, plan, show_bytes=show_bytes))
    verdict = judge(setup, checks, plan.result)
    click.echo()
    _show_verdict(setup, checks, verdict, ruled_out(setup, checks, plan.result))
    # Where both outputs end in one place, this is the last line.
    sys.stdout.flush()
    say(f"next: {next_step(setup, checks, verdict)}")
    return verdict


async def _watched(setup: Setup, plan: Plan, *, show_bytes: bool) -> list[Check]:
    checks: list[Check] = []
    async with spinner("examining") as clear:

        def show_packet(what: str, data: bytes) -> None:
            clear()
            _show_packet(what, data)

        watched = attrs.evolve(plan, trace=show_packet) if show_bytes else plan
        async for check in examine(setup, watched):
            clear()
            if not checks or checks[-1].stage is not check.stage:
                click.echo(f"\n{_TITLES[check.stage]}")
            _show_check(check)
            checks.append(check)
    return checks


def _show_check(check: Check) -> None:
    took = "" if check.seconds is None else f" ({check.seconds * 1000:.0f} ms)"
    mark = _MARKS[check.outcome] if _takes_marks() else _MARKS[check.outcome].translate(_ASCII)
    colour = _COLOURS.get(check.outcome)
    lines = _folded(f"{check.name}{took}: {check.detail}", 4)
    click.echo(f"  {_coloured(mark, colour)} {lines[0]}")
    for line in lines[1:]:
        click.echo(f"    {line}")


def _show_packet(what: str, data: bytes) -> None:
    click.echo(f"    {printable(what)}, {len(data)} bytes")
    for start in range(0, len(data), _BYTES_IN_LINE):
        piece = data[start : start + _BYTES_IN_LINE]
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in piece)
        click.echo(f"      {start:04x}  {piece.hex(' '):<{_BYTES_IN_LINE * 3}} {text}")


def _show_verdict(setup: Setup, checks: Sequence[Check], verdict: Verdict, in_order: Sequence[str]) -> None:
    if verdict.cause is not None:
        _show_cause(verdict.cause, verdict.causes[1:])
    elif verdict.judgement is Judgement.CANNOT_TELL:
        _show_puzzle(setup, checks, verdict, in_order)
    else:
        _show_health(checks, verdict, in_order)
    _show_remarks(verdict)


def _show_cause(cause: Suspect, others: Sequence[Suspect]) -> None:
    sources = f" ({', '.join(cause.rule.sources)})" if cause.rule.sources else ""
    click.echo(_coloured(f"Verdict: a cause was found, {cause.certainty.name.lower()}", "red"))
    _labelled("Cause", f"{cause.rule.cause}{sources}")
    _listed("Seen", cause.evidence, _MOST_EVIDENCE)
    _labelled("Fix", cause.rule.advice(cause.facts))
    if paste := cause.rule.paste(cause.facts):
        if cause.rule.left_open(cause.facts):
            _labelled("", "what stands in capitals here is yours to fill in:")
        # On a line of its own and in one piece, to be copied.
        click.echo(f"\n  {printable(paste)}\n")
    _show_settings(cause.rule.settings)
    _show_candidates("Then", others)


def _show_settings(settings: Sequence[tuple[str, str]]) -> None:
    """Print what is to be set by client, each in one piece."""
    widest = max((len(client) for client, _ in settings), default=0)
    for client, setting in settings:
        click.echo(f"  {'':<{_LABEL}}{client:<{widest}}  {setting}")


def _show_candidates(label: str, candidates: Sequence[Suspect]) -> None:
    lines = [f"{each.rule.cause} ({each.certainty.name.lower()}: {each.evidence[0]})" for each in candidates]
    _listed(label, lines, _MOST_CANDIDATES)


def _show_puzzle(setup: Setup, checks: Sequence[Check], verdict: Verdict, in_order: Sequence[str]) -> None:
    click.echo(_coloured("Verdict: it fails, and the cause cannot be told from here", "yellow"))
    _listed("Seen", verdict.refusal, _MOST_EVIDENCE)
    if setup.broken:
        _labelled("Refused", f"customauth itself would not send this: {setup.broken}")
    _show_candidates("Maybe", verdict.causes)
    _listed("Looked", in_order)
    _listed("To tell", would_tell(setup, checks))


def _show_health(checks: Sequence[Check], verdict: Verdict, in_order: Sequence[str]) -> None:
    known = "the server accepts this connection" if verdict.failed is False else "nothing was tried for real"
    click.echo(_coloured(f"Verdict: nothing wrong found; {known}", "green"))
    _listed("Looked", in_order)
    _listed("Not", not_looked_at(checks), _MOST_SKIPPED)


def _show_remarks(verdict: Verdict) -> None:
    remarks = worth_saying(verdict)
    lines = [f"{each.suspect.evidence[0]}{f'; {each.why_not}' if each.why_not else ''}" for each in remarks]
    _listed("Remark", lines, _MOST_REMARKS)


def _listed(label: str, lines: Sequence[str], most: int | None = None) -> None:
    """Print lines under one label; of more than ``most`` how many are left out."""
    for number, line in enumerate(lines[:most]):
        _labelled("" if number else label, line)
    if most is not None and len(lines) > most:
        _labelled("", f"and {len(lines) - most} more: --json has all")


def _labelled(label: str, text: str) -> None:
    lines = _folded(text, 2 + _LABEL)
    click.echo(f"  {label:<{_LABEL}}{lines[0]}")
    for line in lines[1:]:
        click.echo(f"  {'':<{_LABEL}}{line}")


def _folded(text: str, indent: int) -> list[str]:
    return folded(text, indent, sys.stdout)


def _coloured(text: str, colour: str | None) -> str:
    if colour is None or os.environ.get("NO_COLOR") or not sys.stdout.isatty():
        return text
    return click.style(text, fg=colour)


def _takes_marks() -> bool:
    try:
        "".join(_MARKS.values()).encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
