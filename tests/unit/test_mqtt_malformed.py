"""Packets of messages and subscriptions that are none, each with the reason code that MQTT 5 names for its fault.

What is cut short or goes on is in test_mqtt_messages, and faults of properties are in test_mqtt_properties.
"""

import re
from typing import TypeAlias

import pytest

from customauth.mqtt import Frame, MalformedPacket, MqttVersion, PacketType, decode

V311, V5 = MqttVersion.V311, MqttVersion.V5
T = PacketType


def refused(packet_type: PacketType, flags: int, body: str, version: MqttVersion) -> MalformedPacket:
    frame = Frame(type=packet_type, flags=flags, body=bytes.fromhex(body))
    with pytest.raises(MalformedPacket) as caught:
        decode(frame, version)
    assert str(caught.value).startswith(f"{packet_type.name}: ")
    return caught.value


Fault: TypeAlias = tuple[PacketType, int, str, int, str]

# Type, flags, body, reason code, what the message says; "[00]" stands for what only MQTT 5 has.
FAULTS_OF_BOTH: list[Fault] = [
    # MQTT-3.3.1-4, MQTT-3.3.1-2
    (T.PUBLISH, 0x6, "00 01 74 00 01 [00]", 0x81, "the QoS is 3"),
    (T.PUBLISH, 0xE, "00 01 74 00 01 [00]", 0x81, "the QoS is 3"),
    (T.PUBLISH, 0x8, "00 01 74 [00]", 0x82, "DUP is set at QoS 0"),
    (T.PUBLISH, 0x2, "00 01 74 00 00 [00]", 0x82, "the packet identifier is 0"),
    (T.PUBLISH, 0x4, "00 01 74 00 00 [00] 70", 0x82, "the packet identifier is 0"),
    (T.PUBLISH, 0x0, "00 00 [00] 70", 0x82, "neither a topic name nor a topic alias"),
    (T.PUBLISH, 0x2, "00 00 00 01 [00]", 0x82, "neither a topic name nor a topic alias"),
    # MQTT-3.3.2-2
    (T.PUBLISH, 0x0, "00 01 23 [00]", 0x90, "the topic name contains a wildcard"),
    (T.PUBLISH, 0x0, "00 03 61 2f 2b [00]", 0x90, "the topic name contains a wildcard"),
    (T.PUBLISH, 0x2, "00 02 2b 61 00 01 [00]", 0x90, "the topic name contains a wildcard"),
    # MQTT-3.3.2-1, MQTT-1.5.4-1, MQTT-1.5.4-2
    (T.PUBLISH, 0x0, "00 01 00 [00]", 0x81, "the topic name contains U+0000"),
    (T.PUBLISH, 0x0, "00 03 ed a0 80 [00]", 0x81, "the topic name is not well-formed UTF-8"),
    (T.PUBLISH, 0x0, "00 02 c0 80 [00]", 0x81, "the topic name is not well-formed UTF-8"),
    (T.PUBLISH, 0x0, "00 02 23 ff [00]", 0x81, "the topic name is not well-formed UTF-8"),
    (T.PUBACK, 0, "00 00", 0x82, "the packet identifier is 0"),
    (T.PUBREC, 0, "00 00", 0x82, "the packet identifier is 0"),
    (T.PUBREL, 2, "00 00", 0x82, "the packet identifier is 0"),
    (T.PUBCOMP, 0, "00 00", 0x82, "the packet identifier is 0"),
    (T.SUBSCRIBE, 2, "00 00 [00] 00 01 66 00", 0x82, "the packet identifier is 0"),
    # MQTT-3.8.3-2, MQTT-4.7.3-1
    (T.SUBSCRIBE, 2, "00 01 [00]", 0x82, "there is no topic filter"),
    (T.SUBSCRIBE, 2, "00 01 [00] 00 00 00", 0x82, "a topic filter is empty"),
    (T.SUBSCRIBE, 2, "00 01 [00] 00 01 66 00 00 00 00", 0x82, "a topic filter is empty"),
    (T.SUBSCRIBE, 2, "00 01 [00] 00 01 00 00", 0x81, "a topic filter contains U+0000"),
    (T.SUBSCRIBE, 2, "00 01 [00] 00 01 ff 00", 0x81, "a topic filter is not well-formed UTF-8"),
    # MQTT-3.8.3-5
    (T.SUBSCRIBE, 2, "00 01 [00] 00 01 66 40", 0x81, "a reserved bit"),
    (T.SUBSCRIBE, 2, "00 01 [00] 00 01 66 80", 0x81, "a reserved bit"),
    (T.SUBSCRIBE, 2, "00 01 [00] 00 01 66 00 00 01 67 c1", 0x81, "a reserved bit"),
    (T.SUBACK, 0, "00 00 [00] 00", 0x82, "the packet identifier is 0"),
    (T.SUBACK, 0, "00 01 [00]", 0x82, "there is no reason code"),
    (T.UNSUBSCRIBE, 2, "00 00 [00] 00 01 66", 0x82, "the packet identifier is 0"),
    # MQTT-3.10.3-2
    (T.UNSUBSCRIBE, 2, "00 01 [00]", 0x82, "there is no topic filter"),
    (T.UNSUBSCRIBE, 2, "00 01 [00] 00 01 66 00 00", 0x82, "a topic filter is empty"),
    (T.UNSUBSCRIBE, 2, "00 01 [00] 00 01 00", 0x81, "a topic filter contains U+0000"),
    (T.UNSUBSCRIBE, 2, "00 01 [00] 00 03 ed bf bf", 0x81, "a topic filter is not well-formed UTF-8"),
    (T.UNSUBACK, 0, "00 00 [00 00]", 0x82, "the packet identifier is 0"),
]
FAULTS_OF_311: list[Fault] = [
    # MQTT 3.1.1, MQTT-3-8.3-4
    (T.SUBSCRIBE, 2, "00 01 00 01 66 03", 0x81, "the requested QoS is 3"),
    *((T.SUBSCRIBE, 2, f"00 01 00 01 66 {bit:02x}", 0x81, "a reserved bit") for bit in (0x04, 0x08, 0x10, 0x20)),
    # MQTT 3.1.1, 2.2.1
    (T.AUTH, 0, "", 0x81, "reserved in MQTT 3.1.1"),
    (T.AUTH, 0, "00 04 15 00 01 6d", 0x81, "reserved in MQTT 3.1.1"),
]
FAULTS_OF_5: list[Fault] = [
    # 3.3.2.3.4, MQTT-3.3.2-14
    (T.PUBLISH, 0x0, "00 01 74 03 23 00 00", 0x94, "TOPIC_ALIAS is out of range"),
    (T.PUBLISH, 0x0, "00 00 03 23 00 00", 0x94, "TOPIC_ALIAS is out of range"),
    (T.PUBLISH, 0x0, "00 01 74 04 08 00 01 2b", 0x90, "RESPONSE_TOPIC contains a wildcard"),
    (T.PUBLISH, 0x0, "00 01 74 03 0b 07 00", 0x81, "unknown identifier"),
    (T.PUBLISH, 0x0, "00 01 74 04 0b 07 0b 00", 0x82, "SUBSCRIPTION_IDENTIFIER is out of range"),
    # MQTT-3.8.3-4 and 3.8.3.1
    (T.SUBSCRIBE, 2, "00 01 00 00 01 66 03", 0x82, "the requested QoS is 3"),
    (T.SUBSCRIBE, 2, "00 01 00 00 01 66 30", 0x82, "the retain handling is 3"),
    (T.SUBSCRIBE, 2, "00 01 00 00 0a 24 73 68 61 72 65 2f 67 2f 66 05", 0x82, "no local is set on a shared"),
    # 3.8.2.1.2
    (T.SUBSCRIBE, 2, "00 01 02 0b 00 00 01 66 00", 0x82, "SUBSCRIPTION_IDENTIFIER is out of range"),
    (T.SUBSCRIBE, 2, "00 01 04 0b 01 0b 02 00 01 66 00", 0x82, "SUBSCRIPTION_IDENTIFIER is there twice"),
    (T.UNSUBACK, 0, "00 01 00", 0x82, "there is no reason code"),
    # 3.15.2.2.2
    (T.AUTH, 0, "18 00", 0x82, "there is no authentication method"),
    (T.AUTH, 0, "00 04 16 00 01 64", 0x82, "there is no authentication method"),
    (T.AUTH, 0, "18", 0x81, "the property length is cut short"),
]
FAULTS: list[tuple[MqttVersion, Fault]] = [
    *((version, fault) for version in MqttVersion for fault in FAULTS_OF_BOTH),
    *((V311, fault) for fault in FAULTS_OF_311),
    *((V5, fault) for fault in FAULTS_OF_5),
]


