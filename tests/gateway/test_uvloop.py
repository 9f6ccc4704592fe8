"""The gateway inside a program that runs on uvloop. Over real sockets."""

from __future__ import annotations

import asyncio
import importlib

import pytest

from customauth.mqtt import MqttVersion, Puback, Publish, Suback, Subscribe, Subscription
from gateways import Keys, StartGateway, connect, signed
from needs import needs


@needs("uvloop")
@pytest.mark.parametrize("version", list(MqttVersion), ids=lambda version: version.label)
def test_a_signed_client_gets_its_own_message_on_uvloop(
    version: MqttVersion, start_gateway: StartGateway, keys: Keys
) -> None:
    async def main() -> None:
        packet = connect(signed(keys.new), version=version)
        async with start_gateway() as running, running.accepted(packet) as client:
            wanted = Subscription(filter="a/+", qos=1)
            await client.send_packet(Subscribe(packet_id=1, subscriptions=(wanted,)))
            assert isinstance(await client.packet(), Suback)
            await client.send_packet(Publish(topic="a/b", payload=b"text", qos=1, packet_id=7))
            answers = [await client.packet(), await client.packet()]
            assert Puback(packet_id=7) in answers
            assert Publish(topic="a/b", payload=b"text", qos=1, packet_id=1) in answers

    with asyncio.Runner(loop_factory=importlib.import_module("uvloop").new_event_loop) as runner:
        runner.run(main())
