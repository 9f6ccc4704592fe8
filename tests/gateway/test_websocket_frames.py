"""A WebSocket as a parser of frames: whatever comes, in whatever pieces, what it carries sees the same bytes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from itertools import pairwise

import pytest
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from aloop import put_forward, run
from customauth.gateway.http_answers import BadRequest
from customauth.gateway.origin import HttpRequest
from customauth.gateway.upgrade import Upgrade, read_upgrade
from customauth.gateway.websocket import WebSocket
from wsclient import BINARY, CLOSE, CONT, KEY, PING, PONG, TEXT, close_frame, frame

_UPGRADE = {
    "upgrade": "websocket",
    "connection": "keep-alive, Upgrade",
    "sec-websocket-key": KEY,
    "sec-websocket-version": "13",
    "sec-websocket-protocol": "mqtt",
}


@define
class Below:
    """A connection that keeps what is written to it."""

    closing: bool = False
    written: bytearray = field(factory=bytearray)
    calls: list[str] = field(factory=list)

    def write(self, data: bytes) -> None:
        assert not self.closing
        self.written += data

    def close(self) -> None:
        self.closing = True

    def hang_up(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = True

    def pause_reading(self) -> None:
        self.calls.append("pause_reading")

    def resume_reading(self) -> None:
        self.calls.append("resume_reading")


@define
class Carried:
    """What speaks through the WebSocket, and answers every byte with two."""

    socket: WebSocket
    heard: bytearray = field(factory=bytearray)
    ends: list[str] = field(factory=list)

    def received(self, data: bytes) -> None:
        assert not self.ends
        assert data
        self.heard += data
        self.socket.write(data * 2)

    def paused(self) -> None:
        self.socket.pause_reading()

    def resumed(self) -> None:
        self.socket.resume_reading()

    def lost(self) -> None:
        self.ends.append("lost")

    def left(self) -> None:
        self.ends.append("left")

    def broken(self, why: str) -> None:
        assert why
        self.ends.append("broken")

    def expire(self) -> None:
        self.ends.append("expired")

    def shutdown(self) -> None:
        self.socket.close()


@define
class Opened:
    """An open WebSocket between the two."""

    below: Below
    socket: WebSocket
    carried: Carried


def open_socket(*, time_scale: float = 1.0) -> Opened:
    made: list[Carried] = []

    def carried(socket: WebSocket) -> Carried:
        made.append(Carried(socket))
        return made[0]

    below = Below()
    socket = WebSocket(below, carried, time_scale=time_scale)
    return Opened(below, socket, made[0])


async def feed(pieces: Sequence[bytes]) -> tuple[bytes, list[str], bool]:
    """Return what was heard, how it ended, and whether the connection was closed."""
    opened = open_socket()
    for piece in pieces:
        if not opened.below.closing:
            opened.socket.received(piece)
    return bytes(opened.carried.heard), opened.carried.ends, opened.below.closing


PAYLOADS = st.binary(max_size=200)
FRAMES = st.one_of(
    PAYLOADS.map(frame),
    PAYLOADS.map(lambda data: frame(data, fin=False)),
    PAYLOADS.map(lambda data: frame(data, opcode=CONT)),
    PAYLOADS.map(lambda data: frame(data, opcode=CONT, fin=False)),
    st.binary(max_size=125).map(lambda data: frame(data, opcode=PING)),
    st.binary(max_size=125).map(lambda data: frame(data, opcode=PONG)),
)
ENDS = st.one_of(
    st.just(b""),
    st.just(close_frame(1000, "bye")),
    st.just(frame(b"", opcode=CLOSE)),
    st.just(frame(b"text", opcode=TEXT)),
    st.just(frame(b"x", masked=False)),
    st.binary(max_size=20),
)


def cut(data: bytes, at: Sequence[int]) -> list[bytes]:
    """Cut bytes at places."""
    places = sorted({0, len(data), *(place % len(data) for place in at)})
    return [data[start:end] for start, end in pairwise(places)]


@given(
    frames=st.lists(FRAMES, min_size=1, max_size=6),
    end=ENDS,
    at=st.lists(st.integers(min_value=0, max_value=1 << 16), max_size=8),
)
@settings(deadline=None)
def test_frames_carry_the_same_in_whatever_pieces_they_come(frames: list[bytes], end: bytes, at: list[int]) -> None:
    data = b"".join(frames) + end
    whole, pieces = run(feed([data])), run(feed(cut(data, at)))
    assert whole == pieces


@given(data=st.binary(min_size=1, max_size=300))
@settings(deadline=None)
def test_no_bytes_break_it(data: bytes) -> None:
    _, ends, closed = run(feed([data]))
    assert closed == bool(ends)


@given(payload=st.binary(min_size=1, max_size=2000), at=st.lists(st.integers(0, 1 << 16), max_size=8))
@settings(deadline=None)
def test_one_message_in_many_frames_is_heard_whole(payload: bytes, at: list[int]) -> None:
    pieces = cut(payload, at)
    last = len(pieces) - 1
    frames = [
        frame(piece, opcode=CONT if place else BINARY, fin=place == last) + frame(b"", opcode=PING)
        for place, piece in enumerate(pieces)
    ]
    assert run(feed([b"".join(frames)])) == (payload, [], False)


def test_nothing_of_a_text_is_heard_and_nothing_after_it() -> None:
    data = frame(b"a") + frame(b"b", opcode=TEXT, fin=False) + frame(b"c", opcode=CONT) + frame(b"d")
    assert run(feed([data])) == (b"a", ["broken"], True)


async def turn() -> None:
    """Let the timers fire that are due."""
    for _ in range(3):
        await asyncio.sleep(0)


@pytest.mark.fact("A31")
def test_its_lifetime_passes_as_fast_as_the_scale_says() -> None:
    async def main() -> None:
        opened = open_socket(time_scale=60.0)
        put_forward(1439.0)
        await turn()
        assert opened.carried.ends == []
        put_forward(2.0)
        await turn()
        assert opened.carried.ends == ["expired"]

    run(main())


def test_after_its_end_no_timer_is_left() -> None:
    async def main() -> None:
        opened = open_socket()
        opened.socket.lost()
        put_forward(90_000.0)
        await turn()
        assert opened.carried.ends == ["lost"]

    run(main())


def test_a_slow_client_is_not_read() -> None:
    async def main() -> None:
        opened = open_socket()
        opened.socket.paused()
        opened.socket.resumed()
        assert opened.below.calls == ["pause_reading", "resume_reading"]
        opened.socket.lost()

    run(main())


@pytest.mark.fact("I12")
def test_only_close_says_goodbye() -> None:
    async def main() -> None:
        said = []
        for way in ("close", "hang_up", "abort"):
            opened = open_socket()
            getattr(opened.socket, way)()
            assert opened.below.closing
            said.append(bytes(opened.below.written))
            opened.socket.write(b"too late")
            opened.socket.lost()
        assert said == [b"\x88\x02\x03\xe8", b"", b""]

    run(main())


@given(
    headers=st.fixed_dictionaries(
        {},
        optional={
            name: st.sampled_from([value, value.upper(), "", "x"]) | st.text(st.characters(max_codepoint=255))
            for name, value in _UPGRADE.items()
        },
    ),
    path=st.sampled_from(["/mqtt", "/", "/x", ""]),
    method=st.sampled_from(["GET", "POST"]),
    version=st.sampled_from(["1.0", "1.1"]),
)
def test_any_request_is_an_upgrade_or_a_bad_request(
    headers: dict[str, str], path: str, method: str, version: str
) -> None:
    request = HttpRequest(method=method, path=path, query="", headers=_UPGRADE | headers, version=version)
    found = opening(request)
    if isinstance(found, Upgrade):
        assert (method, version) == ("GET", "1.1")
        assert path in ("/mqtt", "/")
        assert found.subprotocol in ("mqtt", "mqttv3.1")
        assert re.fullmatch(r"[A-Za-z0-9+/]{27}=", dict(found.headers)["sec-websocket-accept"])
    else:
        assert found.status in (400, 404, 426)


def opening(request: HttpRequest) -> Upgrade | BadRequest:
    """Return what a request opens, or why it opens nothing."""
    try:
        return read_upgrade(request)
    except BadRequest as error:
        return error
