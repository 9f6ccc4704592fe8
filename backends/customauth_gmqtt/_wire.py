"""gmqtt's protocol and connection on a transport of the dialer, with what they get wrong."""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING, Any, Protocol, cast

from gmqtt.mqtt.handler import MqttPackageHandler
from gmqtt.mqtt.package import Package
from gmqtt.mqtt.protocol import BaseMQTTProtocol, MQTTProtocol

from customauth import ConnectRequest, MqttVersion
from customauth.mqtt import MalformedPacket

from ._keep_alive import KeptAlive

if TYPE_CHECKING:
    from customauth.dialing.layer import Layer

_MALFORMED, _PROTOCOL_ERROR = 0x81, 0x82
# What gmqtt's handlers raise for a body that they cannot read.
_UNREADABLE = (struct.error, ValueError, LookupError)
# First bytes: what may come before the server has accepted, and after; PUBLISH at QoS 0 and 1 without wrong flags.
_CONNACK = frozenset({0x20})
_PUBLISH = frozenset({0x30, 0x31, 0x32, 0x33, 0x3A, 0x3B})
_LATER = _PUBLISH | {0x40, 0x90, 0xB0, 0xD0}
# Those that gmqtt may skip without a word.
_TOLD = _PUBLISH | {0x90}
_DISCONNECT = 0xE0
_ENDLESS = "the remaining length of a packet is longer than four bytes"


class Listener(Protocol):
    """What learns from a wire what gmqtt's callbacks do not tell."""

    def take_malformed(self, error: MalformedPacket) -> None:
        """Learn that the server sends what is no MQTT, or not what it may send."""

    def on_silence(self, seconds: float) -> None:
        """Learn that nothing was heard after a PINGREQ."""

    def pause_writing(self) -> None:
        """Learn that the transport is full."""

    def resume_writing(self) -> None:
        """Learn that the transport has room again."""


class Link(KeptAlive):
    """gmqtt's connection: what gives each packet that arrives to gmqtt's package handler.

    :ivar over: whether nothing that arrives counts any more.
    :ivar lost: whether the transport is gone.
    :ivar cause: why, where the transport knows.
    :ivar told: set by every callback of gmqtt's.
    """

    def __init__(self, *positional: Any, version: MqttVersion, **named: Any) -> None:
        super().__init__(*positional, **named)
        self.over = self.lost = self.told = False
        self.cause: Exception | None = None
        self._may_come = _CONNACK
        self._later = _LATER | {_DISCONNECT} if version is MqttVersion.V5 else _LATER

    def accept(self) -> None:
        """Learn that the server has accepted."""
        super().accept()
        self._may_come = self._later

    def begin(self, command: int) -> None:
        """Learn how a packet begins that is not complete yet.

        :raises MalformedPacket: no server may send it.
        """
        if command not in self._may_come and not self.over:
            raise _not_for_servers(command)

    def put_package(self, pkg: Package) -> None:
        """Take a packet. (gmqtt's protocol calls it.)

        gmqtt takes from a server whatever it can read and answers some of it, a second CONNACK and QoS 2 included. The
        errors of its handlers it only logs, and a PUBLISH or SUBACK whose properties or topic it does not understand
        it skips: a message would be missing and nobody would know.

        :raises MalformedPacket: no server may send it, or gmqtt cannot read it.
        """
        if self.over:
            return
        command = pkg.cmd
        if command not in self._may_come and not self.lost:
            raise _not_for_servers(command)
        self.told = False
        try:
            self._handler._handle_packet(command, pkg.data)
        except MalformedPacket:
            raise
        except _UNREADABLE as error:
            raise MalformedPacket(_MALFORMED, f"a packet that begins with 0x{command:02X} cannot be read") from error
        if not self.told and command in _TOLD:
            raise MalformedPacket(_PROTOCOL_ERROR, f"a packet that begins with 0x{command:02X} is not understood")


