"""MQTT over TLS: the first byte, the session, and everything that it answers."""

from __future__ import annotations

from customauth.gateway.handshake import MAX_PACKET_SIZE
from customauth.mqtt import Connack, Disconnect, FrameReader, MqttVersion, decode
from fuzz_targets import packets, world
from fuzz_targets.link import Handler, MemoryLink, front, serve
from fuzz_targets.target import Target, chunked

MOST_WRITTEN = 100_000


def run(data: bytes) -> None:
    def begin(link: MemoryLink) -> Handler:
        return front(link, world.origin(alpn="mqtt"))

    # 'G' would be HTTP, which has a target of its own.
    if data[1:2] != b"G":
        check_packets(serve(begin, chunked(data), most_written=MOST_WRITTEN + 100 * len(data)))


def check_packets(written: bytes) -> None:
    """Check that a server may send these bytes: packets, of which a CONNACK is the first and a DISCONNECT the last."""
    reader = FrameReader(MAX_PACKET_SIZE)
    frames = reader.feed(written)
    assert not reader.pending, "half a packet was written"
    for number, frame in enumerate(frames):
        # The CONNACK of MQTT 3.1.1 has just the two bytes of the flags and the code.
        version = MqttVersion.V311 if frames[0].body[2:] == b"" else MqttVersion.V5
        packet = decode(frame, version)
        assert isinstance(packet, Connack) is (number == 0), "a CONNACK comes first, and once"
        if isinstance(packet, Disconnect):
            assert number == len(frames) - 1, "a DISCONNECT comes last"


def seeds() -> list[bytes]:
    return [bytes((number % 3 * 9,)) + data for number, data in enumerate(packets.samples())]


TARGET = Target(name="mqtt", run=run, seeds=seeds, words=packets.WORDS, share=8)
