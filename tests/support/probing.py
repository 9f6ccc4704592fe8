"""What the doctor's probe finds, and strange servers for it, on 127.0.0.1. Import as ``probing``.

::

    seen = await probed(setup, publish=False, pause=0, mends=())
    seen.checks, seen.result, seen.traced             all that the probe gave
    seen.rules()                                      keys of the findings, in order
    seen.check("TLS")                                 the one check of that name
    setup_for(endpoint, **more)                       a set-up of MQTT 5 with the ALPN mqtt
    async with saying(b"...") as endpoint             a TCP server that says this as soon as something comes
    async with saying(b"...", first=True)             ... as soon as a connection comes
    async with https(answers) as endpoint             a TLS server that answers each GET by its path, or with b""
    async with picky(endpoint, refuses) as between    closes on the ClientHello that it refuses, and passes on others
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from attrs import evolve, field, frozen

from customauth import Endpoint, MqttVersion
from customauth.doctor.finding import Check, Finding
from customauth.doctor.mending import Mend
from customauth.doctor.probe import ProbeResult, probe
from customauth.doctor.setup import Setup
from customauth.gateway.client_hello import ClientHello, read_client_hello
from customauth.testing.certificates import authority, good_identity
from customauth.testing.listening import local_endpoint, serving
from customauth.testing.sockets import receive_hello

# What takes longer has failed; in seconds.
LIMIT = 20.0
_READ_SIZE = 65_536


@frozen(kw_only=True)
class Seen:
    """All that a probe gave."""

    checks: tuple[Check, ...]
    result: ProbeResult
    traced: tuple[tuple[str, bytes], ...] = field(repr=False)

    def findings(self) -> list[Finding]:
        """Return the findings, in order."""
        return [finding for check in self.checks for finding in check.findings]

    def rules(self) -> list[str]:
        """Return the keys of the findings."""
        return [finding.rule for finding in self.findings()]

    def finding(self, rule: str) -> Finding:
        """Return the one finding of a rule."""
        (found,) = (finding for finding in self.findings() if finding.rule == rule)
        return found

    def names(self) -> list[str]:
        """Return what was looked at."""
        return [check.name for check in self.checks]

    def check(self, name: str) -> Check:
        """Return the one check of a name."""
        (found,) = (check for check in self.checks if check.name == name)
        return found

    def text(self) -> str:
        """Return everything that a person or a program is shown."""
        return f"{[check.as_json() for check in self.checks]}{self.result}{self.traced}"


async def probed(setup: Setup, *, publish: bool = False, pause: float = 0, mends: Sequence[Mend] = ()) -> Seen:
    """Probe to the end."""
    result, traced = ProbeResult(), list[tuple[str, bytes]]()
    checks = probe(
        setup,
        result=result,
        trace=lambda label, data: traced.append((label, data)),
        publish=publish,
        mends=mends,
        pause=pause,
    )
    return Seen(checks=tuple([check async for check in checks]), result=result, traced=tuple(traced))


def setup_for(endpoint: Endpoint, **more: object) -> Setup:
    """Return a set-up that names an authorizer and has a password."""
    usual: dict[str, object] = {
        "client_id": "device",
        "username": "alice?x-amz-customauthorizer-name=open",
        "password": b"a secret password",
        "version": MqttVersion.V5,
        "timeout": LIMIT,
    }
    return Setup(endpoint=endpoint, **(usual | more))  # type: ignore[arg-type]  # the fields of a set-up


def on_443(endpoint: Endpoint) -> Endpoint:
    """Return the same place under the port of AWS."""
    return evolve(endpoint, port=443, address="127.0.0.1", address_port=endpoint.port)


@contextlib.asynccontextmanager
async def saying(words: bytes, *, first: bool = False) -> AsyncIterator[Endpoint]:
    """Run a TCP server that says something in place of TLS; without words it closes when something has come."""

    async def serve(connected: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(ConnectionError):
            if first:
                await loop.sock_sendall(connected, words)
            if await loop.sock_recv(connected, _READ_SIZE):
                if not first and words:
                    await loop.sock_sendall(connected, words)
                connected.shutdown(socket.SHUT_WR)
                while await loop.sock_recv(connected, _READ_SIZE):
                    pass

    async with serving(serve) as port:
        yield local_endpoint(port.number, authority().ca_pem)


@contextlib.asynccontextmanager
async def plain_mqtt() -> AsyncIterator[Endpoint]:
    """Run a server of MQTT without TLS: what is no CONNECT it closes on, without a word."""

    async def serve(connected: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(ConnectionError):
            if (await loop.sock_recv(connected, _READ_SIZE)).startswith(b"\x10"):
                await loop.sock_sendall(connected, b"\x20\x02\x00\x05")

    async with serving(serve) as port:
        yield local_endpoint(port.number, authority().ca_pem)


@contextlib.asynccontextmanager
async def tls(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], object], *alpn: str
) -> AsyncIterator[Endpoint]:
    """Run a TLS server that knows some ALPN protocols and talks by a coroutine function."""
    identity = good_identity()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate_file, identity.key_file)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    writers: list[asyncio.StreamWriter] = []

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await talk(reader, writer)  # type: ignore[misc]  # a coroutine
            writer.close()
            await writer.wait_closed()

    listener = await asyncio.start_server(converse, "127.0.0.1", 0, ssl=context)
    try:
        yield local_endpoint(listener.sockets[0].getsockname()[1], identity.ca_pem)
    finally:
        listener.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)


@contextlib.asynccontextmanager
async def https(answers: Mapping[str, bytes], *alpn: str, deaf_to: str | None = None) -> AsyncIterator[Endpoint]:
    """Run a TLS server that answers GET by its path; the answer to a path that it does not know is b"".

    :param deaf_to: an ALPN protocol on which it closes without an answer.
    """

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        chosen = writer.get_extra_info("ssl_object").selected_alpn_protocol()
        if deaf_to is not None and chosen == deaf_to:
            return
        path = head.split(b" ")[1].decode().partition("?")[0]
        writer.write(answers.get(path, b""))
        await writer.drain()

    async with tls(talk, *alpn) as endpoint:
        yield endpoint


@contextlib.asynccontextmanager
async def picky(behind: Endpoint, refuses: Callable[[ClientHello], bool]) -> AsyncIterator[Endpoint]:
    """Stand before a server, and close without a word on a ClientHello that is not liked."""

    async def serve(connected: socket.socket) -> None:
        with contextlib.suppress(OSError):
            received = await receive_hello(connected)
            hello = read_client_hello(received) if received else None
            if hello is None or refuses(hello):
                return
            with socket.socket() as onward:
                onward.setblocking(False)
                loop = asyncio.get_running_loop()
                await loop.sock_connect(onward, ("127.0.0.1", behind.dial_target()[1]))
                await loop.sock_sendall(onward, received)
                await asyncio.gather(_relay(connected, onward), _relay(onward, connected))

    async with serving(serve) as port:
        yield evolve(behind, port=port.number, address=None, address_port=None)


async def _relay(source: socket.socket, target: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError):
        while data := await loop.sock_recv(source, _READ_SIZE):
            await loop.sock_sendall(target, data)
        target.shutdown(socket.SHUT_WR)
