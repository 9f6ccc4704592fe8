"""A gateway that is killed under a QoS 1 load and started again: nothing that it acknowledged is lost (E37, E38)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from durable import durable_gateway
from steady import Flow, flowing

_KILLS = 4
# Messages that are acknowledged between two kills.
_MESSAGES = 60


async def _kill_and_start(folder: Path) -> Flow:
    with durable_gateway(folder) as gateway:
        # Four of each: both versions, over TLS and over WebSocket.
        async with flowing(gateway, publishers=4, subscribers=4) as flow:
            for _ in range(_KILLS):
                await _further(flow, _MESSAGES)
                gateway.kill()
                await asyncio.to_thread(gateway.start)
            await _further(flow, _MESSAGES)
            await flow.finish()
        assert gateway.complaints() == ""
    return flow


async def _further(flow: Flow, messages: int) -> None:
    """Wait until so many more messages are acknowledged."""
    enough = len(flow.acknowledged) + messages
    async with asyncio.timeout(30):
        while len(flow.acknowledged) < enough:  # noqa: ASYNC110 - nobody is told of it
            await asyncio.sleep(0.005)


@pytest.mark.fact("E29", "E37", "E38")
def test_every_acknowledged_message_outlives_kills_of_the_gateway(tmp_path: Path) -> None:
    flow = asyncio.run(_kill_and_start(tmp_path))
    assert flow.missing() == {}
    assert [subscriber.lost_sessions for subscriber in flow.subscribers] == [0, 0, 0, 0]
    assert all(peer.connections == 1 + _KILLS for peer in flow.peers)
    assert len(flow.acknowledged) >= (1 + _KILLS) * _MESSAGES
