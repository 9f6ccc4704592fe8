"""What a swarm does: how many clients, who they are, how fast they come, and what they do once they are there."""

from __future__ import annotations

import os

from attrs import field, frozen

from customauth.endpoint import Endpoint
from customauth.errors import EndpointError
from customauth.mqtt.protocol import MqttVersion
from customauth.request import CredentialsIn
from customauth.swarm.identities import Identities


def _positive(what: str, number: float) -> None:
    if not 0 < number < float("inf"):
        raise EndpointError(f"{what} of {number:g} is out of range; give a positive number")


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@frozen(kw_only=True)
class Publishing:
    """Each client publishes, evenly spread over time.

    :param every: seconds between two publishes of one client.
    :param topic: ``{client_id}`` and ``{n}`` stand for the client's own.
    :param qos: 0 or 1; at QoS 1 the time until the PUBACK is measured.
    :param size: bytes of payload.
    :raises EndpointError: when a number is out of range.
    """

    every: float
    topic: str = "sample/{client_id}"
    qos: int = 1
    size: int = 64

    def __attrs_post_init__(self) -> None:
        _positive("a publish every", self.every)
        if self.qos not in (0, 1):
            raise EndpointError(f"QoS {self.qos} is not served by AWS (E18); give 0 or 1")
        if not 0 <= self.size <= 131072:
            raise EndpointError(f"a payload of {self.size} bytes is out of range; AWS takes 0 to 131072 (E21)")


@frozen(kw_only=True)
class Storm:
    """All connections are cut at once, and every client comes back after a random time.

    :param after: seconds after the last client has made its first attempt.
    :param jitter: seconds; each waits a random part of it.
    :raises EndpointError: when a number is out of range.
    """

    after: float = 10.0
    jitter: float = 5.0

    def __attrs_post_init__(self) -> None:
        if not (0 <= self.after < float("inf") and 0 <= self.jitter < float("inf")):
            raise EndpointError("a storm needs seconds of 0 or more")


@frozen(kw_only=True)
class Plan:
    """A whole run.

    :param clients: how many there are.
    :param rate: connects a second while they gather, all processes together.
    :param duration: seconds from when the last client has made its first attempt.
    :param refresh: seconds after which a client takes fresh credentials and connects anew; None for never.
    :param keep_alive: seconds; AWS takes 30 to 1200 (E10).
    :param timeout: seconds for an attempt to connect, and for a PUBACK.
    :param processes: how many share the clients; one for each processor unless given.
    :raises EndpointError: when a number is out of range, or there are more clients than identities.
    """

    endpoint: Endpoint
    identities: Identities
    clients: int
    rate: float = 100.0
    duration: float = 60.0
    backend: str | None = None
    version: MqttVersion = MqttVersion.V5
    credentials_in: CredentialsIn = CredentialsIn.USERNAME
    publishing: Publishing | None = None
    storm: Storm | None = None
    refresh: float | None = None
    keep_alive: int = 60
    timeout: float = 30.0
    processes: int = field(factory=processors)

    def __attrs_post_init__(self) -> None:
        if self.clients < 1 or self.processes < 1:
            raise EndpointError("a swarm needs one client and one process at least")
        _positive("a rate", self.rate)
        _positive("a timeout", self.timeout)
        if not 0 <= self.duration < float("inf"):
            raise EndpointError(f"a duration of {self.duration:g} s is out of range; give 0 or more")
        if self.refresh is not None:
            _positive("a refresh", self.refresh)
        if self.keep_alive < 0:
            raise EndpointError(f"a keep alive of {self.keep_alive} s is out of range; AWS takes 30 to 1200 (E10)")
        if self.storm is not None and self.storm.after + self.storm.jitter > self.duration:
            raise EndpointError(
                f"a storm after {self.storm.after:g} s with a jitter of {self.storm.jitter:g} s is not over within a "
                f"duration of {self.duration:g} s; give a longer --duration, or an earlier storm"
            )
        known = self.identities.count
        if known is not None and known < self.clients:
            raise EndpointError(f"there are {known} identities for {self.clients} clients; give --clients {known}")

    def crew(self) -> int:
        """Return how many processes there are to be: none without a client."""
        return min(self.processes, self.clients)

    def dialled_port(self) -> int:
        """Return the TCP port that connections are made to, the proxy's where there is one."""
        proxy = self.endpoint.proxy
        return self.endpoint.dial_target()[1] if proxy is None else proxy.port

    def publishes_per_second(self) -> float:
        """Return how many publishes a second all clients make together."""
        return 0.0 if self.publishing is None else self.clients / self.publishing.every

    def refreshes_per_second(self) -> float:
        """Return how many connections a second are made anew with fresh credentials."""
        return 0.0 if self.refresh is None else self.clients / self.refresh

    def storm_rate(self) -> float:
        """Return how many connects a second a storm asks for; infinite without jitter."""
        if self.storm is None:
            return 0.0
        return self.clients / self.storm.jitter if self.storm.jitter else float("inf")
