"""gmqtt by itself, as it is."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import gmqtt
from gmqtt.mqtt.constants import MQTTv50, MQTTv311
from gmqtt.storage import PersistentStorage

from customauth import ComparisonClient, ConnectRequest, MqttVersion
from customauth.comparison_client import InFlight
from customauth.dialing import tls_context

# Publishes at QoS 0 after which the event loop gets a turn.
_TURN = 1000
# gmqtt raises at the last place of the server's Receive Maximum, which is 100.
_MAX_WINDOW = 99


class RawClient(ComparisonClient):
    """A client on the event loop."""

    def __init__(self, request: ConnectRequest) -> None:
        super().__init__(request)
        self._unacknowledged = _Unacknowledged()
        self._arrived = asyncio.Semaphore(0)

    async def open(self) -> None:
        request = self.request
        self._client = gmqtt.Client(request.client_id, persistent_storage=self._unacknowledged)
        self._client.set_auth_credentials(request.username, request.password)
        self._client.set_config({"reconnect_retries": 0})
        try:
            # Without, it waits for ever where the server closes in place of a CONNACK.
            async with asyncio.timeout(request.timeout):
                await self._client.connect(
                    request.endpoint.host,
                    request.endpoint.port,
                    ssl=tls_context(request.endpoint),
                    keepalive=request.keep_alive,
                    version=MQTTv50 if request.version is MqttVersion.V5 else MQTTv311,
                )
        except BaseException:
            with contextlib.suppress(Exception):
                await self._client.disconnect()
            raise

    async def close(self) -> None:
        await self._client.disconnect()

    async def publish_acknowledged(self, topic: str, payload: bytes, *, count: int, window: int) -> None:
        places = self._unacknowledged.places = InFlight(min(window, _MAX_WINDOW))
        publish, take = self._client.publish, places.take
        for _ in range(count):
            await take()
            publish(topic, payload, 1)
        await places.drained()

    async def publish_unacknowledged(self, topic: str, payload: bytes, *, count: int) -> None:
        publish = self._client.publish
        for number in range(count):
            publish(topic, payload, 0)
            if number % _TURN == 0:
                await asyncio.sleep(0)

    async def subscribe(self, topic: str, qos: int) -> None:
        subscribed = asyncio.Event()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.on_message = self._on_message
        self._client.subscribe(topic, qos)
        await subscribed.wait()

    async def round_trip(self, topic: str, payload: bytes, qos: int) -> None:
        if qos:
            places = self._unacknowledged.places = InFlight(1)
            await places.take()
            self._client.publish(topic, payload, qos)
            await places.drained()
        else:
            self._client.publish(topic, payload, qos)
        await self._arrived.acquire()

    def _on_message(self, *_: Any) -> int:
        self._arrived.release()
        return 0


class _Unacknowledged(PersistentStorage):  # type: ignore[misc]  # gmqtt ships no types
    """gmqtt tells nobody of a PUBACK but the store of messages, which users may bring."""

    places: InFlight | None = None

    def remove_message_by_mid(self, mid: int) -> None:
        super().remove_message_by_mid(mid)
        if self.places is not None:
            self.places.release()
