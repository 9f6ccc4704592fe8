"""A backend on customauth's own dialer and packets, with no MQTT library. Import as ``rawbackend``."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any, ClassVar

from customauth import (
    Backend,
    ClosedBeforeConnack,
    Connack,
    Connection,
    ConnectRequest,
    Disconnected,
    Feature,
    Message,
    MessageProperties,
    MqttVersion,
    Stage,
    mqtt,
)
from customauth.connection import Answer
from customauth.dialing import Deadline, dial

_MAX_PACKET = 1 << 20
_CLOSE_LIMIT = 5.0
_P = mqtt.Property


class RawBackend(Backend):
    """One attempt over the dialer.

    :ivar requests: every request so far.
    """

    name: ClassVar[str] = "raw"
    library: ClassVar[str] = "customauth"
    features: ClassVar[frozenset[Feature]] = frozenset(
        {
            Feature.MQTT5,
            Feature.MQTT311,
            Feature.ADDRESS,
            Feature.WEBSOCKET,
            Feature.OMIT_USERNAME,
            Feature.CONNACK_CODE_311,
            Feature.BACK_PRESSURE,
        }
    )

    def __init__(self) -> None:
        self.requests: list[ConnectRequest] = []

    async def connect(self, request: ConnectRequest) -> Connection:
        self.requests.append(request)
        deadline = Deadline(request.timeout)
        connection = RawConnection(request)
        transport, _ = await dial(lambda: connection.wire, request.endpoint, request.timeout, upgrade=request.upgrade())
        try:
            connection.send(_connect_packet(request))
            async with deadline.limit(Stage.CONNACK):
                connection.connack = await connection.wire.accepted
        except BaseException:
            transport.abort()
            raise
        connection.begin()
        return connection


class _Wire(asyncio.Protocol):
    """Cuts what arrives into packets, and knows when it ends."""

    def __init__(self, connection: RawConnection) -> None:
        self.connection = connection
        self.frames = mqtt.FrameReader(_MAX_PACKET)
        self.accepted: asyncio.Future[Connack] = asyncio.get_running_loop().create_future()
        self.gone = asyncio.Event()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        for frame in self.frames.feed(data):
            if frame.type is not mqtt.PacketType.CONNACK:
                self.connection.take(mqtt.decode(frame, self.connection.request.version))
            elif not self.accepted.done():
                try:
                    self.accepted.set_result(Connack.from_body(frame.body, self.connection.request.version))
                except Exception as error:
                    self.accepted.set_exception(error)

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone.set()
        if not self.accepted.done():
            self.accepted.set_exception(ClosedBeforeConnack())
        self.connection.lost(exc)

    def pause_writing(self) -> None:
        self.connection._hold_publishes()

    def resume_writing(self) -> None:
        self.connection._release_publishes()


class RawConnection(Connection):
    def __init__(self, request: ConnectRequest) -> None:
        super().__init__(request)
        self.wire = _Wire(self)
        self._ids = itertools.cycle(range(1, 65_536))
        self._open: dict[int, Answer] = {}
        self._disconnect_packet: mqtt.Disconnect | None = None
        self._pinging: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self._pinging = asyncio.create_task(self._ping())

    def send(self, packet: Any) -> None:
        self.wire.transport.write(mqtt.encode(packet, self.request.version))

    def take(self, packet: object) -> None:
        version = self.request.version
        match packet:
            case mqtt.Publish():
                self._received(_message(packet))
                if packet.packet_id is not None:
                    self.send(mqtt.Puback(packet_id=packet.packet_id))
            case mqtt.Puback(packet_id=number, reason_code=code):
                self._resolve(number, code, packet.properties)
            case mqtt.Suback(packet_id=number, reason_codes=codes):
                self._resolve(number, codes[0], packet.properties)
            case mqtt.Unsuback(packet_id=number):
                codes = packet.reason_codes if version is MqttVersion.V5 else (0,)
                self._resolve(number, codes[0], packet.properties)
            case mqtt.Disconnect():
                self._disconnect_packet = packet
                self._ended(Disconnected(packet.reason_code, reason_string=_text(packet.properties)))

    def lost(self, cause: Exception | None) -> None:
        ending = Disconnected()
        ending.__cause__ = cause
        self._ended(ending)

    def _resolve(self, number: int, code: int, properties: mqtt.Properties) -> None:
        answer = self._open.pop(number, None)
        if answer is not None:
            self._answer(answer, code, _text(properties))

    def _expect(self) -> tuple[int, Answer]:
        number = next(number for number in self._ids if number not in self._open)
        answer: Answer = asyncio.get_running_loop().create_future()
        self._open[number] = answer
        return number, answer

    def _send_publish(self, message: Message) -> Answer | None:
        number, answer = self._expect() if message.qos else (None, None)
        self.send(
            mqtt.Publish(
                topic=message.topic,
                payload=message.payload,
                qos=message.qos,
                retain=message.retain,
                packet_id=number,
                properties=_wire_properties(message.properties),
            )
        )
        return answer

    def _send_subscribe(self, topic_filter: str, qos: int) -> Answer:
        number, answer = self._expect()
        self.send(mqtt.Subscribe(packet_id=number, subscriptions=(mqtt.Subscription(filter=topic_filter, qos=qos),)))
        return answer

    def _send_unsubscribe(self, topic_filter: str) -> Answer:
        number, answer = self._expect()
        self.send(mqtt.Unsubscribe(packet_id=number, filters=(topic_filter,)))
        return answer

    def _pause_reading(self) -> None:
        self.wire.transport.pause_reading()

    def _resume_reading(self) -> None:
        self.wire.transport.resume_reading()

    async def _ping(self) -> None:
        every = self.connack.server_keep_alive or self.request.keep_alive
        while every:
            await asyncio.sleep(every)
            self.send(mqtt.Pingreq())

    async def _disconnect(self) -> None:
        assert self._pinging is not None
        self._pinging.cancel()
        await asyncio.gather(self._pinging, return_exceptions=True)
        if not self.wire.gone.is_set():
            if self._disconnect_packet is None:
                self.send(mqtt.Disconnect())
            self.wire.transport.close()
            try:
                async with asyncio.timeout(_CLOSE_LIMIT):
                    await self.wire.gone.wait()
            except TimeoutError:
                self.wire.transport.abort()


def _connect_packet(request: ConnectRequest) -> mqtt.Connect:
    properties: mqtt.Properties = {}
    if request.session_expiry is not None:
        properties[_P.SESSION_EXPIRY_INTERVAL] = request.session_expiry
    if request.user_properties:
        properties[_P.USER_PROPERTY] = list(request.user_properties)
    will = None
    if request.will is not None:
        will = mqtt.Will(
            topic=request.will.topic,
            payload=request.will.payload,
            qos=request.will.qos,
            retain=request.will.retain,
            properties=_wire_properties(request.will.properties),
        )
    return mqtt.Connect(
        version=request.version,
        client_id=request.client_id,
        clean_start=request.clean_start,
        keep_alive=request.keep_alive,
        username=request.username,
        password=request.password,
        will=will,
        properties=properties,
    )


def _wire_properties(properties: MessageProperties) -> mqtt.Properties:
    said: dict[mqtt.Property, Any] = {
        _P.PAYLOAD_FORMAT_INDICATOR: 1 if properties.utf8 else None,
        _P.MESSAGE_EXPIRY_INTERVAL: properties.message_expiry,
        _P.CONTENT_TYPE: properties.content_type,
        _P.RESPONSE_TOPIC: properties.response_topic,
        _P.CORRELATION_DATA: properties.correlation_data,
        _P.USER_PROPERTY: list(properties.user_properties) or None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _message(packet: mqtt.Publish) -> Message:
    said: dict[mqtt.Property, Any] = dict(packet.properties)
    return Message(
        topic=packet.topic,
        payload=packet.payload,
        qos=packet.qos,
        retain=packet.retain,
        duplicate=packet.dup,
        properties=MessageProperties(
            response_topic=said.get(_P.RESPONSE_TOPIC),
            correlation_data=said.get(_P.CORRELATION_DATA),
            content_type=said.get(_P.CONTENT_TYPE),
            message_expiry=said.get(_P.MESSAGE_EXPIRY_INTERVAL),
            user_properties=tuple(said.get(_P.USER_PROPERTY, ())),
            utf8=said.get(_P.PAYLOAD_FORMAT_INDICATOR) == 1,
        ),
    )


def _text(properties: mqtt.Properties) -> str | None:
    text = properties.get(_P.REASON_STRING)
    return text if isinstance(text, str) else None
