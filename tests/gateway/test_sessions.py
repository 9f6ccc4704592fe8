"""Sessions as clients see them: kept, resumed, taken over, ended; also by another gateway on the same folder."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aloop import put_forward, run
from brokers import Broker, Client, connecting, serving
from customauth.gateway import Gateway
from customauth.gateway.broker import outbox
from customauth.gateway.records import DisconnectReason
from customauth.mqtt import Auth, Disconnect, MqttVersion, Packet, Properties, Property, Publish
from gateways import StartGateway, allow

V311, V5 = MqttVersion.V311, MqttVersion.V5
BOTH = pytest.mark.parametrize("version", list(MqttVersion), ids=lambda version: version.label)
OVER = pytest.mark.parametrize("over", ["TLS", "websocket"])


def lasting(version: MqttVersion, seconds: int = 3600) -> dict[str, Any]:
    """Return what a CONNECT needs for a session that outlives it."""
    properties = {Property.SESSION_EXPIRY_INTERVAL: seconds} if version is V5 else {}
    return {"version": version, "clean_start": False, "properties": properties}


def _later(seconds: float) -> float:
    return time.time() + seconds


async def until_closed(client: Client) -> AsyncIterator[Packet]:
    while (packet := await client.packet()) is not None:
        yield packet


async def leaves(client: Client, broker: Broker) -> None:
    await client.disconnect()


async def vanishes(client: Client, broker: Broker) -> None:
    client.vanish()
    while broker.running.endings()[-1:] == [] or broker.running.endings()[-1].client_id != "to":
        async with broker.client("another"):
            pass


@pytest.mark.fact("E37", "E38")
@BOTH
@OVER
@pytest.mark.parametrize("go", [leaves, vanishes])
def test_a_persistent_session_waits_for_its_client(
    go: Any, over: str, version: MqttVersion, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client("from") as sender:
            async with broker.client("to", over=over, **lasting(version)) as client:
                assert not client.connack.session_present
                await client.subscribe("a/+", qos=1)
                await go(client, broker)
            for number in range(3):
                await sender.publish(f"a/{number}", qos=1)
            await sender.publish("a/lost", qos=0)
            async with broker.client("to", over=over, **lasting(version)) as client:
                assert client.connack.session_present
                assert await client.topics() == ["a/0", "a/1", "a/2"]
                await sender.publish("a/new", qos=1)
                assert await client.topics() == ["a/new"]

    run(main())


@pytest.mark.fact("E20", "E29")
@BOTH
def test_what_a_client_did_not_acknowledge_comes_again(version: MqttVersion, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client("from") as sender:
            async with broker.client("to", **lasting(version)) as client:
                await client.subscribe("a", qos=1)
                await sender.publish("a", b"taken", qos=1)
                assert (await client.message()).payload == b"taken"
                await sender.publish("a", b"not taken", qos=1)
                packet = await client.packet()
                assert isinstance(packet, Publish)
                await client.disconnect()
            async with broker.client("to", **lasting(version)) as client:
                (got,) = await client.messages()
                assert (got.payload, got.dup) == (b"not taken", False)

    run(main())


@pytest.mark.fact("E37")
@BOTH
def test_without_an_expiry_a_session_ends_with_its_connection(
    version: MqttVersion, start_gateway: StartGateway
) -> None:
    clean: dict[str, Any] = {"version": version, "clean_start": version is V311}

    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client("from") as sender:
            async with broker.client("to", **clean) as client:
                await client.subscribe("a", qos=1)
                await client.disconnect()
            await sender.publish("a", qos=1)
            async with broker.client("to", **lasting(version)) as client:
                assert not client.connack.session_present
                await sender.publish("a", qos=1)
                assert await client.messages() == []

    run(main())


@pytest.mark.fact("E37")
@BOTH
def test_a_clean_start_ends_the_session_of_before(version: MqttVersion, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client("from") as sender:
            async with broker.client("to", **lasting(version)) as client:
                await client.subscribe("a", qos=1)
                await client.disconnect()
            await sender.publish("a", qos=1)
            async with broker.client("to", version=version, clean_start=True) as client:
                assert not client.connack.session_present
                await sender.publish("a", qos=1)
                assert await client.messages() == []
                await client.disconnect()
            async with broker.client("to", **lasting(version)) as client:
                assert not client.connack.session_present

    run(main())


@pytest.mark.fact("E37")
@pytest.mark.parametrize(("first", "second"), [(V311, V5), (V5, V311)], ids=["3.1.1 to 5", "5 to 3.1.1"])
def test_a_session_is_not_resumed_by_another_version(
    first: MqttVersion, second: MqttVersion, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker:
            async with broker.client("to", **lasting(first)) as client:
                await client.subscribe("a", qos=1)
                await client.disconnect()
            async with broker.client("to", **lasting(second)) as client:
                assert not client.connack.session_present
                await client.publish("a", qos=1)
                assert await client.messages() == []

    run(main())


@pytest.mark.fact("E37")
def test_a_session_is_there_until_its_expiry_is_over(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker:
            router = broker.running.gateway._router
            for seconds, present in ((0, False), (590, True), (1200, False)):
                router._clock = functools.partial(_later, seconds)
                async with broker.client("to", **lasting(V5, 600)) as client:
                    assert client.connack.session_present == present
                    await client.disconnect()

    run(main())


@pytest.mark.fact("E39")
def test_a_disconnect_may_end_the_session_or_change_its_expiry(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker:
            for expiry, present in ((0, False), (60, True), (0xFFFFFFFF, True)):
                async with broker.client("to", **lasting(V5) | {"clean_start": True}) as client:
                    await client.disconnect(properties={Property.SESSION_EXPIRY_INTERVAL: expiry})
                async with broker.client("to", **lasting(V5)) as client:
                    assert client.connack.session_present == present

    run(main())


@pytest.mark.fact("E34", "E39")
def test_a_disconnect_may_not_raise_the_expiry_from_0(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker:
            async with broker.client("to") as client:
                await client.send(Disconnect(properties={Property.SESSION_EXPIRY_INTERVAL: 60}))
                await client.ends_with(0x82)
            async with broker.client("to", **lasting(V5)) as client:
                assert not client.connack.session_present
            assert broker.running.endings()[0].reason is DisconnectReason.CLIENT_ERROR

    run(main())


# Takeover.


@pytest.mark.fact("E15", "E34", "C38")
@BOTH
@OVER
def test_a_client_id_that_connects_anew_ends_the_old_connection(
    over: str, version: MqttVersion, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client("to", over=over, version=version) as old:
            await old.subscribe("a")
            async with broker.client("to", over=over, version=version) as new:
                await old.ends_with(0x8E)
                assert not new.connack.session_present
                await new.publish("a")
                assert await new.messages() == []
                assert [each.reason for each in broker.running.endings()] == [DisconnectReason.DUPLICATE_CLIENT_ID]

    run(main())


@pytest.mark.fact("E15", "E37")
@BOTH
def test_the_new_connection_takes_the_session_and_what_is_not_acknowledged(
    version: MqttVersion, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client("to", **lasting(version)) as old:
            await old.subscribe("a", qos=1)
            async with broker.client("from") as sender:
                await sender.publish("a", qos=1)
                assert isinstance(await old.packet(), Publish)
                async with broker.client("to", **lasting(version)) as new:
                    await old.ends_with(0x8E)
                    assert new.connack.session_present
                    assert await new.topics() == ["a"]

    run(main())


@pytest.mark.fact("E15")
def test_a_refused_client_takes_nobody_over(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client("to") as client:
            broker.policies["to"] = allow("client/somebody-else")
            async with broker.link() as link:
                connack = await link.connect(connecting("to"))
                assert connack is not None
                assert connack.reason_code == 0x87
            assert await client.messages() == []

    run(main())


@pytest.mark.fact("E15")
def test_of_many_with_one_client_id_the_last_one_stays_with_all_messages(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, contextlib.AsyncExitStack() as stack:
            sender = await stack.enter_async_context(broker.client("from"))
            clients: list[Client] = []
            for number in range(5):
                clients.append(await stack.enter_async_context(broker.client("to", **lasting(V5))))
                if number == 0:
                    await clients[0].subscribe("a", qos=1)
                await sender.publish("a", b"%d" % number, qos=1)
            for client in clients[:-1]:
                # Before it there are the messages, which it did not acknowledge.
                packets = [packet async for packet in until_closed(client)]
                assert packets[-1] == Disconnect(reason_code=0x8E)
            assert [got.payload for got in await clients[-1].messages()] == [b"0", b"1", b"2", b"3", b"4"]

    run(main())


# Another gateway on the same data.


@pytest.mark.fact("E37", "E41")
@BOTH
def test_what_was_kept_is_there_after_a_restart(
    version: MqttVersion, start_gateway: StartGateway, tmp_path: Path
) -> None:
    data = tmp_path / "data"

    async def first() -> None:
        async with serving(start_gateway, data_folder=data) as broker, broker.client("from") as sender:
            await sender.publish("kept", b"retained", qos=1, retain=True)
            async with broker.client("to", **lasting(version)) as client:
                await client.subscribe("a", qos=1)
                await sender.publish("a", b"taken", qos=1)
                assert [got.payload for got in await client.messages()] == [b"taken"]
                await client.disconnect()
            properties: Properties = {Property.CONTENT_TYPE: "text/plain", Property.USER_PROPERTY: [("a", "b")]}
            await sender.publish("a", b"waiting", qos=1, properties=properties)
            # This one is connected until the gateway ends.
            async with broker.client("connected", **lasting(version)) as client:
                await client.subscribe("a", qos=1)
                await broker.running.gateway.aclose()

    async def second() -> None:
        async with serving(start_gateway, data_folder=data) as broker, broker.client("from") as sender:
            await sender.publish("a", b"new", qos=1)
            async with broker.client("connected", **lasting(version)) as client:
                assert client.connack.session_present
                assert [got.payload for got in await client.messages()] == [b"new"]
            async with broker.client("to", **lasting(version)) as client:
                assert client.connack.session_present
                got, new = await client.messages()
                assert (got.payload, new.payload) == (b"waiting", b"new")
                assert (got.properties.get(Property.CONTENT_TYPE) == "text/plain") == (version is V5)
                await client.subscribe("kept")
                assert [(each.payload, each.retain) for each in await client.messages()] == [(b"retained", True)]

    run(first())
    run(second())


def test_a_data_folder_of_another_gateway_is_refused(start_gateway: StartGateway, tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(start_gateway, data_folder=tmp_path / "data") as broker:
            with pytest.raises(ValueError, match="end the other gateway"):
                Gateway(broker.running.gateway.config, folder=tmp_path / "ca", data_folder=tmp_path / "data")

    run(main())


@pytest.mark.fact("E10")
@BOTH
def test_a_silent_client_is_ended_and_its_session_kept(version: MqttVersion, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker:
            async with broker.client("to", keep_alive=1, **lasting(version)) as client:
                await client.subscribe("a")
                put_forward(44.0)
                assert await client.messages() == []
                put_forward(45.0)
                await client.ends_with(0x8D)
            async with broker.client("to", **lasting(version)) as client:
                assert client.connack.session_present
            assert broker.running.endings()[0].reason is DisconnectReason.KEEP_ALIVE_TIMEOUT

    run(main())


@pytest.mark.fact("E17")
def test_an_auth_packet_ends_the_connection(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client() as client:
            await client.send(Auth(reason_code=0x19, properties={Property.AUTHENTICATION_METHOD: "SCRAM"}))
            await client.ends_with(0x82)

    run(main())


@BOTH
def test_more_than_the_outbox_holds_is_replayed_whole(
    version: MqttVersion, start_gateway: StartGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_MAX_WAITING", 20)

    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client("from") as sender:
            async with broker.client("to", **lasting(version)) as client:
                await client.subscribe("a/+", qos=1)
                await client.disconnect()
            names = [f"a/{number}" for number in range(300)]
            for name in names:
                await sender.publish(name, qos=1)
            async with broker.client("to", **lasting(version)) as client:
                assert await client.topics() == names

    run(main())
