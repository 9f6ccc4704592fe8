"""HTTP on a new connection: requests, publishes, and an upgrade with WebSocket frames behind it."""

from __future__ import annotations

import json
import re

from websockets.frames import Opcode

from fuzz_targets import packets, world
from fuzz_targets.link import Handler, MemoryLink, front, serve
from fuzz_targets.mqtt import MOST_WRITTEN
from fuzz_targets.publish import WORDS
from fuzz_targets.target import Target, chunked
from fuzz_targets.websocket import check_frames, framed

_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) [A-Za-z -]+\Z")
_FIELD = re.compile(rb"[A-Za-z0-9-]+: [\x20-\x7e]*\Z")
_ANSWER = 1500
# The shortest request, and an answer to each.
_REQUEST = len(b"A / HTTP/1.0\n\n")


def run(data: bytes) -> None:
    def begin(link: MemoryLink) -> Handler:
        # Without SNI the Host header chooses the domain configuration.
        name = None if data and data[0] & 1 else "localhost"
        return front(link, world.origin(alpn=None, server_name=name))

    # 0x10 would be MQTT, which has a target of its own.
    if data[1:2] != b"\x10":
        most = MOST_WRITTEN + _ANSWER * (1 + len(data) // _REQUEST) + 100 * len(data)
        _check_answers(serve(begin, chunked(data), most_written=most))


def _check_answers(written: bytes) -> None:
    rest = written
    while rest:
        head, mark, rest = rest.partition(b"\r\n\r\n")
        assert mark, "half a head was written"
        first, *lines = head.split(b"\r\n")
        status = _STATUS_LINE.match(first)
        assert status is not None, "no status line"
        assert all(_FIELD.match(line) for line in lines), "no header field"
        if status[1] == b"101":
            check_frames(rest)
            return
        if status[1] == b"100":
            continue
        lengths = [int(line.partition(b":")[2]) for line in lines if line.lower().startswith(b"content-length:")]
        assert len(lengths) == 1, "an answer without its length"
        # The answer to HEAD has none.
        if rest and not rest.startswith(b"HTTP/"):
            body, rest = rest[: lengths[0]], rest[lengths[0] :]
            assert len(body) == lengths[0], "half a body was written"
            json.loads(body)


_KEY = b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
_UPGRADE = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" + _KEY
_OPEN = b"x-amz-customauthorizer-name: open\r\n"
_QUERY = b"?x-amz-customauthorizer-name=open"


def seeds() -> list[bytes]:
    publish = b"POST /topics/a/b" + _QUERY + b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi"
    opened = (
        b"GET /mqtt HTTP/1.1\r\nHost: localhost:443\r\nSec-WebSocket-Protocol: mqtt\r\n" + _OPEN + _UPGRADE + b"\r\n"
    )
    samples = packets.samples()
    signed = packets.SIGNED.http_headers()
    headers = "".join(f"{name}: {value}\r\n" for name, value in signed.items()).encode()
    requests = [
        publish,
        publish * 3,
        b"POST /topics/a HTTP/1.1\r\nHost: fixed.example\r\n" + headers + b"\r\n",
        b"POST /topics/a HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: x\r\n\r\n2\r\nhi\r\n0\r\na: b\r\n\r\n",
        b"POST /topics/a HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
        b"POST /topics/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\nx",
        b"POST /topics/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\nx",
        b"HEAD /topics/a HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\nAuthorization: AWS4-HMAC-SHA256 x\r\n" + _UPGRADE + b"\r\n",
        b"G\x00",
        opened,
        *(opened + framed(Opcode.BINARY, packet) for packet in samples if len(packet) < 0x10000),
    ]
    return [bytes((number % 4 * 51,)) + request for number, request in enumerate(requests)]


_HTTP_WORDS = (
    *(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b"\r\n\r\n", b"Host: localhost\r\n", b"Content-Length: 2\r\n", _OPEN, _KEY),
    *(b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n", b"Connection: close\r\n", b"0\r\n\r\n", _UPGRADE),
    *(b"Connection: keep-alive, Upgrade\r\n", b"Upgrade: websocket\r\n", _QUERY, b"\x82\x82\x00\x00\x00\x00\xc0\x00"),
)
TARGET = Target(name="http", run=run, seeds=seeds, words=(*WORDS, *_HTTP_WORDS), share=15, max_size=8192)
