"""awscrt by itself: its clients as in the SDK's samples, but without their limit of 100 publishes a second."""

from __future__ import annotations

import functools
import itertools
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from awscrt import io, mqtt, mqtt5

from customauth import ComparisonClient, ConnectRequest

# Seconds until all of a stream is acknowledged.
_LIMIT = 30.0


class RawClient5(ComparisonClient):
    """An MQTT 5 client on awscrt's threads."""

    blocks = True

    def __init__(self, request: ConnectRequest) -> None:
        super().__init__(request)
        self._accepted: Future[None] = Future()
        self._stopped: Future[None] = Future()
        self._arrived: queue.SimpleQueue[None] = queue.SimpleQueue()

    async def open(self) -> None:
        request = self.request
        options = mqtt5.ClientOptions(
            host_name=request.endpoint.host,
            port=request.endpoint.port,
            bootstrap=io.ClientBootstrap.get_or_create_static_default(),
            tls_ctx=_context(request.endpoint.ca_pem),
            connect_options=mqtt5.ConnectPacket(
                client_id=request.client_id,
                keep_alive_interval_sec=request.keep_alive,
                username=request.username,
                password=request.password,
            ),
            extended_validation_and_flow_control_options=mqtt5.ExtendedValidationAndFlowControlOptions.NONE,
            on_publish_callback_fn=lambda _: self._arrived.put(None),
            on_lifecycle_event_connection_success_fn=lambda _: self._accepted.set_result(None),
            on_lifecycle_event_connection_failure_fn=self._on_failure,
            on_lifecycle_event_stopped_fn=lambda _: self._stopped.set_result(None),
            disable_metrics=True,
        )
        self._client = mqtt5.Client(options)
        self._client.start()
        try:
            self._accepted.result(request.timeout)
        except BaseException:
            # It would try again for ever.
            await self.close()
            raise

    async def close(self) -> None:
        self._client.stop()
        self._stopped.result(self.request.timeout)

    async def publish_acknowledged(self, topic: str, payload: bytes, *, count: int, window: int) -> None:
        packet = mqtt5.PublishPacket(topic=topic, payload=payload, qos=mqtt5.QoS.AT_LEAST_ONCE)
        room = _Room(window, self.request.timeout)
        publish, take, give = self._client.publish, room.take, room.give
        for _ in range(count):
            take()
            publish(packet).add_done_callback(give)
        room.take_all()

    async def publish_fastest(self, topic: str, payload: bytes, *, count: int, window: int) -> None:
        packet = mqtt5.PublishPacket(topic=topic, payload=payload, qos=mqtt5.QoS.AT_LEAST_ONCE)
        _from_callbacks(lambda: self._client.publish(packet), count, window)

    async def publish_unacknowledged(self, topic: str, payload: bytes, *, count: int) -> None:
        packet = mqtt5.PublishPacket(topic=topic, payload=payload, qos=mqtt5.QoS.AT_MOST_ONCE)
        publish = self._client.publish
        for _ in range(count):
            publish(packet)

    async def subscribe(self, topic: str, qos: int) -> None:
        subscription = mqtt5.Subscription(topic, mqtt5.QoS(qos))
        self._client.subscribe(mqtt5.SubscribePacket([subscription])).result(self.request.timeout)

    async def round_trip(self, topic: str, payload: bytes, qos: int) -> None:
        packet = mqtt5.PublishPacket(topic=topic, payload=payload, qos=mqtt5.QoS(qos))
        self._client.publish(packet).result(self.request.timeout)
        self._arrived.get(timeout=self.request.timeout)

    def _on_failure(self, failed: mqtt5.LifecycleConnectFailureData) -> None:
        if not self._accepted.done():
            self._accepted.set_exception(failed.exception)


class RawClient311(ComparisonClient):
    """An MQTT 3.1.1 client on awscrt's threads."""

    blocks = True

    def __init__(self, request: ConnectRequest) -> None:
        super().__init__(request)
        self._arrived: queue.SimpleQueue[None] = queue.SimpleQueue()

    async def open(self) -> None:
        request = self.request
        self._client = mqtt.Connection(
            mqtt.Client(io.ClientBootstrap.get_or_create_static_default(), _context(request.endpoint.ca_pem)),
            host_name=request.endpoint.host,
            port=request.endpoint.port,
            client_id=request.client_id,
            keep_alive_secs=request.keep_alive,
            username=request.username,
            # awscrt takes text alone here.
            password=None if request.password is None else request.password.decode(),
            disable_metrics=True,
        )
        self._client.connect().result(request.timeout)

    async def close(self) -> None:
        self._client.disconnect().result(self.request.timeout)

    async def publish_acknowledged(self, topic: str, payload: bytes, *, count: int, window: int) -> None:
        room = _Room(window, self.request.timeout)
        publish, take, give = self._client.publish, room.take, room.give
        for _ in range(count):
            take()
            publish(topic, payload, mqtt.QoS.AT_LEAST_ONCE)[0].add_done_callback(give)
        room.take_all()

    async def publish_fastest(self, topic: str, payload: bytes, *, count: int, window: int) -> None:
        _from_callbacks(lambda: self._client.publish(topic, payload, mqtt.QoS.AT_LEAST_ONCE)[0], count, window)

    async def publish_unacknowledged(self, topic: str, payload: bytes, *, count: int) -> None:
        publish = self._client.publish
        for _ in range(count):
            publish(topic, payload, mqtt.QoS.AT_MOST_ONCE)

    async def subscribe(self, topic: str, qos: int) -> None:
        self._client.subscribe(topic, mqtt.QoS(qos), self._on_message)[0].result(self.request.timeout)

    async def round_trip(self, topic: str, payload: bytes, qos: int) -> None:
        self._client.publish(topic, payload, mqtt.QoS(qos))[0].result(self.request.timeout)
        self._arrived.get(timeout=self.request.timeout)

    def _on_message(self, **_: Any) -> None:
        self._arrived.put(None)


class _Room:
    """Counts what is unacknowledged."""

    def __init__(self, window: int, timeout: float) -> None:
        self._window = window
        self._timeout = timeout
        self._free = threading.Semaphore(window)

    def take(self) -> None:
        """Wait for room for one more."""
        if not self._free.acquire(timeout=self._timeout):
            raise TimeoutError("no PUBACK")

    def give(self, _: object) -> None:
        """Make room."""
        self._free.release()

    def take_all(self) -> None:
        """Wait until all is acknowledged."""
        for _ in range(self._window):
            self.take()


def _from_callbacks(publish: Callable[[], Future[Any]], count: int, window: int) -> None:
    """Publish each message on the thread that has got an acknowledgement: no thread waits for another."""
    begun, ended, over = itertools.count(window), itertools.count(1), threading.Event()

    def on_puback(_: Future[Any]) -> None:
        if next(begun) < count:
            publish().add_done_callback(on_puback)
        if next(ended) == count:
            over.set()

    for _ in range(min(window, count)):
        publish().add_done_callback(on_puback)
    if not over.wait(_LIMIT):
        raise TimeoutError("not all was acknowledged")


@functools.cache
def _context(ca_pem: bytes | None) -> io.ClientTlsContext:
    """Return the TLS settings, made once for each CA."""
    options = io.TlsContextOptions()
    options.alpn_list = ["mqtt"]
    if ca_pem is not None:
        options.override_default_trust_store(ca_pem)
    return io.ClientTlsContext(options)
