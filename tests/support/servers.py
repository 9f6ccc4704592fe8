"""Real servers and throwaway certificates for tests. Import as ``servers``.

Certificates (EC P-256, made once a process)::

    authority() -> Authority                 .ca_pem, .issue(*names, expired=False) -> Identity
    Identity                                 .certificate_file, .key_file, .ca_pem (of the CA that signed it)
    good_identity()                          localhost, 127.0.0.1 and ::1
    other_name_identity()                    other.example alone
    expired_identity()                       localhost, 127.0.0.1 and ::1, no longer valid
    stranger_ca_pem()                        a CA that signed none of them

Servers, each an async context manager on 127.0.0.1 and a port of its own::

    scripted_server(action=Accept(), *, identity=None, alpn="mqtt", tls=None) -> ScriptedServer
                                             TLS; .endpoint, .port, .action (may be changed), .peers, .connects()
    silent_server() -> PlainServer           takes TCP connections and never says a word; .endpoint, .port, .accepted
    hanging_up_server() -> PlainServer       takes TCP connections and closes them at once
    closed_port() -> Endpoint                nothing listens there
    blackhole() -> Endpoint                  a TCP connection is never completed
    openssl_server(*options, identity=None) -> Endpoint      `openssl s_server` with more options
    alpn_refusing_server() -> Endpoint       `openssl s_server` that knows another ALPN protocol alone

What a scripted server does once it has read a CONNECT::

    Accept(session_present=False, properties={})             CONNACK 0 in the version of the CONNECT, then PINGRESPs
    Refuse(code, reason_string=None)                         CONNACK with this code, then close
    AcceptThenClose()                                        CONNACK 0, then close
    CloseAfterConnect(abruptly=False)                        close without a CONNACK; abruptly: TLS says no farewell
    NeverAnswer()                                            keep the connection, say nothing

Each TCP connection is one :class:`Peer` in ``peers``: ``.tls_version``, ``.alpn``, ``.sni``, ``.tls_error``,
``.received`` (the bytes inside TLS), ``.connect`` (the decoded CONNECT), ``.said_disconnect`` and ``.ended`` (an
asyncio.Event).
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import ipaddress
import re
import shutil
import socket
import ssl
import tempfile
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

from attrs import Factory, define, field, frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from customauth import Endpoint, mqtt

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")

_MAX_PACKET = 1 << 20
_SHUTDOWN_TIMEOUT = 1.0


@frozen(kw_only=True)
class Identity:
    """A server's certificate and key, as the files that OpenSSL reads."""

    certificate_file: Path
    key_file: Path
    ca_pem: bytes = field(repr=False)


@frozen(kw_only=True)
class Authority:
    """A throwaway CA."""

    ca_pem: bytes = field(repr=False)
    folder: Path
    _certificate: x509.Certificate = field(repr=False)
    _key: ec.EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def create(cls, folder: Path) -> Authority:
        """Make a CA that keeps what it issues in ``folder``."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(f"customauth test CA {folder.name}")
        certificate = (
            _builder(name, name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(ca_pem=_pem(certificate), folder=folder, certificate=certificate, key=key)

    def issue(self, *names: str, expired: bool = False) -> Identity:
        """Sign a server certificate for host names and IP addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(_name(names[0]), self._certificate.subject, key.public_key(), expired=expired)
            .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        certificate_file = self.folder / f"{certificate.serial_number}.pem"
        key_file = certificate_file.with_suffix(".key")
        certificate_file.write_bytes(_pem(certificate))
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return Identity(certificate_file=certificate_file, key_file=key_file, ca_pem=self.ca_pem)


@functools.cache
def authority() -> Authority:
    """Return this process's CA."""
    return Authority.create(_folder())


@functools.cache
def good_identity() -> Identity:
    """Return a certificate for this machine's local names."""
    return authority().issue(*LOCAL_NAMES)


@functools.cache
def other_name_identity() -> Identity:
    """Return a certificate for a name that nobody dials."""
    return authority().issue("other.example")


@functools.cache
def expired_identity() -> Identity:
    """Return a certificate for the local names that is no longer valid."""
    return authority().issue(*LOCAL_NAMES, expired=True)


@functools.cache
def stranger_ca_pem() -> bytes:
    """Return a CA that signed no server here."""
    return Authority.create(_folder()).ca_pem


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
    """One TCP connection that a scripted server took."""

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


@define(eq=False)
class PlainServer:
    """A TCP server that never speaks. ``accepted`` are its connections."""

    endpoint: Endpoint
    accepted: list[socket.socket] = field(factory=list)

    @property
    def port(self) -> int:
        """The TCP port."""
        return self.endpoint.port


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
    listener = _listen()
    server = ScriptedServer(action or Accept(), _endpoint(listener, used.ca_pem))

    async def serve(connected: socket.socket) -> None:
        peer = Peer()
        server.peers.append(peer)
        try:
            await _converse(server, peer, connected, _server_context(used, alpn, tls, peer))
        finally:
            peer.ended.set()

    async with _accepting(listener, serve):
        yield server


