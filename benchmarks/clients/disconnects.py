"""Cut a session off again and again in a stream of publishes at QoS 1: is an acknowledged message lost?

    python -m benchmarks.clients.disconnects --cuts 1000

Each backend publishes numbers through :func:`customauth.session` and the fault proxy, which cuts it off at random
moments, and at random packets, some of them in the middle. A subscriber straight at the gateway counts what arrives.
The exit code is 1 when a number that was acknowledged never did.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import random
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from attrs import frozen

import customauth
from customauth import Backoff, Session, SessionStateKind
from customauth.compare import Subject
from customauth.mqtt import PacketType
from customauth.testing.fault_proxy import FaultProxy, fault_proxy
from customauth.testing.faults import Cut, Direction

from ..report import markdown
from .places import VERSIONS, Place, installed, signed_gateway
from .witness import Witness, witness

_TOPIC = "sample/benchmark/numbers"
_PUBLISHERS = 8
# Seconds between two publishes of one publisher.
_PAUSE = 0.004
# The longest that a connection lasts, in seconds and in packets.
_LASTS = 0.03
_PACKETS = 30
# Nobody waits for the sake of it; the gateway's sample does not count connects (E9).
_BACKOFF = Backoff(base=0.005, cap=0.05, spacing=0)
# Seconds for a cut to happen, for the last acknowledgements, and for what is still on its way to the witness.
_LIMIT = 60.0
_TOLD_EVERY = 100


@frozen(kw_only=True)
class Account:
    """What a run has come to.

    :ivar disconnects: how often the session has lost its connection.
    :ivar acknowledged: messages whose publish returned.
    :ivar arrived: different messages at the witness; ``again`` are those that came more than once.
    :ivar lost: acknowledged messages that never arrived.
    """

    subject: Subject
    disconnects: int
    acknowledged: int
    arrived: int
    again: int
    lost: int

    def row(self) -> list[str]:
        """Return it for a table."""
        numbers = (self.disconnects, self.acknowledged, self.arrived, self.again, self.lost)
        return [self.subject.backend, self.subject.version.label, *(f"{number:,}" for number in numbers)]


async def cut_off(
    place: Place, subject: Subject, *, cuts: int, seed: int, tell: Callable[[int], None] = lambda count: None
) -> Account:
    """Publish through a session that is cut off so many times.

    :param seed: of the moments, and of how it is cut off.
    :param tell: gets the number of disconnects now and then.
    """
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    name = f"{subject.backend}-{subject.version.label}"
    acknowledged: set[int] = set()
    async with (
        witness(place, f"witness-{name}", _TOPIC) as seeing,
        fault_proxy(place.endpoint) as proxy,
        customauth.session(
            proxy.endpoint,
            place.credentials,
            backoff=_BACKOFF,
            refusals=None,
            backend=subject.backend,
            client_id=f"cut-off-{name}",
            version=subject.version,
        ) as session,
    ):
        async with _publishing(session, acknowledged):
            disconnects = await _cut(session, proxy, chance, cuts, tell)
            proxy.fault = None
        await _settle(seeing, acknowledged)
    return Account(
        subject=subject,
        disconnects=disconnects,
        acknowledged=len(acknowledged),
        arrived=len(seeing.seen),
        again=sum(count > 1 for count in seeing.seen.values()),
        lost=len(acknowledged - seeing.seen.keys()),
    )


@contextlib.asynccontextmanager
async def _publishing(session: Session, acknowledged: set[int]) -> AsyncIterator[None]:
    """Publish number after number until the end of the block, and wait for the last acknowledgements."""
    numbers = itertools.count()
    over = asyncio.Event()

    async def publish() -> None:
        while not over.is_set():
            number = next(numbers)
            await session.publish(_TOPIC, str(number), timeout=_LIMIT)
            acknowledged.add(number)
            await asyncio.sleep(_PAUSE)

    async with asyncio.TaskGroup() as publishers:
        for _ in range(_PUBLISHERS):
            publishers.create_task(publish())
        yield
        over.set()


async def _cut(
    session: Session, proxy: FaultProxy, chance: random.Random, cuts: int, tell: Callable[[int], None]
) -> int:
    """Cut the session off so many times; return how often it has noticed."""
    states = session.states()
    for count in range(1, cuts + 1):
        # For the next connection; this one got its own when it was made.
        mine, proxy.fault = proxy.connections[-1].fault, _some_cut(chance)
        if mine is None:
            await asyncio.sleep(chance.uniform(0, _LASTS))
            await proxy.cut_all(abruptly=chance.random() < 0.5)
        async with asyncio.timeout(_LIMIT):
            async for state in states:
                if state.kind is SessionStateKind.CONNECTED:
                    break
            else:
                raise ConnectionError("the session has ended by itself") from session.closed
        if count % _TOLD_EVERY == 0:
            tell(count)
    return cuts


def _some_cut(chance: random.Random) -> Cut | None:
    """Return how the next connection ends: at a packet, or at a moment."""
    if chance.random() < 0.5:
        return None
    direction, packet = chance.choice(
        [(Direction.TO_SERVER, PacketType.PUBLISH), (Direction.TO_CLIENT, PacketType.PUBACK)]
    )
    return Cut(
        direction=direction,
        packet=packet,
        after=chance.randint(1, _PACKETS),
        in_the_middle=chance.random() < 0.5,
        abruptly=chance.random() < 0.5,
    )


async def _settle(seeing: Witness, acknowledged: set[int]) -> None:
    """Wait until all has arrived, or has had the time to."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LIMIT):
            await seeing.has_seen(acknowledged)


def main() -> int:
    """Cut off each backend; print the counts; exit with 1 if an acknowledged message was lost."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.clients.disconnects",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--backends", nargs="+", default=installed(), metavar="NAME", help="default: all installed")
    add("--versions", nargs="+", choices=VERSIONS, default=list(VERSIONS), metavar="V", help="default: 5 3.1.1")
    add("--cuts", type=int, default=1000, help="disconnects of each (default %(default)s)")
    add("--seed", type=int, default=None, help="of an earlier run (default: another each time)")
    options = parser.parse_args()
    seed = random.randrange(1 << 32) if options.seed is None else options.seed  # noqa: S311 - nothing secret
    accounts = []
    with tempfile.TemporaryDirectory(prefix="customauth-bench-") as folder, signed_gateway(Path(folder)) as place:
        for backend in options.backends:
            for version in options.versions:
                subject = Subject(backend=backend, version=VERSIONS[version])
                _say(f"{backend}, MQTT {version}: {options.cuts:,} disconnects, --seed {seed} ...")
                run = cut_off(place, subject, cuts=options.cuts, seed=seed, tell=lambda count: _say(f"  {count:,}"))
                accounts.append(asyncio.run(run))
    headings = ["backend", "MQTT", "disconnects", "acknowledged", "arrived", "more than once", "acknowledged and lost"]
    sys.stdout.write(markdown(headings, [account.row() for account in accounts]) + "\n")
    return 1 if any(account.lost for account in accounts) else 0


def _say(what: str) -> None:
    sys.stderr.write(f"{what}\n")


if __name__ == "__main__":
    sys.exit(main())
