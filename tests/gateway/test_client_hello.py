"""What is read of a ClientHello: of real ones from three TLS libraries, of built ones, and of bytes that are none."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
from collections.abc import Sequence
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customauth.gateway.client_hello import (
    DECODE_ERROR,
    MAX_SIZE,
    NO_APPLICATION_PROTOCOL,
    UNRECOGNIZED_NAME,
    ClientHello,
    NotClientHello,
    alert,
    read_client_hello,
)

NAME = "abc-ats.iot.eu-central-1.amazonaws.com"
TLS12, TLS13 = 0x0303, 0x0304
# RFC 8701: values that mean nothing, which some clients mix in so that servers do not choke on new ones.
GREASE = 0x0A0A

# PORT stands for the port to connect to.
OPENSSL = ("openssl", "s_client", "-connect", "127.0.0.1:PORT", "-servername", NAME, "-alpn", "mqtt,http/1.1")
NODE = (
    "node",
    "-e",
    "require('tls').connect({port: PORT, host: '127.0.0.1', servername: '" + NAME + "',"
    " ALPNProtocols: ['mqtt', 'http/1.1']}).on('error', () => process.exit())",
)


class TlsClient:
    """Python's own TLS client without a socket; ``hello`` is the first that it sends."""

    def __init__(
        self,
        *,
        name: str | None = NAME,
        alpn: Sequence[str] = (),
        maximum: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED,
    ) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.maximum_version = maximum
        context.check_hostname = name is not None
        if alpn:
            context.set_alpn_protocols(alpn)
        self._incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, outgoing, server_hostname=name)
        with pytest.raises(ssl.SSLWantReadError):
            self._tls.do_handshake()
        self.hello = outgoing.read()

    def receive(self, data: bytes) -> None:
        self._incoming.write(data)
        self._tls.do_handshake()


REAL = TlsClient(alpn=["mqtt", "x-amzn-mqtt-ca"]).hello
READ = ClientHello(server_name=NAME, alpn=("mqtt", "x-amzn-mqtt-ca"), versions=(TLS13, TLS12))


def vector(size: int, content: bytes) -> bytes:
    return len(content).to_bytes(size) + content


def extension(number: int, body: bytes) -> bytes:
    return number.to_bytes(2) + vector(2, body)


def server_names(*names: tuple[int, bytes]) -> bytes:
    return extension(0, vector(2, b"".join(bytes((kind,)) + vector(2, name) for kind, name in names)))


def protocols(*names: bytes) -> bytes:
    return extension(16, vector(2, b"".join(vector(1, name) for name in names)))


def versions(*numbers: int) -> bytes:
    return extension(43, vector(1, b"".join(number.to_bytes(2) for number in numbers)))


def message_with(extensions: bytes | None, *, session_id: bytes = b"", suites: bytes = b"\x13\x01") -> bytes:
    """Build the handshake message; None leaves out the whole block of extensions."""
    body = b"\x03\x03" + bytes(32) + vector(1, session_id) + vector(2, suites) + b"\x01\x00"
    return b"\x01" + vector(3, body + (b"" if extensions is None else vector(2, extensions)))


def record(fragment: bytes, kind: int = 0x16) -> bytes:
    return bytes((kind, 3, 1)) + vector(2, fragment)


def read(*extensions: bytes) -> ClientHello:
    hello = read_client_hello(record(message_with(b"".join(extensions))))
    assert hello is not None
    return hello


def refusal_of(data: bytes) -> str:
    with pytest.raises(NotClientHello) as caught:
        read_client_hello(data)
    return str(caught.value)