class Wire(MQTTProtocol):  # type: ignore[misc]  # gmqtt ships no types
    """gmqtt's protocol, which writes and cuts what arrives into packets, without its task that reads.

    What arrives is given to gmqtt's parser at once. The task would wait in a StreamReader for a turn of its own, which
    makes the round trip of a publish at QoS 1 a seventh longer: more than this backend may take beside bare gmqtt.

    :ivar link: gmqtt's connection, from :meth:`connection_made` on.
    :ivar at_once: whether the next packet goes out at once, and not together with those after it.
    :ivar gone: set when the transport is gone.
    """

    link: Link

    def __init__(
        self, request: ConnectRequest, listener: Listener, package_handler: MqttPackageHandler, **named: Any
    ) -> None:
        super().__init__(**named)
        self._request = request
        self._listener = listener
        self._package_handler = package_handler
        self._held = bytearray()
        self._needed = 0
        self.at_once = False
        self.gone = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # MQTTProtocol's own would start the task.
        BaseMQTTProtocol.connection_made(self, cast("asyncio.Transport", transport))
        # gmqtt forgets its own when the connection is lost.
        self._layer = cast("Layer", transport)
        request = self._request
        self.link = Link(
            transport,
            self,
            request.clean_start,
            request.keep_alive,
            package_handler=self._package_handler,
            version=request.version,
            on_silence=self._listener.on_silence,
        )

    def data_received(self, data: bytes) -> None:
        self.link.heard()
        if self._held:
            self._held += data
            # gmqtt would copy all of a long packet again for each piece of it.
            if len(self._held) < self._needed:
                return
            data = bytes(self._held)
            self._held.clear()
        try:
            parsed = self._read_packet(data)
            if parsed < 0:
                raise MalformedPacket(_MALFORMED, _ENDLESS)
            if parsed < len(data):
                self._hold(data[parsed:])
        except MalformedPacket as error:
            self._listener.take_malformed(error)

    def connection_lost(self, error: Exception | None) -> None:
        # gmqtt reports it as a DISCONNECT, without the cause.
        self.link.lost, self.link.cause = True, error
        super().connection_lost(error)
        self.gone.set()

    def pause_writing(self) -> None:
        self._listener.pause_writing()

    def resume_writing(self) -> None:
        self._listener.resume_writing()

    def write_data(self, data: bytes | bytearray) -> None:
        if self.at_once:
            self.at_once = False
            self.link.spoken()
            self._layer.write_now(bytes(data))
        else:
            super().write_data(data)

    async def send_auth_package(
        self, client_id: bytes, username: bytes | None, password: bytes | None, *rest: Any, **named: Any
    ) -> None:
        # The answer is awaited.
        self.at_once = True
        if username is None and password is not None:
            # gmqtt leaves out a password that has no user name.
            self.write_data(self._request.packet().to_wire(self._request.version))
        else:
            await super().send_auth_package(client_id, username, password, *rest, **named)

    def hang_up(self) -> None:
        """Close at once, after what can be sent at once."""
        self.link.stop()
        self._layer.close()
        self._layer.abort()

    async def abort(self) -> None:
        """Close at once, and wait until that is done."""
        self.link.stop()
        self._layer.abort()
        await self.gone.wait()

    def _hold(self, rest: bytes) -> None:
        """Keep the beginning of a packet.

        :raises MalformedPacket: gmqtt would wait for ever for the rest: it is none that a server may send, or its
            length has no end.
        """
        self.link.begin(rest[0])
        size = 0
        for number, byte in enumerate(rest[1:5]):
            size |= (byte & 0x7F) << 7 * number
            if byte < 0x80:
                self._needed = 2 + number + size
                break
        else:
            if len(rest) > 4:
                raise MalformedPacket(_MALFORMED, _ENDLESS)
            self._needed = len(rest) + 1
        self._held += rest


def _not_for_servers(command: int) -> MalformedPacket:
    return MalformedPacket(_PROTOCOL_ERROR, f"a server may not send a packet that begins with 0x{command:02X}")
