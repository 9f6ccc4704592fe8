"""The screen of ``customauth swarm``: live counters while it runs, and what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from customauth.cli.say import say

if TYPE_CHECKING:
    from customauth.swarm import Moment, Plan, Series


async def watched(plan: Plan, series: Series) -> tuple[Moment, Moment | None]:
    """Run a plan; return the last moment, and the last one with all connections still up.

    On a terminal one line is kept up to date; elsewhere a line is said every ten seconds.
    """
    from rich.console import Console

    from customauth.swarm import run
    from customauth.swarm.limits import out_of_files

    console = Console(stderr=True, highlight=False)
    last: Moment | None = None
    held: Moment | None = None
    told = -10.0
    warned = False
    with _stopping() as stop, contextlib.ExitStack() as shown:
        status = None
        if console.is_terminal:
            status = shown.enter_context(console.status("gathering"))
        async with contextlib.aclosing(run(plan, stop)) as moments:
            async for moment in moments:
                last = moment
                series.add(moment)
                if moment.phase in ("gathering", "holding", "storm"):
                    held = moment
                if not warned and (files := out_of_files(moment.tally)) is not None:
                    warned = True
                    say(files)
                line = _line(plan, moment)
                if status is not None:
                    status.update(line)
                elif moment.elapsed >= told + 10:
                    told = moment.elapsed
                    say(line)
    assert last is not None  # noqa: S101 - a run has a last moment
    return last, held


@contextlib.contextmanager
def _stopping() -> Iterator[asyncio.Event]:
    """Turn the first Ctrl-C into the wish to stop; the second one interrupts as ever."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def wish() -> None:
        say("ending; press Ctrl-C again to leave at once")
        loop.remove_signal_handler(signal.SIGINT)
        stop.set()

    loop.add_signal_handler(signal.SIGINT, wish)
    try:
        yield stop
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def _line(plan: Plan, moment: Moment) -> str:
    from customauth.swarm import Count, Timed

    tally = moment.tally
    times = tally.times[Timed.CONNECT]
    parts = [
        f"{moment.phase} {moment.elapsed:4.0f} s",
        f"{tally.connected}/{plan.clients} connected",
        f"connect p50 {_ms(times.percentile(0.5))} p99 {_ms(times.percentile(0.99))}",
    ]
    if plan.publishing is not None:
        published = tally.times[Timed.PUBLISH]
        parts.append(f"{tally.counts[Count.PUBLISHED]} published, p99 {_ms(published.percentile(0.99))}")
    if tally.counts[Count.LOST]:
        parts.append(f"{tally.counts[Count.LOST]} lost")
    if tally.errors:
        kind, number = tally.errors.most_common(1)[0]
        parts.append(f"{tally.errors.total()} errors, most: {kind} ({number})")
    return ", ".join(parts)


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.1f} ms"


def show(document: dict[str, Any]) -> None:
    """Print what came of it; the last line says what to do, where there is something."""
    for line in _lines(document):
        click.echo(line)
    _last_words(document)


def _lines(document: dict[str, Any]) -> Iterator[str]:
    counts, plan, times = document["counts"], document["plan"], document["milliseconds"]
    gathered = document["gatheredAfter"]
    yield f"{plan['clients']} clients to {plan['endpoint']}, MQTT {plan['protocol']}, {plan['processes']} processes"
    if gathered is not None:
        refreshing = document["refreshingAtTheEnd"]
        on_their_way = f" and {refreshing} on their way" if refreshing else ""
        connected = f"{document['connectedAtTheEnd']} connected{on_their_way}"
        at_the_end = f"{connected} at the end of {document['seconds']:.1f} s"
        yield f"  gathered in {gathered:.1f} s, {at_the_end}"
    yield f"  {counts['attempts']} attempts, {counts['accepted']} accepted, {counts['lost']} connections lost"
    if plan["publish"] is not None:
        interrupted = f", {counts['interrupted']} interrupted by the storm" if counts["interrupted"] else ""
        acknowledged = f", {counts['acknowledged']} acknowledged" if plan["publish"]["qos"] else " at QoS 0"
        yield f"  {counts['published']} published{acknowledged}{interrupted}"
    if counts["refreshed"]:
        yield f"  {counts['refreshed']} times connected anew with fresh credentials"
    storm = document["storm"]
    if storm is not None:
        healed = "not healed" if storm["healedAfter"] is None else f"healed after {storm['healedAfter']:.1f} s"
        yield f"  storm: {storm['cut']} cut, {storm['returned']} back, {healed}, {storm['leftBehind'] or 0} left behind"
    yield ""
    yield f"  {'milliseconds':<14}{'count':>9}{'p50':>10}{'p95':>10}{'p99':>10}{'max':>10}"
    for name in ("connect", "publish", "return"):
        row = times[name]
        if row["count"]:
            yield f"  {name:<14}{row['count']:>9}" + "".join(
                f"{row[part]:>10.1f}" for part in ("p50", "p95", "p99", "max")
            )
    if document["kibEach"] is not None:
        yield f"  memory of the swarm's processes for each connection: {document['kibEach']:.0f} KiB"
    for kind, number in document["errors"].items():
        yield f"  {number} x {kind}"


def _last_words(document: dict[str, Any]) -> None:
    limits = document["limits"]
    click.echo(
        f"  of the time that its processes had, the swarm itself used {limits['own']:.0%}; "
        f"the machine was {limits['machineBusy']:.0%} busy"
    )
    for sentence in limits["by"]:
        click.echo(f"  limited by: {sentence}")
    if not limits["by"]:
        click.echo("  limited by: nothing here; the times are the endpoint's and the network's")
    if document["errors"]:
        kind = next(iter(document["errors"]))
        say(f"next: see why with one client: customauth doctor (most frequent: {kind})")
