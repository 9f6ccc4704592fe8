"""A session stays connected, and says what it does."""

from __future__ import annotations

import asyncio
import logging

import pytest

import customauth
from customauth import (
    Backoff,
    ConnectionRefused,
    CustomAuth,
    Disconnected,
    MqttVersion,
    PluginManager,
    RequestError,
    Session,
    SessionEnded,
    SessionState,
    SessionStateKind,
    hookimpl,
)
from customauth.gateway import Ending
from customauth.mqtt import PacketType
from customauth.testing.faults import Direction
from gateways import StartGateway
from rawbackend import RawBackend
from staying import QUICK, endpoint_of, place, run, unsigned, until

CONNECTING, CONNECTED = SessionStateKind.CONNECTING, SessionStateKind.CONNECTED
WAITING, CLOSED = SessionStateKind.WAITING, SessionStateKind.CLOSED
VERSIONS = pytest.mark.parametrize("version", list(MqttVersion))


@VERSIONS
def test_a_lost_connection_is_made_again_with_the_same_client_id(version: MqttVersion) -> None:
    async def main() -> None:
        async with place() as here, here.session(version=version) as session:
            assert session.connected
            states = session.states()
            await here.proxy.cut_all()
            await until(states, CONNECTED)
            assert session.connected
            assert session.connection is not None
            assert {request.client_id for request in here.backend.requests} == {session.client_id}
            assert len(here.backend.requests) == 2

    run(main())


def test_a_given_client_id_is_that_of_every_attempt() -> None:
    async def main() -> None:
        async with place() as here, here.session(client_id="pump-7") as session:
            states = session.states()
            await here.proxy.cut_all()
            await until(states, CONNECTED)
            assert [request.client_id for request in here.backend.requests] == ["pump-7", "pump-7"]

    run(main())


def test_entering_waits_until_the_server_can_be_reached() -> None:
    async def main() -> None:
        async with place() as here:
            here.proxy.refuse()
            session = here.session()
            states = session.states()
            entering = asyncio.create_task(session.__aenter__())
            refused = await until(states, WAITING)
            assert isinstance(refused.error, ConnectionRefused)
            assert not session.connected
            here.proxy.accept()
            assert await entering is session
            assert session.connected
            await session.aclose()

    run(main())


def test_leaving_sends_disconnect() -> None:
    async def main() -> None:
        async with place() as here:
            async with here.session():
                pass
            await here.proxy.connections[0].ended.wait()
            sent = here.proxy.connections[0].packets[Direction.TO_SERVER]
            assert sent[PacketType.DISCONNECT] == 1
        endings = [record for record in here.gateway.records if isinstance(record, Ending)]
        assert [ending.reason.value for ending in endings] == ["CLIENT_INITIATED_DISCONNECT"]

    run(main())


def test_every_change_is_told_in_order_and_the_last_ends_it() -> None:
    async def main() -> None:
        async with place() as here:
            session = here.session()
            assert session.state == SessionState(kind=CLOSED, attempt=0)
            first, second = session.states(), session.states()
            async with session:
                await here.proxy.cut_all()
                assert [(await anext(first)).kind for _ in range(2)] == [CONNECTING, CONNECTED]
                lost = await until(first, WAITING)
                await until(first, CONNECTED)
            assert [(state.kind, state.attempt) async for state in second] == [
                (CONNECTING, 1),
                (CONNECTED, 1),
                (WAITING, 1),
                (CONNECTING, 2),
                (CONNECTED, 2),
                (CLOSED, 2),
            ]
            assert isinstance(lost.error, Disconnected)
            assert lost.delay is not None
            assert 0 <= lost.delay <= QUICK.cap
            assert session.state == SessionState(kind=CLOSED, attempt=2)
            assert [state async for state in session.states()] == []

    run(main())


def test_the_state_holds_what_the_server_said() -> None:
    async def main() -> None:
        async with place() as here, here.session() as session:
            assert session.state.connack is not None
            assert session.state.connack.receive_maximum == 100

    run(main())


