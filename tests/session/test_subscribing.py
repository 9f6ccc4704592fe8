"""Subscriptions of a session live over its connections."""

from __future__ import annotations

import asyncio

import pytest

import customauth
from customauth import MqttVersion, RequestTimeout, Session, SessionEnded, SessionStateKind, SubscribeRefused
from customauth.mqtt import PacketType
from customauth.testing.faults import Answer, Direction, Drop
from gateways import ALLOW, StartGateway, allow
from rawbackend import RawBackend
from staying import QUICK, endpoint_of, place, run, unsigned, until

VERSIONS = pytest.mark.parametrize("version", list(MqttVersion))
TO_SERVER, TO_CLIENT = Direction.TO_SERVER, Direction.TO_CLIENT
CONNECTED, WAITING = SessionStateKind.CONNECTED, SessionStateKind.WAITING


@VERSIONS
def test_without_a_kept_session_every_filter_is_subscribed_again(version: MqttVersion) -> None:
    async def main() -> None:
        async with (
            place() as here,
            here.session(version=version) as session,
            session.subscribe("sample/a", 1) as one,
            session.subscribe("sample/b/#") as other,
        ):
            states = session.states()
            await here.proxy.cut_all()
            await until(states, CONNECTED)
            assert here.proxy.connections[1].packets[TO_SERVER][PacketType.SUBSCRIBE] == 2
            await session.publish("sample/a", "1")
            await session.publish("sample/b/c", "2")
            first, second = await anext(one), await anext(other)
            assert (first.payload, first.qos) == (b"1", 1)
            assert (second.payload, second.qos) == (b"2", 0)

    run(main())


@pytest.mark.fact("E37")
@pytest.mark.parametrize(
    "kept", [{"session_expiry": 3600}, {"version": MqttVersion.V311, "clean_start": False}], ids=["5", "3.1.1"]
)
def test_a_kept_session_is_continued_and_nothing_is_subscribed_again(kept: dict[str, object]) -> None:
    async def main() -> None:
        async with (
            place() as here,
            here.session(**kept) as session,
            session.subscribe("sample/#", 1) as messages,
            here.session(endpoint=here.gateway.endpoint) as other,
        ):
            states = session.states()
            here.proxy.refuse()
            await here.proxy.cut_all()
            await until(states, WAITING)
            await other.publish("sample/a", "while it was away")
            here.proxy.accept()
            connected = await until(states, CONNECTED)
            assert connected.connack is not None
            assert connected.connack.session_present
            assert (await anext(messages)).payload == b"while it was away"
            assert not here.proxy.connections[-1].packets[TO_SERVER][PacketType.SUBSCRIBE]

    run(main())


def test_the_first_connection_is_as_clean_as_it_was_asked_for() -> None:
    async def main() -> None:
        async with place() as here, here.session(session_expiry=3600) as session:
            states = session.states()
            await here.proxy.cut_all()
            await until(states, CONNECTED)
            assert [request.clean_start for request in here.backend.requests] == [True, False]

    run(main())


def test_one_that_is_refused_after_a_reconnect_ends_alone(start_gateway: StartGateway) -> None:
    async def main() -> None:
        everything = ALLOW | {"policyDocuments": [allow("*")]}
        less = ALLOW | {"policyDocuments": [allow("client/*", "topicfilter/good", "topic/*")]}
        async with (
            start_gateway(answer=everything) as gateway,
            customauth.session(endpoint_of(gateway), unsigned(), backend=RawBackend(), backoff=QUICK) as session,
            session.subscribe("good") as good,
            session.subscribe("bad") as bad,
        ):
            gateway.answer(less)
            assert session.connection is not None
            await session.connection.aclose()
            with pytest.raises(SubscribeRefused) as refused:
                await anext(bad)
            assert refused.value.reason_code == 0x87
            await session.publish("good", "x")
            assert (await anext(good)).payload == b"x"

    run(main())


def test_a_refusal_at_the_first_subscribe_is_raised_there() -> None:
    async def main() -> None:
        async with place() as here, here.session() as session:
            with pytest.raises(SubscribeRefused):
                await session.subscribe("forbidden/#").__aenter__()
            states = session.states()
            await here.proxy.cut_all()
            await until(states, CONNECTED)
            assert not here.proxy.connections[1].packets[TO_SERVER][PacketType.SUBSCRIBE]

    run(main())


def test_a_reconnect_whose_subscribe_is_not_answered_is_made_again() -> None:
    async def main() -> None:
        async with place() as here, here.session(timeout=1.0) as session, session.subscribe("sample/#") as messages:
            states = session.states()
            here.proxy.fault = Drop(PacketType.SUBACK)
            await here.proxy.cut_all()
            # On a busy machine an attempt may fail before it comes to the SUBSCRIBE.
            while not isinstance((await until(states, WAITING)).error, RequestTimeout):
                pass
            here.proxy.fault = None
            await until(states, CONNECTED)
            await session.publish("sample/a", "x")
            assert (await anext(messages)).payload == b"x"

    run(main())


