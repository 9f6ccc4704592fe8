"""What a backend leaves behind: nothing. And that several of everything do not know each other."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterable
from importlib import metadata

import pytest

from customauth import (
    Backend,
    ClosedBeforeConnack,
    ConnectError,
    Connection,
    ConnectRequest,
    MqttVersion,
    PluginManager,
    hookimpl,
    mqtt,
)
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
from customauth.testing.faults import CloseBeforeConnack
from customauth.testing.mqtt_server import Content, mqtt_server

_CYCLES = 50
# The libraries' own reconnecting begins after a second or less, where it is not switched off.
_RECONNECT_WAIT = 2.0
_DISTRIBUTION_NAME = re.compile(r"[A-Za-z0-9._-]+")


class LifecycleConformance(Kit):
    """Open and close, again and again."""

    @every_way
    def test_fifty_connections_leave_no_task_thread_socket_or_file(self, backend: Backend, way: Way) -> None:
        async def scenario() -> None:
            async with mqtt_server() as server:

                async def cycle() -> None:
                    async with (
                        await open_connection(backend, server.endpoint, way) as connection,
                        connection.subscribe("a", 1),
                    ):
                        await connection.publish("a", b"x", qos=1)
                    await server.peers[-1].ended.wait()

                # The first make what the process keeps.
                for _ in range(5):
                    await cycle()
                await settled(lambda: len(asyncio.all_tasks()) == 1, "tasks are left")
                before = Held.now()
                for _ in range(_CYCLES):
                    await cycle()
                await nothing_is_left(before)

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            run(scenario())

    @each_version
    def test_fifty_refused_attempts_leave_no_task_thread_socket_or_file(self, backend: Backend, way: Way) -> None:
        def answers(packet: mqtt.Packet, version: MqttVersion) -> Iterable[Content]:
            return (mqtt.Connack(session_present=False, reason_code=0x87 if version is MqttVersion.V5 else 5),)

        async def scenario() -> None:
            async with mqtt_server(answers) as server:

                async def attempt() -> None:
                    with pytest.raises(ConnectError):
                        await open_connection(backend, server.endpoint, way)
                    await server.peers[-1].ended.wait()

                for _ in range(5):
                    await attempt()
                await settled(lambda: len(asyncio.all_tasks()) == 1, "tasks are left")
                before = Held.now()
                for _ in range(_CYCLES):
                    await attempt()
                await nothing_is_left(before)

        run(scenario())

    def test_nothing_reconnects(self, backend: Backend) -> None:
        async def refused(way: Way) -> int:
            async with staged(CloseBeforeConnack()) as place:
                with pytest.raises(ClosedBeforeConnack):
                    await open_connection(backend, place.endpoint, way)
                await asyncio.sleep(_RECONNECT_WAIT)
                assert place.proxy is not None
                return len(place.proxy.connections)

        async def lost(way: Way, abruptly: bool) -> int:
            async with mqtt_server() as server:
                async with await open_connection(backend, server.endpoint, way) as connection:
                    server.peers[0].end(abruptly=abruptly)
                    await connection.wait_closed()
                    await asyncio.sleep(_RECONNECT_WAIT)
                return len(server.connects())

        async def scenario() -> list[int]:
            ways = [way for way in (Way(version) for version in MqttVersion) if way.needs <= backend.features]
            return await asyncio.gather(
                *(refused(way) for way in ways),
                *(lost(way, abruptly) for way in ways for abruptly in (False, True)),
            )

        assert set(run(scenario())) == {1}

    @every_way
    def test_two_connections_at_once_do_not_know_each_other(self, backend: Backend, way: Way) -> None:
        async def scenario() -> None:
            async with mqtt_server() as one, mqtt_server() as other:
                async with (
                    await open_connection(backend, one.endpoint, way, client_id="one") as first,
                    await open_connection(backend, other.endpoint, way, client_id="other") as second,
                    first.subscribe("a") as ours,
                    second.subscribe("a") as theirs,
                ):
                    one.peers[0].send(mqtt.Publish(topic="a", payload=b"1"))
                    other.peers[0].send(mqtt.Publish(topic="a", payload=b"2"))
                    assert [(await anext(ours)).payload, (await anext(theirs)).payload] == [b"1", b"2"]
                    await first.aclose()
                    assert second.closed is None
                    await second.publish("a", qos=1)
                assert [sent.client_id for sent in (*one.connects(), *other.connects())] == ["one", "other"]

        run(scenario())

    @each_version
    def test_one_event_loop_after_another_is_served(self, backend: Backend, way: Way) -> None:
        async def scenario() -> None:
            async with mqtt_server() as server, await open_connection(backend, server.endpoint, way) as connection:
                await connection.publish("a", qos=1)

        for _ in range(3):
            run(scenario())

    @each_version
    def test_event_loops_in_two_threads_are_served_at_once(self, backend: Backend, way: Way) -> None:
        failures: list[BaseException] = []

        async def scenario() -> None:
            async with mqtt_server() as server:
                for _ in range(5):
                    async with await open_connection(backend, server.endpoint, way) as connection:
                        await connection.publish("a", qos=1)

        def serve() -> None:
            try:
                asyncio.run(scenario())
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=serve) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT)
        assert failures == []
        assert not any(thread.is_alive() for thread in threads)

    @each_version
    def test_observers_are_told(self, backend: Backend, way: Way) -> None:
        told: list[tuple[str, object]] = []

        class Observer:
            @hookimpl
            def customauth_before_connect(self, request: ConnectRequest, backend: Backend) -> None:
                told.append(("before", backend.name))

            @hookimpl
            def customauth_after_connect(self, request: ConnectRequest, connection: Connection) -> None:
                told.append(("after", connection))

            @hookimpl
            def customauth_connect_failed(self, request: ConnectRequest, error: ConnectError) -> None:
                told.append(("failed", error))

        plugins = PluginManager(discover=False)
        plugins.register(Observer())

        async def scenario() -> tuple[Connection, ConnectError]:
            async with (
                mqtt_server() as server,
                await open_connection(backend, server.endpoint, way, plugins=plugins) as connection,
            ):
                assert connection.request.version is way.version
            async with staged(CloseBeforeConnack()) as place:
                with pytest.raises(ConnectError) as caught:
                    await open_connection(backend, place.endpoint, way, plugins=plugins)
            return connection, caught.value

        connection, error = run(scenario())
        assert told == [("before", backend.name), ("after", connection), ("before", backend.name), ("failed", error)]

    def test_loading_the_plug_in_imports_no_mqtt_library(self, backend: Backend) -> None:
        module = type(backend).__module__
        program = (
            "import importlib, sys; import customauth; importlib.import_module(sys.argv[1]); "
            "print(*{name.partition('.')[0] for name in sys.modules})"
        )
        path = os.pathsep.join(filter(None, sys.path))
        loaded = subprocess.run(  # noqa: S603 - this very Python
            [sys.executable, "-c", program, module],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=True,
        )
        assert not set(loaded.stdout.split()) & _modules_of(backend.library)


def _modules_of(library: str) -> set[str]:
    """Return the top-level modules of a distribution and of what it requires, without customauth's own."""
    providers = metadata.packages_distributions()

    def modules(distribution: str) -> set[str]:
        wanted = distribution.lower().replace("_", "-")
        return {name for name, found in providers.items() if wanted in {one.lower().replace("_", "-") for one in found}}

    def requirements(distribution: str) -> set[str]:
        lines = [line for line in metadata.requires(distribution) or () if "extra ==" not in line]
        return {found[0] for found in map(_DISTRIBUTION_NAME.match, lines) if found}

    own = {"customauth"} | requirements("customauth")
    distributions = ({library} | requirements(library)) - own
    return {name for distribution in distributions for name in modules(distribution)}
