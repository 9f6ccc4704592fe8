import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customauth.mqtt import Frame, FrameReader, MalformedFrame, MalformedPacket, PacketType

RESERVED_TWO = {PacketType.PUBREL, PacketType.SUBSCRIBE, PacketType.UNSUBSCRIBE}
relaxed = settings(deadline=None)


def remaining_length(size: int) -> bytes:
    """Encode as the pseudocode of MQTT 5, 1.5.5 does."""
    encoded = b""
    while True:
        size, digit = divmod(size, 128)
        encoded += bytes((digit | (0x80 if size else 0),))
        if not size:
            return encoded


def wire(frame: Frame) -> bytes:
    return bytes((frame.type << 4 | frame.flags,)) + remaining_length(len(frame.body)) + frame.body


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    packet_type = draw(st.sampled_from(PacketType))
    flags = 2 if packet_type in RESERVED_TWO else 0
    if packet_type is PacketType.PUBLISH:
        flags = draw(st.integers(0, 15))
    # Up to three bytes of remaining length without drawing each byte of the body.
    body = draw(st.binary(max_size=40)) * draw(st.sampled_from((1, 10, 1000)))
    return Frame(type=packet_type, flags=flags, body=body)


@st.composite
def chunks(draw: st.DrawFn, stream: bytes) -> list[bytes]:
    cuts = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    return [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]


def outcome(reader: FrameReader, parts: list[bytes]) -> tuple[list[Frame], int | None, str | None]:
    """Every frame that the parts yield, and the error that ends them."""
    got: list[Frame] = []
    for part in parts:
        try:
            got += reader.feed(part)
        except MalformedFrame as error:
            return [*got, *error.frames], error.reason_code, str(error)
    return got, None, None


@relaxed
@given(st.data(), st.lists(frames(), max_size=6))
def test_any_chunking_yields_the_frames_that_were_sent(data: st.DataObject, sent: list[Frame]) -> None:
    stream = b"".join(map(wire, sent))
    assert FrameReader(100_000).feed(stream) == sent
    assert outcome(FrameReader(100_000), data.draw(chunks(stream))) == (sent, None, None)


@relaxed
@given(frames(), frames())
def test_one_byte_at_a_time_yields_each_frame_with_its_last_byte(first: Frame, second: Frame) -> None:
    reader = FrameReader(100_000)
    for frame in (first, second):
        *before, last = wire(frame)
        assert all(reader.feed(bytes((byte,))) == [] for byte in before)
        assert reader.feed(bytes((last,))) == [frame]
        assert reader.pending == 0


@relaxed
@given(st.data(), st.lists(frames(), max_size=3), st.binary(max_size=60))
def test_the_frames_and_the_error_of_a_bad_stream_do_not_depend_on_its_chunking(
    data: st.DataObject, sent: list[Frame], tail: bytes
) -> None:
    stream = b"".join(map(wire, sent)) + tail
    assert outcome(FrameReader(5_000), data.draw(chunks(stream))) == outcome(FrameReader(5_000), [stream])


@relaxed
@given(st.lists(st.binary(max_size=30), max_size=30), st.integers(5, 50))
def test_no_more_than_the_maximum_size_is_ever_held(parts: list[bytes], max_size: int) -> None:
    reader = FrameReader(max_size)
    for part in parts:
        try:
            reader.feed(part)
        except MalformedPacket:
            break
        assert reader.pending <= max_size
    assert reader.pending <= max_size


def test_pending_counts_the_bytes_of_an_incomplete_packet() -> None:
    reader = FrameReader(100)
    assert reader.pending == 0
    reader.feed(b"\xc0\x00\x20\x02\x00")
    assert reader.pending == 3
    assert reader.feed(b"\x00") == [Frame(type=PacketType.CONNACK, flags=0, body=b"\x00\x00")]
    assert reader.pending == 0


def test_an_empty_chunk_changes_nothing() -> None:
    reader = FrameReader(100)
    assert reader.feed(b"") == []
    reader.feed(b"\x20\x02\x00")
    assert reader.feed(b"") == []
    assert reader.pending == 3


