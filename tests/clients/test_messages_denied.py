"""What a real client shows of each action that its policy denies (D7, D22)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator

import pytest

import gateways
from customauth import MqttVersion
from logins import NOT_AUTHORIZED, UUID
from messengers import Ended, Heard, Kind, Messenger
from rooms import Room, kind_params, open_room, partner

# What a client of MQTT 5 is told with the DISCONNECT of a publish with QoS 0.
REASON_STRING = re.compile(f"DISCONNECT:Client is not authenticated/authorized to send the message:{UUID}")

# What the clients that say anything say in their own words.
SUBSCRIBE_5 = {"mqttjs": "Subscribe error: Not authorized", "mosquitto": "All subscription requests were denied."}
PUBLISH_5 = {"mqttjs": "Publish error: Not authorized", "mosquitto": "Warning: Publish 1 failed: Not authorized."}
ENDED_311 = {"awsiotsdk": "AWS_ERROR_MQTT_UNEXPECTED_HANGUP"}

every_kind = pytest.mark.parametrize("kind", kind_params())


@pytest.fixture(scope="module")
def module_room(tmp_path_factory: pytest.TempPathFactory, keys: gateways.Keys) -> Iterator[Room]:
    with open_room(tmp_path_factory.mktemp("room"), keys) as room:
        yield room


@pytest.fixture
def room(module_room: Room) -> Iterator[Room]:
    """Give the gateway; the clients of a test end with it."""
    yield module_room
    module_room.close_all()


@pytest.fixture
def base() -> str:
    """Give a topic of the test's own."""
    return f"talk/{uuid.uuid4().hex}"


def assert_still_listens(listener: Messenger, room: Room, kind: Kind, base: str) -> None:
    """Hold that the session was kept, with the subscription that it had."""
    room.open(partner(kind), "speaker").publish(f"{base}/after", b"after", qos=1)
    assert listener.hear() == Heard(topic=f"{base}/after", payload=b"after", qos=1)


def assert_says(listener: Messenger, words: str | None) -> None:
    """Hold what the client says, if it is one that says anything."""
    assert words is None or listener.shown == [words]


@pytest.mark.fact("D22", "D23", "F17")
@every_kind
def test_a_denied_subscribe_is_0x87_on_5_and_closes_311(kind: Kind, room: Room, base: str) -> None:
    listener = room.open(kind, "listener")
    if kind.version is MqttVersion.V5:
        if kind.name != "mosquitto":
            # mosquitto_sub has its one subscription only, and ends when that is denied.
            assert listener.subscribe(f"{base}/+", 1) == 1
        assert listener.subscribe("other/topic", 1) == NOT_AUTHORIZED
        if kind.name != "mosquitto":
            assert_still_listens(listener, room, kind, base)
        assert_says(listener, SUBSCRIBE_5.get(kind.name))
        return
    with pytest.raises(Ended) as ended:
        listener.subscribe("other/topic", 1)
    assert ended.value.code is None
    assert_says(listener, ENDED_311.get(kind.name))


@pytest.mark.fact("D22", "F17")
@every_kind
def test_a_denied_publish_of_qos_1_is_0x87_on_5_and_closes_311(kind: Kind, room: Room, base: str) -> None:
    listener = room.open(kind, "listener")
    assert listener.subscribe(f"{base}/+", 1) == 1
    if kind.version is MqttVersion.V5:
        # gmqtt does not show what a PUBACK says.
        assert listener.publish(f"{base}/mine", b"x", qos=1) == (None if kind.name == "gmqtt" else NOT_AUTHORIZED)
        assert_still_listens(listener, room, kind, base)
        assert_says(listener, PUBLISH_5.get(kind.name))
        return
    with pytest.raises(Ended) as ended:
        listener.publish(f"{base}/mine", b"x", qos=1)
    assert ended.value.code is None
    assert_says(listener, {**ENDED_311, "mosquitto": "Error: The connection was lost."}.get(kind.name))


@pytest.mark.fact("D22", "E16", "F17")
@pytest.mark.parametrize("kind", kind_params("paho", "mqttjs", "awsiotsdk", "gmqtt"))
def test_a_denied_publish_of_qos_0_ends_the_connection(kind: Kind, room: Room, base: str) -> None:
    # mosquitto_pub is not here: it has left before it could be told.
    listener = room.open(kind, "listener")
    with pytest.raises(Ended) as ended:  # noqa: PT012 - the end may come before the client says that it has sent
        listener.publish(f"{base}/mine", b"x", qos=0)
        listener.hear()
    if kind.version is MqttVersion.V5 and kind.name == "gmqtt":
        # It shows no reason string, and stops reading when the connection closes, with a DISCONNECT unread or not.
        assert ended.value.code in (NOT_AUTHORIZED, None)
    elif kind.version is MqttVersion.V5:
        assert ended.value.code == NOT_AUTHORIZED
        assert REASON_STRING.fullmatch(ended.value.reason or "")
    else:
        assert ended.value.code is None


@pytest.mark.fact("D7", "D22")
@every_kind
def test_what_may_not_be_received_is_withheld_and_its_publisher_not_told(kind: Kind, room: Room, base: str) -> None:
    deaf, listener = room.open(kind, "deaf"), room.open(partner(kind), "listener")
    assert deaf.subscribe(f"{base}/+", 1) == 1
    assert listener.subscribe(f"{base}/+", 1) == 1
    speaker = room.open(partner(kind), "speaker")
    for qos in (0, 1):
        assert speaker.publish(f"{base}/secret", b"x", qos=qos) in (0, None)
    speaker.publish(f"{base}/end", b"end", qos=1)
    assert [listener.hear().payload for _ in range(3)] == [b"x", b"x", b"end"]
    assert deaf.hear() == Heard(topic=f"{base}/end", payload=b"end", qos=1)
