"""How accepted connections end, and what is recorded of it (C38)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloop import put_forward, run
from customauth.gateway import Decision
from customauth.gateway.decision import Step
from customauth.gateway.records import DisconnectReason
from customauth.mqtt import Disconnect, MqttVersion, encode
from gateways import ALLOW, Running, StartGateway, connect, named
from rawclient import RawClient
from record_samples import ending, note

V311, V5 = MqttVersion.V311, MqttVersion.V5
BOTH = pytest.mark.parametrize("version", list(MqttVersion), ids=lambda version: version.label)

Act = Callable[[RawClient, Running], Awaitable[None]]


def sends(data: bytes) -> Act:
    async def act(client: RawClient, running: Running) -> None:
        await client.send(data)

    return act


async def disconnects(client: RawClient, running: Running) -> None:
    await client.send_packet(Disconnect())


async def says_connect_again(client: RawClient, running: Running) -> None:
    await client.send(encode(connect(named("open"), version=client.version), client.version))


async def vanishes(client: RawClient, running: Running) -> None:
    client.leave()


async def ends_tls(client: RawClient, running: Running) -> None:
    client.writer.close()


async def is_silent(client: RawClient, running: Running) -> None:
    put_forward(45.0)


async def is_refused_at_refresh(client: RawClient, running: Running) -> None:
    running.answer(ALLOW | {"isAuthenticated": False})
    put_forward(300.0)


async def sees_the_gateway_stop(client: RawClient, running: Running) -> None:
    await running.gateway.aclose()


# What is done, the keep alive, the reason, and what it says beside it.
WAYS: dict[str, tuple[Act, int, DisconnectReason, str]] = {
    "DISCONNECT": (disconnects, 30, DisconnectReason.CLIENT_INITIATED, ""),
    "a second CONNECT": (says_connect_again, 30, DisconnectReason.CLIENT_ERROR, "CONNECT is not served on an open"),
    "a broken packet": (sends(b"\xc0\x01\x00"), 30, DisconnectReason.CLIENT_ERROR, "malformed packet: "),
    "no packet at all": (sends(b"\x00\x00"), 30, DisconnectReason.CLIENT_ERROR, "malformed packet: "),
    "too large a packet": (sends(b"\x30\xff\xff\xff\x7f"), 30, DisconnectReason.CLIENT_ERROR, "malformed packet: "),
    "a lost connection": (vanishes, 30, DisconnectReason.CONNECTION_LOST, ""),
    "the end of TLS": (ends_tls, 30, DisconnectReason.CONNECTION_LOST, ""),
    "silence": (is_silent, 30, DisconnectReason.KEEP_ALIVE_TIMEOUT, "silent for 45 s, 1.5 times its keep alive"),
    "a refusal at refresh": (is_refused_at_refresh, 0, DisconnectReason.AUTH_ERROR, "refused at refresh"),
    "the end of the gateway": (sees_the_gateway_stop, 30, DisconnectReason.SERVER_INITIATED, "the gateway stops"),
}


@pytest.mark.fact("C38", "C39")
@BOTH
@pytest.mark.parametrize(("act", "keep_alive", "reason", "why"), WAYS.values(), ids=list(WAYS))
def test_an_end_has_its_reason_and_is_recorded_once(
    act: Act, keep_alive: int, reason: DisconnectReason, why: str, version: MqttVersion, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            packet = connect(named("open"), version=version, keep_alive=keep_alive)
            async with running.accepted(packet) as client:
                await act(client, running)
                if act is not vanishes and act is not ends_tls:
                    await client.rest()
            await running.emptied()
            (found,) = running.endings()
            assert (found.reason, found.why[: len(why)], bool(found.why)) == (reason, why, bool(why))
            decision = running.decisions[0]
            assert (found.connection_id, found.peer, found.protocol) == (
                decision.connection_id,
                decision.peer,
                decision.protocol,
            )
            assert (found.client_id, found.principal_id, found.port) == ("device", "tester", 443)
            assert found.time >= decision.time
            assert running.notes() == []

    run(main())


@pytest.mark.fact("C38")
@BOTH
def test_a_fault_of_the_gateway_is_an_end_of_its_own(
    version: MqttVersion, start_gateway: StartGateway, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(decision: Decision) -> None:
        if decision.step is Step.REFRESH:
            raise RuntimeError("the observer")

    async def main() -> None:
        async with start_gateway(on_decision=fail) as running:
            async with running.accepted(connect(named("open"), version=version, keep_alive=0)) as client:
                put_forward(300.0)
                assert await client.rest() == b""
            await running.emptied()
            assert [found.reason for found in running.endings()] == [DisconnectReason.SERVER_ERROR]

    run(main())
    assert "the observer" in caplog.text


@pytest.mark.fact("C38")
@BOTH
def test_a_client_that_was_not_let_in_has_no_end(version: MqttVersion, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            await running.outcome(connect(named("nobody"), version=version))
            async with running.client() as client:
                await client.send(b"\x10")
            await running.emptied()
            assert running.endings() == []

    run(main())


def test_the_reasons_are_the_words_of_aws() -> None:
    assert {reason.value for reason in DisconnectReason} == {
        "AUTH_ERROR",
        "CLIENT_INITIATED_DISCONNECT",
        "CLIENT_ERROR",
        "CONNECTION_LOST",
        "DUPLICATE_CLIENTID",
        "MQTT_KEEP_ALIVE_TIMEOUT",
        "SERVER_ERROR",
        "SERVER_INITIATED_DISCONNECT",
        "WEBSOCKET_TTL_EXPIRATION",
        "CUSTOMAUTH_TTL_EXPIRATION",
    }


# The records themselves.


def test_the_line_of_an_end_says_who_left_and_why() -> None:
    assert ending(reason=DisconnectReason.CLIENT_INITIATED, why="").line() == (
        "END   MQTT 5 client 'dev' from 127.0.0.1:9: CLIENT_INITIATED_DISCONNECT"
    )
    assert ending(reason=DisconnectReason.CLIENT_ERROR, why="malformed packet").line() == (
        "END   MQTT 5 client 'dev' from 127.0.0.1:9: CLIENT_ERROR: malformed packet"
    )


def test_the_line_of_a_note_says_what_was_closed_answered_or_done() -> None:
    assert note(text="no CONNECT").line() == "CLOSE 127.0.0.1:9: no CONNECT"
    assert note(text="too long", status=431).line() == "HTTP 431 to 127.0.0.1:9: too long"
    assert note(peer=None, text="configuration taken anew").line() == "configuration taken anew"


def test_an_end_and_a_note_as_json_have_every_field() -> None:
    found = json.loads(json.dumps(ending(why="broken").as_json()))
    assert {name: found[name] for name in ("record", "connectionId", "clientId", "principalId", "reason", "why")} == {
        "record": "disconnect",
        "connectionId": "id",
        "clientId": "dev",
        "principalId": "tester",
        "reason": "CLIENT_ERROR",
        "why": "broken",
    }
    assert (found["time"], found["peer"], found["port"]) == ("2026-01-02T03:04:05.678+00:00", "127.0.0.1:9", 443)
    assert json.loads(json.dumps(note(text="x", status=404).as_json())) == {
        "record": "note",
        "time": "2026-01-02T03:04:05.678+00:00",
        "peer": "127.0.0.1:9",
        "status": 404,
        "closed": True,
        "text": "x",
        "rule": None,
    }


@given(text=st.text())
def test_nothing_that_a_client_chose_breaks_the_line_of_an_end_or_a_note(text: str) -> None:
    records: list[Any] = [ending(client_id=text, why=text), note(text=text), note(peer=None, text=text)]
    for record in records:
        assert len(record.line().splitlines()) <= 1
        assert not any(
            0xD800 <= ord(character) < 0xE000 or character in "\x1b\x9b\u2028" for character in record.line()
        )


def test_every_accepted_connection_ends_once_however_many_there_are(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:

            async def come_and_go(number: int) -> None:
                packet = connect(named("open"), client_id=str(number), version=(V311, V5)[number % 2])
                async with running.accepted(packet) as client:
                    if number % 3:
                        await client.send_packet(Disconnect())
                        await client.rest()

            await asyncio.gather(*(come_and_go(number) for number in range(60)))
            await running.emptied()
            ends = {int(found.client_id): found.reason for found in running.endings()}
            assert len(ends) == len(running.endings()) == 60
            assert ends == {
                number: DisconnectReason.CLIENT_INITIATED if number % 3 else DisconnectReason.CONNECTION_LOST
                for number in range(60)
            }

    run(main())
