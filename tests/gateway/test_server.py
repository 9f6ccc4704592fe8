"""The gateway as a whole: it starts, it stops with everything that is open, it bounds what has not been let in."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from pathlib import Path

import pytest

from aloop import put_forward, run
from customauth.gateway import Gateway, load_config
from customauth.gateway import server as gateway_server
from customauth.gateway.records import DisconnectReason, Ending, Record
from customauth.mqtt import Connect, MqttVersion, Pingreq, Pingresp
from gateways import Running, StartGateway, connect, named
from rawclient import LIMIT
from sleepers import SLEEPING, is_gone, started

V311, V5 = MqttVersion.V311, MqttVersion.V5


@pytest.mark.fact("C38")
def test_closing_the_gateway_tells_and_closes_every_connection(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with contextlib.AsyncExitStack() as clients:
            async with start_gateway() as running:
                versions = {"a": V5, "b": V5, "c": V311}
                packets = [connect(named("open"), client_id=name, version=v) for name, v in versions.items()]
                opened = [await clients.enter_async_context(running.accepted(packet)) for packet in packets]
                opened.append(await clients.enter_async_context(running.client()))
            # Server shutting down, for those that can be told.
            assert [await client.rest() for client in opened] == [b"\xe0\x01\x8b", b"\xe0\x01\x8b", b"", b""]
            assert [ending.reason for ending in running.endings()] == [DisconnectReason.SERVER_INITIATED] * 3
            assert running.gateway._connections == set()
            with pytest.raises(OSError):  # noqa: PT011 - which one is the system's affair
                await asyncio.open_connection("127.0.0.1", running.gateway.port)

    run(main())


def test_closing_the_gateway_ends_the_functions_that_run(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with contextlib.AsyncExitStack() as clients:
            async with start_gateway(function=SLEEPING) as running:
                opened = [await clients.enter_async_context(running.client()) for _ in range(6)]
                for client in opened:
                    await client.send_packet(connect(named("open")))
                # Four run and two wait for a worker.
                workers = await started(running.folder, 4)
            assert all(is_gone(worker) for worker in workers)
            assert [await client.rest() for client in opened] == [b""] * 6
            assert running.decisions == []

    run(main())


def test_closing_the_gateway_does_not_wait_for_a_handshake_or_a_farewell(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            # Neither lets go by itself: one never says a word of TLS, the other never reads the farewell.
            _, silent = await asyncio.open_connection("127.0.0.1", running.gateway.port)
            async with running.accepted() as deaf:
                deaf.writer.transport.pause_reading()  # type: ignore[attr-defined]
                asyncio.get_running_loop().call_soon(put_forward, 2.0)
                async with asyncio.timeout(6):
                    await running.gateway.aclose()
            silent.close()
            await silent.wait_closed()

    run(main())


def test_a_handshake_that_ends_after_the_closing_opens_nothing(
    start_gateway: StartGateway,
) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client() as client:
            # TLS 1.3 is done for the client before it is for the gateway.
            await running.gateway.aclose()
            assert await client.rest() == b""
            # It was not merely the limit for a CONNECT that ended it.
            assert running.notes() == []

    run(main())


def test_a_gateway_can_be_closed_twice_and_before_its_start(
    tmp_path: Path, ca_folder: Path, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            await running.gateway.aclose()
        never_started = Gateway(load_config(tmp_path / "gateway.toml"), folder=ca_folder)
        await never_started.aclose()

    run(main())


def test_a_taken_port_is_an_error_of_the_system(tmp_path: Path, ca_folder: Path, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            second = Gateway(load_config(tmp_path / "gateway.toml"), folder=ca_folder, port=running.gateway.port)
            with pytest.raises(OSError, match="in use"):
                await second.__aenter__()

    run(main())


@pytest.mark.parametrize("packet", [connect(named("open")), connect(client_id="x" * 129)], ids=["grant", "objection"])
def test_a_failing_observer_costs_the_client_its_connection_and_nobody_else(
    packet: Connect, tmp_path: Path, ca_folder: Path, start_gateway: StartGateway, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(decision: object) -> None:
        raise RuntimeError("the observer")

    async def main() -> None:
        async with start_gateway():
            config = load_config(tmp_path / "gateway.toml")
        async with Gateway(config, folder=ca_folder, on_decision=fail) as gateway:
            running = Running(gateway=gateway, folder=tmp_path, decisions=[])
            for _ in range(2):
                assert await running.outcome(packet) == b""

    run(main())
    assert "the observer" in caplog.text


@pytest.mark.parametrize("version", [V311, V5], ids=lambda version: version.label)
def test_an_observer_that_fails_at_an_end_does_not_keep_the_connection_open(
    version: MqttVersion, start_gateway: StartGateway
) -> None:
    faults: list[dict[str, object]] = []

    def fail(record: Record) -> None:
        if isinstance(record, Ending):
            raise RuntimeError("the observer")

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
        async with start_gateway(on_record=fail, time_scale=100_000) as running:
            packet = connect(named("open"), version=version)
            # Its time is over soon: 86400 s.
            async with running.accepted(packet) as client:
                assert await client.rest() == (b"\xe0\x01\x98" if version is V5 else b"")
            async with running.accepted(packet) as client:
                client.leave()
                await running.emptied()

    run(main())
    assert [str(context["exception"]) for context in faults] == ["the observer"] * 2


# Those who have not been let in.


def test_beyond_the_most_strangers_the_oldest_has_to_go(
    start_gateway: StartGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_server, "_MAX_STRANGERS", 3)

    async def main() -> None:
        async with start_gateway() as running, contextlib.AsyncExitStack() as clients:
            packets = [connect(named("open"), client_id=f"accepted-{number}") for number in range(5)]
            accepted = [await clients.enter_async_context(running.accepted(packet)) for packet in packets]
            strangers = [await clients.enter_async_context(running.client()) for _ in range(3)]
            assert running.notes() == []
            newest = await clients.enter_async_context(running.client())
            assert await strangers[0].rest() == b""
            (note,) = running.notes()
            assert note.endswith(": more than 3 connections wait to be let in")
            # The others, and those that were let in before them, are as they were.
            for client in accepted:
                await client.send_packet(Pingreq())
                assert isinstance(await client.packet(), Pingresp)
            for number, client in enumerate((*strangers[1:], newest)):
                assert await client.connect(connect(named("open"), client_id=f"stranger-{number}"))
            for client in (*accepted, *strangers[1:], newest):
                await client.send_packet(Pingreq())
                assert isinstance(await client.packet(), Pingresp)
            assert running.endings() == []

    run(main())


def test_of_many_strangers_at_once_no_more_than_the_most_stay(
    start_gateway: StartGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_server, "_MAX_STRANGERS", 5)

    async def main() -> None:
        async with start_gateway() as running, contextlib.AsyncExitStack() as clients:
            # Blocking, so that the gateway finds all of them waiting.
            for _ in range(50):
                stranger = clients.enter_context(socket.socket())
                stranger.connect(("127.0.0.1", running.gateway.port))
            async with asyncio.timeout(LIMIT):
                while len(running.notes()) < 45:  # noqa: ASYNC110 - nobody is told of it
                    await asyncio.sleep(0.001)
                while len(running.gateway._connections) > 5:  # noqa: ASYNC110
                    await asyncio.sleep(0.001)
            assert len(running.gateway._strangers) == 5
            # Each was told of once.
            assert len(set(running.notes())) == len(running.notes()) == 45

    run(main())


# What can be asked of it.


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"further_ports": {443: 0}}, "a further port stands for one of (8883, 8443), not for 443"),
        ({"time_scale": 0}, "a time scale is a positive number, not 0"),
        ({"time_scale": float("nan")}, "a time scale is a positive number, not nan"),
    ],
)
def test_what_cannot_be_is_refused_at_once(options: dict[str, object], says: str, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway(**options):
            pass

    with pytest.raises(ValueError, match=re.escape(says)):
        run(main())