def test_a_subscribe_without_a_connection_waits_for_one() -> None:
    async def main() -> None:
        async with place() as here, here.session() as session:
            states = session.states()
            here.proxy.refuse()
            await here.proxy.cut_all()
            await until(states, WAITING)
            subscribing = asyncio.create_task(session.subscribe("sample/#").__aenter__())
            await until(states, WAITING)
            with pytest.raises(RequestTimeout, match="SUBACK"):
                await session.subscribe("sample/#", timeout=0.01).__aenter__()
            here.proxy.accept()
            messages = await subscribing
            await session.publish("sample/a", "x")
            assert (await anext(messages)).payload == b"x"

    run(main())


def test_a_subscribe_that_is_cut_off_is_sent_again() -> None:
    async def main() -> None:
        async with place() as here, here.session() as session:
            here.proxy.fault = Drop(PacketType.SUBACK)
            states = session.states()
            await here.proxy.cut_all()
            await until(states, CONNECTED)
            subscribing = asyncio.create_task(session.subscribe("sample/#").__aenter__())
            await here.proxy.connections[-1].seen(TO_SERVER, PacketType.SUBSCRIBE)
            here.proxy.fault = None
            await here.proxy.cut_all()
            messages = await subscribing
            await session.publish("sample/a", "x")
            assert (await anext(messages)).payload == b"x"

    run(main())


def test_one_that_was_left_is_not_subscribed_again() -> None:
    async def main() -> None:
        async with place() as here, here.session() as session:
            async with session.subscribe("sample/#"):
                pass
            assert here.proxy.connections[0].packets[TO_SERVER][PacketType.UNSUBSCRIBE] == 1
            states = session.states()
            await here.proxy.cut_all()
            await until(states, CONNECTED)
            assert not here.proxy.connections[1].packets[TO_SERVER][PacketType.SUBSCRIBE]

    run(main())


def test_one_that_was_left_without_a_connection_is_ended_in_the_kept_session() -> None:
    async def main() -> None:
        async with place() as here, here.session(session_expiry=3600) as session:
            states = session.states()
            async with session.subscribe("sample/#"):
                here.proxy.refuse()
                await here.proxy.cut_all()
                await until(states, WAITING)
            assert (await session.unsubscribe("sample/other")).reason_code is None
            here.proxy.accept()
            await until(states, CONNECTED)
            assert here.proxy.connections[-1].packets[TO_SERVER][PacketType.UNSUBSCRIBE] == 2

    run(main())


def test_two_with_one_filter_share_what_the_higher_one_needs() -> None:
    async def main() -> None:
        async with (
            place() as here,
            here.session() as session,
            session.subscribe("sample/#", 1) as high,
            session.subscribe("sample/#", 0) as low,
        ):
            states = session.states()
            for _ in range(2):
                await session.publish("sample/a", "x")
                assert (await anext(high)).qos == 1
                assert (await anext(low)).qos == 1
                await here.proxy.cut_all()
                await until(states, CONNECTED)

    run(main())


def test_a_full_buffer_holds_the_next_connection_back_too() -> None:
    async def flood(session: Session, count: int) -> None:
        for number in range(count):
            await session.publish("sample/a", bytes(20_000) + str(number).encode())

    async def main() -> None:
        async with (
            place() as here,
            here.session() as session,
            here.session(endpoint=here.gateway.endpoint) as other,
            session.subscribe("sample/#", 1, buffer=2) as messages,
        ):
            states = session.states()
            await flood(other, 10)
            # Nobody is told of it.
            while not messages.full:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            assert session.connection is not None
            # A cut is not seen by who does not read.
            await session.connection.aclose()
            await until(states, CONNECTED)
            assert messages.full
            assert session.connection is not None
            assert isinstance(session.connection, customauth.Connection)
            transport = session.connection._transport  # type: ignore[attr-defined]
            assert not transport.is_reading()
            while messages.full:
                await anext(messages)
            assert transport.is_reading()

    run(main())


def test_the_iteration_ends_when_the_session_is_left() -> None:
    async def main() -> None:
        async with place() as here:
            async with here.session() as session:
                messages = await session.subscribe("sample/#", 1).__aenter__()
                await session.publish("sample/a", "x")
                await here.proxy.connections[0].seen(TO_CLIENT, PacketType.PUBLISH)
                # Behind the message: when it is answered, that is here.
                await session.unsubscribe("sample/other")
            assert [message.payload async for message in messages] == [b"x"]
            with pytest.raises(SessionEnded):
                await session.subscribe("sample/#").__aenter__()

    run(main())


def test_a_refused_unsubscribe_after_a_reconnect_harms_nothing() -> None:
    async def main() -> None:
        async with place() as here, here.session(session_expiry=3600) as session:
            states = session.states()
            async with session.subscribe("sample/#"):
                here.proxy.fault = Answer(PacketType.UNSUBACK, 0x87)
                here.proxy.refuse()
                await here.proxy.cut_all()
                await until(states, WAITING)
            here.proxy.accept()
            await until(states, CONNECTED)
            await session.publish("sample/a")

    run(main())
