"""Real clients of different languages exchange messages under policies that allow just that (D7, D24, E1, E31-E43)."""

from __future__ import annotations

import base64
import json
import subprocess
import time
import uuid
from collections.abc import Iterator

import pytest
from attrs import evolve

import gateways
from customauth import CustomAuth, MqttVersion
from messengers import HANGS, Extras, Heard, Kind
from programs import program
from rooms import Room, kind_params, open_room, pair_params, partner

EXTRAS = Extras(
    user_properties=(("colour", "blue"), ("size", "größer")),
    content_type="text/plain",
    response_topic="talk/answers",
    correlation_data=b"question 7",
)

pairs = pytest.mark.parametrize(("listens", "speaks"), pair_params())


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


def extras_between(listens: Kind, speaks: Kind) -> tuple[Extras | None, Extras]:
    """Return the properties that are sent, and those that arrive: MQTT 3.1.1 has none (E1)."""
    sent = EXTRAS if speaks.version is MqttVersion.V5 else None
    return sent, EXTRAS if sent is not None and listens.version is MqttVersion.V5 else Extras()


@pytest.mark.fact("D7", "E1", "E18", "E31", "E37")
@pairs
def test_messages_of_qos_0_and_1_arrive_with_their_properties(
    listens: Kind, speaks: Kind, room: Room, base: str
) -> None:
    listener, speaker = room.open(listens, "listener"), room.open(speaks, "speaker")
    assert listener.subscribe(f"{base}/+/state", 1) == 1
    sent, arrives = extras_between(listens, speaks)
    speaker.publish(f"{base}/lamp/state", "für alle".encode(), extras=sent)
    heard = Heard(topic=f"{base}/lamp/state", payload="für alle".encode(), qos=0, extras=arrives)
    assert listener.hear() == heard
    # gmqtt does not show what a PUBACK says.
    assert speaker.publish(f"{base}/lamp/state", b"once more", qos=1, extras=sent) in (0, None)
    assert listener.hear() == evolve(heard, payload=b"once more", qos=1)


@pytest.mark.fact("E1", "E18")
@pytest.mark.parametrize("listens", kind_params())
def test_a_subscription_of_qos_0_lowers_what_was_published_with_qos_1(listens: Kind, room: Room, base: str) -> None:
    listener, speaker = room.open(listens, "listener"), room.open(partner(listens), "speaker")
    assert listener.subscribe(f"{base}/#", 0) == 0
    speaker.publish(f"{base}/a/b/c", b"x", qos=1)
    assert listener.hear() == Heard(topic=f"{base}/a/b/c", payload=b"x", qos=0)


@pytest.mark.fact("D8", "E41")
@pairs
def test_a_retained_message_waits_for_who_subscribes_to_its_topic(
    listens: Kind, speaks: Kind, room: Room, base: str
) -> None:
    speaker, listener = room.open(speaks, "speaker"), room.open(listens, "listener")
    sent, arrives = extras_between(listens, speaks)
    speaker.publish(f"{base}/kept", b"kept", qos=1, retain=True, extras=sent)
    assert listener.subscribe(f"{base}/kept", 1) == 1
    assert listener.hear() == Heard(topic=f"{base}/kept", payload=b"kept", qos=1, retain=True, extras=arrives)
    # To who has subscribed already it is a message like any other; without a payload it ends what was retained.
    speaker.publish(f"{base}/kept", b"", qos=1, retain=True)
    assert listener.hear() == Heard(topic=f"{base}/kept", payload=b"", qos=1)


@pytest.mark.fact("E41")
@pytest.mark.parametrize("listens", kind_params())
def test_a_wildcard_brings_no_retained_message(listens: Kind, room: Room, base: str) -> None:
    speaker, listener = room.open(partner(listens), "speaker"), room.open(listens, "listener")
    speaker.publish(f"{base}/kept", b"kept", qos=1, retain=True)
    assert listener.subscribe(f"{base}/#", 1) == 1
    speaker.publish(f"{base}/later", b"later", qos=1)
    assert listener.hear().payload == b"later"


