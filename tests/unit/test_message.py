"""Messages, their properties, wills, and the topics and filters that are refused before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customauth import Message, MessageProperties, RequestError, Will, mqtt
from customauth.message import NO_PROPERTIES, check_filter, check_qos, check_topic, filter_matches

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0+#"), min_size=1, max_size=20)
LEVEL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0+#/$"), max_size=5)
TOPIC = st.lists(LEVEL, min_size=1, max_size=6).map("/".join).filter(bool)


def properties() -> st.SearchStrategy[MessageProperties]:
    return st.builds(
        MessageProperties,
        response_topic=st.none() | TEXT,
        correlation_data=st.none() | st.binary(max_size=30),
        content_type=st.none() | TEXT,
        message_expiry=st.none() | st.integers(0, 2**32 - 1),
        user_properties=st.lists(st.tuples(TEXT, TEXT), max_size=4),
        utf8=st.booleans(),
    )


@given(properties())
def test_properties_survive_the_wire(sent: MessageProperties) -> None:
    packet = mqtt.Publish(topic="t", payload=b"", properties=sent.to_wire())
    frame = mqtt.FrameReader(1 << 20).feed(mqtt.encode(packet, mqtt.MqttVersion.V5))[0]
    received = mqtt.decode(frame, mqtt.MqttVersion.V5)
    assert isinstance(received, mqtt.Publish)
    assert MessageProperties.from_wire(received.properties) == sent


def test_what_is_no_property_of_a_message_is_left_out() -> None:
    found = MessageProperties.from_wire({mqtt.Property.SUBSCRIPTION_IDENTIFIER: [1]})
    assert found is NO_PROPERTIES


def test_an_empty_response_topic_is_none() -> None:
    assert MessageProperties.from_wire({mqtt.Property.RESPONSE_TOPIC: ""}) is NO_PROPERTIES


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x" * 65_536, "ü" * 32_768])
def test_text_that_the_wire_cannot_carry_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="content type"):
        MessageProperties(content_type=text)
    for pair in ((text, ""), ("", text)):
        with pytest.raises(RequestError, match="user property"):
            MessageProperties(user_properties=[pair])


def test_correlation_data_that_the_wire_cannot_carry_is_refused() -> None:
    MessageProperties(correlation_data=bytes(65_535))
    with pytest.raises(RequestError, match="correlation data"):
        MessageProperties(correlation_data=bytes(65_536))


def test_a_message_shows_the_size_of_its_payload_and_not_the_payload() -> None:
    assert repr(Message(topic="t", payload=b"hunter2")).count("hunter2") == 0
    assert "<7 bytes>" in repr(Message(topic="t", payload=b"hunter2"))


@pytest.mark.parametrize("topic", ["", "a/+", "a/#", "a\0b", "\ud800", "x" * 65_536])
def test_a_topic_that_no_server_takes_is_refused(topic: str) -> None:
    with pytest.raises(RequestError):
        check_topic(topic)


@pytest.mark.parametrize("topic", ["a", "/", "a//b", "$aws/things/x", "ü" * 32_767])
def test_a_topic_of_any_other_form_is_left_to_the_server(topic: str) -> None:
    check_topic(topic)


@pytest.mark.parametrize("topic_filter", ["", "a#", "#/a", "a/b+/c", "a\0", "x" * 65_536])
def test_what_is_no_topic_filter_is_refused(topic_filter: str) -> None:
    with pytest.raises(RequestError):
        check_filter(topic_filter)


@pytest.mark.parametrize("topic_filter", ["#", "+", "a/+/b", "a/#", "$share/g/a/#", "/+/"])
def test_a_topic_filter_is_taken(topic_filter: str) -> None:
    check_filter(topic_filter)


@pytest.mark.fact("E18")
@pytest.mark.parametrize("qos", [-1, 2, 3])
def test_qos_0_and_1_alone_are_taken(qos: int) -> None:
    with pytest.raises(RequestError, match="E18"):
        check_qos(qos)


@pytest.mark.parametrize(
    ("topic_filter", "topic", "matches"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a", False),
        ("a", "a/b", False),
        ("+", "a", True),
        ("+", "a/b", False),
        ("+/b", "a/b", True),
        ("a/+", "a/", True),
        ("#", "a/b/c", True),
        ("a/#", "a/b/c", True),
        ("a/#", "a", True),
        ("a/#", "b", False),
        ("$share/group/a/+", "a/b", True),
        ("$share/group/a/+", "b/b", False),
        ("#", "$aws/x", False),
        ("+/x", "$aws/x", False),
        ("$aws/#", "$aws/x", True),
    ],
)
def test_a_filter_matches_what_a_server_may_send_for_it(topic_filter: str, topic: str, *, matches: bool) -> None:
    assert filter_matches(topic_filter, topic) is matches


@given(TOPIC, st.data())
def test_a_topic_with_some_of_its_levels_as_wildcards_matches_it(topic: str, data: st.DataObject) -> None:
    levels = [data.draw(st.sampled_from([level, "+"])) for level in topic.split("/")]
    if data.draw(st.booleans()):
        levels = [*levels[: data.draw(st.integers(0, len(levels)))], "#"]
    assert filter_matches("/".join(levels), topic)


@pytest.mark.parametrize(
    "wrong",
    [
        {"topic": "a/#"},
        {"topic": "a", "qos": 2},
        {"topic": "a", "delay": -1},
        {"topic": "a", "payload": bytes(65_536)},
    ],
)
def test_a_will_that_no_server_takes_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(RequestError):
        Will(**wrong)


def test_a_will_with_a_delay_or_properties_needs_mqtt_5() -> None:
    assert not Will(topic="a", payload=b"x", qos=1, retain=True).needs_mqtt5()
    assert Will(topic="a", delay=0).needs_mqtt5()
    assert Will(topic="a", properties=MessageProperties(utf8=True)).needs_mqtt5()


@pytest.mark.parametrize("wrong", ["ab", [("a",)], [("a", 1)], 7, [1]])
def test_user_properties_that_are_no_pairs_of_text_are_refused(wrong: Any) -> None:
    with pytest.raises(RequestError, match="user propert"):
        MessageProperties(user_properties=wrong)
