"""One attempt and one connection with paho-mqtt."""

from __future__ import annotations

import asyncio
from typing import Any

from paho.mqtt.client import Client, ConnectFlags
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from customauth import (
    ClosedBeforeConnack,
    Connack,
    ConnackRefused,
    ConnectError,
    Connection,
    ConnectRequest,
    MqttVersion,
    Stage,
    refusal_from_connack,
)
from customauth.dialing import Deadline, dial

from ._link import Link

# How long a peer may take to close after DISCONNECT before the connection is cut, in seconds.
_CLOSE_LIMIT = 1.0


async def connect(request: ConnectRequest) -> Connection:
    """Make one attempt (:meth:`customauth.Backend.connect`)."""
    deadline = Deadline(request.timeout)
    _, link = await dial(Link, request.endpoint, request.timeout)
    connection = PahoConnection(request, link)
    try:
        async with deadline.limit(Stage.CONNACK):
            connection.connack = await connection.start()
    finally:
        if not connection.accepted:
            await connection.abort()
    return connection


class PahoConnection(Connection):
    """A paho client whose socket is a :class:`Link`."""

    def __init__(self, request: ConnectRequest, link: Link) -> None:
        self.accepted = False
        self._request = request
        self._link = link
        self._answer: asyncio.Future[Connack] = asyncio.get_running_loop().create_future()
        self._housekeeping: asyncio.TimerHandle | None = None
        self._client = _client(request, link)
        self._client.on_connect = self._on_connect
        link.on_bytes = self._on_bytes
        link.on_end = self._on_end

    async def start(self) -> Connack:
        """Send CONNECT and wait for the answer."""
        request = self._request
        host, port = request.endpoint.dial_target()
        if request.version is MqttVersion.V5:
            self._client.connect(host, port, keepalive=request.keep_alive, clean_start=request.clean_start)
        else:
            self._client.connect(host, port, keepalive=request.keep_alive)
        self._schedule_housekeeping()
        return await self._answer

    async def aclose(self) -> None:
        """Send DISCONNECT and close. (:meth:`customauth.Connection.aclose`)"""
        self._stop_housekeeping()
        if not self._link.ended.is_set():
            self._client.disconnect()
            try:
                await asyncio.wait_for(self._link.ended.wait(), _CLOSE_LIMIT)
            except TimeoutError:
                await self.abort()

    async def abort(self) -> None:
        """Close at once and wait until the transport is gone."""
        self._stop_housekeeping()
        self._link.abort()
        await self._link.ended.wait()

    def _on_connect(
        self, client: Client, userdata: Any, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            return
        self.accepted = True
        connack = Connack(
            session_present=flags.session_present,
            reason_string=getattr(properties, "ReasonString", None),
            assigned_client_id=getattr(properties, "AssignedClientIdentifier", None),
            server_keep_alive=getattr(properties, "ServerKeepAlive", None),
        )
        if not self._answer.done():
            self._answer.set_result(connack)

    def _on_bytes(self) -> None:
        cause = None
        try:
            # paho reads one packet a call.
            while self._link.pending():
                before = self._link.pending()
                self._client.loop_read()
                if self._link.pending() == before:
                    break
        except Exception as error:  # KeyError and others, on reason codes that paho does not know
            cause = error
        if self._client.refusal is not None:
            self._give_up(self._client.refusal, cause)
        elif cause is not None:
            self._give_up(ConnectError("paho could not read the server's answer"), cause)

    def _give_up(self, failure: ConnectError, cause: Exception | None) -> None:
        failure.__cause__ = cause
        if not self._answer.done():
            self._answer.set_exception(failure)
        self._link.abort()

    def _on_end(self, error: Exception | None) -> None:
        self._stop_housekeeping()
        self._give_up(ClosedBeforeConnack(), error)

    def _schedule_housekeeping(self) -> None:
        # paho looks at its clock here to send PINGREQ; a tenth of the keep alive keeps it well within 1.5 times (E10).
        interval = max(self._request.keep_alive / 10, 1.0)
        self._housekeeping = asyncio.get_running_loop().call_later(interval, self._keep_house)

    def _keep_house(self) -> None:
        self._client.loop_misc()
        self._schedule_housekeeping()

    def _stop_housekeeping(self) -> None:
        if self._housekeeping is not None:
            self._housekeeping.cancel()
            self._housekeeping = None


class _LinkedClient(Client):
    """A paho client that is given its socket, and keeps a refusal as the server sent it.

    paho turns MQTT 3.1.1 return codes into MQTT 5 reason codes and does not know all of those.
    """

    link: Link
    refusal: ConnackRefused | None = None

    def _create_socket(self) -> Any:
        return self.link

    def _handle_connack(self) -> MQTTErrorCode:
        body = bytes(self._in_packet["packet"])
        if len(body) >= 2 and body[1] != 0:
            v5 = self._protocol == MQTTProtocolVersion.MQTTv5
            self.refusal = refusal_from_connack(body, MqttVersion.V5 if v5 else MqttVersion.V311)
        return super()._handle_connack()


def _client(request: ConnectRequest, link: Link) -> _LinkedClient:
    v5 = request.version is MqttVersion.V5
    client = _LinkedClient(
        CallbackAPIVersion.VERSION2,
        client_id=request.client_id,
        # MQTT 5 has clean start, given to connect(), in its place.
        clean_session=None if v5 else request.clean_start,
        protocol=MQTTProtocolVersion.MQTTv5 if v5 else MQTTProtocolVersion.MQTTv311,
        reconnect_on_failure=False,
    )
    client.link = link
    username = request.credentials.mqtt_username()
    if username is not None:
        client.username_pw_set(username)
        # username_pw_set() is typed for text; the wire takes any bytes.
        client._password = request.credentials.password
    return client
