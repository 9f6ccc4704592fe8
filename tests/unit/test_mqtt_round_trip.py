"""Properties that hold for every packet, and for bytes that are almost one."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from customauth.mqtt import (
    Auth,
    Connack,
    Connect,
    Disconnect,
    Frame,
    FrameReader,
    MalformedFrame,
    MalformedPacket,
    MqttVersion,
    Packet,
    Pingreq,
    Pingresp,
    Properties,
    Property,
    Puback,
    Pubcomp,
    Publish,
    PublishEncoder,
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

P = Property
relaxed = settings(deadline=None)

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
topic_filters = text.filter(bool)
topic_names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0+#"), max_size=20)
binary = st.binary(max_size=20)
bit = st.integers(0, 1)
qos = st.integers(0, 2)
packet_ids = st.integers(1, 0xFFFF)
uint16 = st.integers(0, 0xFFFF)
# MQTT 5 lets them end before an empty list of properties, and before a reason code of 0.
MAY_BE_SHORT = (Puback, Pubrec, Pubrel, Pubcomp, Disconnect, Auth)
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
        P.RESPONSE_TOPIC: topic_names,
        P.CORRELATION_DATA: binary,
        P.WILL_DELAY_INTERVAL: uint32,
    }
    return st.builds(
        Will,
        topic=text,
        payload=binary,
        qos=qos,
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


@st.composite
def publishes(draw: st.DrawFn, version: MqttVersion) -> Publish:
    values = {
        P.PAYLOAD_FORMAT_INDICATOR: bit,
        P.MESSAGE_EXPIRY_INTERVAL: uint32,
        P.CONTENT_TYPE: text,
        P.RESPONSE_TOPIC: topic_names,
        P.CORRELATION_DATA: binary,
        P.SUBSCRIPTION_IDENTIFIER: st.lists(st.integers(1, 0xFFFFFFF), min_size=1, max_size=3),
        P.TOPIC_ALIAS: st.integers(1, 0xFFFF),
    }
    drawn = draw(properties(version, values))
    level = draw(qos)
    return Publish(
        topic=draw(topic_names if P.TOPIC_ALIAS in drawn else topic_names.filter(bool)),
        payload=draw(st.binary(max_size=300)),
        qos=level,
        retain=draw(st.booleans()),
        dup=bool(level) and draw(st.booleans()),
        packet_id=draw(packet_ids) if level else None,
        properties=drawn,
    )


PUBLISHED = (0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99)
RELEASED = (0x00, 0x92)
SUBSCRIBED = (0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2)
UNSUBSCRIBED = (0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91)
# The codes of table 2-6 that its last column gives to DISCONNECT.
DISCONNECTED = bytes.fromhex("00 04 80 81 82 83 87 89 8b 8d 8e 8f 90 93 94 95 96 97 98 99 9a 9b 9c 9d 9e 9f a0 a1 a2")


def acknowledgements(version: MqttVersion) -> st.SearchStrategy[Packet]:
    def of(packet_class: type[Puback | Pubrec | Pubrel | Pubcomp], codes: Sequence[int]) -> st.SearchStrategy[Packet]:
        return st.builds(
            packet_class,
            packet_id=packet_ids,
            reason_code=st.sampled_from(codes if version is MqttVersion.V5 else [0]),
            properties=properties(version, {P.REASON_STRING: text}),
        )

    return of(Puback, PUBLISHED) | of(Pubrec, PUBLISHED) | of(Pubrel, RELEASED) | of(Pubcomp, RELEASED)


def subscriptions(version: MqttVersion) -> st.SearchStrategy[Subscription]:
    if version is MqttVersion.V311:
        return st.builds(Subscription, filter=topic_filters, qos=qos)
    return st.builds(
        Subscription,
        filter=topic_filters | topic_filters.map("$share/g/{}".format),
        qos=qos,
        no_local=st.booleans(),
        retain_as_published=st.booleans(),
        retain_handling=st.integers(0, 2),
    ).filter(lambda each: not (each.no_local and each.filter.startswith("$share/")))


def subscribes(version: MqttVersion) -> st.SearchStrategy[Subscribe]:
    return st.builds(
        Subscribe,
        packet_id=packet_ids,
        subscriptions=st.lists(subscriptions(version), min_size=1, max_size=4).map(tuple),
        properties=properties(version, {P.SUBSCRIPTION_IDENTIFIER: st.integers(1, 0xFFFFFFF)}),
    )


def subacks(version: MqttVersion) -> st.SearchStrategy[Suback]:
    codes = st.sampled_from(SUBSCRIBED if version is MqttVersion.V5 else (0, 1, 2, 0x80))
    return st.builds(
        Suback,
        packet_id=packet_ids,
        reason_codes=st.lists(codes, min_size=1, max_size=4).map(tuple),
        properties=properties(version, {P.REASON_STRING: text}),
    )


def unsubscribes(version: MqttVersion) -> st.SearchStrategy[Unsubscribe]:
    return st.builds(
        Unsubscribe,
        packet_id=packet_ids,
        filters=st.lists(topic_filters, min_size=1, max_size=4).map(tuple),
        properties=properties(version, {}),
    )


def unsubacks(version: MqttVersion) -> st.SearchStrategy[Unsuback]:
    codes = st.lists(st.sampled_from(UNSUBSCRIBED), min_size=1, max_size=4).map(tuple)
    return st.builds(
        Unsuback,
        packet_id=packet_ids,
        reason_codes=codes if version is MqttVersion.V5 else st.just(()),
        properties=properties(version, {P.REASON_STRING: text}),
    )


def disconnects(version: MqttVersion) -> st.SearchStrategy[Disconnect]:
    values = {P.SESSION_EXPIRY_INTERVAL: uint32, P.SERVER_REFERENCE: text, P.REASON_STRING: text}
    reason_codes = st.sampled_from(DISCONNECTED if version is MqttVersion.V5 else [0])
    return st.builds(Disconnect, reason_code=reason_codes, properties=properties(version, values))


def auths() -> st.SearchStrategy[Auth]:
    with_method = st.fixed_dictionaries(
        {P.AUTHENTICATION_METHOD: text},
        optional={P.AUTHENTICATION_DATA: binary, P.REASON_STRING: text, P.USER_PROPERTY: pairs},
    )
    return st.just(Auth()) | st.builds(Auth, reason_code=st.sampled_from((0, 0x18, 0x19)), properties=with_method)


def packets(version: MqttVersion) -> st.SearchStrategy[Packet]:
    later: tuple[st.SearchStrategy[Packet], ...] = (
        connacks(version),
        publishes(version),
        acknowledgements(version),
        subscribes(version),
        subacks(version),
        unsubscribes(version),
        unsubacks(version),
        disconnects(version),
        st.sampled_from((Pingreq(), Pingresp())),
    )
    return st.one_of(connects(version), *later, *([auths()] if version is MqttVersion.V5 else []))


@st.composite
def almost_packets(draw: st.DrawFn, version: MqttVersion) -> bytes:
    """A packet whose body has one byte changed, lost or doubled, under a remaining length that is right again."""
    (frame,) = FrameReader(10_000).feed(encode(draw(packets(version)), version))
    at = draw(st.integers(0, len(frame.body)))
    body = frame.body[:at] + draw(st.binary(max_size=2)) + frame.body[at + 1 :]
    # The padded form in two bytes, which does for any body here.
    return bytes((frame.type << 4 | frame.flags, len(body) & 0x7F | 0x80, len(body) >> 7)) + body


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


def decoded_or_code(frame: Frame, version: MqttVersion) -> Packet | int:
    try:
        return decode(frame, version)
    except MalformedPacket as error:
        return error.reason_code


@relaxed
@given(st.data(), versions)
def test_a_packet_comes_back_as_it_was_sent(data: st.DataObject, version: MqttVersion) -> None:
    sent = data.draw(st.lists(packets(version), max_size=3))
    frames = FrameReader(10_000).feed(b"".join(encode(packet, version) for packet in sent))
    assert [decode(frame, version) for frame in frames] == sent


@relaxed
@given(connects(MqttVersion.V311) | connects(MqttVersion.V5))
def test_a_connect_states_its_own_version(packet: Connect) -> None:
    (frame,) = FrameReader(10_000).feed(encode(packet, packet.version))
    assert decode(frame, None) == packet


@relaxed
@given(st.data(), versions)
def test_a_message_for_many_receivers_is_the_same_as_one_for_each(data: st.DataObject, version: MqttVersion) -> None:
    packet = data.draw(publishes(version))
    wire = PublishEncoder(packet, version).encode(
        qos=packet.qos, packet_id=packet.packet_id, retain=packet.retain, dup=packet.dup
    )
    (frame,) = FrameReader(10_000).feed(wire)
    assert decode(frame, version) == packet


@settings(deadline=None, max_examples=300)
@given(st.data(), versions)
def test_a_packet_that_is_cut_short_is_never_the_same(data: st.DataObject, version: MqttVersion) -> None:
    packet = data.draw(packets(version))
    (frame,) = FrameReader(10_000).feed(encode(packet, version))
    size = data.draw(st.integers(0, max(0, len(frame.body) - 1)))
    short = decoded_or_code(Frame(type=frame.type, flags=frame.flags, body=frame.body[:size]), version)
    # It may still be a packet: without the end that may be left out, or with fewer members of a list.
    assert short in (0x81, 0x82) or not frame.body or (short != packet and not isinstance(short, int))


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200), st.none() | versions)
def test_arbitrary_bytes_raise_nothing_but_malformed_packet(stream: bytes, version: MqttVersion | None) -> None:
    decoded(stream, version)


@settings(deadline=None, max_examples=500)
@given(st.data(), versions)
def test_a_damaged_packet_is_refused_or_is_read_to_its_last_byte(data: st.DataObject, version: MqttVersion) -> None:
    damaged = data.draw(almost_packets(version))
    (came,) = FrameReader(10_000).feed(damaged)
    for packet in decoded(damaged, version):
        spoken = packet.version if isinstance(packet, Connect) else version
        (frame,) = FrameReader(10_000).feed(encode(packet, spoken))
        assert decode(frame, spoken) == packet
        # User properties that stood apart are put together, and the short forms are used; else no byte is changed.
        left_out = len(came.body) - len(frame.body)
        assert left_out == 0 or isinstance(packet, MAY_BE_SHORT)
        assert sorted(frame.body + bytes(left_out)) == sorted(came.body)
        assert frame.flags == came.flags
