"""Each property on the wire, where it may stand, and what makes it malformed, by MQTT 5, 2.2.2 and its sections."""

from collections.abc import Callable

import pytest

from customauth.mqtt import (
    Auth,
    Connack,
    Connect,
    Disconnect,
    Frame,
    FrameReader,
    MalformedPacket,
    MqttVersion,
    Packet,
    PacketType,
    Properties,
    Property,
    PropertyValue,
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
    decode,
    encode,
)

P = Property
V5 = MqttVersion.V5

# One value of each property and its bytes.
SAMPLES: dict[Property, tuple[PropertyValue, str]] = {
    P.PAYLOAD_FORMAT_INDICATOR: (1, "01 01"),
    P.MESSAGE_EXPIRY_INTERVAL: (0x01020304, "02 01 02 03 04"),
    P.CONTENT_TYPE: ("é", "03 00 02 c3 a9"),
    P.RESPONSE_TOPIC: ("r", "08 00 01 72"),
    P.CORRELATION_DATA: (b"\x00\xff", "09 00 02 00 ff"),
    P.SUBSCRIPTION_IDENTIFIER: (128, "0b 80 01"),
    P.SESSION_EXPIRY_INTERVAL: (0xFFFFFFFF, "11 ff ff ff ff"),
    P.ASSIGNED_CLIENT_IDENTIFIER: ("$GEN/1", "12 00 06 24 47 45 4e 2f 31"),
    P.SERVER_KEEP_ALIVE: (1200, "13 04 b0"),
    P.AUTHENTICATION_METHOD: ("m", "15 00 01 6d"),
    P.AUTHENTICATION_DATA: (b"d", "16 00 01 64"),
    P.REQUEST_PROBLEM_INFORMATION: (0, "17 00"),
    P.WILL_DELAY_INTERVAL: (5, "18 00 00 00 05"),
    P.REQUEST_RESPONSE_INFORMATION: (1, "19 01"),
    P.RESPONSE_INFORMATION: ("i", "1a 00 01 69"),
    P.SERVER_REFERENCE: ("s", "1c 00 01 73"),
    P.REASON_STRING: ("", "1f 00 00"),
    P.RECEIVE_MAXIMUM: (100, "21 00 64"),
    P.TOPIC_ALIAS_MAXIMUM: (0, "22 00 00"),
    P.TOPIC_ALIAS: (1, "23 00 01"),
    P.MAXIMUM_QOS: (1, "24 01"),
    P.RETAIN_AVAILABLE: (0, "25 00"),
    P.USER_PROPERTY: ([("a", "b"), ("a", "")], "26 00 01 61 00 01 62  26 00 01 61 00 00"),
    P.MAXIMUM_PACKET_SIZE: (149_504, "27 00 02 48 00"),
    P.WILDCARD_SUBSCRIPTION_AVAILABLE: (1, "28 01"),
    P.SUBSCRIPTION_IDENTIFIER_AVAILABLE: (0, "29 00"),
    P.SHARED_SUBSCRIPTION_AVAILABLE: (1, "2a 01"),
}


def a_connect(properties: Properties) -> Packet:
    return Connect(version=V5, client_id="", properties=properties)


def a_will(properties: Properties) -> Packet:
    return Connect(version=V5, client_id="", will=Will(topic="w", payload=b"", properties=properties))


def a_connack(properties: Properties) -> Packet:
    return Connack(session_present=False, reason_code=0, properties=properties)


def a_publish(properties: Properties) -> Packet:
    return Publish(topic="t", payload=b"p", properties=properties)


def a_subscribe(properties: Properties) -> Packet:
    return Subscribe(packet_id=1, subscriptions=(Subscription(filter="f"),), properties=properties)


def a_suback(properties: Properties) -> Packet:
    return Suback(packet_id=1, reason_codes=(0,), properties=properties)


def an_unsubscribe(properties: Properties) -> Packet:
    return Unsubscribe(packet_id=1, filters=("f",), properties=properties)


def an_unsuback(properties: Properties) -> Packet:
    return Unsuback(packet_id=1, reason_codes=(0,), properties=properties)


def an_acknowledgement(packet_class: type[Puback | Pubrec | Pubrel | Pubcomp]) -> Callable[[Properties], Packet]:
    return lambda properties: packet_class(packet_id=1, properties=properties)


