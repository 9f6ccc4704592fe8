"""What is special to the paho backend: that paho does the work, and what it loses, refuses, limits or leaves behind."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterable
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from customauth import (
    Acknowledgement,
    ConnackRefused,
    Connection,
    CustomAuth,
    Disconnected,
    Message,
    MessageProperties,
    MqttVersion,
    PublishRefused,
    Will,
    connect,
    mqtt,
)
from customauth.gateway import RunningGateway
from customauth.testing import LocalGateway
from customauth.testing.mqtt_server import Content, MqttPeer, MqttServer, mqtt_server, usual
from customauth_paho._link import Link

pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")

VERSIONS = pytest.mark.parametrize("version", list(MqttVersion), ids=lambda version: version.label)
_LIMIT = 30.0
# U+FEFF, which MQTT allows in text (MQTT 5, 1.5.4) and paho takes for malformed.
_FEFF = "\ufeffname"


async def _open(server: MqttServer, **options: Any) -> tuple[Connection, MqttPeer]:
    credentials = options.pop("credentials", CustomAuth(username="user"))
    connection = await connect(server.endpoint, credentials, backend="paho", **options)
    return connection, server.peers[-1]


def _reticent(kind: type[mqtt.Packet]) -> Any:
    """Return answers that leave out those to one kind of packet."""

    def answers(packet: mqtt.Packet, version: MqttVersion) -> Iterable[Content]:
        return () if isinstance(packet, kind) else usual(packet, version)

    return answers


def _connack(reason_code: int = 0, properties: mqtt.Properties | None = None) -> Any:
    """Return answers of which the first is this CONNACK."""

    def answers(packet: mqtt.Packet, version: MqttVersion) -> Iterable[Content]:
        if isinstance(packet, mqtt.Connect):
            return (mqtt.Connack(session_present=False, reason_code=reason_code, properties=properties or {}),)
        return usual(packet, version)

    return answers


@VERSIONS
def test_paho_itself_sends_reads_and_acknowledges(version: MqttVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    from customauth_paho._library import LinkedClient

    done: list[str] = []

    def log(client: LinkedClient, level: int, text: str, *values: object) -> None:
        done.append(" ".join((text % values).split()[:2]))

    async def scenario() -> None:
        async with mqtt_server() as server:
            connection, peer = await _open(server, version=version)
            client: Any = connection._client  # type: ignore[attr-defined]
            assert client.is_connected()
            async with asyncio.timeout(_LIMIT):
                async with connection.subscribe("a", 1) as messages:
                    await connection.publish("b")
                    await connection.publish("b", qos=1)
                    peer.send(mqtt.Publish(topic="a", payload=b"", qos=1, packet_id=7))
                    await anext(messages)
                    await peer.seen(mqtt.Puback)
                await connection.aclose()
            assert not client.is_connected()

    # paho logs what it does, from its constructor on.
    monkeypatch.setattr(LinkedClient, "_easy_log", log)
    asyncio.run(scenario())
    assert done == [
        "Sending CONNECT",
        "Received CONNACK",
        "Sending SUBSCRIBE",
        "Received SUBACK",
        "Sending PUBLISH",
        "Sending PUBLISH",
        "Received PUBACK",
        "Received PUBLISH",
        "Sending PUBACK",
        "Sending UNSUBSCRIBE",
        "Received UNSUBACK",
        "Sending DISCONNECT",
    ]


def test_a_password_goes_without_a_user_name_and_the_rest_of_connect_with_it() -> None:
    async def scenario() -> mqtt.Connect:
        async with mqtt_server() as server:
            connection, peer = await _open(
                server,
                credentials=CustomAuth(password=b"\xff"),
                client_id="gerät",
                keep_alive=77,
                clean_start=False,
                session_expiry=3600,
                user_properties=[("a", "1"), ("a", "2")],
                will=Will(
                    topic="last/will",
                    payload=b"\x00gone",
                    qos=1,
                    retain=True,
                    delay=5,
                    properties=MessageProperties(content_type="text/plain", user_properties=[("b", "3")], utf8=True),
                ),
            )
            await connection.aclose()
            assert peer.connect is not None
            return peer.connect

    sent = asyncio.run(scenario())
    assert (sent.username, sent.password) == (None, b"\xff")
    assert (sent.client_id, sent.keep_alive, sent.clean_start) == ("gerät", 77, False)
    assert sent.properties == {
        mqtt.Property.SESSION_EXPIRY_INTERVAL: 3600,
        mqtt.Property.USER_PROPERTY: [("a", "1"), ("a", "2")],
    }
    assert sent.will == mqtt.Will(
        topic="last/will",
        payload=b"\x00gone",
        qos=1,
        retain=True,
        properties={
            mqtt.Property.PAYLOAD_FORMAT_INDICATOR: 1,
            mqtt.Property.CONTENT_TYPE: "text/plain",
            mqtt.Property.WILL_DELAY_INTERVAL: 5,
            mqtt.Property.USER_PROPERTY: [("b", "3")],
        },
    )


@VERSIONS
def test_a_hundred_publishes_are_under_way_at_once(version: MqttVersion) -> None:
    async def scenario() -> list[int | None]:
        async with mqtt_server(_reticent(mqtt.Publish)) as server:
            connection, peer = await _open(server, version=version)
            publishing = [asyncio.ensure_future(connection.publish("a", b"%d" % n, qos=1)) for n in range(100)]
            async with asyncio.timeout(_LIMIT):
                packets = await peer.seen(mqtt.Publish, 100)
                # In another order than they came.
                identifiers = [packet.packet_id for packet in reversed(packets) if packet.packet_id is not None]
                peer.send(*(mqtt.Puback(packet_id=identifier) for identifier in identifiers))
                answers = await asyncio.gather(*publishing)
            await connection.aclose()
            assert sorted(packet.payload for packet in packets) == sorted(b"%d" % n for n in range(100))
            assert len(set(identifiers)) == 100
            return [answer.reason_code for answer in answers]

    assert asyncio.run(scenario()) == [0] * 100


def test_a_packet_identifier_is_not_used_again_before_its_answer() -> None:
    async def scenario() -> tuple[list[int | None], int | None]:
        async with mqtt_server(_reticent(mqtt.Publish)) as server:
            connection, peer = await _open(server)
            first = asyncio.ensure_future(connection.publish("a", qos=1))
            async with asyncio.timeout(_LIMIT):
                await peer.seen(mqtt.Publish)
                # As after 65,534 more.
                connection._client._last_mid = 65_535  # type: ignore[attr-defined]
                second = asyncio.ensure_future(connection.publish("a", qos=1))
                packets = await peer.seen(mqtt.Publish, 2)
                # The second is answered first, and by its own answer.
                peer.send(mqtt.Puback(packet_id=2, reason_code=0x10))
                answer = await second
                assert not first.done()
                peer.send(mqtt.Puback(packet_id=1))
                await first
            await connection.aclose()
            return [packet.packet_id for packet in packets], answer.reason_code

    assert asyncio.run(scenario()) == ([1, 2], 0x10)


def test_publishes_that_are_never_answered_are_not_kept() -> None:
    async def scenario() -> int:
        async with mqtt_server(_reticent(mqtt.Publish)) as server:
            connection, peer = await _open(server)
            client: Any = connection._client  # type: ignore[attr-defined]
            async with asyncio.timeout(_LIMIT):
                for sent in range(100, 2001, 100):
                    publishing = [asyncio.ensure_future(connection.publish("a", qos=1)) for _ in range(100)]
                    await peer.seen(mqtt.Publish, sent)
                    for publish in publishing:
                        publish.cancel()
                    await asyncio.gather(*publishing, return_exceptions=True)
            assert len(client._out_messages) == len(client.awaited)
            await connection.aclose()
            return len(client._out_messages)

    assert asyncio.run(scenario()) < 500


@pytest.mark.parametrize(
    ("version", "code"), [(MqttVersion.V5, 0x99), (MqttVersion.V5, 0x01), (MqttVersion.V311, 1), (MqttVersion.V311, 5)]
)
def test_a_refusal_is_told_with_the_code_of_the_server(version: MqttVersion, code: int) -> None:
    async def scenario() -> int:
        async with mqtt_server(_connack(code)) as server:
            with pytest.raises(ConnackRefused) as refusal:
                await _open(server, version=version)
            return refusal.value.reason_code

    assert asyncio.run(scenario()) == code


def test_a_connack_that_paho_refuses_to_read_accepts() -> None:
    said: mqtt.Properties = {mqtt.Property.REASON_STRING: _FEFF, mqtt.Property.MAXIMUM_PACKET_SIZE: 0xFFFF_FFFF}

    async def scenario() -> tuple[str | None, int | None]:
        async with mqtt_server(_connack(properties=said)) as server:
            connection, _ = await _open(server)
            await connection.publish("a", qos=1)
            await connection.aclose()
            return connection.connack.reason_string, connection.connack.maximum_packet_size

    assert asyncio.run(scenario()) == (_FEFF, 0xFFFF_FFFF)


@pytest.mark.parametrize("content", [b"\xe0\x01\x8e", b"\xe0\x02\x8e\x00"], ids=["code alone", "no properties"])
def test_a_disconnect_without_properties_keeps_its_reason_code(content: bytes) -> None:
    async def scenario() -> int | None:
        async with mqtt_server() as server:
            connection, peer = await _open(server)
            peer.send(content)
            async with asyncio.timeout(_LIMIT):
                ending = await connection.wait_closed()
            await connection.aclose()
            return ending.reason_code

    assert asyncio.run(scenario()) == 0x8E


def test_a_disconnect_that_paho_refuses_to_read_is_told() -> None:
    reason: mqtt.Properties = {mqtt.Property.REASON_STRING: _FEFF}

    async def scenario() -> Disconnected:
        async with mqtt_server() as server:
            connection, peer = await _open(server)
            peer.send(mqtt.Disconnect(reason_code=0x8E, properties=reason))
            async with asyncio.timeout(_LIMIT):
                ending = await connection.wait_closed()
            await connection.aclose()
            return ending

    ending = asyncio.run(scenario())
    assert (ending.reason_code, ending.reason_string) == (0x8E, _FEFF)


def test_text_that_paho_refuses_to_read_arrives() -> None:
    properties = MessageProperties(content_type=_FEFF, user_properties=[(_FEFF, _FEFF)])

    async def scenario() -> tuple[mqtt.Publish, Message, PublishRefused]:
        async with mqtt_server() as server:
            connection, peer = await _open(server)
            async with asyncio.timeout(_LIMIT), connection.subscribe("a") as messages:
                await connection.publish("a", properties=properties)
                (sent,) = await peer.seen(mqtt.Publish)
                peer.send(evolve(sent, qos=1, packet_id=9))
                received = await anext(messages)
                (acknowledged,) = await peer.seen(mqtt.Puback)
                assert acknowledged.packet_id == 9
                server.answers = _reticent(mqtt.Publish)
                refused = asyncio.ensure_future(connection.publish("a", qos=1))
                identifier = (await peer.seen(mqtt.Publish, 2))[1].packet_id
                assert identifier is not None
                reason: mqtt.Properties = {mqtt.Property.REASON_STRING: _FEFF}
                peer.send(mqtt.Puback(packet_id=identifier, reason_code=0x87, properties=reason))
                with pytest.raises(PublishRefused) as refusal:
                    await refused
                assert not connection._client._out_messages  # type: ignore[attr-defined]
            await connection.aclose()
            return sent, received, refusal.value

    sent, received, refusal = asyncio.run(scenario())
    assert sent.properties == {mqtt.Property.CONTENT_TYPE: _FEFF, mqtt.Property.USER_PROPERTY: [(_FEFF, _FEFF)]}
    assert received.properties == properties
    assert (refusal.reason_code, refusal.reason_string) == (0x87, _FEFF)


def test_what_came_before_the_loss_counts_though_nothing_was_read_meanwhile() -> None:
    async def take(connection: Connection, peer: MqttPeer, payloads: list[bytes]) -> None:
        async with asyncio.timeout(_LIMIT), connection.subscribe("a", buffer=1) as messages:
            # The last is a DISCONNECT with nothing but a code, which paho 2.1 loses.
            peer.send(*(mqtt.Publish(topic="a", payload=b"%d" % n) for n in range(5)), b"\xe0\x01\x8e")
            # Nobody is told of it.
            while not connection._link.paused:  # type: ignore[attr-defined]  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            peer.end(abruptly=True)
            # The next PINGREQ finds nobody.
            await connection.wait_closed()
            async for message in messages:
                payloads.append(message.payload)

    async def scenario() -> tuple[list[bytes], Disconnected]:
        async with mqtt_server() as server:
            connection, peer = await _open(server, keep_alive=1)
            payloads: list[bytes] = []
            with pytest.raises(Disconnected) as ending:
                await take(connection, peer, payloads)
            await connection.aclose()
            return payloads, ending.value

    payloads, ending = asyncio.run(scenario())
    assert payloads == [b"%d" % n for n in range(5)]
    assert (ending.reason_code, ending.by_server) == (0x8E, True)


_OUT_OF_PLACE = {
    "QoS 2": (0x82, b"\x34\x06\x00\x01a\x00\x01\x00"),
    "a topic alias": (0x94, b"\x30\x06\x00\x00\x03\x23\x00\x01"),
    "a topic with a wildcard": (0x90, b"\x30\x04\x00\x01#\x00"),
    "a topic that is not UTF-8": (0x81, b"\x30\x04\x00\x01\xff\x00"),
    "a response topic with a wildcard": (0x90, b"\x30\x08\x00\x01a\x04\x08\x00\x01#"),
    "an unknown property": (0x81, b"\x30\x06\x00\x01a\x02\x7f\x00"),
    "a second CONNACK": (0x82, b"\x20\x03\x00\x00\x00"),
    "PUBCOMP": (0x82, b"\x70\x02\x00\x01"),
    "PINGREQ": (0x82, b"\xc0\x00"),
    # paho waits for the 103 bytes that it promises.
    "packet type 0": (0x82, b"\x00g"),
    "PUBACK without an identifier": (0x81, b"\x40\x00"),
    "SUBACK without a reason code": (0x82, b"\x90\x03\x00\x01\x00"),
    "a length of five bytes": (0x81, b"\x30\x80\x80\x80\x80\x01"),
}


@pytest.mark.parametrize(("code", "content"), _OUT_OF_PLACE.values(), ids=_OUT_OF_PLACE)
def test_a_server_that_breaks_the_protocol_is_told_so_and_left(code: int, content: bytes) -> None:
    async def scenario() -> tuple[Disconnected, mqtt.Disconnect]:
        async with mqtt_server() as server:
            connection, peer = await _open(server)
            async with asyncio.timeout(_LIMIT):
                peer.send(content)
                ending = await connection.wait_closed()
                (said,) = await peer.seen(mqtt.Disconnect)
                await peer.ended.wait()
            await connection.aclose()
            return ending, said

    ending, said = asyncio.run(scenario())
    assert "the server broke the protocol" in str(ending)
    assert (ending.reason_code, ending.by_server) == (None, True)
    assert isinstance(ending.__cause__, mqtt.MalformedPacket)
    assert said.reason_code == code


def test_what_arrived_in_one_piece_is_not_told_before_there_is_room() -> None:
    async def scenario() -> list[int]:
        async with mqtt_server() as server:
            connection, peer = await _open(server)
            # With publishes under way paho reads as many packets at once.
            server.answers = _reticent(mqtt.Publish)
            publishing = [asyncio.ensure_future(connection.publish("b", qos=1)) for _ in range(10)]
            async with asyncio.timeout(_LIMIT):
                await peer.seen(mqtt.Publish, 10)
            link: Any = connection._link  # type: ignore[attr-defined]
            told: list[int] = []
            client: Any = connection._client  # type: ignore[attr-defined]
            listener = client._listener

            class Full:
                def received(self, message: Message) -> None:
                    told.append(len(told))
                    link.pause()

            client._listener = Full()
            link.data_received(b"\x30\x04\x00\x01a\x00" * 5)
            first = len(told)
            link.resume()
            await asyncio.sleep(0)
            second = len(told)
            client._listener = listener
            await connection.aclose()
            await asyncio.gather(*publishing, return_exceptions=True)
            return [first, second]

    assert asyncio.run(scenario()) == [1, 2]


@given(st.lists(st.binary(min_size=1, max_size=20)), st.lists(st.integers(1, 30), min_size=1))
def test_a_link_gives_what_arrived_in_pieces_of_any_size(chunks: list[bytes], sizes: list[int]) -> None:
    async def scenario() -> bytes:
        taken = b""

        def read() -> None:
            nonlocal taken
            while link.readable:
                assert link.peek() == link._arrived[link._at]
                piece = link.recv(sizes[len(taken) % len(sizes)])
                assert piece
                taken += piece

        link = Link(on_readable=read, on_full=lambda: None, on_drained=lambda: None)
        for chunk in chunks:
            link.data_received(chunk)
        with pytest.raises(BlockingIOError):
            link.recv(1)
        return taken

    assert asyncio.run(scenario()) == b"".join(chunks)


@VERSIONS
def test_pings_go_on_while_nothing_is_read(version: MqttVersion) -> None:
    async def scenario() -> Acknowledgement:
        async with mqtt_server() as server:
            connection, peer = await _open(server, version=version, keep_alive=1)
            async with asyncio.timeout(_LIMIT), connection.subscribe("a", buffer=1) as messages:
                peer.send(*(mqtt.Publish(topic="a", payload=b"") for _ in range(3)))
                # paho itself gives up when the second is due.
                await peer.seen(mqtt.Pingreq, 4)
                assert connection.closed is None
                for _ in range(3):
                    await anext(messages)
                # All that waited is read now, and the connection lives.
                answer = await connection.publish("a", qos=1)
            await connection.aclose()
            return answer

    assert asyncio.run(scenario()).reason_code == 0


@VERSIONS
def test_a_server_that_answers_no_ping_is_lost(version: MqttVersion) -> None:
    async def scenario() -> Disconnected:
        async with mqtt_server(_reticent(mqtt.Pingreq)) as server:
            connection, peer = await _open(server, version=version, keep_alive=1)
            async with asyncio.timeout(_LIMIT):
                ending = await connection.wait_closed()
                await peer.ended.wait()
            assert len(peer.all(mqtt.Pingreq)) == 1
            await connection.aclose()
            return ending

    ending = asyncio.run(scenario())
    assert "no PINGRESP within 0.5 s" in str(ending)
    assert (ending.reason_code, ending.by_server) == (None, True)


def test_the_servers_own_keep_alive_is_kept() -> None:
    def answers(packet: mqtt.Packet, version: MqttVersion) -> Iterable[Content]:
        if isinstance(packet, mqtt.Connect):
            properties: mqtt.Properties = {mqtt.Property.SERVER_KEEP_ALIVE: 1}
            return (mqtt.Connack(session_present=False, reason_code=0, properties=properties),)
        return usual(packet, version)

    async def scenario() -> None:
        async with mqtt_server(answers) as server:
            connection, peer = await _open(server, keep_alive=1200)
            async with asyncio.timeout(_LIMIT):
                await peer.seen(mqtt.Pingreq, 2)
            await connection.aclose()

    asyncio.run(scenario())


def test_no_thread_is_started() -> None:
    async def scenario() -> set[threading.Thread]:
        before = set(threading.enumerate())
        async with mqtt_server() as server:
            connection, _ = await _open(server)
            await connection.publish("a", qos=1)
            # asyncio resolves names in threads of its own.
            started = {thread for thread in threading.enumerate() if not thread.name.startswith("asyncio")} - before
            await connection.aclose()
            return started

    assert asyncio.run(scenario()) == set()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_connection_that_outlives_its_event_loop_goes_quietly() -> None:
    async def scenario(local: RunningGateway) -> Connection:
        assert local.signed is not None
        return await connect(local.endpoint, local.signed, backend="paho")

    with LocalGateway() as local:
        connection = asyncio.run(scenario(local))
        # An exception in paho's __del__ would be a warning, which is an error here.
        del connection
        gc.collect()
