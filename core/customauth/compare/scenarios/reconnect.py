"""How long a session takes to be connected again after a cut."""

from __future__ import annotations

import time
from typing import ClassVar

import customauth
from customauth import Backoff, SessionStateKind
from customauth.compare.bench import Bench
from customauth.compare.result import Kind, Measure
from customauth.compare.scenario import Scenario, Subject, Turn

# Without a delay of its own, so that what is seen is the library's and the session's work.
_AT_ONCE = Backoff(base=0.0, cap=0.0, spacing=0.0)


class ReconnectTime(Scenario):
    """Cut the connection under a session with an RST."""

    name = "reconnect"
    title = "Reconnect after a cut"
    description = (
        "From an RST by a proxy (which is in the client's process) until customauth.session is connected again, with a "
        "backoff of nothing: how soon the backend notices, and connects."
    )
    kind = Kind.SPEED
    measures: ClassVar[tuple[Measure, ...]] = (
        Measure(name="reconnect", title="reconnect after a cut", unit="ms"),
        Measure(name="notice-cut", title="cut noticed", unit="ms"),
    )

    async def turn(self, bench: Bench, subject: Subject) -> Turn:
        again: list[float] = []
        noticed: list[float] = []
        async with bench.fault_proxy(subject) as proxy:
            options = bench.options(subject)
            async with customauth.session(proxy.endpoint, bench.credentials, backoff=_AT_ONCE, **options) as session:
                for _ in range(bench.repetitions(3, 10)):
                    states = session.states()
                    began = time.perf_counter()
                    await proxy.cut_all()
                    async for state in states:
                        if state.kind is SessionStateKind.WAITING and len(noticed) == len(again):
                            noticed.append((time.perf_counter() - began) * 1000)
                        elif state.kind is SessionStateKind.CONNECTED:
                            again.append((time.perf_counter() - began) * 1000)
                            break
        return Turn(measurements={"reconnect": tuple(again), "notice-cut": tuple(noticed)})