@pytest.mark.parametrize(("version", "fault"), FAULTS)
def test_a_fault_gets_the_reason_code_of_the_specification(version: MqttVersion, fault: Fault) -> None:
    packet_type, flags, body, reason_code, problem = fault
    error = refused(packet_type, flags, re.sub(r"\[(.*)\]", r"\1" if version is V5 else "", body), version)
    assert problem in str(error)
    assert error.reason_code == reason_code


PUBLISHED = "00 10 80 83 87 90 91 97 99"
SUBSCRIBED = "00 01 02 80 83 87 8f 91 97 9e a1 a2"
DISCONNECTED = "00 04 80 81 82 83 87 89 8b 8d 8e 8f 90 93 94 95 96 97 98 99 9a 9b 9c 9d 9e 9f a0 a1 a2"
# What stands before and behind the reason code, and the codes that the section of the packet lists.
REASON_CODES = [
    (V5, T.PUBACK, "00 01", "", PUBLISHED),
    (V5, T.PUBREC, "00 01", "", PUBLISHED),
    (V5, T.PUBREL, "00 01", "", "00 92"),
    (V5, T.PUBCOMP, "00 01", "", "00 92"),
    (V5, T.SUBACK, "00 01 00", "", SUBSCRIBED),
    (V5, T.SUBACK, "00 01 00 00", "01", SUBSCRIBED),
    (V311, T.SUBACK, "00 01", "", "00 01 02 80"),
    (V5, T.UNSUBACK, "00 01 00", "", "00 11 80 83 87 8f 91"),
    (V5, T.DISCONNECT, "", "", DISCONNECTED),
    (V5, T.AUTH, "", "04 15 00 01 6d", "00 18 19"),
]


