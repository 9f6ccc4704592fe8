"""paho's client on a link. It packs, reads, acknowledges and tells; what it loses or refuses is mended here.

Each hook says what paho gets wrong. What paho can read is read by paho.
"""

from __future__ import annotations

from asyncio import Future
from typing import Any, Protocol

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MessageType, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from customauth import (
    Acknowledgement,
    Connack,
    ConnectError,
    ConnectRequest,
    Message,
    MessageProperties,
    MqttVersion,
    RequestError,
    mqtt,
)
from customauth.message import check_topic
from customauth.mqtt import Frame, MalformedPacket, PacketType, Property

from ._link import Link
from ._properties import from_paho, of_connect, of_message, of_will, reason_string

_MAX_PACKET_ID = 65_535
# So many requests are kept before those that nobody waits for any more are looked for.
_MANY = 256
# MQTT 5, 2.4.
_MALFORMED_PACKET = 0x81
_PROTOCOL_ERROR = 0x82
_TOPIC_ALIAS_INVALID = 0x94
# The first bytes of what a server may send before CONNACK, and after: no QoS 2, which nobody asked for.
_AT_FIRST = frozenset({0x20})
_LATER = frozenset({0x30, 0x31, 0x32, 0x33, 0x3A, 0x3B, 0x40, 0x90, 0xB0, 0xD0})
_DISCONNECT = frozenset({0xE0})


class Listener(Protocol):
    """What learns what the server says."""

    def accepted(self, connack: Connack) -> None:
        """Take the CONNACK that accepts."""

    def received(self, message: Message) -> None:
        """Take a message."""

    def left(self, reason_code: int, reason_string: str | None) -> None:
        """Take a DISCONNECT."""

    def lost(self) -> None:
        """Learn that the connection is gone."""


