"""A proxy between an MQTT client and a server, which knows where packets end and breaks what it is told to.

::

    async with fault_proxy(gateway.endpoint) as proxy:
        connection = await customauth.connect(proxy.endpoint, gateway.signed)
        await proxy.connections[0].seen(Direction.TO_SERVER, PacketType.CONNECT)
        proxy.fault = Drop(PacketType.PUBACK)            # for the connections from now on
        await proxy.cut_all()

It ends TLS with a throwaway certificate for ``localhost``, 127.0.0.1 and the server's name, and speaks TLS to the
server with the SNI and the ALPN protocols of the client. The faults are those of :mod:`customauth.testing.faults`.
What cannot pass is a client's certificate.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import warnings
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

from attrs import define, evolve, field

from customauth import Endpoint
from customauth.testing.certificates import (
    LOCAL_NAMES,
    Identity,
    authority,
    expired_identity,
    good_identity,
    other_name_identity,
    stranger_identity,
)
from customauth.testing.faults import Blackhole, Expired, Fault, TlsTooOld, Untrusted, WrongName
from customauth.testing.listening import Port, serving
from customauth.testing.proxied import ProxiedConnection, Sides

_Address: TypeAlias = tuple[int, int, int, Any]


@define(eq=False)
class FaultProxy:
    """A proxy that listens; :func:`fault_proxy` makes it.

    :ivar endpoint: for a client: the server's own, but at ``localhost``, on the proxy's port and with the proxy's CA.
    :ivar connections: every connection so far that the proxy took, the last one last.
    """

    endpoint: Endpoint
    connections: list[ProxiedConnection] = field(factory=list, init=False)
    _port: Port
    _fault: Fault | None
    _refusing: bool = field(default=False, init=False)
    _came: asyncio.Event = field(factory=asyncio.Event, init=False)

    @property
    def port(self) -> int:
        """The TCP port."""
        return self._port.number

    @property
    def fault(self) -> Fault | None:
        """What happens to the connections that are made from now on; None lets all pass."""
        return self._fault

    @fault.setter
    def fault(self, fault: Fault | None) -> None:
        changes = isinstance(self._fault, Blackhole) is not isinstance(fault, Blackhole)
        self._fault = fault
        if changes and not self._refusing:
            self._open()

    def refuse(self) -> None:
        """Refuse TCP connections; those that are there stay.

        :raises OSError: when another program takes the port in that moment.
        """
        self._refusing = True
        self._port.refuse()

    def accept(self) -> None:
        """Take TCP connections again, on the same port.

        :raises OSError: as :meth:`refuse`.
        """
        self._refusing = False
        self._open()

    async def connection(self, number: int) -> ProxiedConnection:
        """Return a connection by its number from 0, as soon as there is one."""
        while len(self.connections) <= number:
            self._came.clear()
            await self._came.wait()
        return self.connections[number]

    async def cut_all(self, abruptly: bool = True) -> None:
        """End every connection that there is, on both sides, and return when these have ended; others may have come.

        :param abruptly: with an RST in place of the farewells of TLS and TCP.
        """
        present = list(self.connections)
        for connection in present:
            connection.cut(abruptly)
        for connection in present:
            await connection.ended.wait()

    def _open(self) -> None:
        if isinstance(self._fault, Blackhole):
            self._port.swallow()
        else:
            self._port.listen()

    def _took(self, connection: ProxiedConnection) -> None:
        self.connections.append(connection)
        self._came.set()


@contextlib.asynccontextmanager
async def fault_proxy(upstream: Endpoint, fault: Fault | None = None) -> AsyncIterator[FaultProxy]:
    """Run a proxy on a free port of 127.0.0.1 until the end of the block, when all its connections are cut.

    :param upstream: the server; its certificate is checked against the endpoint's CA, but not its name.
    :param fault: what happens to connections; it may be changed at any time.
    :raises OSError: when the name of the server has no address, or there is no free port.
    """
    sides = await _sides(upstream)
    proxy: FaultProxy

    async def serve(connected: socket.socket) -> None:
        connection = ProxiedConnection(proxy.fault, sides)
        proxy._took(connection)
        await connection.serve(connected)

    async with serving(serve) as port:
        endpoint = evolve(
            upstream,
            host="localhost",
            port=port.number,
            address=None,
            address_port=None,
            ca_pem=authority().ca_pem,
        )
        proxy = FaultProxy(endpoint, port, None)
        proxy.fault = fault
        yield proxy


async def _sides(upstream: Endpoint) -> Sides:
    loop = asyncio.get_running_loop()
    host, port = upstream.dial_target()
    addresses: list[_Address] = [
        (family, kind, protocol, address)
        for family, kind, protocol, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    ]
    own = good_identity() if upstream.host in LOCAL_NAMES else authority().issue(*LOCAL_NAMES, upstream.host)
    to_client: dict[tuple[type[Fault] | None, str | None], ssl.SSLContext] = {}
    to_server: dict[tuple[str, ...], ssl.SSLContext] = {}

    async def dial() -> socket.socket:
        return await _dial(addresses)

    def context(fault: Fault | None, alpn: str | None) -> ssl.SSLContext:
        key = None if fault is None else type(fault), alpn
        if key not in to_client:
            to_client[key] = _client_context(own, fault, alpn)
        return to_client[key]

    def server_context(alpn: tuple[str, ...]) -> ssl.SSLContext:
        if alpn not in to_server:
            to_server[alpn] = _server_context(upstream.ca_pem, alpn)
        return to_server[alpn]

    return Sides(context=context, dial=dial, server_context=server_context)


async def _dial(addresses: list[_Address]) -> socket.socket:
    loop = asyncio.get_running_loop()
    failure = OSError("the server has no address")
    for family, kind, protocol, address in addresses:
        dialled = socket.socket(family, kind, protocol)
        try:
            dialled.setblocking(False)
            await loop.sock_connect(dialled, address)
            dialled.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            dialled.close()
            failure = error
        except BaseException:
            dialled.close()
            raise
        else:
            return dialled
    raise failure


def _client_context(own: Identity, fault: Fault | None, alpn: str | None) -> ssl.SSLContext:
    """Make the context for clients under a fault."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    match fault:
        case Untrusted():
            shown = stranger_identity()
        case WrongName():
            shown = other_name_identity()
        case Expired():
            shown = expired_identity()
        case _:
            shown = own
    context.load_cert_chain(shown.certificate_file, shown.key_file)
    if isinstance(fault, TlsTooOld):
        with warnings.catch_warnings():
            # Python warns of the old versions, which OpenSSL speaks at security level 0 alone.
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    if alpn is not None:
        context.set_alpn_protocols([alpn])
    return context


def _server_context(ca_pem: bytes | None, alpn: tuple[str, ...]) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=None if ca_pem is None else ca_pem.decode("ascii"))
    # The client checks the proxy's name; which one it asks for is its own affair.
    context.check_hostname = False
    # Python 3.13 turned strict RFC 5280 checks on, which throwaway CAs need not pass.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    # The names that clients grease with are no text.
    offered = [name for name in alpn if name.isascii()]
    if offered:
        context.set_alpn_protocols(offered)
    return context
