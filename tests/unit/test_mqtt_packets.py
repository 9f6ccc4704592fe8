"""Packets against bytes worked out by hand from the specifications, and what each packet refuses."""

import pytest

from customauth.mqtt import (
    Connack,
    Connect,
    Disconnect,
    Frame,
    FrameReader,
    MalformedPacket,
    MqttVersion,
    Packet,
    PacketType,
    Pingreq,
    Pingresp,
    Property,
    UnsupportedProtocolLevel,
    Will,
    decode,
    encode,
)

V311, V5 = MqttVersion.V311, MqttVersion.V5

# The variable headers are the examples of MQTT 3.1.1 and MQTT 5, 3.1.2: connect flags 0xCE (user name, password,
# will QoS 1, will, clean start), keep alive 10, and on MQTT 5 a session expiry interval of 10.
FULL_CONNECT_311 = """
    10 1c
    00 04 4d 51 54 54  04  ce  00 0a
    00 02 63 31
    00 01 77
    00 03 62 79 65
    00 01 75
    00 01 70
"""
FULL_CONNECT_5 = """
    10 28
    00 04 4d 51 54 54  05  ce  00 0a
    05  11 00 00 00 0a
    00 02 63 31
    05  18 00 00 00 05
    00 01 77
    00 03 62 79 65
    00 01 75
    00 01 70
"""
# What E2 lists, each with the value that the live tests of the SDK assert.
AWS_CONNACK = """
    20 20  00 00  1d
    11 00 00 02 58
    21 00 64
    24 01
    25 01
    27 00 02 48 00
    22 00 08
    28 01
    29 00
    2a 01
    13 03 e8
"""

EXAMPLES: list[tuple[str, MqttVersion, Packet]] = [
    (
        FULL_CONNECT_311,
        V311,
        Connect(
            version=V311,
            client_id="c1",
            keep_alive=10,
            username="u",
            password=b"p",
            will=Will(topic="w", payload=b"bye", qos=1),
        ),
    ),
    (
        FULL_CONNECT_5,
        V5,
        Connect(
            version=V5,
            client_id="c1",
            keep_alive=10,
            username="u",
            password=b"p",
            will=Will(topic="w", payload=b"bye", qos=1, properties={Property.WILL_DELAY_INTERVAL: 5}),
            properties={Property.SESSION_EXPIRY_INTERVAL: 10},
        ),
    ),
    (
        "10 0c  00 04 4d 51 54 54  04  00  00 00  00 00",
        V311,
        Connect(version=V311, client_id="", clean_start=False, keep_alive=0),
    ),
    (
        "10 0e  00 04 4d 51 54 54  05  02  00 3c  00  00 01 61",
        V5,
        Connect(version=V5, client_id="a"),
    ),
    (
        "10 10  00 04 4d 51 54 54  05  42  00 3c  00  00 00  00 01 70",
        V5,
        Connect(version=V5, client_id="", password=b"p"),
    ),
    (
        "10 11  00 04 4d 51 54 54  04  36  00 3c  00 00  00 01 77  00 00",
        V311,
        Connect(version=V311, client_id="", will=Will(topic="w", payload=b"", qos=2, retain=True)),
    ),
    ("20 02 01 00", V311, Connack(session_present=True, reason_code=0)),
    ("20 02 00 05", V311, Connack(session_present=False, reason_code=5)),
    ("20 03 01 00 00", V5, Connack(session_present=True, reason_code=0)),
    (
        "20 09 00 87 06  1f 00 03 62 61 64",
        V5,
        Connack(session_present=False, reason_code=0x87, properties={Property.REASON_STRING: "bad"}),
    ),
    ("c0 00", V311, Pingreq()),
    ("c0 00", V5, Pingreq()),
    ("d0 00", V311, Pingresp()),
    ("d0 00", V5, Pingresp()),
    ("e0 00", V311, Disconnect()),
    ("e0 00", V5, Disconnect()),
    ("e0 01 04", V5, Disconnect(reason_code=4)),
    (
        "e0 07 00 05 11 00 00 00 3c",
        V5,
        Disconnect(properties={Property.SESSION_EXPIRY_INTERVAL: 60}),
    ),
]


