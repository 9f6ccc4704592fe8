"""A steady QoS 1 flow between clients that connect again whatever happens to them. Import as ``steady``.

::

    async with flowing(gateway, publishers=2, subscribers=4) as flow:
        flow.peers[0].suffer(Harm.RESET)      and whatever else may happen to a client
        await flow.finish()                   no further messages; waits for those that are owed
    flow.missing()                            what was acknowledged to its publisher, and never arrived

The clients differ in MQTT's version, and some are carried by a WebSocket. Each subscriber has a persistent session
with the topics of all publishers.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import itertools
import random
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator, Callable

from attrs import define, field

from customauth.mqtt import (
    Connack,
    Connect,
    Disconnect,
    MqttVersion,
    Property,
    Puback,
    Publish,
    Suback,
    Subscribe,
    Subscription,
    encode,
)
from durable import DurableGateway
from httpclient import reply
from rawclient import RawClient, connected
from wsclient import WsClient, frame, upgrade

Number = tuple[str, int]
"""A message: its topic, and its number there."""

# Seconds that a client waits before it connects again, at most.
_PAUSE = 0.1
# Seconds that a connection stays open of which its client knows nothing any more.
_HALF_OPEN = 3.0
# Seconds between two messages of a publisher, and how many of them may be unacknowledged (E29).
_INTERVAL = 0.02
_IN_FLIGHT = 90
# Seconds that what is owed in the end may take. A guard against hanging, not a measure.
_OWED = 25.0
_EXPIRY = 3600
_ANY_TOPIC = "flow/+"


class Harm(enum.Enum):
    """What happens to a client's connection."""

    RESET = "reset"
    RESET_IN_PACKET = "reset in the middle of a packet"
    END = "ended without DISCONNECT"
    END_IN_PACKET = "ended in the middle of a packet"
    DISCONNECT = "ended with DISCONNECT"
    HALF_OPEN = "half-open, then taken over"
    TAKEOVER = "taken over"


@define(eq=False)
class _Life:
    """One connection of a client.

    :ivar again: set when the client is to connect again.
    """

    raw: RawClient
    speaker: RawClient | WsClient
    again: asyncio.Event


