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
    Properties,
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

P, T = Property, PacketType
V311, V5 = MqttVersion.V311, MqttVersion.V5

# "|" stands where the body may end and be a packet, "/" where its end is a protocol error; elsewhere it is malformed.
EXAMPLES: list[tuple[str, MqttVersion, Packet]] = [
    ("30 07  00 03 61 2f 62 | 68 | 69", V311, Publish(topic="a/b", payload=b"hi")),
    ("31 05  00 03 61 2f 62", V311, Publish(topic="a/b", payload=b"", retain=True)),
    ("3a 08  00 03 61 2f 62  00 0a | 21", V311, Publish(topic="a/b", payload=b"!", qos=1, dup=True, packet_id=10)),
    ("35 06  00 02 c3 a9  ff ff", V311, Publish(topic="é", payload=b"", qos=2, retain=True, packet_id=65_535)),
    ("30 08  00 03 61 2f 62  00 | 68 | 69", V5, Publish(topic="a/b", payload=b"hi")),
    ("32 08  00 03 61 2f 62  00 01  00", V5, Publish(topic="a/b", payload=b"", qos=1, packet_id=1)),
    ("30 07  00 00  03 23 00 08 | 78", V5, Publish(topic="", payload=b"x", properties={P.TOPIC_ALIAS: 8})),
    (
        "3d 13  00 01 74  00 02  0d 08 00 01 72 0b 01 0b 80 01 09 00 01 63",
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
    ("40 02  00 07", V311, Puback(packet_id=7)),
    ("50 02  01 00", V311, Pubrec(packet_id=256)),
    ("62 02  00 07", V311, Pubrel(packet_id=7)),
    ("70 02  00 07", V311, Pubcomp(packet_id=7)),
    ("40 02  00 07", V5, Puback(packet_id=7)),
    ("40 03  00 07 | 87", V5, Puback(packet_id=7, reason_code=0x87)),
    ("50 03  00 07 | 10", V5, Pubrec(packet_id=7, reason_code=0x10)),
    ("62 03  00 07 | 92", V5, Pubrel(packet_id=7, reason_code=0x92)),
    ("70 03  00 07 | 92", V5, Pubcomp(packet_id=7, reason_code=0x92)),
    ("40 08  00 07 | 00 | 04 1f 00 01 6e", V5, Puback(packet_id=7, properties={P.REASON_STRING: "n"})),
    (
        "62 0b  00 07 | 92 | 07 26 00 01 61 00 01 62",
        V5,
        Pubrel(packet_id=7, reason_code=0x92, properties={P.USER_PROPERTY: [("a", "b")]}),
    ),
    (
        "82 0e  00 0a / 00 03 61 2f 62 01 | 00 03 63 2f 64 02",
        V311,
        Subscribe(packet_id=10, subscriptions=(Subscription(filter="a/b", qos=1), Subscription(filter="c/d", qos=2))),
    ),
    (
        "82 07  00 0a  00 / 00 01 23 2e",
        V5,
        Subscribe(
            packet_id=10,
            subscriptions=(
                Subscription(filter="#", qos=2, no_local=True, retain_as_published=True, retain_handling=2),
            ),
        ),
    ),
    (
        "82 12  00 0a  02 0b 07 / 00 06 24 73 68 61 72 65 04 | 00 01 61 10",
        V5,
        Subscribe(
            packet_id=10,
            subscriptions=(Subscription(filter="$share", no_local=True), Subscription(filter="a", retain_handling=1)),
            properties={P.SUBSCRIPTION_IDENTIFIER: 7},
        ),
    ),
    ("90 05  00 0a / 00 | 02 | 80", V311, Suback(packet_id=10, reason_codes=(0, 2, 0x80))),
    ("90 05  00 0a  00 / 01 | 8f", V5, Suback(packet_id=10, reason_codes=(1, 0x8F))),
    (
        "90 08  00 0a  04 1f 00 01 6e / 87",
        V5,
        Suback(packet_id=10, reason_codes=(0x87,), properties={P.REASON_STRING: "n"}),
    ),
    ("a2 09  00 0a / 00 01 61 | 00 02 62 2f", V311, Unsubscribe(packet_id=10, filters=("a", "b/"))),
    (
        "a2 0d  00 0a  07 26 00 01 61 00 01 62 / 00 01 2b",
        V5,
        Unsubscribe(packet_id=10, filters=("+",), properties={P.USER_PROPERTY: [("a", "b")]}),
    ),
    ("b0 02  00 0a", V311, Unsuback(packet_id=10)),
    ("b0 05  00 0a  00 / 00 | 11", V5, Unsuback(packet_id=10, reason_codes=(0, 0x11))),
    (
        "b0 08  00 0a  04 1f 00 01 6e / 80",
        V5,
        Unsuback(packet_id=10, reason_codes=(0x80,), properties={P.REASON_STRING: "n"}),
    ),
    ("f0 00", V5, Auth()),
    (
        "f0 0a | 18  08 15 00 01 6d 16 00 01 64",
        V5,
        Auth(reason_code=0x18, properties={P.AUTHENTICATION_METHOD: "m", P.AUTHENTICATION_DATA: b"d"}),
    ),
    ("f0 06 | 00  04 15 00 01 6d", V5, Auth(properties={P.AUTHENTICATION_METHOD: "m"})),
]


def unmarked(wire: str) -> bytes:
    return bytes.fromhex(wire.replace("|", "").replace("/", ""))


def marked(wire: str, mark: str) -> set[int]:
    """The sizes of the body at which the mark stands."""
    pieces = wire.split(mark)[:-1]
    return {len(unmarked("".join(pieces[: number + 1]))) - 2 for number in range(len(pieces))}


def one_frame(packet: bytes) -> Frame:
    (frame,) = FrameReader(1 << 20).feed(packet)
    return frame


@pytest.mark.parametrize(("wire", "version", "packet"), EXAMPLES)
def test_a_packet_encodes_to_the_bytes_of_the_specification(wire: str, version: MqttVersion, packet: Packet) -> None:
    assert encode(packet, version).hex(" ") == unmarked(wire).hex(" ")


@pytest.mark.parametrize(("wire", "version", "packet"), EXAMPLES)
def test_the_bytes_of_the_specification_decode_to_the_packet(wire: str, version: MqttVersion, packet: Packet) -> None:
    assert decode(one_frame(unmarked(wire)), version) == packet


@pytest.mark.parametrize(("wire", "version", "packet"), EXAMPLES)
def test_a_packet_that_is_cut_short_is_malformed(wire: str, version: MqttVersion, packet: Packet) -> None:
    frame = one_frame(unmarked(wire))
    whole, protocol_errors = marked(wire, "|"), marked(wire, "/")
    for size in range(len(frame.body)):
        short = Frame(type=frame.type, flags=frame.flags, body=frame.body[:size])
        if size in whole:
            assert decode(short, version) != packet
            continue
        with pytest.raises(MalformedPacket) as caught:
            decode(short, version)
        assert caught.value.reason_code == (0x82 if size in protocol_errors else 0x81), size


@pytest.mark.parametrize(
    ("wire", "version", "packet"), [row for row in EXAMPLES if not isinstance(row[2], Publish | Suback | Unsuback)]
)
def test_bytes_behind_the_last_field_are_malformed(wire: str, version: MqttVersion, packet: Packet) -> None:
    frame = one_frame(unmarked(wire))
    # Zeroes could spell out what the short forms leave out.
    longer = Frame(type=frame.type, flags=frame.flags, body=frame.body + b"\x00\x00\x00\x01")
    with pytest.raises(MalformedPacket) as caught:
        decode(longer, version)
    assert caught.value.reason_code == (0x82 if isinstance(packet, Subscribe | Unsubscribe) else 0x81)


@pytest.mark.parametrize("packet_type", [T.PUBACK, T.PUBREC, T.PUBREL, T.PUBCOMP, T.UNSUBACK])
@pytest.mark.parametrize("more", ["00", "87", "00 00"])
def test_an_acknowledgement_of_mqtt_311_ends_behind_its_packet_identifier(packet_type: PacketType, more: str) -> None:
    with pytest.raises(MalformedPacket, match=f"{packet_type.name}: bytes follow") as caught:
        decode(Frame(type=packet_type, flags=0, body=bytes.fromhex(f"00 0a {more}")), V311)
    assert caught.value.reason_code == 0x81


@pytest.mark.parametrize("body", ["00 07 00", "00 07 00 00"])
@pytest.mark.parametrize("packet_class", [Puback, Pubrec, Pubrel, Pubcomp])
def test_an_acknowledgement_may_spell_out_what_it_may_leave_out(
    body: str, packet_class: type[Puback | Pubrec | Pubrel | Pubcomp]
) -> None:
    frame = Frame(type=packet_class.type, flags=0, body=bytes.fromhex(body))
    assert decode(frame, V5) == packet_class(packet_id=7)


def test_a_success_of_auth_may_spell_out_what_it_may_leave_out() -> None:
    assert decode(Frame(type=PacketType.AUTH, flags=0, body=b"\x00\x00"), V5) == Auth()


def test_packets_of_different_types_are_never_equal() -> None:
    packets = [Puback(packet_id=1), Pubrec(packet_id=1), Pubrel(packet_id=1), Pubcomp(packet_id=1)]
    assert [a == b for a in packets for b in packets].count(True) == len(packets)


@pytest.mark.fact("E22", "E23")
@pytest.mark.parametrize("topic_filter", ["a/#/b", "a+", "##", "/", "$share//a", "$share/g", "a" * 300, "/" * 9])
@pytest.mark.parametrize("version", MqttVersion)
def test_whether_a_topic_filter_is_valid_is_left_to_the_server(topic_filter: str, version: MqttVersion) -> None:
    subscribe = Subscribe(packet_id=1, subscriptions=(Subscription(filter=topic_filter),))
    unsubscribe = Unsubscribe(packet_id=1, filters=(topic_filter,))
    assert decode(one_frame(encode(subscribe, version)), version) == subscribe
    assert decode(one_frame(encode(unsubscribe, version)), version) == unsubscribe


@pytest.mark.fact("E22", "E23")
def test_a_topic_that_is_too_long_for_aws_is_left_to_the_server() -> None:
    packet = Publish(topic="/".join("a" * 40 for _ in range(9)), payload=b"", qos=1, packet_id=1)
    assert decode(one_frame(encode(packet, V311)), V311) == packet


def test_a_payload_of_any_size_is_carried() -> None:
    for size in (0, 1, 124, 125, 16_380, 16_381, 131_072):
        packet = Publish(topic="t", payload=bytes(size))
        assert decode(one_frame(encode(packet, V311)), V311) == packet


@pytest.mark.parametrize("version", MqttVersion)
def test_a_message_for_many_receivers_is_the_same_as_one_for_each(version: MqttVersion) -> None:
    message = Publish(topic="a/b", payload=b"payload")
    encoder = PublishEncoder(message, version)
    for qos, packet_id, dup in ((0, None, False), (1, 1, False), (1, 65_535, True), (2, 256, True)):
        for retain in (True, False, True):
            packet = Publish(topic="a/b", payload=b"payload", qos=qos, packet_id=packet_id, dup=dup, retain=retain)
            wire = encoder.encode(qos=qos, packet_id=packet_id, dup=dup, retain=retain)
            assert wire == encode(packet, version)
            assert decode(one_frame(wire), version) == packet


def test_an_encoder_of_many_takes_no_delivery_from_the_message() -> None:
    encoder = PublishEncoder(Publish(topic="t", payload=b"", qos=1, retain=True, dup=True, packet_id=9), V311)
    assert encoder.encode() == encode(Publish(topic="t", payload=b""), V311)


def test_payloads_and_secrets_stay_out_of_the_repr() -> None:
    hidden: Properties = {P.CORRELATION_DATA: b"hidden", P.USER_PROPERTY: [("a", "hidden")]}
    shown = [
        Publish(topic="seen", payload=b"hidden", properties={**hidden, P.TOPIC_ALIAS: 7}),
        Puback(packet_id=1, properties={P.USER_PROPERTY: [("a", "hidden")], P.REASON_STRING: "seen"}),
        Subscribe(
            packet_id=1,
            subscriptions=(Subscription(filter="seen"),),
            properties={P.USER_PROPERTY: [("a", "hidden")]},
        ),
        Suback(packet_id=1, reason_codes=(0,), properties={P.USER_PROPERTY: [("seen", "hidden")]}),
        Auth(properties={P.AUTHENTICATION_METHOD: "seen", P.AUTHENTICATION_DATA: b"hidden"}),
    ]
    text = repr(shown)
    assert "hidden" not in text
    assert text.count("seen") == 4
    assert "'TOPIC_ALIAS': 7" in text


def publish(**fields: object) -> Publish:
    return Publish(**{"topic": "t", "payload": b"", **fields})  # type: ignore[arg-type]


def subscribe(**fields: object) -> Subscribe:
    return Subscribe(packet_id=1, subscriptions=(Subscription(**{"filter": "f", **fields}),))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("packet", "version", "problem"),
    [
        (publish(topic="a/+"), V5, "the topic name contains a wildcard"),
        (publish(topic="#"), V311, "the topic name contains a wildcard"),
        (publish(topic="a\0"), V311, "the topic name contains U\\+0000"),
        (publish(topic="\ud800"), V311, "the topic name contains a surrogate"),
        (publish(topic="a" * 65_536), V311, "the topic name is longer"),
        (publish(topic=""), V311, "needs a topic name"),
        (publish(topic=""), V5, "needs a topic name"),
        (publish(topic="", properties={P.TOPIC_ALIAS: 1}), V311, "no properties"),
        (publish(properties={P.TOPIC_ALIAS: 0}), V5, "TOPIC_ALIAS"),
        (publish(properties={P.SUBSCRIPTION_IDENTIFIER: 1}), V5, "SUBSCRIPTION_IDENTIFIER must be a list"),
        (publish(properties={P.SUBSCRIPTION_IDENTIFIER: [0]}), V5, "SUBSCRIPTION_IDENTIFIER must be 1 to"),
        (publish(properties={P.RESPONSE_TOPIC: "a/#"}), V5, "RESPONSE_TOPIC contains a wildcard"),
        (publish(properties={P.CONTENT_TYPE: "c"}), V311, "no properties"),
        (publish(qos=3, packet_id=1), V5, "QoS"),
        (publish(qos=-1, packet_id=1), V5, "QoS"),
        (publish(qos=1), V5, "needs a packet identifier"),
        (publish(qos=1, packet_id=0), V5, "packet identifier must be 1 to 65535"),
        (publish(qos=2, packet_id=65_536), V311, "packet identifier must be 1 to 65535"),
        (publish(packet_id=1), V311, "neither DUP nor a packet identifier"),
        (publish(dup=True), V311, "neither DUP nor a packet identifier"),
        (Puback(packet_id=0), V311, "packet identifier"),
        (Puback(packet_id=1, reason_code=0x87), V311, "neither a reason code nor properties"),
        (Pubrec(packet_id=1, properties={P.REASON_STRING: "n"}), V311, "neither a reason code nor properties"),
        (Puback(packet_id=1, reason_code=0x92), V5, "PUBACK has no reason code 0x92"),
        (Pubrel(packet_id=1, reason_code=0x87), V5, "PUBREL has no reason code 0x87"),
        (Pubcomp(packet_id=1, properties={P.TOPIC_ALIAS: 1}), V5, "TOPIC_ALIAS is not allowed in PUBCOMP"),
        (Subscribe(packet_id=1, subscriptions=()), V5, "needs a topic filter"),
        (Subscribe(packet_id=0, subscriptions=(Subscription(filter="f"),)), V5, "packet identifier"),
        (subscribe(filter=""), V311, "a topic filter is empty"),
        (subscribe(filter="\0"), V311, "a topic filter contains U\\+0000"),
        (subscribe(qos=3), V5, "QoS"),
        (subscribe(retain_handling=3), V5, "the retain handling"),
        (subscribe(filter="$share/g/f", no_local=True), V5, "shared subscription"),
        (subscribe(no_local=True), V311, "no option but the QoS"),
        (subscribe(retain_as_published=True), V311, "no option but the QoS"),
        (subscribe(retain_handling=1), V311, "no option but the QoS"),
        (Suback(packet_id=1, reason_codes=()), V311, "SUBACK needs a reason code"),
        (Suback(packet_id=1, reason_codes=(0, 3)), V5, "SUBACK has no reason code 0x03"),
        (Suback(packet_id=1, reason_codes=(0x8F,)), V311, "SUBACK has no reason code 0x8F"),
        (Unsubscribe(packet_id=1, filters=()), V5, "needs a topic filter"),
        (Unsubscribe(packet_id=1, filters=("a", "")), V5, "a topic filter is empty"),
        (Unsuback(packet_id=1), V5, "UNSUBACK needs a reason code"),
        (Unsuback(packet_id=1, reason_codes=(0,)), V311, "no reason codes"),
        (Unsuback(packet_id=1, reason_codes=(1,)), V5, "UNSUBACK has no reason code 0x01"),
        (Auth(), V311, "MQTT 3.1.1 has no AUTH"),
        (Auth(reason_code=0x18), V5, "needs an authentication method"),
        (Auth(reason_code=0x87, properties={P.AUTHENTICATION_METHOD: "m"}), V5, "AUTH has no reason code 0x87"),
    ],
)
def test_what_the_wire_cannot_carry_is_not_encoded(packet: Packet, version: MqttVersion, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        encode(packet, version)
