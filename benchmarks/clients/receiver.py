"""The receiving side of publishes at QoS 0: counts what has arrived, and when the last did.

A process of its own, ``python -m benchmarks.clients.receiver``. It reads an :class:`Order`, says ``ready`` once it has
subscribed, and when that many messages are here, or no more come, what :class:`Arrivals` has. It counts payloads in
what TLS gives it, and takes no packets apart: so it costs the machine next to nothing. Its clock is the monotonic one,
which all processes share.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import pickle
import socket
import ssl
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from attrs import asdict, field, frozen

from customauth import CustomAuth, Endpoint
from customauth.mqtt import Connect, FrameReader, MqttVersion, PacketType, Subscribe, Subscription, encode

_ROOT = Path(__file__).parents[2]
_LIMIT = 20.0
_READ_SIZE = 1 << 18
_MAX_PACKET = 1 << 20
# Seconds; longer than any measure.
_KEEP_ALIVE = 1200


@frozen(kw_only=True)
class Order:
    """What is to be received, and where."""

    endpoint: Endpoint
    credentials: CustomAuth = field(repr=False)
    client_id: str
    topic: str
    payload: bytes
    count: int


@frozen(kw_only=True)
class Arrivals:
    """How many have arrived, and when the last did."""

    count: int
    last: float


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


@contextlib.asynccontextmanager
async def receiving(order: Order) -> AsyncIterator[Callable[[], Awaitable[Arrivals]]]:
    """Subscribe in another process, and give the function that waits for what has arrived.

    :raises RuntimeError: when the process ends before its time; its traceback is on standard error.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.clients.receiver"),
        cwd=_ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - they are pipes
    said = process.stdout

    async def line() -> bytes:
        if found := await said.readline():
            return found
        raise RuntimeError(f"the receiver ended with {await process.wait()}; its traceback is above")

    async def arrivals() -> Arrivals:
        return Arrivals(**json.loads(await line()))

    try:
        process.stdin.write(pickle.dumps(order))
        process.stdin.close()
        await line()
        yield arrivals
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await process.wait()


def receive(order: Order) -> Arrivals:
    """Do what an order says."""
    with _subscribed(order) as stream:
        _say("ready")
        tally = Tally(order.payload)
        last = time.monotonic()
        while tally.count < order.count:
            try:
                data = stream.recv(_READ_SIZE)
            except TimeoutError:
                break
            if not data:
                break
            tally.feed(data)
            last = time.monotonic()
    return Arrivals(count=tally.count, last=last)


def _subscribed(order: Order) -> ssl.SSLSocket:
    version, endpoint = MqttVersion.V311, order.endpoint
    raw = socket.create_connection((endpoint.host, endpoint.port), _LIMIT)
    stream = tls_context(endpoint).wrap_socket(raw, server_hostname=endpoint.host)
    connect = Connect(
        version=version,
        client_id=order.client_id,
        keep_alive=_KEEP_ALIVE,
        username=order.credentials.mqtt_username(),
        password=order.credentials.password,
    )
    stream.sendall(encode(connect, version))
    frames = FrameReader(_MAX_PACKET)
    _expect(stream, frames, PacketType.CONNACK)
    wanted = Subscription(filter=order.topic)
    stream.sendall(encode(Subscribe(packet_id=1, subscriptions=(wanted,)), version))
    _expect(stream, frames, PacketType.SUBACK)
    return stream


def tls_context(endpoint: Endpoint) -> ssl.SSLContext:
    """Return the TLS settings of those who use no library: the CA, the name checked, ALPN ``mqtt``."""
    assert endpoint.ca_pem is not None  # noqa: S101 - the servers are our own
    context = ssl.create_default_context(cadata=endpoint.ca_pem.decode())
    context.set_alpn_protocols(["mqtt"])
    return context


def _expect(stream: ssl.SSLSocket, frames: FrameReader, kind: PacketType) -> None:
    while True:
        data = stream.recv(_READ_SIZE)
        if not data:
            raise ConnectionError(f"closed before {kind.name}")
        for frame in frames.feed(data):
            if frame.type is not kind:
                raise ConnectionError(f"{frame.type.name} in place of {kind.name}")
            return


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _say(json.dumps(asdict(receive(pickle.loads(sys.stdin.buffer.read())))))  # noqa: S301 - written by our own parent