def a_disconnect(properties: Properties) -> Packet:
    return Disconnect(properties=properties)


def an_auth(properties: Properties) -> Packet:
    return Auth(properties={P.AUTHENTICATION_METHOD: "m", **properties})


# Each holder: the packet with given properties, its type, its body before and after them, and the identifiers
# that its section of the specification lists. The properties of AUTH begin with its method.
HOLDERS: dict[str, tuple[Callable[[Properties], Packet], PacketType, str, str, set[int]]] = {
    "CONNECT": (
        a_connect,
        PacketType.CONNECT,
        "00 04 4d 51 54 54 05 02 00 3c",
        "00 00",
        {0x11, 0x21, 0x27, 0x22, 0x19, 0x17, 0x26, 0x15, 0x16},
    ),
    "WILL": (
        a_will,
        PacketType.CONNECT,
        "00 04 4d 51 54 54 05 06 00 3c 00 00 00",
        "00 01 77 00 00",
        {0x18, 0x01, 0x02, 0x03, 0x08, 0x09, 0x26},
    ),
    "CONNACK": (
        a_connack,
        PacketType.CONNACK,
        "00 00",
        "",
        {0x11, 0x21, 0x24, 0x25, 0x27, 0x12, 0x22, 0x1F, 0x26, 0x28, 0x29, 0x2A, 0x13, 0x1A, 0x1C, 0x15, 0x16},
    ),
    "PUBLISH": (
        a_publish,
        PacketType.PUBLISH,
        "00 01 74",
        "70",
        {0x01, 0x02, 0x23, 0x08, 0x09, 0x26, 0x0B, 0x03},
    ),
    "PUBACK": (an_acknowledgement(Puback), PacketType.PUBACK, "00 01 00", "", {0x1F, 0x26}),
    "PUBREC": (an_acknowledgement(Pubrec), PacketType.PUBREC, "00 01 00", "", {0x1F, 0x26}),
    "PUBREL": (an_acknowledgement(Pubrel), PacketType.PUBREL, "00 01 00", "", {0x1F, 0x26}),
    "PUBCOMP": (an_acknowledgement(Pubcomp), PacketType.PUBCOMP, "00 01 00", "", {0x1F, 0x26}),
    "SUBSCRIBE": (a_subscribe, PacketType.SUBSCRIBE, "00 01", "00 01 66 00", {0x0B, 0x26}),
    "SUBACK": (a_suback, PacketType.SUBACK, "00 01", "00", {0x1F, 0x26}),
    "UNSUBSCRIBE": (an_unsubscribe, PacketType.UNSUBSCRIBE, "00 01", "00 01 66", {0x26}),
    "UNSUBACK": (an_unsuback, PacketType.UNSUBACK, "00 01", "00", {0x1F, 0x26}),
    "DISCONNECT": (a_disconnect, PacketType.DISCONNECT, "00", "", {0x11, 0x1F, 0x26, 0x1C}),
    "AUTH": (an_auth, PacketType.AUTH, "00", "", {0x15, 0x16, 0x1F, 0x26}),
}
METHOD = "15 00 01 6d"
RESERVED_FLAGS = {PacketType.PUBREL: 2, PacketType.SUBSCRIBE: 2, PacketType.UNSUBSCRIBE: 2}
# Authentication data stands in a CONNECT only with its method, and no AUTH is without.
PLACES = [
    (holder, key)
    for holder in HOLDERS
    for key in Property
    if (holder, key) not in {("CONNECT", P.AUTHENTICATION_DATA), ("AUTH", P.AUTHENTICATION_METHOD)}
]
ALLOWED = [(holder, key) for holder, key in PLACES if key in HOLDERS[holder][4]]
FORBIDDEN = [(holder, key) for holder, key in PLACES if key not in HOLDERS[holder][4]]
REPEATED = {(holder, P.USER_PROPERTY) for holder in HOLDERS} | {("PUBLISH", P.SUBSCRIPTION_IDENTIFIER)}


def frame_with(holder: str, section: str) -> Frame:
    """The holder with these bytes as its properties, and their length before them."""
    _, packet_type, before, after, _ = HOLDERS[holder]
    raw = bytes.fromhex(METHOD + section if holder == "AUTH" else section)
    return Frame(
        type=packet_type,
        flags=RESERVED_FLAGS.get(packet_type, 0),
        body=bytes.fromhex(before) + bytes((len(raw),)) + raw + bytes.fromhex(after),
    )