def first_bytes_of(command: Sequence[str]) -> bytes:
    """Let the command connect to a socket that only listens, and return what it sends first."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        port = str(server.getsockname()[1])
        filled = [argument.replace("PORT", port) for argument in command]
        process = subprocess.Popen(filled, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(60)
                received = bytearray()
                while read_client_hello(received) is None:
                    chunk = connection.recv(100)
                    assert chunk, "the client left before its ClientHello was complete"
                    received += chunk
        finally:
            process.kill()
            process.communicate()
    return bytes(received)


@pytest.mark.fact("F14", "F15")
def test_sni_alpn_and_versions_of_a_real_hello_are_read() -> None:
    assert read_client_hello(REAL) == READ
    assert read_client_hello(bytearray(REAL)) == READ


def test_a_client_that_asks_for_nothing_has_neither_sni_nor_alpn() -> None:
    hello = read_client_hello(TlsClient(name=None).hello)
    assert hello == ClientHello(server_name=None, alpn=(), versions=(TLS13, TLS12))


def test_a_client_of_tls_12_alone_has_its_legacy_version() -> None:
    hello = read_client_hello(TlsClient(alpn=["mqtt"], maximum=ssl.TLSVersion.TLSv1_2).hello)
    assert hello == ClientHello(server_name=NAME, alpn=("mqtt",), versions=(TLS12,))


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(
            command,
            id=command[0],
            marks=pytest.mark.skipif(shutil.which(command[0]) is None, reason=f"{command[0]} is not installed"),
        )
        for command in (OPENSSL, NODE)
    ],
)
def test_hellos_of_other_clients_are_read(command: Sequence[str]) -> None:
    hello = read_client_hello(first_bytes_of(command))
    assert hello is not None
    assert (hello.server_name, hello.alpn) == (NAME, ("mqtt", "http/1.1"))
    assert hello.versions[:2] == (TLS13, TLS12)


def test_every_prefix_of_a_hello_is_incomplete() -> None:
    assert {read_client_hello(REAL[:size]) for size in range(len(REAL))} == {None}


def test_what_follows_the_hello_is_not_looked_at() -> None:
    assert read_client_hello(REAL + b"GET / HTTP/1.1\r\n") == READ
    # In the record of the hello, too, though no client has anything to say there.
    message = message_with(protocols(b"mqtt"))
    assert read_client_hello(record(message + b"\x63\x00\x00\x01x")) == read_client_hello(record(message))


@given(st.lists(st.integers(1, 600), max_size=40), st.data())
def test_records_of_any_sizes_give_the_same_hello(sizes: list[int], data: st.DataObject) -> None:
    message = REAL[5:]
    edges = [0, *(edge for edge in accumulate(sizes) if edge < len(message)), len(message)]
    stream = b"".join(record(message[start:end]) for start, end in pairwise(edges))
    assert read_client_hello(stream) == READ
    assert read_client_hello(stream[: data.draw(st.integers(0, len(stream) - 1))]) is None


def test_a_hello_in_records_of_one_byte_is_read() -> None:
    assert read_client_hello(b"".join(record(bytes((byte,))) for byte in REAL[5:])) == READ


def test_a_hello_of_many_full_records_is_read() -> None:
    message = message_with(extension(21, bytes(60000)) + protocols(b"mqtt"))
    stream = b"".join(record(message[start : start + 16384]) for start in range(0, len(message), 16384))
    hello = read_client_hello(stream)
    assert hello is not None
    assert hello.alpn == ("mqtt",)
    assert read_client_hello(stream[:-1]) is None


@given(
    st.lists(st.tuples(st.integers(0, 3), st.binary(min_size=1, max_size=40)), max_size=4),
    st.lists(st.binary(min_size=1, max_size=255), max_size=8),
    st.lists(st.integers(0, 0xFFFF), max_size=127),
)
def test_what_a_client_asks_for_is_read_whatever_it_is(
    names: list[tuple[int, bytes]], offered: list[bytes], numbers: list[int]
) -> None:
    hello = read(protocols(*offered), server_names(*names), versions(*numbers))
    hosts = [name.decode("latin-1") for kind, name in names if kind == 0]
    assert hello.server_name == (hosts[0] if hosts else None)
    assert [name.encode("latin-1") for name in hello.alpn] == offered
    assert list(hello.versions) == numbers


def test_grease_is_read_as_it_was_sent() -> None:
    hello = read(extension(GREASE, b""), versions(GREASE, TLS13), protocols(b"\xfa\xfa", b"mqtt"))
    assert hello == ClientHello(server_name=None, alpn=("úú", "mqtt"), versions=(GREASE, TLS13))


def test_of_an_extension_that_comes_twice_the_first_counts() -> None:
    first = (server_names((0, b"one")), protocols(b"mqtt"), versions(TLS13))
    second = (server_names((0, b"two")), protocols(b"http/1.1"), versions(TLS12))
    assert read(*first, *second) == ClientHello(server_name="one", alpn=("mqtt",), versions=(TLS13,))


def test_the_first_host_name_counts_and_other_types_of_name_do_not() -> None:
    assert read(server_names((7, b"x"), (0, b"one"), (0, b"two"))).server_name == "one"
    assert read(server_names((7, b"x"))).server_name is None


def test_a_name_that_is_not_ascii_is_left_to_the_caller() -> None:
    assert read(server_names((0, "b\u00fccher\n".encode("latin-1")))).server_name == "b\u00fccher\n"


def test_empty_lists_are_as_good_as_none() -> None:
    assert read(server_names(), protocols(), versions()) == ClientHello(server_name=None, alpn=(), versions=())


def test_a_hello_without_the_block_of_extensions_has_its_legacy_version() -> None:
    hello = read_client_hello(record(message_with(None)))
    assert hello == ClientHello(server_name=None, alpn=(), versions=(TLS12,))


@pytest.mark.parametrize(
    ("extensions", "part"),
    [
        (b"\x00", "the block of extensions"),
        (b"\x00\x10\x00\x05\x00", "the block of extensions"),
        (extension(0, b""), "the server_name extension"),
        (extension(0, b"\x00\x09\x00\x00\x03abc"), "the server_name extension"),
        (extension(0, vector(2, b"\x00\x00\x04abc")), "the server_name extension"),
        (extension(0, vector(2, b"\x00\x00\x03abc") + b"x"), "the server_name extension"),
        (server_names((0, b"")), "empty host name"),
        (extension(16, b"\x00"), "the ALPN extension"),
        (
            extension(16, vector(2, b"\x05mqtt")),
            "ALPN extension is malformed: a field says 5 bytes where 4 are left",
        ),
        (extension(16, vector(2, b"\x04mqtt") + b"x"), "the ALPN extension"),
        (protocols(b"mqtt", b""), "empty protocol name"),
        (extension(43, b""), "the supported_versions extension"),
        (extension(43, b"\x03\x03\x04\x03"), "the supported_versions extension"),
        (extension(43, b"\x02\x03\x04\x03"), "the supported_versions extension"),
    ],
)
def test_a_malformed_extension_is_named(extensions: bytes, part: str) -> None:
    assert part in refusal_of(record(message_with(extensions)))


@pytest.mark.parametrize(
    ("message", "part"),
    [
        (b"\x01\x00\x00\x00", "the ClientHello"),
        (b"\x01" + vector(3, bytes(34)), "the ClientHello"),
        (message_with(b"", session_id=bytes(33)), "session identifier"),
        (message_with(b"", suites=b""), "cipher suites"),
        (message_with(b"", suites=b"\x13"), "cipher suites"),
        (b"\x01" + vector(3, bytes(35) + b"\x00\x02\x13\x01\x00"), "compression methods"),
        (b"\x01" + vector(3, message_with(b"")[4:] + b"x"), "the ClientHello is malformed: bytes too many: 1"),
        (b"\x02\x00\x00\x01x", "of type 2"),
    ],
)
def test_a_malformed_message_is_named(message: bytes, part: str) -> None:
    assert part in refusal_of(record(message))


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"\x16\x02", "major version 2"),
        (b"\x16\x03\x01\x00\x00", "0 bytes"),
        (b"\x16\x03\x01\x40\x01", "16385 bytes"),
        (b"\x16\x03\x01\x00\x05\x02", "of type 2"),
        (record(REAL[5:50]) + record(b"\x01", kind=0x14), "a record of type 20"),
        (record(REAL[5:50]) + b"\x16\x03\x01\x00\x00", "0 bytes"),
        (b"\x80\x2e\x01\x03\x01", "0x80"),
        (alert(DECODE_ERROR), "0x15"),
    ],
    # The bytes of a real hello differ from process to process.
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_records_that_no_hello_has_are_refused_at_once(data: bytes, part: str) -> None:
    assert part in refusal_of(data)


@pytest.mark.parametrize(
    ("data", "looks_like"),
    [
        (b"GET / HTTP/1.1\r\n", "HTTP"),
        (b"POST /topics/t HTTP/1.1\r\n", "HTTP"),
        (b"CONNECT host:443 HTTP/1.1\r\n", "HTTP"),
        (b"\x10\x10\x00\x04MQTT\x05\x02\x00\x3c", "MQTT"),
        (b"hello\r\n", "plain text"),
        (b"G", "plain text"),
        (b"\x00\x01\x02", None),
    ],
)
def test_what_a_client_speaks_instead_of_tls_is_named(data: bytes, looks_like: str | None) -> None:
    with pytest.raises(NotClientHello, match="let it use TLS on this port") as caught:
        read_client_hello(data)
    assert caught.value.looks_like == looks_like
    assert (looks_like or "no TLS") in str(caught.value)


def test_a_hello_that_says_it_is_too_large_is_refused_at_once() -> None:
    allowed = MAX_SIZE - 4
    assert read_client_hello(record(b"\x01" + allowed.to_bytes(3))) is None
    assert "are allowed" in refusal_of(record(b"\x01" + (allowed + 1).to_bytes(3)))


def test_a_hello_that_the_record_headers_make_too_large_is_refused_at_the_limit() -> None:
    message = message_with(extension(21, bytes(64_000)))
    stream = b"".join(record(message[start : start + 128]) for start in range(0, len(message), 128))
    assert read_client_hello(stream[: MAX_SIZE - 1]) is None
    assert "does not end within" in refusal_of(stream[:MAX_SIZE])
    assert "does not end within" in refusal_of(stream)


@given(st.integers(0, 255).filter(lambda first: first != 0x16), st.binary(max_size=200))
def test_bytes_that_begin_as_no_record_are_refused_at_the_first(first: int, rest: bytes) -> None:
    refusal_of(bytes((first,)) + rest)


@given(st.binary(max_size=400))
def test_a_record_of_any_bytes_raises_nothing_but_not_client_hello(body: bytes) -> None:
    for data in (body, b"\x16\x03\x01" + body, record(b"\x01" + vector(3, body)), record(message_with(body))):
        try:
            hello = read_client_hello(data)
        except NotClientHello:
            continue
        assert hello is None or isinstance(hello, ClientHello)


@given(st.integers(0, len(REAL) - 1), st.integers(0, 255))
def test_a_changed_byte_raises_nothing_but_not_client_hello(index: int, value: int) -> None:
    changed = bytearray(REAL)
    changed[index] = value
    try:
        hello = read_client_hello(changed)
    except NotClientHello:
        return
    assert hello is None or isinstance(hello, ClientHello)


@pytest.mark.parametrize(
    ("description", "said"),
    [
        pytest.param(UNRECOGNIZED_NAME, "unrecognized name", marks=pytest.mark.fact("F14")),
        pytest.param(NO_APPLICATION_PROTOCOL, "no application protocol", marks=pytest.mark.fact("F15")),
        pytest.param(DECODE_ERROR, "alert decode error"),
    ],
)
@pytest.mark.parametrize("maximum", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_an_alert_is_understood_by_a_client_that_sent_its_hello(
    description: int, said: str, maximum: ssl.TLSVersion
) -> None:
    client = TlsClient(alpn=["smtp"], maximum=maximum)
    # Not the reason: OpenSSL 3.0 gives Python none for alert 120.
    with pytest.raises(ssl.SSLError, match=said):
        client.receive(alert(description))


def test_an_alert_description_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="256"):
        alert(256)


def test_a_hello_in_a_great_many_records_is_refused() -> None:
    record = b"\x16\x03\x01\x00\x01"
    head = b"".join(record + bytes((byte,)) for byte in b"\x01\x00\xf0\x00")
    assert read_client_hello(head + (record + b"\x00") * 500) is None
    with pytest.raises(NotClientHello, match="512 records"):
        read_client_hello(head + (record + b"\x00") * 600)
