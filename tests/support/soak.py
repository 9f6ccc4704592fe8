"""Cut clients off again and again while a steady QoS 1 flow goes on, and count whether anything is lost.

::

    python tests/support/soak.py --minutes 10           prints an account every minute; exit code 1 for a loss
    report = asyncio.run(soak(gateway, seconds=5, per_minute=600, seed=1))       in a test
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import click
from attrs import field, frozen

from durable import DurableGateway, durable_gateway
from steady import Flow, Harm, flowing

_PUBLISHERS = 4
_SUBSCRIBERS = 8


@frozen(kw_only=True)
class Report:
    """What a run has come to.

    :ivar harmed: what happened to the clients, and how often.
    :ivar acknowledged: messages that the gateway took over from their publishers.
    :ivar sent: messages that publishers sent.
    :ivar arrived: deliveries to subscribers, those that came again included.
    :ivar again: deliveries of what had arrived already.
    :ivar missing: acknowledged messages that never arrived, for all subscribers together.
    :ivar memory_before: of the gateway, in bytes, when everybody had connected; ``memory_after`` at the end.
    """

    harmed: Counter[Harm] = field(repr=False)
    connections: int
    sent: int
    acknowledged: int
    subscribers: int
    arrived: int
    again: int
    missing: int
    lost_sessions: int
    memory_before: int
    memory_after: int

    def lines(self) -> list[str]:
        """Return it for a person."""
        return [
            f"{self.harmed.total()} disconnects, {self.connections} connections",
            *(f"  {count} {harm.value}" for harm, count in self.harmed.most_common()),
            f"{self.sent} messages sent, {self.acknowledged} of them acknowledged",
            f"{self.subscribers} persistent subscribers: {self.subscribers * self.acknowledged} deliveries owed, "
            f"{self.missing} missing, {self.lost_sessions} sessions lost",
            f"{self.arrived} deliveries, {self.again} of them again",
            f"memory of the gateway: {self.memory_before >> 10} KiB before, {self.memory_after >> 10} KiB after",
        ]


async def soak(
    gateway: DurableGateway,
    *,
    seconds: float,
    per_minute: float,
    seed: int,
    tell: Callable[[str], None] = lambda line: None,
) -> Report:
    """Let the clients suffer.

    :param per_minute: disconnects, spread at random.
    :param seed: of what happens to whom, and when.
    :param tell: gets a line every minute.
    """
    chance = random.Random(seed)  # noqa: S311
    async with flowing(gateway, publishers=_PUBLISHERS, subscribers=_SUBSCRIBERS) as flow:
        before = gateway.memory()
        telling = asyncio.create_task(_tell(flow, gateway, tell))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                # By the clock, so that a busy machine makes them no fewer.
                due = asyncio.get_running_loop().time()
                while True:
                    due += chance.uniform(0, 2 * 60 / per_minute)
                    await asyncio.sleep(due - asyncio.get_running_loop().time())
                    flow.harm(chance)
        telling.cancel()
        await flow.finish()
        after = gateway.memory()
    return _report(flow, before, after)


async def _tell(flow: Flow, gateway: DurableGateway, tell: Callable[[str], None]) -> None:
    minute = 0
    while True:
        await asyncio.sleep(60)
        minute += 1
        tell(
            f"{minute} min: {flow.harmed.total()} disconnects, {len(flow.acknowledged)} messages acknowledged, "
            f"{gateway.memory() >> 10} KiB"
        )


def _report(flow: Flow, before: int, after: int) -> Report:
    arrived = sum(subscriber.arrived.total() for subscriber in flow.subscribers)
    return Report(
        harmed=flow.harmed,
        connections=sum(peer.connections for peer in flow.peers),
        sent=sum(publisher.sent for publisher in flow.publishers),
        acknowledged=len(flow.acknowledged),
        subscribers=len(flow.subscribers),
        arrived=arrived,
        again=arrived - sum(len(subscriber.arrived) for subscriber in flow.subscribers),
        missing=sum(len(numbers) for numbers in flow.missing().values()),
        lost_sessions=sum(subscriber.lost_sessions for subscriber in flow.subscribers),
        memory_before=before,
        memory_after=after,
    )


@click.command()
@click.option("--minutes", type=float, default=10.0, show_default=True, help="How long.")
@click.option("--per-minute", type=float, default=200.0, show_default=True, help="Disconnects a minute.")
@click.option("--seed", type=int, default=None, help="Of an earlier run.  [default: another each time]")
def main(minutes: float, per_minute: float, seed: int | None) -> None:
    """Cut clients off at random, and count whether an acknowledged message is lost."""
    seed = random.randrange(1 << 32) if seed is None else seed  # noqa: S311
    click.echo(f"{per_minute:g} disconnects a minute for {minutes:g} minutes; --seed {seed}")
    with tempfile.TemporaryDirectory() as folder, durable_gateway(Path(folder)) as gateway:
        report = asyncio.run(soak(gateway, seconds=60 * minutes, per_minute=per_minute, seed=seed, tell=click.echo))
        complaints = gateway.complaints()
    for line in report.lines():
        click.echo(line)
    click.echo(complaints, err=True, nl=False)
    sys.exit(1 if report.missing or report.lost_sessions or complaints else 0)


if __name__ == "__main__":
    main()
