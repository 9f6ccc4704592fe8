"""Messages in both directions, and what the server answers to requests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from customauth import Acknowledgement, Backend, Message, MessageProperties, MqttVersion, mqtt
from customauth.mqtt import Property
from customauth.testing.conformance.kit import Kit, Way, each_version, every_way, open_connection, run, with_mqtt5
from customauth.testing.mqtt_server import Answers, Content, MqttServer, mqtt_server, usual

_PROPERTIES = MessageProperties(
    response_topic="answers/für/mich",
    correlation_data=b"\x00\x01\xff",
    content_type="application/json",
    message_expiry=3600,
    user_properties=(("b", "2"), ("a", "1"), ("b", "ä")),
    utf8=True,
)
# E21
_LARGEST = 128 * 1024
_EVERY_BYTE = bytes(range(256))
_PAYLOADS = {
    "empty": b"",
    "every-byte": _EVERY_BYTE,
    "utf-8": "größer als 🌍".encode(),
    "128-KiB": _EVERY_BYTE * (_LARGEST // 256),
}
_TOPICS = ["a", "sensors/größe/°C", "/", "$aws/things/x/shadow/update", "a/b/c/d/e/f/g/h"]
_MANY = 1000

each_payload: pytest.MarkDecorator = pytest.mark.parametrize("payload", _PAYLOADS.values(), ids=_PAYLOADS)
each_qos: pytest.MarkDecorator = pytest.mark.parametrize("qos", [0, 1])


def _publishes(server: MqttServer) -> list[mqtt.Publish]:
    return server.peers[0].all(mqtt.Publish)


def _granting(*grants: int, reason_string: str | None = None) -> Answers:
    """Answer with these reason codes, one for each SUBSCRIBE, and to the other requests with the reason string."""
    left = list(grants)
    why: mqtt.Properties = {} if reason_string is None else {Property.REASON_STRING: reason_string}

    def answers(packet: mqtt.Packet, version: MqttVersion) -> Iterable[Content]:
        match packet:
            case mqtt.Subscribe(packet_id=packet_id):
                return (mqtt.Suback(packet_id=packet_id, reason_codes=(left.pop(0),), properties=why),)
            case mqtt.Unsubscribe(packet_id=packet_id) if version is MqttVersion.V5:
                return (mqtt.Unsuback(packet_id=packet_id, reason_codes=(0x11,), properties=why),)
            case mqtt.Publish(qos=1, packet_id=packet_id) if packet_id is not None and version is MqttVersion.V5:
                return (mqtt.Puback(packet_id=packet_id, reason_code=0x10, properties=why),)
        return usual(packet, version)

    return answers


class DataConformance(Kit):
    """Publish, subscribe, unsubscribe."""

    @every_way
    @each_payload
    @each_qos
    def test_a_publish_is_on_the_wire_as_it_was_given(
        self, backend: Backend, way: Way, payload: bytes, qos: int
    ) -> None:
        async def scenario() -> list[mqtt.Publish]:
            async with mqtt_server() as server:
                async with await open_connection(backend, server.endpoint, way) as connection:
                    for topic in _TOPICS:
                        answer = await connection.publish(topic, payload, qos=qos, retain=topic == "a")
                        assert answer == Acknowledgement(reason_code=0 if qos else None)
                await server.peers[0].ended.wait()
                return _publishes(server)

        sent = run(scenario())
        assert [
            (packet.topic, packet.payload == payload, packet.qos, packet.retain, packet.dup) for packet in sent
        ] == [(topic, True, qos, topic == "a", False) for topic in _TOPICS]
        assert not any(packet.properties for packet in sent)

    @with_mqtt5
    @each_qos
    def test_every_property_of_a_publish_is_on_the_wire(self, backend: Backend, way: Way, qos: int) -> None:
        async def scenario() -> list[mqtt.Publish]:
            async with mqtt_server() as server:
                async with await open_connection(backend, server.endpoint, way) as connection:
                    await connection.publish("a", b"1", qos=qos, properties=_PROPERTIES)
                    await connection.publish("a", b"2", qos=qos)
                await server.peers[0].ended.wait()
                return _publishes(server)

        first, second = run(scenario())
        assert first.properties == _PROPERTIES.to_wire()
        assert not second.properties

    @every_way
    @each_payload
    @each_qos
    def test_a_message_is_received_as_it_was_sent(self, backend: Backend, way: Way, payload: bytes, qos: int) -> None:
        messages = [Message(topic=topic, payload=payload, qos=qos, retain=topic == "a") for topic in _TOPICS]
        assert self._received(backend, way, messages) == messages

    @each_version
    def test_a_message_that_may_have_come_before_is_marked(self, backend: Backend, way: Way) -> None:
        messages = [Message(topic="a", payload=b"1", qos=1, duplicate=True), Message(topic="a", payload=b"2", qos=1)]
        assert self._received(backend, way, messages) == messages

    @with_mqtt5
    @each_qos
    def test_every_property_of_a_message_is_received(self, backend: Backend, way: Way, qos: int) -> None:
        messages = [
            Message(topic="a", payload=b"1", qos=qos, properties=_PROPERTIES),
            Message(topic="a", payload=b"2", qos=qos),
            Message(topic="a", payload=b"3", qos=qos, properties=MessageProperties(correlation_data=b"")),
        ]
        assert self._received(backend, way, messages) == messages

    @every_way
    @each_qos
    def test_a_thousand_messages_are_received_in_their_order(self, backend: Backend, way: Way, qos: int) -> None:
        messages = [Message(topic=f"many/{number % 7}", payload=b"%d" % number, qos=qos) for number in range(_MANY)]
        assert self._received(backend, way, messages) == messages

    def _received(self, backend: Backend, way: Way, messages: list[Message]) -> list[Message]:
        """Send messages to the client and return what it took; every message at QoS 1 is acknowledged."""

        async def scenario() -> list[Message]:
            async with (
                mqtt_server() as server,
                await open_connection(backend, server.endpoint, way) as connection,
                connection.subscribe("#", 1) as wanted,
                connection.subscribe("$aws/#", 1) as aws,
            ):
                peer = server.client()
                peer.send(*(_packet(number, message) for number, message in enumerate(messages, 1)))
                ours, theirs = (
                    [m for m in messages if m.topic[0] != "$"],
                    [m for m in messages if m.topic[0] == "$"],
                )
                taken = [await anext(wanted) for _ in ours]
                special = [await anext(aws) for _ in theirs]
                acknowledged = sum(message.qos for message in messages)
                answers = await peer.seen(mqtt.Puback, acknowledged) if acknowledged else []
                ids = [number for number, message in enumerate(messages, 1) if message.qos]
                assert sorted(answer.packet_id for answer in answers) == ids
                assert all(answer.reason_code == 0 for answer in answers)
                by_order = iter(taken), iter(special)
                return [next(by_order[message.topic[0] == "$"]) for message in messages]

        return run(scenario())

    @every_way
    @each_qos
    def test_a_thousand_publishes_arrive_in_their_order(self, backend: Backend, way: Way, qos: int) -> None:
        async def scenario() -> list[bytes]:
            async with mqtt_server() as server:
                async with (
                    await open_connection(backend, server.endpoint, way) as connection,
                    asyncio.TaskGroup() as group,
                ):
                    for number in range(_MANY):
                        publish = group.create_task(connection.publish("many", b"%d" % number, qos=qos))
                        if not qos:
                            await publish
                await server.peers[0].ended.wait()
                return [packet.payload for packet in _publishes(server)]

        assert run(scenario()) == [b"%d" % number for number in range(_MANY)]

    @each_version
    def test_no_more_publishes_are_under_way_than_the_server_takes(self, backend: Backend, way: Way) -> None:
        v5 = way.version is MqttVersion.V5
        # MQTT 3.1.1 cannot say it; AWS takes 100 in either version (E29).
        limit, count = (3, 20) if v5 else (100, 150)

        def answers(packet: mqtt.Packet, version: MqttVersion) -> Iterable[Content]:
            if isinstance(packet, mqtt.Connect):
                said: mqtt.Properties = {Property.RECEIVE_MAXIMUM: limit} if v5 else {}
                return (mqtt.Connack(session_present=False, reason_code=0, properties=said),)
            return () if isinstance(packet, mqtt.Publish) else usual(packet, version)

        async def scenario() -> None:
            async with (
                mqtt_server(answers) as server,
                await open_connection(backend, server.endpoint, way) as connection,
            ):
                peer = server.client()
                publishes = [
                    asyncio.create_task(connection.publish("a", b"%d" % number, qos=1)) for number in range(count)
                ]
                for answered in range(count):
                    expected = min(answered + limit, count)
                    sent = await peer.seen(mqtt.Publish, expected)
                    # What comes behind them has been read when this is answered.
                    if answered % 10 == 0:
                        await connection.unsubscribe("nothing")
                    assert len(peer.all(mqtt.Publish)) == expected
                    packet_id = sent[answered].packet_id
                    assert packet_id is not None
                    peer.send(mqtt.Puback(packet_id=packet_id))
                await asyncio.gather(*publishes)

        run(scenario())

    @with_mqtt5
    def test_each_publish_gets_its_own_answer_whatever_their_order(self, backend: Backend, way: Way) -> None:
        def answers(packet: mqtt.Packet, version: MqttVersion) -> Iterable[Content]:
            return () if isinstance(packet, mqtt.Publish) else usual(packet, version)

        async def scenario() -> list[Acknowledgement]:
            async with (
                mqtt_server(answers) as server,
                await open_connection(backend, server.endpoint, way) as connection,
            ):
                peer = server.client()
                publishes = [
                    asyncio.create_task(connection.publish("a", b"%d" % number, qos=1)) for number in range(10)
                ]
                for packet in reversed(await peer.seen(mqtt.Publish, 10)):
                    assert packet.packet_id is not None
                    why: mqtt.Properties = {Property.REASON_STRING: packet.payload.decode()}
                    peer.send(mqtt.Puback(packet_id=packet.packet_id, reason_code=0x10, properties=why))
                return await asyncio.gather(*publishes)

        assert run(scenario()) == [Acknowledgement(reason_code=0x10, reason_string=str(number)) for number in range(10)]

    @each_version
    def test_requests_are_answered_with_code_and_string(self, backend: Backend, way: Way) -> None:
        v5 = way.version is MqttVersion.V5
        why = "because" if v5 else None

        async def scenario() -> None:
            async with mqtt_server(_granting(1, 0, reason_string=why)) as server:
                async with await open_connection(backend, server.endpoint, way) as connection:
                    async with connection.subscribe("a/+/ü", 1) as first, connection.subscribe("b/#", 1) as second:
                        assert (first.granted_qos, second.granted_qos) == (1, 0)
                        answer = await connection.publish("a", qos=1)
                        assert answer == Acknowledgement(reason_code=0x10 if v5 else 0, reason_string=why)
                    answer = await connection.unsubscribe("c")
                    assert answer == Acknowledgement(reason_code=0x11 if v5 else 0, reason_string=why)
                peer = server.client()
                await peer.ended.wait()
                wanted = [packet.subscriptions for packet in peer.all(mqtt.Subscribe)]
                assert [[(each.filter, each.qos) for each in each_of] for each_of in wanted] == [
                    [("a/+/ü", 1)],
                    [("b/#", 1)],
                ]
                assert [packet.filters for packet in peer.all(mqtt.Unsubscribe)] == [("b/#",), ("a/+/ü",), ("c",)]

        run(scenario())

    @each_version
    def test_a_message_behind_the_connack_is_not_lost(self, backend: Backend, way: Way) -> None:
        """A kept session's messages come before anybody has subscribed again."""
        early = mqtt.Publish(topic="kept", payload=b"early", qos=1, packet_id=9)

        def answers(packet: mqtt.Packet, version: MqttVersion) -> Iterable[Content]:
            if isinstance(packet, mqtt.Connect):
                accepted = mqtt.Connack(session_present=True, reason_code=0)
                return (b"".join(mqtt.encode(each, version) for each in (accepted, early)),)
            return usual(packet, version)

        async def scenario() -> Message:
            async with (
                mqtt_server(answers) as server,
                await open_connection(backend, server.endpoint, way, clean_start=False) as connection,
                connection.subscribe("kept", 1) as messages,
            ):
                return await anext(messages)

        assert run(scenario()) == Message(topic="kept", payload=b"early", qos=1)


def _packet(number: int, message: Message) -> mqtt.Publish:
    return mqtt.Publish(
        topic=message.topic,
        payload=message.payload,
        qos=message.qos,
        retain=message.retain,
        dup=message.duplicate,
        packet_id=number if message.qos else None,
        properties=message.properties.to_wire(),
    )