class Peer:
    """A client that connects again for ever.

    :ivar connections: how often it was let in.
    """

    def __init__(self, name: str, version: MqttVersion, where: DurableGateway, *, websocket: bool) -> None:
        self.name = name
        self.version = version
        self.connections = 0
        self._where = where
        self._websocket = websocket
        self._life: _Life | None = None

    async def run(self) -> None:
        """Live, until cancelled."""
        async with asyncio.TaskGroup() as lives:
            while True:
                again = asyncio.Event()
                lives.create_task(self._live(again))
                await again.wait()
                await asyncio.sleep(random.uniform(0, _PAUSE))  # noqa: S311

    @property
    def connected(self) -> bool:
        """Whether it has been let in, and knows of no end."""
        return self._life is not None

    def suffer(self, harm: Harm) -> None:
        """Let something happen to the connection."""
        life, self._life = self._life, None
        assert life is not None
        transport = life.raw.writer.transport
        assert isinstance(transport, asyncio.Transport)
        if harm in (Harm.RESET_IN_PACKET, Harm.END_IN_PACKET):
            packet = self._encode(Publish(topic="flow/cut", payload=bytes(64), qos=1, packet_id=1))
            transport.write(packet[: len(packet) // 2])
        match harm:
            case Harm.RESET | Harm.RESET_IN_PACKET:
                _reset(life.raw)
            case Harm.END | Harm.END_IN_PACKET:
                transport.close()
            case Harm.DISCONNECT:
                transport.write(self._encode(Disconnect()))
                transport.close()
            case Harm.HALF_OPEN:
                transport.pause_reading()
                asyncio.get_running_loop().call_later(_HALF_OPEN, _reset, life.raw)
            case Harm.TAKEOVER:
                # It goes on with what it receives until the gateway ends it.
                pass
        life.again.set()

    def _connect(self) -> Connect:
        raise NotImplementedError

    async def _serve(self, life: _Life, connack: Connack) -> None:
        """Do what the client is for, until the connection ends."""
        raise NotImplementedError

    async def _live(self, again: asyncio.Event) -> None:
        life = None
        try:
            async with connected(
                self._where.port, self._where.ca_file, alpn=() if self._websocket else ("mqtt",)
            ) as raw:
                life = _Life(raw, await self._speaker(raw), again)
                connack = await life.speaker.connect(self._connect())
                if connack is not None:
                    assert connack.reason_code == 0, connack
                    self.connections += 1
                    self._life = life
                    await self._serve(life, connack)
        except TimeoutError:
            # Of a gateway that hangs.
            raise
        except OSError:
            # The connection was cut, or the gateway is away.
            pass
        finally:
            if self._life is life:
                self._life = None
            again.set()

    async def _speaker(self, raw: RawClient) -> RawClient | WsClient:
        if not self._websocket:
            return raw
        await raw.send(upgrade("/mqtt"))
        answer = await reply(raw)
        if answer is None:
            raise ConnectionResetError
        return WsClient(raw, answer)

    def _encode(self, packet: Publish | Disconnect) -> bytes:
        data = encode(packet, self.version)
        return frame(data) if self._websocket else data


class Publisher(Peer):
    """Publishes numbered messages to a topic of its own.

    :ivar acknowledged: what the gateway has acknowledged.
    :ivar sent: how many there were in all.
    :ivar stopped: whether it publishes nothing more.
    """

    def __init__(self, name: str, version: MqttVersion, where: DurableGateway, *, websocket: bool) -> None:
        super().__init__(name, version, where, websocket=websocket)
        self.acknowledged: set[Number] = set()
        self.sent = 0
        self.stopped = False
        self._topic = f"flow/{name}"
        self._in_flight: dict[int, Number] = {}

    @property
    def settled(self) -> bool:
        """Whether no acknowledgement is awaited."""
        return not self._in_flight

    def _connect(self) -> Connect:
        return Connect(version=self.version, client_id=self.name)

    async def _serve(self, life: _Life, connack: Connack) -> None:
        # What was in flight on an earlier connection is not sent again: nothing was promised for it.
        in_flight = self._in_flight = {}
        sending = asyncio.create_task(self._send(life, in_flight))
        try:
            while (packet := await life.speaker.packet()) is not None:
                if isinstance(packet, Puback):
                    assert packet.reason_code == 0, packet
                    self.acknowledged.add(in_flight.pop(packet.packet_id))
        finally:
            in_flight.clear()
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _send(self, life: _Life, in_flight: dict[int, Number]) -> None:
        packet_ids = itertools.cycle(range(1, 0x10000))
        # The connection may end at any time; who reads from it says so.
        while self._life is life:
            if not self.stopped and len(in_flight) < _IN_FLIGHT:
                self.sent += 1
                packet_id = next(packet_ids)
                in_flight[packet_id] = (self._topic, self.sent)
                payload = str(self.sent).encode()
                await life.speaker.send_packet(Publish(topic=self._topic, payload=payload, qos=1, packet_id=packet_id))
            await asyncio.sleep(_INTERVAL)


class Subscriber(Peer):
    """Has a persistent session, and counts what arrives.

    :ivar arrived: how often each message did.
    :ivar subscribed: set when its subscription is acknowledged.
    :ivar lost_sessions: how often the gateway did not know of its session any more.
    """

    def __init__(self, name: str, version: MqttVersion, where: DurableGateway, *, websocket: bool) -> None:
        super().__init__(name, version, where, websocket=websocket)
        self.arrived: Counter[Number] = Counter()
        self.subscribed = asyncio.Event()
        self.lost_sessions = 0

    def _connect(self) -> Connect:
        properties = {Property.SESSION_EXPIRY_INTERVAL: _EXPIRY} if self.version is MqttVersion.V5 else {}
        return Connect(version=self.version, client_id=self.name, clean_start=False, properties=dict(properties))

    async def _serve(self, life: _Life, connack: Connack) -> None:
        if self.subscribed.is_set() and not connack.session_present:
            self.lost_sessions += 1
        if not connack.session_present:
            wanted = (Subscription(filter=_ANY_TOPIC, qos=1),)
            await life.speaker.send_packet(Subscribe(packet_id=1, subscriptions=wanted))
        while (packet := await life.speaker.packet()) is not None:
            if isinstance(packet, Suback):
                assert packet.reason_codes == (1,), packet
                self.subscribed.set()
            elif isinstance(packet, Publish):
                self.arrived[packet.topic, int(packet.payload)] += 1
                if packet.packet_id is not None:
                    await life.speaker.send_packet(Puback(packet_id=packet.packet_id))


@define(eq=False)
class Flow:
    """The clients, and what became of their messages."""

    publishers: list[Publisher]
    subscribers: list[Subscriber]
    harmed: Counter[Harm] = field(factory=Counter)

    @property
    def peers(self) -> list[Peer]:
        """All clients."""
        return [*self.publishers, *self.subscribers]

    @property
    def acknowledged(self) -> set[Number]:
        """What the gateway has acknowledged to its publishers."""
        return set().union(*(publisher.acknowledged for publisher in self.publishers))

    def missing(self) -> dict[str, set[Number]]:
        """Return what was acknowledged and has not arrived, by the name of the subscriber that it is owed to."""
        acknowledged = self.acknowledged
        owed = {subscriber.name: acknowledged - subscriber.arrived.keys() for subscriber in self.subscribers}
        return {name: numbers for name, numbers in owed.items() if numbers}

    def harm(self, chance: random.Random) -> None:
        """Let something happen to some client that is connected, if there is one."""
        connected = [peer for peer in self.peers if peer.connected]
        if connected:
            harm = chance.choice(list(Harm))
            chance.choice(connected).suffer(harm)
            self.harmed[harm] += 1

    async def finish(self) -> None:
        """Publish nothing more, and wait for what is owed; that it arrives is for :meth:`missing` to say."""
        for publisher in self.publishers:
            publisher.stopped = True
        await _until(lambda: all(publisher.settled for publisher in self.publishers))
        await _until(lambda: not self.missing())


@contextlib.asynccontextmanager
async def flowing(where: DurableGateway, *, publishers: int, subscribers: int) -> AsyncIterator[Flow]:
    """Let messages flow from when all have subscribed until the end of the block."""
    kinds = [(version, websocket) for websocket in (False, True) for version in MqttVersion]
    flow = Flow(
        [
            Publisher(f"publisher-{number}", version, where, websocket=websocket)
            for number, (version, websocket) in zip(range(publishers), itertools.cycle(kinds), strict=False)
        ],
        [
            Subscriber(f"subscriber-{number}", version, where, websocket=websocket)
            for number, (version, websocket) in zip(range(subscribers), itertools.cycle(kinds), strict=False)
        ],
    )
    async with asyncio.TaskGroup() as group:
        running = []
        for subscriber in flow.subscribers:
            running.append(group.create_task(subscriber.run()))
            await subscriber.subscribed.wait()
        running += [group.create_task(publisher.run()) for publisher in flow.publishers]
        yield flow
        for task in running:
            task.cancel()


def _reset(client: RawClient) -> None:
    """Close so that the other side gets a RST."""
    transport = client.writer.transport
    found = transport.get_extra_info("socket")
    # A transport that has closed has no socket any more.
    if found is not None and found.fileno() >= 0:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def _until(condition: Callable[[], bool]) -> None:
    """Wait until something is so, or what is owed has taken too long."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_OWED):
            while not condition():  # noqa: ASYNC110 - nobody is told of it
                await asyncio.sleep(0.05)
