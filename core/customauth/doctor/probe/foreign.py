"""What answers where TLS or MQTT is expected: known by its first bytes."""

from __future__ import annotations

import asyncio
import contextlib
import re

from customauth.doctor.probe.trip import Trip
from customauth.errors import ConnectError
from customauth.mqtt import Connect, MqttVersion, encode

_READ_SIZE = 4096
# Whoever speaks another protocol says so soon, or never; in seconds.
_PATIENCE = 3.0
_HTTP = re.compile(rb"HTTP/[0-9.]{1,4} [0-9]{3}[^\r\n]*")
_CONNACK = 0x20


def recognised(first: bytes) -> str | None:
    """Say what begins with these bytes, None where that is not known."""
    if found := _HTTP.match(first):
        return f"HTTP ({_text(found[0])})"
    if first.startswith(b"SSH-"):
        return f"SSH ({_text(first.splitlines()[0])})"
    if first[:1] == bytes((_CONNACK,)) and first[1:2] and first[1] < 0x80 and len(first) >= 4:
        return "MQTT without TLS"
    if re.match(rb"220[ -]", first):
        return "FTP or SMTP"
    if first.startswith((b"<", b"<!")):
        return "HTML"
    return None


async def look_without_tls(trip: Trip) -> str | None:
    """Send a CONNECT without any credential and without TLS; say what answers, None where nothing does."""
    try:
        connected = await trip.connect()
    except ConnectError:
        return None
    loop = asyncio.get_running_loop()
    packet = encode(Connect(version=MqttVersion.V311, client_id=""), MqttVersion.V311)
    first = b""
    with connected, contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(min(_PATIENCE, trip.setup.timeout)):
            await loop.sock_sendall(connected, packet)
            first = await loop.sock_recv(connected, _READ_SIZE)
    trip.tell("< without TLS", first)
    return recognised(first)


def _text(data: bytes) -> str:
    text = data[:80].decode("latin-1")
    return "".join(char if char.isprintable() else "?" for char in text)
