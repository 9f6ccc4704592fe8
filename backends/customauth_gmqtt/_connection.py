"""An accepted connection: what gmqtt tells, and what it drops of the server's answers."""

from __future__ import annotations

from typing import Any

from gmqtt.mqtt.property import PROPERTIES_BY_NAME

from customauth import (
    ClosedBeforeConnack,
    Connack,
    ConnectError,
    Connection,
    ConnectRequest,
    Disconnected,
    Message,
    MessageProperties,
    MqttVersion,
    RequestError,
    Stage,
    mqtt,
)
from customauth.connection import Answer
from customauth.dialing import Deadline
from customauth.message import NO_PROPERTIES
from customauth.mqtt import Frame, MalformedPacket, PacketType, Property

from ._client import DialledClient
from ._unanswered import Unanswered

_MALFORMED, _PROTOCOL_ERROR = 0x81, 0x82
# Looked up once: a member of an enumeration takes its time to find.
_V5 = MqttVersion.V5
# gmqtt puts two flags of the fixed header among the properties of a message.
_FLAGS = ("dup", "retain")


async def connect(request: ConnectRequest) -> Connection:
    """Make one attempt (:meth:`customauth.Backend.connect`)."""
    deadline = Deadline(request.timeout)
    connection = GmqttConnection(request)
    await connection.client.dial()
    try:
        async with deadline.limit(Stage.CONNACK):
            await connection.open()
    except BaseException:
        await connection.client.wire.abort()
        raise
    return connection


