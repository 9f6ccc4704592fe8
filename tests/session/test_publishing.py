"""Publishes of a session arrive, whatever becomes of its connections."""

from __future__ import annotations

import asyncio
import os
import random

import pytest

import customauth
from customauth import (
    Disconnected,
    Message,
    MessageProperties,
    MqttVersion,
    PublishRefused,
    RequestError,
    RequestTimeout,
    SessionEnded,
    SessionQueueFull,
    SessionStateKind,
)
from customauth.mqtt import PacketType
from customauth.testing.fault_proxy import FaultProxy
from customauth.testing.faults import Cut, Direction, Drop
from staying import Place, place, run, until

VERSIONS = pytest.mark.parametrize("version", list(MqttVersion))
TO_SERVER, TO_CLIENT = Direction.TO_SERVER, Direction.TO_CLIENT
CUTS = int(os.environ.get("CUSTOMAUTH_CUTS", "25"))


def _random_cut(chance: random.Random) -> Cut:
    direction, packet = chance.choice(
        [(TO_SERVER, None), (TO_CLIENT, None), (TO_SERVER, PacketType.PUBLISH), (TO_CLIENT, PacketType.PUBACK)]
    )
    return Cut(
        direction=direction,
        packet=packet,
        after=chance.randint(1, 60),
        in_the_middle=chance.random() < 0.5,
        abruptly=chance.random() < 0.5,
    )


async def _cut_at_random(proxy: FaultProxy, chance: random.Random) -> None:
    """Let each of so many connections end at a packet of its own."""
    for number in range(CUTS):
        connection = await proxy.connection(number)
        proxy.fault = _random_cut(chance) if number < CUTS - 1 else None
        await connection.ended.wait()


async def _stream(session: customauth.Session, stop: asyncio.Event) -> list[int]:
    """Publish numbers, a hundred and fifty at a time, until told to stop; return those that were acknowledged."""
    acknowledged: list[int] = []
    room = asyncio.Semaphore(150)

    async def publish(number: int) -> None:
        try:
            await session.publish("sample/stream", str(number))
            acknowledged.append(number)
        finally:
            room.release()

    async with asyncio.TaskGroup() as group:
        number = 0
        while not stop.is_set():
            await room.acquire()
            group.create_task(publish(number))
            number += 1
    assert len(acknowledged) == number
    return acknowledged


async def _no_loss(here: Place, backend: object, version: MqttVersion) -> None:
    stop = asyncio.Event()
    chance = random.Random(version)  # noqa: S311 - it only has to be the same every time
    here.proxy.fault = _random_cut(chance)
    async with here.witness() as witness:
        cutting = asyncio.create_task(_cut_at_random(here.proxy, chance))
        cutting.add_done_callback(lambda _: stop.set())
        async with here.session(backend=backend, version=version, refusals=None) as session:
            acknowledged = await _stream(session, stop)
            await session.publish("sample/stream", "end")
        await cutting
        arrived: list[int] = []
        async for message in witness:
            if message.payload == b"end":
                break
            arrived.append(int(message.payload))
    assert set(acknowledged) <= set(arrived)
    assert len(here.proxy.connections) > CUTS
    firsts = list(dict.fromkeys(arrived))
    assert firsts == sorted(firsts)


@pytest.mark.parametrize("version", list(MqttVersion))
def test_random_cuts_lose_no_acknowledged_message_and_keep_the_order(version: MqttVersion) -> None:
    async def main() -> None:
        async with place() as here:
            await _no_loss(here, here.backend, version)

    run(main(), limit=60 + CUTS)


@pytest.mark.parametrize("version", list(MqttVersion))
def test_random_cuts_lose_no_acknowledged_message_of_any_library(version: MqttVersion, backend_name: str) -> None:
    async def main() -> None:
        async with place() as here:
            await _no_loss(here, backend_name, version)

    run(main(), limit=60 + CUTS)


@VERSIONS
@pytest.mark.fact("E28")
def test_what_is_never_acknowledged_is_sent_again_on_the_same_connection(version: MqttVersion) -> None:
    async def main() -> None:
        async with place() as here, here.witness() as witness:
            here.proxy.fault = Drop(PacketType.PUBACK, count=2)
            async with here.session(version=version, resend=0.05) as session:
                answer = await session.publish("sample/a", "x")
                assert answer.reason_code == 0
            assert len(here.proxy.connections) == 1
            assert here.proxy.connections[0].packets[TO_SERVER][PacketType.PUBLISH] >= 3
            assert (await anext(witness)).payload == b"x"

    run(main())


