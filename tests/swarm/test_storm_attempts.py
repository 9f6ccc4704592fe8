"""Attempts to connect that are under way when the storm cuts."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from attrs import evolve

import commands
from customauth import Endpoint, PluginManager
from customauth.backoff import Backoff
from customauth.swarm import Count, Plan, Storm, Tally, Template, Timed
from customauth.swarm.cut import cut_connections
from customauth.swarm.device import Device
from customauth.swarm.pipes import sized
from customauth.testing import LocalGateway

BACKENDS = commands.installed_backends()
pytestmark = pytest.mark.skipif(not BACKENDS, reason="a swarm needs an MQTT library")

# A guard against hanging, not a measure.
_HANGS = 60.0
# Of an attempt, in seconds: awscrt does not see that a connection without TLS yet was cut, and waits for so long.
_GIVES_UP = 8.0


class Relay:
    """Before a gateway: it takes the first connection and says nothing, and passes all others on.

    :ivar held: the first connection is there.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._streams: list[asyncio.StreamWriter] = []
        self.held = asyncio.Event()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._streams.append(writer)
        if not self.held.is_set():
            self.held.set()
            return
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        self._streams.append(far_writer)
        await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                sink.write(data)
        sink.close()

    def close(self) -> None:
        for stream in self._streams:
            stream.close()


def _plan(local: LocalGateway, endpoint: Endpoint) -> Plan:
    assert local.signed is not None
    token = local.signed.token
    assert token is not None
    template = Template(
        authorizer=local.signed.authorizer, token_key_name=token.key_name, token=token.value, signature=token.signature
    )
    return Plan(endpoint=endpoint, identities=template, clients=1, storm=Storm(jitter=0.0), timeout=_GIVES_UP)


@asynccontextmanager
async def slow_gateway() -> AsyncIterator[tuple[Plan, Relay]]:
    """Run a gateway that leaves its first client waiting; give a plan for it, with a storm that comes by hand."""
    with LocalGateway() as local:
        relay = Relay(local.endpoint.dial_target())
        async with await asyncio.start_server(relay.take, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            plan = _plan(local, evolve(local.endpoint, port=port))
            try:
                yield plan, relay
            finally:
                relay.close()


def _device(plan: Plan) -> Device:
    # With its own backoff it would not be back within the test.
    patient = Backoff(base=10 * _HANGS, cap=10 * _HANGS, uniform=lambda _, longest: longest)
    return Device(plan=plan, number=0, due=0.0, tally=Tally(), plugins=PluginManager(), backoff=patient)


async def _until(true: Callable[[], object]) -> None:
    ends = time.monotonic() + _HANGS
    while not true():
        assert time.monotonic() < ends
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_that_the_storm_cuts_is_counted_as_cut_and_comes_back_with_its_jitter(backend: str) -> None:
    async def work() -> None:
        async with slow_gateway() as (plan, relay):
            device = _device(evolve(plan, backend=backend))
            life = asyncio.ensure_future(device.live())
            counts = device.tally.counts
            async with asyncio.timeout(_HANGS):
                await relay.held.wait()
            device.cut()
            assert counts[Count.CUT] == 1
            # The relay's own connections are to the gateway.
            await _until(lambda: cut_connections({plan.dialled_port()}))
            await _until(lambda: counts[Count.RETURNED])
            device.finish()
            await life
        assert not device.tally.errors
        assert (counts[Count.CUT], counts[Count.ATTEMPTS], counts[Count.ACCEPTED]) == (1, 2, 1)
        assert len(device.tally.times[Timed.RETURN]) == 1

    asyncio.run(work())


def _cut_without_effect(plan: Plan) -> Tally:
    """Let the storm come while a client connects, and not hit it."""

    async def work() -> Tally:
        device = _device(plan)
        counts = device.tally.counts
        life = asyncio.ensure_future(device.live())
        # No longer, or it may be accepted meanwhile.
        await asyncio.sleep(0)
        assert counts[Count.ATTEMPTS] == 1
        device.cut()
        assert counts[Count.CUT] == 1
        await _until(lambda: not counts[Count.CUT])
        device.finish()
        await life
        return device.tally

    return asyncio.run(work())


def test_one_that_is_accepted_all_the_same_was_not_cut() -> None:
    with LocalGateway() as local:
        tally = _cut_without_effect(_plan(local, local.endpoint))
    assert (tally.counts[Count.ACCEPTED], tally.counts[Count.RETURNED]) == (1, 0)
    assert not tally.errors


def test_one_that_the_server_refuses_is_an_error_and_not_the_storms_doing() -> None:
    with LocalGateway() as local:
        who = Template(authorizer="nobody")
        tally = _cut_without_effect(Plan(endpoint=local.endpoint, identities=who, clients=1, storm=Storm()))
    assert dict(tally.errors) == {"connect: ConnackRefused 0x87": 1}


class Driver:
    """A driver against a server that takes connections and says nothing."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def order(self, **order: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()

    def answers(self, number: int) -> dict[int, dict[str, Any]]:
        """Return so many answers, by their orders' id."""
        assert self._process.stdout is not None
        found: dict[int, dict[str, Any]] = {}
        while len(found) < number:
            said = json.loads(self._process.stdout.readline())
            if "id" in said:
                found[said["id"]] = said
        return found


@pytest.mark.parametrize("how", ["cut", "close"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_driver_says_that_it_was_cut_and_gives_up_one_of_a_client_that_leaves(backend: str, how: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        plan = Plan(
            endpoint=Endpoint.parse(f"localhost:{silent.getsockname()[1]}"),
            identities=Template(),
            clients=1,
            timeout=_GIVES_UP,
            backend=backend,
        )
        command = [sys.executable, "-m", "customauth.swarm.driver"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin is not None
            process.stdin.write(sized(plan))
            driver = Driver(process)
            driver.order(id=1, do="connect", number=3)
            silent.settimeout(_HANGS)
            with silent.accept()[0] as client:
                # It has sent its ClientHello, so it is connected.
                client.settimeout(_HANGS)
                assert client.recv(1)
                driver.order(id=2, do=how, number=3)
                found = driver.answers(2)
            process.stdin.close()
            assert process.wait(_HANGS) == 0
    assert found[2]["error"] is None
    assert found[1]["error"] is not None
    assert found[1]["cut"] is True
