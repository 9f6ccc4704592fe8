"""The libraries alone, as their backends bring them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest
from attrs import evolve

from customauth import ComparisonClient, ConnectRequest, MqttVersion, PluginManager
from customauth.gateway import RunningGateway
from customauth.testing import LocalGateway

VERSIONS = pytest.mark.parametrize("version", MqttVersion, ids=lambda version: version.label)


@pytest.fixture(scope="module")
def gateway() -> Iterator[RunningGateway]:
    # In a thread: some libraries block the one that they are used in.
    with LocalGateway() as local:
        yield local


def client(backend: str, request: ConnectRequest) -> ComparisonClient:
    made = PluginManager().backend(backend).comparison_client(request)
    assert made is not None
    return made


def request(gateway: RunningGateway, version: MqttVersion) -> ConnectRequest:
    assert gateway.signed is not None
    return ConnectRequest(
        endpoint=gateway.endpoint, credentials=gateway.signed, client_id=f"alone-{version.label}", version=version
    )


@VERSIONS
def test_a_library_alone_does_all_that_is_compared(
    gateway: RunningGateway, backend_name: str, version: MqttVersion
) -> None:
    async def work() -> None:
        alone = client(backend_name, request(gateway, version))
        await alone.open()
        await alone.publish_acknowledged("sample/x", b"x", count=20, window=5)
        await alone.publish_acknowledged("sample/x", b"x", count=2, window=1)
        await alone.publish_fastest("sample/x", b"x", count=20, window=5)
        await alone.publish_unacknowledged("sample/x", b"x", count=20)
        for qos in (0, 1):
            topic = f"sample/{qos}"
            await alone.subscribe(topic, qos)
            for _ in range(3):
                await alone.round_trip(topic, b"x", qos)
        await alone.close()

    asyncio.run(work())


@VERSIONS
def test_a_refusal_raises_and_leaves_no_thread(
    gateway: RunningGateway, backend_name: str, version: MqttVersion
) -> None:
    good = request(gateway, version)
    assert gateway.unsigned is not None
    wrong = evolve(good, credentials=evolve(gateway.unsigned, password=b"wrong"), timeout=1.0)

    async def work() -> None:
        with pytest.raises(Exception, match=r".*"):
            await client(backend_name, wrong).open()

    before = threading.active_count()
    asyncio.run(work())
    # A thread that has nothing more to do may not have ended yet.
    end = time.monotonic() + 30
    while threading.active_count() > before:
        assert time.monotonic() < end, threading.enumerate()
        time.sleep(0.01)
