"""What the steps of one probe share: the set-up, the way to the server that was found, and who is told of packets."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterable
from typing import TypeAlias

from attrs import Factory, define, field, frozen

from customauth.dialing.deadline import Deadline
from customauth.dialing.tcp import Address
from customauth.doctor.finding import Certainty, Check, Finding, Outcome, Stage
from customauth.doctor.mending import Mend
from customauth.doctor.probe.masking import Masking
from customauth.doctor.probe.result import ProbeResult
from customauth.doctor.probe.tls import Failure, Offer, TlsPipe, Trouble, shake_hands
from customauth.doctor.setup import Setup
from customauth.endpoint import Endpoint
from customauth.errors import ConnectError

Trace: TypeAlias = Callable[[str, bytes], None]
"""Is told of each packet: what it is, and its bytes, those of secrets masked."""


@frozen(kw_only=True)
class Route:
    """The way to the server that was found to work.

    :ivar address: what the TCP connection goes to; None for through the proxy.
    """

    address: Address | None = None


@define(eq=False)
class Turns:
    """Keeps the CONNECTs of one client id apart (E9).

    :ivar pause: seconds between two of them.
    """

    pause: float = 1.1
    _connected_at: float | None = field(default=None, init=False)

    async def take(self, client_id: str) -> None:
        """Wait until the client id may connect again."""
        loop = asyncio.get_running_loop()
        if self._connected_at is not None and client_id:
            await asyncio.sleep(max(0.0, self._connected_at + self.pause - loop.time()))
        self._connected_at = loop.time()


@define(eq=False)
class Trip:
    """One probe under way.

    :ivar mends: what to send in place of the set-up's own credentials where these are refused without a reason.
    :ivar route: None until TCP connections come about.
    """

    setup: Setup
    endpoint: Endpoint
    result: ProbeResult
    masking: Masking
    trace: Trace | None = None
    publish: bool = False
    mends: tuple[Mend, ...] = ()
    turns: Turns = Factory(Turns)
    route: Route | None = None

    def tell(self, label: str, data: bytes) -> None:
        """Tell of bytes of the peer."""
        if self.trace is not None and data:
            self.trace(label, self.masking.data(data))

    def tell_masked(self, label: str, data: bytes) -> None:
        """Tell of bytes in which nothing secret is left."""
        if self.trace is not None:
            self.trace(label, data)

    async def connect(self) -> socket.socket:
        """Open a TCP connection on the way that was found.

        :raises ConnectError: it did not come about, or the proxy refused.
        """
        deadline = Deadline(self.setup.timeout)
        if self.route is not None and self.route.address is not None:
            from customauth.dialing.tcp import connect
            from customauth.errors import Stage as ErrorStage

            async with deadline.limit(ErrorStage.TCP):
                return await connect([self.route.address], deadline.at)
        from customauth.dialing.proxies import open_tunnel
        from customauth.errors import Stage as ErrorStage

        if self.endpoint.proxy is None:
            raise ConnectError("no way to the server was found")
        host, port = self.endpoint.dial_target()
        async with deadline.limit(ErrorStage.PROXY):
            return await open_tunnel(self.endpoint.proxy, host, port, deadline)

    async def shake(self, offer: Offer) -> TlsPipe | Failure:
        """Open a TLS connection on the way that was found.

        :raises EndpointError: the CA or the client certificate cannot be used.
        """
        try:
            connected = await self.connect()
        except ConnectError as error:
            return Failure(trouble=Trouble.CLOSED, said=str(error))
        return await shake_hands(connected, self.endpoint, offer, self.setup.timeout)


class Stopwatch:
    """Measures one check."""

    def __init__(self) -> None:
        self._begun = time.perf_counter()

    def seconds(self) -> float:
        """Return the seconds since it was made."""
        return time.perf_counter() - self._begun


def check(
    name: str, outcome: Outcome, detail: str, watch: Stopwatch | None = None, findings: Iterable[Finding] = ()
) -> Check:
    """Make a check of the probe."""
    return Check(
        stage=Stage.PROBE,
        name=name,
        outcome=outcome,
        detail=detail,
        seconds=None if watch is None else watch.seconds(),
        findings=tuple(findings),
    )


def certain(rule: str, evidence: str, **facts: str) -> Finding:
    """Make a finding of which nothing else can be the cause."""
    return Finding(rule=rule, certainty=Certainty.CERTAIN, evidence=evidence, facts=facts)


def likely(rule: str, evidence: str, **facts: str) -> Finding:
    """Make a finding that explains what was seen, as few other things do."""
    return Finding(rule=rule, certainty=Certainty.LIKELY, evidence=evidence, facts=facts)


def possible(rule: str, evidence: str, **facts: str) -> Finding:
    """Make a finding that is one of several that would explain what was seen."""
    return Finding(rule=rule, certainty=Certainty.POSSIBLE, evidence=evidence, facts=facts)
