"""The rates of an account, where the configuration wants them held; and that they are not where it does not."""

from __future__ import annotations

from typing import Any

import pytest

from aloop import put_forward, run
from brokers import Broker, Client, connecting, serving
from customauth.mqtt import MqttVersion, Property, Puback, Publish
from gateways import StartGateway

V311, V5 = MqttVersion.V311, MqttVersion.V5
BOTH = pytest.mark.parametrize("version", list(MqttVersion), ids=lambda version: version.label)
HELD = "enforce_quotas = true"


async def connack_code(broker: Broker, name: str, version: MqttVersion) -> int | None:
    async with broker.link() as link:
        connack = await link.connect(connecting(name, version=version))
        return None if connack is None else connack.reason_code


@pytest.mark.fact("E9", "E12", "F16")
@BOTH
def test_a_client_id_that_connects_again_within_a_second_is_refused(
    version: MqttVersion, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with serving(start_gateway, settings=HELD) as broker:
            refused = 0x97 if version is V5 else None
            assert await connack_code(broker, "a", version) == 0
            assert await connack_code(broker, "a", version) == refused
            assert await connack_code(broker, "b", version) == 0
            put_forward(1.0)
            assert await connack_code(broker, "a", version) == 0
            # Those without an id of their own are all different.
            assert [await connack_code(broker, "", version) for _ in range(2)] == [0, 0]
            assert "a second" in broker.running.lines()[1]

    run(main())


@pytest.mark.fact("E28")
@BOTH
def test_more_than_a_hundred_publishes_a_second_are_discarded_in_silence(
    version: MqttVersion, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with serving(start_gateway, settings=HELD) as broker, broker.client("to") as receiver:
            await receiver.subscribe("a")
            async with broker.client(version=version) as client:
                packets = [Publish(topic="a", payload=b"%d" % n, qos=1, packet_id=n) for n in range(1, 300)]
                await client.send(*packets)
                answers = await drained(client)
                # The clock runs on meanwhile, so a few more may pass.
                count = len(answers)
                assert 100 <= count < 299
                assert answers[:100] == [Puback(packet_id=n) for n in range(1, 101)]
                put_forward(1.0)
                assert await client.publish("a", qos=1) == 0
                await client.disconnect()
            assert len(await receiver.messages()) == count + 1
            assert f"{299 - count} messages of the client were discarded" in broker.running.notes()[0]

    run(main())


async def drained(client: Client) -> list[Any]:
    """Return all that has come, once the gateway has looked at everything."""
    await client._ping()
    return [await client.packet() for _ in range(len(client._inbox))]


@pytest.mark.fact("E41")
@BOTH
def test_a_second_retained_publish_within_a_second_is_not_taken(
    version: MqttVersion, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with serving(start_gateway, settings=HELD) as broker, broker.client(version=version) as client:
            assert await client.publish("a", b"1", qos=1, retain=True) == 0
            assert await client.publish("b", b"1", qos=1, retain=True) == 0
            if version is V5:
                assert await client.publish("a", b"2", qos=1, retain=True) == 0x97
            await client.publish("a", b"3", retain=True)
            await client.subscribe("a")
            assert [got.payload for got in await client.messages()] == [b"1"]
            put_forward(1.0)
            assert await client.publish("a", b"4", qos=1, retain=True) == 0
            await client.subscribe("a")
            assert [got.payload for got in await client.messages()] == [b"4", b"4"]

    run(main())


@pytest.mark.fact("E38")
@BOTH
def test_what_waited_for_a_client_comes_ten_times_a_second_and_is_kept_until_then(
    version: MqttVersion, start_gateway: StartGateway
) -> None:
    more: dict[str, Any] = {
        "version": version,
        "clean_start": False,
        "properties": {Property.SESSION_EXPIRY_INTERVAL: 3600} if version is V5 else {},
    }

    async def main() -> None:
        async with serving(start_gateway, settings=HELD) as broker, broker.client("from") as sender:
            async with broker.client("to", **more) as client:
                await client.subscribe("a", qos=1)
                await client.disconnect()
            for number in range(30):
                await sender.publish("a", b"%d" % number, qos=1)
            put_forward(1.0)
            got: list[bytes] = []
            async with broker.client("to", **more) as client:
                got.append((await client.message()).payload)
                put_forward(0.1)
                got.append((await client.message()).payload)
                got += [each.payload for each in await client.messages()]
                assert len(got) < 30
                await client.disconnect()
            put_forward(1.0)
            async with broker.client("to", **more) as client:
                assert client.connack.session_present
                while len(got) < 30:
                    got.append((await client.message()).payload)
                    put_forward(0.1)
            assert got == [b"%d" % number for number in range(30)]

    run(main())


@pytest.mark.fact("E46")
@BOTH
def test_no_rate_holds_unless_it_is_wanted(version: MqttVersion, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker:
            for _ in range(5):
                assert await connack_code(broker, "a", version) == 0
            async with broker.client(version=version) as client:
                for number in range(200):
                    assert await client.publish("a", b"%d" % number, qos=1, retain=True) == 0
                await client.subscribe("a")
                assert [got.payload for got in await client.messages()] == [b"199"]

    run(main())
