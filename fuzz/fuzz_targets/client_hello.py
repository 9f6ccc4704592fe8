"""The ClientHello, as bare bytes, or with the right record and handshake headers put before them."""

from __future__ import annotations

import contextlib
import ssl

from customauth.gateway.client_hello import MAX_SIZE, ClientHello, NotClientHello, read_client_hello
from fuzz_targets.target import Target

_RECORD = 200


def run(data: bytes) -> None:
    framed = data[:1] > b"\x7f"
    stream = _framed(data[1:]) if framed else data[1:]
    found = _read(stream)
    if framed and isinstance(found, ClientHello):
        # Its own lengths say where it ends, so it is none with a byte less or more.
        assert _read(_framed(data[1:-1])) == "refused"
        assert _read(_framed(data[1:] + b"\0")) == "refused"
    # However much has arrived, nothing that was read or refused is taken back.
    cut = data[0] * len(stream) // 256 if data else 0
    before = _read(stream[:cut])
    assert before is None or before == found, "more bytes have changed what was read"
    if isinstance(found, ClientHello):
        assert _read(stream + b"\x00more") == found
        assert all(name for name in found.alpn)
    elif found is None:
        assert len(stream) < MAX_SIZE


def _read(stream: bytes) -> ClientHello | str | None:
    try:
        return read_client_hello(stream)
    except NotClientHello as error:
        said = str(error)
    assert said.isprintable(), "a message breaks its line"
    return "refused"


def _framed(body: bytes) -> bytes:
    message = b"\x01" + len(body).to_bytes(3) + body
    pieces = [message[start : start + _RECORD] for start in range(0, len(message), _RECORD)]
    return b"".join(b"\x16\x03\x01" + len(piece).to_bytes(2) + piece for piece in pieces)


def seeds() -> list[bytes]:
    hellos = [
        _hello(name, alpn, highest)
        for name in ("localhost", None)
        for alpn in ((), ("mqtt",), ("x-amzn-mqtt-ca", "http/1.1"))
        for highest in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    ]
    bare = [b"\x00" + hello for hello in hellos]
    # What follows the record's header of 5 bytes and the message's of 4.
    framed = [b"\x80" + hello[9:] for hello in hellos]
    return [*bare, *framed, b"\x00GET / HTTP/1.1\r\n", b"\x00\x10\x0c\x00\x04MQTT", b"\x00\x16\x03\x01\x40\x00\x01"]


def _hello(name: str | None, alpn: tuple[str, ...], highest: ssl.TLSVersion) -> bytes:
    context = ssl.create_default_context()
    context.maximum_version = highest
    context.check_hostname = name is not None
    if alpn:
        context.set_alpn_protocols(list(alpn))
    outgoing = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


_WORDS = (
    *(b"\x16\x03\x01", b"\x16\x03\x03", b"\x01\x00", b"\x00\x00", b"\x00\x10", b"\x00\x2b", b"\x03\x04", b"\x03\x03"),
    *(b"\x04mqtt", b"\x0ex-amzn-mqtt-ca", b"\x08http/1.1", b"\x00\x09localhost", b"\x0a\x0a"),
    *(b"GET ", b"POST ", b"CONNECT ", b"PRI "),
)
TARGET = Target(name="client-hello", run=run, seeds=seeds, words=_WORDS, share=10)