def one_frame(packet: bytes) -> Frame:
    (frame,) = FrameReader(1 << 20).feed(packet)
    return frame


def refused(body: str, packet_type: PacketType, version: MqttVersion | None = None) -> MalformedPacket:
    frame = Frame(type=packet_type, flags=0, body=bytes.fromhex(body))
    with pytest.raises(MalformedPacket) as caught:
        decode(frame, version)
    assert str(caught.value).startswith(f"{packet_type.name}: ")
    return caught.value


@pytest.mark.parametrize(("wire", "version", "packet"), EXAMPLES)
def test_a_packet_encodes_to_the_bytes_of_the_specification(wire: str, version: MqttVersion, packet: Packet) -> None:
    assert encode(packet, version).hex(" ") == bytes.fromhex(wire).hex(" ")


@pytest.mark.parametrize(("wire", "version", "packet"), EXAMPLES)
def test_the_bytes_of_the_specification_decode_to_the_packet(wire: str, version: MqttVersion, packet: Packet) -> None:
    assert decode(one_frame(bytes.fromhex(wire)), version) == packet


@pytest.mark.parametrize(("wire", "version", "packet"), EXAMPLES)
def test_a_packet_that_is_cut_short_or_goes_on_is_malformed(wire: str, version: MqttVersion, packet: Packet) -> None:
    frame = one_frame(bytes.fromhex(wire))
    for body in [frame.body[:size] for size in range(len(frame.body))] + [frame.body + b"\x00"]:
        if isinstance(packet, Disconnect) and version is V5 and len(body) < 3:
            continue  # MQTT 5 lets the end of a DISCONNECT be left out; an example of each is in the table.
        with pytest.raises(MalformedPacket) as caught:
            decode(Frame(type=frame.type, flags=0, body=body), version)
        assert caught.value.reason_code == 0x81


def test_a_connect_decodes_when_no_version_is_known_yet() -> None:
    for wire, version in ((FULL_CONNECT_311, V311), (FULL_CONNECT_5, V5)):
        packet = decode(one_frame(bytes.fromhex(wire)), None)
        assert isinstance(packet, Connect)
        assert packet.version is version


def test_a_disconnect_may_spell_out_what_it_may_leave_out() -> None:
    for body in ("00", "00 00"):
        assert decode(Frame(type=PacketType.DISCONNECT, flags=0, body=bytes.fromhex(body)), V5) == Disconnect()


@pytest.mark.fact("F2")
def test_the_refusal_of_aws_is_111_bytes() -> None:
    text = "CONNACK:Client is not authenticated/authorized to send the message:"
    trace_id = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
    assert (len(text), len(trace_id)) == (67, 36)
    packet = encode(
        Connack(session_present=False, reason_code=0x87, properties={Property.REASON_STRING: text + trace_id}), V5
    )
    # The whole packet counts: first byte 1, remaining length 1, flags 1, reason code 1, property length 1,
    # property identifier 1, length of the text 2, the text 67 + 36.
    assert len(packet) == 1 + 1 + 1 + 1 + 1 + 1 + 2 + 67 + 36 == 111
    assert packet[:8].hex(" ") == "20 6d 00 87 6a 1f 00 67"


@pytest.mark.fact("E2", "E3")
def test_the_connack_of_aws_carries_its_limits_explicitly() -> None:
    packet = Connack(
        session_present=False,
        reason_code=0,
        properties={
            Property.SESSION_EXPIRY_INTERVAL: 600,
            Property.RECEIVE_MAXIMUM: 100,
            Property.MAXIMUM_QOS: 1,
            Property.RETAIN_AVAILABLE: 1,
            Property.MAXIMUM_PACKET_SIZE: 149_504,
            Property.TOPIC_ALIAS_MAXIMUM: 8,
            Property.WILDCARD_SUBSCRIPTION_AVAILABLE: 1,
            Property.SUBSCRIPTION_IDENTIFIER_AVAILABLE: 0,
            Property.SHARED_SUBSCRIPTION_AVAILABLE: 1,
            Property.SERVER_KEEP_ALIVE: 1000,
        },
    )
    assert encode(packet, V5).hex(" ") == bytes.fromhex(AWS_CONNACK).hex(" ")
    assert decode(one_frame(bytes.fromhex(AWS_CONNACK)), V5) == packet