@contextlib.asynccontextmanager
async def silent_server() -> AsyncIterator[PlainServer]:
    """Take TCP connections and never say a word."""
    listener = _listen()
    server = PlainServer(_endpoint(listener, authority().ca_pem))

    async def serve(connected: socket.socket) -> None:
        server.accepted.append(connected)
        loop = asyncio.get_running_loop()
        with connected, contextlib.suppress(ConnectionError):
            while await loop.sock_recv(connected, 65536):
                pass

    async with _accepting(listener, serve):
        yield server


@contextlib.asynccontextmanager
async def hanging_up_server() -> AsyncIterator[PlainServer]:
    """Take TCP connections and close them at once."""
    listener = _listen()
    server = PlainServer(_endpoint(listener, authority().ca_pem))

    async def serve(connected: socket.socket) -> None:
        server.accepted.append(connected)
        connected.close()

    async with _accepting(listener, serve):
        yield server


@contextlib.asynccontextmanager
async def closed_port() -> AsyncIterator[Endpoint]:
    """Yield a port that refuses TCP connections."""
    # Bound but not listening: nobody else can take the number meanwhile.
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield _endpoint(bound, authority().ca_pem, host="127.0.0.1")


@contextlib.asynccontextmanager
async def blackhole() -> AsyncIterator[Endpoint]:
    """Yield a port whose accept queue is full, so that the kernel drops every further SYN."""
    loop = asyncio.get_running_loop()
    with contextlib.ExitStack() as opened:
        listener = opened.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        while True:
            filler = opened.enter_context(socket.socket())
            filler.setblocking(False)
            try:
                async with asyncio.timeout(0.1):
                    await loop.sock_connect(filler, listener.getsockname())
            except TimeoutError:
                break
        yield _endpoint(listener, authority().ca_pem, host="127.0.0.1")


@contextlib.asynccontextmanager
async def openssl_server(*options: str, identity: Identity | None = None) -> AsyncIterator[Endpoint]:
    """Run ``openssl s_server`` with further options."""
    used = identity or good_identity()
    process = await asyncio.create_subprocess_exec(
        *("openssl", "s_server", "-accept", "127.0.0.1:0"),
        *("-cert", str(used.certificate_file), "-key", str(used.key_file), *options),
        # It ends at the end of its input.
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    said = b""
    try:
        while (found := re.search(rb"ACCEPT \S+:(\d+)", said)) is None:
            line = await process.stdout.readline()
            assert line, f"openssl s_server ended: {said.decode()}"
            said += line
        drain = asyncio.create_task(process.stdout.read())
        yield Endpoint(host="localhost", port=int(found[1]), ca_pem=used.ca_pem)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    await drain


@contextlib.asynccontextmanager
async def alpn_refusing_server() -> AsyncIterator[Endpoint]:
    """Run a TLS server that knows another ALPN protocol alone and says so with an alert."""
    async with openssl_server("-alpn", "other") as endpoint:
        yield endpoint


def _listen() -> socket.socket:
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    listener.setblocking(False)
    return listener


def _endpoint(bound: socket.socket, ca_pem: bytes, host: str = "localhost") -> Endpoint:
    return Endpoint(host=host, port=bound.getsockname()[1], ca_pem=ca_pem)


@contextlib.asynccontextmanager
async def _accepting(
    listener: socket.socket, serve: Callable[[socket.socket], Coroutine[None, None, None]]
) -> AsyncIterator[None]:
    """Give each connection a task of its own, and end them all at the end."""
    loop = asyncio.get_running_loop()
    conversations: list[asyncio.Task[None]] = []
    peers: list[socket.socket] = []

    def accept() -> None:
        # Not loop.sock_accept(): cancelled at the wrong moment, that loses the socket that it has accepted.
        connected, _ = listener.accept()
        connected.setblocking(False)
        peers.append(connected)
        conversations.append(asyncio.create_task(serve(connected)))

    with listener:
        loop.add_reader(listener.fileno(), accept)
        try:
            yield
        finally:
            # By hand and not by a TaskGroup, which would wrap what the test raises.
            loop.remove_reader(listener.fileno())
            for conversation in conversations:
                conversation.cancel()
            ended = await asyncio.gather(*conversations, return_exceptions=True)
            # A conversation that was cancelled before its first step never took its socket.
            for connected in peers:
                connected.close()
        for result in ended:
            if isinstance(result, Exception):
                raise result


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


def _folder() -> Path:
    folder = tempfile.mkdtemp(prefix="customauth-tests-")
    atexit.register(shutil.rmtree, folder)
    return Path(folder)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, *, expired: bool = False
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=-1 if expired else 1))
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
