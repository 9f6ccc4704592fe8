"""The local device gateway as a whole: listen, serve, follow its configuration, stop."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import math
import os
import resource
import socket
import ssl
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from customauth._files import locked
from customauth.gateway.authenticate import Authenticator
from customauth.gateway.aws_log import metric
from customauth.gateway.broker.memory import MemoryRouter
from customauth.gateway.broker.parties import Broker
from customauth.gateway.broker.presence import Presence
from customauth.gateway.broker.quotas import Quotas
from customauth.gateway.broker.store import NoStore, SqliteStore, StoreFailed
from customauth.gateway.ca import server_identity
from customauth.gateway.client_hello import ClientHello
from customauth.gateway.config import ClientCertificate, ConfigError, DomainConfiguration, GatewayConfig
from customauth.gateway.decision import Decision
from customauth.gateway.front import Front
from customauth.gateway.http_publish import Publish, http_message
from customauth.gateway.office import Office
from customauth.gateway.origin import Origin
from customauth.gateway.records import DisconnectReason, Ending, Record
from customauth.gateway.reload import ConfigWatcher
from customauth.gateway.runtimes.choose import bundled_runtime
from customauth.gateway.runtimes.contract import RuntimeFactory
from customauth.gateway.tls import Desk, Rejected, TlsConnection
from customauth.gateway.tls_contexts import TlsContexts
from customauth.gateway.tls_failures import failure_line

MAIN_PORT = 443
"""The port of AWS that custom authentication is on; the gateway's own ``port`` stands for it (A39, A42, A43)."""
FURTHER_PORTS = (8883, 8443)
"""Ports of AWS that a domain configuration can open to custom authentication (A57)."""

# How long a closed client may take to say that it has noticed, before its socket is taken from it; in seconds.
_CLOSE_LIMIT = 3.0
# Connections that the system holds until they are accepted: a fleet may reconnect at once.
_BACKLOG = 4096
# Of these, how many are accepted in one turn of the loop; as many errors are logged when descriptors run out.
_ACCEPTED_AT_ONCE = 16
# Connections whose client is not accepted yet; with one more the oldest of them has to go.
_MAX_STRANGERS = 8192

# How often the sessions whose time is over are looked for, in seconds.
_SWEEP_INTERVAL = 5.0

_log = logging.getLogger("customauth.gateway")


