"""CONNACK: the server's answer to CONNECT (MQTT 5, 3.2)."""

from typing import ClassVar

from attrs import field, frozen

from .framing import Frame, encode_frame
from .properties import Properties, PropertyHolder, decode_properties, encode_properties, shown
from .protocol import MqttVersion, PacketType
from .wire import Reader, encode_uint


@frozen(kw_only=True)
class Connack:
    """Whether the connection is accepted.

    ``reason_code`` is 0 for yes, else a reason code of MQTT 5 (0x80 and above) or a return code of
    MQTT 3.1.1 (1 to 5), as the connection's version has it; which is sent is the sender's affair.
    """

    type: ClassVar[PacketType] = PacketType.CONNACK

    session_present: bool
    reason_code: int
    properties: Properties = field(factory=dict, repr=shown)

    @classmethod
    def from_frame(cls, frame: Frame, version: MqttVersion) -> "Connack":
        """Decode the packet.

        :raises MalformedPacket: when it is not a CONNACK of ``version``.
        """
        reader = Reader(frame.body, "CONNACK")
        flags = reader.uint8("the acknowledge flags")
        if flags > 1:
            raise reader.malformed("a reserved bit of the acknowledge flags is set")
        packet = cls(
            session_present=bool(flags),
            reason_code=reader.uint8("the reason code"),
            properties=decode_properties(reader, PropertyHolder.CONNACK, version),
        )
        reader.finish()
        return packet

    def to_wire(self, version: MqttVersion) -> bytes:
        """Encode the packet.

        :raises ValueError: when the wire of ``version`` cannot carry a field.
        """
        body = bytes((bool(self.session_present),)) + encode_uint(self.reason_code, 1, "the reason code")
        return encode_frame(self.type, body + encode_properties(self.properties, PropertyHolder.CONNACK, version))
