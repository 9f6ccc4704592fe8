"""Find a CONNECT packet in what people capture: raw bytes, a hexadecimal dump, or base64."""

from __future__ import annotations

import base64
import binascii
import itertools
import re
from collections.abc import Iterator

from attrs import frozen

from customauth.errors import CredentialError
from customauth.mqtt import Connect, FrameReader, MalformedFrame, MalformedPacket, UnsupportedProtocolLevel
from customauth.mqtt.wire import MAX_VARINT

# The fixed header with any flags, and the protocol's name, of MQTT 3.1 too.
_CONNECT = re.compile(rb"[\x10-\x1f][\x80-\xff]{0,3}[\x00-\x7f](?:\x00\x04MQTT|\x00\x06MQIsdp)", re.DOTALL)
_HEADER = 5

_HEXADECIMAL = re.compile(r"[0-9A-Fa-f]+")
_BETWEEN_HEXADECIMAL = re.compile(r"0[xX]|\\x|[\s,:;{}\[\]()-]")
_DUMP_LINE = re.compile(r"\s*(?:0x)?(?P<offset>[0-9A-Fa-f]{4,16}):?\s+(?P<rest>\S.*)")
_DUMP_GROUPS = re.compile(r"(?:[0-9A-Fa-f]{2})+(?:\s{1,2}(?:[0-9A-Fa-f]{2})+(?=\s|$))*")
_WIDEST_LINE = 64

# The first bytes of what is captured by mistake.
_MISTAKES = (
    (
        re.compile(rb"[\x14-\x17]\x03[\x00-\x04]"),
        "this is a TLS stream, which is encrypted; capture what goes into TLS: let the device or the local gateway "
        "write out the packet, or decrypt the capture with the client's session keys",
    ),
    (
        re.compile(rb"\xd4\xc3\xb2\xa1|\xa1\xb2\xc3\xd4|\x4d\x3c\xb2\xa1|\x0a\x0d\x0d\x0a"),
        "this is a whole packet capture, and no MQTT is to be read in it; export the bytes of the decrypted CONNECT "
        "alone (in Wireshark: Copy, as a Hex Stream)",
    ),
    (
        re.compile(rb"(?:GET|POST|HTTP/1\.[01]) "),
        "this is HTTP, and no CONNECT follows in clear; capture the MQTT packet that goes into the WebSocket, unmasked",
    ),
)


@frozen(kw_only=True)
class Captured:
    """A CONNECT as it was captured.

    :ivar packet: None when no server takes it.
    :ivar fault: what is wrong with it then.
    :ivar rule: the rule that it breaks.
    """

    packet: Connect | None = None
    fault: str | None = None
    rule: str | None = None


def captured_connect(data: bytes) -> Captured:
    """Return the first CONNECT in a capture.

    :raises CredentialError: when there is none, or its end is missing.
    """
    readings = list(_readings(data))
    for stream in readings:
        match = _CONNECT.search(stream)
        if match is not None:
            return _decoded(stream[match.start() :])
    for stream in readings:
        for pattern, problem in _MISTAKES:
            if pattern.match(stream):
                raise CredentialError(problem)
    raise CredentialError(
        "there is no MQTT CONNECT in the capture; give its bytes, from the first (hexadecimal 10) on: "
        "raw, as hexadecimal text or dump, or in base64"
    )


def _decoded(stream: bytes) -> Captured:
    try:
        frames = FrameReader(_HEADER + MAX_VARINT).feed(stream)
    except MalformedFrame as error:
        # What follows the packet need not be MQTT.
        frames = list(error.frames)
        if not frames:
            return Captured(fault=str(error), rule="packet-malformed")
    if not frames:
        raise CredentialError(
            "the capture ends before its CONNECT does; capture the packet whole "
            "(or the device states a longer packet than it sends, and waits for an answer in vain)"
        )
    try:
        return Captured(packet=Connect.from_frame(frames[0]))
    except UnsupportedProtocolLevel as error:
        return Captured(fault=str(error), rule="protocol-version")
    except MalformedPacket as error:
        return Captured(fault=str(error), rule="packet-malformed")


def _readings(data: bytes) -> Iterator[bytes]:
    """Read the capture in every form that it may have."""
    yield data
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return
    dump = _from_dump(text)
    if dump:
        yield dump
    bare = _BETWEEN_HEXADECIMAL.sub("", text)
    if _HEXADECIMAL.fullmatch(bare) and len(bare) % 2 == 0:
        yield bytes.fromhex(bare)
    squeezed = "".join(text.split()).translate(str.maketrans("-_", "+/"))
    try:
        yield base64.b64decode(squeezed + "=" * (-len(squeezed) % 4), validate=True)
    except (binascii.Error, ValueError):
        return


def _from_dump(text: str) -> bytes:
    """Read a dump as xxd, hexdump -C, tcpdump and Wireshark print it: offset, bytes, and the bytes as text."""
    lines = [match for match in map(_DUMP_LINE.match, text.splitlines()) if match is not None]
    offsets = [int(line["offset"], 16) for line in lines]
    # The next offset tells where the bytes end and the text begins; the last line is as wide as those before, at most.
    widths = [after - before for before, after in itertools.pairwise(offsets)]
    widths.append(widths[-1] if widths else _WIDEST_LINE)
    if not lines or (len(lines) == 1 and offsets[0]):
        return b""
    stream = bytearray()
    for line, width in zip(lines, widths, strict=True):
        groups = _DUMP_GROUPS.match(line["rest"])
        found = b"" if groups is None else bytes.fromhex("".join(groups[0].split()))
        if not 0 < width <= _WIDEST_LINE or (len(found) < width and line is not lines[-1]):
            return b""
        stream += found[:width]
    return bytes(stream)
