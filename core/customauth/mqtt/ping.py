"""PINGREQ and PINGRESP: packets without a body (MQTT 5, 3.12 and 3.13)."""

from typing import ClassVar, Self

from attrs import frozen

from .framing import Frame, encode_frame
from .protocol import MqttVersion, PacketType
from .wire import Reader


class _Bodiless:
    __slots__ = ()

    type: ClassVar[PacketType]

    @classmethod
    def from_frame(cls, frame: Frame, version: MqttVersion) -> Self:
        """Decode the packet.

        :raises MalformedPacket: when it has a body.
        """
        Reader(frame.body, cls.type.name).finish()
        return cls()

    def to_wire(self, version: MqttVersion) -> bytes:
        """Encode the packet."""
        return encode_frame(self.type, b"")


@frozen(kw_only=True)
class Pingreq(_Bodiless):
    """The client's sign of life."""

    type: ClassVar[PacketType] = PacketType.PINGREQ


@frozen(kw_only=True)
class Pingresp(_Bodiless):
    """The server's answer to PINGREQ."""

    type: ClassVar[PacketType] = PacketType.PINGRESP
