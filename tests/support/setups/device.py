"""The device of a set-up: it sends what the set-up says, byte for byte. Import as ``setups.device``.

::

    logs_in(stage)      whether the server lets the device in, be it by customauth's own client or by hand
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from customauth.cli.exits import ExitCode
from customauth.mqtt import Connect, FrameReader, MqttVersion, PacketType, encode
from setups.staging import Stage

# What says how the device is examined, and nothing of the device.
_DOCTORS_OWN = ("--public-key", "--publish", "--subscribe")
# What no client of customauth sends.
_RAW = ("--from-username-file", "--from-query-file", "--capture", "--alpn")
_LIMIT = 20.0


def logs_in(stage: Stage) -> bool:
    """Log in once as the device does; skips the test where no MQTT library here can.

    :raises AssertionError: customauth itself failed.
    """
    words = [str(word) for word in stage.case.words(stage.place)]
    if any(option in words for option in _RAW) or _value(words, "-i") == "":
        return _by_hand(stage, words)
    result = stage.run("connect", without=_DOCTORS_OWN)
    if result.code == ExitCode.BACKEND:
        pytest.skip(result.last)
    assert result.code != ExitCode.INTERNAL, result.stderr
    return result.code == ExitCode.OK


def _value(words: Sequence[str], option: str, default: str | None = None) -> str | None:
    return words[words.index(option) + 1] if option in words else default


def _by_hand(stage: Stage, words: Sequence[str]) -> bool:
    """Send the CONNECT through TLS with the ALPN of the device, and read the CONNACK, if there is one."""
    host, _, port = (_value(words, "--address") or "").partition(":")
    context = ssl.create_default_context(cafile=_value(words, "--cafile"))
    alpn = "" if "://" in words[0] else _value(words, "--alpn", "mqtt")
    if alpn:
        context.set_alpn_protocols([alpn])
    version = MqttVersion.V311 if _value(words, "-V") == "3.1.1" else MqttVersion.V5
    packet = _packet(stage, words, version)
    reader = FrameReader(max_size=1 << 16)
    query = _value(words, "--from-query-file")
    if query is not None:
        uri = f"{words[0]}/mqtt?{Path(query).read_text()}"
        plain = socket.create_connection((host, int(port)), _LIMIT)
        with connect(uri, sock=plain, ssl=context, subprotocols=[Subprotocol("mqtt")]) as websocket:
            websocket.send(packet)
            answer = websocket.recv(_LIMIT)
            assert isinstance(answer, bytes)
            return answer[3] == 0
    with (
        socket.create_connection((host, int(port)), _LIMIT) as plain,
        context.wrap_socket(plain, server_hostname=words[0].partition(":")[0]) as connection,
    ):
        connection.sendall(packet)
        while data := connection.recv(4096):
            for frame in reader.feed(data):
                # The second byte of a CONNACK's body is its code in every version, also in those that nothing decodes.
                return frame.type is PacketType.CONNACK and frame.body[1] == 0
    return False


def _packet(stage: Stage, words: Sequence[str], version: MqttVersion) -> bytes:
    captured = _value(words, "--capture")
    if captured is not None:
        content = Path(captured).read_bytes()
        return bytes.fromhex(content.decode()) if captured.endswith(".hex") else content
    file = _value(words, "--from-username-file")
    username: str | None = stage.place.username if file is None else Path(file).read_text()
    if "--from-query-file" in words:
        username = None
    password = _value(words, "--password-file")
    made = Connect(
        version=version,
        client_id=_value(words, "-i") or "",
        clean_start="-c" not in words,
        username=username,
        password=None if password is None else Path(password).read_bytes(),
    )
    return encode(made, version)
