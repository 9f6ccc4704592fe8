"""MQTT in WebSocket frames: the client's frames as bare bytes, or made from what is to be in them."""

from __future__ import annotations

from collections.abc import Iterator

from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol as Frames
from websockets.protocol import Side

from customauth.gateway.origin import HttpRequest
from customauth.gateway.routing import Spoken
from customauth.gateway.session import MqttSession
from customauth.gateway.websocket import WebSocket
from fuzz_targets import packets, world
from fuzz_targets.link import Handler, MemoryLink, serve
from fuzz_targets.mqtt import MOST_WRITTEN, check_packets
from fuzz_targets.target import Target, chunked

_OPENING = HttpRequest(method="GET", path="/mqtt", query="x-amz-customauthorizer-name=open", headers={"host": "x"})
_KEY = b"\x01\x02\x03\x04"
_FRAMED = 0x80
_OPCODES = (Opcode.BINARY, Opcode.CONT, Opcode.PING, Opcode.PONG, Opcode.CLOSE, Opcode.TEXT, Opcode.BINARY)


def run(data: bytes) -> None:
    def begin(link: MemoryLink) -> Handler:
        office = world.office()
        origin = world.origin(alpn=None, http=_OPENING)

        def session(socket: WebSocket) -> MqttSession:
            return MqttSession(socket, office, origin, Spoken.WEBSOCKET, admitted=lambda: None)

        return WebSocket(link, session, time_scale=1.0)

    sent = data
    if data[:1] >= bytes((_FRAMED,)):
        sent = data[1:2] + b"".join(_frames(data[2:]))
    check_frames(serve(begin, chunked(sent), most_written=MOST_WRITTEN + 100 * len(sent)))


def _frames(data: bytes) -> Iterator[bytes]:
    """Read length, kind, content; length, kind, content; ... as masked frames of a client."""
    at = 0
    while at + 2 <= len(data):
        size, kind = data[at], data[at + 1]
        content = data[at + 2 : at + 2 + size]
        opcode = _OPCODES[kind % len(_OPCODES)]
        if opcode is Opcode.CLOSE and len(content) == 1:
            content = b""
        yield framed(opcode, content, fin=kind < 0x80)
        at += 2 + size


def framed(opcode: Opcode, content: bytes, *, fin: bool = True) -> bytes:
    """Return a client's frame."""
    size = len(content)
    length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2)
    masked = bytes(byte ^ _KEY[place % 4] for place, byte in enumerate(content))
    return bytes((0x80 * fin | opcode,)) + length + _KEY + masked


def check_frames(written: bytes) -> None:
    """Check that a client can read these bytes to their end, and that MQTT packets are in them."""
    client = Frames(Side.CLIENT)
    client.receive_data(written)
    assert client.parser_exc is None, f"a client cannot read what was written: {client.parser_exc}"
    events = [event for event in client.events_received() if isinstance(event, Frame)]
    check_packets(b"".join(event.data for event in events if event.opcode in (Opcode.BINARY, Opcode.CONT)))


def seeds() -> list[bytes]:
    found = []
    for number, packet in enumerate(packets.samples()):
        if len(packet) < 0x10000:
            found.append(bytes((number % 3 * 17,)) + framed(Opcode.BINARY, packet))
        pieces = [packet[start : start + 100] for start in range(0, len(packet), 100)]
        body = b"".join(bytes((len(piece), 0 if number % 2 else 0x80)) + piece for piece in pieces[:1])
        body += b"".join(bytes((len(piece), 0 if number % 2 else 0x81)) + piece for piece in pieces[1:])
        found.append(bytes((_FRAMED, number % 3 * 5)) + body + b"\x02\x02hi\x02\x04\x03\xe8")
    return found


TARGET = Target(name="websocket", run=run, seeds=seeds, words=packets.WORDS, share=9)
