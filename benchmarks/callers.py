"""The load: MQTT clients over TLS, the same program for every server, run as a process of its own.

It reads one JSON object for each line of standard input and answers each with one line of JSON::

    {"do": "aim", "host": ..., "port": ..., "name": ..., "ca_file": ...}      where, and whom to trust
    {"do": "churn", "packets": [base64, ...], "in_flight": 8}                 connect, be accepted, leave
    {"do": "hold", "packets": [base64, ...], "in_flight": 8}                  connect, be accepted, stay
    {"do": "ping", "in_flight": 8}                                            PINGREQ from all that stay
    {"do": "leave"}                                                           all that stay leave

Each packet is the whole CONNECT of one client. To connect is TCP, a full TLS 1.3 handshake with the server's
certificate and name checked, CONNECT, and an accepting CONNACK; to leave is DISCONNECT and close. OpenSSL on the socket
itself, under epoll, is the least that a client can cost in Python.
"""

from __future__ import annotations

import base64
import itertools
import json
import select
import socket
import ssl
import sys
import time
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from typing import Any, TypeAlias

_LIMIT = 30.0
_CONNACK = 0x20
_DISCONNECT = b"\xe0\x00"
_PINGREQ = b"\xc0\x00"
_PINGRESP = b"\xd0\x00"
_READ_SIZE = 4096

Steps: TypeAlias = Generator[None, None, None]
"""The work of one client; it yields where it must wait for the server."""


class Lost(Exception):
    """The server did something else than to accept or to answer."""


class Target:
    """The server, and how it is spoken to."""

    def __init__(self, *, host: str, port: int, name: str, ca_file: str) -> None:
        self.address = (host, port)
        self.name = name
        self.context = ssl.create_default_context(cafile=ca_file)
        self.context.minimum_version = self.context.maximum_version = ssl.TLSVersion.TLSv1_3
        self.context.set_alpn_protocols(["mqtt"])


class Client:
    """One connection: why it failed, if it did, and the seconds that its TLS handshake and its CONNECT took."""

    __slots__ = ("_socket", "connack", "handshake", "tls", "why")

    def __init__(self) -> None:
        self.why: str | None = None
        self.tls = ""
        self.handshake = self.connack = 0.0

    def connect(self, target: Target, packet: bytes) -> Steps:
        """Connect, and wait for the CONNACK that accepts."""
        started = time.perf_counter()
        # On loopback the system completes it at once, as long as the queue of the listener has room.
        raw = socket.create_connection(target.address, _LIMIT)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.setblocking(False)
        self._socket = target.context.wrap_socket(raw, server_hostname=target.name, do_handshake_on_connect=False)
        while True:
            try:
                self._socket.do_handshake()
                break
            except ssl.SSLWantReadError:
                yield
        secured = time.perf_counter()
        self.tls = f"{self._socket.version()} {(self._socket.cipher() or ('',))[0]}"
        self._socket.send(packet)
        answer = b""
        while len(answer) < 4 or len(answer) < answer[1] + 2:
            answer += yield from self._read()
        if answer[0] != _CONNACK or answer[3]:
            raise Lost(f"refused with {answer[:4].hex()}")
        self.handshake = secured - started
        self.connack = time.perf_counter() - secured

    @property
    def socket(self) -> ssl.SSLSocket:
        """The TLS connection; it does not block."""
        return self._socket

    def ping(self) -> Steps:
        """Ask for a sign of life, and wait for it."""
        self._socket.send(_PINGREQ)
        answer = yield from self._read()
        if answer != _PINGRESP:
            raise Lost(f"answered a PINGREQ with {answer[:4].hex()}")

    def leave(self) -> None:
        """Say DISCONNECT and close."""
        with self._socket:
            self._socket.send(_DISCONNECT)

    def fileno(self) -> int:
        """Return the descriptor to poll."""
        return self._socket.fileno()

    def _read(self) -> Generator[None, None, bytes]:
        while True:
            try:
                data = self._socket.recv(_READ_SIZE)
            except ssl.SSLWantReadError:
                yield
                continue
            if not data:
                raise Lost("closed by the server")
            return data


class Crowd:
    """Many clients in one thread."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._staying: list[Client] = []

    def churn(self, packets: Sequence[bytes], in_flight: int) -> dict[str, Any]:
        """Connect a client for each packet; it leaves once it is accepted."""
        return self._connect(packets, in_flight, leave=True)

    def hold(self, packets: Sequence[bytes], in_flight: int) -> dict[str, Any]:
        """Connect a client for each packet; it stays."""
        return self._connect(packets, in_flight, leave=False)

    def ping(self, in_flight: int) -> dict[str, Any]:
        """Let all that stay send a PINGREQ."""
        return _run(((client, client.ping()) for client in self._staying), in_flight, leave=False)

    def leave(self) -> dict[str, Any]:
        """Let all that stay leave."""
        return _run(((client, _nothing()) for client in self._staying), 1, leave=True)

    def _connect(self, packets: Sequence[bytes], in_flight: int, *, leave: bool) -> dict[str, Any]:
        clients = [Client() for _ in packets]
        work = ((client, client.connect(self._target, packet)) for client, packet in zip(clients, packets, strict=True))
        result = _run(work, in_flight, leave=leave)
        done = [client for client in clients if client.connack]
        if not leave:
            self._staying += done
        return {
            **result,
            "tls": sorted({client.tls for client in done}),
            "handshake": [client.handshake for client in done],
            "connack": [client.connack for client in done],
        }


def _run(work: Iterator[tuple[Client, Steps]], in_flight: int, *, leave: bool) -> dict[str, Any]:
    """Do the work of all clients, at most so many at the same time."""
    failures: Counter[str] = Counter()
    waiting: dict[int, tuple[Client, Steps]] = {}
    done = 0
    cpu, started = time.process_time(), time.monotonic()
    with select.epoll() as poll:
        ready = list(itertools.islice(work, in_flight))
        while ready:
            for client, steps in ready:
                try:
                    next(steps)
                    poll.register(client.fileno(), select.EPOLLIN)
                    waiting[client.fileno()] = client, steps
                except StopIteration:
                    done += 1
                    if leave:
                        client.leave()
                except (Lost, OSError) as failure:
                    client.why = str(failure)
                    failures[client.why] += 1
            ready = list(itertools.islice(work, in_flight - len(waiting)))
            if waiting:
                events = poll.poll(0 if ready else _LIMIT)
                for number, _ in events:
                    poll.unregister(number)
                    ready.append(waiting.pop(number))
        if waiting:
            failures[f"no answer within {_LIMIT:g} s"] += len(waiting)
    ended, cpu = time.monotonic(), time.process_time() - cpu
    return {"started": started, "ended": ended, "cpu": cpu, "done": done, "failures": failures}


def _nothing() -> Steps:
    yield from ()


def main() -> None:
    """Do what standard input says, until it ends."""
    crowd: Crowd | None = None
    for line in sys.stdin:
        order = json.loads(line)
        what = order.pop("do")
        if what == "aim":
            crowd = Crowd(Target(**order))
            answer = {}
        else:
            if "packets" in order:
                order["packets"] = [base64.b64decode(packet) for packet in order["packets"]]
            answer = getattr(crowd, what)(**order)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
