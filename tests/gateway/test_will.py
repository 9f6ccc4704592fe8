"""The will: when it is sent, when it is not, and which wills are let in."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from aloop import put_forward, run
from brokers import Broker, Client, connecting, serving
from customauth.gateway.records import DisconnectReason
from customauth.mqtt import Disconnect, MqttVersion, Properties, Property, Publish, Will
from gateways import StartGateway, allow
from wsclient import WsClient, close_frame

V311, V5 = MqttVersion.V311, MqttVersion.V5
BOTH = pytest.mark.parametrize("version", list(MqttVersion), ids=lambda version: version.label)
OVER = pytest.mark.parametrize("over", ["TLS", "websocket"])
WILL = Will(topic="will", payload=b"gone", qos=1)

Act = Callable[[Broker, Client], Awaitable[None]]


async def vanishes(broker: Broker, client: Client) -> None:
    client.vanish()


async def is_silent(broker: Broker, client: Client) -> None:
    put_forward(45.0)


async def connects_anew(broker: Broker, client: Client) -> None:
    async with broker.client("device", version=client.version) as other:
        await other.disconnect()


async def says_connect_again(broker: Broker, client: Client) -> None:
    await client.send(connecting("device", version=client.version))


async def sends_garbage(broker: Broker, client: Client) -> None:
    if isinstance(client.link, WsClient):
        await client.link.send(b"\xff\xff")
    else:
        await client.link.send(b"\x00\x00")


async def publishes_what_is_denied(broker: Broker, client: Client) -> None:
    await client.send(Publish(topic="denied", payload=b""))


async def has_lived_long_enough(broker: Broker, client: Client) -> None:
    # Its refresh comes before.
    put_forward(300.0)
    await client.messages()
    put_forward(1.0)


async def is_refused_at_refresh(broker: Broker, client: Client) -> None:
    broker.policies["device"] = allow("client/another")
    put_forward(300.0)


# What happens, whether the client's own keep alive has to be out of the way, and the reason.
UNWISHED: dict[str, tuple[Act, int, DisconnectReason]] = {
    "a lost connection": (vanishes, 30, DisconnectReason.CONNECTION_LOST),
    "silence": (is_silent, 30, DisconnectReason.KEEP_ALIVE_TIMEOUT),
    "a takeover": (connects_anew, 30, DisconnectReason.DUPLICATE_CLIENT_ID),
    "a second CONNECT": (says_connect_again, 30, DisconnectReason.CLIENT_ERROR),
    "garbage": (sends_garbage, 30, DisconnectReason.CLIENT_ERROR),
    "a denied publish": (publishes_what_is_denied, 30, DisconnectReason.AUTH_ERROR),
    "the end of its time": (has_lived_long_enough, 1200, DisconnectReason.CUSTOMAUTH_TTL),
    "a refusal at refresh": (is_refused_at_refresh, 1200, DisconnectReason.AUTH_ERROR),
}


@pytest.mark.fact("C28", "C29", "C38", "E10", "E14", "E15", "E42", "F17")
@BOTH
@OVER
@pytest.mark.parametrize(("act", "keep_alive", "reason"), UNWISHED.values(), ids=list(UNWISHED))
def test_any_end_that_the_client_did_not_wish_sends_its_will(
    act: Act, keep_alive: int, reason: DisconnectReason, over: str, version: MqttVersion, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client("to", keep_alive=1200) as receiver:
            await receiver.subscribe("will", qos=1)
            broker.policies["device"] = allow("client/*", "topic/will")
            broker.answers["disconnectAfterInSeconds"] = 301
            async with broker.client(version=version, over=over, will=WILL, keep_alive=keep_alive) as client:
                await act(broker, client)
                got = await receiver.message()
                assert (got.topic, got.payload, got.qos, got.retain) == ("will", b"gone", 1, False)
                assert broker.running.endings()[0].reason is reason
            assert await receiver.messages() == []

    run(main())


@pytest.mark.fact("C38", "E42")
@BOTH
@OVER
def test_a_disconnect_takes_the_will_away(over: str, version: MqttVersion, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client("to") as receiver:
            await receiver.subscribe("#")
            async with broker.client(version=version, over=over, will=WILL) as client:
                await client.disconnect()
            assert await receiver.messages() == []
            assert broker.running.endings()[0].reason is DisconnectReason.CLIENT_INITIATED

    run(main())


@pytest.mark.fact("C38", "E42")
@BOTH
def test_a_close_of_the_websocket_takes_the_will_away(version: MqttVersion, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client("to") as receiver:
            await receiver.subscribe("#")
            async with broker.client(version=version, over="websocket", will=WILL) as client:
                assert isinstance(client.link, WsClient)
                await client.link.send(close_frame(1000))
                assert await client.packet() is None
            assert await receiver.messages() == []
            assert broker.running.endings()[0].reason is DisconnectReason.CLIENT_INITIATED

    run(main())


@pytest.mark.fact("E42")
@pytest.mark.parametrize("code", [0x04, 0x80])
def test_a_disconnect_of_mqtt_5_may_ask_for_the_will(code: int, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client("to") as receiver:
            await receiver.subscribe("will")
            async with broker.client(will=WILL) as client:
                await client.send(Disconnect(reason_code=code))
                assert await client.end() is None
            assert await receiver.topics() == ["will"]

    run(main())


@pytest.mark.fact("C38", "E34", "E42")
@BOTH
def test_the_end_of_the_gateway_sends_the_will(
    version: MqttVersion, start_gateway: StartGateway, tmp_path: Path
) -> None:
    lasting: dict[str, Any] = {"clean_start": False, "properties": {Property.SESSION_EXPIRY_INTERVAL: 3600}}

    async def first() -> None:
        async with (
            serving(start_gateway, data_folder=tmp_path / "data") as broker,
            broker.client("to", **lasting) as receiver,
            broker.client(version=version, will=WILL) as client,
        ):
            await receiver.subscribe("will", qos=1)
            await broker.running.gateway.aclose()
            await client.ends_with(0x8B)
            assert {each.reason for each in broker.running.endings()} == {DisconnectReason.SERVER_INITIATED}

    async def second() -> None:
        async with (
            serving(start_gateway, data_folder=tmp_path / "data") as broker,
            broker.client("to", **lasting) as receiver,
        ):
            assert await receiver.topics() == ["will"]

    run(first())
    run(second())


@pytest.mark.fact("E41", "E42")
@BOTH
def test_a_will_may_be_retained(version: MqttVersion, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker:
            will = Will(topic="will", payload=b"gone", retain=True)
            async with (
                broker.client("live") as live,
                broker.client(version=version, will=will) as client,
            ):
                await live.subscribe("will")
                client.vanish()
                assert not (await live.message()).retain
            async with broker.client("late") as late:
                await late.subscribe("will")
                assert (await late.message()).retain

    run(main())


@pytest.mark.fact("E40", "E42")
def test_the_properties_of_a_will_are_forwarded_and_its_delay_is_ignored(start_gateway: StartGateway) -> None:
    properties: Properties = {
        Property.WILL_DELAY_INTERVAL: 3600,
        Property.MESSAGE_EXPIRY_INTERVAL: 600,
        Property.CONTENT_TYPE: "text/plain",
        Property.USER_PROPERTY: [("a", "b")],
    }

    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client("to") as receiver:
            await receiver.subscribe("will")
            async with broker.client(will=Will(topic="will", payload=b"1", properties=properties)) as client:
                client.vanish()
                got = await receiver.message()
            left = got.properties.pop(Property.MESSAGE_EXPIRY_INTERVAL)
            assert isinstance(left, int)
            assert 540 <= left <= 600
            assert got.properties == {Property.CONTENT_TYPE: "text/plain", Property.USER_PROPERTY: [("a", "b")]}

    run(main())


@pytest.mark.fact("E40", "E42")
def test_the_time_of_a_will_begins_when_it_is_sent(
    start_gateway: StartGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    will = Will(topic="will", payload=b"1", properties={Property.MESSAGE_EXPIRY_INTERVAL: 600})
    now = time.time()

    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client("to") as receiver:
            await receiver.subscribe("will")
            async with broker.client(will=will) as client:
                monkeypatch.setattr(time, "time", lambda: now + 700)
                client.vanish()
                left = (await receiver.message()).properties[Property.MESSAGE_EXPIRY_INTERVAL]
            assert left == 600

    run(main())


# Wills that are not let in.


@pytest.mark.fact("D8", "D21", "C37")
@BOTH
@pytest.mark.parametrize(
    ("actions", "retain", "accepted"),
    [
        (["iot:Connect"], False, False),
        (["iot:Connect", "iot:Publish"], False, True),
        (["iot:Connect", "iot:Publish"], True, False),
        (["iot:Connect", "iot:Publish", "iot:RetainPublish"], True, True),
        (["iot:Publish"], False, False),
    ],
)
def test_a_will_needs_the_permissions_of_its_publish(
    actions: list[str], retain: bool, accepted: bool, version: MqttVersion, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client("watcher") as watcher:
            await watcher.subscribe("$aws/events/presence/connect_failed/#")
            broker.policies["device"] = allow("client/device", "topic/will", action=actions)
            async with broker.link() as link:
                will = Will(topic="will", payload=b"", retain=retain)
                connack = await link.connect(connecting(version=version, will=will))
                if accepted or version is V5:
                    assert connack is not None
                    assert connack.reason_code == (0 if accepted else 0x87)
                else:
                    assert connack is None
            failed = "$aws/events/presence/connect_failed/device"
            assert await watcher.topics() == ([] if accepted else [failed])

    run(main())


@BOTH
@pytest.mark.parametrize(
    ("will", "code"),
    [
        pytest.param(Will(topic="w", payload=b"", qos=2), 0x9B, marks=pytest.mark.fact("E12", "E19")),
        pytest.param(Will(topic="w/+", payload=b""), 0x90, marks=pytest.mark.fact("E12", "E32")),
        pytest.param(Will(topic="", payload=b""), 0x90),
        pytest.param(Will(topic="x" * 257, payload=b""), 0x90, marks=pytest.mark.fact("E22")),
        pytest.param(Will(topic="$SYS/a", payload=b""), 0x90, marks=pytest.mark.fact("E44")),
        pytest.param(Will(topic="$aws/things/t/a", payload=b"", retain=True), 0x90, marks=pytest.mark.fact("E41")),
    ],
)
def test_a_will_that_cannot_be_published_is_refused_at_connect(
    will: Will, code: int, version: MqttVersion, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.link() as link:
            connack = await link.connect(connecting(version=version, will=will))
            assert (None if connack is None else connack.reason_code) == (code if version is V5 else None)
            assert await link.packet() is None

    run(main())


@pytest.mark.fact("E12", "E47")
def test_a_will_whose_properties_are_too_long_is_refused_at_connect(start_gateway: StartGateway) -> None:
    will = Will(topic="w", payload=b"", properties={Property.CONTENT_TYPE: "x" * 257})

    async def main() -> None:
        async with serving(start_gateway) as broker, broker.link() as link:
            connack = await link.connect(connecting(will=will))
            assert connack is not None
            assert connack.reason_code == 0x97

    run(main())


# iot:Connect once more, without the will (C31).


def only_with_a_will(name: str) -> dict[str, object]:
    policy = allow("client/*", f"topic/{name}")
    policy["Statement"][0]["Condition"] = {"ArnLike": {"iot:LastWillTopic": "*"}}
    policy["Statement"] += allow(f"topic/{name}")["Statement"]
    return policy


@pytest.mark.fact("C31", "D18")
@BOTH
@pytest.mark.parametrize("quirk", [False, True], ids=["as a rule", "with the quirk"])
def test_a_connect_that_only_its_will_allows_is_dropped_a_minute_later_where_that_is_wanted(
    quirk: bool, version: MqttVersion, start_gateway: StartGateway
) -> None:
    settings = "recheck_connect_without_will = true" if quirk else ""

    async def main() -> None:
        async with serving(start_gateway, settings=settings) as broker:
            for name in ("device", "other"):
                broker.policies[name] = only_with_a_will("will") if name == "device" else allow("*")
            async with (
                broker.client(version=version, will=WILL, keep_alive=1200) as client,
                broker.client("other", version=version, will=WILL, keep_alive=1200) as other,
            ):
                put_forward(59.0)
                assert await client.messages() == []
                put_forward(1.0)
                if quirk:
                    await client.ends_with(0x87)
                    assert broker.running.endings()[0].reason is DisconnectReason.AUTH_ERROR
                else:
                    assert await client.messages() == []
                assert await other.messages() == []

    run(main())


@pytest.mark.fact("C31")
@BOTH
def test_a_refresh_decides_over_the_connect_with_its_will(version: MqttVersion, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker:
            broker.policies["device"] = only_with_a_will("will")
            async with broker.client(version=version, will=WILL, keep_alive=1200) as client:
                put_forward(300.0)
                while len(broker.running.decisions) < 2:
                    assert await client.messages() == []
                assert await client.messages() == []

    run(main())
