"""What becomes of packets under a fault, without any connection."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customauth.mqtt import (
    Connack,
    Connect,
    Disconnect,
    MqttVersion,
    Packet,
    PacketType,
    Pingreq,
    Puback,
    Publish,
    Suback,
    encode,
)
from customauth.testing.faults import (
    Answer,
    CloseBeforeConnack,
    Cut,
    Delay,
    Direction,
    Drop,
    DropConnack,
    Fault,
    Inject,
    Reset,
    ResetStage,
    Throttle,
    UpgradeRefused,
)
from customauth.testing.passage import Ending, Passages

V5 = MqttVersion.V5
TO_SERVER, TO_CLIENT = Direction.TO_SERVER, Direction.TO_CLIENT
CONNECT = encode(Connect(version=V5, client_id="device"), V5)
# Its remaining length in two bytes, where one would do.
LONG_PINGREQ = b"\xc0\x80\x00"


def publish(packet_id: int, size: int = 0) -> bytes:
    return encode(Publish(topic="t", payload=bytes(size), qos=1, packet_id=packet_id), V5)


def chunks(data: bytes, cuts: list[int]) -> list[bytes]:
    """Cut bytes at places that may lie anywhere."""
    places = [0, *sorted(cut % len(data) for cut in cuts), len(data)]
    found = [data[start:end] for start, end in itertools.pairwise(places)]
    return [chunk for chunk in found if chunk]


STREAMS = st.lists(st.sampled_from([publish(1), publish(2, 300), LONG_PINGREQ, encode(Pingreq(), V5)]), max_size=8)
CUTS = st.lists(st.integers(min_value=0, max_value=5000), max_size=12)


@given(STREAMS, CUTS, st.sampled_from([b"", b"\x30", b"\x30\x05\x00", b"\x00garbage", b"\xff" * 9]))
def test_without_a_fault_every_byte_passes_in_order(packets: list[bytes], cuts: list[int], tail: bytes) -> None:
    passages = Passages(None)
    sent = CONNECT + b"".join(packets) + tail
    got = b"".join(passages.feed(TO_SERVER, chunk).forward for chunk in chunks(sent, cuts))
    assert got + passages.rest(TO_SERVER) == sent
    assert passages.packets[TO_SERVER].total() == 1 + len(packets)


@given(st.binary(min_size=1), CUTS)
def test_what_does_not_begin_with_a_connect_passes_at_once(sent: bytes, cuts: list[int]) -> None:
    if sent[0] >> 4 == PacketType.CONNECT:
        sent = b"G" + sent
    passages = Passages(Drop(PacketType.CONNACK))
    for chunk in chunks(sent, cuts):
        assert passages.feed(TO_SERVER, chunk).forward == chunk
    connack = encode(Connack(session_present=False, reason_code=0), V5)
    assert passages.feed(TO_CLIENT, connack).forward == connack
    assert not passages.packets[TO_SERVER]


@given(CUTS, st.integers(min_value=1, max_value=4), st.booleans(), st.booleans())
def test_a_cut_passes_what_is_before_it_and_ends(cuts: list[int], after: int, middle: bool, abruptly: bool) -> None:
    packets = [publish(number, 10 * number) for number in (1, 2, 3, 4)]
    fault = Cut(direction=TO_SERVER, packet=PacketType.PUBLISH, after=after, in_the_middle=middle, abruptly=abruptly)
    passages = Passages(fault)
    last = packets[after - 1]
    wanted = CONNECT + b"".join(packets[: after - 1]) + (last[: len(last) // 2] if middle else last)
    got = b""
    for chunk in chunks(CONNECT + b"".join(packets), cuts):
        passage = passages.feed(TO_SERVER, chunk)
        got += passage.forward
        if passage.ending is not None:
            assert passage.ending is (Ending.RESET if abruptly else Ending.CLOSE)
            break
    else:
        pytest.fail("the cut did not come")
    assert got == wanted


def test_packets_of_every_type_are_counted_where_none_is_named() -> None:
    passages = Passages(Cut(direction=TO_SERVER, after=3))
    passage = passages.feed(TO_SERVER, CONNECT + publish(1) + LONG_PINGREQ + publish(2))
    assert passage.forward == CONNECT + publish(1) + LONG_PINGREQ
    assert passage.ending is Ending.RESET


def test_a_packet_is_injected_once_and_after_its_own() -> None:
    passages = Passages(Inject(Disconnect(reason_code=0x8E), after=2, packet=PacketType.PUBACK))
    passages.feed(TO_SERVER, CONNECT)
    pubacks = [encode(Puback(packet_id=number), V5) for number in (1, 2, 3)]
    passage = passages.feed(TO_CLIENT, b"".join(pubacks))
    assert passage.forward == pubacks[0] + pubacks[1] + encode(Disconnect(reason_code=0x8E), V5) + pubacks[2]
    assert (passage.to_client, passage.ending) == (b"", None)


def test_an_answer_has_a_code_for_each_topic_filter() -> None:
    passages = Passages(Answer(PacketType.SUBACK, 0x87))
    passages.feed(TO_SERVER, CONNECT)
    passage = passages.feed(TO_CLIENT, encode(Suback(packet_id=9, reason_codes=(0, 1, 1)), V5))
    assert passage.forward == encode(Suback(packet_id=9, reason_codes=(0x87,) * 3), V5)


def test_an_answer_to_a_connect_that_accepts_keeps_the_servers_properties() -> None:
    passages = Passages(Answer(PacketType.CONNACK, 0, "welcome"))
    passages.feed(TO_SERVER, CONNECT)
    packet: Packet = Connack(session_present=True, reason_code=0, properties={})
    passage = passages.feed(TO_CLIENT, encode(packet, V5))
    assert b"welcome" in passage.forward
    assert passage.forward[2] == 1
    assert passage.ending is None


@pytest.mark.parametrize(
    ("fault", "ending"),
    [
        (DropConnack(), None),
        (CloseBeforeConnack(), Ending.CLOSE),
        (CloseBeforeConnack(abruptly=True), Ending.RESET),
    ],
    ids=repr,
)
def test_a_connack_does_not_pass(fault: Fault, ending: Ending | None) -> None:
    passages = Passages(fault)
    passages.feed(TO_SERVER, CONNECT)
    passage = passages.feed(TO_CLIENT, encode(Connack(session_present=False, reason_code=0), V5))
    assert (passage.forward, passage.ending) == (b"", ending)


def test_a_reset_connect_does_not_pass() -> None:
    passage = Passages(Reset(ResetStage.CONNECT)).feed(TO_SERVER, CONNECT + publish(1))
    assert (passage.forward, passage.ending) == (b"", Ending.RESET)


def test_the_version_is_that_of_the_connect() -> None:
    passages = Passages(None)
    assert passages.version is None
    for version in MqttVersion:
        passages.feed(TO_SERVER, encode(Connect(version=version, client_id=""), version))
        assert passages.version is version


def test_a_fault_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="after must be more than 0, not 0"):
        Cut(direction=TO_CLIENT, after=0)
    with pytest.raises(ValueError, match="after must be more than 0, not 0"):
        Inject(b"", after=0)
    with pytest.raises(ValueError, match="seconds must be more than 0, not -1"):
        Delay(-1)
    with pytest.raises(ValueError, match="bytes_per_second must be more than 0, not 0"):
        Throttle(0)
    with pytest.raises(ValueError, match="count must be more than 0, not 0"):
        Drop(PacketType.PUBACK, count=0)
    with pytest.raises(ValueError, match="the status of a refused upgrade is 300 to 599, not 200"):
        UpgradeRefused(200)
    with pytest.raises(ValueError, match="PINGRESP has no reason code to replace; choose CONNACK, PUBACK"):
        Answer(PacketType.PINGRESP, 0x87)
    with pytest.raises(ValueError, match="PUBACK"):
        Answer(PacketType.PUBACK, 0x8E)
