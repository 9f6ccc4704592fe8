"""CONNECT and the will that it may carry (MQTT 5, 3.1)."""

from typing import ClassVar, Final

from attrs import field, frozen

from .framing import Frame, encode_frame
from .properties import Properties, Property, PropertyHolder, decode_properties, encode_properties, shown
from .protocol import (
    PROTOCOL_ERROR,
    UNSUPPORTED_PROTOCOL_VERSION,
    MqttVersion,
    PacketType,
    UnsupportedProtocolLevel,
)
from .wire import Reader, encode_binary, encode_text, encode_uint

_RESERVED: Final = 0x01
_CLEAN_START: Final = 0x02
_WILL: Final = 0x04
_WILL_QOS: Final = 0x18
_WILL_RETAIN: Final = 0x20
_PASSWORD: Final = 0x40
_USERNAME: Final = 0x80


@frozen(kw_only=True)
class Will:
    """The message that the server publishes when the connection ends without a DISCONNECT.

    ``qos`` is 0, 1 or 2; ``properties`` are of MQTT 5 only.
    """

    topic: str
    payload: bytes = field(repr=False)
    qos: int = 0
    retain: bool = False
    properties: Properties = field(factory=dict, repr=shown)


@frozen(kw_only=True)
class Connect:
    """The packet that opens a connection.

    ``clean_start`` is the Clean Session flag of MQTT 3.1.1; ``keep_alive`` is in seconds, 0 (none) to 65,535.
    """

    type: ClassVar[PacketType] = PacketType.CONNECT

    version: MqttVersion
    client_id: str
    clean_start: bool = True
    keep_alive: int = 60
    # For a custom authorizer the user name carries the token and its signature (A1).
    username: str | None = field(default=None, repr=False)
    password: bytes | None = field(default=None, repr=False)
    will: Will | None = None
    properties: Properties = field(factory=dict, repr=shown)

    @classmethod
    def from_frame(cls, frame: Frame) -> "Connect":
        """Decode the packet, by the protocol level that it states.

        :raises UnsupportedProtocolLevel: when that is not 4 or 5.
        :raises MalformedPacket: 0x84 when the protocol is not MQTT, 0x81 or 0x82 for everything else.
        """
        reader = Reader(frame.body, "CONNECT")
        version = _take_version(reader)
        flags = reader.uint8("the connect flags")
        _check_flags(reader, flags, version)
        keep_alive = reader.uint16("the keep alive")
        properties = decode_properties(reader, PropertyHolder.CONNECT, version)
        if _lacks_method(properties):
            raise reader.malformed("authentication data without an authentication method", PROTOCOL_ERROR)
        packet = cls(
            version=version,
            client_id=reader.text("the client identifier"),
            clean_start=bool(flags & _CLEAN_START),
            keep_alive=keep_alive,
            will=_take_will(reader, flags, version) if flags & _WILL else None,
            username=reader.text("the user name") if flags & _USERNAME else None,
            password=reader.binary("the password") if flags & _PASSWORD else None,
            properties=properties,
        )
        reader.finish()
        return packet

    def to_wire(self, version: MqttVersion) -> bytes:
        """Encode the packet.

        :raises ValueError: when the wire cannot carry a field, or ``version`` is not the packet's own.
        """
        if version != self.version:
            raise ValueError("the CONNECT states another protocol version than the one to encode for")
        if _lacks_method(self.properties):
            raise ValueError("authentication data needs an authentication method")
        if version is MqttVersion.V311 and self.password is not None and self.username is None:
            raise ValueError("a password needs a user name in MQTT 3.1.1")
        flags = _CLEAN_START if self.clean_start else 0
        payload = encode_text(self.client_id, "the client identifier")
        if self.will is not None:
            flags |= _will_flags(self.will)
            payload += _encode_will(self.will, version)
        if self.username is not None:
            flags |= _USERNAME
            payload += encode_text(self.username, "the user name")
        if self.password is not None:
            flags |= _PASSWORD
            payload += encode_binary(self.password, "the password")
        head = b"\x00\x04MQTT" + bytes((version, flags)) + encode_uint(self.keep_alive, 2, "the keep alive")
        properties = encode_properties(self.properties, PropertyHolder.CONNECT, version)
        return encode_frame(self.type, head + properties + payload)


def _take_version(reader: Reader) -> MqttVersion:
    name = reader.binary("the protocol name")
    if name not in (b"MQTT", b"MQIsdp"):
        raise reader.malformed("the protocol name is not MQTT", UNSUPPORTED_PROTOCOL_VERSION)
    level = reader.uint8("the protocol level")
    # MQTT 3.1 calls itself MQIsdp, so that name never goes with a level that is supported.
    if name == b"MQIsdp" or level not in (MqttVersion.V311, MqttVersion.V5):
        raise UnsupportedProtocolLevel(level)
    return MqttVersion(level)


def _check_flags(reader: Reader, flags: int, version: MqttVersion) -> None:
    if flags & _RESERVED:
        raise reader.malformed("the reserved bit of the connect flags is set")
    if flags & _WILL_QOS == _WILL_QOS:
        raise reader.malformed("the will QoS is 3")
    if not flags & _WILL and flags & (_WILL_QOS | _WILL_RETAIN):
        raise reader.malformed("will QoS or will retain without a will")
    if version is MqttVersion.V311 and flags & (_USERNAME | _PASSWORD) == _PASSWORD:
        raise reader.malformed("a password without a user name")


def _lacks_method(properties: Properties) -> bool:
    # A protocol error by 3.1.2.11.10.
    return Property.AUTHENTICATION_DATA in properties and Property.AUTHENTICATION_METHOD not in properties


def _take_will(reader: Reader, flags: int, version: MqttVersion) -> Will:
    return Will(
        properties=decode_properties(reader, PropertyHolder.WILL, version),
        topic=reader.text("the will topic"),
        payload=reader.binary("the will payload"),
        qos=(flags & _WILL_QOS) >> 3,
        retain=bool(flags & _WILL_RETAIN),
    )


def _will_flags(will: Will) -> int:
    if will.qos not in (0, 1, 2):
        raise ValueError("the will QoS must be 0, 1 or 2")
    return _WILL | will.qos << 3 | (_WILL_RETAIN if will.retain else 0)


def _encode_will(will: Will, version: MqttVersion) -> bytes:
    properties = encode_properties(will.properties, PropertyHolder.WILL, version)
    return properties + encode_text(will.topic, "the will topic") + encode_binary(will.payload, "the will payload")
