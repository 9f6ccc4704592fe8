"""A gateway whose clients talk to each other, over TLS or WebSockets. Import as ``brokers``.

::

    async with serving(start_gateway, settings="", **options) as broker:
        broker.policies["c"] = allow("topic/a", ...)          what a client id may do; any other may do anything
        async with broker.client("c", version=V5, over="websocket", will=..., properties=...) as client:
            client.connack
            await client.subscribe("a/+", qos=1) -> (1,)      the reason codes
            await client.publish("a/b", qos=1) -> 0           the reason code of the PUBACK, None for QoS 0
            await client.message() -> Publish                 the next message, acknowledged
            await client.messages() -> [Publish, ...]         all that the gateway has sent so far
            await client.end() -> Disconnect | None           the last packet before the gateway closes
        broker.running                                        the gateway as ``gateways`` gives it

The authorizer's function runs here, in the process of the test, so that a gateway starts fast.
"""

from __future__ import annotations

import contextlib
import json
from collections import deque
from collections.abc import AsyncIterator, Mapping
from typing import Any, TypeVar

from attrs import define, field, frozen

from customauth.gateway.runtimes.contract import FunctionSpec, Invocation
from customauth.mqtt import (
    Connack,
    Connect,
    Disconnect,
    MqttVersion,
    Packet,
    Pingreq,
    Pingresp,
    Properties,
    Puback,
    Publish,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
)
from gateways import ALLOW, Running, StartGateway, connect, named
from rawclient import RawClient
from wsclient import WsClient, opened

V311, V5 = MqttVersion.V311, MqttVersion.V5

P = TypeVar("P", bound=Packet)


@define(eq=False)
class Client:
    """One accepted connection.

    :ivar connack: what it was accepted with.
    """

    link: RawClient | WsClient
    version: MqttVersion
    connack: Connack
    _inbox: deque[Packet] = field(factory=deque)
    _last_id: int = 0

    async def send(self, *packets: Packet) -> None:
        """Send packets in one piece."""
        await self.link.send_packet(*packets)

    async def packet(self) -> Packet | None:
        """Return the next packet, None at the end of the connection."""
        return self._inbox.popleft() if self._inbox else await self.link.packet()

    async def subscribe(self, *filters: str | Subscription, qos: int = 0) -> tuple[int, ...]:
        """Subscribe; return the reason codes."""
        await self.send(subscribing(*filters, qos=qos, packet_id=self._next_id()))
        return (await self._answer(Suback)).reason_codes

    async def unsubscribe(self, *filters: str) -> tuple[int, ...]:
        """Unsubscribe; return the reason codes, which only MQTT 5 has."""
        await self.send(Unsubscribe(packet_id=self._next_id(), filters=filters))
        return (await self._answer(Unsuback)).reason_codes

    async def publish(
        self,
        topic: str,
        payload: bytes = b"1",
        *,
        qos: int = 0,
        retain: bool = False,
        properties: Properties | None = None,
    ) -> int | None:
        """Publish, and wait until the gateway has taken it; return the reason code of the PUBACK."""
        packet_id = self._next_id() if qos else None
        await self.send(
            Publish(
                topic=topic, payload=payload, qos=qos, retain=retain, packet_id=packet_id, properties=properties or {}
            )
        )
        if not qos:
            await self._ping()
            return None
        puback = await self._answer(Puback)
        assert puback.packet_id == packet_id
        return puback.reason_code

    async def message(self) -> Publish:
        """Return the next message, and acknowledge it."""
        packet = await self.packet()
        assert isinstance(packet, Publish), packet
        if packet.packet_id is not None:
            await self.send(Puback(packet_id=packet.packet_id))
        return packet

    async def messages(self) -> list[Publish]:
        """Return all messages that the gateway has sent so far; nothing else may have come."""
        found: list[Publish] = []
        await self._ping()
        while self._inbox:
            found += [await self.message() for _ in range(len(self._inbox))]
            # What it acknowledged may have made room for more.
            await self._ping()
        return found

    async def topics(self) -> list[str]:
        """Return the topics of :meth:`messages`."""
        return [message.topic for message in await self.messages()]

    async def end(self) -> Disconnect | None:
        """Return the DISCONNECT before the gateway closes, None without one; nothing else may come."""
        packet = await self.packet()
        if packet is None:
            return None
        assert isinstance(packet, Disconnect), packet
        assert await self.packet() is None
        return packet

    async def ends_with(self, code: int) -> None:
        """Hold how the gateway closes: with this code for MQTT 5, without a word for MQTT 3.1.1."""
        found = await self.end()
        assert (None if found is None else found.reason_code) == (code if self.version is V5 else None)

    async def disconnect(self, code: int = 0, properties: Properties | None = None) -> None:
        """Leave as MQTT has it, and wait until the gateway has closed."""
        await self.send(Disconnect(reason_code=code, properties=properties or {}))
        assert await self.end() is None

    def vanish(self) -> None:
        """Leave without a word."""
        (self.link.client if isinstance(self.link, WsClient) else self.link).leave()

    async def _ping(self) -> None:
        await self.send(Pingreq())
        await self._answer(Pingresp)

    async def _answer(self, kind: type[P]) -> P:
        """Return the next packet of a kind; what comes before it waits to be looked at."""
        while not isinstance(packet := await self.link.packet(), kind):
            assert packet is not None, f"the connection ended before {kind.__name__}"
            self._inbox.append(packet)
        return packet

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id


