"""A swarm against the gateway, through every backend that is installed."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from attrs import evolve

import commands
from customauth import CustomAuth, Endpoint, PluginManager
from customauth.backoff import Backoff
from customauth.swarm import (
    Count,
    Moment,
    Plan,
    Publishing,
    Series,
    Storm,
    Tally,
    Template,
    Timed,
    document,
    report,
    run,
)
from customauth.swarm.cut import cut_connections
from customauth.swarm.device import Device
from customauth.testing import LocalGateway

BACKENDS = commands.installed_backends()
pytestmark = pytest.mark.skipif(not BACKENDS, reason="a swarm needs an MQTT library")

# A guard against hanging, not a measure.
_HANGS = 90.0


@asynccontextmanager
async def plan_here(**changes: Any) -> AsyncIterator[Plan]:
    """Run a gateway, and give a plan for it."""
    local = LocalGateway()
    here = await asyncio.to_thread(local.__enter__)
    try:
        assert here.signed is not None
        yield Plan(**{**_plan(here.endpoint, here.signed), **changes})
    finally:
        await asyncio.to_thread(local.__exit__, None, None, None)


def _plan(endpoint: Endpoint, signed: CustomAuth) -> dict[str, Any]:
    token = signed.token
    assert token is not None
    identities = Template(
        authorizer=signed.authorizer, token_key_name=token.key_name, token=token.value, signature=token.signature
    )
    # One process, as it takes long to start one; and it lasts until the test has seen what it waits for.
    return {
        "endpoint": endpoint,
        "identities": identities,
        "clients": 6,
        "rate": 100.0,
        "duration": 1000.0,
        "processes": 1,
    }


async def _until(plan: Plan, enough: Callable[[Moment], bool]) -> tuple[Moment, Moment]:
    """Run a plan, and stop it as Ctrl-C does once enough has been seen; return the last moment, and that one."""
    stop = asyncio.Event()
    held = last = None
    async for last in run(plan, stop):
        if held is None and enough(last):
            held = last
            stop.set()
    assert last is not None
    assert last.phase == "over"
    assert last.interrupted
    assert held is not None
    return last, held


def _run(work: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(_HANGS):
            await work()

    asyncio.run(bounded())


@pytest.mark.parametrize("backend", BACKENDS)
def test_all_connect_publish_and_leave(backend: str) -> None:
    async def work() -> None:
        async with plan_here(backend=backend, publishing=Publishing(every=0.4), processes=2) as plan:
            last, held = await _until(plan, lambda moment: moment.tally.counts[Count.ACKNOWLEDGED] >= 6)
        counts = last.tally.counts
        assert held.tally.connected == 6
        assert (counts[Count.ATTEMPTS], counts[Count.ACCEPTED], counts[Count.LOST]) == (6, 6, 0)
        assert counts[Count.PUBLISHED] == counts[Count.ACKNOWLEDGED] >= 6
        assert not last.tally.errors
        assert len(last.tally.times[Timed.CONNECT]) == 6

    _run(work)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_storm_cuts_all_and_all_come_back(backend: str) -> None:
    async def work() -> None:
        async with plan_here(backend=backend, storm=Storm(after=0.5, jitter=0.5)) as plan:
            last, held = await _until(plan, lambda moment: moment.healed_after is not None)
        counts = last.tally.counts
        assert (counts[Count.CUT], counts[Count.RETURNED], counts[Count.LOST]) == (6, 6, 0)
        assert last.left_behind == 0
        assert held.tally.connected == 6

    _run(work)


def test_a_refresh_takes_fresh_credentials_and_connects_anew() -> None:
    async def work() -> None:
        async with plan_here(refresh=0.5, clients=2) as plan:
            last, _ = await _until(plan, lambda moment: moment.tally.counts[Count.ACCEPTED] >= 4)
        assert last.tally.counts[Count.REFRESHED] >= 2
        assert not last.tally.errors

    _run(work)


def test_refusals_are_counted_by_class() -> None:
    async def work() -> None:
        async with plan_here(clients=3) as plan:
            refused = evolve(plan, identities=Template(authorizer="nobody"))
            last, held = await _until(refused, lambda moment: moment.tally.counts[Count.BEGUN] == 3)
        assert set(last.tally.errors) == {"connect: ConnackRefused 0x87"}
        assert last.tally.counts[Count.ACCEPTED] == 0
        assert held.tally.connected == 0

    _run(work)


def test_it_ends_early_in_good_order() -> None:
    async def work() -> None:
        async with plan_here(rate=0.01) as plan:
            last, _ = await _until(plan, lambda moment: moment.tally.connected == 1)
        assert last.gathered_after is None
        assert (last.tally.connected, last.tally.counts[Count.ATTEMPTS], last.tally.counts[Count.LOST]) == (0, 1, 0)

    _run(work)


def test_it_ends_by_itself_when_all_have_been_there_for_the_duration() -> None:
    async def work() -> None:
        async with plan_here(duration=0.2) as plan:
            seen = [moment async for moment in run(plan)]
        last = seen[-1]
        assert (last.phase, last.interrupted) == ("over", False)
        assert last.gathered_after is not None
        assert last.elapsed >= last.gathered_after + 0.2
        assert max(moment.tally.connected for moment in seen) == 6

    _run(work)


def test_a_client_on_its_way_from_one_connection_to_the_next_is_there_at_every_moment() -> None:
    async def work() -> None:
        async with plan_here(refresh=0.1) as plan:
            backoff = Backoff(uniform=lambda _, longest: longest, spacing=0.2)
            device = Device(plan=plan, number=0, due=0.0, tally=Tally(), plugins=PluginManager(), backoff=backoff)
            tally = device.tally
            life = asyncio.ensure_future(device.live())
            there = set()
            while tally.counts[Count.ACCEPTED] < 4:
                if tally.counts[Count.ACCEPTED]:
                    there.add(tally.connected + tally.refreshing)
                await asyncio.sleep(0)
            device.finish()
            await life
        assert there == {1}
        assert (tally.connected, tally.refreshing) == (0, 0)

    _run(work)


def test_the_document_and_the_report_hold_no_secret() -> None:
    async def work() -> None:
        series = Series()
        async with plan_here(clients=2, duration=0.0, backend=BACKENDS[0]) as plan:
            async for moment in run(plan):
                series.add(moment)
            found = document(plan, moment, series, moment)
            drawn = report(plan, moment, _plugins())
        assert "open-sesame" not in str(found) + str(drawn) + repr(plan)
        assert found["counts"]["accepted"] == 2
        assert found["series"][-1]["phase"] == "over"
        assert [cell.scenario for cell in drawn.cells] == ["swarm/connect"]

    _run(work)


def _plugins() -> Any:
    from customauth import PluginManager

    return PluginManager()


def test_cutting_hits_connections_to_those_ports_and_no_others() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        near = socket.create_connection(one.getsockname())
        spared = socket.create_connection(other.getsockname())
        with near, spared, one.accept()[0] as far, other.accept()[0] as far_spared:
            assert cut_connections({one.getsockname()[1]}) == 1
            assert far.recv(1) == b""
            spared.sendall(b"x")
            assert far_spared.recv(1) == b"x"
