"""What CONNECT asks for and CONNACK grants."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloop import put_forward, run
from customauth.gateway import handshake
from customauth.mqtt import Connack, Connect, MqttVersion, Pingreq, Pingresp, Property, Will, encode
from gateways import StartGateway, connect, named

V311, V5 = MqttVersion.V311, MqttVersion.V5


def granted(**asked: Any) -> dict[Property, Any]:
    """Return the properties of the CONNACK for a CONNECT of MQTT 5."""
    packet = connect(**asked)
    return handshake.accepting(packet, handshake.effective_client_id(packet), False).properties


# Accepted.


@pytest.mark.fact("E1", "E2", "E3", "E4", "E16", "A3")
def test_an_accepted_client_of_mqtt_5_is_told_every_limit(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client() as client:
            connack = await client.connect(connect(named("open"), keep_alive=1000))
            assert connack == Connack(
                session_present=False,
                reason_code=0,
                properties={
                    Property.SESSION_EXPIRY_INTERVAL: 0,
                    Property.RECEIVE_MAXIMUM: 100,
                    Property.MAXIMUM_QOS: 1,
                    Property.RETAIN_AVAILABLE: 1,
                    Property.MAXIMUM_PACKET_SIZE: 149504,
                    Property.TOPIC_ALIAS_MAXIMUM: 8,
                    Property.WILDCARD_SUBSCRIPTION_AVAILABLE: 1,
                    Property.SUBSCRIPTION_IDENTIFIER_AVAILABLE: 0,
                    Property.SHARED_SUBSCRIPTION_AVAILABLE: 1,
                    Property.SERVER_KEEP_ALIVE: 1000,
                },
            )

    run(main())


@pytest.mark.fact("E1")
@pytest.mark.parametrize("clean", [True, False])
def test_an_accepted_client_of_mqtt_311_gets_four_bytes(clean: bool, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client() as client:
            await client.send_packet(connect(named("open"), version=V311, clean_start=clean), Pingreq())
            assert await client.reader.readexactly(6) == b"\x20\x02\x00\x00\xd0\x00"

    run(main())


@pytest.mark.fact("E2", "E37")
@pytest.mark.parametrize(
    ("asked", "given"), [(None, 0), (0, 0), (600, 600), (3600, 3600), (3601, 3600), (600_000, 3600), (0xFFFFFFFF, 3600)]
)
def test_a_session_expires_within_an_hour(asked: int | None, given: int) -> None:
    properties = {} if asked is None else {Property.SESSION_EXPIRY_INTERVAL: asked}
    assert granted(properties=properties)[Property.SESSION_EXPIRY_INTERVAL] == given


@pytest.mark.fact("E2", "E10")
@pytest.mark.parametrize(
    ("asked", "kept"),
    [(0, 1200), (1, 30), (29, 30), (30, 30), (31, 31), (1000, 1000), (1200, 1200), (1201, 1200), (65535, 1200)],
)
def test_the_keep_alive_is_kept_within_its_bounds(asked: int, kept: int) -> None:
    assert granted(keep_alive=asked)[Property.SERVER_KEEP_ALIVE] == kept
    assert handshake.longest_silence(asked) == 1.5 * kept


@pytest.mark.fact("E10")
@pytest.mark.parametrize("version", list(MqttVersion), ids=lambda version: version.label)
def test_a_client_is_cut_off_after_one_and_a_half_times_its_keep_alive(
    version: MqttVersion, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client() as client:
            connack = await client.connect(connect(named("open"), version=version, keep_alive=1))
            assert connack is not None
            assert connack.properties.get(Property.SERVER_KEEP_ALIVE) == (30 if version is V5 else None)
            for _ in range(3):
                put_forward(40.0)
                await client.send_packet(Pingreq())
                assert isinstance(await client.packet(), Pingresp)
            put_forward(45.0)
            # 0x8D is Keep Alive timeout (E34).
            assert await client.rest() == (b"\xe0\x01\x8d" if version is V5 else b"")

    run(main())


@pytest.mark.fact("E6")
def test_a_client_without_an_id_is_assigned_one(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            assigned = []
            for _ in range(2):
                async with running.client() as client:
                    connack = await client.connect(connect(named("open"), client_id=""))
                assert connack is not None
                assigned.append(str(connack.properties[Property.ASSIGNED_CLIENT_IDENTIFIER]))
            assert assigned == [decision.client_id for decision in running.decisions]
            assert len(set(assigned)) == 2
            for name in assigned:
                prefix, _, rest = name.partition("/")
                assert (prefix, str(uuid.UUID(rest))) == ("$GEN", rest)

    run(main())


def test_a_client_with_an_id_is_not_assigned_one() -> None:
    assert Property.ASSIGNED_CLIENT_IDENTIFIER not in granted()


@pytest.mark.fact("E7")
def test_an_empty_id_of_mqtt_311_is_accepted_with_a_clean_session(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client() as client:
            connack = await client.connect(connect(named("open"), version=V311, client_id=""))
            assert connack == Connack(session_present=False, reason_code=0)

    run(main())


# Refused whatever the credentials.

OBJECTIONS: list[tuple[str, Connect, bytes]] = [
    ("E8", connect(client_id="x" * 129), b"\x20\x03\x00\x85\x00"),
    ("E8", connect(client_id="é" * 65), b"\x20\x03\x00\x85\x00"),
    ("E8", connect(client_id="x" * 129, version=V311), b""),
    ("E6", connect(client_id="$GEN/mine"), b"\x20\x03\x00\x85\x00"),
    ("E6", connect(client_id="$GEN/mine", version=V311), b""),
    ("E7", connect(client_id="", version=V311, clean_start=False), b"\x20\x02\x00\x02"),
    ("E19", connect(will=Will(topic="t", payload=b"", qos=2)), b"\x20\x03\x00\x9b\x00"),
    ("E19", connect(will=Will(topic="t", payload=b"", qos=2), version=V311), b""),
    ("E11", connect(properties={Property.MAXIMUM_PACKET_SIZE: 511}), b"\x20\x03\x00\x80\x00"),
]


@pytest.mark.fact("A21", "E6", "E7", "E8", "E11", "E12", "E19")
def test_an_objection_is_answered_with_its_code_and_the_function_is_not_asked(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway(settings='default_authorizer = "open"') as running:
            for fact, packet, answer in OBJECTIONS:
                assert await running.outcome(packet) == answer, packet
                assert f"({fact})" in running.lines()[-1] or fact == "E11", packet
            assert running.events() == []
            assert len(running.decisions) == len(OBJECTIONS)

    run(main())


@pytest.mark.fact("E6", "E7", "E8", "E11", "E19", "E37")
@pytest.mark.parametrize(
    "packet",
    [
        connect(client_id="x" * 128),
        connect(client_id="é" * 64),
        connect(client_id="GEN/mine"),
        connect(client_id="", clean_start=False),
        connect(will=Will(topic="t", payload=b"", qos=1, retain=True)),
        connect(properties={Property.MAXIMUM_PACKET_SIZE: 512}),
        connect(version=V311, clean_start=False),
        connect(version=V311, client_id=""),
    ],
)
def test_what_is_within_the_limits_is_not_objected_to(packet: Connect) -> None:
    assert handshake.objection(packet) is None


# Refused for its credentials.


@pytest.mark.fact("F1", "F2", "F3", "E12")
def test_the_refusal_of_mqtt_5_is_111_bytes_and_that_of_311_is_none() -> None:
    refusal = handshake.refusing(connect())
    assert refusal is not None
    assert len(encode(refusal, V5)) == 111
    assert (refusal.reason_code, refusal.session_present, list(refusal.properties)) == (
        0x87,
        False,
        [Property.REASON_STRING],
    )
    assert handshake.refusing(connect(version=V311)) is None


# 65,535 bytes is the longest text of the wire, but a client id is long at 129.
CLIENT_IDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=200)


@given(
    version=st.sampled_from(MqttVersion),
    client_id=CLIENT_IDS,
    clean=st.booleans(),
    keep_alive=st.integers(0, 65535),
    expiry=st.integers(0, 0xFFFFFFFF),
)
def test_whatever_is_asked_the_answer_can_be_sent(
    version: MqttVersion, client_id: str, clean: bool, keep_alive: int, expiry: int
) -> None:
    properties = {Property.SESSION_EXPIRY_INTERVAL: expiry} if version is V5 else {}
    packet = connect(
        version=version, client_id=client_id, clean_start=clean, keep_alive=keep_alive, properties=properties
    )
    objection = handshake.objection(packet)
    if objection is None:
        assert encode(handshake.accepting(packet, handshake.effective_client_id(packet), False), version)
        assert 30 <= handshake.effective_keep_alive(keep_alive) <= 1200
    elif objection.code is not None:
        connack = handshake.objecting(objection.code)
        assert connack is not None
        assert connack.reason_code
        assert encode(connack, version)
