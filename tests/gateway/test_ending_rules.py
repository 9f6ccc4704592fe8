"""Which known cause the end of a connection names, and a request that is refused without ending it."""

from __future__ import annotations

import pytest

from aloop import put_forward, run
from customauth.gateway.records import DisconnectReason, Note
from customauth.mqtt import (
    Disconnect,
    MqttVersion,
    Packet,
    Property,
    Puback,
    Publish,
    Suback,
    Subscribe,
    Subscription,
)
from gateways import ALLOW, Running, StartGateway, allow, connect, named
from record_samples import ending

V311, V5 = MqttVersion.V311, MqttVersion.V5
BOTH = pytest.mark.parametrize("version", list(MqttVersion), ids=lambda version: version.label)

NOT_ELSEWHERE = ALLOW | {"policyDocuments": [allow("client/*", "topic/a*", "topicfilter/a*")]}
TOO_MANY = tuple(Subscription(filter=f"a/{number}", qos=0) for number in range(9))
IDENTIFIED = {Property.SUBSCRIPTION_IDENTIFIER: 1}

# What the client sends, and the cause that the gateway names for the end of the connection.
SENT: dict[str, tuple[MqttVersion, Packet | bytes, str]] = {
    "QoS 2": (V5, Publish(topic="a", payload=b"", qos=2, packet_id=1), "qos2"),
    "a subscription with QoS 2": (V5, Subscribe(packet_id=1, subscriptions=(Subscription(filter="a", qos=2),)), "qos2"),
    "a payload": (V5, Publish(topic="a", payload=bytes(131_073)), "payload-too-large"),
    "a packet": (V5, b"\x30\xff\xff\xff\x7f", "payload-too-large"),
    "a topic": (V5, Publish(topic="$me", payload=b""), "topic-invalid"),
    "a wildcard": (V5, b"\x30\x04\x00\x01#\x00", "topic-invalid"),
    "properties": (
        V5,
        Publish(topic="a", payload=b"", properties={Property.CORRELATION_DATA: bytes(9000)}),
        "quota-exceeded",
    ),
    "a policy": (V5, Publish(topic="elsewhere", payload=b""), "policy-publish"),
    "a policy, to 3.1.1": (V311, Publish(topic="elsewhere", payload=b"", qos=1, packet_id=1), "policy-publish"),
    "an alias": (V5, Publish(topic="a", payload=b"", properties={Property.TOPIC_ALIAS: 9}), "topic-alias"),
    "an unknown alias": (V5, Publish(topic="", payload=b"", properties={Property.TOPIC_ALIAS: 1}), "topic-alias"),
    "an identifier": (
        V5,
        Subscribe(packet_id=1, subscriptions=TOO_MANY[:1], properties=IDENTIFIED),
        "subscription-identifier",
    ),
    "filters": (V5, Subscribe(packet_id=1, subscriptions=TOO_MANY), "too-many-subscriptions"),
    "a filter, of 3.1.1": (
        V311,
        Subscribe(packet_id=1, subscriptions=(Subscription(filter="$me", qos=0),)),
        "filter-invalid",
    ),
    "a subscription, of 3.1.1": (
        V311,
        Subscribe(packet_id=1, subscriptions=(Subscription(filter="elsewhere", qos=0),)),
        "policy-subscribe",
    ),
    "a second CONNECT": (V5, connect(named("open")), "protocol-error"),
    "a broken packet": (V5, b"\xc0\x01\x00", "protocol-error"),
}