class Gateway:
    """AWS IoT Core's door for custom authentication, on this machine. Use it as an async context manager::

        async with Gateway(config, folder=Path("gateway"), port=0) as gateway:
            print(gateway.endpoint, gateway.ca_file)

    It runs on uvloop as well: ``asyncio.Runner(loop_factory=uvloop.new_event_loop)``.

    :param folder: where its CA is kept, or made at the first start.
    :param host: the address to listen on; ``localhost`` is 127.0.0.1 and, where it can be had, ::1.
    :param port: 0 takes a free one; read it back from ``port``. It stands for AWS's port 443.
    :param further_ports: more listeners, by the port of AWS that each stands for (8883, 8443); 0 takes a free one.
    :param time_scale: how many times faster than the clock the seconds of refreshAfterInSeconds,
        disconnectAfterInSeconds, cached answers and a WebSocket's lifetime pass (C25-C32, A31).
    :param follow: the file that the configuration is from, to take its changes while running; a broken one is told in
        the log, and the last good one kept.
    :param data_folder: where retained messages, persistent sessions and their messages are kept, so that they outlive
        the gateway; without it they end with it.
    :param runtimes: makes the runtime of an authorizer's function.
    :param on_decision: called with every decision, beside the log line of logger ``customauth.gateway``.
    :param on_record: called with every record: decisions, ends of connections, notes.
    :param on_function_output: called with the name of an authorizer and what its function printed, with the traceback
        where it raised; the end of it, 4096 bytes at most. It may hold credentials.
    :raises ValueError: when the folder holds a CA that cannot be read, or half of one, when a function has no runtime,
        when the data folder is another gateway's or cannot be used, or for a further port or a time scale that
        cannot be.
    :raises OSError: when a folder cannot be written.
    """

    def __init__(
        self,
        config: GatewayConfig,
        *,
        folder: Path,
        host: str = "localhost",
        port: int = 0,
        further_ports: Mapping[int, int] = MappingProxyType({}),
        time_scale: float = 1.0,
        follow: Path | None = None,
        data_folder: Path | None = None,
        runtimes: RuntimeFactory = bundled_runtime,
        on_decision: Callable[[Decision], None] | None = None,
        on_record: Callable[[Record], None] | None = None,
        on_function_output: Callable[[str, str], None] | None = None,
    ) -> None:
        unknown = [number for number in further_ports if number not in FURTHER_PORTS]
        if unknown:
            raise ValueError(f"a further port stands for one of {FURTHER_PORTS}, not for {unknown[0]}")
        if not 0 < time_scale < math.inf:
            raise ValueError(f"a time scale is a positive number, not {time_scale}")
        self._config = config
        self._folder = folder
        self._host = host
        self._wanted = {MAIN_PORT: port, **further_ports}
        self._follow = follow
        self._on_decision = on_decision
        self._on_record = on_record
        self.ports: dict[int, int] = {}
        self.ca_file: Path = folder / "ca.pem"
        self._contexts = self._make_contexts(config)
        authenticator = Authenticator(config, runtimes=runtimes, on_function_output=on_function_output)
        # What may refuse to be has been made by now: nobody would close the file.
        store = NoStore() if data_folder is None else SqliteStore(data_folder)
        self._router = MemoryRouter(store, time_scale=time_scale)
        self._quotas: Quotas | None = None
        self._office = Office(
            authenticator=authenticator,
            record=self._record,
            domain=self._domain,
            broker=Broker(router=self._router, presence=Presence(self._router), quotas=self._account_quotas),
            arn=self._arn,
            time_scale=time_scale,
            recheck_connect=lambda: self._config.recheck_connect_without_will,
        )
        self._servers: list[asyncio.Server] = []
        self._connections: set[TlsConnection] = set()
        self._strangers: dict[TlsConnection, None] = {}
        self._most_strangers = _MAX_STRANGERS
        self._tasks: list[asyncio.Task[None]] = []
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._empty = asyncio.Event()
        self._metrics: Counter[tuple[str, str]] = Counter()

    @property
    def config(self) -> GatewayConfig:
        """The configuration that is in force."""
        return self._config

    @property
    def port(self) -> int:
        """The port that stands for AWS's 443, where it listens; before it does, the one that it is to take."""
        return self.ports.get(MAIN_PORT, self._wanted[MAIN_PORT])

    @property
    def metrics(self) -> Mapping[tuple[str, str], int]:
        """AWS IoT's metrics of all that it has decided, by name and Protocol: ``("Connect.Success", "MQTT")`` (C33).

        The names that never counted are not in it.
        """
        return MappingProxyType(self._metrics)

    @property
    def endpoint(self) -> str:
        """The first name it serves and its port, fit to be an ENDPOINT."""
        return f"{self._config.names[0]}:{self.port}"

    async def start(self) -> None:
        """Begin to listen.

        :raises OSError: when a port is taken or the address is not this machine's.
        """
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if descriptors != resource.RLIM_INFINITY:
            # They shall not take the descriptors of those who are let in.
            self._most_strangers = min(_MAX_STRANGERS, descriptors // 2)
        for role, port in self._wanted.items():
            await self._listen(role, port)
        if self._follow is not None:
            watcher = ConfigWatcher(self._follow, self._config, changed=self.configure, refused=self._keep)
            self._tasks.append(asyncio.get_running_loop().create_task(watcher.run()))
        self._wait_for_sweep()

    def configure(self, config: GatewayConfig) -> None:
        """Serve another configuration from now on; the connections that are open stay.

        What cannot be served is told in the log, and the last configuration stays.
        """
        try:
            contexts = self._contexts
            if (config.server_names, config.client_certificates) != (
                self._config.server_names,
                self._config.client_certificates,
            ):
                contexts = self._make_contexts(config)
            else:
                contexts = contexts.serving(config)
            self._office.authenticator.configure(config)
        except (ValueError, OSError, ssl.SSLError) as error:
            self._office.note(None, f"configuration kept as it was: {error}")
            return
        self._contexts, self._config = contexts, config
        self._office.note(None, "configuration taken anew")

    async def aclose(self) -> None:
        """Stop listening, tell every client and close, end the authorizers' runtimes."""
        self._closing = True
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
        async with contextlib.AsyncExitStack() as ending:
            # From the last to the first, each of them also when one fails: who is told of an end may raise.
            ending.callback(self._close_router)
            ending.push_async_callback(self._office.authenticator.aclose)
            ending.push_async_callback(self._closed_all)
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for server in self._servers:
                server.close()
            for connection in self._connections:
                ending.callback(connection.shutdown)

    def _close_router(self) -> None:
        try:
            self._router.close_all()
        except StoreFailed as error:
            self._office.note(None, f"what was to be kept is not: {error}")

    async def _closed_all(self) -> None:
        """Wait until every connection is gone; what takes too long is taken away."""
        try:
            async with asyncio.timeout(_CLOSE_LIMIT):
                if self._connections:
                    await self._empty.wait()
        except TimeoutError:
            for connection in list(self._connections):
                connection.abort()
            await self._empty.wait()
        for server in self._servers:
            await server.wait_closed()
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

    def _make_contexts(self, config: GatewayConfig) -> TlsContexts:
        # Another gateway that starts in this folder must not exchange the files before they are loaded.
        with locked(self._folder):
            names = list(config.server_names)
            # So that a client that dials an address can still check the certificate.
            names += ["127.0.0.1", "::1"] if self._host == "localhost" else []
            return TlsContexts(config, server_identity(self._folder, list(dict.fromkeys(names))))

    async def _listen(self, role: int, port: int) -> None:
        if self._host != "localhost":
            await self._listen_on(self._host, role, port)
            return
        await self._listen_on("127.0.0.1", role, port)
        try:
            # A client may try ::1 first; without it, it must fall back.
            await self._listen_on("::1", role, self.ports[role])
        except OSError as error:
            _log.debug("not listening on ::1: %s", error)

    async def _listen_on(self, host: str, role: int, port: int) -> None:
        desk = Desk(
            choose=self._choose,
            handler=functools.partial(self._front, role),
            failed=self._handshake_failed,
            note=self._note,
            opened=self._opened,
            closed=self._closed,
        )
        server = await asyncio.get_running_loop().create_server(
            lambda: TlsConnection(desk), host, port, backlog=_ACCEPTED_AT_ONCE
        )
        for listening in server.sockets:
            with socket.socket(fileno=os.dup(listening.fileno())) as same:
                same.listen(_BACKLOG)
        self._servers.append(server)
        self.ports[role] = server.sockets[0].getsockname()[1]

    def _choose(self, hello: ClientHello) -> ssl.SSLContext | Rejected:
        return self._contexts.choose(hello)

    def _front(self, role: int, tls: TlsConnection, hello: ClientHello) -> Front:
        server_name = hello.server_name
        origin = Origin(
            connection_id=str(uuid.uuid4()),
            peer=tls.peer,
            account=self._config.account,
            port=role,
            server_name=server_name,
            alpn=tls.alpn,
            domain=None if server_name is None else self._domain(server_name),
            certificate=self._certificate(tls.certificate),
            handshake=tls.handshake_duration,
        )
        return Front(tls, self._office, origin, publish=self._publish, admitted=functools.partial(self._admitted, tls))

    def _opened(self, connection: TlsConnection) -> None:
        self._connections.add(connection)
        self._strangers[connection] = None
        if self._closing:
            connection.abort()
        elif len(self._strangers) > self._most_strangers:
            oldest = next(iter(self._strangers))
            # Now, not when it is gone: of many that come in one go each has to make another one leave.
            del self._strangers[oldest]
            self._office.note(oldest.peer, f"more than {self._most_strangers} connections wait to be let in")
            oldest.abort()

    def _admitted(self, connection: TlsConnection) -> None:
        self._strangers.pop(connection, None)

    def _closed(self, connection: TlsConnection) -> None:
        self._connections.discard(connection)
        self._strangers.pop(connection, None)
        if self._closing and not self._connections:
            self._empty.set()

    def _domain(self, name: str) -> DomainConfiguration | None:
        return self._config.domain(name)

    def _certificate(self, der: bytes | None) -> ClientCertificate | None:
        if der is None:
            return None
        principal_id = sha256(der).hexdigest()
        found = (known for known in self._config.client_certificates if known.principal_id == principal_id)
        return next(found, None)

    def _publish(self, publish: Publish, payload: bytes) -> None:
        self._router.publish(http_message(publish, payload))
        self._router.commit()

    def _arn(self, resource: str) -> str:
        return self._config.arn(resource)

    def _account_quotas(self) -> Quotas | None:
        if not self._config.enforce_quotas:
            return None
        if self._quotas is None:
            self._quotas = Quotas(clock=asyncio.get_running_loop().time)
        return self._quotas

    def _wait_for_sweep(self) -> None:
        self._sweep_timer = asyncio.get_running_loop().call_later(_SWEEP_INTERVAL, self._sweep)

    def _sweep(self) -> None:
        self._wait_for_sweep()
        try:
            self._router.expire()
            self._router.commit()
        except StoreFailed as error:
            self._office.note(None, f"what was to be kept is not: {error}")

    def _handshake_failed(self, peer: str, failure: ssl.SSLError) -> None:
        line, rule = failure_line(failure, self.ca_file, self._config.names[0])
        self._note(peer, line, rule)

    def _note(self, peer: str, line: str, rule: str | None) -> None:
        self._office.note(peer, line, rule=rule)

    def _keep(self, error: ConfigError) -> None:
        self._office.note(None, f"configuration kept as it was: {error}")

    def _record(self, record: Record) -> None:
        # A client that leaves as it should is nothing to look at.
        ordinary = isinstance(record, Ending) and record.reason is DisconnectReason.CLIENT_INITIATED
        _log.log(logging.DEBUG if ordinary else logging.INFO, "%s", record.line())
        counted = metric(record)
        if counted is not None:
            self._metrics[counted] += 1
        if self._on_record is not None:
            self._on_record(record)
        if isinstance(record, Decision) and self._on_decision is not None:
            self._on_decision(record)
