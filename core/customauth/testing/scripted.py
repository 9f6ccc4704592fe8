"""A TLS server that reads a CONNECT and does what a script says: what no gateway would do, at a moment of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import warnings
from collections.abc import AsyncIterator
from typing import TypeAlias

from attrs import Factory, define, field, frozen

from customauth import Endpoint, mqtt
from customauth.testing.certificates import Identity, good_identity
from customauth.testing.listening import local_endpoint, serving

_MAX_PACKET = 1 << 20
_SHUTDOWN_TIMEOUT = 1.0


@frozen(kw_only=True)
class Accept:
    """Accept the CONNECT; the properties go into a CONNACK of MQTT 5 only."""

    session_present: bool = False
    properties: mqtt.Properties = Factory(dict)


@frozen
class Refuse:
    """Refuse the CONNECT with a code of its version, and close."""

    code: int
    reason_string: str | None = None


@frozen
class AcceptThenClose:
    """Accept the CONNECT, and close."""


@frozen(kw_only=True)
class CloseAfterConnect:
    """Close without a CONNACK, as AWS does to MQTT 3.1.1; abruptly without the farewell of TLS (close_notify)."""

    abruptly: bool = False


@frozen
class NeverAnswer:
    """Keep the connection and say nothing."""


Action: TypeAlias = Accept | Refuse | AcceptThenClose | CloseAfterConnect | NeverAnswer


@define(eq=False)
class Peer:
    """One TCP connection that a scripted server took.

    :ivar tls_version: such as ``TLSv1.3``; None until the handshake is done, as with ``alpn``.
    :ivar sni: the name that the client asked for.
    :ivar tls_error: why there was no TLS.
    :ivar received: the bytes inside TLS.
    :ivar connect: the decoded CONNECT.
    :ivar ended: set when the connection is over.
    """

    tls_version: str | None = None
    alpn: str | None = None
    sni: str | None = None
    tls_error: Exception | None = None
    received: bytearray = field(factory=bytearray, repr=False)
    connect: mqtt.Connect | None = None
    said_disconnect: bool = False
    ended: asyncio.Event = field(factory=asyncio.Event)


@define(eq=False)
class ScriptedServer:
    """A TLS server that speaks MQTT by a script. ``action`` may be changed between connections."""

    action: Action
    endpoint: Endpoint
    peers: list[Peer] = field(factory=list)

    @property
    def port(self) -> int:
        """The TCP port."""
        return self.endpoint.port

    def connects(self) -> list[mqtt.Connect]:
        """Return every CONNECT that came, in order."""
        return [peer.connect for peer in self.peers if peer.connect is not None]


@contextlib.asynccontextmanager
async def scripted_server(
    action: Action | None = None,
    *,
    identity: Identity | None = None,
    alpn: str | None = "mqtt",
    tls: ssl.TLSVersion | None = None,
) -> AsyncIterator[ScriptedServer]:
    """Serve MQTT over TLS; the endpoint's name is localhost and it trusts :func:`authority`.

    :param alpn: the one ALPN protocol of the server; None for a server that knows no ALPN.
    :param tls: speak this version of TLS alone.
    """
    used = identity or good_identity()

    async def serve(connected: socket.socket) -> None:
        peer = Peer()
        server.peers.append(peer)
        try:
            await _converse(server, peer, connected, _server_context(used, alpn, tls, peer))
        finally:
            peer.ended.set()

    async with serving(serve) as port:
        server = ScriptedServer(action or Accept(), local_endpoint(port.number, used.ca_pem))
        yield server


async def _converse(server: ScriptedServer, peer: Peer, connected: socket.socket, context: ssl.SSLContext) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    try:
        transport, _ = await loop.connect_accepted_socket(lambda: protocol, connected, ssl=context)
    except OSError as error:
        peer.tls_error = error
        return
    except asyncio.CancelledError:
        connected.close()
        raise
    tls: ssl.SSLObject = transport.get_extra_info("ssl_object")
    peer.tls_version, peer.alpn = tls.version(), tls.selected_alpn_protocol()
    writer = asyncio.StreamWriter(transport, protocol, reader, loop)
    try:
        with contextlib.suppress(OSError):
            await _speak_mqtt(server, peer, reader, writer)
            if server.action == CloseAfterConnect(abruptly=True):
                return
            writer.close()
            # close() waits for the peer's half of the TLS shutdown, which some clients never send.
            async with asyncio.timeout(_SHUTDOWN_TIMEOUT):
                await writer.wait_closed()
    finally:
        transport.abort()


async def _speak_mqtt(
    server: ScriptedServer, peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    frames = mqtt.FrameReader(_MAX_PACKET)
    while data := await reader.read(65536):
        peer.received += data
        for frame in frames.feed(data):
            version = None if peer.connect is None else peer.connect.version
            packet = mqtt.decode(frame, version)
            if isinstance(packet, mqtt.Connect):
                peer.connect = packet
                if not await _answer(server.action, packet, writer):
                    return
            elif isinstance(packet, mqtt.Pingreq) and version is not None:
                writer.write(mqtt.encode(mqtt.Pingresp(), version))
            elif isinstance(packet, mqtt.Disconnect):
                peer.said_disconnect = True


async def _answer(action: Action, packet: mqtt.Connect, writer: asyncio.StreamWriter) -> bool:
    """Act on a CONNECT; return whether the connection goes on."""
    match action:
        case Accept():
            properties = action.properties if packet.version is mqtt.MqttVersion.V5 else {}
            answer = mqtt.Connack(session_present=action.session_present, reason_code=0, properties=properties)
        case AcceptThenClose():
            answer = mqtt.Connack(session_present=False, reason_code=0)
        case Refuse():
            answer = mqtt.Connack(session_present=False, reason_code=action.code, properties=_reason(action, packet))
        case CloseAfterConnect():
            return False
        case NeverAnswer():
            return True
    writer.write(mqtt.encode(answer, packet.version))
    await writer.drain()
    return isinstance(action, Accept)


def _reason(action: Refuse, packet: mqtt.Connect) -> mqtt.Properties:
    if action.reason_string is None or packet.version is not mqtt.MqttVersion.V5:
        return {}
    return {mqtt.Property.REASON_STRING: action.reason_string}


def _server_context(identity: Identity, alpn: str | None, version: ssl.TLSVersion | None, peer: Peer) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if version is not None:
        with warnings.catch_warnings():
            # Python warns of the old versions, which OpenSSL speaks at security level 0 alone.
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = version
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.load_cert_chain(identity.certificate_file, identity.key_file)
    if alpn is not None:
        context.set_alpn_protocols([alpn])

    def remember_sni(_: ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> None:
        peer.sni = name

    context.sni_callback = remember_sni
    return context
