"""gmqtt's client on the dialer: one attempt, nothing kept, nothing sent twice."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

import gmqtt
from gmqtt.mqtt.property import PROPERTIES_BY_ID

from customauth import ConnectRequest, Message, mqtt
from customauth.dialing import dial
from customauth.message import NO_PROPERTIES

from ._unanswered import KeepsNothing, Unanswered
from ._wire import Link, Listener, Wire

# How long a peer may take to close after DISCONNECT before the connection is cut, in seconds.
_CLOSE_LIMIT = 1.0

# What gmqtt warns of is told by exceptions here; without a handler Python would print it to the terminal.
logging.getLogger("gmqtt").addHandler(logging.NullHandler())

PacketHandler = Callable[[int, bytes], None]
"""What handles a packet of one type in gmqtt: called with its first byte and its body."""


class DialledClient(gmqtt.Client):  # type: ignore[misc]  # gmqtt ships no types
    """A gmqtt client for one connection of customauth's dialer.

    :ivar wire: its protocol, from :meth:`dial` on.
    """

    wire: Wire

    def __init__(self, request: ConnectRequest, unanswered: Unanswered, listener: Listener) -> None:
        said: dict[str, Any] = {}
        if request.session_expiry is not None:
            said["session_expiry_interval"] = request.session_expiry
        if request.user_properties:
            said["user_property"] = list(request.user_properties)
        super().__init__(
            # gmqtt counts the characters of a text, not its bytes.
            request.client_id.encode(),
            clean_session=request.clean_start,
            will_message=None if request.will is None else _will(request.will.to_wire()),
            persistent_storage=KeepsNothing(),
            **said,
        )
        self._request = request
        self._listener = listener
        self._unanswered = unanswered
        if request.username is None:
            self._password = request.password
        else:
            self.set_auth_credentials(request.username, request.password)

    async def dial(self) -> None:
        """Open the transport that :meth:`connect` uses."""
        request = self._request
        await dial(self._make_wire, request.endpoint, request.timeout, upgrade=request.upgrade())

    def look_first(self, kind: str, look: Callable[[bytes], bool]) -> None:
        """Let ``look`` see the bodies of packets of one type; gmqtt handles those for which it returns True."""
        name = f"_handle_{kind}_packet"
        handle: PacketHandler = getattr(self._package_handler, name)

        def look_and_handle(first_byte: int, body: bytes) -> None:
            if look(body):
                handle(first_byte, body)

        setattr(self._package_handler, name, look_and_handle)

    def send(self, message: Message) -> int:
        """Publish, and return the packet identifier, which counts at QoS 1."""
        properties = message.properties
        named = {} if properties is NO_PROPERTIES else _named(properties.to_wire())
        # Where one is awaited before the next is sent, each step of the event loop would be time lost.
        self.wire.at_once = message.qos > 0 and self._unanswered.none()
        self.publish(message.topic, message.payload, qos=message.qos, retain=message.retain, **named)
        return self._unanswered.last

    def give_up(self) -> None:
        """Let :meth:`connect` return, which gmqtt's own never does when there is no CONNACK."""
        self._connack_received.set()

    async def close(self) -> None:
        """Send DISCONNECT where there still is a connection, and close; a peer that does not close in time is cut."""
        if not self.wire.link.is_closing():
            # It may take too long, or the connection may break meanwhile.
            with contextlib.suppress(OSError):
                async with asyncio.timeout(_CLOSE_LIMIT):
                    await self.disconnect()
        await self.wire.abort()

    # What gmqtt asks itself for.

    async def _create_connection(self, *_: Any, **__: Any) -> Link:
        return self.wire.link

    def _allow_reconnect(self) -> bool:
        # gmqtt would after a loss and some refusals, and neither stop_reconnect() nor 0 retries stop it.
        return False

    async def _wait_qos_queue_drained(self) -> None:
        # Nothing is ever stored.
        return

    def _make_wire(self) -> Wire:
        self.wire = Wire(
            self._request,
            self._listener,
            self._package_handler,
            connection_state=self._connection_state,
            id_generator=self._unanswered,
        )
        return self.wire


def _will(will: mqtt.Will) -> gmqtt.Message:
    return gmqtt.Message(will.topic, will.payload, will.qos, will.retain, **_named(will.properties))


def _named(properties: mqtt.Properties) -> dict[str, Any]:
    """Return properties under gmqtt's names for them."""
    return {PROPERTIES_BY_ID[key].name: value for key, value in properties.items()}
