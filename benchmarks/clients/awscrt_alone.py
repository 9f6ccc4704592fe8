"""awscrt by itself: its MQTT 5 client as in the SDK's samples, but without their limit of 100 publishes a second."""

from __future__ import annotations

import functools
import itertools
import queue
import threading
from concurrent.futures import Future
from pathlib import Path

from awscrt import io, mqtt5

from .contract import KEEP_ALIVE, Client

_LIMIT = 30.0


class AwscrtAlone(Client):
    """An MQTT 5 client on awscrt's threads."""

    async def open(self, client_id: str) -> None:
        accepted: Future[None] = Future()
        self._stopped: Future[None] = Future()
        self._arrived: queue.SimpleQueue[None] = queue.SimpleQueue()
        options = mqtt5.ClientOptions(
            host_name=self.target.host,
            port=self.target.port,
            bootstrap=io.ClientBootstrap.get_or_create_static_default(),
            tls_ctx=context(self.target.ca_file),
            connect_options=mqtt5.ConnectPacket(
                client_id=client_id,
                keep_alive_interval_sec=KEEP_ALIVE,
                username=self.target.username,
                password=self.target.password,
            ),
            extended_validation_and_flow_control_options=mqtt5.ExtendedValidationAndFlowControlOptions.NONE,
            on_publish_callback_fn=lambda _: self._arrived.put(None),
            on_lifecycle_event_connection_success_fn=lambda _: accepted.set_result(None),
            on_lifecycle_event_connection_failure_fn=lambda failed: accepted.set_exception(failed.exception),
            on_lifecycle_event_stopped_fn=lambda _: self._stopped.set_result(None),
            disable_metrics=True,
        )
        self._client = mqtt5.Client(options)
        self._client.start()
        accepted.result(_LIMIT)

    async def close(self) -> None:
        self._client.stop()
        self._stopped.result(_LIMIT)

    async def publish_acknowledged(self, topic: str, payload: bytes, *, count: int, window: int) -> None:
        room = threading.Semaphore(window)
        publish, take = self._client.publish, room.acquire
        packet = mqtt5.PublishPacket(topic=topic, payload=payload, qos=mqtt5.QoS.AT_LEAST_ONCE)

        def release(_: Future[mqtt5.PublishCompletionData]) -> None:
            room.release()

        for _ in range(count):
            take()
            publish(packet).add_done_callback(release)
        for _ in range(window):
            take()

    async def publish_fastest(self, topic: str, payload: bytes, *, count: int, window: int) -> None:
        # No thread waits for another: each message is published by the thread that has got the acknowledgement.
        begun, ended, over = itertools.count(window), itertools.count(1), threading.Event()
        publish = self._client.publish
        packet = mqtt5.PublishPacket(topic=topic, payload=payload, qos=mqtt5.QoS.AT_LEAST_ONCE)

        def on_puback(_: Future[mqtt5.PublishCompletionData]) -> None:
            if next(begun) < count:
                publish(packet).add_done_callback(on_puback)
            if next(ended) == count:
                over.set()

        for _ in range(min(window, count)):
            publish(packet).add_done_callback(on_puback)
        if not over.wait(_LIMIT):
            raise TimeoutError("not all was acknowledged")

    async def publish_unacknowledged(self, topic: str, payload: bytes, *, count: int) -> None:
        publish = self._client.publish
        packet = mqtt5.PublishPacket(topic=topic, payload=payload, qos=mqtt5.QoS.AT_MOST_ONCE)
        for _ in range(count):
            publish(packet)

    async def subscribe(self, topic: str) -> None:
        subscription = mqtt5.Subscription(topic, mqtt5.QoS.AT_LEAST_ONCE)
        self._client.subscribe(mqtt5.SubscribePacket([subscription])).result(_LIMIT)

    async def round_trip(self, topic: str, payload: bytes) -> None:
        packet = mqtt5.PublishPacket(topic=topic, payload=payload, qos=mqtt5.QoS.AT_LEAST_ONCE)
        self._client.publish(packet).result(_LIMIT)
        self._arrived.get(timeout=_LIMIT)


@functools.cache
def context(ca_file: Path) -> io.ClientTlsContext:
    """Return the TLS settings, once."""
    options = io.TlsContextOptions()
    options.alpn_list = ["mqtt"]
    options.override_default_trust_store(ca_file.read_bytes())
    return io.ClientTlsContext(options)
