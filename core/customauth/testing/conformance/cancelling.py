"""Attempts and requests that are cancelled, at every stage and at every step of the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import pytest
from attrs import evolve

from customauth import Backend, Feature, MqttVersion, mqtt
from customauth.testing.conformance.kit import (
    LIMIT,
    Held,
    Kit,
    Way,
    each_version,
    every_way,
    nothing_is_left,
    open_connection,
    run,
    settled,
)
from customauth.testing.conformance.staging import staged
from customauth.testing.faults import Blackhole, DropConnack, Fault, Silent, UpgradeSilent
from customauth.testing.mqtt_server import Content, MqttServer, mqtt_server, usual
from customauth.testing.proxies import http_proxy


class CancellingConformance(Kit):
    """What is cancelled leaves nothing behind, and disturbs nothing else."""

    @every_way
    def test_an_attempt_cancelled_at_any_step_leaves_nothing(self, backend: Backend, way: Way) -> None:
        async def scenario() -> None:
            async with mqtt_server() as server:

                async def cycle() -> None:
                    await (await open_connection(backend, server.endpoint, way)).aclose()

                await cycle()
                await _all_ended(server)
                await settled(lambda: len(asyncio.all_tasks()) == 1, "tasks are left")
                before = Held.now()
                await _cancelled_at_every_step(cycle)
                await _all_ended(server)
                await nothing_is_left(before)

        run(scenario())

    @every_way
    def test_an_attempt_cancelled_at_any_stage_leaves_nothing(self, backend: Backend, way: Way) -> None:
        faults: list[Fault] = [Blackhole(), Silent(), DropConnack()]
        if Feature.WEBSOCKET in way.needs:
            faults.append(UpgradeSilent())

        async def cancel(fault: Fault) -> None:
            async with staged(fault) as place:
                attempt = asyncio.create_task(open_connection(backend, place.endpoint, way, timeout=LIMIT))
                if place.proxy is not None and not isinstance(fault, Blackhole):
                    await place.proxy.connection(0)
                await asyncio.sleep(0.1)
                attempt.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await attempt
                taken = [] if place.proxy is None else place.proxy.connections
                await settled(lambda: all(each.ended.is_set() for each in taken), "the connection is still open")

        async def cancel_at_a_proxy() -> None:
            async with http_proxy(silent=True) as proxy, mqtt_server() as server:
                endpoint = evolve(server.endpoint, proxy=proxy.proxy)
                attempt = asyncio.create_task(open_connection(backend, endpoint, way, timeout=LIMIT))
                await settled(lambda: proxy.connections == 1, "the proxy is not asked")
                attempt.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await attempt

        async def scenario() -> None:
            await cancel(Silent())
            await settled(lambda: len(asyncio.all_tasks()) == 1, "tasks are left")
            before = Held.now()
            for fault in faults:
                await cancel(fault)
            if Feature.HTTP_PROXY in backend.features:
                await cancel_at_a_proxy()
            await nothing_is_left(before)

        run(scenario())

    @each_version
    def test_a_request_cancelled_at_any_step_leaves_the_connection_as_it_was(self, backend: Backend, way: Way) -> None:
        async def scenario() -> None:
            async with mqtt_server() as server:
                async with await open_connection(backend, server.endpoint, way) as connection:

                    async def publish() -> None:
                        await connection.publish("a", b"x", qos=1)

                    async def subscribe() -> None:
                        async with connection.subscribe("a", 1):
                            pass

                    async def unsubscribe() -> None:
                        await connection.unsubscribe("a")

                    # A library may begin its tasks with the first request.
                    for request in (publish, subscribe, unsubscribe):
                        await request()
                    before = len(asyncio.all_tasks())
                    for request in (publish, subscribe, unsubscribe):
                        await _cancelled_at_every_step(request)
                    # All places of Receive Maximum are free again, and every answer finds the one who waits for it.
                    for _ in range(300):
                        await connection.publish("a", b"x", qos=1)
                    assert connection.closed is None
                    await settled(lambda: len(asyncio.all_tasks()) <= before, "tasks are left")
                assert len(server.connects()) == 1

        run(scenario())

    @each_version
    def test_a_publish_cancelled_while_it_waits_leaves_its_place_to_others(self, backend: Backend, way: Way) -> None:
        def answers(packet: mqtt.Packet, version: MqttVersion) -> Iterable[Content]:
            if isinstance(packet, mqtt.Publish) and packet.payload == b"never answered":
                return ()
            return usual(packet, version)

        async def scenario() -> None:
            async with (
                mqtt_server(answers) as server,
                await open_connection(backend, server.endpoint, way) as connection,
            ):
                peer = server.client()
                publishes = [asyncio.create_task(connection.publish("a", b"never answered", qos=1)) for _ in range(50)]
                await peer.seen(mqtt.Publish, 50)
                for publish in publishes:
                    publish.cancel()
                await asyncio.gather(*publishes, return_exceptions=True)
                # Answers that come when nobody waits any more.
                for packet in peer.all(mqtt.Publish):
                    assert packet.packet_id is not None
                    peer.send(mqtt.Puback(packet_id=packet.packet_id))
                for _ in range(200):
                    await connection.publish("a", b"answered", qos=1)
                assert connection.closed is None

        run(scenario())


async def _all_ended(server: MqttServer) -> None:
    for peer in list(server.peers):
        await peer.ended.wait()


async def _cancelled_at_every_step(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Start work again and again, and cancel it later each time, until it is done before that.

    :param work: makes the coroutine.
    """
    turns = 0
    while True:
        task = asyncio.create_task(work())
        for _ in range(turns):
            await asyncio.sleep(0)
            if task.done():
                break
        if task.done():
            await task
            return
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # Each turn of the loop at first, where most is decided, then ever later.
        turns += 1 + turns // 8