@frozen(kw_only=True)
class Broker:
    """A gateway that runs.

    :ivar policies: the policy document of each client id, from its next decision on.
    :ivar answers: what the function answers to everybody beside or in place of the usual.
    """

    running: Running
    policies: dict[str, dict[str, Any]]
    answers: dict[str, Any]

    @contextlib.asynccontextmanager
    async def link(self, over: str = "TLS") -> AsyncIterator[RawClient | WsClient]:
        """Connect, without a CONNECT yet."""
        if over == "TLS":
            async with self.running.client() as raw:
                yield raw
        else:
            async with opened(self.running) as socket:
                yield socket

    @contextlib.asynccontextmanager
    async def client(
        self, name: str = "device", *, version: MqttVersion = V5, over: str = "TLS", **more: Any
    ) -> AsyncIterator[Client]:
        """Connect a client that is let in.

        :param more: for its CONNECT.
        """
        async with self.link(over) as link:
            connack = await link.connect(connecting(name, version=version, **more))
            assert connack is not None
            assert connack.reason_code == 0, connack
            yield Client(link, version, connack)


def connecting(name: str = "device", *, version: MqttVersion = V5, **more: Any) -> Connect:
    """Build the CONNECT of a client that the function lets in."""
    return connect(named("open"), version=version, client_id=name, **more)


def subscribing(*filters: str | Subscription, qos: int = 0, packet_id: int = 1, **more: Any) -> Subscribe:
    """Build a SUBSCRIBE."""
    wanted = [Subscription(filter=each, qos=qos) if isinstance(each, str) else each for each in filters]
    return Subscribe(packet_id=packet_id, subscriptions=tuple(wanted), **more)


@contextlib.asynccontextmanager
async def serving(start_gateway: StartGateway, **options: Any) -> AsyncIterator[Broker]:
    """Run a gateway; the options are those of ``start_gateway``."""
    function = _Function()

    def runtime(spec: FunctionSpec) -> _Function:
        return function

    async with start_gateway(runtimes=runtime, **options) as running:
        yield Broker(running=running, policies=function.policies, answers=function.answers)


@frozen(kw_only=True)
class _Function:
    policies: dict[str, dict[str, Any]] = field(factory=dict)
    answers: dict[str, Any] = field(factory=dict)

    async def invoke(self, event: Mapping[str, object]) -> Invocation:
        data: Any = event["protocolData"]
        answer = ALLOW | self.answers
        policy = self.policies.get(data.get("mqtt", {}).get("clientId"))
        if policy is not None:
            answer = answer | {"policyDocuments": [policy]}
        return Invocation(payload=json.dumps(answer), duration=0.0)

    async def aclose(self) -> None:
        """Nothing was started."""
