"""The HTTP side as a parser of bytes: whatever comes, in whatever pieces, ends in an answer or a close."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from itertools import pairwise

from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from aloop import put_forward, run
from customauth.gateway.authenticate import Authenticator
from customauth.gateway.broker.memory import MemoryRouter
from customauth.gateway.broker.parties import Broker
from customauth.gateway.broker.presence import Presence
from customauth.gateway.broker.store import NoStore
from customauth.gateway.config import DomainConfiguration, GatewayConfig
from customauth.gateway.http_door import HttpDoor
from customauth.gateway.office import Office
from customauth.gateway.origin import Origin
from customauth.gateway.records import Record
from customauth.gateway.runtimes.choose import bundled_runtime
from customauth.gateway.tls import Handler
from httpclient import request
from wsclient import frame, upgrade

LOCALHOST = DomainConfiguration(name="iot:Data-ATS", server_name="localhost")
CONFIG = GatewayConfig(authorizers={})
_STATUS = re.compile(rb"HTTP/1\.1 (\d\d\d) ")


@define
class Below:
    """A connection whose other end is the test.

    :ivar room: bytes that fit before the client is said not to read.
    """

    closing: bool = False
    reading: bool = True
    written: bytearray = field(factory=bytearray)
    handler: Handler | None = None
    room: int = 1 << 40

    def write(self, data: bytes) -> None:
        before = len(self.written)
        self.written += data
        if self.handler is not None and before <= self.room < len(self.written):
            self.handler.paused()

    def close(self) -> None:
        self.closing = True

    hang_up = abort = close

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def hand_over(self, handler: Handler) -> None:
        self.handler = handler

    def statuses(self) -> list[int]:
        """Return the statuses of the answers, and nothing else may have been written before an upgrade."""
        return [int(found) for found in _STATUS.findall(self.written)]


@define
class Door:
    """An HTTP side on such a connection, nobody let in."""

    below: Below
    records: list[Record]
    published: list[object]

    async def feed(self, pieces: Sequence[bytes]) -> None:
        """Let the client send pieces, as far as it is read."""
        for piece in pieces:
            if self.below.closing or not piece:
                continue
            assert self.below.handler is not None
            self.below.handler.received(piece)
            await settle()


async def settle() -> None:
    """Let everything happen that needs no time."""
    for _ in range(8):
        await asyncio.sleep(0)


def open_door(*, room: int = 1 << 40) -> Door:
    records: list[Record] = []
    published: list[object] = []
    below = Below(room=room)
    router = MemoryRouter(NoStore())
    office = Office(
        authenticator=Authenticator(CONFIG, runtimes=bundled_runtime),
        record=records.append,
        domain=CONFIG.domain,
        broker=Broker(router=router, presence=Presence(router)),
        arn=CONFIG.arn,
    )
    origin = Origin(
        connection_id="c",
        peer="peer",
        account=CONFIG.account,
        port=443,
        server_name="localhost",
        alpn=None,
        domain=LOCALHOST,
    )

    def publish(what: object, payload: bytes) -> None:
        published.append((what, payload))

    below.handler = HttpDoor(below, office, origin, publish=publish, admitted=lambda: None)
    return Door(below=below, records=records, published=published)


PIECES = st.sampled_from(
    [
        request("POST", "/topics/a", body=b"1"),
        request("POST", "/topics/a?qos=5"),
        request("HEAD", "/"),
        request("CONNECT", "a:1"),
        upgrade("/mqtt"),
        upgrade("/mqtt", subprotocol=None),
        frame(b"\x10\x0c\x00\x04MQTT\x05\x02\x00\x00\x00"),
        b"POST /topics/",
        b" HTTP/1.1\r\n",
        b" HTTP/1.0\r\n",
        b"Host: localhost\r\n",
        b"Content-Length: 3\r\n",
        b"Content-Length: -3\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Expect: 100-continue\r\n",
        b"Connection: close\r\n",
        b"Upgrade: h2c\r\nConnection: upgrade\r\n",
        b"x-amz-customauthorizer-name: a\r\n",
        b": \r\n",
        b" folded\r\n",
        b"\r\n",
        b"\n",
        b"3\r\nabc\r\n",
        b"0\r\n\r\n",
        b"ffffffffffffffff\r\n",
        b"\x00",
    ]
)
STREAMS = st.lists(PIECES | st.binary(max_size=8), min_size=1, max_size=10).map(b"".join).filter(bool)


def cut(data: bytes, at: Sequence[int]) -> list[bytes]:
    """Cut bytes at places."""
    places = sorted({0, len(data), *(place % len(data) for place in at)})
    return [data[start:end] for start, end in pairwise(places)]


async def outcome(pieces: Sequence[bytes]) -> tuple[list[int], bool, bool]:
    """Return the statuses, whether a WebSocket was opened, and whether the connection was closed at once."""
    door = open_door()
    first = door.below.handler
    await door.feed(pieces)
    closed, statuses = door.below.closing, door.below.statuses()
    upgraded = door.below.handler is not first
    if not upgraded:
        assert door.below.written.startswith(b"HTTP/1.1 ") or not door.below.written
    assert upgraded == (101 in statuses)
    assert door.published == []
    put_forward(90_000.0)
    await settle()
    assert door.below.closing, "a client may wait for ever"
    assert door.below.handler is not None
    door.below.handler.lost()
    return statuses, upgraded, closed


@given(data=STREAMS, at=st.lists(st.integers(min_value=0, max_value=1 << 16), max_size=12))
@settings(max_examples=200, deadline=None)
def test_any_bytes_in_any_pieces_end_in_the_same_answers_and_a_close(data: bytes, at: list[int]) -> None:
    assert run(outcome(cut(data, at))) == run(outcome([data]))


@given(data=st.binary(min_size=1, max_size=200))
@settings(max_examples=100, deadline=None)
def test_bytes_that_are_no_http_are_answered_at_most_once(data: bytes) -> None:
    statuses, upgraded, _ = run(outcome([b"P" + data]))
    assert len(statuses) <= 1
    assert not upgraded


def test_a_client_that_reads_no_answers_gets_no_more_questions_in() -> None:
    async def main() -> None:
        door = open_door(room=10_000)
        handler = door.below.handler
        assert handler is not None
        await door.feed([request("POST", "/nowhere") * 1000])
        assert 10_000 < len(door.below.written) < 11_000
        assert not door.below.reading
        await door.feed([request("POST", "/nowhere") * 10])
        assert len(door.below.written) < 11_000
        door.below.room = 1 << 40
        handler.resumed()
        assert door.below.statuses() == [404] * 1010
        assert door.below.reading

    run(main())


def test_a_decision_does_not_let_a_client_be_read_that_reads_no_answers() -> None:
    async def main() -> None:
        door = open_door(room=1000)
        handler = door.below.handler
        assert handler is not None
        await door.feed([request("POST", "/topics/a") * 10])
        assert 1 < len(door.below.statuses()) < 5
        assert not door.below.reading
        door.below.room = 1 << 40
        handler.resumed()
        await settle()
        for _ in range(10):
            await settle()
        assert door.below.statuses() == [403] * 10
        assert door.below.reading

    run(main())
