"""How connections end, whoever ends them, and what that means for what is still under way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from customauth import Backend, Connection, Disconnected, MqttVersion, mqtt
from customauth.mqtt import Property
from customauth.testing.conformance.kit import Kit, Way, each_version, every_way, open_connection, run, with_mqtt5
from customauth.testing.mqtt_server import Content, mqtt_server, usual


def _silent_on_requests(packet: mqtt.Packet, version: MqttVersion) -> Iterable[Content]:
    """Accept the connection, and answer nothing else."""
    return usual(packet, version) if isinstance(packet, mqtt.Connect) else ()


async def _subscribe(connection: Connection) -> None:
    async with connection.subscribe("a"):
        pass


class EndingsConformance(Kit):
    """The end of a connection; what the server does to end it is in the failure table."""

    @every_way
    def test_aclose_says_goodbye_and_may_be_called_again(self, backend: Backend, way: Way) -> None:
        async def scenario() -> None:
            async with mqtt_server() as server:
                connection = await open_connection(backend, server.endpoint, way)
                assert connection.closed is None
                await asyncio.gather(connection.aclose(), connection.aclose())
                await connection.aclose()
                ending = await connection.wait_closed()
                assert connection.closed is ending
                assert (ending.by_server, ending.reason_code) == (False, 0)
                peer = server.client()
                await peer.ended.wait()
                goodbyes = peer.all(mqtt.Disconnect)
                assert [goodbye.reason_code for goodbye in goodbyes] == [0]
                assert peer.packets[-1] is goodbyes[0]

        run(scenario())

    @every_way
    def test_what_was_published_before_aclose_arrives(self, backend: Backend, way: Way) -> None:
        async def scenario() -> int:
            async with mqtt_server() as server:
                async with await open_connection(backend, server.endpoint, way) as connection:
                    for _ in range(50):
                        await connection.publish("a", b"x" * 1000)
                await server.peers[0].ended.wait()
                return len(server.peers[0].all(mqtt.Publish))

        assert run(scenario()) == 50

    @each_version
    @pytest.mark.parametrize("abruptly", [False, True], ids=["gracefully", "abruptly"])
    def test_aclose_after_a_loss_does_nothing_more(self, backend: Backend, way: Way, abruptly: bool) -> None:
        async def scenario() -> None:
            async with mqtt_server() as server:
                connection = await open_connection(backend, server.endpoint, way)
                server.peers[0].end(abruptly=abruptly)
                ending = await connection.wait_closed()
                assert (ending.by_server, ending.reason_code) == (True, None)
                await connection.aclose()
                await connection.aclose()
                assert connection.closed is ending
                assert len(server.connects()) == 1

        run(scenario())

    @each_version
    def test_requests_that_are_under_way_end_with_the_connection(self, backend: Backend, way: Way) -> None:
        async def scenario(by_server: bool) -> None:
            async with mqtt_server(_silent_on_requests) as server:
                connection = await open_connection(backend, server.endpoint, way)
                peer = server.client()
                pending = [
                    asyncio.create_task(connection.publish("a", qos=1)),
                    asyncio.create_task(_subscribe(connection)),
                    asyncio.create_task(connection.unsubscribe("b")),
                ]
                await peer.seen(mqtt.Publish)
                await peer.seen(mqtt.Subscribe)
                await peer.seen(mqtt.Unsubscribe)
                if by_server:
                    peer.end()
                else:
                    await connection.aclose()
                raised = await asyncio.gather(*pending, return_exceptions=True)
                await connection.aclose()
                assert [type(error) for error in raised] == [Disconnected] * 3
                assert {error.by_server for error in raised if isinstance(error, Disconnected)} == {by_server}

        async def both() -> None:
            await scenario(by_server=True)
            await scenario(by_server=False)

        run(both())

    @each_version
    @pytest.mark.parametrize("by_server", [False, True], ids=["closed-here", "lost"])
    def test_every_request_after_the_end_raises_how_it_ended(self, backend: Backend, way: Way, by_server: bool) -> None:
        async def scenario() -> None:
            async with mqtt_server() as server:
                connection = await open_connection(backend, server.endpoint, way)
                if by_server:
                    server.peers[0].end()
                    await connection.wait_closed()
                else:
                    await connection.aclose()
                for request in (
                    connection.publish("a"),
                    connection.publish("a", qos=1),
                    _subscribe(connection),
                    connection.unsubscribe("a"),
                ):
                    with pytest.raises(Disconnected) as caught:
                        await request
                    assert caught.value.by_server is by_server
                await connection.aclose()

        run(scenario())

    @each_version
    def test_an_iteration_gives_what_came_and_ends_when_the_connection_is_closed_here(
        self, backend: Backend, way: Way
    ) -> None:
        async def scenario() -> list[bytes]:
            async with mqtt_server() as server:
                connection = await open_connection(backend, server.endpoint, way)
                async with connection.subscribe("a") as messages:
                    server.peers[0].send(*(mqtt.Publish(topic="a", payload=b"%d" % number) for number in range(3)))
                    taken = [(await anext(messages)).payload]
                    # Behind the messages: when it is answered, they are here.
                    await connection.publish("b", qos=1)
                    await connection.aclose()
                    return [*taken, *[message.payload async for message in messages]]

        assert run(scenario()) == [b"0", b"1", b"2"]

    @every_way
    def test_an_iteration_gives_what_came_and_raises_when_the_connection_is_lost(
        self, backend: Backend, way: Way
    ) -> None:
        async def scenario() -> None:
            async with (
                mqtt_server() as server,
                await open_connection(backend, server.endpoint, way) as connection,
                connection.subscribe("a") as messages,
            ):
                peer = server.client()
                peer.send(*(mqtt.Publish(topic="a", payload=b"%d" % number) for number in range(100)))
                peer.end()
                taken = [(await anext(messages)).payload for _ in range(100)]
                assert taken == [b"%d" % number for number in range(100)]
                with pytest.raises(Disconnected) as caught:
                    await anext(messages)
                assert caught.value.by_server

        run(scenario())

    @with_mqtt5
    def test_a_disconnect_right_behind_the_connack_is_how_the_connection_ended(
        self, backend: Backend, way: Way
    ) -> None:
        # E16
        farewell = mqtt.Disconnect(reason_code=0x8E, properties={Property.REASON_STRING: "taken over"})

        def answers(packet: mqtt.Packet, version: MqttVersion) -> Iterable[Content]:
            if isinstance(packet, mqtt.Connect):
                accepted = mqtt.Connack(session_present=False, reason_code=0)
                return (b"".join(mqtt.encode(each, version) for each in (accepted, farewell)),)
            return usual(packet, version)

        async def scenario() -> Disconnected:
            async with mqtt_server(answers) as server:
                connection = await open_connection(backend, server.endpoint, way)
                server.peers[0].end()
                ending = await connection.wait_closed()
                await connection.aclose()
                return ending

        ending = run(scenario())
        assert (ending.reason_code, ending.reason_string, ending.by_server) == (0x8E, "taken over", True)

    @each_version
    def test_a_server_that_never_closes_does_not_keep_aclose(self, backend: Backend, way: Way) -> None:
        async def scenario() -> None:
            async with mqtt_server() as server:
                connection = await open_connection(backend, server.endpoint, way)
                peer = server.client()
                server.lingers = True
                async with asyncio.timeout(15):
                    await connection.aclose()
                await peer.seen(mqtt.Disconnect)

        run(scenario())
