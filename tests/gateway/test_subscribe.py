"""SUBSCRIBE and UNSUBSCRIBE as clients see them."""

from __future__ import annotations

import pytest

from aloop import run
from brokers import serving, subscribing
from customauth.gateway.records import DisconnectReason
from customauth.mqtt import MqttVersion, Pingreq, Property, Publish, Suback, Subscription, Unsuback, encode
from gateways import StartGateway, allow

V311, V5 = MqttVersion.V311, MqttVersion.V5
BOTH = pytest.mark.parametrize("version", list(MqttVersion), ids=lambda version: version.label)
OVER = pytest.mark.parametrize("over", ["TLS", "websocket"])


# What is granted.


@pytest.mark.fact("E33", "E34")
@BOTH
@OVER
def test_each_filter_has_its_answer_in_its_place(version: MqttVersion, over: str, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client(version=version, over=over) as client:
            wanted = [Subscription(filter=text, qos=qos) for text, qos in (("a", 1), ("b/+", 0), ("c/#", 1))]
            assert await client.subscribe(*wanted) == (1, 0, 1)
            for topic in ("a", "b/1", "c", "c/", "d"):
                await client.publish(topic, qos=1)
            assert [(got.topic, got.qos) for got in await client.messages()] == [("a", 1), ("b/1", 0), ("c/", 1)]

    run(main())


@pytest.mark.fact("E31")
@BOTH
def test_a_filter_that_ends_with_a_hash_leaves_out_the_level_above(
    version: MqttVersion, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client(version=version) as client:
            await client.subscribe("a/#")
            for topic in ("a", "a/", "a/b", "a/b/c"):
                await client.publish(topic)
            assert await client.topics() == ["a/", "a/b", "a/b/c"]

    run(main())


def test_the_options_of_mqtt_5_are_heeded(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client() as client:
            await client.publish("kept", qos=1, retain=True)
            assert await client.subscribe(
                Subscription(filter="own", no_local=True),
                Subscription(filter="flag", retain_as_published=True),
                Subscription(filter="kept", retain_handling=2),
            ) == (0, 0, 0)
            await client.publish("own")
            await client.publish("flag", retain=True)
            assert [(got.topic, got.retain) for got in await client.messages()] == [("flag", True)]
            await client.subscribe(Subscription(filter="kept", retain_handling=1))
            assert await client.messages() == []
            await client.unsubscribe("kept")
            await client.subscribe(Subscription(filter="kept", retain_handling=1))
            assert await client.topics() == ["kept"]

    run(main())


@pytest.mark.fact("D25", "E34")
@BOTH
@OVER
def test_unsubscribing_and_pinging_need_no_permission(
    version: MqttVersion, over: str, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker:
            broker.policies["device"] = allow("client/*", action="iot:Connect")
            async with broker.client(version=version, over=over) as client:
                assert await client.messages() == []
                codes = await client.unsubscribe("a", "never subscribed")
                assert codes == ((0, 0) if version is V5 else ())

    run(main())


@BOTH
def test_nothing_comes_after_the_unsuback(version: MqttVersion, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client(version=version) as client:
            await client.subscribe("a", "b", "$share/g/c")
            await client.unsubscribe("a", "$share/g/c")
            for topic in ("a", "b", "c"):
                await client.publish(topic)
            assert await client.topics() == ["b"]

    run(main())


@pytest.mark.fact("E34")
def test_unsubscribing_from_what_is_no_filter_is_told_so(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client() as client:
            assert await client.unsubscribe("a/#/b", "a") == (0x8F, 0)

    run(main())


@pytest.mark.fact("E13")
@BOTH
def test_a_subscribe_and_a_publish_in_one_piece_are_served_in_order(
    version: MqttVersion, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client(version=version) as client:
            await client.send(subscribing("a", packet_id=7), Publish(topic="a", payload=b"1"), Pingreq())
            assert await client.packet() == Suback(packet_id=7, reason_codes=(0,))
            assert await client.topics() == ["a"]

    run(main())


@pytest.mark.fact("E43")
def test_a_shared_subscription_is_for_both_versions_and_one_member_gets_a_message(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with (
            serving(start_gateway) as broker,
            broker.client("old", version=V311) as old,
            broker.client("new", version=V5) as new,
        ):
            for client in (old, new):
                assert await client.subscribe("$share/g/a/+", qos=1) == (1,)
            for number in range(60):
                await new.publish("a/b", b"%d" % number, qos=1)
            got = [[each.payload for each in await client.messages()] for client in (old, new)]
            assert sorted(got[0] + got[1]) == sorted(b"%d" % number for number in range(60))
            assert all(got)

    run(main())


# What is denied.


@pytest.mark.fact("D22", "D23", "F17")
@BOTH
@OVER
def test_a_denied_subscribe_is_told_to_mqtt_5_and_closes_mqtt_311(
    version: MqttVersion, over: str, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker:
            broker.policies["device"] = allow("client/*", "topicfilter/allowed", "topic/*")
            async with broker.client(version=version, over=over) as client:
                if version is V5:
                    assert await client.subscribe("denied", "allowed", qos=1) == (0x87, 1)
                    for topic in ("denied", "allowed"):
                        await client.publish(topic)
                    assert await client.topics() == ["allowed"]
                else:
                    await client.send(subscribing("denied", "allowed"))
                    assert await client.end() is None
                    await broker.running.emptied()
                    (ending,) = broker.running.endings()
                    assert ending.reason is DisconnectReason.AUTH_ERROR
                    assert "topicfilter/denied" in ending.why

    run(main())


@pytest.mark.fact("D3", "D6", "D24")
def test_a_filter_is_permitted_as_it_is_written(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker:
            resources = ["topicfilter/location/#", "topicfilter/$share/g/work", "topicfilter/own/${iot:ClientId}"]
            broker.policies["device"] = allow("client/*", *resources)
            async with broker.client() as client:
                wanted = ["location/#", "location/Seattle", "$share/g/work", "work", "$share/h/work", "own/device"]
                assert await client.subscribe(*wanted) == (0, 0x87, 0, 0x87, 0x87, 0)

    run(main())


@pytest.mark.fact("D5")
def test_a_star_in_a_policy_matches_wildcards_of_a_filter_too(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker:
            broker.policies["device"] = allow("client/*", "topicfilter/a/*", "topicfilter/b?")
            async with broker.client() as client:
                assert await client.subscribe("a/#", "a/+/c", "b+", "bc", "b/c") == (0, 0, 0x8F, 0, 0x87)

    run(main())


# What breaks a rule.


@pytest.mark.fact("E22", "E23", "E24", "E34", "E44")
@BOTH
@pytest.mark.parametrize(
    "text", ["a/#/b", "a+", "x" * 257, "a/b/c/d/e/f/g/h/i", "$SYS/#", "$share/g", "$share/" + "g" * 129 + "/a"]
)
def test_a_filter_that_cannot_be_subscribed_to_is_refused_on_its_own(
    text: str, version: MqttVersion, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client(version=version) as client:
            if version is V5:
                assert await client.subscribe("a", text, qos=1) == (1, 0x8F)
                await client.publish("a")
                assert await client.topics() == ["a"]
            else:
                await client.send(subscribing("a", text, qos=1))
                assert await client.end() is None

    run(main())


@pytest.mark.fact("E18", "E19", "E34")
@BOTH
@OVER
def test_a_subscribe_of_qos_2_ends_the_connection(version: MqttVersion, over: str, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client(version=version, over=over) as client:
            await client.send(subscribing(Subscription(filter="a"), Subscription(filter="b", qos=2)))
            await client.ends_with(0x9B)

    run(main())


@pytest.mark.fact("E16", "E27", "E34")
def test_a_subscription_identifier_ends_the_connection(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client() as client:
            await client.send(subscribing("a", properties={Property.SUBSCRIPTION_IDENTIFIER: 1}))
            found = await client.end()
            assert found is not None
            assert found.reason_code == 0xA1
            assert found.properties == {Property.REASON_STRING: "DISCONNECT:Subscription Id is not supported now"}

    run(main())


@pytest.mark.fact("E25")
@BOTH
def test_eight_filters_are_taken_and_nine_end_the_connection(version: MqttVersion, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client(version=version) as client:
            assert await client.subscribe(*(str(n) for n in range(8))) == (0,) * 8
            await client.send(subscribing(*(str(n) for n in range(9))))
            await client.ends_with(0x97)

    run(main())


@pytest.mark.fact("E26", "E34")
@BOTH
def test_the_fifty_first_subscription_is_refused_in_the_suback(
    version: MqttVersion, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client(version=version) as client:
            for number in range(50):
                assert await client.subscribe(str(number)) == (0,)
            # One that is there already may change.
            assert await client.subscribe("50", "49", qos=1) == (0x97 if version is V5 else 0x80, 1)
            for topic in ("49", "50"):
                await client.publish(topic, qos=1)
            assert [(got.topic, got.qos) for got in await client.messages()] == [("49", 1)]
            await client.unsubscribe("0")
            assert await client.subscribe("50") == (0,)

    run(main())


@pytest.mark.fact("E35")
@BOTH
def test_an_unsubscribe_with_other_flags_ends_the_connection(version: MqttVersion, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client(version=version) as client:
            data = bytearray(encode(Unsuback(packet_id=1, reason_codes=(0,) if version is V5 else ()), version))
            data[0] = 0xA0
            await client.link.send(bytes(data))
            await client.ends_with(0x81)
            await broker.running.emptied()
            assert broker.running.endings()[0].reason is DisconnectReason.CLIENT_ERROR

    run(main())


def test_no_two_subscriptions_of_one_client_bring_a_message_twice(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client() as client:
            await client.subscribe("a/b", "#", qos=0)
            await client.subscribe("a/+", qos=1)
            await client.publish("a/b", qos=1)
            assert [(got.topic, got.qos) for got in await client.messages()] == [("a/b", 1)]

    run(main())
