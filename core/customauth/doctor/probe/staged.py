"""The probe: its steps in order, until one stops the device."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence

from customauth.doctor.finding import Check, Outcome
from customauth.doctor.mending import Mend
from customauth.doctor.probe.handshakes import shake_hands
from customauth.doctor.probe.login import log_in
from customauth.doctor.probe.masking import Masking
from customauth.doctor.probe.reaching import reach
from customauth.doctor.probe.result import ProbeResult, Reached
from customauth.doctor.probe.trip import Trace, Trip, Turns, check
from customauth.doctor.probe.upgrading import open_and_close
from customauth.doctor.setup import Setup
from customauth.endpoint import Transport

# Each with what is reached when the device's own way goes on.
_STEPS: tuple[tuple[Callable[[Trip], AsyncGenerator[Check, None]], Reached], ...] = (
    (reach, Reached.TCP),
    (shake_hands, Reached.TLS),
    (open_and_close, Reached.UPGRADE),
    (log_in, Reached.CONNECTED),
)


async def probe(
    setup: Setup,
    *,
    result: ProbeResult | None = None,
    trace: Trace | None = None,
    publish: bool = False,
    mends: Sequence[Mend] = (),
    pause: float = 1.1,
) -> AsyncGenerator[Check, None]:
    """Connect as the device does, step by step, and in other ways beside it where that tells why a step fails.

    The device's own client id is used: if it is online, it loses its connection by this (E15). Its session is taken
    up and left as it would be by itself; an accepted connection ends with DISCONNECT at once, so that no will is
    published. Nothing is sent to a server whose certificate is not trusted. ``setup.timeout`` bounds each step.

    :param result: filled in on the way.
    :param trace: is told of each packet, secrets masked.
    :param publish: publish to the topics of the set-up too; otherwise that is skipped, for it has effects.
    :param mends: what is sent once each where the login is refused and no reason is given, until one is accepted.
    :param pause: seconds between two CONNECTs of one client id (E9).
    """
    result = ProbeResult() if result is None else result
    result.version = setup.version
    if setup.endpoint is None:
        yield check("endpoint", Outcome.SKIPPED, "no endpoint is given, so nothing is dialled")
        return
    trip = Trip(
        setup=setup,
        endpoint=setup.endpoint,
        result=result,
        masking=Masking.of(setup, *(mend.setup for mend in mends)),
        trace=trace,
        publish=publish,
        mends=tuple(mends),
        turns=Turns(pause=pause),
    )
    is_websocket = setup.endpoint.transport is Transport.WSS
    for step, reached in _STEPS:
        if step is open_and_close and not is_websocket:
            continue
        async with contextlib.aclosing(step(trip)) as checks:
            async for made in checks:
                yield made
        if result.reached < reached:
            return