@pytest.mark.fact("E42", "C38")
@pytest.mark.parametrize("speaks", kind_params("paho", "mqttjs", "mosquitto"))
def test_the_will_of_a_client_that_is_cut_off_arrives(speaks: Kind, room: Room, base: str) -> None:
    listener = room.open(partner(speaks), "listener")
    assert listener.subscribe(f"{base}/gone", 1) == 1
    speaker = room.open(speaks, "mortal", will=(f"{base}/gone", b"gone"))
    if speaks.name == "mosquitto":
        # It connects only to subscribe.
        speaker.subscribe(f"{base}/unused", 1)
    speaker.cut()
    assert listener.hear() == Heard(topic=f"{base}/gone", payload=b"gone", qos=1)


@pytest.mark.fact("E42", "C38")
@pytest.mark.parametrize("speaks", kind_params("paho", "mqttjs"))
def test_the_will_of_a_client_that_says_goodbye_is_not_sent(speaks: Kind, room: Room, base: str) -> None:
    listener, other = room.open(partner(speaks), "listener"), room.open(partner(speaks), "speaker")
    assert listener.subscribe(f"{base}/+", 1) == 1
    room.close(room.open(speaks, "speaker", will=(f"{base}/gone", b"gone")))
    other.publish(f"{base}/end", b"end", qos=1)
    assert listener.hear().payload == b"end"


@pytest.mark.fact("D24", "E43")
@pytest.mark.parametrize("listens", kind_params())
def test_a_shared_subscription_brings_each_message_to_one_of_two(listens: Kind, room: Room, base: str) -> None:
    crew = [room.open(kind, "listener") for kind in (listens, partner(listens))]
    speaker = room.open(listens, "speaker")
    for member in crew:
        assert member.subscribe(f"$share/crew/{base}/+", 1) == 1
    for number in range(24):
        speaker.publish(f"{base}/{number % 3}", str(number).encode(), qos=1)
    heard: list[list[int]] = [[], []]
    until = time.monotonic() + HANGS
    while sum(map(len, heard)) < 24 and time.monotonic() < until:
        for member, numbers in zip(crew, heard, strict=True):
            if member.has_heard():
                numbers.append(int(member.hear().payload))
        time.sleep(0.001)
    assert sorted(heard[0] + heard[1]) == list(range(24))
    # That chance leaves one of them out happens once in eight million runs.
    assert all(heard)


@pytest.mark.fact("E37", "E38")
@pytest.mark.parametrize("listens", kind_params())
def test_a_persistent_session_keeps_messages_for_a_client_that_is_away(
    listens: Kind, room: Room, base: str, client_id: str
) -> None:
    listener = room.open(listens, "listener", client_id=client_id, kept=True)
    assert listener.subscribe(f"{base}/+", 1) == 1
    room.close(listener)
    speaker = room.open(partner(listens), "speaker")
    speaker.publish(f"{base}/a", b"not kept", qos=0)
    for payload in (b"1", b"2", b"3"):
        speaker.publish(f"{base}/a", payload, qos=1)
    listener = room.open(listens, "listener", client_id=client_id, kept=True)
    if listens.name == "mosquitto":
        # It connects only to subscribe.
        listener.subscribe(f"{base}/+", 1)
    assert [listener.hear().payload for _ in range(3)] == [b"1", b"2", b"3"]


@pytest.mark.fact("A32", "A35", "E1")
@program("curl", package="curl")
@pytest.mark.parametrize("listens", kind_params())
def test_what_curl_publishes_arrives(listens: Kind, room: Room, base: str) -> None:
    listener = room.open(listens, "listener")
    assert listener.subscribe(f"{base}/#", 1) == 1
    pairs = base64.b64encode(json.dumps([{name: value} for name, value in EXTRAS.user_properties]).encode()).decode()
    data = base64.b64encode(EXTRAS.correlation_data or b"").decode()
    headers = {"x-amz-mqtt5-user-properties": pairs, "x-amz-mqtt5-correlation-data": data}
    headers |= CustomAuth(authorizer="speaker").http_headers()
    query = f"qos=1&contentType={EXTRAS.content_type}&responseTopic={EXTRAS.response_topic}"
    words = [word for pair in headers.items() for word in ("--header", ": ".join(pair))]
    url = f"https://localhost:{room.where.port}/topics/{base}/curl?{query}"
    command = ["curl", "--silent", "--fail", "--cacert", str(room.where.ca_file), *words, "--data", "over HTTPS", url]
    subprocess.run(command, capture_output=True, timeout=HANGS, check=True)
    arrives = EXTRAS if listens.version is MqttVersion.V5 else Extras()
    assert listener.hear() == Heard(topic=f"{base}/curl", payload=b"over HTTPS", qos=1, extras=arrives)
