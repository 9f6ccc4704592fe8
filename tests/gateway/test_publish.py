"""PUBLISH as clients see it: who may, what is refused and how, and what reaches the subscribers."""

from __future__ import annotations

import base64
import json
import re

import pytest

from aloop import put_forward, run
from brokers import Broker, Client, connecting, serving
from customauth.gateway.records import DisconnectReason
from customauth.mqtt import MqttVersion, Properties, Property, Puback, Pubcomp, Publish, Pubrec, Pubrel, encode
from gateways import StartGateway, allow
from httpclient import ask
from logins import UUID

V311, V5 = MqttVersion.V311, MqttVersion.V5
BOTH = pytest.mark.parametrize("version", list(MqttVersion), ids=lambda version: version.label)
NAMED = ("x-amz-customauthorizer-name", "open")
OVER = pytest.mark.parametrize("over", ["TLS", "websocket"])
ALL: Properties = {
    Property.PAYLOAD_FORMAT_INDICATOR: 1,
    Property.CONTENT_TYPE: "text/plain",
    Property.RESPONSE_TOPIC: "answers/1",
    Property.CORRELATION_DATA: b"\x00\xff",
    Property.USER_PROPERTY: [("a", "1"), ("a", "2"), ("", "é")],
}


# From one client to another.


@pytest.mark.fact("E1")
@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize(
    ("publisher", "subscriber"),
    [((V311, "TLS"), (V5, "websocket")), ((V5, "websocket"), (V311, "TLS")), ((V5, "TLS"), (V5, "TLS"))],
    ids=["3.1.1 to 5", "5 to 3.1.1", "5 to 5"],
)
def test_messages_pass_between_versions_and_transports(
    publisher: tuple[MqttVersion, str], subscriber: tuple[MqttVersion, str], qos: int, start_gateway: StartGateway
) -> None:
    properties = ALL if publisher[0] is V5 else {}

    async def main() -> None:
        async with (
            serving(start_gateway) as broker,
            broker.client("from", version=publisher[0], over=publisher[1]) as sender,
            broker.client("to", version=subscriber[0], over=subscriber[1]) as receiver,
        ):
            assert await receiver.subscribe("a/+", qos=1) == (1,)
            code = await sender.publish("a/b", b"\x00payload\xff", qos=qos, properties=properties)
            assert code == (0 if qos else None)
            (got,) = await receiver.messages()
            assert (got.topic, got.payload, got.qos, got.retain, got.dup) == (
                "a/b",
                b"\x00payload\xff",
                qos,
                False,
                False,
            )
            assert got.properties == (properties if subscriber[0] is V5 else {})

    run(main())


