"""How long a connect takes, and where the time goes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import ClassVar

from customauth import Stage
from customauth.compare.bench import Bench
from customauth.compare.result import Kind, Measure
from customauth.compare.scenario import Scenario, Subject, Turn
from customauth.dialing import timed_stages

_STAGES: Mapping[Stage, str] = {
    Stage.NAME: "connect-dns",
    Stage.TCP: "connect-tcp",
    Stage.TLS: "connect-tls",
    Stage.UPGRADE: "connect-upgrade",
    Stage.CONNACK: "connect-connack",
}


class ConnectTime(Scenario):
    """Connect with a full TLS handshake, one after the other, and leave."""

    name = "connect"
    title = "Connect"
    description = (
        "From the call to the accepted CONNACK, one at a time, with a full TLS handshake and a signed token. "
        "The stages DNS, TCP, TLS, upgrade and CONNACK are those of the client, for the backends that use customauth's "
        "dialer; the gateway's TLS handshake and decision (signature, function, policy) are seen at its end, for all."
    )
    kind = Kind.SPEED
    measures: ClassVar[tuple[Measure, ...]] = (
        Measure(name="connect", title="connect", unit="ms"),
        Measure(name="connect-dns", title="DNS at the client", unit="ms"),
        Measure(name="connect-tcp", title="TCP at the client", unit="ms"),
        Measure(name="connect-tls", title="TLS at the client", unit="ms"),
        Measure(name="connect-upgrade", title="WebSocket upgrade at the client", unit="ms"),
        Measure(name="connect-connack", title="CONNECT to CONNACK at the client", unit="ms"),
        Measure(name="gateway-tls", title="TLS at the gateway", unit="ms"),
        Measure(name="gateway-decision", title="CONNECT to decision at the gateway", unit="ms"),
    )
    raw = True

    async def turn(self, bench: Bench, subject: Subject) -> Turn:
        found: dict[str, list[float]] = {}
        for _ in range(bench.repetitions(5, 20)):
            client = bench.client(subject)
            with timed_stages() as stages:
                began = time.perf_counter()
                await client.open()
                found.setdefault("connect", []).append((time.perf_counter() - began) * 1000)
            await client.close()
            for stage, seconds in stages.items():
                if stage in _STAGES:
                    found.setdefault(_STAGES[stage], []).append(seconds * 1000)
            if bench.gateway is not None:
                decision = await bench.gateway.decision(client.request.client_id)
                found.setdefault("gateway-tls", []).append(decision["stages"]["tls"] * 1000)
                found.setdefault("gateway-decision", []).append(decision["seconds"] * 1000)
        return Turn(measurements={name: tuple(values) for name, values in found.items()})
