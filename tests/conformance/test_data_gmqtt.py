"""What is special to the gmqtt backend: what gmqtt alone drops, keeps, counts wrongly or ends in error."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest

from customauth import (
    Acknowledgement,
    ClosedBeforeConnack,
    ConnectError,
    Connection,
    CustomAuth,
    Disconnected,
    MessageProperties,
    MqttVersion,
    PublishRefused,
    RequestError,
    RequestTimeout,
    SubscribeRefused,
    UnsubscribeRefused,
    connect,
    mqtt,
)
from customauth.gateway import running
from customauth.testing.fault_proxy import fault_proxy
from customauth.testing.faults import Direction, Throttle
from customauth.testing.mqtt_server import Content, MqttPeer, MqttServer, mqtt_server, usual

pytest.importorskip("gmqtt", reason="gmqtt is not installed")

from customauth_gmqtt._connection import GmqttConnection  # needs gmqtt

VERSIONS = pytest.mark.parametrize("version", list(MqttVersion), ids=lambda version: version.label)
_LIMIT = 30.0
_SAID: mqtt.Properties = {mqtt.Property.REASON_STRING: "because"}


async def _open(server: MqttServer, **options: Any) -> tuple[Connection, MqttPeer]:
    connection = await connect(server.endpoint, CustomAuth(username="user"), backend="gmqtt", **options)
    return connection, server.peers[-1]


@contextlib.asynccontextmanager
async def _conversation(**options: Any) -> AsyncIterator[tuple[Connection, MqttPeer, MqttServer]]:
    """Connect to a server that a test plays."""
    async with asyncio.timeout(_LIMIT), mqtt_server() as server:
        connection, peer = await _open(server, **options)
        async with connection:
            yield connection, peer, server


def _without(kind: type[mqtt.Packet]) -> Any:
    """Return answers that leave out those to one kind of packet."""

    def answers(packet: mqtt.Packet, version: MqttVersion) -> Iterable[Content]:
        return () if isinstance(packet, kind) else usual(packet, version)

    return answers


def _refusing(packet: mqtt.Packet, version: MqttVersion) -> Iterable[Content]:
    match packet:
        case mqtt.Publish(packet_id=packet_id) if packet_id is not None:
            return (mqtt.Puback(packet_id=packet_id, reason_code=0x97, properties=_SAID),)
        case mqtt.Subscribe(packet_id=packet_id):
            return (mqtt.Suback(packet_id=packet_id, reason_codes=(0x87,), properties=_SAID),)
        case mqtt.Unsubscribe(packet_id=packet_id):
            return (mqtt.Unsuback(packet_id=packet_id, reason_codes=(0x8F,), properties=_SAID),)
    return usual(packet, version)


@VERSIONS
def test_text_beyond_ascii_and_any_bytes_pass_through_the_gateway(version: MqttVersion) -> None:
    async def scenario() -> None:
        async with asyncio.timeout(_LIMIT), running() as gateway:
            assert gateway.unsigned is not None
            credentials = gateway.unsigned
            made = await connect(gateway.endpoint, credentials, backend="gmqtt", version=version, client_id="device")
            async with made:
                async with made.subscribe("sample/gerät/+", 1) as messages:
                    for qos, payload in ((0, bytes(range(256))), (1, b"")):
                        await made.publish("sample/gerät/ü", payload, qos=qos)
                        message = await anext(messages)
                        assert (message.topic, message.payload, message.qos) == ("sample/gerät/ü", payload, qos)
                # gmqtt would count the characters of the filter here and make the packet too short.
                assert (await made.publish("sample/after", qos=1)).reason_code == 0

    asyncio.run(scenario())


def test_no_property_is_lost_in_either_direction() -> None:
    properties = MessageProperties(
        response_topic="answers/ü",
        correlation_data=b"\x00\xff",
        content_type="text/plain",
        message_expiry=60,
        user_properties=[("b", "1"), ("a", "2"), ("b", "1")],
        utf8=True,
    )

    async def scenario() -> None:
        async with _conversation() as (connection, peer, _):
            await connection.publish("a", b"x", qos=1, properties=properties)
            (sent,) = await peer.seen(mqtt.Publish)
            assert sent.properties == properties.to_wire()
            async with connection.subscribe("a") as messages:
                peer.send(mqtt.Publish(topic="a", payload=b"x", properties=sent.properties))
                assert (await anext(messages)).properties == properties

    asyncio.run(scenario())


def test_it_is_gmqtt_that_sends_parses_and_acknowledges(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with _conversation() as (connection, peer, _), connection.subscribe("a", 1) as messages:
            await connection.publish("a", b"x", qos=1)
            peer.send(mqtt.Publish(topic="a", payload=b"y", qos=1, packet_id=7))
            assert (await anext(messages)).payload == b"y"
            await peer.seen(mqtt.Puback)

    with caplog.at_level(logging.DEBUG, "gmqtt"):
        asyncio.run(scenario())
    said = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("gmqtt"))
    for step in ("[SEND SUB]", "SUBACK mid", "Sending PUBLISH", "PUBACK mid", "RECV a, QoS: 1", "[SEND UNSUB]"):
        assert step in said


@pytest.mark.fact("E34")
def test_the_codes_that_gmqtt_drops_are_told_with_their_reason_strings() -> None:
    async def scenario() -> None:
        async with _conversation() as (connection, _, server):
            messages = connection.subscribe("a")
            async with messages:
                server.answers = _refusing
                with pytest.raises(PublishRefused, match="because") as publish:
                    await connection.publish("a", qos=1)
                with pytest.raises(SubscribeRefused, match="because") as subscribe:
                    await connection.subscribe("b").__aenter__()
                with pytest.raises(UnsubscribeRefused, match="because") as unsubscribe:
                    await connection.unsubscribe("c")
                server.answers = usual
            codes = [caught.value.reason_code for caught in (publish, subscribe, unsubscribe)]
            assert codes == [0x97, 0x87, 0x8F]
            assert connection.closed is None

    asyncio.run(scenario())


def test_a_refusal_in_a_suback_of_311_is_told() -> None:
    def answers(packet: mqtt.Packet, version: MqttVersion) -> Iterable[Content]:
        if isinstance(packet, mqtt.Subscribe):
            return (mqtt.Suback(packet_id=packet.packet_id, reason_codes=(0x80,)),)
        return usual(packet, version)

    async def scenario() -> None:
        async with _conversation(version=MqttVersion.V311) as (connection, _, server):
            server.answers = answers
            with pytest.raises(SubscribeRefused, match="0x80"):
                await connection.subscribe("a").__aenter__()
            server.answers = usual
            assert await connection.publish("a", qos=1) == Acknowledgement(reason_code=0)

    asyncio.run(scenario())


@VERSIONS
def test_nothing_is_sent_twice_and_a_late_answer_is_nobodys(version: MqttVersion) -> None:
    async def scenario() -> None:
        async with _conversation(version=version) as (connection, peer, server):
            server.answers = _without(mqtt.Publish)
            for _ in range(3):
                with pytest.raises(RequestTimeout):
                    await connection.publish("a", qos=1, timeout=0.01)
            server.answers = usual
            unanswered = peer.all(mqtt.Publish)
            for sent in unanswered:
                assert sent.packet_id is not None
                peer.send(mqtt.Puback(packet_id=sent.packet_id))
            assert await connection.publish("b", qos=1) == Acknowledgement(reason_code=0)
        assert [sent.topic for sent in peer.all(mqtt.Publish)] == ["a", "a", "a", "b"]
        assert not any(sent.dup for sent in peer.all(mqtt.Publish))

    asyncio.run(scenario())


def test_nothing_is_kept_of_what_is_refused_or_never_answered() -> None:
    async def scenario() -> None:
        async with _conversation() as (connection, peer, server):
            assert isinstance(connection, GmqttConnection)
            server.answers = _refusing
            for _ in range(3):
                with pytest.raises(SubscribeRefused):
                    await connection.subscribe("a").__aenter__()
            server.answers = _without(mqtt.Publish)
            with pytest.raises(RequestTimeout):
                await connection.publish("a", qos=1, timeout=0.01)
            assert connection.client.subscriptions == []
            assert connection.client._persistent_storage.get_all() == []
            # So that the end needs no answer.
            peer.end()
            await connection.wait_closed()

    asyncio.run(scenario())


def test_packet_identifiers_of_requests_that_nobody_waits_for_come_back() -> None:
    from customauth_gmqtt._unanswered import Unanswered

    async def scenario() -> None:
        unanswered = Unanswered()
        waiting = [unanswered.next_id() for _ in range(100)]
        answers = [unanswered.expect(packet_id) for packet_id in waiting]
        for _ in range(70_000):
            packet_id = unanswered.next_id()
            assert packet_id not in waiting
            unanswered.expect(packet_id).cancel()
        for _ in range(65_535 - len(waiting)):
            unanswered.expect(unanswered.next_id())
        with pytest.raises(RequestError, match="wait for one"):
            unanswered.next_id()
        assert [unanswered.take(packet_id) for packet_id in waiting] == answers

    asyncio.run(scenario())


@VERSIONS
def test_keep_alive_goes_on_while_reading_is_paused(version: MqttVersion) -> None:
    async def scenario() -> None:
        async with (
            _conversation(version=version, keep_alive=1) as (connection, peer, _),
            connection.subscribe("a", buffer=1) as messages,
        ):
            peer.send(*[mqtt.Publish(topic="a", payload=b"%d" % number) for number in range(3)])
            # Four of them last longer than gmqtt, and a server, would wait.
            await peer.seen(mqtt.Pingreq, 4)
            assert connection.closed is None
            assert [(await anext(messages)).payload for _ in range(3)] == [b"0", b"1", b"2"]
            await peer.seen(mqtt.Pingreq, 6)
            assert connection.closed is None

    asyncio.run(scenario())


@VERSIONS
def test_a_server_that_answers_no_pingreq_is_lost(version: MqttVersion) -> None:
    async def scenario() -> None:
        async with _conversation(version=version, keep_alive=1) as (connection, peer, server):
            server.answers = _without(mqtt.Pingreq)
            ending = await connection.wait_closed()
            assert (ending.by_server, ending.reason_code) == (True, None)
            assert "no PINGRESP within 1 s" in str(ending)
            await peer.ended.wait()

    asyncio.run(scenario())


def test_what_the_server_sets_is_not_hidden_by_what_was_asked_for() -> None:
    def answers(packet: mqtt.Packet, version: MqttVersion) -> Iterable[Content]:
        if isinstance(packet, mqtt.Connect):
            properties: mqtt.Properties = {mqtt.Property.SESSION_EXPIRY_INTERVAL: 5, **_SAID}
            return (mqtt.Connack(session_present=False, reason_code=0, properties=properties),)
        return usual(packet, version)

    async def scenario() -> None:
        async with asyncio.timeout(_LIMIT), mqtt_server(answers) as server:
            connection, _ = await _open(server, session_expiry=3600)
            async with connection:
                assert connection.connack.session_expiry == 5
                assert connection.connack.reason_string == "because"

    asyncio.run(scenario())


def test_the_keep_alive_that_the_server_sets_is_kept() -> None:
    def answers(packet: mqtt.Packet, version: MqttVersion) -> Iterable[Content]:
        if isinstance(packet, mqtt.Connect):
            properties: mqtt.Properties = {mqtt.Property.SERVER_KEEP_ALIVE: 1}
            return (mqtt.Connack(session_present=False, reason_code=0, properties=properties),)
        return usual(packet, version)

    async def scenario() -> None:
        async with asyncio.timeout(_LIMIT), mqtt_server(answers) as server:
            connection, peer = await _open(server, keep_alive=1200)
            async with connection:
                await peer.seen(mqtt.Pingreq, 2)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "content",
    [
        b"\x30\xff\xff\xff\xff\x01",
        b"\x00\x00",
        mqtt.Publish(topic="", payload=b"", properties={mqtt.Property.TOPIC_ALIAS: 1}),
        mqtt.Publish(topic="a", payload=b"", qos=2, packet_id=1),
        mqtt.Connack(session_present=False, reason_code=0),
        mqtt.Pingreq(),
        b"\x30\x06\x00\x01a\x02\x7f\x00",
        b"\x30\x04\x00\x01\xff\x00",
        b"\x32\x02\x00\x09",
        b"\x90\x06\x00\x01\x02\x7f\x00\x00",
        b"\x40\x01\x00",
    ],
    ids=[
        "length",
        "type-0",
        "alias",
        "qos-2",
        "second-connack",
        "pingreq",
        "property",
        "topic",
        "cut-short",
        "suback-property",
        "puback",
    ],
)
def test_what_a_server_may_not_send_ends_the_connection_with_the_fault_named(content: Content) -> None:
    async def scenario() -> None:
        async with _conversation() as (connection, peer, _):
            peer.send(content)
            ending = await connection.wait_closed()
            assert (ending.by_server, ending.reason_code) == (True, None)
            assert "no packet of MQTT" in str(ending)
            assert isinstance(ending.__cause__, mqtt.MalformedPacket)
            with pytest.raises(Disconnected, match="no packet of MQTT"):
                await connection.publish("a", qos=1)
            (farewell,) = await peer.seen(mqtt.Disconnect)
            assert farewell.reason_code == ending.__cause__.reason_code

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("first", "error"),
    [
        (mqtt.Pingresp(), ConnectError),
        (mqtt.Disconnect(reason_code=0x87), ConnectError),
        (b"\x20\x01\x00", ConnectError),
        (b"", ClosedBeforeConnack),
    ],
    ids=["pingresp", "disconnect", "cut-short", "nothing"],
)
def test_what_is_no_connack_fails_the_attempt_at_once(first: Content, error: type[ConnectError]) -> None:
    def answers(packet: mqtt.Packet, version: MqttVersion) -> Iterable[Content]:
        if not first:
            server.peers[0].end()
        return (first,)

    server: MqttServer

    async def scenario() -> None:
        nonlocal server
        async with asyncio.timeout(_LIMIT), mqtt_server(answers) as server:
            with pytest.raises(error) as caught:
                await _open(server)
            assert type(caught.value) is error
            await server.peers[0].ended.wait()

    asyncio.run(scenario())


@VERSIONS
def test_a_flood_at_qos_0_waits_for_a_server_that_does_not_read(version: MqttVersion) -> None:
    payload = b"x" * 10_000

    async def flood(connection: Connection, sent: list[int]) -> None:
        while True:
            await connection.publish("a", payload)
            sent[0] += 1

    async def scenario() -> None:
        slowly = Throttle(bytes_per_second=1000, direction=Direction.TO_SERVER)
        async with asyncio.timeout(_LIMIT), mqtt_server() as server, fault_proxy(server.endpoint, slowly) as proxy:
            connection = await connect(proxy.endpoint, CustomAuth(), backend="gmqtt", version=version)
            sent, before = [0], -1
            flooding = asyncio.ensure_future(flood(connection, sent))
            while sent[0] != before:
                before = sent[0]
                await asyncio.sleep(0.2)
            # Less than the kernel's buffers and ours hold, and not the gigabytes of a flood that nothing stops.
            assert sent[0] * len(payload) < 50_000_000
            closing = asyncio.ensure_future(connection.aclose())
            with pytest.raises(Disconnected):
                await flooding
            await closing

    asyncio.run(scenario())


@VERSIONS
def test_after_any_end_no_task_timer_or_socket_is_left_without_a_close(version: MqttVersion) -> None:
    def in_use() -> tuple[int, int]:
        return len(asyncio.all_tasks()), len(os.listdir("/dev/fd"))

    async def scenario() -> None:
        async with asyncio.timeout(_LIMIT), mqtt_server() as server:
            # What an earlier test has left to the garbage collector is not to be missed.
            gc.collect()
            before = in_use()
            for abruptly in (True, False):
                connection, peer = await _open(server, version=version)
                peer.end(abruptly=abruptly)
                ending = await connection.wait_closed()
                assert (ending.by_server, ending.reason_code) == (True, None)
                assert isinstance(ending.__cause__, OSError) is abruptly
                await asyncio.sleep(0)
                assert not any("Client.reconnect" in repr(task) for task in asyncio.all_tasks())
                await peer.ended.wait()
            # Nobody is told of it.
            while in_use() != before:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    asyncio.run(scenario())
