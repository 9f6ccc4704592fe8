"""paho-mqtt by itself: ``loop_start`` with TCP_NODELAY, which it does not set, and any number of messages in flight."""

from __future__ import annotations

import itertools
import queue
import socket
import threading
from typing import Any

from paho.mqtt.client import Client as PahoClient
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from customauth.mqtt import MqttVersion

from .contract import KEEP_ALIVE, Client
from .tls import tls_context

_LIMIT = 30.0


class PahoAlone(Client):
    """A client with a thread of its own."""

    _client: PahoClient

    async def open(self, client_id: str) -> None:
        v5 = self.version is MqttVersion.V5
        client = self._client = PahoClient(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=MQTTProtocolVersion.MQTTv5 if v5 else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        # paho sends the password as it is; its annotations do not say so.
        client.username_pw_set(self.target.username, self.target.password)  # type: ignore[arg-type]
        client.tls_set_context(tls_context(self.target.ca_file))
        client.max_inflight_messages_set(0)
        answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        client.on_socket_open = _no_delay
        client.on_connect = lambda _client, _data, _flags, reason, _properties: answers.put(reason)
        client.connect(self.target.host, self.target.port, KEEP_ALIVE)
        client.loop_start()
        reason = answers.get(timeout=_LIMIT)
        if reason.is_failure:
            raise ConnectionError(f"refused: {reason}")

    async def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    async def publish_acknowledged(self, topic: str, payload: bytes, *, count: int, window: int) -> None:
        room = threading.Semaphore(window)
        self._client.on_publish = lambda *_: room.release()
        publish, take = self._client.publish, room.acquire
        for _ in range(count):
            take()
            publish(topic, payload, 1)
        for _ in range(window):
            take()

    async def publish_fastest(self, topic: str, payload: bytes, *, count: int, window: int) -> None:
        # No thread waits for another: each message is published by the thread that has got the acknowledgement.
        begun, ended, over = itertools.count(window), itertools.count(1), threading.Event()
        publish = self._client.publish

        def on_publish(*_: Any) -> None:
            if next(begun) < count:
                publish(topic, payload, 1)
            if next(ended) == count:
                over.set()

        self._client.on_publish = on_publish
        for _ in range(min(window, count)):
            publish(topic, payload, 1)
        if not over.wait(_LIMIT):
            raise TimeoutError("not all was acknowledged")

    async def publish_unacknowledged(self, topic: str, payload: bytes, *, count: int) -> None:
        self._client.on_publish = None
        publish = self._client.publish
        for _ in range(count):
            publish(topic, payload, 0)

    async def subscribe(self, topic: str) -> None:
        subscribed = threading.Event()
        self._arrived: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._acknowledged: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.on_message = lambda *_: self._arrived.put(None)
        self._client.on_publish = lambda *_: self._acknowledged.put(None)
        self._client.subscribe(topic, 1)
        if not subscribed.wait(_LIMIT):
            raise TimeoutError("no SUBACK")

    async def round_trip(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, 1)
        self._acknowledged.get(timeout=_LIMIT)
        self._arrived.get(timeout=_LIMIT)


def _no_delay(_client: PahoClient, _data: Any, opened: Any) -> None:
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
