"""Properties that hold for every packet, and for bytes that are almost one."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from customauth.mqtt import (
    Connack,
    Connect,
    Disconnect,
    FrameReader,
    MalformedFrame,
    MalformedPacket,
    MqttVersion,
    Packet,
    Pingreq,
    Pingresp,
    Properties,
    Property,
    Will,
    decode,
    encode,
)

P = Property
relaxed = settings(deadline=None)

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
binary = st.binary(max_size=20)
bit = st.integers(0, 1)
uint16 = st.integers(0, 0xFFFF)
uint32 = st.integers(0, 0xFFFFFFFF)
pairs = st.lists(st.tuples(text, text), min_size=1, max_size=3)
versions = st.sampled_from(MqttVersion)


def properties(version: MqttVersion, values: dict[Property, st.SearchStrategy[Any]]) -> st.SearchStrategy[Properties]:
    if version is MqttVersion.V311:
        return st.just({})
    return st.fixed_dictionaries({}, optional={**values, P.USER_PROPERTY: pairs})


def authenticated(drawn: Properties) -> bool:
    return P.AUTHENTICATION_DATA not in drawn or P.AUTHENTICATION_METHOD in drawn


def wills(version: MqttVersion) -> st.SearchStrategy[Will]:
    values = {
        P.PAYLOAD_FORMAT_INDICATOR: bit,
        P.MESSAGE_EXPIRY_INTERVAL: uint32,
        P.CONTENT_TYPE: text,
        P.RESPONSE_TOPIC: text,
        P.CORRELATION_DATA: binary,
        P.WILL_DELAY_INTERVAL: uint32,
    }
    return st.builds(
        Will,
        topic=text,
        payload=binary,
        qos=st.integers(0, 2),
        retain=st.booleans(),
        properties=properties(version, values),
    )


def connects(version: MqttVersion) -> st.SearchStrategy[Connect]:
    values = {
        P.SESSION_EXPIRY_INTERVAL: uint32,
        P.AUTHENTICATION_METHOD: text,
        P.AUTHENTICATION_DATA: binary,
        P.REQUEST_PROBLEM_INFORMATION: bit,
        P.REQUEST_RESPONSE_INFORMATION: bit,
        P.RECEIVE_MAXIMUM: st.integers(1, 0xFFFF),
        P.TOPIC_ALIAS_MAXIMUM: uint16,
        P.MAXIMUM_PACKET_SIZE: st.integers(1, 0xFFFFFFFF),
    }
    return st.builds(
        Connect,
        version=st.just(version),
        client_id=text,
        clean_start=st.booleans(),
        keep_alive=uint16,
        username=st.none() | text,
        password=st.none() | binary,
        will=st.none() | wills(version),
        properties=properties(version, values).filter(authenticated),
    ).filter(lambda packet: version is MqttVersion.V5 or packet.password is None or packet.username is not None)


def connacks(version: MqttVersion) -> st.SearchStrategy[Connack]:
    values = {
        P.SESSION_EXPIRY_INTERVAL: uint32,
        P.ASSIGNED_CLIENT_IDENTIFIER: text,
        P.SERVER_KEEP_ALIVE: uint16,
        P.AUTHENTICATION_METHOD: text,
        P.AUTHENTICATION_DATA: binary,
        P.RESPONSE_INFORMATION: text,
        P.SERVER_REFERENCE: text,
        P.REASON_STRING: text,
        P.RECEIVE_MAXIMUM: st.integers(1, 0xFFFF),
        P.TOPIC_ALIAS_MAXIMUM: uint16,
        P.MAXIMUM_QOS: bit,
        P.RETAIN_AVAILABLE: bit,
        P.MAXIMUM_PACKET_SIZE: st.integers(1, 0xFFFFFFFF),
        P.WILDCARD_SUBSCRIPTION_AVAILABLE: bit,
        P.SUBSCRIPTION_IDENTIFIER_AVAILABLE: bit,
        P.SHARED_SUBSCRIPTION_AVAILABLE: bit,
    }
    return st.builds(
        Connack,
        session_present=st.booleans(),
        reason_code=st.integers(0, 255),
        properties=properties(version, values),
    )


def disconnects(version: MqttVersion) -> st.SearchStrategy[Disconnect]:
    values = {P.SESSION_EXPIRY_INTERVAL: uint32, P.SERVER_REFERENCE: text, P.REASON_STRING: text}
    reason_codes = st.integers(0, 255) if version is MqttVersion.V5 else st.just(0)
    return st.builds(Disconnect, reason_code=reason_codes, properties=properties(version, values))


def packets(version: MqttVersion) -> st.SearchStrategy[Packet]:
    return st.one_of(
        connects(version), connacks(version), disconnects(version), st.just(Pingreq()), st.just(Pingresp())
    )


@st.composite
def almost_packets(draw: st.DrawFn, version: MqttVersion) -> bytes:
    """A packet whose body has one byte changed, lost or doubled, under a remaining length that is right again."""
    (frame,) = FrameReader(10_000).feed(encode(draw(packets(version)), version))
    at = draw(st.integers(0, len(frame.body)))
    body = frame.body[:at] + draw(st.binary(max_size=2)) + frame.body[at + 1 :]
    # The padded form in two bytes, which does for any body here.
    return bytes((frame.type << 4, len(body) & 0x7F | 0x80, len(body) >> 7)) + body


def decoded(stream: bytes, version: MqttVersion | None) -> list[Packet]:
    """The packets of a stream up to the first error."""
    got: list[Packet] = []
    try:
        frames = FrameReader(10_000).feed(stream)
    except MalformedFrame as error:
        frames = list(error.frames)
    for frame in frames:
        try:
            got.append(decode(frame, version))
        except MalformedPacket:
            break
    return got


@relaxed
@given(st.data(), versions)
def test_a_packet_comes_back_as_it_was_sent(data: st.DataObject, version: MqttVersion) -> None:
    sent = data.draw(st.lists(packets(version), max_size=4))
    frames = FrameReader(10_000).feed(b"".join(encode(packet, version) for packet in sent))
    assert [decode(frame, version) for frame in frames] == sent


@relaxed
@given(connects(MqttVersion.V311) | connects(MqttVersion.V5))
def test_a_connect_states_its_own_version(packet: Connect) -> None:
    (frame,) = FrameReader(10_000).feed(encode(packet, packet.version))
    assert decode(frame, None) == packet


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200), st.none() | versions)
def test_arbitrary_bytes_raise_nothing_but_malformed_packet(stream: bytes, version: MqttVersion | None) -> None:
    decoded(stream, version)


@settings(deadline=None, max_examples=500)
@given(st.data(), versions)
def test_a_damaged_packet_is_refused_or_is_one_that_can_be_sent(data: st.DataObject, version: MqttVersion) -> None:
    for packet in decoded(data.draw(almost_packets(version)), version):
        spoken = packet.version if isinstance(packet, Connect) else version
        (frame,) = FrameReader(10_000).feed(encode(packet, spoken))
        assert decode(frame, spoken) == packet
