"""The TLS ClientHello, read before OpenSSL sees it: the SNI and the ALPN choose what the client is answered (F14, F15).

Without I/O: bytes in, a :class:`ClientHello` or an alert's bytes out. The bytes that were read still go to OpenSSL,
which alone judges the rest of the message. Layout: RFC 8446, 4.1.2 and 5.1; SNI: RFC 6066, 3; ALPN: RFC 7301, 3.1.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from attrs import frozen

MAX_SIZE: Final = 65536
"""The bytes, record headers included, within which a ClientHello must end; real ones take 200 to 2,000."""

# Alert descriptions (RFC 8446, 6).
DECODE_ERROR: Final = 50
UNRECOGNIZED_NAME: Final = 112
NO_APPLICATION_PROTOCOL: Final = 120

LooksLike: TypeAlias = Literal["HTTP", "MQTT", "plain text"]

_ALERT: Final = 0x15
_HANDSHAKE: Final = 0x16
_FATAL: Final = 2
_CLIENT_HELLO: Final = 1
# Real ones need one or two; each costs time at every look.
_MAX_RECORDS: Final = 512
_MAX_FRAGMENT: Final = 1 << 14
_RANDOM_SIZE: Final = 32
_MAX_SESSION_ID: Final = 32
_SERVER_NAME: Final = 0
_HOST_NAME: Final = 0
_ALPN: Final = 16
_SUPPORTED_VERSIONS: Final = 43
_MQTT_CONNECT: Final = 0x10
_HTTP_METHODS: Final = (b"GET ", b"POST ", b"PUT ", b"HEAD ", b"OPTIONS ", b"DELETE ", b"PATCH ", b"CONNECT ", b"PRI ")
_TEXT: Final = frozenset((*b"\t\r\n", *range(0x20, 0x7F)))


@frozen(kw_only=True)
class ClientHello:
    """What a client asks for in its first message; the text is the client's own and may hold any character.

    :ivar server_name: the host name of the SNI as it was sent, read as Latin-1; None without one.
    :ivar alpn: the protocols offered, in the client's order, read as Latin-1, GREASE included; () for none.
    :ivar versions: the TLS versions offered (0x0304 is TLS 1.3), in the client's order, GREASE included; without the
        supported_versions extension the one legacy version, which is the highest that the client speaks.
    """

    server_name: str | None
    alpn: tuple[str, ...]
    versions: tuple[int, ...]


class NotClientHello(ValueError):
    """The bytes are no TLS ClientHello, and none can become of them.

    :ivar looks_like: what the client seems to speak instead, None where the first bytes do not show it.
    """

    def __init__(self, message: str, looks_like: LooksLike | None = None) -> None:
        super().__init__(message)
        self.looks_like = looks_like


def read_client_hello(data: bytes | bytearray) -> ClientHello | None:
    """Read the ClientHello at the start of ``data``, in one TLS record or in several; what follows it is not looked at.

    Where an extension comes twice, or a list of server names has several host names, the first counts; an empty list
    is as good as none. A call takes time linear in ``data``, and in no more than :data:`MAX_SIZE` bytes of it.

    :param data: everything that the client has sent so far.
    :return: None while more bytes are needed.
    :raises NotClientHello: as soon as the bytes cannot become a ClientHello that ends within :data:`MAX_SIZE` bytes.
    """
    stream = bytes(data[:MAX_SIZE])
    message = _first_message(stream)
    if message is not None:
        return _parse(message)
    if len(stream) == MAX_SIZE:
        raise NotClientHello(f"the ClientHello does not end within {MAX_SIZE} bytes")
    return None


def alert(description: int) -> bytes:
    """Return the TLS record of a fatal alert, as it is sent before a ServerHello (F14, F15).

    :param description: such as :data:`UNRECOGNIZED_NAME`.
    :raises ValueError: when it is not within 0 to 255.
    """
    return bytes((_ALERT, 3, 3, 0, 2, _FATAL, description))


def _first_message(stream: bytes) -> bytes | None:
    """Return the body of the ClientHello out of its records, None while it is incomplete."""
    collected = bytearray()
    start = records = 0
    while start < len(stream):
        records += 1
        if records > _MAX_RECORDS:
            raise NotClientHello(f"the ClientHello comes in more than {_MAX_RECORDS} records")
        collected += _fragment(stream, start)
        if collected and collected[0] != _CLIENT_HELLO:
            raise NotClientHello(f"the first handshake message is of type {collected[0]}, not a ClientHello")
        if len(collected) >= 4:
            end = 4 + int.from_bytes(collected[1:4])
            if end > MAX_SIZE:
                raise NotClientHello(f"the ClientHello says that it has {end} bytes; {MAX_SIZE} are allowed")
            if len(collected) >= end:
                return bytes(collected[4:end])
        start += 5 + int.from_bytes(stream[start + 3 : start + 5])
    return None


def _fragment(stream: bytes, start: int) -> bytes:
    """Return what has arrived of the body of the record at ``start``."""
    header = stream[start : start + 5]
    if header[0] != _HANDSHAKE:
        if start:
            raise NotClientHello(f"a record of type {header[0]} came before the end of the ClientHello")
        raise _not_tls(stream)
    if len(header) > 1 and header[1] != 3:
        raise NotClientHello(f"a record has the major version {header[1]}, which TLS has not")
    if len(header) < 5:
        return b""
    length = int.from_bytes(header[3:])
    # RFC 8446, 5.1 forbids empty fragments too; they would cost work and bring nothing.
    if not 0 < length <= _MAX_FRAGMENT:
        raise NotClientHello(f"a record says that it has {length} bytes; a handshake record has 1 to {_MAX_FRAGMENT}")
    return stream[start + 5 : start + 5 + length]


def _not_tls(stream: bytes) -> NotClientHello:
    looks_like: LooksLike | None = None
    if stream[0] == _MQTT_CONNECT:
        looks_like = "MQTT"
    elif stream.startswith(_HTTP_METHODS):
        looks_like = "HTTP"
    elif _TEXT.issuperset(stream[:16]):
        looks_like = "plain text"
    seen = f"{looks_like} without TLS" if looks_like else f"no TLS: its first byte is 0x{stream[0]:02x}, not 0x16"
    return NotClientHello(f"the client sent {seen}; let it use TLS on this port", looks_like)


def _parse(message: bytes) -> ClientHello:
    reader = _Reader(message, "the ClientHello")
    legacy_version = reader.uint(2)
    reader.take(_RANDOM_SIZE)
    if len(reader.vector(1)) > _MAX_SESSION_ID:
        raise NotClientHello(f"the session identifier has more than {_MAX_SESSION_ID} bytes")
    cipher_suites = reader.vector(2)
    if not cipher_suites or len(cipher_suites) % 2:
        raise NotClientHello(f"the cipher suites have {len(cipher_suites)} bytes, which is no list of them")
    if not reader.vector(1):
        raise NotClientHello("the list of compression methods is empty")
    extensions = _extensions(reader)
    versions = extensions.get(_SUPPORTED_VERSIONS)
    return ClientHello(
        server_name=_server_name(extensions.get(_SERVER_NAME)),
        alpn=_protocols(extensions.get(_ALPN)),
        versions=(legacy_version,) if versions is None else _versions(versions),
    )


def _extensions(hello: _Reader) -> dict[int, bytes]:
    extensions: dict[int, bytes] = {}
    # TLS 1.2 may leave the whole block out (RFC 5246, 7.4.1.2).
    if hello.left:
        block = _Reader(hello.vector(2), "the block of extensions")
        hello.finish()
        while block.left:
            number = block.uint(2)
            extensions.setdefault(number, block.vector(2))
    return extensions


def _server_name(body: bytes | None) -> str | None:
    found: str | None = None
    names = _list_in(body, 2, "the server_name extension")
    while names.left:
        # RFC 6066 has one type; like it, those to come are taken to begin with a length of two bytes.
        kind, name = names.uint(1), names.vector(2)
        if kind == _HOST_NAME and not name:
            raise NotClientHello("the server_name extension has an empty host name")
        if kind == _HOST_NAME and found is None:
            found = name.decode("latin-1")
    return found


def _protocols(body: bytes | None) -> tuple[str, ...]:
    protocols: list[str] = []
    names = _list_in(body, 2, "the ALPN extension")
    while names.left:
        name = names.vector(1)
        if not name:
            raise NotClientHello("the ALPN extension has an empty protocol name")
        protocols.append(name.decode("latin-1"))
    return tuple(protocols)


def _versions(body: bytes) -> tuple[int, ...]:
    versions: list[int] = []
    numbers = _list_in(body, 1, "the supported_versions extension")
    while numbers.left:
        versions.append(numbers.uint(2))
    return tuple(versions)


def _list_in(body: bytes | None, size: int, part: str) -> _Reader:
    """Return a reader of the list that fills the body of an extension; an absent one has nothing to read."""
    if body is None:
        return _Reader(b"", part)
    extension = _Reader(body, part)
    content = extension.vector(size)
    extension.finish()
    return _Reader(content, part)


class _Reader:
    """Takes fields from bytes, and names the part that they belong to where they end too early or too late."""

    __slots__ = ("_data", "_part", "_position")

    def __init__(self, data: bytes, part: str) -> None:
        self._data = data
        self._part = part
        self._position = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._position

    def take(self, size: int) -> bytes:
        if size > self.left:
            raise NotClientHello(f"{self._part} is malformed: a field says {size} bytes where {self.left} are left")
        start = self._position
        self._position += size
        return self._data[start : self._position]

    def uint(self, size: int) -> int:
        return int.from_bytes(self.take(size))

    def vector(self, size: int) -> bytes:
        """Take a vector whose length is in its first ``size`` bytes."""
        return self.take(self.uint(size))

    def finish(self) -> None:
        if self.left:
            raise NotClientHello(f"{self._part} is malformed: bytes too many: {self.left}")
