"""paho-mqtt by itself: ``loop_start`` with TCP_NODELAY, which it does not set, and any number of messages in flight."""

from __future__ import annotations

import itertools
import queue
import socket
import threading
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from customauth import ComparisonClient, MqttVersion
from customauth.dialing import tls_context

# Seconds until all of a stream is acknowledged.
_LIMIT = 30.0
_NO_PUBACK = "not all was acknowledged"


class RawClient(ComparisonClient):
    """A client with a thread of its own."""

    blocks = True
    _client: Client

    async def open(self) -> None:
        request = self.request
        v5 = request.version is MqttVersion.V5
        client = self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=request.client_id,
            protocol=MQTTProtocolVersion.MQTTv5 if v5 else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        # paho sends the password as it is; its annotations do not say so.
        client.username_pw_set(request.username, request.password)  # type: ignore[arg-type]
        client.tls_set_context(tls_context(request.endpoint))
        client.max_inflight_messages_set(0)
        answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        client.on_socket_open = _no_delay
        client.on_connect = lambda _client, _data, _flags, reason, _properties: answers.put(reason)
        client.connect(request.endpoint.host, request.endpoint.port, request.keep_alive)
        client.loop_start()
        try:
            reason = answers.get(timeout=request.timeout)
            if reason.is_failure:
                raise ConnectionError(f"refused: {reason}")
        except BaseException:
            client.loop_stop()
            raise

    async def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    async def publish_acknowledged(self, topic: str, payload: bytes, *, count: int, window: int) -> None:
        room = threading.Semaphore(window)
        self._client.on_publish = lambda *_: room.release()
        publish, take, timeout = self._client.publish, room.acquire, self.request.timeout
        for _ in range(count):
            if not take(timeout=timeout):
                raise TimeoutError(_NO_PUBACK)
            publish(topic, payload, 1)
        for _ in range(window):
            if not take(timeout=timeout):
                raise TimeoutError(_NO_PUBACK)

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
            raise TimeoutError(_NO_PUBACK)

    async def publish_unacknowledged(self, topic: str, payload: bytes, *, count: int) -> None:
        self._client.on_publish = None
        publish = self._client.publish
        for _ in range(count):
            publish(topic, payload, 0)

    async def subscribe(self, topic: str, qos: int) -> None:
        subscribed = threading.Event()
        self._arrived: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._acknowledged: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.on_message = lambda *_: self._arrived.put(None)
        # Called at QoS 0 too, as soon as it is sent.
        self._client.on_publish = lambda *_: self._acknowledged.put(None)
        self._client.subscribe(topic, qos)
        if not subscribed.wait(self.request.timeout):
            raise TimeoutError("no SUBACK")

    async def round_trip(self, topic: str, payload: bytes, qos: int) -> None:
        self._client.publish(topic, payload, qos)
        self._acknowledged.get(timeout=self.request.timeout)
        self._arrived.get(timeout=self.request.timeout)


def _no_delay(_client: Client, _data: Any, opened: Any) -> None:
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
