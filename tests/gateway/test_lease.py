"""How long a connection lives: the function is asked again, and the time it was given runs out (C25-C31, I6-I8)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from aloop import alone, put_forward, run
from customauth.gateway import Grant, Reason, Refusal
from customauth.gateway.decision import Step
from customauth.gateway.records import DisconnectReason
from customauth.mqtt import Connect, MqttVersion, Pingreq, Pingresp, Will
from gateways import ALLOW, Keys, Running, StartGateway, allow, connect, named, signed
from rawclient import LIMIT, RawClient
from sleepers import gone, started

V311, V5 = MqttVersion.V311, MqttVersion.V5
BOTH = pytest.mark.parametrize("version", list(MqttVersion), ids=lambda version: version.label)

# Lets the client in, and never answers when it is asked again.
STUCK = f"""
import os, time
asked = set()
def handler(event, context):
    if os.path.exists("asked"):
        open(f"{{os.getpid()}}.started", "w").close()
        time.sleep(3600)
    open("asked", "w").close()
    return {ALLOW!r}
"""


def patient(username: str = named("open"), **more: Any) -> Connect:
    """Build a CONNECT with the longest keep alive: silence of 1800 s ends the connection."""
    return connect(username, keep_alive=0, **more)


async def decided(running: Running, count: int) -> None:
    """Wait for that many decisions."""
    async with asyncio.timeout(LIMIT):
        while len(running.decisions) < count:  # noqa: ASYNC110 - nobody is told of it
            await asyncio.sleep(0.001)


async def still_there(client: RawClient) -> None:
    """Check that a client is served; after it the gateway has seen every timer that was due."""
    await client.send_packet(Pingreq())
    assert isinstance(await client.packet(), Pingresp)


# The refresh.


@pytest.mark.fact("C4", "C25", "C26")
@BOTH
@pytest.mark.parametrize("client_id", ["device", ""])
def test_the_function_is_asked_again_as_it_was_asked_first(
    client_id: str, version: MqttVersion, keys: Keys, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            will = Will(topic="alarm", payload=b"!")
            packet = patient(signed(keys.old), version=version, client_id=client_id, password=b"secret", will=will)
            async with running.accepted(packet) as client:
                for count in (1, 2, 3):
                    await decided(running, count)
                    # The margin is for a slow machine, whose own seconds count too.
                    put_forward(285.0)
                    await still_there(client)
                    assert len(running.events()) == count
                    put_forward(15.0)
                await decided(running, 4)
                await still_there(client)
            first, *later = running.events()
            assert later == [first] * 3
            assert [decision.step for decision in running.decisions] == [Step.CONNECT, *[Step.REFRESH] * 3]
            assert len({(decision.client_id, decision.connection_id) for decision in running.decisions}) == 1
            assert json.loads(first)["connectionMetadata"]["id"] == running.decisions[0].connection_id
            assert running.lines()[1].startswith(f"ALLOW refresh of {running.decisions[0].protocol} client ")

    run(main())


@pytest.mark.fact("C25", "C26")
def test_the_next_refresh_is_due_when_the_last_answer_says(start_gateway: StartGateway) -> None:
    async def main() -> None:
        answer = ALLOW | {"refreshAfterInSeconds": 400}
        async with start_gateway(answer=answer) as running, running.accepted(patient()) as client:
            for now, then in ((400, 1000), (1000, 300), (300, 300)):
                running.answer(ALLOW | {"refreshAfterInSeconds": then})
                asked = len(running.events())
                put_forward(now - 15.0)
                await still_there(client)
                assert len(running.events()) == asked
                put_forward(15.0)
                await decided(running, asked + 1)

    run(main())


@pytest.mark.fact("C25")
def test_time_scale_makes_the_seconds_of_the_answer_pass_faster(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway(time_scale=1000) as running, running.accepted(patient()) as client:
            put_forward(0.3)
            await decided(running, 2)
            await still_there(client)
            put_forward(86.1)
            assert await client.rest() == b"\xe0\x01\x98"

    run(main())


def refusals() -> dict[str, tuple[object, Reason]]:
    return {
        "not authenticated": (ALLOW | {"isAuthenticated": False}, Reason.NOT_AUTHENTICATED),
        "an invalid answer": ({}, Reason.FUNCTION_FAILED),
        "a refresh time that cannot be": (ALLOW | {"refreshAfterInSeconds": 1}, Reason.FUNCTION_FAILED),
        "no iot:Connect": (ALLOW | {"policyDocuments": [allow("topic/*")]}, Reason.POLICY),
        "another client id": (ALLOW | {"policyDocuments": [allow("client/other")]}, Reason.POLICY),
        "no right to the will": (ALLOW | {"policyDocuments": [allow("client/device")]}, Reason.POLICY),
    }


@pytest.mark.fact("C29", "C31", "C38", "F17", "I7", "I8")
@BOTH
@pytest.mark.parametrize(("answer", "reason"), refusals().values(), ids=list(refusals()))
def test_a_refusal_at_the_refresh_ends_the_connection(
    answer: object, reason: Reason, version: MqttVersion, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            packet = patient(version=version, will=Will(topic="alarm", payload=b"!"))
            async with running.accepted(packet) as client:
                running.answer(answer)
                put_forward(300.0)
                assert await client.rest() == (b"\xe0\x01\x87" if version is V5 else b"")
            await running.emptied()
            outcome = running.decisions[1].outcome
            assert isinstance(outcome, Refusal)
            assert outcome.reason is reason
            assert running.lines()[1].startswith("DENY  refresh of ")
            assert [ending.reason for ending in running.endings()] == [DisconnectReason.AUTH_ERROR]

    run(main())


@pytest.mark.fact("C24", "C29")
@BOTH
def test_a_function_that_is_stuck_at_the_refresh_refuses_after_5_seconds_in_which_packets_are_served(
    version: MqttVersion, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with (
            start_gateway(function=STUCK) as running,
            running.accepted(patient(version=version)) as client,
        ):
            put_forward(300.0)
            (worker,) = await started(running.folder)
            await still_there(client)
            put_forward(2.5)
            await still_there(client)
            put_forward(2.5)
            assert await client.rest() == (b"\xe0\x01\x87" if version is V5 else b"")
            await gone(worker)
            assert "did not answer within 5 s" in running.lines()[1]

    run(main())


def test_a_client_that_leaves_during_a_refresh_leaves_nothing_behind(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway(function=STUCK) as running:
            async with running.accepted(patient()) as client:
                put_forward(300.0)
                (worker,) = await started(running.folder)
                client.leave()
                await gone(worker)
            await running.emptied()
            assert running.notes() == []
            assert [ending.reason for ending in running.endings()] == [DisconnectReason.CONNECTION_LOST]
            assert len(running.decisions) == 1
            await alone()

    run(main())


@pytest.mark.fact("C29", "C35")
def test_an_authorizer_that_is_no_longer_active_refuses_at_the_refresh(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.accepted(patient()) as client:
            config = running.gateway.config
            asleep = evolve(config.authorizers["open"], active=False)
            running.gateway.configure(evolve(config, authorizers={**config.authorizers, "open": asleep}))
            # The connection stays until then.
            await still_there(client)
            put_forward(300.0)
            assert await client.rest() == b"\xe0\x01\x87"
            assert ": CUSTOM_AUTHORIZER_NOT_FOUND: " in running.lines()[1]

    run(main())


# The end.


@pytest.mark.fact("C16", "C27", "C28", "C38", "F17", "I6")
@BOTH
@pytest.mark.parametrize("seconds", [300, 450, 86400])
def test_a_connection_ends_when_its_time_is_over(
    seconds: int, version: MqttVersion, start_gateway: StartGateway
) -> None:
    answer = ALLOW | {"disconnectAfterInSeconds": seconds, "refreshAfterInSeconds": 86400}

    async def main() -> None:
        async with start_gateway(answer=answer) as running:
            async with running.accepted(patient(version=version)) as client:
                left = seconds - 15
                while left:
                    put_forward(float(min(left, 1000)))
                    left -= min(left, 1000)
                    await still_there(client)
                put_forward(15.0)
                assert await client.rest() == (b"\xe0\x01\x98" if version is V5 else b"")
            await running.emptied()
            (ending,) = running.endings()
            assert (ending.reason, ending.principal_id) == (DisconnectReason.CUSTOMAUTH_TTL, "tester")
            # It is not asked once more at the very end.
            assert len(running.decisions) == 1

    run(main())


@pytest.mark.fact("C27")
@pytest.mark.parametrize("later", [300, 86400])
def test_a_later_answer_does_not_change_the_end(later: int, start_gateway: StartGateway) -> None:
    async def main() -> None:
        answer = ALLOW | {"disconnectAfterInSeconds": 1000}
        async with start_gateway(answer=answer) as running, running.accepted(patient()) as client:
            running.answer(ALLOW | {"disconnectAfterInSeconds": later})
            for count in (2, 3, 4):
                put_forward(300.0)
                await decided(running, count)
            grant = running.decisions[-1].outcome
            assert isinstance(grant, Grant)
            assert grant.disconnect_after == later
            put_forward(85.0)
            await still_there(client)
            put_forward(15.0)
            assert await client.rest() == b"\xe0\x01\x98"

    run(main())


def test_the_end_comes_while_a_refresh_is_under_way(start_gateway: StartGateway) -> None:
    source = STUCK.replace(
        "'principalId'", "'refreshAfterInSeconds': 300, 'disconnectAfterInSeconds': 304, 'principalId'"
    )

    async def main() -> None:
        async with start_gateway(function=source) as running:
            async with running.accepted(patient()) as client:
                put_forward(300.0)
                (worker,) = await started(running.folder)
                put_forward(4.0)
                assert await client.rest() == b"\xe0\x01\x98"
                await gone(worker)
            await running.emptied()
            assert [ending.reason for ending in running.endings()] == [DisconnectReason.CUSTOMAUTH_TTL]
            assert len(running.decisions) == 1

    run(main())


@pytest.mark.parametrize("leave", [RawClient.leave, None], ids=["abort", "DISCONNECT"])
def test_nobody_is_asked_for_a_client_that_is_gone(
    leave: Callable[[RawClient], None] | None, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            async with running.accepted(patient()) as client:
                if leave is None:
                    await client.send(b"\xe0\x00")
                    assert await client.rest() == b""
                else:
                    leave(client)
                await running.emptied()
            put_forward(90_000.0)
            async with running.accepted():
                pass
            assert len(running.events()) == 2

    run(main())
