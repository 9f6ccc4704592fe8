"""AUTH: a step of MQTT 5's enhanced authentication (3.15)."""

from typing import ClassVar

from attrs import field, frozen

from .framing import Frame, encode_frame
from .properties import Properties, Property, PropertyHolder, decode_properties, encode_properties, shown
from .protocol import PROTOCOL_ERROR, MqttVersion, PacketType
from .reason_codes import encode_reason_code, take_reason_code
from .wire import Reader


@frozen(kw_only=True)
class Auth:
    """A step of an authentication that takes several, of MQTT 5 only.

    ``reason_code`` is 0 (success), 0x18 (continue) or 0x19 (re-authenticate). ``properties`` hold the authentication
    method, which only a success without any property leaves out.
    """

    type: ClassVar[PacketType] = PacketType.AUTH

    reason_code: int = 0
    properties: Properties = field(factory=dict, repr=shown)

    @classmethod
    def from_frame(cls, frame: Frame, version: MqttVersion) -> "Auth":
        """Decode the packet; a success may leave out both reason code and properties (3.15.2.1).

        :raises MalformedPacket: 0x81 in MQTT 3.1.1, where the packet type is reserved, 0x82 for a reason code that
            the packet does not have and for no authentication method, 0x81 or 0x82 for everything else.
        """
        reader = Reader(frame.body, "AUTH")
        if version is not MqttVersion.V5:
            raise reader.malformed("the packet type is reserved in MQTT 3.1.1")
        if not frame.body:
            return cls()
        packet = cls(
            reason_code=take_reason_code(reader, cls.type),
            properties=decode_properties(reader, PropertyHolder.AUTH, version),
        )
        reader.finish()
        if _lacks_method(packet):
            raise reader.malformed("there is no authentication method", PROTOCOL_ERROR)
        return packet

    def to_wire(self, version: MqttVersion) -> bytes:
        """Encode the packet in its shortest form.

        :raises ValueError: when the wire of ``version`` cannot carry a field, or the authentication method is missing.
        """
        if version is not MqttVersion.V5:
            raise ValueError("MQTT 3.1.1 has no AUTH")
        if _lacks_method(self):
            raise ValueError("an AUTH needs an authentication method")
        body = encode_reason_code(self.reason_code, self.type, version)
        if not self.properties:
            return encode_frame(self.type, b"")
        return encode_frame(self.type, body + encode_properties(self.properties, PropertyHolder.AUTH, version))


def _lacks_method(packet: Auth) -> bool:
    # 3.15.2.2.2 demands it, yet 3.15.2.1 lets a success have no properties.
    return Property.AUTHENTICATION_METHOD not in packet.properties and bool(packet.reason_code or packet.properties)