class GmqttConnection(Connection):
    """A connection of gmqtt's client.

    :ivar client: that client.
    """

    def __init__(self, request: ConnectRequest) -> None:
        super().__init__(request)
        self._unanswered = Unanswered()
        self._accepted = False
        self._failure: ConnectError | None = None
        self._reason_string: str | None = None
        client = self.client = DialledClient(request, self._unanswered, self)
        client.on_message = self._on_message
        client.on_subscribe = self._on_subscribe
        client.on_unsubscribe = self._on_unsubscribe
        client.on_disconnect = self._on_disconnect
        client.look_first("connack", self._look_at_connack)
        client.look_first("puback", self._look_at_puback)
        client.look_first("unsuback", self._look_at_unsuback)

    async def open(self) -> None:
        """Send CONNECT and wait for the CONNACK.

        :raises ConnackRefused: it is a refusal.
        :raises ClosedBeforeConnack: there was none.
        :raises ConnectError: something else came.
        """
        request = self.request
        host, port = request.endpoint.dial_target()
        await self.client.connect(host, port, keepalive=request.keep_alive, version=request.version.value)
        if self._failure is not None:
            raise self._failure

    # What Connection asks for.

    def _send_publish(self, message: Message) -> Answer | None:
        packet_id = self.client.send(message)
        return self._unanswered.expect(packet_id) if message.qos else None

    def _send_subscribe(self, topic_filter: str, qos: int) -> Answer:
        packet_id = self.client.subscribe(topic_filter, qos)
        # gmqtt keeps each, also those that are refused, and looks through them all for each SUBACK.
        self.client.subscriptions.clear()
        return self._unanswered.expect(packet_id)

    def _send_unsubscribe(self, topic_filter: str) -> Answer:
        # gmqtt counts the characters of a text, not its bytes.
        return self._unanswered.expect(self.client.unsubscribe([topic_filter.encode()]))

    async def _disconnect(self) -> None:
        self.client.wire.link.over = True
        await self.client.close()

    def _pause_reading(self) -> None:
        self.client.wire.link.pause()

    def _resume_reading(self) -> None:
        self.client.wire.link.resume()

    # What gmqtt tells.

    def _on_message(self, _: object, topic: str | bytes, payload: bytes, qos: int, said: dict[str, Any]) -> None:
        if isinstance(topic, bytes):
            # What gmqtt gives of a topic that is not UTF-8.
            raise MalformedPacket(_MALFORMED, "PUBLISH: the topic is not UTF-8")
        self.client.wire.link.told = True
        # Without properties only the two flags of the fixed header are there.
        properties = NO_PROPERTIES if len(said) == 2 else _properties(said)
        self._received(
            Message(
                topic=topic,
                payload=payload,
                qos=qos,
                retain=said["retain"] == 1,
                duplicate=said["dup"] == 1,
                properties=properties,
            )
        )

    def _on_subscribe(self, _: object, packet_id: int, reason_codes: tuple[int, ...], said: dict[str, Any]) -> None:
        self.client.wire.link.told = True
        self._resolve(packet_id, reason_codes[0], said.get("reason_string", [None])[0])

    def _on_unsubscribe(self, _: object, packet_id: int, reason_codes: tuple[int, ...]) -> None:
        # MQTT 3.1.1 has none.
        self._resolve(packet_id, reason_codes[0] if reason_codes else 0, self._reason_string)

    def _on_disconnect(self, _: object, body: bytes) -> None:
        link = self.client.wire.link
        if link.lost:
            self._lost(link.cause)
            return
        # gmqtt hands over the body as it came.
        packet = mqtt.Disconnect.from_frame(Frame(PacketType.DISCONNECT, 0, body), self.request.version)
        self._finish(Disconnected(packet.reason_code, reason_string=_reason(packet.properties)))

    # What gmqtt drops.

    def _look_at_connack(self, body: bytes) -> bool:
        # gmqtt loses the reason string, goes on after some refusals, and lets what CONNECT asked for hide what the
        # server says instead.
        try:
            self.connack = Connack.from_body(body, self.request.version)
        except ConnectError as error:
            self._refuse(error, error.__cause__)
            return False
        self._accepted = True
        self.client.wire.link.accept()
        return True

    def _look_at_puback(self, body: bytes) -> bool:
        # gmqtt reads no reason code, tells nobody, and only forgets the publish.
        size = len(body)
        if size == 2 or (size == 3 and self.request.version is _V5):
            self._resolve(body[0] << 8 | body[1], body[2] if size == 3 else 0, None)
        else:
            packet = mqtt.Puback.from_frame(Frame(PacketType.PUBACK, 0, body), self.request.version)
            self._resolve(packet.packet_id, packet.reason_code, _reason(packet.properties))
        return True

    def _look_at_unsuback(self, body: bytes) -> bool:
        # gmqtt tells the reason code and not the reason string.
        packet = mqtt.Unsuback.from_frame(Frame(PacketType.UNSUBACK, 0, body), self.request.version)
        self._reason_string = _reason(packet.properties)
        return True

    def _resolve(self, packet_id: int, reason_code: int, reason_string: str | None) -> None:
        answer = self._unanswered.take(packet_id)
        if answer is not None:
            self._answer(answer, reason_code, reason_string)

    # What the wire tells.

    def pause_writing(self) -> None:
        """Let publishes wait: the transport is full."""
        self._hold_publishes()

    def resume_writing(self) -> None:
        """Let publishes go on."""
        self._release_publishes()

    def on_silence(self, seconds: float) -> None:
        """End the connection to a server that does not answer."""
        self._finish(Disconnected(detail=f"no PINGRESP within {seconds:g} s"))

    def take_malformed(self, error: MalformedPacket) -> None:
        """End the connection for what MQTT does not allow."""
        if self.client.wire.link.over:
            return
        if not self._accepted:
            self._refuse(ConnectError("the server answers CONNECT with something else than a CONNACK"), error)
            return
        self.client.wire.send_disconnect(error.reason_code)
        self._finish(Disconnected(detail=f"the server sent what is no packet of MQTT ({error})"), error)

    # How it ends.

    def _lost(self, error: Exception | None) -> None:
        if self._accepted:
            self._finish(Disconnected(detail=str(error or "")), error)
        else:
            self._refuse(ClosedBeforeConnack(), error)

    def _refuse(self, error: ConnectError, cause: BaseException | None) -> None:
        self.client.wire.link.over = True
        error.__cause__ = cause
        self._failure = error
        self.client.give_up()

    def _finish(self, ending: Disconnected, cause: Exception | None = None) -> None:
        self.client.wire.link.over = True
        self.client.wire.hang_up()
        ending.__cause__ = cause
        self._ended(ending)


def _reason(properties: mqtt.Properties) -> str | None:
    text = properties.get(Property.REASON_STRING)
    return text if isinstance(text, str) else None


def _properties(said: dict[str, Any]) -> MessageProperties:
    """Take properties from gmqtt, which has a list of values for each.

    :raises MalformedPacket: no message may have such a value.
    """
    found: mqtt.Properties = {}
    for name, values in said.items():
        if name not in _FLAGS:
            key = Property(PROPERTIES_BY_NAME[name].id)
            found[key] = values if key is Property.USER_PROPERTY else values[0]
    try:
        return MessageProperties.from_wire(found)
    except RequestError as error:
        raise MalformedPacket(_PROTOCOL_ERROR, f"PUBLISH: {error}") from error
