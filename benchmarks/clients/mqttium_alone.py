"""mqttium by itself, as its documentation shows it."""

from __future__ import annotations

import asyncio
import itertools

import mqttium
from mqttium.api import AsyncClient, PublishMessage

from customauth.mqtt import MqttVersion

from .contract import KEEP_ALIVE, Client
from .tls import tls_context
from .window import Window

# What MQTT 3.1.1 cannot negotiate; mqttium would take 20.
_INFLIGHT_311 = 100


class MqttiumAlone(Client):
    """A client on the event loop."""

    async def open(self, client_id: str) -> None:
        v5 = self.version is MqttVersion.V5
        self._arrived: asyncio.Queue[None] = asyncio.Queue()
        self._client = AsyncClient(
            client_id,
            protocol=mqttium.MQTTProtocolVersion.MQTTv5 if v5 else mqttium.MQTTProtocolVersion.MQTTv311,
            keepalive=KEEP_ALIVE,
            username=self.target.username,
            password=self.target.password,
            max_outbound_inflight=None if v5 else _INFLIGHT_311,
            message_delivery="callback",
        )
        self._client.on_message = lambda _: self._arrived.put_nowait(None)
        await self._client.connect(self.target.host, self.target.port, ssl=tls_context(self.target.ca_file))

    async def close(self) -> None:
        await self._client.disconnect()

    async def publish_acknowledged(self, topic: str, payload: bytes, *, count: int, window: int) -> None:
        places = Window(window)
        publish, take, release = self._client.publish, places.take, places.release
        for _ in range(count):
            await take()
            receipt = await publish(topic, payload, qos=1)
            receipt.add_done_callback(release)
        await places.drained()

    async def publish_fastest(self, topic: str, payload: bytes, *, count: int, window: int) -> None:
        # As many are in flight as the server's Receive Maximum allows, which is 100 on both servers.
        messages = itertools.repeat(PublishMessage(topic, payload, qos=1), count)
        batch = await self._client.publish_many(messages)
        await batch.wait()

    async def publish_unacknowledged(self, topic: str, payload: bytes, *, count: int) -> None:
        messages = itertools.repeat(PublishMessage(topic, payload, qos=0), count)
        batch = await self._client.publish_many(messages)
        await batch.wait()

    async def subscribe(self, topic: str) -> None:
        await self._client.subscribe(topic, qos=1)

    async def round_trip(self, topic: str, payload: bytes) -> None:
        receipt = await self._client.publish(topic, payload, qos=1)
        await receipt.wait()
        await self._arrived.get()