def test_what_is_published_without_a_connection_waits_for_one() -> None:
    async def main() -> None:
        async with place() as here, here.witness() as witness, here.session() as session:
            states = session.states()
            here.proxy.refuse()
            await here.proxy.cut_all()
            await until(states, SessionStateKind.WAITING)
            publishing = [asyncio.create_task(session.publish("sample/a", str(n))) for n in range(5)]
            await until(states, SessionStateKind.WAITING)
            assert not any(task.done() for task in publishing)
            here.proxy.accept()
            await asyncio.gather(*publishing)
            assert [(await anext(witness)).payload for _ in range(5)] == [b"0", b"1", b"2", b"3", b"4"]

    run(main())


def test_a_message_arrives_as_it_was_given() -> None:
    async def main() -> None:
        properties = MessageProperties(content_type="text/plain", correlation_data=b"7", user_properties=[("a", "b")])
        async with place() as here, here.witness() as witness, here.session() as session:
            await session.publish("sample/a", bytearray(b"x"), properties=properties)
            await session.publish("sample/b", "y", qos=0)
            assert await anext(witness) == Message(topic="sample/a", payload=b"x", qos=1, properties=properties)
            assert await anext(witness) == Message(topic="sample/b", payload=b"y")

    run(main())


def test_a_full_queue_refuses_at_once_and_has_room_again_later() -> None:
    async def main() -> None:
        async with place() as here, here.session(queue=2) as session:
            states = session.states()
            here.proxy.refuse()
            await here.proxy.cut_all()
            await until(states, SessionStateKind.WAITING)
            waiting = [asyncio.create_task(session.publish("sample/a", str(n))) for n in range(2)]
            await asyncio.sleep(0)
            with pytest.raises(SessionQueueFull, match="2 publishes") as full:
                await session.publish("sample/a")
            assert "larger queue" in full.value.hint
            here.proxy.accept()
            await asyncio.gather(*waiting)
            await session.publish("sample/a")

    run(main())


def test_a_refused_publish_is_told_and_not_sent_again() -> None:
    async def main() -> None:
        async with place() as here, here.session() as session:
            with pytest.raises(PublishRefused) as refused:
                await session.publish("forbidden/a")
            assert refused.value.reason_code == 0x87
            await session.publish("sample/a")
            assert here.proxy.connections[0].packets[TO_SERVER][PacketType.PUBLISH] == 2

    run(main())


@pytest.mark.parametrize(
    ("topic", "options"),
    [("sample/#", {}), ("sample/a", {"qos": 2}), ("sample/a", {"properties": MessageProperties(content_type="x")})],
)
def test_what_no_server_takes_is_refused_without_a_connection(topic: str, options: dict[str, int]) -> None:
    async def main() -> None:
        async with place() as here, here.session(version=MqttVersion.V311) as session:
            here.proxy.refuse()
            await here.proxy.cut_all()
            with pytest.raises(RequestError):
                await session.publish(topic, **options)  # type: ignore[arg-type]

    run(main())


def test_one_that_this_server_does_not_take_is_refused_and_the_session_lives_on() -> None:
    async def main() -> None:
        async with place() as here, here.session() as session:
            with pytest.raises(RequestError, match="packets of"):
                await session.publish("sample/a", bytes(200_000))
            await session.publish("sample/a")

    run(main())


def test_at_qos_0_nothing_waits_for_a_connection() -> None:
    async def main() -> None:
        async with place() as here, here.session() as session:
            states = session.states()
            here.proxy.refuse()
            await here.proxy.cut_all()
            await until(states, SessionStateKind.WAITING)
            with pytest.raises(Disconnected) as lost:
                await session.publish("sample/a", qos=0)
            assert "QoS 1" in lost.value.hint

    run(main())


def test_a_publish_that_timed_out_is_not_sent_later() -> None:
    async def main() -> None:
        async with place() as here, here.witness() as witness, here.session() as session:
            states = session.states()
            here.proxy.refuse()
            await here.proxy.cut_all()
            await until(states, SessionStateKind.WAITING)
            with pytest.raises(RequestTimeout, match="PUBACK"):
                await session.publish("sample/a", "late", timeout=0.01)
            here.proxy.accept()
            await session.publish("sample/a", "later")
            assert (await anext(witness)).payload == b"later"

    run(main())


def test_what_waits_when_the_session_is_left_is_told() -> None:
    async def main() -> None:
        async with place() as here:
            here.proxy.fault = Drop(PacketType.PUBACK)
            async with here.session() as session:
                waiting = asyncio.create_task(session.publish("sample/a"))
                await here.proxy.connections[0].seen(TO_SERVER, PacketType.PUBLISH)
            with pytest.raises(SessionEnded, match="ended here"):
                await waiting

    run(main())
