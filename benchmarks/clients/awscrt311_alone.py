"""awscrt by itself: its MQTT 3.1.1 client, as in the SDK's samples."""

from __future__ import annotations

import itertools
import queue
import threading
from concurrent.futures import Future
from typing import Any

from awscrt import io, mqtt

from .awscrt_alone import context
from .contract import KEEP_ALIVE, Client

_LIMIT = 30.0


class Awscrt311Alone(Client):
    """An MQTT 3.1.1 client on awscrt's threads."""

    async def open(self, client_id: str) -> None:
        bootstrap = io.ClientBootstrap.get_or_create_static_default()
        self._arrived: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._client = mqtt.Connection(
            mqtt.Client(bootstrap, context(self.target.ca_file)),
            host_name=self.target.host,
            port=self.target.port,
            client_id=client_id,
            keep_alive_secs=KEEP_ALIVE,
            username=self.target.username,
            # awscrt takes text alone here.
            password=None if self.target.password is None else self.target.password.decode(),
            disable_metrics=True,
        )
        self._client.connect().result(_LIMIT)

    async def close(self) -> None:
        self._client.disconnect().result(_LIMIT)

    async def publish_acknowledged(self, topic: str, payload: bytes, *, count: int, window: int) -> None:
        room = threading.Semaphore(window)
        publish, take = self._client.publish, room.acquire

        def release(_: Future[dict[str, int]]) -> None:
            room.release()

        for _ in range(count):
            take()
            publish(topic, payload, mqtt.QoS.AT_LEAST_ONCE)[0].add_done_callback(release)
        for _ in range(window):
            take()

    async def publish_fastest(self, topic: str, payload: bytes, *, count: int, window: int) -> None:
        # As with the MQTT 5 client.
        begun, ended, over = itertools.count(window), itertools.count(1), threading.Event()
        publish = self._client.publish

        def on_puback(_: Future[dict[str, int]]) -> None:
            if next(begun) < count:
                publish(topic, payload, mqtt.QoS.AT_LEAST_ONCE)[0].add_done_callback(on_puback)
            if next(ended) == count:
                over.set()

        for _ in range(min(window, count)):
            publish(topic, payload, mqtt.QoS.AT_LEAST_ONCE)[0].add_done_callback(on_puback)
        if not over.wait(_LIMIT):
            raise TimeoutError("not all was acknowledged")

    async def publish_unacknowledged(self, topic: str, payload: bytes, *, count: int) -> None:
        publish = self._client.publish
        for _ in range(count):
            publish(topic, payload, mqtt.QoS.AT_MOST_ONCE)

    async def subscribe(self, topic: str) -> None:
        self._client.subscribe(topic, mqtt.QoS.AT_LEAST_ONCE, self._on_message)[0].result(_LIMIT)

    async def round_trip(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, mqtt.QoS.AT_LEAST_ONCE)[0].result(_LIMIT)
        self._arrived.get(timeout=_LIMIT)

    def _on_message(self, **_: Any) -> None:
        self._arrived.put(None)
