"""An MQTT server that a test plays: it writes down every packet and answers as it is told, over TLS or a WebSocket.

::

    async with mqtt_server() as server:
        connection = await customauth.connect(server.endpoint, CustomAuth())
        (peer,) = server.peers
        peer.send(mqtt.Publish(topic="a", payload=b"..."))
        await peer.seen(mqtt.Publish, 3)

Where :func:`customauth.testing.scripted.scripted_server` has one script for a CONNECT, this one holds a conversation.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from typing import TypeAlias, TypeVar

from attrs import define, evolve, field
from websockets.protocol import Side
from websockets.utils import accept_key

from customauth import Endpoint, MqttVersion, Transport, mqtt
from customauth.testing.certificates import Identity, good_identity
from customauth.testing.listening import local_endpoint, serving
from customauth.testing.tls_stream import TlsStream
from customauth.testing.websocket_stream import WebSocketStream

_MAX_PACKET = 1 << 20
_MAX_HEAD = 65_536
# How long a packet may take to come, in seconds.
_PATIENCE = 20
_GET = b"GET "
_END_OF_HEAD = b"\r\n\r\n"
# What is written in one piece, in bytes, so that a client that does not read is noticed soon.
_BATCH = 65_536

Content: TypeAlias = mqtt.Packet | bytes
"""A packet, or bytes to be sent as they are."""

Answers: TypeAlias = Callable[[mqtt.Packet, MqttVersion], Iterable[Content]]
"""What a server says to a packet of a client's."""

PacketT = TypeVar("PacketT", bound=mqtt.Packet)


def usual(packet: mqtt.Packet, version: MqttVersion) -> tuple[mqtt.Packet, ...]:
    """Accept everything: what a server says to a packet when all is well."""
    match packet:
        case mqtt.Connect():
            return (mqtt.Connack(session_present=False, reason_code=0),)
        case mqtt.Publish(qos=1, packet_id=packet_id) if packet_id is not None:
            return (mqtt.Puback(packet_id=packet_id),)
        case mqtt.Subscribe(packet_id=packet_id, subscriptions=wanted):
            return (mqtt.Suback(packet_id=packet_id, reason_codes=tuple(each.qos for each in wanted)),)
        case mqtt.Unsubscribe(packet_id=packet_id, filters=filters):
            codes = (0,) * len(filters) if version is MqttVersion.V5 else ()
            return (mqtt.Unsuback(packet_id=packet_id, reason_codes=codes),)
        case mqtt.Pingreq():
            return (mqtt.Pingresp(),)
    return ()


@define(eq=False)
class MqttPeer:
    """One TCP connection that the server took.

    :ivar sni: the name that the client asked for.
    :ivar alpn: the ALPN protocol that was negotiated.
    :ivar tls_version: such as ``TLSv1.3``; None until the handshake is done.
    :ivar certificate: the client's certificate (DER), where it sent one.
    :ivar target: the path and query of a WebSocket; None without one.
    :ivar headers: those of its request, in order.
    :ivar packets: every packet that came, in order.
    :ivar sent: how many of the packets for the client the operating system has taken.
    :ivar ended: set when the connection is over.
    """

    sni: str | None = None
    alpn: str | None = None
    tls_version: str | None = None
    certificate: bytes | None = field(default=None, repr=False)
    target: str | None = None
    headers: list[tuple[str, str]] = field(factory=list, repr=False)
    packets: list[mqtt.Packet] = field(factory=list, repr=False)
    sent: int = 0
    ended: asyncio.Event = field(factory=asyncio.Event)
    _outgoing: deque[bytes] = field(factory=deque, repr=False, init=False)
    _news: asyncio.Event = field(factory=asyncio.Event, repr=False, init=False)
    _to_send: asyncio.Event = field(factory=asyncio.Event, repr=False, init=False)
    _end: asyncio.Future[bool] = field(
        factory=lambda: asyncio.get_running_loop().create_future(), repr=False, init=False
    )

    @property
    def connect(self) -> mqtt.Connect | None:
        """The CONNECT, None before it."""
        return next((packet for packet in self.packets if isinstance(packet, mqtt.Connect)), None)

    @property
    def version(self) -> MqttVersion:
        """The version of the CONNECT."""
        return MqttVersion.V5 if self.connect is None else self.connect.version

    def all(self, kind: type[PacketT]) -> list[PacketT]:
        """Return all packets of a kind that have come."""
        return [packet for packet in self.packets if isinstance(packet, kind)]

    async def seen(self, kind: type[PacketT], count: int = 1) -> list[PacketT]:
        """Wait until so many packets of a kind have come, and return all of them.

        :raises EOFError: when the connection ends before.
        :raises TimeoutError: when they have not come within 20 s.
        """
        try:
            async with asyncio.timeout(_PATIENCE):
                while len(found := self.all(kind)) < count:
                    if self.ended.is_set():
                        raise EOFError(f"the connection ended after {len(found)} {kind.__name__}, not {count}")
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            came = ", ".join(type(packet).__name__ for packet in self.packets[-5:]) or "nothing"
            raise TimeoutError(
                f"no {kind.__name__} number {count} came within {_PATIENCE} s; last came: {came}"
            ) from None
        return found

    def send(self, *contents: Content) -> None:
        """Send to the client, as fast as it reads; :attr:`sent` tells how far that is."""
        for content in contents:
            self._outgoing.append(content if isinstance(content, bytes) else mqtt.encode(content, self.version))
        self._to_send.set()

    def end(self, *, abruptly: bool = False) -> None:
        """End the connection when what :meth:`send` was given is sent, or at once.

        :param abruptly: with an RST in place of the farewells of TLS and TCP.
        """
        if not self._end.done():
            self._end.set_result(abruptly)
        self._to_send.set()

    def _took(self, packet: mqtt.Packet) -> None:
        self.packets.append(packet)
        self._news.set()

    def _over(self) -> None:
        self.ended.set()
        self._news.set()


