"""The codec against one that others wrote: paho-mqtt at the other end of a socket sends and reads each packet."""

from __future__ import annotations

import queue
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from customauth.mqtt import (
    Connack,
    Connect,
    Disconnect,
    Frame,
    FrameReader,
    MqttVersion,
    Packet,
    Property,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
    Will,
    decode,
    encode,
)
from needs import needs

if TYPE_CHECKING:
    import paho.mqtt.client as paho
    from paho.mqtt.properties import Properties

pytestmark = needs("paho-mqtt")
P = Property
V311, V5 = MqttVersion.V311, MqttVersion.V5
_PATIENCE = 10.0


class Peer:
    """The server's side of a connection from paho, and what paho's callbacks were given."""

    def __init__(self, connection: socket.socket, version: MqttVersion) -> None:
        self.seen: queue.Queue[Any] = queue.Queue()
        self._connection = connection
        self._version = version
        self._reader = FrameReader(1 << 20)
        self._frames: list[Frame] = []

    def packet(self) -> Packet:
        """The next packet that paho sends, which is encoded to the same bytes again."""
        while not self._frames:
            data = self._connection.recv(65_536)
            assert data, "paho has closed the connection"
            self._frames = self._reader.feed(data)
        frame = self._frames.pop(0)
        packet = decode(frame, self._version)
        assert FrameReader(1 << 20).feed(encode(packet, self._version)) == [frame]
        return packet

    def send(self, packet: Packet) -> None:
        self._connection.sendall(encode(packet, self._version))

    def called(self) -> Any:
        """What the next callback was given."""
        return self.seen.get(timeout=_PATIENCE)


@contextmanager
def connected(version: MqttVersion) -> Iterator[tuple[paho.Client, Peer]]:
    """A paho client whose CONNECT has been answered."""
    import paho.mqtt.client as paho
    from paho.mqtt.enums import CallbackAPIVersion

    client = paho.Client(
        CallbackAPIVersion.VERSION2, client_id="c", protocol=paho.MQTTv5 if version is V5 else paho.MQTTv311
    )
    client.username_pw_set("u", "p")
    client.will_set("w", b"bye", qos=1, retain=True, properties=packed(version, "WillMessage", WillDelayInterval=5))
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(_PATIENCE)
        host, port = server.getsockname()
        client.connect(host, port, properties=packed(version, "Connect", SessionExpiryInterval=60, ReceiveMaximum=9))
        client.loop_start()
        try:
            connection, _ = server.accept()
            with closing(connection):
                connection.settimeout(_PATIENCE)
                peer = Peer(connection, version)
                listen(client, peer.seen)
                opening = peer.packet()
                assert isinstance(opening, Connect)
                assert opening == connect_of_paho(version)
                peer.send(Connack(session_present=False, reason_code=0))
                assert peer.called() == ("connect", 0)
                yield client, peer
        finally:
            client.disconnect()
            client.loop_stop()


def connect_of_paho(version: MqttVersion) -> Connect:
    v5 = version is V5
    return Connect(
        version=version,
        client_id="c",
        username="u",
        password=b"p",
        will=Will(topic="w", payload=b"bye", qos=1, retain=True, properties={P.WILL_DELAY_INTERVAL: 5} if v5 else {}),
        properties={P.SESSION_EXPIRY_INTERVAL: 60, P.RECEIVE_MAXIMUM: 9} if v5 else {},
    )


def listen(client: paho.Client, seen: queue.Queue[Any]) -> None:
    client.on_connect = lambda _client, _data, _flags, code, _properties: seen.put(("connect", code.value))
    client.on_publish = lambda _client, _data, mid, code, _properties: seen.put(("publish", mid, code.value))
    client.on_message = lambda _client, _data, message: seen.put(message)
    client.on_disconnect = lambda _client, _data, _flags, code, _properties: seen.put(("disconnect", code.value))
    client.on_subscribe = lambda _client, _data, mid, codes, _properties: seen.put(
        ("subscribe", mid, [code.value for code in codes])
    )
    client.on_unsubscribe = lambda _client, _data, mid, codes, _properties: seen.put(
        ("unsubscribe", mid, [code.value for code in codes])
    )


def packed(version: MqttVersion, packet: str, **values: object) -> Properties | None:
    """Properties as paho takes them."""
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    if version is V311:
        return None
    properties: Properties = Properties(getattr(PacketTypes, packet.upper()))  # type: ignore[no-untyped-call]
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


@pytest.mark.parametrize("version", MqttVersion)
def test_what_paho_publishes_is_decoded(version: MqttVersion) -> None:
    with connected(version) as (client, peer):
        client.publish("a/é", b"payload", retain=True)
        assert peer.packet() == Publish(topic="a/é", payload=b"payload", retain=True)
        assert peer.called()[0] == "publish"
        mid = client.publish("a", b"x" * 1000, qos=1).mid
        assert peer.packet() == Publish(topic="a", payload=b"x" * 1000, qos=1, packet_id=mid)
        peer.send(Puback(packet_id=mid))
        assert peer.called() == ("publish", mid, 0)
        mid = client.publish("a", b"", qos=2).mid
        assert peer.packet() == Publish(topic="a", payload=b"", qos=2, packet_id=mid)
        peer.send(Pubrec(packet_id=mid))
        assert peer.packet() == Pubrel(packet_id=mid)
        peer.send(Pubcomp(packet_id=mid))
        assert peer.called() == ("publish", mid, 0)


