"""gmqtt by itself, as it is."""

from __future__ import annotations

import asyncio
from typing import Any

import gmqtt
from gmqtt.mqtt.constants import MQTTv50, MQTTv311
from gmqtt.storage import PersistentStorage

from customauth.mqtt import MqttVersion

from .contract import KEEP_ALIVE, ROOM, Client
from .tls import tls_context
from .window import Window

# gmqtt raises at the last place of the Receive Maximum, which is 100 on both servers.
_MAX_WINDOW = 99


class GmqttAlone(Client):
    """A client on the event loop."""

    async def open(self, client_id: str) -> None:
        self._unacknowledged = _Unacknowledged()
        self._client = gmqtt.Client(client_id, persistent_storage=self._unacknowledged)
        self._client.set_auth_credentials(self.target.username, self.target.password)
        self._client.set_config({"reconnect_retries": 0})
        await self._client.connect(
            self.target.host,
            self.target.port,
            ssl=tls_context(self.target.ca_file),
            keepalive=KEEP_ALIVE,
            version=MQTTv50 if self.version is MqttVersion.V5 else MQTTv311,
        )

    async def close(self) -> None:
        await self._client.disconnect()

    async def publish_acknowledged(self, topic: str, payload: bytes, *, count: int, window: int) -> None:
        places = self._unacknowledged.window = Window(min(window, _MAX_WINDOW))
        publish, take = self._client.publish, places.take
        for _ in range(count):
            await take()
            publish(topic, payload, 1)
        await places.drained()

    async def publish_unacknowledged(self, topic: str, payload: bytes, *, count: int) -> None:
        publish = self._client.publish
        for number in range(count):
            publish(topic, payload, 0)
            if number % ROOM == 0:
                await asyncio.sleep(0)

    async def subscribe(self, topic: str) -> None:
        subscribed = asyncio.Event()
        self._arrived: asyncio.Queue[None] = asyncio.Queue()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.on_message = self._on_message
        self._client.subscribe(topic, 1)
        await subscribed.wait()

    async def round_trip(self, topic: str, payload: bytes) -> None:
        places = self._unacknowledged.window = Window(1)
        await places.take()
        self._client.publish(topic, payload, 1)
        await places.drained()
        await self._arrived.get()

    def _on_message(self, *_: Any) -> int:
        self._arrived.put_nowait(None)
        return 0


class _Unacknowledged(PersistentStorage):  # type: ignore[misc]  # gmqtt ships no types
    """gmqtt tells nobody of a PUBACK but the store of messages, which users may bring."""

    window: Window | None = None

    def remove_message_by_mid(self, mid: int) -> None:
        super().remove_message_by_mid(mid)
        if self.window is not None:
            self.window.release()