@define(eq=False)
class MqttServer:
    """A server that runs. ``answers`` may be changed at any time.

    :ivar endpoint: trusts :func:`customauth.testing.certificates.authority`; its name is localhost.
    :ivar answers: what it says to each packet.
    :ivar upgrade_answer: bytes that it answers the request for a WebSocket with, before it closes; None opens one.
    :ivar lingers: whether it leaves a connection open that a client has ended.
    :ivar peers: its connections, the last one last.
    :ivar reads: cleared, it reads nothing more from any client until it is set again.
    """

    endpoint: Endpoint
    answers: Answers = usual
    upgrade_answer: bytes | None = None
    lingers: bool = False
    peers: list[MqttPeer] = field(factory=list)
    reads: asyncio.Event = field(factory=asyncio.Event)

    @property
    def websocket(self) -> Endpoint:
        """The same server, through a WebSocket."""
        return evolve(self.endpoint, transport=Transport.WSS)

    def client(self) -> MqttPeer:
        """Return the one connection on which a CONNECT came. A backend may make others, to look at TLS alone.

        :raises AssertionError: when there is none, or more than one.
        """
        clients = [peer for peer in self.peers if peer.connect is not None]
        assert len(clients) == 1, f"a CONNECT came on {len(clients)} connections"  # noqa: S101 - for tests
        return clients[0]

    def connects(self) -> list[mqtt.Connect]:
        """Return every CONNECT that came, in order."""
        return [peer.connect for peer in self.peers if peer.connect is not None]


@contextlib.asynccontextmanager
async def mqtt_server(
    answers: Answers = usual,
    *,
    identity: Identity | None = None,
    upgrade_answer: bytes | None = None,
    client_ca_pem: bytes | None = None,
) -> AsyncIterator[MqttServer]:
    """Run a server on a free port of 127.0.0.1 until the end of the block.

    :param upgrade_answer: bytes to answer the request for a WebSocket with, before closing.
    :param client_ca_pem: ask clients for a certificate of this CA; they may have none.
    """
    used = identity or good_identity()

    async def serve(connected: socket.socket) -> None:
        peer = MqttPeer()
        server.peers.append(peer)
        try:
            await _Conversation(server, peer).run(connected, used, client_ca_pem)
        finally:
            peer._over()

    async with serving(serve) as port:
        server = MqttServer(local_endpoint(port.number, used.ca_pem), answers, upgrade_answer)
        server.reads.set()
        yield server


