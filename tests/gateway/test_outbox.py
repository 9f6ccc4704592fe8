"""What goes out to one client: flow control, packet identifiers, topic aliases, limits."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, cast

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from customauth.gateway.broker import outbox
from customauth.gateway.broker.contract import Delivery
from customauth.gateway.broker.messages import Message
from customauth.gateway.broker.outbox import SWEEPS, Outbox
from customauth.mqtt import FrameReader, MqttVersion, Property, Publish, decode

V311, V5 = MqttVersion.V311, MqttVersion.V5


@define(eq=False)
class Client:
    """The client at the other end: what it got, and what the outbox has settled."""

    version: MqttVersion = V5
    receive_maximum: int = 100
    max_packet: int = 1 << 28
    aliases: int = 0
    outbox: Outbox = field(init=False)
    settled: list[bytes] = field(factory=list)
    got: list[Publish] = field(factory=list)
    later: list[Callable[[], None]] = field(factory=list)
    _frames: FrameReader = field(factory=lambda: FrameReader(1 << 28))

    def __attrs_post_init__(self) -> None:
        self.outbox = Outbox(
            version=self.version,
            receive_maximum=self.receive_maximum,
            max_packet=self.max_packet,
            aliases=self.aliases,
            send=self._take,
            settle=lambda delivery: self.settled.append(delivery.message.payload),
            later=self.later.append,
        )

    def _take(self, data: bytes) -> None:
        for frame in self._frames.feed(data):
            packet = decode(frame, self.version)
            assert isinstance(packet, Publish)
            self.got.append(packet)

    def add(self, payload: bytes = b"1", *, topic: str = "t", qos: int = 1, retain: bool = False, **how: Any) -> None:
        message = Message(topic=topic, payload=payload, qos=qos, **how)
        self.outbox.add(Delivery(message=message, qos=qos, retain=retain))

    def acknowledge(self, packet: Publish) -> None:
        assert packet.packet_id is not None
        self.outbox.acknowledge(packet.packet_id)

    @property
    def payloads(self) -> list[bytes]:
        return [packet.payload for packet in self.got]

    @property
    def unsettled(self) -> list[bytes]:
        return [delivery.message.payload for delivery in self.outbox.unsettled()]


def numbered(*numbers: int) -> list[bytes]:
    return [b"%d" % number for number in numbers]


# Flow control.


@pytest.mark.fact("E29")
@pytest.mark.parametrize(("asked", "room"), [(1, 1), (20, 20), (100, 100), (65535, 100)])
def test_no_more_than_the_receive_maximum_and_a_hundred_go_out_unacknowledged(asked: int, room: int) -> None:
    client = Client(receive_maximum=asked)
    for number in range(room + 2):
        client.add(b"%d" % number)
    assert client.payloads == numbered(*range(room))
    client.acknowledge(client.got[0])
    assert client.payloads == numbered(*range(room + 1))
    assert client.settled == [b"0"]
    assert client.unsettled == numbered(*range(1, room + 2))


@pytest.mark.fact("E29")
def test_qos_0_keeps_its_place_behind_what_waits() -> None:
    client = Client(receive_maximum=1)
    client.add(b"1")
    client.add(b"2", qos=0)
    client.add(b"3")
    client.add(b"4", qos=0)
    assert client.payloads == [b"1", b"2"]
    client.acknowledge(client.got[0])
    assert client.payloads == [b"1", b"2", b"3", b"4"]
    assert client.unsettled == [b"3"]


def test_an_acknowledgement_of_nothing_is_nothing() -> None:
    client = Client()
    client.add()
    client.outbox.acknowledge(7)
    client.acknowledge(client.got[0])
    client.acknowledge(client.got[0])
    assert client.settled == [b"1"]


def test_nothing_goes_out_while_the_client_does_not_read_and_all_in_order_after() -> None:
    client = Client()
    client.outbox.pause()
    for number in range(10):
        client.add(b"%d" % number, qos=number % 2)
    assert client.got == []
    assert client.unsettled == numbered(1, 3, 5, 7, 9)
    client.outbox.resume()
    assert client.payloads == numbered(*range(10))


@given(
    steps=st.lists(st.sampled_from(["add 0", "add 1", "acknowledge", "pause", "resume"]), max_size=60),
    room=st.integers(1, 3),
    version=st.sampled_from(MqttVersion),
    aliases=st.integers(0, 2),
)
def test_everything_goes_out_once_in_order_within_the_room(
    steps: list[str], room: int, version: MqttVersion, aliases: int
) -> None:
    client = Client(version=version, receive_maximum=room, aliases=aliases if version is V5 else 0)
    added: list[bytes] = []
    open_ids: dict[int, bytes] = {}
    seen = 0
    for step in [*steps, "resume", *["acknowledge"] * len(steps)]:
        if step.startswith("add"):
            added.append(b"%d" % len(added))
            client.add(added[-1], qos=int(step[-1]), topic=f"t/{len(added) % 4}")
        elif step == "acknowledge" and open_ids:
            packet_id = next(iter(open_ids))
            open_ids.pop(packet_id)
            client.outbox.acknowledge(packet_id)
        elif step == "pause":
            client.outbox.pause()
        elif step == "resume":
            client.outbox.resume()
        for packet in client.got[seen:]:
            if packet.packet_id is not None:
                assert packet.packet_id not in open_ids
                open_ids[packet.packet_id] = packet.payload
        seen = len(client.got)
        assert len(open_ids) <= room
    assert client.payloads == added
    assert client.outbox.dropped == 0


def test_a_packet_identifier_in_use_is_passed_over_when_they_begin_again() -> None:
    client = Client()
    client.add(b"stays")
    (stays,) = client.got
    for _ in range(65_534):
        client.add()
        client.acknowledge(client.got[-1])
    assert client.got[-1].packet_id == 65_535
    client.add()
    assert (stays.packet_id, client.got[-1].packet_id) == (1, 2)
    assert client.unsettled == [b"stays", b"1"]


# Bounds.


@pytest.mark.parametrize(
    ("payload", "count", "kept"), [(b"1", 10_001, outbox._MAX_WAITING), (bytes(1 << 20), 33, 32)], ids=["many", "large"]
)
@pytest.mark.parametrize("qos", [0, 1])
def test_what_waits_is_bounded_and_what_is_dropped_is_counted(payload: bytes, count: int, kept: int, qos: int) -> None:
    client = Client()
    client.outbox.pause()
    for _ in range(count):
        client.add(payload, qos=qos)
    assert client.outbox.dropped == 1
    # Nobody keeps it any longer either.
    assert len(client.settled) == qos
    client.outbox.resume()
    while client.later:
        client.later.pop()()
    assert len(client.got) == (min(kept, 100) if qos else kept)
    # There is room again.
    client.outbox.pause()
    client.add(payload, qos=qos)
    assert client.outbox.dropped == 1


@pytest.mark.parametrize("aliases", [0, 8])
def test_a_message_that_is_too_large_for_the_client_is_as_if_it_had_been_sent(aliases: int) -> None:
    client = Client(max_packet=512, aliases=aliases)
    client.add(b"x" * 600)
    assert (client.got, client.settled, client.unsettled) == ([], [b"x" * 600], [])
    # Its topic must not have become known by an alias that the client never saw.
    client.add(b"small")
    (packet,) = client.got
    assert (packet.topic, packet.payload) == ("t", b"small")


def test_the_largest_packet_that_the_client_takes_is_sent() -> None:
    client = Client(max_packet=512)
    # 3 bytes of fixed header, 3 of topic, 2 of packet identifier, 1 of properties.
    client.add(b"x" * 503)
    client.add(b"x" * 504)
    assert [len(payload) for payload in client.payloads] == [503]


@pytest.mark.fact("E30")
def test_what_is_not_acknowledged_for_long_is_dropped_and_makes_room() -> None:
    client = Client(receive_maximum=2)
    for number in range(4):
        client.add(b"%d" % number)
    client.outbox.sweep()
    client.acknowledge(client.got[1])
    for _ in range(SWEEPS - 1):
        client.outbox.sweep()
    # The third was sent after the first sweep: its time is not over.
    assert (client.payloads, client.settled) == (numbered(0, 1, 2), [b"1"])
    client.outbox.sweep()
    assert (client.payloads, client.settled) == (numbered(0, 1, 2, 3), [b"1", b"0"])
    client.outbox.sweep()
    assert client.settled == [b"1", b"0", b"2"]
    assert client.outbox.dropped == 2


@pytest.mark.fact("E30")
def test_a_packet_identifier_that_is_used_again_has_time_of_its_own() -> None:
    client = Client(receive_maximum=1)
    client.add(b"first")
    client.outbox.sweep()
    client.acknowledge(client.got[0])
    client.outbox._next_id = 1
    client.add(b"second")
    assert [packet.packet_id for packet in client.got] == [1, 1]
    for _ in range(SWEEPS):
        client.outbox.sweep()
    assert client.unsettled == [b"second"]


# What a packet looks like.


def test_a_message_goes_out_in_both_versions_with_what_each_can_carry() -> None:
    properties: Any = {Property.CONTENT_TYPE: "text/plain", Property.USER_PROPERTY: [("a", "b")]}
    message = Message(topic="t", payload=b"1", qos=1, properties=properties)
    clients = [Client(version=version) for version in (V5, V311, V5)]
    for client in clients:
        for qos, retain in ((0, False), (1, False), (0, True), (1, True)):
            client.outbox.add(Delivery(message=message, qos=qos, retain=retain))
    for client in clients:
        assert [(packet.qos, packet.retain) for packet in client.got] == [(0, 0), (1, 0), (0, 1), (1, 1)]
        assert all(packet.properties == (properties if client.version is V5 else {}) for packet in client.got)
        assert all((packet.topic, packet.payload, packet.dup) == ("t", b"1", False) for packet in client.got)


@pytest.mark.fact("E5")
def test_a_client_that_takes_no_aliases_gets_none() -> None:
    client = Client(aliases=0)
    client.add()
    client.add()
    assert [(packet.topic, packet.properties) for packet in client.got] == [("t", {})] * 2


@pytest.mark.parametrize(("offered", "used"), [(1, 1), (8, 8), (65535, 8)])
def test_a_topic_is_sent_once_where_the_client_takes_aliases(offered: int, used: int) -> None:
    client = Client(aliases=offered)
    for _ in range(2):
        for number in range(9):
            client.add(b"%d" % number, topic=f"t/{number}")
    known: dict[int, str] = {}
    for index, packet in enumerate(client.got):
        alias = packet.properties.get(Property.TOPIC_ALIAS)
        if packet.topic and isinstance(alias, int):
            known[alias] = packet.topic
        assert (packet.topic or known[cast("int", alias)]) == f"t/{index % 9}"
    assert sorted(known) == list(range(1, used + 1))
    assert [bool(packet.topic) for packet in client.got[9:]] == [False] * used + [True] * (9 - used)


@pytest.mark.fact("E40")
def test_the_time_that_is_left_is_forwarded() -> None:
    client = Client()
    client.add(expires=time.time() + 1000.9)
    client.add(expires=time.time() + 0.9)
    first, second = (packet.properties[Property.MESSAGE_EXPIRY_INTERVAL] for packet in client.got)
    assert isinstance(first, int)
    assert 900 <= first <= 1000
    # Never 0, which no message may have.
    assert second == 1


@pytest.mark.fact("E40")
@pytest.mark.parametrize("version", list(MqttVersion))
def test_a_message_whose_time_is_over_is_dropped(version: MqttVersion) -> None:
    client = Client(version=version)
    client.outbox.pause()
    client.add(b"old", expires=time.time() - 1)
    client.add(b"old", qos=0, expires=time.time() - 1)
    client.add(b"new", expires=time.time() + 1000)
    client.outbox.resume()
    assert (client.payloads, client.settled, client.unsettled) == ([b"new"], [b"old"], [b"new"])
    assert bool(client.got[0].properties) == (version is V5)


def test_a_client_that_catches_up_is_sent_a_little_in_each_turn() -> None:
    client = Client()
    client.outbox.pause()
    for _ in range(10):
        client.add(bytes(100_000), qos=0)
    client.outbox.resume()
    assert len(client.got) == 3
    turns = 0
    while client.later:
        client.later.pop()()
        turns += 1
    assert (len(client.got), turns) == (10, 3)


def test_half_of_what_may_wait_is_left_to_others() -> None:
    client = Client()
    client.outbox.pause()
    while client.outbox.has_room:
        client.add(bytes(100_000))
    before = client.outbox.dropped
    for _ in range(100):
        client.add(bytes(100_000))
    assert (before, client.outbox.dropped) == (0, 0)
