"""The router in memory, with AWS IoT Core's semantics; a store may keep what has to outlive the process."""

from __future__ import annotations

import logging
import secrets
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator

from attrs import define, evolve, field

from customauth.gateway.broker.contract import Delivery, Opened, Receiver, Subscription
from customauth.gateway.broker.messages import Message
from customauth.gateway.broker.store import KeptSession, Store
from customauth.gateway.broker.topics import TopicTree, share_of
from customauth.mqtt import MqttVersion

# What waits for a client that is away; what comes on top of it is dropped.
_MAX_WAITING = 10_000
_MAX_WAITING_BYTES = 64 * 1024 * 1024

_log = logging.getLogger("customauth.gateway")


@define(kw_only=True, eq=False)
class _Client:
    """A client's session: connected, or kept until it expires."""

    client_id: str
    version: MqttVersion
    receiver: Receiver | None = None
    subscriptions: dict[str, Subscription] = field(factory=dict)
    waiting: deque[Delivery] = field(factory=deque)
    waiting_bytes: int = 0
    expires: float | None = None
    kept: bool = False


class MemoryRouter:
    """Bring messages to subscribers on this machine.

    :param store: keeps retained messages, and the sessions and messages of clients that asked for it.
    :param time_scale: how many times faster than the clock sessions expire.
    :param clock: seconds since the epoch.
    """

    def __init__(self, store: Store, *, time_scale: float = 1.0, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._time_scale = time_scale
        self._clock = clock
        self._clients: dict[str, _Client] = {}
        self._tree: TopicTree[str, Subscription] = TopicTree()
        self._shares: TopicTree[tuple[str, str], dict[str, Subscription]] = TopicTree()
        self._groups: dict[tuple[str, str], dict[str, Subscription]] = {}
        self._retained: dict[str, Message] = {message.topic: message for message in store.retained()}
        for kept in store.sessions():
            self._restore(kept)

    def open(
        self, client_id: str, receiver: Receiver, *, version: MqttVersion, clean_start: bool, expiry: float
    ) -> Opened:
        """Connect a client; whoever was connected by that name is taken over (E15)."""
        client = self._clients.get(client_id)
        if client is not None and client.receiver is not None:
            # It ends its own connection, and gives back what it had not settled.
            client.receiver.taken_over()
            client = self._clients.get(client_id)
        # No session is resumed across versions (E37).
        if client is not None and (clean_start or client.version is not version or self._expired(client)):
            self._forget(client)
            client = None
        present = client is not None
        if client is None:
            client = self._clients[client_id] = _Client(client_id=client_id, version=version)
        client.receiver = receiver
        client.expires = None
        self._keep(client, expiry)
        return Opened(session_present=present, waiting=self._take_waiting(client))

    def close(self, client_id: str, receiver: Receiver, *, expiry: float, unsettled: tuple[Delivery, ...]) -> None:
        """Disconnect a client, unless another has taken its place."""
        client = self._clients.get(client_id)
        if client is None or client.receiver is not receiver:
            return
        client.receiver = None
        if expiry <= 0:
            self._forget(client)
            return
        self._keep(client, expiry)
        client.expires = self._clock() + expiry / self._time_scale
        self._store.expire(client_id, client.expires)
        for delivery in unsettled:
            self._wait(client, delivery)

    def subscribe(self, client_id: str, subscription: Subscription) -> tuple[Delivery, ...]:
        """Add or replace a subscription; return the retained messages that it is owed (E41)."""
        client = self._clients[client_id]
        new = subscription.filter not in client.subscriptions
        self._add(client, subscription)
        if client.kept:
            self._store.subscribe(client_id, subscription)
        return tuple(self._owed(client, subscription, new))

    def unsubscribe(self, client_id: str, text: str) -> None:
        """End a subscription."""
        client = self._clients[client_id]
        if text in client.subscriptions:
            self._remove(client, text)
            if client.kept:
                self._store.unsubscribe(client_id, text)

    def subscriptions(self, client_id: str) -> Collection[str]:
        """Return the filters that the client has subscribed to."""
        return self._clients[client_id].subscriptions.keys()

    def publish(self, message: Message) -> None:
        """Bring a message to its subscribers, and retain it if it says so."""
        if message.retain:
            self._retain(message)
        matches = self._tree.match(message.topic)
        for client_id, subscription in matches if len(matches) < 2 else _best(matches, message.publisher):
            if not (subscription.no_local and client_id == message.publisher):
                self._send(self._clients[client_id], subscription, message)
        if self._groups:
            for _, members in self._shares.match(message.topic):
                self._send_to_one(members, message)

    def settle(self, client_id: str, delivery: Delivery) -> None:
        """Forget a message that the client has acknowledged, or may not have."""
        if delivery.stored is not None:
            self._store.settle(delivery.stored)

    def commit(self) -> None:
        """Make sure that what was published and settled so far outlives the gateway's process."""
        self._store.commit()

    def close_all(self) -> None:
        """End; what is kept is written."""
        self._store.close()

    def expire(self) -> None:
        """Forget the sessions whose time is over; to be called now and then."""
        for client in [client for client in self._clients.values() if self._expired(client)]:
            self._forget(client)

    def _send(self, client: _Client, subscription: Subscription, message: Message) -> None:
        qos = message.qos and subscription.qos
        delivery = Delivery(message=message, qos=qos, retain=message.retain and subscription.retain_as_published)
        if qos and client.kept:
            delivery = self._stored(client, delivery)
        if client.receiver is not None:
            client.receiver.deliver(delivery)
        elif qos and not self._expired(client):
            self._wait(client, delivery)

    def _send_to_one(self, members: dict[str, Subscription], message: Message) -> None:
        # A random member (E43), of those that are there if any is.
        there = [client_id for client_id in members if self._clients[client_id].receiver is not None]
        client_id = secrets.choice(there or list(members))
        self._send(self._clients[client_id], members[client_id], message)

    def _stored(self, client: _Client, delivery: Delivery) -> Delivery:
        if not (delivery.qos and client.kept):
            return delivery
        return evolve(delivery, stored=self._store.keep(client.client_id, delivery))

    def _wait(self, client: _Client, delivery: Delivery) -> None:
        size = len(delivery.message.payload)
        if len(client.waiting) >= _MAX_WAITING or client.waiting_bytes + size > _MAX_WAITING_BYTES:
            _log.warning("DROP  a message for %r: %d wait for it already", client.client_id, len(client.waiting))
            self.settle(client.client_id, delivery)
            return
        client.waiting.append(delivery)
        client.waiting_bytes += size

    def _take_waiting(self, client: _Client) -> tuple[Delivery, ...]:
        """Return what waits for a client and is still of use."""
        now = self._clock()
        found: list[Delivery] = []
        for delivery in client.waiting:
            if _outdated(delivery.message, now):
                self.settle(client.client_id, delivery)
            else:
                found.append(delivery)
        client.waiting.clear()
        client.waiting_bytes = 0
        return tuple(found)

    def _retain(self, message: Message) -> None:
        if message.payload:
            self._retained[message.topic] = message
        else:
            self._retained.pop(message.topic, None)
        self._store.retain(message)

    def _owed(self, client: _Client, subscription: Subscription, new: bool) -> Iterator[Delivery]:
        """Yield the retained message of an exact topic.

        Wildcards and shared subscriptions are owed none (E41), and find none: no topic looks like them.
        """
        wanted = subscription.retain_handling == 0 or (subscription.retain_handling == 1 and new)
        message = self._retained.get(subscription.filter) if wanted else None
        if message is None:
            return
        if _outdated(message, self._clock()):
            self._retain(evolve(message, payload=b""))
            return
        yield self._stored(client, Delivery(message=message, qos=min(message.qos, subscription.qos), retain=True))

    def _add(self, client: _Client, subscription: Subscription) -> None:
        client.subscriptions[subscription.filter] = subscription
        share = share_of(subscription.filter)
        if share is None:
            self._tree.set(subscription.filter, client.client_id, subscription)
            return
        key = (share.group, share.filter)
        members = self._groups.setdefault(key, {})
        members[client.client_id] = subscription
        self._shares.set(share.filter, key, members)

    def _remove(self, client: _Client, text: str) -> None:
        del client.subscriptions[text]
        share = share_of(text)
        if share is None:
            self._tree.discard(text, client.client_id)
            return
        key = (share.group, share.filter)
        members = self._groups[key]
        del members[client.client_id]
        if not members:
            del self._groups[key]
            self._shares.discard(share.filter, key)

    def _keep(self, client: _Client, expiry: float) -> None:
        """Let the store keep a session that outlives its connection, from the moment that it does."""
        if client.kept:
            # What the store was told when the last connection ended must not hold for this one.
            self._store.expire(client.client_id, None if expiry > 0 else self._clock())
            return
        if expiry <= 0:
            return
        client.kept = True
        self._store.open(client.client_id, client.version)
        for subscription in client.subscriptions.values():
            self._store.subscribe(client.client_id, subscription)

    def _forget(self, client: _Client) -> None:
        for text in list(client.subscriptions):
            self._remove(client, text)
        if client.kept:
            self._store.forget(client.client_id)
        del self._clients[client.client_id]

    def _expired(self, client: _Client) -> bool:
        return client.expires is not None and client.expires <= self._clock()

    def _restore(self, kept: KeptSession) -> None:
        client = _Client(client_id=kept.client_id, version=kept.version, expires=kept.expires, kept=True)
        self._clients[client.client_id] = client
        for subscription in kept.subscriptions:
            self._add(client, subscription)
        for delivery in kept.waiting:
            self._wait(client, delivery)


def _best(matches: list[tuple[str, Subscription]], publisher: str | None) -> Iterable[tuple[str, Subscription]]:
    """Choose for each client the one of its subscriptions that gets a message with the higher QoS."""
    best: dict[str, Subscription] = {}
    for client_id, subscription in matches:
        if subscription.no_local and client_id == publisher:
            continue
        known = best.get(client_id)
        if known is None or known.qos < subscription.qos:
            best[client_id] = subscription
    return best.items()


def _outdated(message: Message, now: float) -> bool:
    return message.expires is not None and message.expires <= now
