"""AWS IoT's own messages about clients: who came, who left, who subscribed to what."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest

from aloop import run
from brokers import Client, connecting, serving
from customauth.gateway.broker.memory import MemoryRouter
from customauth.gateway.broker.presence import Presence
from customauth.gateway.broker.store import NoStore
from customauth.mqtt import Disconnect, MqttVersion
from gateways import StartGateway, allow
from logins import UUID

V311, V5 = MqttVersion.V311, MqttVersion.V5
BOTH = pytest.mark.parametrize("version", list(MqttVersion), ids=lambda version: version.label)
WATCHED = ("$aws/events/presence/#", "$aws/events/subscriptions/#")


async def events(watcher: Client) -> list[tuple[str, dict[str, Any]]]:
    """Return the topics and contents of what was said; what every event has is held and taken away."""
    found = []
    for message in await watcher.messages():
        event = json.loads(message.payload)
        topic = message.topic.removeprefix("$aws/events/")
        assert topic == f"{topic.split('/')[0]}/{event.pop('eventType')}/{event.pop('clientId')}"
        assert abs(event.pop("timestamp") / 1000 - time.time()) < 3600
        assert re.fullmatch(UUID, event["sessionIdentifier"])
        assert message.qos == 1
        found.append((topic, event))
    return found


@pytest.mark.fact("C38", "C39", "E45")
@BOTH
def test_a_client_is_told_of_from_its_connect_to_its_disconnect(
    version: MqttVersion, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client("watcher") as watcher:
            await watcher.subscribe(*WATCHED, qos=1)
            await watcher.messages()
            async with broker.client(version=version) as client:
                await client.subscribe("a", "b/#")
                await client.unsubscribe("a")
                await client.disconnect()
            said = await events(watcher)
            session = said[0][1]["sessionIdentifier"]
            who = {"sessionIdentifier": session, "principalIdentifier": "tester"}
            assert said == [
                ("presence/connected/device", who | {"ipAddress": "127.0.0.1", "versionNumber": 0}),
                ("subscriptions/subscribed/device", who | {"topics": ["a", "b/#"]}),
                ("subscriptions/unsubscribed/device", who | {"topics": ["a"]}),
                (
                    "presence/disconnected/device",
                    who
                    | {
                        "clientInitiatedDisconnect": True,
                        "disconnectReason": "CLIENT_INITIATED_DISCONNECT",
                        "versionNumber": 0,
                    },
                ),
            ]

    run(main())


@pytest.mark.fact("C38", "E15", "E45")
@BOTH
def test_the_two_connections_of_a_takeover_have_their_own_events(
    version: MqttVersion, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client("watcher") as watcher:
            await watcher.subscribe("$aws/events/presence/+/device", qos=1)
            async with broker.client(version=version), broker.client(version=version) as second:
                second.vanish()
                said: list[tuple[str, dict[str, Any]]] = []
                while len(said) < 4:
                    said += await events(watcher)
            assert [(topic.split("/")[1], event["versionNumber"]) for topic, event in said] == [
                ("connected", 0),
                ("disconnected", 0),
                ("connected", 1),
                ("disconnected", 1),
            ]
            sessions = [event["sessionIdentifier"] for _, event in said]
            assert sessions == [sessions[0]] * 2 + [sessions[2]] * 2
            assert sessions[0] != sessions[2]
            ends = [event for topic, event in said if "disconnected" in topic]
            assert [(end["disconnectReason"], end["clientInitiatedDisconnect"]) for end in ends] == [
                ("DUPLICATE_CLIENTID", False),
                ("CONNECTION_LOST", False),
            ]

    run(main())


@pytest.mark.fact("C37", "E45")
@BOTH
def test_a_client_that_may_not_connect_is_told_of(version: MqttVersion, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client("watcher") as watcher:
            await watcher.subscribe("$aws/events/presence/#")
            await watcher.messages()
            broker.policies["device"] = allow("client/another")
            async with broker.link() as link:
                await link.connect(connecting(version=version))
                assert await link.packet() is None
            (got,) = await watcher.messages()
            assert got.topic == "$aws/events/presence/connect_failed/device"
            event = json.loads(got.payload)
            assert event["connectFailureReason"] == "AUTHORIZATION_FAILED"
            assert (event["eventType"], event["principalIdentifier"]) == ("connect_failed", "tester")
            # Nobody is told of one who was not even authenticated.
            broker.answers["isAuthenticated"] = False
            async with broker.link() as link:
                await link.connect(connecting("stranger", version=version))
            assert await watcher.messages() == []

    run(main())


@pytest.mark.fact("E45")
@pytest.mark.parametrize("name", ["a#", "+"])
def test_nobody_is_told_of_a_client_id_with_a_wildcard(name: str, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client("watcher") as watcher:
            await watcher.subscribe(*WATCHED)
            await watcher.messages()
            async with broker.client(name) as client:
                await client.subscribe("a")
                await client.disconnect()
            assert await watcher.messages() == []

    run(main())


@pytest.mark.fact("D7", "E44")
def test_events_need_permissions_as_any_other_message(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker:
            topic = "$aws/events/presence/connected/device"
            broker.policies["watcher"] = allow("client/*", f"topicfilter/{WATCHED[0]}", f"topic/{topic}")
            async with broker.client("watcher") as watcher:
                assert await watcher.subscribe(*WATCHED) == (0, 0x87)
                async with broker.client() as client:
                    await client.disconnect()
                assert await watcher.topics() == [topic]

    run(main())


@pytest.mark.fact("E44", "E45")
def test_a_hash_does_not_bring_events(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with serving(start_gateway) as broker, broker.client("watcher") as watcher:
            await watcher.subscribe("#", "+/events/#")
            async with broker.client() as client:
                await client.send(Disconnect())
                assert await client.end() is None
            assert await watcher.messages() == []

    run(main())


# The version numbers on their own.


@pytest.mark.fact("E45")
def test_version_numbers_rise_with_each_connection_of_a_client_id() -> None:
    presence = Presence(MemoryRouter(NoStore()))
    visits = [presence.connected("a", principal_id="p", address="127.0.0.1") for _ in range(3)]
    assert [visit.version for visit in visits] == [0, 1, 2]
    assert presence.connected("b", principal_id="p", address="127.0.0.1").version == 0
