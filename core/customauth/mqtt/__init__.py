"""MQTT 3.1.1 and MQTT 5 packets without I/O: bytes in, packets out, and back.

Feed what arrives to a :class:`FrameReader`, :func:`decode` each frame, and :func:`encode` what is to be sent.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from customauth._lazy import lazy_names

if TYPE_CHECKING:
    from .acknowledgement import Puback as Puback
    from .acknowledgement import Pubcomp as Pubcomp
    from .acknowledgement import Pubrec as Pubrec
    from .acknowledgement import Pubrel as Pubrel
    from .auth import Auth as Auth
    from .codec import Packet as Packet
    from .codec import decode as decode
    from .codec import encode as encode
    from .connack import Connack as Connack
    from .connect import Connect as Connect
    from .connect import Will as Will
    from .disconnect import Disconnect as Disconnect
    from .framing import Frame as Frame
    from .framing import FrameReader as FrameReader
    from .framing import MalformedFrame as MalformedFrame
    from .ping import Pingreq as Pingreq
    from .ping import Pingresp as Pingresp
    from .properties import Properties as Properties
    from .properties import Property as Property
    from .properties import PropertyValue as PropertyValue
    from .protocol import MalformedPacket as MalformedPacket
    from .protocol import MqttVersion as MqttVersion
    from .protocol import PacketType as PacketType
    from .protocol import UnsupportedProtocolLevel as UnsupportedProtocolLevel
    from .publish import Publish as Publish
    from .publish import PublishEncoder as PublishEncoder
    from .subscribe import Suback as Suback
    from .subscribe import Subscribe as Subscribe
    from .subscribe import Subscription as Subscription
    from .unsubscribe import Unsuback as Unsuback
    from .unsubscribe import Unsubscribe as Unsubscribe

_HOMES = {
    "acknowledgement": (
        "Puback",
        "Pubcomp",
        "Pubrec",
        "Pubrel",
    ),
    "auth": ("Auth",),
    "codec": (
        "Packet",
        "decode",
        "encode",
    ),
    "connack": ("Connack",),
    "connect": (
        "Connect",
        "Will",
    ),
    "disconnect": ("Disconnect",),
    "framing": (
        "Frame",
        "FrameReader",
        "MalformedFrame",
    ),
    "ping": (
        "Pingreq",
        "Pingresp",
    ),
    "properties": (
        "Properties",
        "Property",
        "PropertyValue",
    ),
    "protocol": (
        "MalformedPacket",
        "MqttVersion",
        "PacketType",
        "UnsupportedProtocolLevel",
    ),
    "publish": (
        "Publish",
        "PublishEncoder",
    ),
    "subscribe": (
        "Suback",
        "Subscribe",
        "Subscription",
    ),
    "unsubscribe": (
        "Unsuback",
        "Unsubscribe",
    ),
}

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

__getattr__: Callable[[str], object] = lazy_names(__name__, _HOMES)