@pytest.mark.fact("E13", "E20", "E29")
@BOTH
@OVER
def test_pipelined_messages_are_each_acknowledged_and_delivered(
    version: MqttVersion, over: str, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client("to") as receiver:
            await receiver.subscribe("a")
            async with broker.client("from", version=version, over=over) as sender:
                packets = [
                    Publish(topic="a", payload=b"%d" % number, qos=1, packet_id=number, dup=number % 2 == 0)
                    for number in range(1, 301)
                ]
                await sender.send(*packets)
                acknowledged = [await sender.packet() for _ in packets]
                assert acknowledged == [Puback(packet_id=number) for number in range(1, 301)]
                assert [got.payload for got in await receiver.messages()] == [b"%d" % n for n in range(1, 301)]

    run(main())


@pytest.mark.fact("E13")
@BOTH
def test_a_message_sent_along_with_the_connect_is_published(version: MqttVersion, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client("to") as receiver:
            await receiver.subscribe("a")
            async with broker.running.client() as link:
                await link.send_packet(
                    connecting("from", version=version), Publish(topic="a", payload=b"1", qos=1, packet_id=1)
                )
                await link.packet()
                assert await link.packet() == Puback(packet_id=1)
            assert await receiver.topics() == ["a"]

    run(main())


# What is denied (D22).


@pytest.mark.fact("D8", "D22", "F17")
@BOTH
@OVER
@pytest.mark.parametrize("retain", [False, True], ids=["Publish", "RetainPublish"])
def test_a_denied_publish_of_qos_1_is_told_to_mqtt_5_and_closes_mqtt_311(
    retain: bool, version: MqttVersion, over: str, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client("to") as receiver:
            await receiver.subscribe("#")
            actions = ["iot:Connect", "iot:Publish" if retain else "iot:RetainPublish"]
            broker.policies["device"] = allow("client/device", "topic/a", action=actions)
            async with broker.client(version=version, over=over) as client:
                if version is V5:
                    assert await client.publish("a", qos=1, retain=retain) == 0x87
                    assert await client.messages() == []
                else:
                    await client.send(Publish(topic="a", payload=b"1", qos=1, packet_id=1, retain=retain))
                    assert await client.end() is None
                    assert broker.running.endings()[-1].reason is DisconnectReason.AUTH_ERROR
            assert await receiver.messages() == []

    run(main())


@pytest.mark.fact("D22", "E16", "F17")
@BOTH
@OVER
def test_a_denied_publish_of_qos_0_ends_the_connection(
    version: MqttVersion, over: str, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker:
            broker.policies["device"] = allow("client/*", "topic/allowed")
            async with broker.client(version=version, over=over) as client:
                await client.publish("allowed")
                await client.send(Publish(topic="denied", payload=b"1"))
                found = await client.end()
                if version is V5:
                    assert found is not None
                    assert found.reason_code == 0x87
                    text = "DISCONNECT:Client is not authenticated/authorized to send the message:"
                    assert re.fullmatch(text + UUID, str(found.properties[Property.REASON_STRING]))
                else:
                    assert found is None
            await broker.running.emptied()
            (ending,) = broker.running.endings()
            assert ending.reason is DisconnectReason.AUTH_ERROR
            assert "topic/denied" in ending.why

    run(main())


@pytest.mark.fact("D7", "D22")
@BOTH
@OVER
def test_a_message_that_may_not_be_received_is_withheld_and_the_publisher_unaffected(
    version: MqttVersion, over: str, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker:
            actions = ["iot:Connect", "iot:Subscribe", "iot:Receive"]
            broker.policies["to"] = allow("client/*", "topicfilter/#", "topic/a/1", action=actions)
            async with (
                broker.client("to", version=version, over=over) as receiver,
                broker.client("other") as other,
                broker.client("from", version=version, over=over) as sender,
            ):
                for client in (receiver, other):
                    assert await client.subscribe("#", qos=1) == (1,)
                for topic in ("a/1", "a/2"):
                    assert await sender.publish(topic, qos=1) == 0
                assert await receiver.topics() == ["a/1"]
                assert await other.topics() == ["a/1", "a/2"]

    run(main())


@pytest.mark.fact("C30")
@BOTH
def test_another_policy_at_refresh_holds_for_the_next_action_and_delivery(
    version: MqttVersion, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with (
            serving(start_gateway) as broker,
            broker.client("to", version=version, keep_alive=1200) as receiver,
            broker.client("from", keep_alive=1200) as sender,
        ):
            await receiver.subscribe("a", "b")
            await sender.publish("a", qos=1)
            assert await receiver.topics() == ["a"]
            broker.policies["to"] = allow("client/*", "topicfilter/*", "topic/b")
            put_forward(300.0)
            while len(broker.running.decisions) < 4:
                await sender.publish("nobody/listens", qos=1)
            assert await sender.publish("a", qos=1) == 0
            assert await sender.publish("b", qos=1) == 0
            assert await receiver.topics() == ["b"]
            await receiver.send(Publish(topic="a", payload=b"1"))
            await receiver.ends_with(0x87)

    run(main())


@pytest.mark.fact("D26", "F9")
def test_a_denied_publish_over_https_is_forbidden_and_reaches_nobody(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client("to") as receiver:
            await receiver.subscribe("#")
            broker.answers["policyDocuments"] = [allow("topic/allowed")]
            for topic, status in (("denied", 403), ("allowed", 200)):
                answer = await ask(broker.running, f"/topics/{topic}?qos=1", NAMED, body=b"1")
                assert answer is not None
                assert answer.status == status
            assert await receiver.topics() == ["allowed"]

    run(main())


@pytest.mark.fact("A35", "E1")
def test_a_publish_over_https_reaches_subscribers_of_both_versions(start_gateway: StartGateway) -> None:
    pairs = base64.b64encode(json.dumps([{"a": "1"}, {"a": "2"}]).encode()).decode()
    headers = (
        ("x-amz-mqtt5-user-properties", pairs),
        ("x-amz-mqtt5-payload-format-indicator", "UTF8_DATA"),
        ("x-amz-mqtt5-correlation-data", base64.b64encode(b"\x00\xff").decode()),
    )
    target = "/topics/a?qos=1&retain=true&contentType=text/plain&responseTopic=answers/1&messageExpiry=600"

    async def main() -> None:
        async with (
            serving(start_gateway) as broker,
            broker.client("old", version=V311) as old,
            broker.client("new") as new,
            broker.client("plain") as plain,
        ):
            for client in (old, new):
                await client.subscribe("a", qos=1)
            await plain.subscribe("a")
            answer = await ask(broker.running, target, NAMED, *headers, body=b"payload")
            assert answer is not None
            assert answer.status == 200
            for client in (old, new, plain):
                (got,) = await client.messages()
                assert (got.topic, got.payload, got.retain) == ("a", b"payload", False)
                assert got.qos == (0 if client is plain else 1)
                expiry = got.properties.pop(Property.MESSAGE_EXPIRY_INTERVAL, None)
                assert (expiry is None) if client is old else (isinstance(expiry, int) and 500 < expiry <= 600)
                user = [("a", "1"), ("a", "2")]
                assert got.properties == ({} if client is old else ALL | {Property.USER_PROPERTY: user})
            await plain.subscribe("a")
            assert (await plain.message()).retain

    run(main())


@pytest.mark.fact("E41")
def test_a_reserved_topic_cannot_be_retained_over_https(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker:
            target = "/topics/$aws/things/t/shadow/update?retain="
            for retain, status in (("true", 400), ("false", 200)):
                answer = await ask(broker.running, target + retain, NAMED, body=b"1")
                assert answer is not None
                assert answer.status == status

    run(main())


# What breaks a rule.


async def refused(broker: Broker, client: Client, packet: Publish, code: int) -> None:
    """Hold how a broken rule is answered: MQTT 5 with QoS 1 by the PUBACK, anything else by the end (E23)."""
    await client.send(packet)
    if client.version is V5 and packet.qos == 1:
        found = await client.packet()
        assert isinstance(found, Puback)
        assert found.reason_code == code
        await client.messages()
    else:
        await client.ends_with(code)
        await broker.running.emptied()
        assert broker.running.endings()[-1].reason is DisconnectReason.CLIENT_ERROR


@pytest.mark.fact("E22", "E23", "E34", "E44")
@BOTH
@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize("topic", ["x" * 257, "a/b/c/d/e/f/g/h/i", "$SYS/a", "$aws/events/presence/connected/x"])
def test_a_topic_that_cannot_be_published_to_is_refused(
    topic: str, qos: int, version: MqttVersion, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client(version=version) as client:
            await refused(broker, client, Publish(topic=topic, payload=b"", qos=qos, packet_id=qos or None), 0x90)

    run(main())


@pytest.mark.fact("E22", "E44")
def test_reserved_topics_that_are_open_to_clients_are_published_to(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client() as client:
            for topic in ("$aws/things/t/shadow/update", "$aws/rules/r/a/b/c/d/e/f/g/h"):
                assert await client.publish(topic, qos=1) == 0

    run(main())


@pytest.mark.fact("E41")
@BOTH
@pytest.mark.parametrize("qos", [0, 1])
def test_a_reserved_topic_cannot_be_retained(qos: int, version: MqttVersion, start_gateway: StartGateway) -> None:
    packet = Publish(topic="$aws/things/t/shadow/update", payload=b"1", qos=qos, retain=True, packet_id=qos or None)

    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client(version=version) as client:
            await refused(broker, client, packet, 0x90)

    run(main())


@pytest.mark.fact("E32")
@BOTH
def test_a_topic_with_a_wildcard_ends_the_connection(version: MqttVersion, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client(version=version) as client:
            body = b"\x00\x03a/+" + (b"\x00" if version is V5 else b"")
            await client.link.send(b"\x30" + bytes((len(body),)) + body)
            await client.ends_with(0x90)

    run(main())


@pytest.mark.fact("E18", "E19")
@BOTH
@OVER
def test_a_publish_of_qos_2_ends_the_connection(version: MqttVersion, over: str, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client(version=version, over=over) as client:
            await client.send(Publish(topic="a", payload=b"", qos=2, packet_id=1))
            await client.ends_with(0x9B)

    run(main())


@pytest.mark.fact("E18")
@BOTH
@pytest.mark.parametrize("kind", [Pubrec, Pubrel, Pubcomp])
def test_the_packets_of_qos_2_end_the_connection(
    kind: type[Pubrec | Pubrel | Pubcomp], version: MqttVersion, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client(version=version) as client:
            await client.send(kind(packet_id=1))
            await client.ends_with(0x82)

    run(main())


@pytest.mark.fact("E2", "E21", "E34")
@BOTH
@pytest.mark.parametrize("qos", [0, 1])
def test_a_payload_of_128_kib_passes_and_a_larger_one_ends_the_connection(
    qos: int, version: MqttVersion, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with (
            serving(start_gateway) as broker,
            broker.client("to") as receiver,
            broker.client(version=version) as client,
        ):
            await receiver.subscribe("a")
            await client.publish("a", bytes(131_072), qos=qos)
            (got,) = await receiver.messages()
            assert len(got.payload) == 131_072
            await client.send(Publish(topic="a", payload=bytes(131_073), qos=qos, packet_id=qos or None))
            await client.ends_with(0x97)

    run(main())


@pytest.mark.fact("E2", "E21", "E34")
@BOTH
def test_a_packet_of_more_than_146_kib_ends_the_connection(version: MqttVersion, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client(version=version) as client:
            await client.send(Publish(topic="a", payload=bytes(150_000)))
            await client.ends_with(0x97)

    run(main())


@pytest.mark.fact("E47")
@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize(
    ("fits", "excessive"),
    [
        ({Property.USER_PROPERTY: [("a", "x" * 8191)]}, {Property.USER_PROPERTY: [("a", "x" * 8191), ("b", "")]}),
        ({Property.CORRELATION_DATA: bytes(8192)}, {Property.CORRELATION_DATA: bytes(8193)}),
        ({Property.CONTENT_TYPE: "é" * 128}, {Property.CONTENT_TYPE: "é" * 129}),
    ],
    ids=["user properties", "correlation data", "content type"],
)
def test_properties_that_are_too_long_are_refused(
    fits: Properties, excessive: Properties, qos: int, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client() as client:
            await client.publish("a", qos=qos, properties=fits)
            packet = Publish(topic="a", payload=b"", qos=qos, packet_id=7 if qos else None, properties=excessive)
            await refused(broker, client, packet, 0x97)

    run(main())


# Topic aliases.


@pytest.mark.fact("E2", "E36")
def test_a_topic_alias_stands_for_its_topic_until_it_is_set_anew(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client() as client:
            await client.subscribe("#")
            for alias in range(1, 9):
                await client.publish(f"t/{alias}", properties={Property.TOPIC_ALIAS: alias})
            await client.publish("", properties={Property.TOPIC_ALIAS: 8})
            await client.publish("t/new", qos=1, properties={Property.TOPIC_ALIAS: 8})
            await client.publish("", qos=1, properties={Property.TOPIC_ALIAS: 8})
            got = await client.messages()
            assert [each.topic for each in got] == [f"t/{n}" for n in range(1, 9)] + ["t/8", "t/new", "t/new"]
            assert all(each.properties == {} for each in got)

    run(main())


@pytest.mark.fact("D22", "E36")
def test_policies_are_asked_for_the_topic_behind_an_alias(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker:
            broker.policies["device"] = allow("client/*", "topic/allowed")
            async with broker.client() as client:
                for topic in ("denied", ""):
                    assert await client.publish(topic, qos=1, properties={Property.TOPIC_ALIAS: 1}) == 0x87
                for topic in ("allowed", ""):
                    assert await client.publish(topic, qos=1, properties={Property.TOPIC_ALIAS: 2}) == 0

    run(main())


@pytest.mark.parametrize(
    ("alias", "code"),
    [
        pytest.param(9, 0x94, marks=pytest.mark.fact("E34", "E36")),
        pytest.param(65535, 0x94, marks=pytest.mark.fact("E36")),
        pytest.param(1, 0x82, marks=pytest.mark.fact("E34")),
    ],
)
def test_an_alias_that_is_too_large_or_was_never_set_ends_the_connection(
    alias: int, code: int, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client() as client:
            await client.send(Publish(topic="", payload=b"", properties={Property.TOPIC_ALIAS: alias}))
            await client.ends_with(code)

    run(main())


@pytest.mark.fact("E36")
def test_an_alias_of_0_ends_the_connection(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client() as client:
            await client.link.send(b"\x30\x07\x00\x01a\x03\x23\x00\x00")
            await client.ends_with(0x94)

    run(main())


@pytest.mark.fact("E5")
def test_a_client_gets_aliases_only_where_it_takes_them(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with (
            serving(start_gateway) as broker,
            broker.client("plain") as plain,
            broker.client("short", properties={Property.TOPIC_ALIAS_MAXIMUM: 1}) as short,
        ):
            for client in (plain, short):
                await client.subscribe("#")
            for topic in ("a", "a", "b"):
                await plain.publish(topic)
            assert [(got.topic, got.properties) for got in await plain.messages()] == [("a", {}), ("a", {}), ("b", {})]
            alias: Properties = {Property.TOPIC_ALIAS: 1}
            assert [(got.topic, got.properties) for got in await short.messages()] == [
                ("a", alias),
                ("", alias),
                ("b", {}),
            ]

    run(main())


# Message expiry and retained messages.


@pytest.mark.fact("E40")
@pytest.mark.parametrize(("asked", "most"), [(0, 1), (1, 1), (600, 600), (604_800, 604_800), (0xFFFFFFFF, 604_800)])
def test_a_message_expiry_is_kept_within_its_bounds_and_forwarded(
    asked: int, most: int, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client() as client:
            await client.subscribe("a")
            await client.publish("a", properties={Property.MESSAGE_EXPIRY_INTERVAL: asked})
            (got,) = await client.messages()
            left = got.properties[Property.MESSAGE_EXPIRY_INTERVAL]
            assert isinstance(left, int)
            assert max(most - 60, 1) <= left <= most

    run(main())


@pytest.mark.fact("E41")
@BOTH
def test_a_retained_message_comes_to_a_later_subscriber_of_its_topic_until_it_is_deleted(
    version: MqttVersion, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with (
            serving(start_gateway) as broker,
            broker.client("from", version=version) as sender,
            broker.client("live", version=version) as live,
        ):
            await live.subscribe("a/b")
            await sender.publish("a/b", b"old", retain=True)
            await sender.publish("a/b", b"kept", qos=1, retain=True)
            assert [(got.payload, got.retain) for got in await live.messages()] == [(b"old", False), (b"kept", False)]
            async with broker.client("late", version=version) as late:
                await late.subscribe("#", "a/+", "$share/g/a/b")
                assert await late.messages() == []
                await late.subscribe("a/b", qos=1)
                (got,) = await late.messages()
                assert (got.payload, got.qos, got.retain) == (b"kept", 1, True)
            await sender.publish("a/b", b"", retain=True)
            assert [got.payload for got in await live.messages()] == [b""]
            async with broker.client("later", version=version) as later:
                await later.subscribe("a/b")
                assert await later.messages() == []

    run(main())


@pytest.mark.fact("D7", "E41")
def test_a_retained_message_that_may_not_be_received_is_withheld(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client("from") as sender:
            await sender.publish("a", qos=1, retain=True)
            broker.policies["to"] = allow("client/*", "topicfilter/*")
            async with broker.client("to") as receiver:
                assert await receiver.subscribe("a") == (0,)
                assert await receiver.messages() == []

    run(main())


# Going out.


@pytest.mark.fact("E29")
@BOTH
def test_a_client_that_acknowledges_nothing_gets_no_more_than_it_may(
    version: MqttVersion, start_gateway: StartGateway
) -> None:
    room = 100 if version is V311 else 5
    properties: Properties = {} if version is V311 else {Property.RECEIVE_MAXIMUM: room}

    async def main() -> None:
        async with (
            serving(start_gateway) as broker,
            broker.client("to", version=version, properties=properties) as receiver,
            broker.client("other") as other,
            broker.client("from") as sender,
        ):
            for client in (receiver, other):
                await client.subscribe("a", qos=1)
            for number in range(room + 10):
                await sender.publish("a", b"%d" % number, qos=1)
            # Nobody else waits for it.
            assert len(await other.messages()) == room + 10
            got = [await receiver.packet() for _ in range(room)]
            await receiver.subscribe("nothing else has come")
            for packet in got:
                assert isinstance(packet, Publish)
                assert packet.packet_id is not None
                await receiver.send(Puback(packet_id=packet.packet_id))
            assert [each.payload for each in await receiver.messages()] == [b"%d" % n for n in range(room, room + 10)]

    run(main())


@pytest.mark.fact("E30")
@pytest.mark.parametrize(("version", "limit"), [(V311, 3600), (V5, 960)], ids=["3.1.1", "5"])
def test_what_a_client_never_acknowledges_is_dropped_after_its_time(
    version: MqttVersion, limit: int, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with (
            serving(start_gateway) as broker,
            broker.client("to", version=version, keep_alive=1200) as receiver,
            broker.client("from", keep_alive=1200) as sender,
        ):
            await receiver.subscribe("a", qos=1)
            for number in range(101):
                await sender.publish("a", b"%d" % number, qos=1)
            for number in range(100):
                packet = await receiver.packet()
                assert isinstance(packet, Publish)
                assert packet.payload == b"%d" % number
            for _ in range(4):
                put_forward(limit / 4)
                await sender.publish("alive")
                assert await receiver.messages() == []
            put_forward(limit / 4)
            await sender.publish("alive")
            (packet,) = await receiver.messages()
            assert packet.payload == b"100"

    run(main())


def test_a_client_gets_no_packet_that_is_larger_than_it_takes(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with (
            serving(start_gateway) as broker,
            broker.client(properties={Property.MAXIMUM_PACKET_SIZE: 512}) as client,
        ):
            await client.subscribe("a", qos=1)
            for size in (600, 100):
                assert await client.publish("a", bytes(size), qos=1) == 0
            assert [len(got.payload) for got in await client.messages()] == [100]

    run(main())


@pytest.mark.fact("E1")
@BOTH
def test_an_empty_payload_and_a_packet_in_pieces_arrive_whole(
    version: MqttVersion, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client(version=version) as client:
            await client.subscribe("a")
            data = encode(Publish(topic="a", payload=b"", qos=1, packet_id=9), version)
            await client.link.send(data, chunk=1)
            got, puback = await client.packet(), await client.packet()
            assert isinstance(got, Publish)
            assert (got.payload, puback) == (b"", Puback(packet_id=9))

    run(main())
