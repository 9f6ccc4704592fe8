"""One attempt and one connection with gmqtt."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from typing import Any

import gmqtt
from gmqtt.mqtt.connection import MQTTConnection
from gmqtt.mqtt.constants import MQTTv50, MQTTv311
from gmqtt.mqtt.protocol import MQTTProtocol

from customauth import (
    ClosedBeforeConnack,
    Connack,
    ConnectError,
    Connection,
    ConnectRequest,
    MqttVersion,
    Stage,
    refusal_from_connack,
)
from customauth.dialing import Deadline, dial

# How long a peer may take to close after DISCONNECT before the connection is cut, in seconds.
_CLOSE_LIMIT = 1.0

# What gmqtt warns of is told by exceptions here; without a handler Python would print it to the terminal.
logging.getLogger("gmqtt").addHandler(logging.NullHandler())


async def connect(request: ConnectRequest) -> Connection:
    """Make one attempt (:meth:`customauth.Backend.connect`)."""
    deadline = Deadline(request.timeout)
    client = _Client(request)
    await client.dial()
    async with deadline.limit(Stage.CONNACK):
        connack = await client.attempt()
    return GmqttConnection(client, connack)


class GmqttConnection(Connection):
    """A gmqtt client that was accepted."""

    def __init__(self, client: _Client, connack: Connack) -> None:
        self.connack = connack
        self._client = client

    async def aclose(self) -> None:
        """Send DISCONNECT and close. (:meth:`customauth.Connection.aclose`)"""
        await self._client.close()


class _Client(gmqtt.Client):  # type: ignore[misc]  # gmqtt ships no types
    """A gmqtt client that makes one attempt on customauth's dialer and never reconnects."""

    def __init__(self, request: ConnectRequest) -> None:
        # gmqtt counts the characters of a text client id, not its bytes.
        super().__init__(request.client_id.encode(), clean_session=request.clean_start)
        self._request = request
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Connack] = asyncio.get_running_loop().create_future()
        self.on_disconnect = self._on_end
        self._read_connack = self._package_handler._handle_connack_packet
        self._package_handler._handle_connack_packet = self._on_connack
        username = request.credentials.mqtt_username()
        if username is not None:
            self.set_auth_credentials(username, request.credentials.password)

    async def dial(self) -> None:
        """Make the TLS connection that :meth:`attempt` uses."""
        factory = functools.partial(
            MQTTProtocol,
            connection_state=self._connection_state,
            id_generator=self._package_handler.id_generator,
        )
        self._transport, protocol = await dial(factory, self._request.endpoint, self._request.timeout)
        self._connection = MQTTConnection(
            self._transport,
            protocol,
            self._request.clean_start,
            self._request.keep_alive,
            package_handler=self._package_handler,
        )

    async def attempt(self) -> Connack:
        """Send CONNECT and wait for the answer; nothing is left behind unless it is an acceptance."""
        request = self._request
        host, port = request.endpoint.dial_target()
        version = MQTTv50 if request.version is MqttVersion.V5 else MQTTv311
        opening = asyncio.ensure_future(self.connect(host, port, keepalive=request.keep_alive, version=version))
        try:
            await asyncio.wait({opening, self._answer}, return_when=asyncio.FIRST_COMPLETED)
            if opening.done():
                opening.result()
            connack = await self._answer
            await opening
        except BaseException:
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
            await self._abort()
            raise
        return connack

    async def close(self) -> None:
        """Send DISCONNECT and close; a peer that does not close in time is cut off."""
        if self._transport is None or self._transport.is_closing():
            return
        try:
            await asyncio.wait_for(self.disconnect(), _CLOSE_LIMIT)
        except TimeoutError:
            await self._abort()

    async def _abort(self) -> None:
        self._answer.cancel()
        if self._transport is not None:
            self._transport.abort()
        if self._connection is not None:
            # gmqtt's close() also ends its keep-alive timer.
            with contextlib.suppress(OSError):
                await self._connection.close()

    async def _create_connection(
        self, host: str, port: int, ssl: object, clean_session: bool, keepalive: int
    ) -> MQTTConnection:
        return self._connection

    def _allow_reconnect(self) -> bool:
        return False

    def _on_connack(self, command: int, body: bytes) -> None:
        if self._answer.done():
            return
        if len(body) < 2:
            self._answer.set_exception(ConnectError("the server's CONNACK is malformed"))
        elif body[1] != 0:
            # gmqtt drops the reason string, and goes on reconnecting after some refusals: of those it never hears.
            self._answer.set_exception(refusal_from_connack(body, self._request.version))
        else:
            self._read_connack(command, body)
            if self._package_handler.has_error:
                self._answer.set_exception(ConnectError("the server's CONNACK is malformed"))
                return
            properties: dict[str, list[Any]] = self._package_handler._connack_properties
            self._answer.set_result(
                Connack(
                    session_present=bool(body[0] & 1),
                    reason_string=_first(properties, "reason_string"),
                    assigned_client_id=_first(properties, "assigned_client_identifier"),
                    server_keep_alive=_first(properties, "server_keep_alive"),
                )
            )

    def _on_end(self, client: object, packet: object, error: Exception | None = None) -> None:
        if not self._answer.done():
            closed = ClosedBeforeConnack()
            closed.__cause__ = error
            self._answer.set_exception(closed)


def _first(properties: dict[str, list[Any]], name: str) -> Any:
    return properties.get(name, [None])[0]
