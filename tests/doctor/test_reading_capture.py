"""A CONNECT found again in whatever people capture."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customauth.doctor.reading import setup_from_capture
from customauth.doctor.setup import Origin, Setup
from customauth.errors import CredentialError
from customauth.mqtt import Connack, Connect, MqttVersion, Property, Publish, Subscribe, Subscription, Will, encode

RAW = "alice?x-amz-customauthorizer-name=A&token=abc"


def _xxd(data: bytes, per_line: int = 16) -> str:
    lines = []
    for at in range(0, len(data), per_line):
        piece = data[at : at + per_line]
        groups = " ".join(piece[place : place + 2].hex() for place in range(0, len(piece), 2))
        lines.append(f"{at:08x}: {groups:<39}  {_printable(piece)}")
    return "\n".join(lines) + "\n"


def _hexdump(data: bytes) -> str:
    lines = []
    for at in range(0, len(data), 16):
        piece = data[at : at + 16]
        halves = f"{piece[:8].hex(' '):<23}  {piece[8:].hex(' '):<23}"
        lines.append(f"{at:08x}  {halves}  |{_printable(piece)}|")
    return "\n".join([*lines, f"{len(data):08x}", ""])


def _wireshark(data: bytes) -> str:
    lines = [
        f"{at:04x}   {data[at : at + 16].hex(' '):<47}   {_printable(data[at : at + 16])}"
        for at in range(0, len(data), 16)
    ]
    return "\n".join(lines)


def _tcpdump(data: bytes) -> str:
    return "\n".join(f"\t0x{line[4:8]}:  {line[10:]}" for line in _xxd(data).splitlines())


def _offsets_alone(data: bytes) -> str:
    return "\n".join(f"{at:04x}  {data[at : at + 16].hex(' ')}" for at in range(0, len(data), 16))


def _printable(piece: bytes) -> str:
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in piece)


_FORMS: dict[str, Callable[[bytes], bytes]] = {
    "raw": bytes,
    "hexadecimal": lambda data: data.hex().encode(),
    "hexadecimal with blanks": lambda data: data.hex(" ").upper().encode(),
    "hexadecimal with colons": lambda data: data.hex(":").encode(),
    "lines of hexadecimal": lambda data: "\n".join(data.hex()[at : at + 64] for at in range(0, 9999, 64)).encode(),
    "a C array": lambda data: ("{" + ", ".join(f"0x{byte:02x}" for byte in data) + "};").encode(),
    "escapes": lambda data: "".join(f"\\x{byte:02x}" for byte in data).encode(),
    "xxd": lambda data: _xxd(data).encode(),
    "narrow xxd": lambda data: _xxd(data, 8).encode(),
    "hexdump": lambda data: _hexdump(data).encode(),
    "wireshark": lambda data: _wireshark(data).encode(),
    "tcpdump": lambda data: _tcpdump(data).encode(),
    "offsets alone": lambda data: _offsets_alone(data).encode(),
    "base64": base64.b64encode,
    "base64url without padding": lambda data: base64.urlsafe_b64encode(data).rstrip(b"="),
    "wrapped base64": base64.encodebytes,
}


def _connects() -> st.SearchStrategy[Connect]:
    text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
    return st.builds(
        Connect,
        version=st.just(MqttVersion.V5),
        client_id=text,
        clean_start=st.booleans(),
        keep_alive=st.integers(0, 65535),
        username=st.none() | text,
        password=st.none() | st.binary(max_size=40),
    )


@pytest.mark.parametrize("form", _FORMS)
@given(packet=_connects())
def test_a_connect_is_read_from_any_form(form: str, packet: Connect) -> None:
    setup = setup_from_capture(_FORMS[form](encode(packet, packet.version)), Setup())
    assert setup.broken is None
    assert (setup.client_id, setup.username, setup.password) == (packet.client_id, packet.username, packet.password)
    assert (setup.keep_alive, setup.clean_start) == (packet.keep_alive, packet.clean_start)


@pytest.mark.parametrize("form", _FORMS)
@pytest.mark.parametrize("size", range(60, 80))
def test_a_dump_whose_text_looks_like_hexadecimal_is_read(form: str, size: int) -> None:
    username = ("ab cd0123456789" * 8)[:size]
    raw = encode(Connect(version=MqttVersion.V5, client_id="", username=username), MqttVersion.V5)
    assert setup_from_capture(_FORMS[form](raw), Setup()).username == username


def _whole(version: MqttVersion = MqttVersion.V5) -> bytes:
    packet = Connect(
        version=version,
        client_id="device",
        clean_start=False,
        keep_alive=30,
        username=RAW,
        password=b"\x00\xff",
        will=Will(topic="w", payload=b"gone", qos=2, retain=True),
        properties={Property.SESSION_EXPIRY_INTERVAL: 90} if version is MqttVersion.V5 else {},
    )
    return encode(packet, version)


@pytest.mark.parametrize("version", MqttVersion)
def test_a_capture_tells_all_that_the_packet_says(version: MqttVersion) -> None:
    setup = setup_from_capture(_whole(version), Setup(version=MqttVersion.V311))
    assert setup.origin is Origin.CAPTURE
    assert setup.version is version
    assert setup.client_id_given
    assert setup.session_expiry == (90 if version is MqttVersion.V5 else None)
    assert setup.will is not None
    assert (setup.will.topic, setup.will.qos, setup.will.retain, setup.will.payload) == ("w", 2, True, b"gone")
    assert (setup.user, setup.parts.authorizer, setup.parts.token) == ("alice", "A", "abc")


def test_packets_before_and_after_the_connect_do_no_harm() -> None:
    before = encode(Connack(session_present=False, reason_code=0), MqttVersion.V5)
    after = encode(Subscribe(packet_id=1, subscriptions=(Subscription(filter="a/#"),)), MqttVersion.V5) + encode(
        Publish(topic="t", payload=b"x"), MqttVersion.V5
    )
    assert setup_from_capture(before + _whole() + after, Setup()).username == RAW
    assert setup_from_capture(_whole() + b"\x00\x00no MQTT at all", Setup()).username == RAW


def test_headers_of_the_network_before_the_connect_do_no_harm() -> None:
    assert setup_from_capture(_tcpdump(bytes(range(0x60, 0x88)) + _whole()).encode(), Setup()).username == RAW


@pytest.mark.parametrize("form", ["raw", "hexadecimal", "xxd", "base64"])
def test_a_tls_stream_is_refused_as_such(form: str) -> None:
    stream = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(200))
    with pytest.raises(CredentialError, match="TLS stream, which is encrypted"):
        setup_from_capture(_FORMS[form](stream), Setup())


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no MQTT CONNECT"),
        (b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00", "whole packet capture"),
        (b"GET /mqtt HTTP/1.1\r\nHost: x\r\n\r\n", "this is HTTP"),
        (_whole()[:-1], "ends before its CONNECT does"),
        (b"\xe0\x00", "no MQTT CONNECT"),
        (RAW.encode(), "no MQTT CONNECT"),
    ],
)
def test_what_holds_no_whole_connect_is_refused_with_what_it_is(data: bytes, said: str) -> None:
    with pytest.raises(CredentialError, match=said):
        setup_from_capture(data, Setup())


def test_a_connect_with_flags_that_mqtt_forbids_is_broken() -> None:
    raw = bytearray(encode(Connect(version=MqttVersion.V311, client_id="d"), MqttVersion.V311))
    raw[9] |= 0x01
    setup = setup_from_capture(bytes(raw), Setup(username="left over"))
    assert setup.broken_rule == "packet-malformed"
    assert "reserved bit" in (setup.broken or "")
    assert setup.username is None


@pytest.mark.fact("E1")
def test_a_connect_of_mqtt_31_is_broken_for_its_version() -> None:
    raw = b"\x10\x0f\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x01d"
    assert setup_from_capture(raw, Setup()).broken_rule == "protocol-version"


@given(st.binary() | st.binary().map(lambda data: b"\x10\x20\x00\x04MQTT" + data))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        setup_from_capture(data, Setup())
    except CredentialError as error:
        assert len(str(error)) > 20  # noqa: PT017 whichever it is


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        setup_from_capture(text.encode("utf-8", "surrogatepass"), Setup())
    except CredentialError as error:
        assert text not in str(error) or len(text) < 8  # noqa: PT017 whichever it is