@pytest.mark.parametrize(("version", "sent", "rule"), SENT.values(), ids=list(SENT))
def test_an_end_for_what_the_client_did_names_the_cause_and_its_cure(
    version: MqttVersion, sent: Packet | bytes, rule: str, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with start_gateway(answer=NOT_ELSEWHERE) as running:
            async with running.accepted(connect(named("open"), version=version)) as client:
                await (client.send(sent) if isinstance(sent, bytes) else client.send_packet(sent))
                await client.rest()
            await running.emptied()
            (found,) = running.endings()
            assert found.rule == rule
            assert found.fix
            assert found.line().endswith(f": {found.why}; fix: {found.fix}")
            if rule.startswith("policy-"):
                assert "elsewhere" in found.fix

    run(main())


@BOTH
def test_silence_names_the_keep_alive(version: MqttVersion, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            async with running.accepted(connect(named("open"), version=version, keep_alive=30)) as client:
                put_forward(45.0)
                await client.rest()
            await running.emptied()
            assert [found.rule for found in running.endings()] == ["keep-alive-timeout"]

    run(main())


@BOTH
def test_a_client_id_that_is_taken_over_names_the_other_client(
    version: MqttVersion, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            async with running.accepted(connect(named("open"), version=version)) as first:
                put_forward(2.0)
                async with running.accepted(connect(named("open"), version=version)):
                    await first.rest()
            await running.emptied()
            taken, _ = sorted(
                running.endings(), key=lambda each: each.reason is not DisconnectReason.DUPLICATE_CLIENT_ID
            )
            assert taken.rule == "session-taken-over"

    run(main())


@BOTH
def test_a_refusal_at_refresh_names_what_the_refresh_was_refused_for(
    version: MqttVersion, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            async with running.accepted(connect(named("open"), version=version, keep_alive=0)) as client:
                running.answer(ALLOW | {"isAuthenticated": False})
                put_forward(300.0)
                await client.rest()
            await running.emptied()
            (found,) = running.endings()
            assert (found.rule, found.why.partition(":")[0]) == ("function-denies", "refused at refresh")

    run(main())


def test_the_end_of_the_time_that_is_granted_names_it(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway(answer=ALLOW | {"disconnectAfterInSeconds": 300}) as running:
            async with running.accepted(connect(named("open"), keep_alive=0)) as client:
                put_forward(300.0)
                await client.rest()
            await running.emptied()
            assert [found.rule for found in running.endings()] == ["credentials-expired"]

    run(main())


@pytest.mark.parametrize("is_goodbye", [True, False])
def test_an_end_that_the_client_wished_or_the_network_made_names_no_cause(
    is_goodbye: bool, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            async with running.accepted(connect(named("open"))) as client:
                if is_goodbye:
                    await client.send_packet(Disconnect())
                    await client.rest()
            await running.emptied()
            assert [(found.rule, found.fix) for found in running.endings()] == [(None, "")]

    run(main())


def _notes(running: Running) -> list[Note]:
    return [record for record in running.records if isinstance(record, Note)]


@pytest.mark.parametrize(
    ("packet", "kind", "rule"),
    [
        (Publish(topic="elsewhere", payload=b"", qos=1, packet_id=1), Puback, "policy-publish"),
        (Subscribe(packet_id=1, subscriptions=(Subscription(filter="elsewhere", qos=0),)), Suback, "policy-subscribe"),
    ],
)
def test_a_request_that_is_refused_names_the_cause_and_its_cure(
    packet: Packet, kind: type[Packet], rule: str, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with (
            start_gateway(answer=NOT_ELSEWHERE) as running,
            running.accepted(connect(named("open"))) as client,
        ):
            await client.send_packet(packet)
            assert isinstance(await client.packet(), kind)
            (found,) = _notes(running)
            assert (found.rule, found.closed) == (rule, False)
            assert "; fix: let the policy that the function returns allow " in found.text
            assert "elsewhere" in found.text.partition("; fix: ")[2]

    run(main())


def test_a_packet_before_the_login_that_cannot_be_read_names_the_cause(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            async with running.client() as client:
                await client.send(b"\x00\x00")
                await client.rest()
            await running.emptied()
            assert [found.rule for found in _notes(running)] == ["packet-malformed"]

    run(main())


def test_an_end_as_json_has_rule_and_fix() -> None:
    told = ending(rule="qos2", fix="use QoS 0 or 1").as_json()
    assert (told["rule"], told["fix"]) == ("qos2", "use QoS 0 or 1")
    assert (ending().as_json()["rule"], ending().as_json()["fix"]) == (None, None)