def test_plugins_are_told_and_one_that_fails_harms_nothing(caplog: pytest.LogCaptureFixture) -> None:
    told: list[tuple[str, SessionStateKind]] = []

    class Observer:
        @hookimpl
        def customauth_session_state(self, session: Session, state: SessionState) -> None:
            told.append((session.client_id, state.kind))

    class Broken:
        @hookimpl
        def customauth_session_state(self) -> None:
            raise RuntimeError("broken on purpose")

    async def main() -> None:
        plugins = PluginManager(discover=False)
        plugins.register(Observer())
        plugins.register(Broken())
        async with place() as here, here.session(plugins=plugins, client_id="watched"):
            pass

    run(main())
    assert told == [("watched", CONNECTING), ("watched", CONNECTED), ("watched", CLOSED)]
    assert "broken on purpose" in caplog.text


def test_no_secret_is_logged(start_gateway: StartGateway, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with start_gateway() as gateway:
            secret = CustomAuth(authorizer="open", username="user", password=b"hush-hush")

            def source() -> CustomAuth:
                if not asked:
                    asked.append(1)
                    raise RuntimeError("the vault says hush-hush")
                return secret

            asked: list[int] = []
            async with customauth.session(endpoint_of(gateway), source, backend=RawBackend(), backoff=QUICK):
                pass

    caplog.set_level(logging.DEBUG, "customauth")
    run(main())
    ours = [record for record in caplog.records if not record.name.startswith("customauth.gateway")]
    assert any("connected, attempt 2" in record.getMessage() for record in ours)
    assert not any("hush-hush" in record.getMessage() for record in ours)


@pytest.mark.fact("E9")
def test_the_default_backoff_keeps_to_one_connect_a_second(start_gateway: StartGateway) -> None:
    """With 3.1.1 a faster one would be closed without a word, and count as a refusal of the credentials."""

    async def main() -> None:
        async with start_gateway(settings="enforce_quotas = true") as gateway:
            impatient = Backoff(uniform=lambda low, high: low)
            async with customauth.session(
                endpoint_of(gateway), unsigned(), backend=RawBackend(), backoff=impatient, version=MqttVersion.V311
            ) as session:
                states = session.states()
                assert session.connection is not None
                await session.connection.aclose()
                again = await until(states, CONNECTED)
                assert again.attempt == 2
            assert len(gateway.decisions) == 2

    run(main())


def test_connections_that_do_not_last_are_waited_for_longer_and_longer() -> None:
    async def delays(steady: float) -> list[float]:
        longest: list[float] = []

        def uniform(low: float, high: float) -> float:
            longest.append(high)
            return low

        backoff = Backoff(base=1.0, cap=5.0, spacing=0, steady=steady, uniform=uniform)
        async with place() as here, here.session(backoff=backoff) as session:
            for _ in range(4):
                states = session.states()
                await here.proxy.cut_all()
                await until(states, CONNECTED)
        return longest

    assert run(delays(steady=3600.0)) == [1.0, 2.0, 4.0, 5.0]
    assert run(delays(steady=0.0)) == [1.0, 1.0, 1.0, 1.0]


def test_a_session_that_has_not_begun_takes_nothing() -> None:
    async def main() -> None:
        session = customauth.session("localhost", CustomAuth(username="u"), backend=RawBackend())
        with pytest.raises(RequestError, match="not begun"):
            await session.publish("sample/a")
        with pytest.raises(RequestError, match="not begun"):
            await session.unsubscribe("sample/a")
        with pytest.raises(RequestError, match="not begun"):
            await session.subscribe("sample/a").__aenter__()
        await session.aclose()

    run(main())


def test_a_session_that_has_ended_takes_nothing_and_says_why() -> None:
    async def main() -> None:
        async with place() as here:
            async with here.session() as session:
                assert session.closed is None
            assert session.closed is not None
            assert (await session.wait_closed()).__cause__ is None
            with pytest.raises(SessionEnded, match="ended here"):
                await session.publish("sample/a")
            with pytest.raises(SessionEnded, match="ended here"):
                await session.publish("sample/a", qos=0)
            with pytest.raises(SessionEnded, match="ended here"):
                await session.subscribe("sample/a").__aenter__()
            with pytest.raises(RequestError, match="entered once"):
                await session.__aenter__()
            await session.aclose()

    run(main())


@pytest.mark.parametrize("wrong", [{"queue": 0}, {"refusals": 0}, {"resend": 0.0}])
def test_a_number_out_of_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(customauth.EndpointError):
        customauth.session("localhost", CustomAuth(username="u"), **wrong)  # type: ignore[arg-type]