# MQTT 5, table 1-1: the smallest and the largest value of each number of bytes.
@pytest.mark.parametrize(
    ("header", "size"),
    [
        ("30 7f", 127),
        ("30 80 01", 128),
        ("30 ff 7f", 16_383),
        ("30 80 80 01", 16_384),
        ("30 ff ff 7f", 2_097_151),
        ("30 80 80 80 01", 2_097_152),
    ],
)
def test_a_remaining_length_is_read_in_one_to_four_bytes(header: str, size: int) -> None:
    reader = FrameReader(3_000_000)
    assert reader.feed(bytes.fromhex(header)) == []
    (frame,) = reader.feed(bytes(size))
    assert len(frame.body) == size


def test_a_remaining_length_of_five_bytes_is_malformed_before_the_fifth_arrives() -> None:
    reader = FrameReader(1 << 30)
    assert reader.feed(bytes.fromhex("30 ff ff ff")) == []
    with pytest.raises(MalformedPacket, match="PUBLISH: the remaining length") as caught:
        reader.feed(b"\xff")
    assert caught.value.reason_code == 0x81


def test_a_remaining_length_of_five_bytes_is_malformed_even_when_it_says_0() -> None:
    with pytest.raises(MalformedPacket, match="PUBLISH: the remaining length") as caught:
        FrameReader(100).feed(bytes.fromhex("30 80 80 80 80 00"))
    assert caught.value.reason_code == 0x81


def test_a_padded_remaining_length_is_taken_as_mqtt_311_allows_it() -> None:
    assert FrameReader(100).feed(bytes.fromhex("c0 80 00")) == [Frame(type=PacketType.PINGREQ, flags=0, body=b"")]


@pytest.mark.parametrize("first_byte", range(0x10))
def test_packet_type_0_is_malformed_from_its_first_byte(first_byte: int) -> None:
    with pytest.raises(MalformedPacket, match="type 0") as caught:
        FrameReader(100).feed(bytes((first_byte,)))
    assert caught.value.reason_code == 0x81


@pytest.mark.parametrize("packet_type", PacketType)
@pytest.mark.parametrize("flags", range(0x10))
@pytest.mark.fact("E35")
def test_only_the_reserved_flags_are_taken_except_on_publish(packet_type: PacketType, flags: int) -> None:
    packet = bytes((packet_type << 4 | flags, 0))
    reserved = 2 if packet_type in RESERVED_TWO else 0
    if packet_type is PacketType.PUBLISH or flags == reserved:
        assert FrameReader(100).feed(packet) == [Frame(type=packet_type, flags=flags, body=b"")]
    else:
        with pytest.raises(MalformedPacket, match=packet_type.name) as caught:
            FrameReader(100).feed(packet)
        assert caught.value.reason_code == 0x81


# 30 0a announces 10 bytes: 12 with the two of the fixed header.
def test_a_packet_of_just_the_maximum_size_is_taken() -> None:
    (frame,) = FrameReader(12).feed(b"\x30\x0a" + bytes(10))
    assert len(frame.body) == 10


def test_a_packet_over_the_maximum_size_is_refused_by_its_header_alone() -> None:
    with pytest.raises(MalformedPacket, match="larger than 11 bytes") as caught:
        FrameReader(11).feed(b"\x30\x0a")
    assert caught.value.reason_code == 0x95


def test_frames_ahead_of_a_bad_one_in_the_same_chunk_are_kept_with_the_error() -> None:
    with pytest.raises(MalformedFrame) as caught:
        FrameReader(100).feed(bytes.fromhex("c0 00 00 00"))
    assert caught.value.frames == (Frame(type=PacketType.PINGREQ, flags=0, body=b""),)


def test_an_error_is_final_and_gives_its_frames_once() -> None:
    reader = FrameReader(100)
    with pytest.raises(MalformedFrame) as first:
        reader.feed(bytes.fromhex("c0 00 00 00"))
    with pytest.raises(MalformedFrame) as second:
        reader.feed(bytes.fromhex("c0 00"))
    assert (second.value.reason_code, str(second.value)) == (first.value.reason_code, str(first.value))
    assert second.value.frames == ()
    assert reader.pending == 0


def test_the_body_of_a_frame_stays_out_of_its_repr() -> None:
    assert "secret" not in repr(Frame(type=PacketType.CONNECT, flags=0, body=b"secret"))
