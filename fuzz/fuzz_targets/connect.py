"""From the bytes of a TLS connection to the decision over a CONNECT: framing, codec, credentials, event, records."""

from __future__ import annotations

import json
from collections.abc import Iterable
from urllib.parse import quote

from attrs import evolve

from customauth.gateway import handshake
from customauth.gateway.attempt import Attempt, Trace
from customauth.gateway.decision import Grant, Refusal
from customauth.mqtt import (
    Auth,
    Connect,
    Disconnect,
    Frame,
    FrameReader,
    MalformedFrame,
    MalformedPacket,
    MqttVersion,
    Packet,
    Property,
    Puback,
    Pubcomp,
    Pubrec,
    Pubrel,
    Will,
    decode,
    encode,
)
from fuzz_targets import packets, world
from fuzz_targets.link import finished
from fuzz_targets.target import Mutate, Target, chunked

# What a log must not show, with all that makes quoting hard.
_MARK = "S3ntinel"
_SECRET = f"{_MARK}'\"\\ é+&=%\n/{_MARK}"
_SMALL = 64
_MAY_BE_SHORT = (Puback, Pubrec, Pubrel, Pubcomp, Disconnect, Auth)
_ORIGINS = [
    world.origin(alpn="mqtt", server_name=name) for name in ("localhost", "fixed.example", "mqtt.example", None)
]


def run(data: bytes) -> None:
    _frames(chunked(data), _SMALL)
    frames, failed = _frames(chunked(data), handshake.MAX_PACKET_SIZE)
    whole, whole_failed = _frames([data[1:]] if data[1:] else [], handshake.MAX_PACKET_SIZE)
    assert (frames, failed) == (whole, whole_failed), "the chunks make a difference"
    version: MqttVersion | None = None
    for number, frame in enumerate(frames):
        try:
            packet = decode(frame, version)
        except MalformedPacket:
            continue
        if isinstance(packet, Connect):
            version = packet.version
            _decide(packet, data[0] + number)
        assert version is not None, "a packet was taken before CONNECT"
        _reencode(packet, version, frame)


def _frames(chunks: Iterable[bytes], max_size: int) -> tuple[list[Frame], int | None]:
    reader = FrameReader(max_size)
    frames: list[Frame] = []
    for chunk in chunks:
        try:
            frames += reader.feed(chunk)
        except MalformedFrame as error:
            return [*frames, *error.frames], error.reason_code
        assert reader.pending <= max_size, "more is held than a packet may have"
    assert all(len(frame.body) < max_size for frame in frames), "a packet is larger than it may be"
    return frames, None


def _reencode(packet: Packet, version: MqttVersion, came: Frame) -> None:
    again = encode(packet, version)
    (frame,) = FrameReader(handshake.MAX_PACKET_SIZE).feed(again)
    assert decode(frame, version) == packet, "it is another packet after it was encoded"
    # Zeroes that say nothing are left out of some; user properties that stood apart are put together.
    zeroes = len(came.body) - len(frame.body)
    assert zeroes == 0 or isinstance(packet, _MAY_BE_SHORT), "something of the packet was not read"
    assert sorted(frame.body + bytes(zeroes)) == sorted(came.body), "something of the packet was not read"
    assert frame.flags == came.flags, "a flag was not read"


def _decide(connect: Connect, variant: int) -> None:
    refusals = (handshake.objection(connect), handshake.refusing(connect))
    if refusals[0] is not None:
        _sendable(handshake.objecting(refusals[0].code), connect.version)
    _sendable(refusals[1], connect.version)
    client_id = handshake.effective_client_id(connect)
    assert 0 < handshake.longest_silence(connect.keep_alive) <= 1800
    _decide_over(connect, client_id, variant)
    if variant % 2:
        _keep_secret(connect, client_id, variant // 2)


def _keep_secret(connect: Connect, client_id: str, variant: int) -> None:
    marked = evolve(connect, username=_with_secret(connect.username or ""), password=_SECRET.encode())
    if _MARK not in repr((connect, connect.username, connect.password, connect.properties)):
        text = _decide_over(marked, client_id, variant)
        assert _MARK not in text, "a secret is shown"


def _sendable(packet: Packet | None, version: MqttVersion) -> None:
    if packet is not None:
        encode(packet, version)


def _with_secret(username: str) -> str:
    return f"{username}{'&' if '?' in username else '?'}token={quote(_SECRET, safe='')}"


def _decide_over(connect: Connect, client_id: str, variant: int) -> str:
    attempt = Attempt(origin=_ORIGINS[variant % len(_ORIGINS)], client_id=client_id, connect=connect)
    trace = Trace()
    outcome = finished(world.AUTHENTICATOR.decide(attempt, trace))
    assert isinstance(outcome, Grant | Refusal)
    if trace.event is not None:
        json.dumps(trace.event)
    return world.shown(trace.decision(attempt, outcome)) + repr(trace) + repr(attempt)


def seeds() -> list[bytes]:
    how = (0, 1, 7, 0x35)
    streams = [*packets.samples(), *packets.every_packet()]
    return [bytes((how[number % 4],)) + data for number, data in enumerate(streams)]


def mutate(data: bytes, max_size: int, change: Mutate) -> bytes:
    """Change one field of the first packet, where that is a CONNECT, and put the right lengths around it again."""
    try:
        frame = FrameReader(max(max_size, 5)).feed(data[1:])[0]
        packet = decode(frame, None)
    except (MalformedPacket, IndexError):
        return change(data, max_size)
    if not isinstance(packet, Connect):
        return change(data, max_size)
    which = data[0] % 5
    room = max_size // 2
    try:
        if which == 0:
            packet = evolve(packet, username=_text(change(_bytes(packet.username), room)))
        elif which == 1:
            packet = evolve(packet, password=change(packet.password or b"x", room), username=packet.username or "")
        elif which == 2:
            packet = evolve(packet, client_id=_text(change(_bytes(packet.client_id), 200)))
        elif which == 3:
            topic = packet.will.topic if packet.will is not None else "a"
            packet = evolve(packet, will=Will(topic=_text(change(_bytes(topic), room)), payload=b"x", qos=data[0] & 1))
        else:
            pair = _text(change(b"name", 50)), _text(change(b"value", 50))
            packet = evolve(packet, version=MqttVersion.V5, properties={Property.USER_PROPERTY: [pair]})
        return change(data[:1], 1)[:1] + encode(packet, packet.version)[: max_size - 1]
    except ValueError:
        return change(data, max_size)


def _bytes(text: str | None) -> bytes:
    return (text or "x").encode()


def _text(raw: bytes) -> str:
    return raw.decode(errors="ignore").replace("\0", "")


TARGET = Target(name="connect", run=run, seeds=seeds, words=packets.WORDS, share=20, mutate=mutate)
