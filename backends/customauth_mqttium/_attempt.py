"""One attempt to connect."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

import mqttium
import mqttium.api

from customauth import (
    BackendFault,
    ClosedBeforeConnack,
    ConnackRefused,
    ConnectError,
    Connection,
    ConnectRequest,
    MqttVersion,
    Stage,
)
from customauth.dialing import Deadline, dial

from ._channel import Channel
from ._connection import MqttiumConnection
from ._properties import for_connect, for_will, of_connack, reason

if TYPE_CHECKING:
    from customauth import Will

# mqttium asks where to connect to, which is done already. No name ends so: should it ever try, it gets nowhere.
_NOWHERE = "customauth.invalid"
# Deadlines are customauth's; mqttium wants some, in seconds.
_NEVER = 1e9
# How long a server may take for a PINGRESP at most, in seconds.
_LONGEST_WAIT = 30.0
# mqttium's own limits would be told to the server, or keep back what customauth has let pass, which has its own: these
# are the longest packet of MQTT in bytes, all that MQTT can tell apart, and more than can be.
_MAX_PACKET = 268_435_460
_MAX_UNACKNOWLEDGED = 65_535
_NO_BOUND = 1 << 62

_T = TypeVar("_T")


async def connect(request: ConnectRequest) -> Connection:
    """Make one attempt (:meth:`customauth.Backend.connect`)."""
    deadline = Deadline(request.timeout)
    connection = MqttiumConnection(request)
    _, channel = await dial(lambda: connection.channel, request.endpoint, request.timeout, upgrade=request.upgrade())
    try:
        async with deadline.limit(Stage.CONNACK):
            await _open(connection, channel)
    except BaseException:
        channel.abort()
        raise
    return connection


async def _open(connection: MqttiumConnection, channel: Channel) -> None:
    async def take_transport(*_: Any, **__: Any) -> Channel:
        return channel

    client = connection.client = _client(connection.request)
    client.on_message = connection.on_message
    client.on_disconnect = connection.on_disconnect
    # mqttium's place for other transports has no public name.
    client._transport_factory = take_transport
    try:
        connack = await _not_swallowing_cancellation(client.connect(_NOWHERE, timeout=_NEVER))
    except mqttium.ConnectRefusedError as error:
        raise ConnackRefused(error.reason_code, reason(error.properties)) from error
    except mqttium.ConnectError as error:
        raise BackendFault("this release of mqttium does not take customauth's transport") from error
    except (mqttium.MalformedPacketError, mqttium.ProtocolError) as error:
        raise ConnectError(f"the server's answer to CONNECT is not what MQTT allows: {error}") from error
    except (mqttium.MQTTError, OSError) as error:
        raise ClosedBeforeConnack() from error
    connection.connack = of_connack(connack)


async def _not_swallowing_cancellation(work: Coroutine[Any, Any, _T]) -> _T:
    """Await work, and be cancelled behind it where it was told to be and has gone on.

    mqttium waits for its transport by ``asyncio.wait_for``, which does so until Python 3.12.
    """
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine that awaits is in one
    before = task.cancelling()
    result = await work
    if task.cancelling() > before:
        raise asyncio.CancelledError
    return result


def _client(request: ConnectRequest) -> mqttium.api.AsyncClient:
    v5 = request.version is MqttVersion.V5
    return mqttium.api.AsyncClient(
        request.client_id,
        protocol=mqttium.MQTTProtocolVersion.MQTTv5 if v5 else mqttium.MQTTProtocolVersion.MQTTv311,
        clean_start=request.clean_start,
        keepalive=request.keep_alive,
        username=request.username,
        password=request.password,
        connect_properties=for_connect(request),
        will=None if request.will is None else _will(request.will),
        maximum_packet_size=_MAX_PACKET,
        max_inbound_inflight=_MAX_UNACKNOWLEDGED,
        max_outbound_inflight=_MAX_UNACKNOWLEDGED,
        max_unacknowledged_messages=None,
        max_unacknowledged_bytes=None,
        max_write_queue_messages=_NO_BOUND,
        max_write_queue_bytes=_NO_BOUND,
        message_delivery="callback",
        reconnect=None,
        ping_timeout=min(float(request.keep_alive), _LONGEST_WAIT) or None,
        subscribe_timeout=_NEVER,
    )


def _will(will: Will) -> mqttium.api.PublishMessage:
    return mqttium.api.PublishMessage(
        will.topic, will.payload, qos=will.qos, retain=will.retain, properties=for_will(will)
    )