def sample(holder: str, key: Property) -> tuple[PropertyValue, str]:
    value, wire = SAMPLES[key]
    if isinstance(value, int) and (holder, key) in REPEATED:
        return [value], wire
    return value, wire


def refused(holder: str, section: str) -> MalformedPacket:
    with pytest.raises(MalformedPacket) as caught:
        decode(frame_with(holder, section), V5)
    return caught.value


def test_every_property_has_a_sample() -> None:
    assert set(SAMPLES) == set(Property)


@pytest.mark.parametrize(("holder", "key"), ALLOWED)
def test_a_property_is_carried_where_it_is_allowed(holder: str, key: Property) -> None:
    value, wire = sample(holder, key)
    packet = HOLDERS[holder][0]({key: value})
    frame = frame_with(holder, wire)
    assert decode(frame, V5) == packet
    assert FrameReader(1000).feed(encode(packet, V5)) == [frame]


@pytest.mark.parametrize(("holder", "key"), FORBIDDEN)
def test_a_property_is_malformed_where_it_is_not_allowed(holder: str, key: Property) -> None:
    value, wire = SAMPLES[key]
    error = refused(holder, wire)
    assert error.reason_code == 0x81
    assert f"{key.name} is not allowed in {holder}" in str(error)
    with pytest.raises(ValueError, match=f"{key.name} is not allowed in {holder}"):
        encode(HOLDERS[holder][0]({key: value}), V5)


@pytest.mark.parametrize(("holder", "key"), [place for place in ALLOWED if place not in REPEATED])
def test_a_property_that_is_there_twice_is_a_protocol_error(holder: str, key: Property) -> None:
    wire = SAMPLES[key][1]
    error = refused(holder, wire + " 26 00 00 00 00 " + wire)
    assert error.reason_code == 0x82
    assert f"{key.name} is there twice" in str(error)


# UNSUBSCRIBE has none but these.
@pytest.mark.parametrize("holder", sorted(set(HOLDERS) - {"UNSUBSCRIBE"}))
def test_user_properties_keep_their_order_wherever_they_stand(holder: str) -> None:
    other = next(key for place, key in ALLOWED if place == holder and key != P.USER_PROPERTY)
    value, wire = sample(holder, other)
    section = f"26 00 01 62 00 00 {wire} 26 00 01 61 00 00"
    packet = HOLDERS[holder][0]({other: value, P.USER_PROPERTY: [("b", ""), ("a", "")]})
    assert decode(frame_with(holder, section), V5) == packet


def test_a_publish_may_have_several_subscription_identifiers() -> None:
    # 3.3.2.3.8: one for each subscription that matched; in a SUBSCRIBE a second is a protocol error.
    packet = a_publish({P.SUBSCRIPTION_IDENTIFIER: [7, 128], P.PAYLOAD_FORMAT_INDICATOR: 1})
    assert decode(frame_with("PUBLISH", "0b 07 01 01 0b 80 01"), V5) == packet
    assert decode(frame_with("SUBSCRIBE", "0b 07"), V5) == a_subscribe({P.SUBSCRIPTION_IDENTIFIER: 7})


@pytest.mark.parametrize("holder", ["PUBLISH", "WILL"])
@pytest.mark.parametrize("wildcard", ["23", "2b"])
def test_a_response_topic_with_a_wildcard_is_an_invalid_topic_name(holder: str, wildcard: str) -> None:
    error = refused(holder, f"08 00 02 61 {wildcard}")
    assert error.reason_code == 0x90
    assert "RESPONSE_TOPIC contains a wildcard" in str(error)


@pytest.mark.parametrize("identifier", sorted(set(range(0x80)) - set(Property)))
def test_an_unknown_identifier_is_malformed(identifier: int) -> None:
    assert refused("CONNACK", f"{identifier:02x} 00 00").reason_code == 0x81


def test_identifiers_are_variable_byte_integers() -> None:
    # 80 01 is 128: one identifier of two bytes, which is unknown.
    assert "unknown identifier" in str(refused("CONNACK", "80 01 00"))


