"""mqttium by itself, as its documentation shows it."""

from __future__ import annotations

import asyncio
import itertools

import mqttium
from mqttium.api import AsyncClient, PublishMessage

from customauth import ComparisonClient, ConnectRequest, MqttVersion
from customauth.comparison_client import InFlight
from customauth.dialing import tls_context

# What MQTT 3.1.1 cannot negotiate; mqttium would take 20.
_INFLIGHT_311 = 100


class RawClient(ComparisonClient):
    """A client on the event loop."""

    def __init__(self, request: ConnectRequest) -> None:
        super().__init__(request)
        self._arrived = asyncio.Semaphore(0)

    async def open(self) -> None:
        request, endpoint = self.request, self.request.endpoint
        v5 = request.version is MqttVersion.V5
        self._client = AsyncClient(
            request.client_id,
            protocol=mqttium.MQTTProtocolVersion.MQTTv5 if v5 else mqttium.MQTTProtocolVersion.MQTTv311,
            keepalive=request.keep_alive,
            username=request.username,
            password=request.password,
            max_outbound_inflight=None if v5 else _INFLIGHT_311,
            message_delivery="callback",
        )
        self._client.on_message = lambda _: self._arrived.release()
        async with asyncio.timeout(request.timeout):
            await self._client.connect(endpoint.host, endpoint.port, ssl=tls_context(endpoint))

    async def close(self) -> None:
        await self._client.disconnect()

    async def publish_acknowledged(self, topic: str, payload: bytes, *, count: int, window: int) -> None:
        places = InFlight(window)
        publish, take, release = self._client.publish, places.take, places.release
        for _ in range(count):
            await take()
            receipt = await publish(topic, payload, qos=1)
            receipt.add_done_callback(release)
        await places.drained()

    async def publish_fastest(self, topic: str, payload: bytes, *, count: int, window: int) -> None:
        # As many are in flight as the server's Receive Maximum allows.
        await self._publish_many(topic, payload, 1, count)

    async def publish_unacknowledged(self, topic: str, payload: bytes, *, count: int) -> None:
        await self._publish_many(topic, payload, 0, count)

    async def subscribe(self, topic: str, qos: int) -> None:
        await self._client.subscribe(topic, qos=qos)

    async def round_trip(self, topic: str, payload: bytes, qos: int) -> None:
        receipt = await self._client.publish(topic, payload, qos=qos)
        await receipt.wait()
        await self._arrived.acquire()

    async def _publish_many(self, topic: str, payload: bytes, qos: int, count: int) -> None:
        batch = await self._client.publish_many(itertools.repeat(PublishMessage(topic, payload, qos=qos), count))
        await batch.wait()