class LinkedClient(Client):
    """A paho client whose socket is a :class:`Link`.

    :ivar awaited: the answers to come, by packet identifier.
    """

    def __init__(self, request: ConnectRequest, link: Link, listener: Listener) -> None:
        v5 = request.version is MqttVersion.V5
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=request.client_id,
            # MQTT 5 has clean start in its place, which connect() takes.
            clean_session=None if v5 else request.clean_start,
            protocol=MQTTProtocolVersion.MQTTv5 if v5 else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        self.awaited: dict[int, Future[Acknowledgement]] = {}
        self._request = request
        self._link = link
        self._listener = listener
        self._expected = _AT_FIRST
        self._connack = Connack()
        self._reason_code = 0
        self._look_at = _MANY
        self.max_inflight_messages_set(0)
        self.on_connect = self._tell_connack
        self.on_message = self._tell_message
        self.on_subscribe = self._tell_suback
        self.on_unsubscribe = self._tell_unsuback
        self.on_disconnect = self._tell_end

    def open(self) -> None:
        """Send CONNECT."""
        request = self._request
        # It is typed for a password of text, and takes bytes as they are.
        self.username_pw_set(request.username, request.password)  # type: ignore[arg-type]
        will = request.will
        if will is not None:
            self.will_set(will.topic, will.payload, will.qos, will.retain, of_will(will))
        host, port = request.endpoint.dial_target()
        if request.version is MqttVersion.V5:
            clean_start, properties = request.clean_start, of_connect(request)
            self.connect(host, port, request.keep_alive, clean_start=clean_start, properties=properties)
        else:
            self.connect(host, port, request.keep_alive)

    def send(self, message: Message) -> int:
        """Publish, and return the packet identifier."""
        return self.publish(
            message.topic, message.payload, message.qos, message.retain, of_message(message.properties)
        ).mid

    def ping(self) -> None:
        """Send PINGREQ."""
        self._send_pingreq()

    def read(self) -> None:
        """Let paho read all that may be read.

        :raises MalformedPacket: the server broke the protocol.
        :raises ConnectError: it does not accept.
        """
        # Not at other times: paho would make a reason code and properties for each publish at QoS 0 to tell that it
        # was sent, which takes longer than sending it.
        self.on_publish = self._tell_puback
        try:
            while self._link.readable and self.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS:
                pass
        finally:
            self.on_publish = None

    def say_why(self, reason_code: int) -> None:
        """Send DISCONNECT with a reason code, which only MQTT 5 has."""
        if self._request.version is MqttVersion.V5:
            self.disconnect(ReasonCode(PacketTypes.DISCONNECT, identifier=reason_code))

    # paho's callbacks.

    def _tell_connack(
        self, client: Client, userdata: Any, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        self._accept()

    def _tell_message(self, client: Client, userdata: Any, message: MQTTMessage) -> None:
        self._listener.received(_message(message))

    def _tell_puback(
        self, client: Client, userdata: Any, mid: int, reason: ReasonCode, properties: Properties | None
    ) -> None:
        self._settle(mid, reason.value, reason_string(properties))

    def _tell_suback(
        self, client: Client, userdata: Any, mid: int, reasons: list[ReasonCode], properties: Properties | None
    ) -> None:
        # Where there is none, _read_again() says so.
        self._settle(mid, reasons[0].value, reason_string(properties))

    def _tell_unsuback(
        self, client: Client, userdata: Any, mid: int, reasons: list[ReasonCode], properties: Properties | None
    ) -> None:
        # MQTT 3.1.1 has no reason code here.
        self._settle(mid, reasons[0].value if reasons else 0, reason_string(properties))

    def _tell_end(
        self, client: Client, userdata: Any, flags: DisconnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if flags.is_disconnect_packet_from_server:
            self._listener.left(self._reason_code, reason_string(properties))
        else:
            self._listener.lost()

    # Hooks in what paho sends.

    def _create_socket(self) -> Any:
        return self._link

    def _send_connect(self, keepalive: int) -> MQTTErrorCode:
        # paho leaves out a password without a user name, which MQTT 5 allows.
        if self._request.password is not None and self._request.username is None:
            packet = self._request.packet().to_wire(self._request.version)
            return self._packet_queue(MessageType.CONNECT, packet, 0, 0)
        return super()._send_connect(keepalive)

    def _mid_generate(self) -> int:
        # paho takes the next whether or not its answer is awaited, and keeps for ever what is never answered.
        if len(self.awaited) >= self._look_at:
            for stale in [mid for mid, answer in self.awaited.items() if answer.done()]:
                self._forget(stale)
            self._look_at = max(_MANY, 2 * len(self.awaited))
        mid = self._last_mid
        for _ in range(_MAX_PACKET_ID):
            mid = mid % _MAX_PACKET_ID + 1
            answer = self.awaited.get(mid)
            if answer is None or answer.done():
                self._forget(mid)
                self._last_mid = mid
                return mid
        raise RequestError(f"{_MAX_PACKET_ID} requests wait for the server's answer already; await some first")

    # Hooks in what paho reads.

    def _packet_read(self) -> MQTTErrorCode:
        # paho waits for as many bytes as garbage says, and takes what no server may send: another CONNACK, PUBCOMP for
        # PUBACK, QoS 2 that nobody asked for.
        first = None if self._in_packet["command"] else self._link.peek()
        if first is not None and first not in self._expected:
            raise MalformedPacket(_PROTOCOL_ERROR, f"a packet that begins with 0x{first:02X} is not to be sent here")
        rc = super()._packet_read()
        # It closes without a word to the server; of what is in a packet _packet_handle() knows more.
        if rc == MQTTErrorCode.MQTT_ERR_PROTOCOL:
            raise MalformedPacket(_MALFORMED_PACKET, "the remaining length is longer than four bytes")
        return rc

    def _packet_handle(self) -> MQTTErrorCode:
        # paho refuses reason codes that its tables lack, U+FEFF in text (MQTT 5, 1.5.4 allows it) and sizes above
        # 268,435,455; what is malformed indeed it does not name. 2.1 raises what its parser stumbles on.
        try:
            rc = super()._packet_handle()
        except (ConnectError, MalformedPacket):
            raise
        except Exception:
            rc = MQTTErrorCode.MQTT_ERR_PROTOCOL
        if rc == MQTTErrorCode.MQTT_ERR_PROTOCOL:
            self._read_again()
            rc = MQTTErrorCode.MQTT_ERR_SUCCESS
        return rc

    def _handle_connack(self) -> MQTTErrorCode:
        # paho turns the return codes of MQTT 3.1.1 into those of MQTT 5, of which it does not know all, and of some
        # refusals it does not tell.
        self._connack = Connack.from_body(bytes(self._in_packet["packet"]), self._request.version)
        return super()._handle_connack()

    def _handle_disconnect(self) -> None:
        # paho 2.1 loses the reason code where no properties follow.
        body = self._in_packet["packet"]
        self._reason_code = body[0] if body else 0
        super()._handle_disconnect()

    def _read_again(self) -> None:
        """Read the packet that paho cannot read.

        :raises MalformedPacket: nobody can.
        """
        command = self._in_packet["command"]
        frame = Frame(PacketType(command >> 4), command & 0x0F, bytes(self._in_packet["packet"]))
        match mqtt.decode(frame, self._request.version):
            case mqtt.Connack():
                self._accept()
            case mqtt.Publish() as publish:
                self._listener.received(_message_of(publish))
                if publish.packet_id is not None:
                    self._send_puback(publish.packet_id)
            case mqtt.Puback() | mqtt.Suback() | mqtt.Unsuback() as packet:
                code = packet.reason_code if isinstance(packet, mqtt.Puback) else (packet.reason_codes or (0,))[0]
                self._settle(packet.packet_id, code, _reason(packet.properties))
                self._out_messages.pop(packet.packet_id, None)
            case mqtt.Disconnect() as disconnect:
                self._listener.left(disconnect.reason_code, _reason(disconnect.properties))

    def _accept(self) -> None:
        self._expected = _LATER | _DISCONNECT if self._request.version is MqttVersion.V5 else _LATER
        self._listener.accepted(self._connack)

    def _settle(self, mid: int, reason_code: int, reason: str | None) -> None:
        answer = self.awaited.pop(mid, None)
        if answer is not None and not answer.done():
            answer.set_result(Acknowledgement(reason_code=reason_code, reason_string=reason))

    def _forget(self, mid: int) -> None:
        self.awaited.pop(mid, None)
        self._out_messages.pop(mid, None)


def _message(read: MQTTMessage) -> Message:
    # paho takes topic aliases, which CONNECT did not allow, and any topic. What this raises, _read_again() names.
    topic = read.topic
    check_topic(topic)
    return Message(
        topic=topic,
        payload=bytes(read.payload),
        qos=read.qos,
        retain=read.retain,
        duplicate=read.dup,
        properties=from_paho(read.properties),
    )


def _message_of(publish: mqtt.Publish) -> Message:
    if not publish.topic:
        raise MalformedPacket(_TOPIC_ALIAS_INVALID, "PUBLISH: a topic alias, which CONNECT did not allow")
    return Message(
        topic=publish.topic,
        payload=publish.payload,
        qos=publish.qos,
        retain=publish.retain,
        duplicate=publish.dup,
        properties=MessageProperties.from_wire(publish.properties),
    )


def _reason(properties: mqtt.Properties) -> str | None:
    said = properties.get(Property.REASON_STRING)
    return said if isinstance(said, str) else None
