"""What is special to the mqttium backend: what mqttium does not tell, where it waits for ever, and its own limits."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customauth import (
    Acknowledgement,
    BackendFault,
    ConnectError,
    Connection,
    CustomAuth,
    Disconnected,
    MessageProperties,
    MqttVersion,
    RequestError,
    Subscription,
    connect,
    mqtt,
)
from customauth.mqtt import Property
from customauth.testing.mqtt_server import Content, MqttPeer, MqttServer, mqtt_server, usual
from customauth_mqttium import MqttiumBackend

pytest.importorskip("mqttium", reason="mqttium is not installed")

VERSIONS = pytest.mark.parametrize("version", list(MqttVersion), ids=lambda version: version.label)
_LIMIT = 30.0
_MANY = 5000
# More than what mqttium sends in one piece, and several of them more than it lets wait by itself.
_LARGE = bytes(range(256)) * 3072
# A remaining length whose every byte says that another follows.
_ENDLESS = b"\x30\xff\xff\xff\xff"


@contextlib.asynccontextmanager
async def _conversation(
    answers: Callable[[mqtt.Packet, MqttVersion], Iterable[Content]] = usual, **options: Any
) -> AsyncIterator[tuple[Connection, MqttPeer, MqttServer]]:
    """Connect to a server that a test plays."""
    async with asyncio.timeout(_LIMIT), mqtt_server(answers) as server:
        connection = await connect(server.endpoint, CustomAuth(username="user"), backend=MqttiumBackend(), **options)
        async with connection:
            yield connection, server.peers[-1], server


def _saying(properties: mqtt.Properties) -> Callable[[mqtt.Packet, MqttVersion], Iterable[Content]]:
    """Return answers with these properties in the CONNACK."""

    def answers(packet: mqtt.Packet, version: MqttVersion) -> Iterable[Content]:
        if isinstance(packet, mqtt.Connect):
            return (mqtt.Connack(session_present=False, reason_code=0, properties=properties),)
        return usual(packet, version)

    return answers


async def _take_all(messages: Subscription[Connection], taken: list[bytes]) -> None:
    async for message in messages:
        taken.append(message.payload)


@pytest.mark.fact("E34")
def test_the_codes_and_strings_of_a_puback_that_accepts_are_told() -> None:
    said: list[tuple[int, mqtt.Properties]] = [
        (0x00, {}),
        (0x10, {}),
        (0x10, {Property.REASON_STRING: "nobody listens"}),
        (0x00, {Property.REASON_STRING: "fine"}),
    ]
    left = iter(said)

    def answers(packet: mqtt.Packet, version: MqttVersion) -> Iterable[Content]:
        if isinstance(packet, mqtt.Publish) and packet.packet_id is not None:
            code, properties = next(left)
            return (mqtt.Puback(packet_id=packet.packet_id, reason_code=code, properties=properties),)
        return usual(packet, version)

    async def scenario() -> list[Acknowledgement]:
        async with _conversation(answers) as (connection, _, __):
            return [await connection.publish("a", qos=1) for _ in said]

    assert asyncio.run(scenario()) == [
        Acknowledgement(reason_code=0x00),
        Acknowledgement(reason_code=0x10),
        Acknowledgement(reason_code=0x10, reason_string="nobody listens"),
        Acknowledgement(reason_code=0x00, reason_string="fine"),
    ]


def test_a_disconnect_without_an_error_is_told() -> None:
    async def scenario() -> Disconnected:
        async with _conversation() as (connection, peer, _):
            peer.send(mqtt.Disconnect(properties={Property.REASON_STRING: "good night"}))
            peer.end()
            return await connection.wait_closed()

    ending = asyncio.run(scenario())
    assert (ending.by_server, ending.reason_code, ending.reason_string) == (True, 0x00, "good night")


@VERSIONS
@pytest.mark.parametrize("wrong", [b"\x00\x7fno packet", _ENDLESS], ids=["no-such-type", "endless-length"])
def test_what_cannot_begin_a_packet_ends_the_connection_behind_what_came_before(
    version: MqttVersion, wrong: bytes
) -> None:
    good = mqtt.encode(mqtt.Publish(topic="a", payload=b"good"), version)

    async def scenario() -> tuple[bytes, Disconnected]:
        async with _conversation(version=version) as (connection, peer, _), connection.subscribe("a") as messages:
            peer.send(good + wrong)
            message = await anext(messages)
            with pytest.raises(Disconnected) as caught:
                await anext(messages)
            return message.payload, caught.value

    payload, ending = asyncio.run(scenario())
    assert payload == b"good"
    assert ending.by_server
    assert ending.__cause__ is not None


@VERSIONS
def test_an_answer_to_connect_that_cannot_begin_a_packet_is_not_waited_for(version: MqttVersion) -> None:
    def answers(packet: mqtt.Packet, _: MqttVersion) -> Iterable[Content]:
        return (_ENDLESS,)

    async def scenario() -> None:
        async with _conversation(answers, version=version, timeout=_LIMIT):
            pass

    with pytest.raises(ConnectError, match="what MQTT allows") as caught:
        asyncio.run(scenario())
    assert type(caught.value) is ConnectError


@VERSIONS
@pytest.mark.parametrize("abruptly", [False, True], ids=["gracefully", "abruptly"])
def test_messages_before_a_loss_are_given_though_they_cannot_be_acknowledged(
    version: MqttVersion, abruptly: bool
) -> None:
    async def scenario() -> list[bytes]:
        async with (
            _conversation(version=version) as (connection, peer, _),
            connection.subscribe("a", 1, buffer=2 * _MANY) as messages,
        ):
            peer.send(*(mqtt.Publish(topic="a", payload=b"%d" % n, qos=1, packet_id=n) for n in range(1, _MANY + 1)))
            # With it the last has been sent; most of them are still to be taken, and to be acknowledged.
            while peer.sent < _MANY:  # noqa: ASYNC110 - nobody tells, and with every step some are taken
                await asyncio.sleep(0)
            peer.end(abruptly=abruptly)
            taken: list[bytes] = []
            with pytest.raises(Disconnected):
                await _take_all(messages, taken)
            return taken

    taken = asyncio.run(scenario())
    assert taken == [b"%d" % n for n in range(1, len(taken) + 1)]
    assert abruptly or len(taken) == _MANY


def test_the_server_is_told_of_no_limit_that_nobody_asked_for() -> None:
    async def scenario() -> mqtt.Connect:
        async with _conversation() as (_, peer, __):
            assert peer.connect is not None
            return peer.connect

    said = asyncio.run(scenario()).properties
    assert said == {Property.RECEIVE_MAXIMUM: 65_535, Property.MAXIMUM_PACKET_SIZE: 268_435_460}


@VERSIONS
def test_a_large_message_passes_in_both_directions(version: MqttVersion) -> None:
    async def scenario() -> list[bytes]:
        async with _conversation(version=version) as (connection, peer, _), connection.subscribe("a") as messages:
            for qos in (0, 1):
                await asyncio.gather(*(connection.publish("b", _LARGE, qos=qos) for _ in range(3)))
            peer.send(mqtt.Publish(topic="a", payload=_LARGE))
            sent = [packet.payload for packet in await peer.seen(mqtt.Publish, 6)]
            return [*sent, (await anext(messages)).payload]

    assert asyncio.run(scenario()) == [_LARGE] * 7


@pytest.mark.parametrize(
    "request_of",
    [
        lambda connection: connection.publish("a", b"x" * 998, qos=1),
        lambda connection: connection.publish("a", b"x" * 998),
        lambda connection: connection.publish("a", properties=MessageProperties(content_type="secret" * 11_000)),
        lambda connection: connection.publish("a", properties=MessageProperties(content_type="secret\0")),
        lambda connection: connection.subscribe("a/#").__aenter__(),
    ],
    ids=["too-large-qos-1", "too-large-qos-0", "too-long", "no-utf-8", "wildcard"],
)
def test_what_mqttium_refuses_is_said_without_what_was_in_it_and_the_connection_goes_on(
    request_of: Callable[[Connection], Awaitable[object]],
) -> None:
    said: mqtt.Properties = {Property.MAXIMUM_PACKET_SIZE: 1000, Property.WILDCARD_SUBSCRIPTION_AVAILABLE: 0}

    async def scenario() -> RequestError:
        async with _conversation(_saying(said)) as (connection, _, __):
            with pytest.raises(RequestError) as caught:
                await request_of(connection)
            assert (await connection.publish("a", qos=1)).reason_code == 0
            return caught.value

    error = asyncio.run(scenario())
    assert "secret" not in str(error)
    assert error.__cause__ is None


def test_a_release_of_mqttium_that_would_dial_by_itself_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from mqttium.api import AsyncClient
    from mqttium.transport import TcpTransport

    deaf = property(lambda _: TcpTransport.connect, lambda _, __: None)
    monkeypatch.setattr(AsyncClient, "_transport_factory", deaf, raising=False)

    async def scenario() -> MqttServer:
        async with mqtt_server() as server:
            with pytest.raises(BackendFault, match="mqttium"):
                await connect(server.endpoint, CustomAuth(password=b"pw", username="u"), backend=MqttiumBackend())
            return server

    assert asyncio.run(scenario()).connects() == []


_ids = st.integers(1, 65_535)
_packets = st.one_of(
    st.builds(mqtt.Puback, packet_id=_ids, reason_code=st.sampled_from([0x00, 0x10, 0x80, 0x97])),
    st.builds(
        mqtt.Puback,
        packet_id=_ids,
        reason_code=st.just(0x10),
        properties=st.fixed_dictionaries({Property.REASON_STRING: st.just("so")}),
    ),
    st.builds(mqtt.Publish, topic=st.just("a"), payload=st.binary(max_size=20_000)),
    st.just(mqtt.Pingresp()),
)


@given(packets=st.lists(_packets, max_size=8), data=st.data())
def test_a_stream_in_any_pieces_comes_out_in_whole_packets_and_every_puback_is_told(
    packets: list[mqtt.Packet], data: st.DataObject
) -> None:
    from customauth_mqttium._packets import Packets

    told: list[tuple[int, int, str | None]] = []
    reader = Packets(MqttVersion.V5, lambda *puback: told.append(puback))
    stream = b"".join(mqtt.encode(packet, MqttVersion.V5) for packet in packets)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    out = [reader.feed(stream[start:end]) for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert b"".join(out) == stream
    for piece in out:
        whole = mqtt.FrameReader(1 << 20)
        whole.feed(piece)
        assert whole.pending == 0
    assert reader.failure is None
    assert told == [
        (packet.packet_id, packet.reason_code, packet.properties.get(Property.REASON_STRING))
        for packet in packets
        if isinstance(packet, mqtt.Puback)
    ]
