"""MQTT packets to begin with, and the words that user names are made of."""

from __future__ import annotations

import itertools
from urllib.parse import quote

from customauth.credentials import CustomAuth, SignedToken
from customauth.mqtt import (
    Auth,
    Connack,
    Connect,
    Disconnect,
    MqttVersion,
    Packet,
    Pingreq,
    Pingresp,
    Properties,
    Property,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
    Will,
    encode,
)
from fuzz_targets import world

V311, V5 = MqttVersion.V311, MqttVersion.V5
_NAME = "x-amz-customauthorizer-name"
_SIGNATURE = "x-amz-customauthorizer-signature"
SIGNED = CustomAuth(
    authorizer="signed",
    username="alice",
    token=SignedToken(key_name="token", value=world.TOKEN, signature=world.SIGNATURE),
)

WORDS = (
    _NAME.encode(),
    _SIGNATURE.encode(),
    quote(world.SIGNATURE, safe="").encode(),
    *(b"signed", b"open", b"failing", b"asleep", b"token=", b"open-sesame", b"SDK=", b"Metadata=", b"Version="),
    *(b"?", b"&", b"=", b"%", b"%3F", b"%26", b"%2B", b"%00", b"%C3%A9", b"%ED%A0%80", b"+", b"$GEN/"),
    *(b"\x00\x04MQTT\x04", b"\x00\x04MQTT\x05", b"\x00\x06MQIsdp\x03", b"\xc0\x00", b"\xe0\x00", b"\x80\x80\x01"),
    *(bytes((key,)) for key in Property),
)


def usernames() -> list[str]:
    """Return user names that AWS reads, or reads otherwise than was meant."""
    return [
        SIGNED.mqtt_username() or "",
        f"?{_NAME}=open",
        f"bob?SDK=Python&Version=1&{_NAME}=open&token=%F0%9F%98%80",
        f"bob?{_NAME}=failing&pass word=a+b&=&&x",
        f"a?b?{_NAME.upper()}=signed&{_SIGNATURE}={world.SIGNATURE}&token=open-sesame",
        f"?{_NAME}=asleep&a-token-whose-ampersand-is-not-encoded&b=%zz",
        "alice",
        "",
    ]


def connects() -> list[Connect]:
    """Return CONNECTs of both versions, plain and with all that a CONNECT can have."""
    everything: Properties = {
        Property.SESSION_EXPIRY_INTERVAL: 3600,
        Property.RECEIVE_MAXIMUM: 10,
        Property.MAXIMUM_PACKET_SIZE: 1000,
        Property.TOPIC_ALIAS_MAXIMUM: 3,
        Property.REQUEST_PROBLEM_INFORMATION: 1,
        Property.AUTHENTICATION_METHOD: "method",
        Property.AUTHENTICATION_DATA: b"data",
        Property.USER_PROPERTY: [("name", "value"), ("name", "é")],
    }
    will = Will(topic="a/will", payload=b"gone", qos=1, retain=True)
    late = Will(topic="b", payload=b"", qos=2, properties={Property.WILL_DELAY_INTERVAL: 5})
    plain = [
        Connect(version=version, client_id=client_id, username=username, password=password, keep_alive=keep_alive)
        for (version, client_id, password, keep_alive), username in itertools.product(
            ((V311, "device", b"secret", 60), (V5, "device", None, 0), (V5, "", b"\xff\x00", 65535)), usernames()
        )
    ]
    return [
        *plain,
        Connect(version=V311, client_id="", clean_start=False, will=will),
        Connect(version=V5, client_id="$GEN/x", username=f"?{_NAME}=open", will=late, properties=everything),
        Connect(version=V5, client_id="é" * 65, properties={Property.MAXIMUM_PACKET_SIZE: 100}),
    ]


