"""What an accepted client says, and what it is told: publish, subscribe and their answers (D22, E14-E47)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from customauth.gateway.broker import refusals
from customauth.gateway.broker.contract import Delivery, Subscription
from customauth.gateway.broker.limits import (
    KEEP_UNACKNOWLEDGED,
    MAX_ALIASES,
    MAX_FILTERS,
    MAX_PAYLOAD,
    MAX_SUBSCRIPTIONS,
)
from customauth.gateway.broker.messages import Message, extras_fault, published
from customauth.gateway.broker.outbox import SWEEPS, Outbox
from customauth.gateway.broker.parties import Broker, Client, Farewell
from customauth.gateway.broker.permissions import Permissions
from customauth.gateway.broker.presence import Visit
from customauth.gateway.broker.quotas import REPLAYED_PER_SECOND
from customauth.gateway.broker.store import StoreFailed
from customauth.gateway.broker.topics import filter_fault, topic_fault
from customauth.mqtt import (
    Connect,
    MqttVersion,
    Packet,
    Pingreq,
    Pingresp,
    Properties,
    Property,
    Puback,
    Publish,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
    encode,
)
from customauth.policy import Decision

_UNSPECIFIED_311 = 0x80


class Conversation:
    """One accepted client's messages.

    :param expiry: seconds that the session outlives the connection.
    :param note: told what ends nothing, and the key of its known cause.
    """

    __slots__ = (
        "_aliases",
        "_allowance",
        "_broker",
        "_client",
        "_client_id",
        "_discarded",
        "_expiry",
        "_note",
        "_outbox",
        "_permissions",
        "_principal_id",
        "_quotas",
        "_replay",
        "_replay_timer",
        "_sweep_timer",
        "_version",
        "_visit",
    )

    def __init__(
        self,
        client: Client,
        broker: Broker,
        *,
        connect: Connect,
        client_id: str,
        principal_id: str,
        expiry: int,
        permissions: Permissions,
        note: Callable[[str, str | None], None],
    ) -> None:
        self._client = client
        self._broker = broker
        self._client_id = client_id
        self._principal_id = principal_id
        self._version = connect.version
        self._expiry = expiry
        self._permissions = permissions
        self._note = note
        self._aliases: dict[int, str] = {}
        self._visit: Visit | None = None
        self._quotas = broker.quotas()
        self._allowance = None if self._quotas is None else self._quotas.connection()
        self._discarded = 0
        self._replay: deque[Delivery] = deque()
        self._replay_timer: asyncio.TimerHandle | None = None
        self._sweep_timer: asyncio.TimerHandle | None = None
        properties = connect.properties
        self._outbox = Outbox(
            version=connect.version,
            receive_maximum=_number(properties, Property.RECEIVE_MAXIMUM, 0xFFFF),
            max_packet=_number(properties, Property.MAXIMUM_PACKET_SIZE, 1 << 28),
            aliases=_number(properties, Property.TOPIC_ALIAS_MAXIMUM, 0),
            send=client.send,
            settle=self._settle,
            later=asyncio.get_running_loop().call_soon,
        )

    def begin(self, *, clean_start: bool, address: str, accept: Callable[[bool], None]) -> None:
        """Take the client's session, new or kept.

        :param accept: sends the CONNACK; it is told whether a session was there.
        """
        opened = self._broker.router.open(
            self._client_id, self, version=self._version, clean_start=clean_start, expiry=self._expiry
        )
        accept(opened.session_present)
        self._visit = self._broker.presence.connected(self._client_id, principal_id=self._principal_id, address=address)
        self._wait_for_sweep()
        self._replay.extend(opened.waiting)
        if self._quotas is not None:
            self._replay_next()
            return
        self._refill()

    def renew(self, permissions: Permissions) -> None:
        """Decide by other permissions from now on (C30)."""
        self._permissions = permissions

    def take(self, packet: Packet) -> None:
        """Take a packet of the client's."""
        match packet:
            case Publish():
                self._publish(packet)
            case Puback():
                self._outbox.acknowledge(packet.packet_id)
                if self._replay and self._quotas is None:
                    self._refill()
            case Subscribe():
                self._subscribe(packet)
            case Unsubscribe():
                self._unsubscribe(packet)
            case Pingreq():
                self._client.send(encode(Pingresp(), self._version))
            case _:
                self._client.cut_off(refusals.out_of_place(packet.type.name))

    def deliver(self, delivery: Delivery) -> None:
        """Bring a message to the client, if it may receive it (D7)."""
        if self._permissions.receive(delivery.message.topic):
            if self._allowance is not None:
                self._allowance.spend()
            self._outbox.add(delivery)
        else:
            self._settle(delivery)

    def taken_over(self) -> None:
        """Leave to another connection with the same client id (E15)."""
        self._client.taken_over()

    def pause(self) -> None:
        """The client does not read fast enough."""
        self._outbox.pause()

    def resume(self) -> None:
        """The client reads again."""
        self._outbox.resume()
        if self._quotas is None:
            self._refill()

    def commit(self) -> None:
        """Make sure that what was taken outlives the gateway, before the client is told so."""
        self._broker.router.commit()

    def shorten(self, requested: int, *, limit: int) -> str | None:
        """Take another session expiry from a DISCONNECT; return what is wrong with it (E39)."""
        if requested and not self._expiry:
            return "DISCONNECT raises a session expiry of 0 (E39)"
        self._expiry = min(requested, limit)
        return None

    def end(self, *, reason: str, by_client: bool, will: Message | None) -> None:
        """End, whatever the cause.

        :param will: what is to be published now; none where the client said goodbye (E42, C38).
        """
        self._outbox.pause()
        for timer in (self._replay_timer, self._sweep_timer):
            if timer is not None:
                timer.cancel()
        if self._outbox.dropped:
            self._note(f"{self._outbox.dropped} messages were dropped: the client took them too slowly", None)
        if self._discarded:
            said = f"{self._discarded} messages of the client were discarded: it sent them too fast (E28, E41)"
            self._note(said, "rate-exceeded")
        router = self._broker.router
        unsettled = (*self._outbox.unsettled(), *(delivery for delivery in self._replay if delivery.qos))
        router.close(self._client_id, self, expiry=self._expiry, unsettled=unsettled)
        if will is not None:
            router.publish(will)
        if self._visit is not None:
            self._broker.presence.disconnected(
                self._client_id,
                visit=self._visit,
                principal_id=self._principal_id,
                reason=reason,
                by_client=by_client,
            )
        try:
            router.commit()
        except StoreFailed as error:
            self._note(f"the session's messages were not kept: {error}", None)

    def connect_without_will(self) -> Decision:
        """Decide over the connect again, as if it had had no will (C31)."""
        return self._permissions.connect_without_will(persistent=self._expiry > 0)

    def _refill(self) -> None:
        """Bring what waited for the client, as fast as it takes it."""
        while self._replay and self._outbox.has_room:
            self.deliver(self._replay.popleft())

    def _replay_next(self) -> None:
        """Bring what waited for the client, at the rate of AWS (E38)."""
        if self._replay:
            self.deliver(self._replay.popleft())
            again = asyncio.get_running_loop().call_later(1 / REPLAYED_PER_SECOND, self._replay_next)
            self._replay_timer = again

    def _wait_for_sweep(self) -> None:
        interval = KEEP_UNACKNOWLEDGED[self._version] / SWEEPS
        self._sweep_timer = asyncio.get_running_loop().call_later(interval, self._sweep)

    def _sweep(self) -> None:
        self._outbox.sweep()
        self._wait_for_sweep()

    def _settle(self, delivery: Delivery) -> None:
        self._broker.router.settle(self._client_id, delivery)

    def _publish(self, packet: Publish) -> None:
        if packet.qos > 1:
            self._client.cut_off(refusals.qos2("PUBLISH"))
            return
        topic = self._topic(packet) if packet.properties else packet.topic
        if topic is None:
            return
        if self._allowance is not None and not self._allowance.take():
            # AWS does not say so: a message of QoS 1 gets no PUBACK (E28).
            self._discarded += 1
            return
        if len(packet.payload) > MAX_PAYLOAD:
            self._client.cut_off(refusals.payload_too_large())
            return
        fault = topic_fault(topic, retain=packet.retain)
        if fault is not None:
            self._refuse_publish(packet, refusals.topic_invalid(fault))
            return
        fault = extras_fault(packet.properties)
        if fault is not None:
            self._refuse_publish(packet, refusals.extras_too_large(fault))
            return
        decision = self._permissions.publish(topic, retain=packet.retain)
        if not decision.allowed:
            self._refuse_publish(packet, refusals.publish_forbidden(topic, decision.reason))
            return
        if packet.retain and self._quotas is not None and not self._quotas.retain(topic):
            self._discard_retained(packet)
            return
        self._broker.router.publish(published(packet, topic, self._client_id))
        if packet.qos and packet.packet_id is not None:
            self._client.send(encode(Puback(packet_id=packet.packet_id), self._version))

    def _topic(self, packet: Publish) -> str | None:
        """Resolve the topic alias, before anything asks for the topic (E36)."""
        alias = packet.properties.get(Property.TOPIC_ALIAS)
        if not isinstance(alias, int):
            return packet.topic
        if not 1 <= alias <= MAX_ALIASES:
            self._client.cut_off(refusals.alias_too_high(alias))
            return None
        if packet.topic:
            self._aliases[alias] = packet.topic
        elif alias not in self._aliases:
            self._client.cut_off(refusals.alias_unknown(alias))
            return None
        return self._aliases[alias]

    def _discard_retained(self, packet: Publish) -> None:
        """Take no second retained message to a topic within a second (E41), and end nothing for it."""
        self._discarded += 1
        if packet.packet_id is not None and self._version is MqttVersion.V5:
            puback = Puback(packet_id=packet.packet_id, reason_code=refusals.QUOTA_EXCEEDED)
            self._client.send(encode(puback, self._version))

    def _refuse_publish(self, packet: Publish, farewell: Farewell) -> None:
        """Refuse as AWS does: with a PUBACK where there is one that can say so (D22, E23)."""
        if packet.qos and packet.packet_id is not None and self._version is MqttVersion.V5:
            self._tell("PUBLISH", farewell)
            self._client.send(encode(Puback(packet_id=packet.packet_id, reason_code=farewell.code), self._version))
        else:
            self._client.cut_off(farewell)

    def _tell(self, packet: str, refusal: Farewell) -> None:
        """Note a request that is refused and ends nothing."""
        text = f"{packet} refused with 0x{refusal.code:02X}: {refusal.why}; fix: {refusal.fix}"
        self._note(text, refusal.rule)

    def _subscribe(self, packet: Subscribe) -> None:
        if Property.SUBSCRIPTION_IDENTIFIER in packet.properties:
            self._client.cut_off(refusals.subscription_identifier())
            return
        if len(packet.subscriptions) > MAX_FILTERS:
            self._client.cut_off(refusals.too_many_filters())
            return
        if any(wanted.qos > 1 for wanted in packet.subscriptions):
            self._client.cut_off(refusals.qos2("SUBSCRIBE"))
            return
        codes: list[int] = []
        owed: list[Delivery] = []
        granted: list[str] = []
        for wanted in packet.subscriptions:
            refusal = self._refusal(wanted.filter)
            if refusal is not None:
                if self._version is not MqttVersion.V5 and refusal.code != refusals.QUOTA_EXCEEDED:
                    self._client.cut_off(refusal)
                    return
                self._tell("SUBSCRIBE", refusal)
                codes.append(refusal.code if self._version is MqttVersion.V5 else _UNSPECIFIED_311)
                continue
            owed += self._broker.router.subscribe(
                self._client_id,
                Subscription(
                    filter=wanted.filter,
                    qos=wanted.qos,
                    no_local=wanted.no_local,
                    retain_as_published=wanted.retain_as_published,
                    retain_handling=wanted.retain_handling,
                ),
            )
            codes.append(wanted.qos)
            granted.append(wanted.filter)
        self._client.send(encode(Suback(packet_id=packet.packet_id, reason_codes=tuple(codes)), self._version))
        for delivery in owed:
            self.deliver(delivery)
        if granted and self._visit is not None:
            self._broker.presence.subscribed(
                self._client_id, visit=self._visit, principal_id=self._principal_id, topics=granted
            )

    def _refusal(self, text: str) -> Farewell | None:
        """Say why a filter is refused, None when it is granted."""
        fault = filter_fault(text)
        if fault is not None:
            return refusals.filter_invalid(fault)
        decision = self._permissions.subscribe(text)
        if not decision.allowed:
            return refusals.subscribe_forbidden(text, decision.reason)
        known = self._broker.router.subscriptions(self._client_id)
        if len(known) >= MAX_SUBSCRIPTIONS and text not in known:
            return refusals.too_many_subscriptions()
        return None

    def _unsubscribe(self, packet: Unsubscribe) -> None:
        for text in packet.filters:
            self._broker.router.unsubscribe(self._client_id, text)
        codes: tuple[int, ...] = ()
        if self._version is MqttVersion.V5:
            codes = tuple(0 if filter_fault(text) is None else refusals.FILTER_INVALID for text in packet.filters)
        self._client.send(encode(Unsuback(packet_id=packet.packet_id, reason_codes=codes), self._version))
        if self._visit is not None:
            self._broker.presence.unsubscribed(
                self._client_id, visit=self._visit, principal_id=self._principal_id, topics=packet.filters
            )


def _number(properties: Properties, name: Property, default: int) -> int:
    value = properties.get(name, default)
    return value if isinstance(value, int) else default