@pytest.mark.fact("E1")
@pytest.mark.parametrize("level", [0, 3, 6, 0x84, 255])
def test_another_protocol_level_is_named_whatever_follows_it(level: int) -> None:
    for rest in ("", "02 00 3c 00 00"):
        error = refused(f"00 04 4d 51 54 54 {level:02x} {rest}", PacketType.CONNECT)
        assert isinstance(error, UnsupportedProtocolLevel)
        assert (error.level, error.reason_code) == (level, 0x84)


@pytest.mark.fact("E1")
@pytest.mark.parametrize("level", [3, 4, 5])
def test_mqtt_31_is_an_unsupported_level(level: int) -> None:
    error = refused(f"00 06 4d 51 49 73 64 70 {level:02x} 02 00 3c 00 00", PacketType.CONNECT)
    assert isinstance(error, UnsupportedProtocolLevel)
    assert (error.level, error.reason_code) == (level, 0x84)


@pytest.mark.parametrize("name", ["00 04 6d 71 74 74", "00 00", "00 03 4d 51 54", "00 02 ff ff"])
def test_another_protocol_name_is_an_unsupported_protocol(name: str) -> None:
    error = refused(f"{name} 04 02 00 3c 00 00", PacketType.CONNECT)
    assert not isinstance(error, UnsupportedProtocolLevel)
    assert error.reason_code == 0x84


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (0x03, "reserved bit"),
        (0x1E, "will QoS is 3"),
        (0x1A, "will QoS is 3"),
        (0x0A, "without a will"),
        (0x12, "without a will"),
        (0x22, "without a will"),
    ],
)
@pytest.mark.parametrize("level", [4, 5])
def test_connect_flags_that_contradict_are_malformed(flags: int, problem: str, level: int) -> None:
    # Everything that any of the flags could announce is there, so that only the flags are wrong.
    rest = "00 3c" + (" 00" if level == 5 else "") + " 00 00" + " 00" * 40
    error = refused(f"00 04 4d 51 54 54 {level:02x} {flags:02x} {rest}", PacketType.CONNECT)
    assert error.reason_code == 0x81
    assert problem in str(error)


def test_a_password_without_a_user_name_is_malformed_before_mqtt_5() -> None:
    error = refused("00 04 4d 51 54 54 04 42 00 3c 00 00 00 01 70", PacketType.CONNECT)
    assert error.reason_code == 0x81
    assert "a password without a user name" in str(error)


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        ("61 00", "U+0000"),
        ("ed a0 80", "UTF-8"),
        ("ed bf bf", "UTF-8"),
        ("c0 80", "UTF-8"),
        ("f4 90 80 80", "UTF-8"),
        ("c3", "UTF-8"),
        ("ff", "UTF-8"),
    ],
)
@pytest.mark.parametrize("field", ["the client identifier", "the will topic", "the user name"])
def test_text_that_is_not_well_formed_is_malformed(raw: str, problem: str, field: str) -> None:
    good = {"the client identifier": "00 01 61", "the will topic": "00 01 61", "the user name": "00 01 61"}
    texts = good | {field: f"00 {len(bytes.fromhex(raw)):02x} {raw}"}
    error = refused(
        f"00 04 4d 51 54 54 04 86 00 3c {texts['the client identifier']} {texts['the will topic']} 00 00"
        f" {texts['the user name']}",
        PacketType.CONNECT,
    )
    assert error.reason_code == 0x81
    assert field in str(error)
    assert problem in str(error)


def test_a_byte_order_mark_and_non_characters_are_kept() -> None:
    # MQTT-1.5.4-3: U+FEFF is never skipped; other code points are allowed.
    packet = Connect(version=V5, client_id="\ufeffa\uffff\U0010ffff\x01")
    assert decode(one_frame(encode(packet, V5)), None) == packet


def test_the_error_of_a_bad_text_carries_none_of_it() -> None:
    # "hunter2" and a byte that no UTF-8 has, as the user name.
    error = refused("00 04 4d 51 54 54 04 82 00 3c 00 00 00 08 68 75 6e 74 65 72 32 ff", PacketType.CONNECT)
    assert "hunter2" not in str(error)
    assert error.__cause__ is None
    assert error.__context__ is None
    with pytest.raises(ValueError, match="the user name contains a surrogate") as caught:
        encode(Connect(version=V311, client_id="", username="hunter2\ud800"), V311)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("flags", ["02", "80", "ff"])
