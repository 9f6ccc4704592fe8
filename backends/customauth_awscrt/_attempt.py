"""One attempt, told truthfully, where awscrt tells little and late.

awscrt (s2n) holds a certificate failure back for 11 to 27 s, on purpose, has one error for everything that goes wrong
in TLS, and keeps to itself what a proxy or the upgrade to a WebSocket answered. So when an attempt stalls, or ends in a
way that may be the fault of one of these, :mod:`customauth.dialing` goes the same way once more, on a connection of its
own on which no MQTT is sent, and what it meets is the answer. No authorizer hears of it: its function runs after
CONNECT (A29).
"""

from __future__ import annotations

import asyncio
from typing import Any

from customauth import (
    Connack,
    ConnectError,
    Connection,
    ConnectRequest,
    ConnectTimeout,
    DialError,
    Endpoint,
    Stage,
    TlsFailed,
    TlsReason,
    Transport,
)

from ._client import AwscrtConnection
from ._failures import Failure, error_of, is_doubtful

# An attempt that takes longer than this, or than a third of its time, is looked into.
_STALL = 1.0

# Where awscrt took all the time to fail without a reason.
_SHORTEST_PROBE = 0.25

# What stands between here and MQTT, and not at the server's own address.
_BETWEEN = frozenset({Stage.PROXY, Stage.TLS, Stage.UPGRADE})


async def attempt(connection: AwscrtConnection) -> Connection:
    """Make the attempt and return the connection, accepted.

    :raises ConnectError: the class that says how it ended, within ``request.timeout`` seconds.
    """
    connection.start()
    try:
        connection.connack = await _connack(connection)
    except BaseException:
        # Not waited for: awscrt may be in its delay. It makes no further attempt.
        connection.give_up()
        raise
    return connection


async def _connack(connection: AwscrtConnection) -> Connack:
    loop = asyncio.get_running_loop()
    request, outcome = connection.request, connection.outcome
    began = loop.time()
    deadline = began + request.timeout
    await asyncio.wait({outcome}, timeout=min(_STALL, request.timeout / 3))
    met: ConnectError | None = None
    if not outcome.done() or _is_doubtful(connection):
        met = await _look_into(connection, deadline)
    ended = outcome.result() if outcome.done() else None
    if isinstance(ended, Connack):
        return ended
    if isinstance(met, DialError) and met.stage in _BETWEEN and (ended is None or _is_doubtful(connection)):
        raise met
    if ended is None:
        raise ConnectTimeout(request.timeout, Stage.CONNACK if met is None else met.stage) from met
    await connection.stop_and_wait()
    raise error_of(ended, loop.time() - began, request.endpoint)


async def _look_into(connection: AwscrtConnection, deadline: float) -> ConnectError | None:
    """Probe until a failure is found that must be awscrt's too, or else until the outcome is known or the time is up.

    :returns: what the probe ran into; None for nothing, or when the outcome came first and needs no probe.
    """
    loop = asyncio.get_running_loop()
    request, outcome = connection.request, connection.outcome
    left = max(deadline - loop.time(), _SHORTEST_PROBE)
    probe = asyncio.create_task(_probe(request, left))
    try:
        either: set[asyncio.Future[Any]] = {probe, outcome}
        await asyncio.wait(either, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        if outcome.done() and not _is_doubtful(connection):
            return None
        # It keeps its own deadline, which is also this one, and then knows how far it came.
        met = await probe
        if not _is_conclusive(met, request.endpoint):
            await asyncio.wait({outcome}, timeout=max(deadline - loop.time(), 0))
        return met
    finally:
        probe.cancel()
        await asyncio.gather(probe, return_exceptions=True)


async def _probe(request: ConnectRequest, timeout: float) -> ConnectError | None:
    # Most attempts need none of it.
    from customauth.dialing import dial, probe_tls

    try:
        if request.endpoint.transport is Transport.WSS:
            transport, _ = await dial(asyncio.Protocol, request.endpoint, timeout, upgrade=request.upgrade())
            transport.abort()
        else:
            await probe_tls(request.endpoint, timeout)
    except ConnectError as error:
        return error
    return None


def _is_conclusive(met: ConnectError | None, endpoint: Endpoint) -> bool:
    """Say whether awscrt must have run into the same: not so where the system's CAs may be others for awscrt."""
    if not isinstance(met, TlsFailed):
        return False
    return met.reason is not TlsReason.UNTRUSTED_CA or endpoint.ca_pem is not None


def _is_doubtful(connection: AwscrtConnection) -> bool:
    ended = connection.outcome.result()
    return isinstance(ended, Failure) and is_doubtful(ended, connection.request.endpoint)
