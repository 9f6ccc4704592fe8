"""The receiving side of publishes at QoS 0: counts what has arrived, and when the last did.

A process of its own: ``python -m benchmarks.clients.receiver``. It reads one JSON object for each line of standard
input: ``{"target": ..., "topic": ..., "payload": ..., "count": ...}``, says ``{"ready": true}`` once it has subscribed,
and when that many messages are here, or no more come, ``{"arrived": ..., "last": ...}``. It counts payloads in what TLS
gives it, and takes no packets apart: so it costs the machine next to nothing.
"""

from __future__ import annotations

import json
import socket
import ssl
import sys
import time
from typing import Any

from customauth.mqtt import Connect, FrameReader, MqttVersion, PacketType, Subscribe, Subscription, encode

from .contract import KEEP_ALIVE
from .tls import tls_context

_LIMIT = 20.0
_READ_SIZE = 1 << 18
_MAX_PACKET = 1 << 20


class Tally:
    """Counts how often a payload stands in a stream of bytes."""

    def __init__(self, payload: bytes) -> None:
        self.count = 0
        self._payload = payload
        self._tail = b""

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        *counted, rest = (self._tail + data).split(self._payload)
        self.count += len(counted)
        # Too short for a whole one.
        self._tail = rest[max(len(rest) - len(self._payload) + 1, 0) :]


def receive(order: dict[str, Any]) -> dict[str, Any]:
    """Do one order."""
    with _subscribed(order) as stream:
        _say({"ready": True})
        tally = Tally(order["payload"].encode())
        last = time.monotonic()
        while tally.count < order["count"]:
            try:
                data = stream.recv(_READ_SIZE)
            except TimeoutError:
                break
            if not data:
                break
            tally.feed(data)
            last = time.monotonic()
    return {"arrived": tally.count, "last": last}


def _subscribed(order: dict[str, Any]) -> ssl.SSLSocket:
    target = order["target"]
    version = MqttVersion.V311
    raw = socket.create_connection((target["host"], target["port"]), _LIMIT)
    stream = tls_context(target["ca_file"]).wrap_socket(raw, server_hostname=target["host"])
    password = target["password"]
    connect = Connect(
        version=version,
        client_id=order["client_id"],
        keep_alive=KEEP_ALIVE,
        username=target["username"],
        password=None if password is None else password.encode(),
    )
    stream.sendall(encode(connect, version))
    frames = FrameReader(_MAX_PACKET)
    _expect(stream, frames, PacketType.CONNACK)
    wanted = Subscription(filter=order["topic"])
    stream.sendall(encode(Subscribe(packet_id=1, subscriptions=(wanted,)), version))
    _expect(stream, frames, PacketType.SUBACK)
    return stream


def _expect(stream: ssl.SSLSocket, frames: FrameReader, kind: PacketType) -> None:
    while True:
        data = stream.recv(_READ_SIZE)
        if not data:
            raise ConnectionError(f"closed before {kind.name}")
        for frame in frames.feed(data):
            if frame.type is not kind:
                raise ConnectionError(f"{frame.type.name} in place of {kind.name}")
            return


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    for line in sys.stdin:
        _say(receive(json.loads(line)))