@pytest.mark.parametrize("version", MqttVersion)
def test_reserved_acknowledge_flags_are_malformed(flags: str, version: MqttVersion) -> None:
    error = refused(f"{flags} 00 {'00' if version is V5 else ''}", PacketType.CONNACK, version)
    assert error.reason_code == 0x81


def test_authentication_data_without_a_method_is_a_protocol_error() -> None:
    error = refused("00 04 4d 51 54 54 05 02 00 3c 04 16 00 01 61 00 00", PacketType.CONNECT)
    assert error.reason_code == 0x82


@pytest.mark.parametrize(
    ("packet", "version", "problem"),
    [
        (Connect(version=V311, client_id="a\0"), V311, "U\\+0000"),
        (Connect(version=V311, client_id="\udfff"), V311, "surrogate"),
        (Connect(version=V311, client_id="é" * 32_768), V311, "65535 bytes"),
        (Connect(version=V311, client_id="", username="\0"), V311, "the user name"),
        (Connect(version=V5, client_id="", password=bytes(65_536)), V5, "the password"),
        (Connect(version=V5, client_id="", keep_alive=65_536), V5, "the keep alive"),
        (Connect(version=V5, client_id="", keep_alive=-1), V5, "the keep alive"),
        (Connect(version=V311, client_id="", password=b"p"), V311, "needs a user name"),
        (Connect(version=V5, client_id=""), V311, "another protocol version"),
        (Connect(version=V311, client_id="", properties={Property.RECEIVE_MAXIMUM: 1}), V311, "no properties"),
        (Connect(version=V5, client_id="", properties={Property.AUTHENTICATION_DATA: b"a"}), V5, "method"),
        (Connect(version=V5, client_id="", will=Will(topic="w", payload=b"", qos=3)), V5, "QoS"),
        (Connect(version=V5, client_id="", will=Will(topic="w", payload=b"", qos=-1)), V5, "QoS"),
        (Connect(version=V5, client_id="", will=Will(topic="\0", payload=b"")), V5, "the will topic"),
        (Connect(version=V5, client_id="", will=Will(topic="w", payload=bytes(65_536))), V5, "the will payload"),
        (
            Connect(
                version=V311,
                client_id="",
                will=Will(topic="w", payload=b"", properties={Property.WILL_DELAY_INTERVAL: 1}),
            ),
            V311,
            "no properties",
        ),
        (Connack(session_present=False, reason_code=256), V5, "the reason code"),
        (
            Connack(session_present=False, reason_code=0, properties={Property.REASON_STRING: "a"}),
            V311,
            "no properties",
        ),
        (Disconnect(reason_code=-1), V5, "no reason code"),
        (Disconnect(reason_code=1), V5, "no reason code 0x01"),
        (Disconnect(reason_code=4), V311, "neither a reason code nor properties"),
        (Disconnect(properties={Property.REASON_STRING: "a"}), V311, "neither a reason code nor properties"),
    ],
)
def test_what_the_wire_cannot_carry_is_not_encoded(packet: Packet, version: MqttVersion, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        encode(packet, version)


def test_a_text_of_65535_bytes_is_carried() -> None:
    packet = Connect(version=V311, client_id="é" * 32_767 + "e")
    assert decode(one_frame(encode(packet, V311)), None) == packet


def test_secrets_stay_out_of_the_repr() -> None:
    text = repr(
        Connect(
            version=V5,
            client_id="seen",
            username="hidden-user",
            password=b"hidden-password",
            will=Will(
                topic="seen",
                payload=b"hidden-payload",
                properties={Property.CORRELATION_DATA: b"hidden-data", Property.WILL_DELAY_INTERVAL: 7},
            ),
            properties={
                Property.AUTHENTICATION_METHOD: "seen",
                Property.AUTHENTICATION_DATA: b"hidden-data",
                Property.USER_PROPERTY: [("token", "hidden-token")],
            },
        )
    )
    assert "hidden" not in text
    assert text.count("seen") == 3
    assert "'WILL_DELAY_INTERVAL': 7" in text
