"""The first byte inside TLS: MQTT, or HTTP (A30, A42, A50, A55)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from string import ascii_letters

from customauth.gateway.config import ApplicationProtocol
from customauth.gateway.http_door import HttpDoor
from customauth.gateway.http_publish import Publish
from customauth.gateway.office import Office
from customauth.gateway.origin import Origin
from customauth.gateway.routing import Spoken
from customauth.gateway.session import MqttSession
from customauth.gateway.tls import Handler, TlsConnection

# How long a client may be silent after the TLS handshake, in seconds.
_SILENCE_LIMIT = 10.0
_MQTT_CONNECT = 0x10
_HTTP_GET = ord("G")
# What the name of an HTTP method begins with.
_METHODS = frozenset(ascii_letters.encode())


class Front:
    """Wait for the first byte, and hand the connection to who speaks what it begins.

    :param publish: takes what was published over HTTPS and allowed, with its payload.
    :param admitted: called when the client is accepted.
    """

    __slots__ = ("_admitted", "_office", "_origin", "_publish", "_timer", "_tls")

    def __init__(
        self,
        tls: TlsConnection,
        office: Office,
        origin: Origin,
        *,
        publish: Callable[[Publish, bytes], None],
        admitted: Callable[[], None],
    ) -> None:
        self._tls = tls
        self._office = office
        self._origin = origin
        self._publish = publish
        self._admitted = admitted
        self._timer = asyncio.get_running_loop().call_later(_SILENCE_LIMIT, self._overdue)

    def received(self, data: bytes) -> None:
        """Take the first bytes."""
        self._timer.cancel()
        handler = self._handler(data[0])
        if handler is None:
            # A50
            text = f"the first byte inside TLS is 0x{data[0]:02x}, which begins neither MQTT nor HTTP"
            self._office.note(self._origin.peer, text, rule="packet-malformed")
            self._tls.close()
            return
        self._tls.hand_over(handler)
        handler.received(data)

    def paused(self) -> None:
        """Nothing was sent yet."""

    def resumed(self) -> None:
        """Nothing was sent yet."""

    def lost(self) -> None:
        """The connection is gone."""
        self._timer.cancel()

    def shutdown(self) -> None:
        """Close; the client has begun nothing."""
        self._tls.close()

    def _handler(self, first: int) -> Handler | None:
        if self._is_mqtt(first):
            return MqttSession(self._tls, self._office, self._origin, Spoken.MQTT, admitted=self._admitted)
        if first not in _METHODS:
            return None
        return HttpDoor(self._tls, self._office, self._origin, publish=self._publish, admitted=self._admitted)

    def _is_mqtt(self, first: int) -> bool:
        domain = self._origin.domain
        protocol = ApplicationProtocol.DEFAULT if domain is None else domain.application_protocol
        if protocol is ApplicationProtocol.DEFAULT and self._origin.alpn == "mqtt":
            # A WebSocket client may offer it too (A30).
            return first != _HTTP_GET
        return protocol is ApplicationProtocol.SECURE_MQTT or first == _MQTT_CONNECT

    def _overdue(self) -> None:
        what = "CONNECT" if self._origin.alpn == "mqtt" else "request"
        self._office.note(self._origin.peer, f"no {what} within {_SILENCE_LIMIT:g} s")
        self._tls.abort()
