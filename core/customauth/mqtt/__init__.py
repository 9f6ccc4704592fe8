"""MQTT 3.1.1 and MQTT 5 packets without I/O: bytes in, packets out, and back.

Feed what arrives to a :class:`FrameReader`, :func:`decode` each frame, and :func:`encode` what is to be sent.
"""

from .acknowledgement import Puback, Pubcomp, Pubrec, Pubrel
from .auth import Auth
from .codec import Packet, decode, encode
from .connack import Connack
from .connect import Connect, Will
from .disconnect import Disconnect
from .framing import Frame, FrameReader, MalformedFrame
from .ping import Pingreq, Pingresp
from .properties import Properties, Property, PropertyValue
from .protocol import MalformedPacket, MqttVersion, PacketType, UnsupportedProtocolLevel
from .publish import Publish, PublishEncoder
from .subscribe import Suback, Subscribe, Subscription
from .unsubscribe import Unsuback, Unsubscribe

__all__ = [
    "Auth",
    "Connack",
    "Connect",
    "Disconnect",
    "Frame",
    "FrameReader",
    "MalformedFrame",
    "MalformedPacket",
    "MqttVersion",
    "Packet",
    "PacketType",
    "Pingreq",
    "Pingresp",
    "Properties",
    "Property",
    "PropertyValue",
    "Puback",
    "Pubcomp",
    "Publish",
    "PublishEncoder",
    "Pubrec",
    "Pubrel",
    "Suback",
    "Subscribe",
    "Subscription",
    "Unsuback",
    "Unsubscribe",
    "UnsupportedProtocolLevel",
    "Will",
    "decode",
    "encode",
]
