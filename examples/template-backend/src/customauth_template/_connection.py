"""An accepted connection. What a library would do is done by hand here: packets out, packets in, keep-alive."""

import asyncio
from collections.abc import Iterator
from typing import cast

from customauth import (
    Acknowledgement,
    ClosedBeforeConnack,
    Connack,
    ConnectError,
    Connection,
    ConnectRequest,
    Disconnected,
    Message,
    MessageProperties,
    mqtt,
)

# How long a server may take to close after DISCONNECT, in seconds.
_CLOSE_LIMIT = 1.0
_MAX_PACKET = 256 * 1024


class TemplateConnection(Connection, asyncio.Protocol):
    """A connection that is its own asyncio protocol: bytes arrive in :meth:`data_received`."""

    def __init__(self, request: ConnectRequest) -> None:
        super().__init__(request)
        self._frames = mqtt.FrameReader(_MAX_PACKET)
        self._opened: asyncio.Future[Connack] = asyncio.get_running_loop().create_future()
        self._waiting: dict[int, asyncio.Future[Acknowledgement]] = {}
        self._packet_ids = _packet_ids(self._waiting)
        self._gone = asyncio.Event()
        self._pings: asyncio.TimerHandle | None = None
        self._heard = False

    async def open(self) -> Connack:
        """Send CONNECT and wait for the answer. What goes out is the request's, finished: a backend encodes nothing.

        :raises ConnectError: the server refused, closed, or answered what is no CONNACK.
        """
        self._send(self.request.packet())
        connack = await self._opened
        own, servers = self.request.keep_alive, connack.server_keep_alive
        self._keep_alive = own if servers is None else servers
        self._schedule_ping()
        return connack

    # What the contract asks for.

    def _send_publish(self, message: Message) -> asyncio.Future[Acknowledgement] | None:
        packet_id, answer = self._awaited() if message.qos else (None, None)
        self._send(
            mqtt.Publish(
                topic=message.topic,
                payload=message.payload,
                qos=message.qos,
                retain=message.retain,
                packet_id=packet_id,
                properties=message.properties.to_wire(),
            )
        )
        return answer

    def _send_subscribe(self, topic_filter: str, qos: int) -> asyncio.Future[Acknowledgement]:
        packet_id, answer = self._awaited()
        wanted = (mqtt.Subscription(filter=topic_filter, qos=qos),)
        self._send(mqtt.Subscribe(packet_id=packet_id, subscriptions=wanted))
        return answer

    def _send_unsubscribe(self, topic_filter: str) -> asyncio.Future[Acknowledgement]:
        packet_id, answer = self._awaited()
        self._send(mqtt.Unsubscribe(packet_id=packet_id, filters=(topic_filter,)))
        return answer

    async def _disconnect(self) -> None:
        self._stop_pings()
        if not self._transport.is_closing():
            self._send(mqtt.Disconnect())
            self._transport.close()
        try:
            async with asyncio.timeout(_CLOSE_LIMIT):
                await self._gone.wait()
        except TimeoutError:
            self._transport.abort()
            await self._gone.wait()

    def _pause_reading(self) -> None:
        self._transport.pause_reading()

    def _resume_reading(self) -> None:
        self._transport.resume_reading()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport that the dialer has made."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take bytes of the server's."""
        self._heard = True
        try:
            for frame in self._frames.feed(data):
                self._take(frame)
        except mqtt.MalformedPacket as error:
            if not self._opened.done():
                self._refuse("the server sent what is no MQTT", error)
            self._lost(error, f"the server sent a malformed packet: {error}")
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Learn that the transport is gone."""
        self._stop_pings()
        self._gone.set()
        self._lost(exc)

    def pause_writing(self) -> None:
        """Learn that the transport is full."""
        self._hold_publishes()

    def resume_writing(self) -> None:
        """Learn that the transport has room again."""
        self._release_publishes()

    def abort(self) -> None:
        """Give the attempt up."""
        self._transport.abort()

    # What a library would do.

    def _take(self, frame: mqtt.Frame) -> None:
        version = self.request.version
        if not self._opened.done():
            self._take_connack(frame)
            return
        packet = mqtt.decode(frame, version)
        match packet:
            case mqtt.Publish(qos=qos, packet_id=packet_id):
                if qos and packet_id is not None:
                    self._send(mqtt.Puback(packet_id=packet_id))
                self._received(_message(packet))
            case mqtt.Puback(packet_id=packet_id, reason_code=code):
                self._answered_by_server(packet_id, code, packet.properties)
            case mqtt.Suback(packet_id=packet_id, reason_codes=(code, *_)):
                self._answered_by_server(packet_id, code, packet.properties)
            case mqtt.Unsuback(packet_id=packet_id):
                code = packet.reason_codes[0] if packet.reason_codes else 0
                self._answered_by_server(packet_id, code, packet.properties)
            case mqtt.Disconnect(reason_code=code):
                self._ended(Disconnected(code, reason_string=_reason(packet.properties)))
                self._transport.close()

    def _take_connack(self, frame: mqtt.Frame) -> None:
        if frame.type is not mqtt.PacketType.CONNACK:
            self._refuse(f"the server sent {frame.type.name} before a CONNACK")
            return
        try:
            self._opened.set_result(Connack.from_body(frame.body, self.request.version))
        except Exception as error:
            self._opened.set_exception(error)

    def _refuse(self, message: str, cause: Exception | None = None) -> None:
        failure = ConnectError(message)
        failure.__cause__ = cause
        self._opened.set_exception(failure)

    def _answered_by_server(self, packet_id: int, code: int, properties: mqtt.Properties) -> None:
        answer = self._waiting.pop(packet_id, None)
        if answer is not None:
            self._answer(answer, code, _reason(properties))

    def _awaited(self) -> tuple[int, asyncio.Future[Acknowledgement]]:
        packet_id = next(self._packet_ids)
        answer: asyncio.Future[Acknowledgement] = asyncio.get_running_loop().create_future()
        self._waiting[packet_id] = answer
        return packet_id, answer

    def _send(self, packet: mqtt.Packet) -> None:
        self._transport.write(mqtt.encode(packet, self.request.version))

    def _lost(self, error: Exception | None, detail: str = "") -> None:
        if not self._opened.done():
            closed = ClosedBeforeConnack()
            closed.__cause__ = error
            self._opened.set_exception(closed)
        ending = Disconnected(detail=detail)
        ending.__cause__ = error
        self._ended(ending)

    def _schedule_ping(self) -> None:
        if self._keep_alive:
            self._pings = asyncio.get_running_loop().call_later(self._keep_alive, self._ping)

    def _ping(self) -> None:
        # What was not read cannot have been heard: while reading is paused the server counts as alive.
        if not self._heard and self._transport.is_reading():
            self._lost(None, f"no PINGRESP within {self._keep_alive} s")
            self._transport.abort()
            return
        self._heard = False
        self._send(mqtt.Pingreq())
        self._schedule_ping()

    def _stop_pings(self) -> None:
        if self._pings is not None:
            self._pings.cancel()


def _message(packet: mqtt.Publish) -> Message:
    return Message(
        topic=packet.topic,
        payload=packet.payload,
        qos=packet.qos,
        retain=packet.retain,
        duplicate=packet.dup,
        properties=MessageProperties.from_wire(packet.properties),
    )


def _reason(properties: mqtt.Properties) -> str | None:
    text = properties.get(mqtt.Property.REASON_STRING)
    return text if isinstance(text, str) else None


def _packet_ids(taken: dict[int, asyncio.Future[Acknowledgement]]) -> Iterator[int]:
    while True:
        for packet_id in range(1, 65_536):
            if packet_id not in taken:
                yield packet_id