class _Conversation:
    def __init__(self, server: MqttServer, peer: MqttPeer) -> None:
        self._server = server
        self._peer = peer

    async def run(self, connected: socket.socket, identity: Identity, client_ca_pem: bytes | None) -> None:
        context, made = _server_context(identity, client_ca_pem, self._peer)
        below = TlsStream(connected, context, server_side=True)
        try:
            with contextlib.suppress(OSError):
                await below.shake_hands()
                for tls in made:
                    self._peer.tls_version = tls.version()
                    self._peer.certificate = tls.getpeercert(binary_form=True)
                self._peer.alpn = below.alpn
                opened = await self._open(below)
                if opened is not None:
                    await self._talk(*opened)
        finally:
            # The callback holds the TLS, and that its context: a cycle that the collector does not see.
            context.sni_callback = None

    async def _open(self, below: TlsStream) -> tuple[TlsStream | WebSocketStream, bytes] | None:
        """Read what the client begins with; where it asks for a WebSocket, open that."""
        received = await below.read()
        if not received.startswith(_GET):
            return below, received
        while _END_OF_HEAD not in received and len(received) < _MAX_HEAD:
            more = await below.read()
            if not more:
                return None
            received += more
        head, _, rest = received.partition(_END_OF_HEAD)
        request, *lines = head.decode("latin-1").split("\r\n")
        self._peer.target = request.split(" ")[1]
        self._peer.headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        if self._server.upgrade_answer is not None:
            await below.close(self._server.upgrade_answer)
            return None
        await below.write(_accepted({name.lower(): value for name, value in self._peer.headers}))
        return WebSocketStream(below, Side.SERVER, rest), b""

    async def _talk(self, stream: TlsStream | WebSocketStream, received: bytes) -> None:
        tasks = (self._read(stream, received), self._write(stream), self._cut())
        parts = [asyncio.create_task(task) for task in tasks]
        abruptly = True
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            abruptly = any(part.result() for part in done)
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
            if abruptly:
                stream.reset()
        if not abruptly:
            await stream.close()

    async def _read(self, stream: TlsStream | WebSocketStream, received: bytes) -> bool:
        frames = mqtt.FrameReader(_MAX_PACKET)
        version: MqttVersion | None = None
        with contextlib.suppress(OSError):
            data = received or await stream.read()
            while data:
                for frame in frames.feed(data):
                    packet = mqtt.decode(frame, version)
                    if isinstance(packet, mqtt.Connect):
                        version = packet.version
                    self._peer._took(packet)
                    if version is not None:
                        self._peer.send(*self._server.answers(packet, version))
                    if isinstance(packet, mqtt.Disconnect):
                        return await self._linger()
                await self._server.reads.wait()
                data = await stream.read()
        return await self._linger()

    async def _linger(self) -> bool:
        if self._server.lingers:
            await asyncio.Event().wait()
        return False

    async def _write(self, stream: TlsStream | WebSocketStream) -> bool:
        peer = self._peer
        with contextlib.suppress(OSError):
            while True:
                peer._to_send.clear()
                while peer._outgoing:
                    batch = bytearray()
                    count = 0
                    while peer._outgoing and len(batch) < _BATCH:
                        batch += peer._outgoing.popleft()
                        count += 1
                    await stream.write(bytes(batch))
                    peer.sent += count
                if peer._end.done():
                    return peer._end.result()
                await peer._to_send.wait()
        # The client has gone: reading tells.
        await asyncio.Event().wait()
        return False

    async def _cut(self) -> bool:
        if await asyncio.shield(self._peer._end):
            return True
        # Not before everything is sent, which writing tells.
        await asyncio.Event().wait()
        return False


def _accepted(headers: dict[str, str]) -> bytes:
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept_key(headers['sec-websocket-key'])}\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
    ).encode()


def _server_context(
    identity: Identity, client_ca_pem: bytes | None, peer: MqttPeer
) -> tuple[ssl.SSLContext, list[ssl.SSLObject]]:
    """Return the context of one connection, and the list in which its TLS will be."""
    made: list[ssl.SSLObject] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate_file, identity.key_file)
    context.set_alpn_protocols(["mqtt"])
    if client_ca_pem is not None:
        context.load_verify_locations(cadata=client_ca_pem.decode("ascii"))
        context.verify_mode = ssl.CERT_OPTIONAL
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT

    def remember(tls: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        peer.sni = name
        made.append(tls)

    context.sni_callback = remember
    return context, made