@pytest.mark.parametrize(("version", "packet_type", "before", "behind", "listed"), REASON_CODES)
def test_a_reason_code_that_the_packet_does_not_have_is_a_protocol_error(
    version: MqttVersion, packet_type: PacketType, before: str, behind: str, listed: str
) -> None:
    allowed = bytes.fromhex(listed)
    for code in range(0x100):
        body = f"{before} {code:02x} {behind}"
        if code in allowed:
            packet = decode(Frame(type=packet_type, flags=0, body=bytes.fromhex(body)), version)
            assert code in getattr(packet, "reason_codes", [getattr(packet, "reason_code", None)])
        else:
            error = refused(packet_type, 0, body, version)
            assert "reason code is not one of this packet's" in str(error)
            assert error.reason_code == 0x82


def test_the_error_of_a_bad_topic_carries_none_of_it() -> None:
    # "hunter2" and a byte that no UTF-8 has.
    error = refused(T.PUBLISH, 0, "00 08 68 75 6e 74 65 72 32 ff", V311)
    assert "hunter2" not in str(error)
    assert error.__context__ is None


@pytest.mark.parametrize("packet_type", [kind for kind in PacketType if kind is not T.CONNECT])
def test_only_connect_may_come_first(packet_type: PacketType) -> None:
    with pytest.raises(MalformedPacket, match=f"{packet_type.name} came before CONNECT") as caught:
        decode(Frame(type=packet_type, flags=0, body=b""), None)
    assert caught.value.reason_code == 0x82
