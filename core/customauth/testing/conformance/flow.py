"""Readers and servers that are slow: nothing is lost, memory is bounded, and the connection stays alive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import pytest

from customauth import Backend, Feature, MqttVersion, mqtt
from customauth.testing.conformance.kit import (
    LIMIT,
    Kit,
    Way,
    each_version,
    every_way,
    open_connection,
    run,
    with_mqtt5,
)
from customauth.testing.mqtt_server import Content, MqttPeer, MqttServer, mqtt_server, usual

_COUNT = 20_000
# Seconds that so many may take, on however busy a machine.
_COUNT_LIMIT = 2.5 * LIMIT
_FEWER = 5000
# Twenty thousand of it are far more than the buffers of two sockets hold.
_PADDING = bytes(4096)
_BUFFER = 10
# Who could not send for so long is held back; on a slow machine a wrong guess lets the test pass.
_STANDSTILL = 0.3


def _messages(count: int) -> list[bytes]:
    return [b"%d " % number + _PADDING for number in range(count)]


def _flood(peer: MqttPeer, count: int = _FEWER) -> None:
    peer.send(*(mqtt.Publish(topic="flood", payload=payload) for payload in _messages(count)))


async def _standstill(count: Callable[[], int]) -> int:
    """Wait until a count does not grow any more, and return it."""
    loop = asyncio.get_running_loop()
    last, since = count(), loop.time()
    while loop.time() - since < _STANDSTILL:
        await asyncio.sleep(0.02)
        if count() != last:
            last, since = count(), loop.time()
    return last


def _needs_back_pressure(backend: Backend) -> None:
    if Feature.BACK_PRESSURE not in backend.features:
        pytest.skip(f"backend {backend.name} does not declare {Feature.BACK_PRESSURE.value}")


class FlowConformance(Kit):
    """Back-pressure in both directions."""

    @every_way
    def test_a_slow_reader_of_20000_messages_loses_none(self, backend: Backend, way: Way) -> None:
        async def scenario() -> None:
            async with (
                mqtt_server() as server,
                await open_connection(backend, server.endpoint, way) as connection,
                connection.subscribe("flood", buffer=_BUFFER) as messages,
            ):
                peer = server.client()
                _flood(peer, _COUNT)
                for number, expected in enumerate(_messages(_COUNT)):
                    assert (await anext(messages)).payload == expected
                    if number % 100 == 0:
                        await asyncio.sleep(0.001)

        run(scenario(), _COUNT_LIMIT)

    @every_way
    def test_nothing_is_read_while_a_buffer_is_full(self, backend: Backend, way: Way) -> None:
        _needs_back_pressure(backend)

        async def scenario() -> None:
            async with (
                mqtt_server() as server,
                await open_connection(backend, server.endpoint, way) as connection,
                connection.subscribe("flood", buffer=_BUFFER) as messages,
            ):
                peer = server.client()
                _flood(peer, _COUNT)
                assert await _standstill(lambda: peer.sent) < _COUNT
                assert connection.closed is None
                for expected in _messages(_COUNT):
                    assert (await anext(messages)).payload == expected

        run(scenario(), _COUNT_LIMIT)

    @each_version
    def test_keep_alive_goes_on_while_a_buffer_is_full(self, backend: Backend, way: Way) -> None:
        _needs_back_pressure(backend)

        async def scenario() -> None:
            async with (
                mqtt_server() as server,
                # A second would not do on a busy machine, where the flood alone takes as long.
                await open_connection(backend, server.endpoint, way, keep_alive=2) as connection,
                connection.subscribe("flood", buffer=_BUFFER) as messages,
            ):
                peer = server.client()
                _flood(peer)
                await _standstill(lambda: peer.sent)
                # The answers stand behind what is not read.
                await peer.seen(mqtt.Pingreq, len(peer.all(mqtt.Pingreq)) + 2)
                assert connection.closed is None
                for expected in _messages(_FEWER):
                    assert (await anext(messages)).payload == expected

        run(scenario())

    @with_mqtt5
    def test_the_servers_keep_alive_takes_the_place_of_the_own(self, backend: Backend, way: Way) -> None:
        def answers(packet: mqtt.Packet, version: MqttVersion) -> Iterable[Content]:
            if isinstance(packet, mqtt.Connect):
                said: mqtt.Properties = {mqtt.Property.SERVER_KEEP_ALIVE: 1}
                return (mqtt.Connack(session_present=False, reason_code=0, properties=said),)
            return usual(packet, version)

        async def scenario() -> None:
            async with (
                mqtt_server(answers) as server,
                await open_connection(backend, server.endpoint, way, keep_alive=1200) as connection,
            ):
                await server.peers[0].seen(mqtt.Pingreq, 2)
                assert connection.closed is None

        run(scenario())

    @each_version
    def test_an_answer_that_is_awaited_while_a_buffer_is_full_arrives(self, backend: Backend, way: Way) -> None:
        async def scenario() -> None:
            async with (
                mqtt_server() as server,
                await open_connection(backend, server.endpoint, way) as connection,
                connection.subscribe("flood", buffer=_BUFFER) as messages,
            ):
                peer = server.client()
                _flood(peer)
                await _standstill(lambda: peer.sent)
                await connection.publish("a", b"x", qos=1)
                await connection.unsubscribe("b")
                for expected in _messages(_FEWER):
                    assert (await anext(messages)).payload == expected

        run(scenario())

    @each_version
    def test_a_connection_whose_buffer_is_full_can_be_closed(self, backend: Backend, way: Way) -> None:
        async def scenario() -> MqttServer:
            async with mqtt_server() as server:
                connection = await open_connection(backend, server.endpoint, way)
                messages = await connection.subscribe("flood", buffer=_BUFFER).__aenter__()
                peer = server.client()
                _flood(peer)
                await _standstill(lambda: peer.sent)
                await connection.aclose()
                taken = [message.payload async for message in messages]
                assert taken == _messages(len(taken))
                assert taken
                return server

        run(scenario())

    @every_way
    def test_a_flood_of_publishes_waits_for_the_server(self, backend: Backend, way: Way) -> None:
        taken = 0

        async def scenario() -> list[bytes]:
            async with mqtt_server() as server:
                async with await open_connection(backend, server.endpoint, way) as connection:

                    async def publish_all() -> None:
                        nonlocal taken
                        for payload in _messages(_COUNT):
                            await connection.publish("flood", payload)
                            taken += 1

                    server.reads.clear()
                    publishing = asyncio.create_task(publish_all())
                    assert await _standstill(lambda: taken) < _COUNT, "everything was taken into memory"
                    server.reads.set()
                    await publishing
                peer = server.client()
                await peer.ended.wait()
                return [packet.payload for packet in peer.all(mqtt.Publish)]

        assert run(scenario(), _COUNT_LIMIT) == _messages(_COUNT)
