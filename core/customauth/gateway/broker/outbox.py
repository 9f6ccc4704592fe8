"""What a connected client is to get: sent, waiting for its acknowledgement, or waiting to be sent (E5, E29)."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from attrs import evolve

from customauth.gateway.broker.contract import Delivery
from customauth.gateway.broker.limits import MAX_ALIASES, MAX_UNACKNOWLEDGED
from customauth.gateway.broker.messages import Message
from customauth.mqtt import MqttVersion, Properties, Property, Publish, PublishEncoder, encode

# What waits for a client that reads or acknowledges too slowly; what comes on top of it is dropped.
_MAX_WAITING = 10_000
_MAX_WAITING_BYTES = 32 * 1024 * 1024
_MAX_PACKET_ID = 0xFFFF
# Bytes of payload that are sent in one turn of the loop when a client catches up.
_TURN_BYTES = 262_144

SWEEPS = 4
"""How many sweeps a message has to outlast without an acknowledgement before it is dropped."""


class Outbox:
    """The messages towards one client.

    :param receive_maximum: how many it takes unacknowledged.
    :param max_packet: the largest packet that it takes, in bytes; a larger one is not sent at all.
    :param aliases: how many topic aliases it takes.
    :param send: sends bytes.
    :param later: calls a function in a later turn of the loop.
    :param settle: told of each QoS 1 message that needs to be kept no longer.
    """

    __slots__ = (
        "_aliases",
        "_dropped",
        "_due",
        "_later",
        "_max_aliases",
        "_max_packet",
        "_next_id",
        "_paused",
        "_room",
        "_send",
        "_settle",
        "_swept",
        "_unacknowledged",
        "_version",
        "_waiting",
        "_waiting_bytes",
    )

    def __init__(
        self,
        *,
        version: MqttVersion,
        receive_maximum: int,
        max_packet: int,
        aliases: int,
        send: Callable[[bytes], None],
        settle: Callable[[Delivery], None],
        later: Callable[[Callable[[], None]], object],
    ) -> None:
        self._version = version
        self._room = min(receive_maximum, MAX_UNACKNOWLEDGED)
        self._max_packet = max_packet
        self._max_aliases = min(aliases, MAX_ALIASES)
        self._send = send
        self._settle = settle
        self._aliases: dict[str, int] = {}
        self._next_id = 1
        self._unacknowledged: dict[int, Delivery] = {}
        self._swept: deque[dict[int, Delivery]] = deque()
        self._waiting: deque[Delivery] = deque()
        self._waiting_bytes = 0
        self._paused = False
        self._due = False
        self._later = later
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """How many messages were dropped: too many waited, or nobody acknowledged them."""
        return self._dropped

    @property
    def has_room(self) -> bool:
        """Whether what waits leaves room for more, beside what others may send meanwhile."""
        return len(self._waiting) < _MAX_WAITING // 2 and self._waiting_bytes < _MAX_WAITING_BYTES // 2

    def add(self, delivery: Delivery) -> None:
        """Send a message now, or when its turn comes."""
        if self._waiting or self._paused or (delivery.qos and len(self._unacknowledged) >= self._room):
            self._wait(delivery)
        else:
            self._send_now(delivery)

    def acknowledge(self, packet_id: int) -> None:
        """Take the client's acknowledgement; one that was not waited for is nothing."""
        delivery = self._unacknowledged.pop(packet_id, None)
        if delivery is not None:
            self._settle(delivery)
            if self._waiting:
                self._go_on()

    def pause(self) -> None:
        """Send nothing: the client does not read fast enough."""
        self._paused = True

    def resume(self) -> None:
        """Send again."""
        self._paused = False
        self._go_on()

    def sweep(self) -> None:
        """Drop what was there :data:`SWEEPS` sweeps ago and is not acknowledged yet (E30).

        So nothing has to be noted when a message is sent.
        """
        self._swept.append(dict(self._unacknowledged))
        if len(self._swept) <= SWEEPS:
            return
        for packet_id, delivery in self._swept.popleft().items():
            if self._unacknowledged.get(packet_id) is delivery:
                del self._unacknowledged[packet_id]
                self._dropped += 1
                self._settle(delivery)
        self._go_on()

    def unsettled(self) -> tuple[Delivery, ...]:
        """Return the QoS 1 messages that were not acknowledged, sent or not, the oldest first."""
        return (*self._unacknowledged.values(), *(delivery for delivery in self._waiting if delivery.qos))

    def _wait(self, delivery: Delivery) -> None:
        size = len(delivery.message.payload)
        if len(self._waiting) >= _MAX_WAITING or self._waiting_bytes + size > _MAX_WAITING_BYTES:
            self._dropped += 1
            if delivery.qos:
                self._settle(delivery)
            return
        self._waiting.append(delivery)
        self._waiting_bytes += size

    def _go_on(self) -> None:
        """Send what waits, a little in each turn of the loop: others have theirs, and the client may fall behind."""
        sent = 0
        while self._waiting and not self._paused and not self._due:
            if self._waiting[0].qos and len(self._unacknowledged) >= self._room:
                return
            if sent > _TURN_BYTES:
                self._due = True
                self._later(self._next_turn)
                return
            delivery = self._waiting.popleft()
            size = len(delivery.message.payload)
            sent += size
            self._waiting_bytes -= size
            self._send_now(delivery)

    def _next_turn(self) -> None:
        self._due = False
        self._go_on()

    def _send_now(self, delivery: Delivery) -> None:
        message = delivery.message
        left = None
        if message.expires is not None:
            left = message.expires - time.time()
            if left <= 0:
                self._drop(delivery)
                return
        qos = delivery.qos
        packet_id = self._take_id() if qos else None
        if self._max_aliases:
            data = self._aliased(delivery, packet_id, left)
        elif left is not None and self._version is MqttVersion.V5:
            data = encode(_packet(delivery, packet_id, self._version, left=left), self._version)
        else:
            # Encoded once for all its receivers; only the packet identifier differs.
            encoder = message.encoders.get(self._version) or self._encoder(message)
            data = encoder.encode(qos=qos, packet_id=packet_id, retain=delivery.retain)
        if len(data) > self._max_packet:
            # MQTT 5, 3.1.2.11.4: as if it had been sent.
            self._drop(delivery)
            return
        if packet_id is not None:
            self._unacknowledged[packet_id] = delivery
        self._send(data)

    def _drop(self, delivery: Delivery) -> None:
        if delivery.qos:
            self._settle(delivery)

    def _encoder(self, message: Message) -> PublishEncoder:
        version = self._version
        bare = version is MqttVersion.V5 or not message.properties
        encoder = PublishEncoder(message if bare else evolve(message, properties={}), version)
        message.encoders[version] = encoder
        return encoder

    def _aliased(self, delivery: Delivery, packet_id: int | None, left: float | None) -> bytes:
        topic = delivery.message.topic
        alias = self._aliases.get(topic)
        known = alias is not None
        if alias is None and len(self._aliases) < self._max_aliases:
            alias = len(self._aliases) + 1
        packet = _packet(delivery, packet_id, self._version, topic="" if known else topic, alias=alias, left=left)
        data = encode(packet, self._version)
        if alias is not None and len(data) <= self._max_packet:
            # A packet that is too large is not sent, so the client would not know the alias.
            self._aliases[topic] = alias
        return data

    def _take_id(self) -> int:
        while self._next_id in self._unacknowledged:
            self._next_id = self._next_id % _MAX_PACKET_ID + 1
        taken, self._next_id = self._next_id, self._next_id % _MAX_PACKET_ID + 1
        return taken


def _packet(
    delivery: Delivery,
    packet_id: int | None,
    version: MqttVersion,
    *,
    topic: str | None = None,
    alias: int | None = None,
    left: float | None = None,
) -> Publish:
    message = delivery.message
    properties: Properties = dict(message.properties)
    if left is not None:
        properties[Property.MESSAGE_EXPIRY_INTERVAL] = max(int(left), 1)
    if alias is not None:
        properties[Property.TOPIC_ALIAS] = alias
    return Publish(
        topic=message.topic if topic is None else topic,
        payload=message.payload,
        qos=delivery.qos,
        retain=delivery.retain,
        packet_id=packet_id,
        properties=properties if version is MqttVersion.V5 else {},
    )
