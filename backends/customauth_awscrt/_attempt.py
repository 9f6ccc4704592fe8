"""One attempt, told truthfully, where awscrt tells little and late.

awscrt (s2n) holds a certificate failure back for 11 to 27 s, on purpose, and has one error for everything that goes
wrong in TLS. So when an attempt stalls, or ends in a way that may be TLS's fault, :func:`customauth.dialing.probe_tls`
looks at TLS alone, on a connection of its own on which no MQTT is sent, and what it finds is the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from customauth import (
    Connack,
    ConnectError,
    Connection,
    ConnectRequest,
    ConnectTimeout,
    Endpoint,
    Stage,
    TlsFailed,
    TlsReason,
)
from customauth.dialing import probe_tls

from ._client import AwscrtConnection, Client, Failure
from ._failures import error_of, may_be_tls

# An attempt that takes longer than this, or than a third of its time, is looked into.
_STALL = 1.0

# Where awscrt took all the time to fail without a reason.
_SHORTEST_PROBE = 0.25


async def attempt(request: ConnectRequest, make_client: Callable[[ConnectRequest], Client]) -> Connection:
    """Make the attempt and return the accepted connection.

    :raises ConnectError: the class that says how it ended, within ``request.timeout`` seconds.
    """
    client = make_client(request)
    client.start()
    try:
        connack = await _connack(request, client)
    except BaseException:
        # Not waited for: awscrt may be in its delay. It ends by itself and makes no further attempt.
        client.stop()
        raise
    return AwscrtConnection(client, connack)


async def _connack(request: ConnectRequest, client: Client) -> Connack:
    loop = asyncio.get_running_loop()
    began = loop.time()
    deadline = began + request.timeout
    await asyncio.wait({client.outcome}, timeout=min(_STALL, request.timeout / 3))
    probed: ConnectError | None = None
    if not client.outcome.done() or _is_doubtful(client):
        probed = await _look_into(request, client, deadline)
    outcome = client.outcome.result() if client.outcome.done() else None
    if isinstance(outcome, Connack):
        return outcome
    if isinstance(probed, TlsFailed):
        raise probed
    if outcome is None:
        raise ConnectTimeout(request.timeout, Stage.CONNACK if probed is None else probed.stage) from probed
    await client.stop_and_wait()
    raise error_of(outcome, loop.time() - began)


async def _look_into(request: ConnectRequest, client: Client, deadline: float) -> ConnectError | None:
    """Probe TLS until its failure is found, or else until the outcome is known or the time is up.

    :returns: what the probe ran into; None for nothing, or when the outcome came first and needs no probe.
    """
    loop = asyncio.get_running_loop()
    left = max(deadline - loop.time(), _SHORTEST_PROBE)
    probe = asyncio.create_task(_probe(request.endpoint, left))
    try:
        either: set[asyncio.Future[Any]] = {probe, client.outcome}
        await asyncio.wait(either, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        if client.outcome.done() and not _is_doubtful(client):
            return None
        # It keeps its own deadline, which is also this one, and then knows how far it came.
        found = await probe
        if not _is_conclusive(found, request.endpoint):
            await asyncio.wait({client.outcome}, timeout=max(deadline - loop.time(), 0))
        return found
    finally:
        probe.cancel()
        await asyncio.gather(probe, return_exceptions=True)


async def _probe(endpoint: Endpoint, timeout: float) -> ConnectError | None:
    try:
        await probe_tls(endpoint, timeout)
    except ConnectError as error:
        return error
    return None


def _is_conclusive(found: ConnectError | None, endpoint: Endpoint) -> bool:
    """Say whether awscrt must have run into the same: not so where the system's CAs may be others for awscrt."""
    if not isinstance(found, TlsFailed):
        return False
    return found.reason is not TlsReason.UNTRUSTED_CA or endpoint.ca_pem is not None


def _is_doubtful(client: Client) -> bool:
    outcome = client.outcome.result()
    return isinstance(outcome, Failure) and may_be_tls(outcome)
