"""A session that is cancelled, at whatever moment, leaves nothing behind; staying.run counts its tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from customauth import MqttVersion, SessionStateKind
from customauth.mqtt import PacketType
from customauth.testing.faults import Delay, Direction, Drop, DropConnack, Silent
from customauth_template._connection import TemplateConnection
from staying import Place, place, run, until

TO_SERVER = Direction.TO_SERVER


async def _cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def _gone(here: Place) -> None:
    """Wait until the proxy has no connection left: the session has closed all of its own."""
    for connection in here.proxy.connections:
        await connection.ended.wait()


@pytest.mark.parametrize("fault", [Silent(), DropConnack()])
def test_entering_can_be_cancelled_during_an_attempt(fault: Silent | DropConnack) -> None:
    async def main() -> None:
        async with place() as here:
            here.proxy.fault = fault
            entering = asyncio.create_task(here.session().__aenter__())
            await here.proxy.connection(0)
            await _cancel(entering)
            await _gone(here)

    run(main())


def test_entering_can_be_cancelled_while_it_waits() -> None:
    async def main() -> None:
        async with place() as here:
            here.proxy.refuse()
            session = here.session()
            states = session.states()
            entering = asyncio.create_task(session.__aenter__())
            await until(states, SessionStateKind.WAITING)
            await _cancel(entering)
            assert session.state.kind is SessionStateKind.CLOSED

    run(main())


def test_entering_can_be_cancelled_while_the_source_is_asked() -> None:
    async def main() -> None:
        asked = asyncio.Event()

        async def source() -> object:
            asked.set()
            await asyncio.Event().wait()
            raise AssertionError

        async with place() as here:
            entering = asyncio.create_task(here.session(credentials=source).__aenter__())
            await asked.wait()
            await _cancel(entering)
            assert not here.proxy.connections

    run(main())


@pytest.mark.parametrize("turns", range(40))
def test_entering_can_be_cancelled_at_any_step(turns: int) -> None:
    """The attempt takes some thousand microseconds: these moments are spread over it and beyond its end."""

    async def main() -> None:
        async with place() as here:
            session = here.session()
            entering = asyncio.create_task(session.__aenter__())
            for _ in range(turns):
                await asyncio.sleep(0.0005)
            entering.cancel()
            await asyncio.gather(entering, return_exceptions=True)
            await session.aclose()
            await _gone(here)

    run(main())


def test_a_publish_can_be_cancelled_and_makes_room() -> None:
    async def main() -> None:
        async with place() as here:
            here.proxy.fault = Drop(PacketType.PUBACK, count=1)
            async with here.session(queue=1) as session:
                publishing = asyncio.create_task(session.publish("sample/a"))
                await here.proxy.connections[0].seen(TO_SERVER, PacketType.PUBLISH)
                await _cancel(publishing)
                await session.publish("sample/b")

    run(main())


def test_a_subscribe_can_be_cancelled() -> None:
    async def main() -> None:
        async with place() as here:
            here.proxy.fault = Drop(PacketType.SUBACK)
            async with here.session() as session:
                subscribing = asyncio.create_task(session.subscribe("sample/#").__aenter__())
                await here.proxy.connections[0].seen(TO_SERVER, PacketType.SUBSCRIBE)
                await _cancel(subscribing)
                here.proxy.fault = None
                states = session.states()
                await here.proxy.cut_all()
                await until(states, SessionStateKind.CONNECTED)
                assert not here.proxy.connections[1].packets[TO_SERVER][PacketType.SUBSCRIBE]

    run(main())


def test_a_listener_can_be_cancelled() -> None:
    async def main() -> None:
        async with place() as here, here.session() as session:
            listening = asyncio.create_task(anext(session.states()))
            await asyncio.sleep(0)
            await _cancel(listening)

    run(main())


def test_leaving_can_be_cancelled_and_still_leaves_nothing() -> None:
    async def main() -> None:
        async with place() as here:
            session = await here.session().__aenter__()
            leaving = asyncio.create_task(session.aclose())
            await asyncio.sleep(0)
            await _cancel(leaving)
            assert session.closed is not None
            await _gone(here)

    run(main())


@pytest.mark.parametrize("turns", range(6))
def test_two_may_leave_at_once(turns: int) -> None:
    async def main() -> None:
        async with place() as here:
            session = await here.session().__aenter__()
            connection = session.connection
            assert isinstance(connection, TemplateConnection)
            leaving = asyncio.create_task(session.aclose())
            for _ in range(turns):
                await asyncio.sleep(0)
            await session.aclose()
            assert connection._gone.is_set()
            await leaving
            await _gone(here)

    run(main())


def _waiting(here: Place) -> None:
    here.proxy.refuse()


def _connecting(here: Place) -> None:
    here.proxy.fault = Silent()


@pytest.mark.parametrize("meanwhile", [_waiting, _connecting])
def test_it_can_be_left_while_it_has_no_connection(meanwhile: Callable[[Place], None]) -> None:
    async def main() -> None:
        async with place() as here, here.session() as session:
            states = session.states()
            meanwhile(here)
            await here.proxy.cut_all()
            await until(states, SessionStateKind.CONNECTING)

    run(main())


def test_it_can_be_left_while_it_subscribes_again() -> None:
    async def main() -> None:
        async with place() as here:
            async with here.session() as session, session.subscribe("sample/#"):
                here.proxy.fault = Drop(PacketType.SUBACK)
                await here.proxy.cut_all()
                await (await here.proxy.connection(1)).seen(TO_SERVER, PacketType.SUBSCRIBE)
                await session.aclose()
            await _gone(here)

    run(main())


@pytest.mark.parametrize("version", list(MqttVersion))
def test_it_can_be_left_with_a_slow_server(version: MqttVersion) -> None:
    async def main() -> None:
        async with place() as here:
            here.proxy.fault = Delay(0.02)
            async with here.session(version=version) as session:
                await session.publish("sample/a")
            await _gone(here)

    run(main())
