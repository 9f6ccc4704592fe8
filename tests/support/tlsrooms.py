"""TLS servers that a test speaks for, on 127.0.0.1 and a port of their own. Import as ``tlsrooms``.

::

    async with room(**how) as served:
        served.endpoint          localhost, trusting the throwaway CA of ``servers``
        peer = await served.peer()           the next connection, when its handshake is done: .reader, .writer
    how: lowest, highest (TLS versions), alpn, client_ca (PEM: demand a client certificate of this CA)
    client_certificate(name) -> ClientCertificate      signed by itself, so its own CA

    async with s_server(*options) as program:            `openssl s_server`, which tells by alerts why it refuses
        program.endpoint
        program.type(b"...")                             what is typed at its terminal
        await program.says(b"...")                       until it has printed this; all of it is in .said
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from attrs import define, field, frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import servers
from customauth import Endpoint
from customauth.client_certificate import ClientCertificate


@frozen
class Peer:
    """The server's side of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def tls(self) -> ssl.SSLObject:
        """What was negotiated."""
        made: ssl.SSLObject = self.writer.get_extra_info("ssl_object")
        return made


@frozen
class Room:
    """A TLS server that runs."""

    endpoint: Endpoint
    _peers: asyncio.Queue[Peer] = field(repr=False)

    async def peer(self) -> Peer:
        """Return the next connection."""
        async with asyncio.timeout(20):
            return await self._peers.get()


@contextlib.asynccontextmanager
async def room(
    *,
    lowest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
    highest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
    alpn: str | None = "mqtt",
    client_ca: bytes | None = None,
) -> AsyncIterator[Room]:
    """Run a TLS server."""
    identity = servers.good_identity()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = lowest, highest
    context.load_cert_chain(identity.certificate_file, identity.key_file)
    if alpn is not None:
        context.set_alpn_protocols([alpn])
    if client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=client_ca.decode())
    peers: asyncio.Queue[Peer] = asyncio.Queue()
    writers: list[asyncio.StreamWriter] = []

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        peers.put_nowait(Peer(reader, writer))

    listener = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
    port = listener.sockets[0].getsockname()[1]
    try:
        yield Room(Endpoint(host="localhost", port=port, ca_pem=identity.ca_pem), peers)
    finally:
        listener.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)


def client_certificate(name: str, *, usable: bool = True) -> ClientCertificate:
    """Make a client certificate; one that is not usable has another certificate's key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    shown = key if usable else ec.generate_private_key(ec.SECP256R1())
    return ClientCertificate(
        certificate_pem=certificate.public_bytes(serialization.Encoding.PEM),
        key_pem=shown.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )


@define(eq=False)
class Program:
    """An ``openssl s_server`` that runs."""

    endpoint: Endpoint
    said: bytes
    _process: asyncio.subprocess.Process

    def type(self, text: bytes) -> None:
        """Type something at its terminal."""
        assert self._process.stdin is not None
        self._process.stdin.write(text)

    async def says(self, *wanted: bytes) -> None:
        """Wait until it has printed each of these."""
        assert self._process.stdout is not None
        async with asyncio.timeout(20):
            while not all(text in self.said for text in wanted):
                piece = await self._process.stdout.read(4096)
                assert piece, self.said
                self.said += piece


@contextlib.asynccontextmanager
async def s_server(*options: str) -> AsyncIterator[Program]:
    """Run ``openssl s_server`` with further options."""
    identity = servers.good_identity()
    process = await asyncio.create_subprocess_exec(
        *("openssl", "s_server", "-accept", "127.0.0.1:0"),
        *("-cert", str(identity.certificate_file), "-key", str(identity.key_file), *options),
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
        endpoint = Endpoint(host="localhost", port=int(found[1]), ca_pem=identity.ca_pem)
        yield Program(endpoint, said, process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()
