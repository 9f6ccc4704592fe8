"""DISCONNECT: the last packet of a connection (MQTT 5, 3.14)."""

from typing import ClassVar

from attrs import field, frozen

from .framing import Frame, encode_frame
from .properties import Properties, PropertyHolder, decode_properties, encode_properties, shown
from .protocol import MqttVersion, PacketType
from .reason_codes import encode_reason_code, take_reason_code
from .wire import Reader


@frozen(kw_only=True)
class Disconnect:
    """Why the connection ends.

    MQTT 3.1.1 carries neither the reason code nor properties: there it is always 0 and none.
    """

    type: ClassVar[PacketType] = PacketType.DISCONNECT

    reason_code: int = 0
    properties: Properties = field(factory=dict, repr=shown)

    @classmethod
    def from_frame(cls, frame: Frame, version: MqttVersion) -> "Disconnect":
        """Decode the packet; MQTT 5 may leave out the properties, and with them a reason code of 0 (3.14.2).

        :raises MalformedPacket: 0x82 for a reason code that the packet does not have, 0x81 or 0x82 for everything
            else.
        """
        reader = Reader(frame.body, "DISCONNECT")
        if version is MqttVersion.V311 or not frame.body:
            reader.finish()
            return cls()
        packet = cls(
            reason_code=take_reason_code(reader, cls.type),
            properties=decode_properties(reader, PropertyHolder.DISCONNECT, version) if reader.remaining else {},
        )
        reader.finish()
        return packet

    def to_wire(self, version: MqttVersion) -> bytes:
        """Encode the packet in its shortest form.

        :raises ValueError: when the wire of ``version`` cannot carry a field.
        """
        body = b""
        if self.reason_code or self.properties:
            body = encode_reason_code(self.reason_code, self.type, version)
        if self.properties:
            body += encode_properties(self.properties, PropertyHolder.DISCONNECT, version)
        return encode_frame(self.type, body)