@pytest.mark.parametrize(
    ("holder", "wire", "key"),
    [
        ("CONNECT", "21 00 00", P.RECEIVE_MAXIMUM),
        ("CONNECT", "27 00 00 00 00", P.MAXIMUM_PACKET_SIZE),
        ("CONNECT", "17 02", P.REQUEST_PROBLEM_INFORMATION),
        ("CONNECT", "19 ff", P.REQUEST_RESPONSE_INFORMATION),
        ("WILL", "01 02", P.PAYLOAD_FORMAT_INDICATOR),
        ("CONNACK", "21 00 00", P.RECEIVE_MAXIMUM),
        ("CONNACK", "27 00 00 00 00", P.MAXIMUM_PACKET_SIZE),
        ("CONNACK", "24 02", P.MAXIMUM_QOS),
        ("CONNACK", "25 02", P.RETAIN_AVAILABLE),
        ("CONNACK", "28 02", P.WILDCARD_SUBSCRIPTION_AVAILABLE),
        ("CONNACK", "29 02", P.SUBSCRIPTION_IDENTIFIER_AVAILABLE),
        ("CONNACK", "2a 02", P.SHARED_SUBSCRIPTION_AVAILABLE),
        ("PUBLISH", "01 ff", P.PAYLOAD_FORMAT_INDICATOR),
        ("SUBSCRIBE", "0b 00", P.SUBSCRIPTION_IDENTIFIER),
    ],
)
def test_a_value_out_of_its_range_is_a_protocol_error(holder: str, wire: str, key: Property) -> None:
    error = refused(holder, wire)
    assert error.reason_code == 0x82
    assert key.name in str(error)
    value = int.from_bytes(bytes.fromhex(wire)[1:])
    with pytest.raises(ValueError, match=key.name):
        encode(HOLDERS[holder][0]({key: value}), V5)


@pytest.mark.parametrize(
    "section",
    ["21 00", "21", "1f 00 02 61", "1f 00", "26 00 01 61", "26 00 01 61 00 02 62", "16 00 09", "80", "1f 00 01 ff"],
)
@pytest.mark.parametrize("padding", ["", "00" * 12])
def test_a_property_that_runs_past_the_property_length_is_malformed(section: str, padding: str) -> None:
    frame = frame_with("CONNACK", section)
    with pytest.raises(MalformedPacket) as caught:
        decode(Frame(type=frame.type, flags=0, body=frame.body + bytes.fromhex(padding)), V5)
    assert caught.value.reason_code == 0x81
    assert "follow" not in str(caught.value)


@pytest.mark.parametrize("length", ["01", "ff", "80", "ff ff ff ff", "80 80 80 80 01", "80 00"])
def test_a_bad_property_length_is_malformed(length: str) -> None:
    with pytest.raises(MalformedPacket, match=r"propert(ies|y length)") as caught:
        decode(Frame(type=PacketType.CONNACK, flags=0, body=bytes.fromhex("00 00" + length)), V5)
    assert caught.value.reason_code == 0x81


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (P.RECEIVE_MAXIMUM, "100"),
        (P.REASON_STRING, b"bytes"),
        (P.AUTHENTICATION_DATA, "text"),
        (P.REASON_STRING, ["a"]),
        (P.USER_PROPERTY, "text"),
        (P.USER_PROPERTY, [("a", "b"), ("c", "\0")]),
        (P.USER_PROPERTY, [("\ud800", "b")]),
        (P.RECEIVE_MAXIMUM, 65_536),
        (P.TOPIC_ALIAS_MAXIMUM, -1),
        (P.TOPIC_ALIAS_MAXIMUM, 65_536),
        (P.SESSION_EXPIRY_INTERVAL, 1 << 32),
        (P.REASON_STRING, "a" * 65_536),
        (P.REASON_STRING, "\0"),
        (P.AUTHENTICATION_DATA, bytes(65_536)),
    ],
)
def test_a_value_that_the_wire_cannot_carry_is_not_encoded(key: Property, value: PropertyValue) -> None:
    with pytest.raises(ValueError, match=key.name):
        encode(a_connack({key: value}), V5)


def test_a_property_length_takes_as_many_bytes_as_it_needs() -> None:
    packet = a_connack({P.REASON_STRING: "x" * 200})
    # Identifier 1, length 2 and text 200 make 203, which is cb 01; the remaining length is 203 + 2 + 2, cf 01.
    assert encode(packet, V5)[:10].hex(" ") == "20 cf 01 00 00 cb 01 1f 00 c8"