def test_what_paho_publishes_with_properties_is_decoded() -> None:
    properties = packed(
        V5,
        "Publish",
        PayloadFormatIndicator=1,
        MessageExpiryInterval=60,
        TopicAlias=3,
        ResponseTopic="r",
        CorrelationData=b"c",
        UserProperty=[("a", "b"), ("a", "")],
        ContentType="t",
    )
    expected: dict[Property, Any] = {
        P.PAYLOAD_FORMAT_INDICATOR: 1,
        P.MESSAGE_EXPIRY_INTERVAL: 60,
        P.TOPIC_ALIAS: 3,
        P.RESPONSE_TOPIC: "r",
        P.CORRELATION_DATA: b"c",
        P.USER_PROPERTY: [("a", "b"), ("a", "")],
        P.CONTENT_TYPE: "t",
    }
    with connected(V5) as (client, peer):
        mid = client.publish("a", b"p", qos=1, properties=properties).mid
        assert peer.packet() == Publish(topic="a", payload=b"p", qos=1, packet_id=mid, properties=expected)
        peer.send(Puback(packet_id=mid, reason_code=0x87, properties={P.REASON_STRING: "no"}))
        assert peer.called() == ("publish", mid, 0x87)


@pytest.mark.parametrize("version", MqttVersion)
def test_what_paho_subscribes_to_is_decoded_and_its_answer_read(version: MqttVersion) -> None:
    refused = 0x8F if version is V5 else 0x80
    with connected(version) as (client, peer):
        if version is V311:
            _, mid = client.subscribe([("a/+", 1), ("b/#", 0)])
            wanted = (Subscription(filter="a/+", qos=1), Subscription(filter="b/#"))
        else:
            from paho.mqtt.subscribeoptions import SubscribeOptions

            options = SubscribeOptions(qos=1, noLocal=True, retainAsPublished=True, retainHandling=2)
            _, mid = client.subscribe([("a/+", options), ("b/#", SubscribeOptions())])
            wanted = (
                Subscription(filter="a/+", qos=1, no_local=True, retain_as_published=True, retain_handling=2),
                Subscription(filter="b/#"),
            )
        assert mid is not None
        assert peer.packet() == Subscribe(packet_id=mid, subscriptions=wanted)
        peer.send(Suback(packet_id=mid, reason_codes=(1, refused)))
        assert peer.called() == ("subscribe", mid, [1, refused])


def test_a_subscription_identifier_of_paho_is_decoded() -> None:
    with connected(V5) as (client, peer):
        _, mid = client.subscribe("f", properties=packed(V5, "Subscribe", SubscriptionIdentifier=200))
        assert mid is not None
        assert peer.packet() == Subscribe(
            packet_id=mid,
            subscriptions=(Subscription(filter="f"),),
            properties={P.SUBSCRIPTION_IDENTIFIER: 200},
        )


@pytest.mark.parametrize("version", MqttVersion)
def test_what_paho_unsubscribes_from_is_decoded_and_its_answer_read(version: MqttVersion) -> None:
    codes = (0, 0x11) if version is V5 else ()
    with connected(version) as (client, peer):
        _, mid = client.unsubscribe(["a/+", "b"])
        assert mid is not None
        assert peer.packet() == Unsubscribe(packet_id=mid, filters=("a/+", "b"))
        peer.send(Unsuback(packet_id=mid, reason_codes=codes))
        assert peer.called() == ("unsubscribe", mid, list(codes))


@pytest.mark.parametrize("version", MqttVersion)
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_paho_reads_a_message_and_acknowledges_it(qos: int, version: MqttVersion) -> None:
    properties: dict[Property, Any] = {}
    if version is V5:
        properties = {P.RESPONSE_TOPIC: "r", P.SUBSCRIPTION_IDENTIFIER: [1, 300], P.USER_PROPERTY: [("a", "b")]}
    packet_id = 513 if qos else None
    with connected(version) as (_, peer):
        peer.send(
            Publish(topic="é", payload=b"p" * 200, qos=qos, retain=True, packet_id=packet_id, properties=properties)
        )
        if qos == 1:
            assert peer.packet() == Puback(packet_id=513)
        elif qos:
            assert peer.packet() == Pubrec(packet_id=513)
            peer.send(Pubrel(packet_id=513))
            assert peer.packet() == Pubcomp(packet_id=513)
        message = peer.called()
        assert (message.topic, message.payload, message.qos, message.retain) == ("é", b"p" * 200, qos, True)
        if version is V5:
            assert message.properties.json() == {
                "ResponseTopic": "r",
                "SubscriptionIdentifier": [1, 300],
                "UserProperty": [("a", "b")],
            }


def test_a_disconnect_goes_either_way() -> None:
    with connected(V5) as (_, peer):
        peer.send(Disconnect(reason_code=0x8B, properties={P.REASON_STRING: "shutting down"}))
        assert peer.called() == ("disconnect", 0x8B)
    with connected(V5) as (client, peer):
        client.disconnect()
        assert peer.packet() == Disconnect()