def conversations() -> list[bytes]:
    """Return what clients say that are let in: subscriptions, and publications that come back to them."""
    found = []
    for version in MqttVersion:
        opening = Connect(version=version, client_id="device", username=f"?{_NAME}=open")
        shared = (Subscription(filter="$share/g/a/#", qos=0),) if version is V5 else ()
        filters = Subscription(filter="a/+", qos=1), *shared
        packets: list[Packet] = [
            opening,
            Subscribe(packet_id=1, subscriptions=filters),
            Publish(topic="a/b", payload=b"hi", retain=True),
            Publish(topic="a/b", payload=b"ho", qos=1, packet_id=2),
            Puback(packet_id=1),
            Unsubscribe(packet_id=3, filters=("a/+",)),
            Disconnect(),
        ]
        found.append(b"".join(encode(packet, version) for packet in packets))
    return found


def every_packet() -> list[bytes]:
    """Return each packet behind a CONNECT, also those that only a server sends, with and without properties."""
    reason: Properties = {Property.REASON_STRING: "reason", Property.USER_PROPERTY: [("name", "value")]}
    of_both: list[Packet] = [
        Connack(session_present=True, reason_code=0),
        Publish(topic="a/é", payload=b"hi", qos=2, retain=True, dup=True, packet_id=7),
        *(answer(packet_id=7) for answer in (Puback, Pubrec, Pubrel, Pubcomp)),
        Subscribe(packet_id=7, subscriptions=(Subscription(filter="a/+", qos=2), Subscription(filter="#"))),
        Suback(packet_id=7, reason_codes=(0, 1, 2, 0x80)),
        Unsubscribe(packet_id=7, filters=("a/+", "#")),
        Pingresp(),
    ]
    published: Properties = {
        Property.PAYLOAD_FORMAT_INDICATOR: 1,
        Property.MESSAGE_EXPIRY_INTERVAL: 60,
        Property.CONTENT_TYPE: "text",
        Property.RESPONSE_TOPIC: "answers",
        Property.CORRELATION_DATA: b"data",
        Property.SUBSCRIPTION_IDENTIFIER: [1, 200],
        Property.TOPIC_ALIAS: 3,
        Property.USER_PROPERTY: [("name", "value"), ("name", "é")],
    }
    subscription = Subscription(filter="$share/g/a", qos=1, no_local=False, retain_as_published=True, retain_handling=2)
    of_5: list[Packet] = [
        Publish(topic="", payload=b"hi", properties=published),
        *(answer(packet_id=7, reason_code=0x87, properties=reason) for answer in (Puback, Pubrec)),
        *(answer(packet_id=7, reason_code=0x92, properties=reason) for answer in (Pubrel, Pubcomp)),
        Subscribe(packet_id=7, subscriptions=(subscription,), properties={Property.SUBSCRIPTION_IDENTIFIER: 9}),
        Suback(packet_id=7, reason_codes=(1, 0x87), properties=reason),
        Unsubscribe(packet_id=7, filters=("a",), properties={Property.USER_PROPERTY: [("name", "value")]}),
        Unsuback(packet_id=7, reason_codes=(0, 0x11), properties=reason),
        Disconnect(reason_code=0x8B, properties=reason),
        Auth(reason_code=0x18, properties={Property.AUTHENTICATION_METHOD: "m", Property.AUTHENTICATION_DATA: b"d"}),
    ]
    found = []
    for version, packets in ((V311, [*of_both, Unsuback(packet_id=7)]), (V5, [*of_both, *of_5])):
        opening = encode(Connect(version=version, client_id="device"), version)
        found += [opening + encode(packet, version) for packet in packets]
    return found


def samples() -> list[bytes]:
    """Return what a client may send on a new connection."""
    return [
        *(encode(connect, connect.version) + encode(Pingreq(), connect.version) for connect in connects()),
        encode(connects()[0], V311) + encode(Pingreq(), V311) * 3 + encode(Disconnect(), V311),
        encode(connects()[8], V5) + encode(Disconnect(reason_code=4), V5) + encode(Pingreq(), V5),
        *conversations(),
        b"\x10\x10\x00\x04MQTT\x03\x02\x00\x3c\x00\x04name",
        b"\x10\x0e\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x00",
        b"\x30\x05\x00\x01ahi",
        b"\x10\xff\xff\xff\x7f",
        b"\x10\x80\x80\x80\x80\x01",
    ]
