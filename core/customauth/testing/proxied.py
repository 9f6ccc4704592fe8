"""One connection through the fault proxy: from the accepted socket to its end."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Coroutine

from attrs import frozen

from customauth.gateway.client_hello import ClientHello, read_client_hello
from customauth.mqtt import MqttVersion, PacketType
from customauth.testing.faults import (
    AlpnRefused,
    Direction,
    Fault,
    Reset,
    ResetStage,
    Silent,
)
from customauth.testing.passage import Ending, Passages
from customauth.testing.relay import Relay, Stream
from customauth.testing.sockets import finish, read_to_end, receive_hello, refuse_alpn
from customauth.testing.tls_stream import TlsStream, reset
from customauth.testing.upgrading import open_passage
from customauth.testing.websocket_stream import WebSocketStream


@frozen(kw_only=True)
class Sides:
    """How a proxy speaks TLS: the context for a client under a fault, and the way to the server.

    :ivar context: takes the fault and the ALPN protocol that the server chose.
    :ivar dial: opens the TCP connection to the server.
    :ivar server_context: takes the ALPN protocols to offer.
    """

    context: Callable[[Fault | None, str | None], ssl.SSLContext]
    dial: Callable[[], Coroutine[None, None, socket.socket]]
    server_context: Callable[[tuple[str, ...]], ssl.SSLContext]


class ProxiedConnection:
    """A TCP connection that the proxy took.

    :ivar fault: what happens to it.
    :ivar sni: the host name that the client asked for; None until it has, and where it asks for none.
    :ivar alpn: the ALPN protocol that was negotiated with the client.
    :ivar websocket: whether the packets come in a WebSocket.
    :ivar error: why TLS or the way to the server failed; None where nothing did.
    :ivar ended: set when both sides are closed.
    """

    def __init__(self, fault: Fault | None, sides: Sides) -> None:
        self.fault = fault
        self.sni: str | None = None
        self.alpn: str | None = None
        self.websocket: bool = False
        self.error: Exception | None = None
        self.ended: asyncio.Event = asyncio.Event()
        self._sides = sides
        self._passages = Passages(fault)
        self._arrived = asyncio.Event()
        self._task = asyncio.current_task()
        self._cut: Ending | None = None

    @property
    def packets(self) -> dict[Direction, Counter[PacketType]]:
        """How many packets of each type have come from their sender, by the direction in which they go."""
        return self._passages.packets

    @property
    def version(self) -> MqttVersion | None:
        """The version of the client's CONNECT; None before it."""
        return self._passages.version

    async def seen(self, direction: Direction, packet: PacketType, count: int = 1) -> None:
        """Wait until ``count`` packets of a type have come from their sender.

        :raises EOFError: when the connection ends before.
        """
        while (found := self.packets[direction][packet]) < count:
            if self.ended.is_set():
                raise EOFError(f"the connection ended after {found} {packet.name} {direction.value}, not {count}")
            self._arrived.clear()
            await self._arrived.wait()

    def cut(self, abruptly: bool = True) -> None:
        """End the connection at once, on both sides; ``ended`` tells when it is.

        :param abruptly: with an RST in place of the farewells of TLS and TCP; before TLS is up it is always an RST.
        """
        if self._cut is None and not self.ended.is_set() and self._task is not None:
            self._cut = Ending.RESET if abruptly else Ending.CLOSE
            self._task.cancel()

    async def serve(self, connected: socket.socket) -> None:
        """Serve the client on this socket until the end of the connection."""
        try:
            await self._greet(connected)
        except asyncio.CancelledError:
            if self._cut is None:
                raise
            reset(connected)
        except OSError as error:
            self.error = error
            reset(connected)
        finally:
            connected.close()
            self.ended.set()
            self._arrived.set()

    async def _greet(self, connected: socket.socket) -> None:
        """Act on what is before TLS."""
        if isinstance(self.fault, Silent):
            await read_to_end(connected)
            return
        if self.fault == Reset(ResetStage.TCP):
            reset(connected)
            return
        received = await receive_hello(connected)
        hello = read_client_hello(received)
        if hello is None:
            return
        self.sni = hello.server_name
        if self.fault == Reset(ResetStage.CLIENT_HELLO):
            reset(connected)
        elif isinstance(self.fault, AlpnRefused):
            await refuse_alpn(connected)
        else:
            with await self._sides.dial() as dialled:
                await self._speak_tls(connected, received, hello, dialled)

    async def _speak_tls(
        self, connected: socket.socket, received: bytes, hello: ClientHello, dialled: socket.socket
    ) -> None:
        # The server first: it chooses the ALPN protocol, and its refusal of that or of the SNI goes on as it is.
        try:
            server = TlsStream(dialled, self._sides.server_context(hello.alpn), server_name=hello.server_name)
        except ValueError as error:
            raise ConnectionAbortedError("the SNI is no host name that OpenSSL would send on") from error
        try:
            await server.shake_hands()
        except OSError:
            if server.alert is not None:
                await asyncio.get_running_loop().sock_sendall(connected, server.alert)
                await finish(connected)
            raise
        context = self._sides.context(self.fault, server.alpn)
        client = TlsStream(connected, context, server_side=True, received=received)
        try:
            await client.shake_hands()
        except ssl.SSLError:
            # A reset could overtake the alert.
            await finish(connected)
            raise
        self.alpn = client.alpn
        ends: list[Stream] = [client, server]
        ending = Ending.RESET
        try:
            ending = await self._converse(client, server, ends)
        except asyncio.CancelledError:
            if self._cut is None:
                raise
            ending = self._cut
        finally:
            if ending is Ending.RESET:
                for end in ends:
                    end.reset()
        if ending is Ending.CLOSE:
            await asyncio.gather(*(end.close() for end in ends))

    async def _converse(self, client: TlsStream, server: TlsStream, ends: list[Stream]) -> Ending:
        opened = await open_passage(client, server, self.fault)
        if opened is None:
            return Ending.CLOSE
        self.websocket = isinstance(opened.client, WebSocketStream)
        ends[:] = opened.client, opened.server
        relay = Relay(opened.client, opened.server, self._passages, self.fault, self._arrived.set)
        ending = await relay.run(opened.from_client, opened.from_server)
        if isinstance(opened.client, WebSocketStream) and isinstance(opened.server, WebSocketStream):
            opened.client.farewell, opened.server.farewell = opened.server.farewell, opened.client.farewell
        return ending
