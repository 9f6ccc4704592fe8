"""The local device gateway as a whole: listen, serve, stop."""

from __future__ import annotations

import asyncio
import logging
import ssl
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from customauth._files import locked
from customauth.gateway.authenticate import Authenticator
from customauth.gateway.ca import server_identity
from customauth.gateway.config import GatewayConfig
from customauth.gateway.decision import Decision
from customauth.gateway.front import Front
from customauth.gateway.tls import alerting, failure_line

ALPN_PROTOCOLS = ("mqtt", "x-amzn-mqtt-ca")
"""What the gateway negotiates; the second one leads nowhere, as it means a client certificate (A39, A40)."""

_HANDSHAKE_LIMIT = 10.0
# How long a closed client may take to say that it has noticed, before its socket is taken from it.
_CLOSE_LIMIT = 2.0
# Connections that the system holds until they are accepted: a fleet may reconnect at once.
_BACKLOG = 1024

_log = logging.getLogger("customauth.gateway")


class Gateway:
    """AWS IoT Core's door for custom authentication, on this machine. Use it as an async context manager::

        async with Gateway(config, folder=Path("gateway"), port=0) as gateway:
            print(gateway.endpoint, gateway.ca_file)

    :param folder: where its CA is kept, or made at the first start.
    :param host: the address to listen on; ``localhost`` is 127.0.0.1 and, where it can be had, ::1.
    :param port: 0 takes a free one; read it back from ``port``.
    :param on_decision: called with every decision, beside the log line of logger ``customauth.gateway``.
    :param on_function_output: called with the name of an authorizer and what its function printed, with the traceback
        where it raised; the end of it, 4096 bytes at most. It may hold credentials.
    :raises ValueError: when the folder holds a CA that cannot be read, or half of one.
    :raises OSError: when the folder cannot be written.
    """

    def __init__(
        self,
        config: GatewayConfig,
        *,
        folder: Path,
        host: str = "localhost",
        port: int = 0,
        on_decision: Callable[[Decision], None] | None = None,
        on_function_output: Callable[[str, str], None] | None = None,
    ) -> None:
        self._config = config
        self._host = host
        self._on_decision = on_decision
        self.port: int = port
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2  # A49
        # Another gateway that starts in this folder must not exchange the files before they are loaded.
        with locked(folder):
            identity = server_identity(folder, _certificate_names(config.names, host))
            self._context.load_cert_chain(identity.certificate_file, identity.key_file)
        self.ca_file: Path = identity.ca_file
        self._context.set_alpn_protocols(list(ALPN_PROTOCOLS))
        self._context.options |= ssl.OP_NO_TICKET  # A49
        self._context.num_tickets = 0  # A49
        self._context.sni_callback = self._on_server_name
        self._context.sslobject_class = alerting(self._handshake_failed)
        self._server_names: weakref.WeakKeyDictionary[ssl.SSLObject, str] = weakref.WeakKeyDictionary()
        self._servers: list[asyncio.Server] = []
        self._connections: set[Front] = set()
        self._closing = False
        self._authenticator = Authenticator(config, on_function_output=on_function_output)

    @property
    def endpoint(self) -> str:
        """The first name it serves and its port, fit to be an ENDPOINT."""
        return f"{self._config.names[0]}:{self.port}"

    async def start(self) -> None:
        """Begin to listen.

        :raises OSError: when the port is taken or the address is not this machine's.
        """
        if self._host != "localhost":
            self._servers.append(await self._listen(self._host))
            return
        self._servers.append(await self._listen("127.0.0.1"))
        try:
            # A client may try ::1 first; without it, it must fall back.
            self._servers.append(await self._listen("::1"))
        except OSError as error:
            _log.debug("not listening on ::1: %s", error)

    async def aclose(self) -> None:
        """Stop listening, close every connection, end the authorizers' processes."""
        self._closing = True
        for server in self._servers:
            server.close()
        connections = list(self._connections)
        for connection in connections:
            connection.close()
        try:
            async with asyncio.timeout(_CLOSE_LIMIT):
                for connection in connections:
                    await connection.closed.wait()
                # From Python 3.12 on it waits for clients in their TLS handshake too.
                for server in self._servers:
                    await server.wait_closed()
        except TimeoutError:
            for connection in list(self._connections):
                connection.abort()
                await connection.closed.wait()
        await self._authenticator.aclose()
        self._servers.clear()

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _listen(self, host: str) -> asyncio.Server:
        server = await asyncio.get_running_loop().create_server(
            self._front,
            host,
            self.port,
            backlog=_BACKLOG,
            ssl=self._context,
            ssl_handshake_timeout=_HANDSHAKE_LIMIT,
            ssl_shutdown_timeout=_CLOSE_LIMIT,
        )
        self.port = server.sockets[0].getsockname()[1]
        return server

    def _front(self) -> Front:
        return Front(
            self._authenticator,
            server_name=self._server_name,
            decided=self._decided,
            note=_log.info,
            opened=self._opened,
            lost=self._connections.discard,
        )

    def _opened(self, connection: Front) -> None:
        self._connections.add(connection)
        if self._closing:
            # It was in its handshake when the others were closed.
            connection.abort()

    def _on_server_name(
        self, tls: ssl.SSLSocket | ssl.SSLObject, name: str | None, context: ssl.SSLContext
    ) -> int | None:
        if self._closing:
            return ssl.ALERT_DESCRIPTION_USER_CANCELLED
        if name is None:
            return None
        if name.lower() not in self._config.names:
            served = ", ".join(self._config.names)
            _log.info("CLOSE unknown SNI %r (F14); fix: connect to %s, or add the name to names", name, served)
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        if isinstance(tls, ssl.SSLObject):
            self._server_names[tls] = name
        return None

    def _handshake_failed(self, failure: ssl.SSLError) -> None:
        _log.info("%s", failure_line(failure, self.ca_file, self._config.names[0]))

    def _server_name(self, transport: asyncio.BaseTransport) -> str | None:
        return self._server_names.get(transport.get_extra_info("ssl_object"))

    def _decided(self, decision: Decision) -> None:
        _log.info("%s", decision.line())
        if self._on_decision is not None:
            self._on_decision(decision)


def _certificate_names(names: Sequence[str], host: str) -> list[str]:
    """Add the loopback addresses, so that a client that dials an address can still check the certificate."""
    extra = ["127.0.0.1", "::1"] if host == "localhost" else []
    return list(dict.fromkeys([*names, *extra]))
