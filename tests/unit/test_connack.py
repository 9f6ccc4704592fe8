"""The body of a CONNACK, read for libraries that lose some of it."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customauth import Connack, ConnackRefused, ConnectError, MqttVersion, mqtt


def body_of(packet: mqtt.Connack, version: MqttVersion = MqttVersion.V5) -> bytes:
    return mqtt.FrameReader(1 << 16).feed(mqtt.encode(packet, version))[0].body


@pytest.mark.fact("E2")
def test_every_property_is_read() -> None:
    said: mqtt.Properties = {
        mqtt.Property.REASON_STRING: "welcome",
        mqtt.Property.ASSIGNED_CLIENT_IDENTIFIER: "$GEN/1",
        mqtt.Property.SERVER_KEEP_ALIVE: 33,
        mqtt.Property.SESSION_EXPIRY_INTERVAL: 60,
        mqtt.Property.RECEIVE_MAXIMUM: 100,
        mqtt.Property.MAXIMUM_QOS: 1,
        mqtt.Property.RETAIN_AVAILABLE: 0,
        mqtt.Property.MAXIMUM_PACKET_SIZE: 149_504,
        mqtt.Property.TOPIC_ALIAS_MAXIMUM: 8,
        mqtt.Property.WILDCARD_SUBSCRIPTION_AVAILABLE: 0,
        mqtt.Property.SUBSCRIPTION_IDENTIFIER_AVAILABLE: 0,
        mqtt.Property.SHARED_SUBSCRIPTION_AVAILABLE: 0,
        mqtt.Property.RESPONSE_INFORMATION: "replies/1",
        mqtt.Property.SERVER_REFERENCE: "other.example",
        mqtt.Property.USER_PROPERTY: [("a", "1"), ("a", "2")],
    }
    connack = Connack.from_body(
        body_of(mqtt.Connack(session_present=True, reason_code=0, properties=said)), MqttVersion.V5
    )
    assert connack == Connack(
        session_present=True,
        reason_string="welcome",
        assigned_client_id="$GEN/1",
        server_keep_alive=33,
        session_expiry=60,
        receive_maximum=100,
        maximum_qos=1,
        retain_available=False,
        maximum_packet_size=149_504,
        topic_alias_maximum=8,
        wildcard_subscriptions=False,
        subscription_identifiers=False,
        shared_subscriptions=False,
        response_information="replies/1",
        server_reference="other.example",
        user_properties=(("a", "1"), ("a", "2")),
    )


@pytest.mark.parametrize("version", list(MqttVersion), ids=lambda version: version.label)
def test_what_was_not_said_has_the_value_that_mqtt_gives_it(version: MqttVersion) -> None:
    packet = mqtt.Connack(session_present=False, reason_code=0)
    assert Connack.from_body(body_of(packet, version), version) == Connack()


def test_a_refusal_is_raised_with_its_reason_string() -> None:
    packet = mqtt.Connack(session_present=False, reason_code=0x87, properties={mqtt.Property.REASON_STRING: "no"})
    with pytest.raises(ConnackRefused) as caught:
        Connack.from_body(body_of(packet), MqttVersion.V5)
    assert (caught.value.reason_code, caught.value.reason_string) == (0x87, "no")


def test_a_refusal_is_a_refusal_even_where_the_rest_is_malformed() -> None:
    with pytest.raises(ConnackRefused):
        Connack.from_body(b"\x00\x87\xff\xff", MqttVersion.V5)


@given(st.binary(max_size=30), st.sampled_from(MqttVersion))
def test_any_bytes_are_a_connack_or_an_error_of_the_tree(body: bytes, version: MqttVersion) -> None:
    with contextlib.suppress(ConnectError):
        Connack.from_body(body, version)
