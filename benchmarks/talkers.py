"""The load of messages: publishers and subscribers over TLS in one process, the same for every server.

It reads one JSON object for each line of standard input and answers each with one line of JSON::

    {"do": "aim", "host": ..., "port": ..., "name": ..., "ca_file": ...}          where, and whom to trust
    {"do": "meet", "publisher": base64, "subscribers": [base64, ...], "subscribe": base64}
    {"do": "stream", "packet": base64, "at": null, "count": 50000, "together": 128}    QoS 0, as fast as it goes
    {"do": "stream", "packet": base64, "at": 16, "count": 50000, "together": 100}      QoS 1, as fast as it goes
    {"do": "turns", "packet": base64, "at": 16, "count": 1000}                         QoS 1, one after the other
    {"do": "spread", "packet": base64, "count": 20}                                    QoS 0, to all subscribers
    {"do": "leave"}

``publisher`` and ``subscribers`` are CONNECT packets. ``packet`` is a PUBLISH, which arrives as it was sent; ``at`` is
where the packet identifier stands in it. Every byte that a subscriber gets is compared with what it has to get.
"""

from __future__ import annotations

import base64
import json
import select
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from callers import Client, Lost, Steps, Target

_LIMIT = 30.0
_READ_SIZE = 65_536
_SUBACK = 0x90
_ACK_SIZE = 4
# What a publisher may be ahead of its subscriber: a server that had to keep more might be right to drop it.
_WINDOW = 4096
_IN_FLIGHT = 100
_MAX_PACKET_ID = 60_000


class Talkers:
    """One publisher, and its subscribers."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._publisher = Client()
        self._subscribers: list[Client] = []

    def meet(self, publisher: bytes, subscribers: list[bytes], subscribe: bytes) -> dict[str, Any]:
        """Connect all, and subscribe."""
        _complete(self._publisher, self._publisher.connect(self._target, publisher))
        for packet in subscribers:
            client = Client()
            _complete(client, client.connect(self._target, packet))
            _complete(client, _subscribe(client.socket, subscribe))
            self._subscribers.append(client)
        return {"tls": self._publisher.tls}

    def stream(self, packet: bytes, at: int | None, count: int, together: int) -> dict[str, Any]:
        """Publish to one subscriber, many messages at the same time.

        :param together: the most messages in one TLS record.
        """
        publisher, subscriber = self._publisher.socket, self._subscribers[0].socket
        source = _source(packet, at)
        sink = _Sink(packet, at)
        sent = acknowledged = answered = 0
        acknowledgements, unsent = bytearray(), b""
        with _Clock() as clock, select.epoll() as poll:
            poll.register(publisher, select.EPOLLIN)
            poll.register(subscriber, select.EPOLLIN)
            while sink.received < count or (at is not None and acknowledged < count):
                idle = True
                room = min(count - sent, sink.received + _WINDOW - sent, together)
                if at is not None:
                    room = min(room, acknowledged + _IN_FLIGHT - sent)
                if not unsent and room > 0:
                    unsent = source(sent, room)
                    sent += room
                if unsent and _send(publisher, unsent):
                    unsent, idle = b"", False
                for data in _arrived(subscriber):
                    acknowledgements += sink.take(data)
                    idle = False
                if acknowledgements and _send(subscriber, acknowledgements):
                    acknowledgements = bytearray()
                if at is not None:
                    for data in _arrived(publisher):
                        answered += len(data)
                        acknowledged = answered // _ACK_SIZE
                        idle = False
                if idle:
                    poll.modify(publisher, select.EPOLLIN | (select.EPOLLOUT if unsent else 0))
                    poll.modify(subscriber, select.EPOLLIN | (select.EPOLLOUT if acknowledgements else 0))
                    if not poll.poll(_LIMIT):
                        break
        return clock.result(sent=sent, received=sink.received)

    def turns(self, packet: bytes, at: int, count: int) -> dict[str, Any]:
        """Publish one message after the other, each when the last one has arrived and was acknowledged."""
        publisher, subscriber = self._publisher.socket, self._subscribers[0].socket
        source, sink = _source(packet, at), _Sink(packet, at)
        arrivals = []
        with _Clock() as clock:
            for number in range(count):
                began = time.perf_counter()
                _must_send(publisher, source(number, 1))
                acknowledgement = b""
                while not acknowledgement:
                    acknowledgement = sink.take(_next(subscriber))
                arrivals.append(time.perf_counter() - began)
                _must_send(subscriber, acknowledgement)
                if len(_next(publisher)) != _ACK_SIZE:
                    raise Lost("no PUBACK for one message")
        return clock.result(sent=count, received=sink.received, arrivals=arrivals)

    def spread(self, packet: bytes, count: int) -> dict[str, Any]:
        """Publish one message after the other to all subscribers, each when all have got the last one."""
        received = 0
        arrivals = []
        with _Clock() as clock, select.epoll() as poll:
            sockets = {client.fileno(): client.socket for client in self._subscribers}
            sinks = {number: _Sink(packet, None) for number in sockets}
            for number in sockets:
                poll.register(number, select.EPOLLIN)
            for turn in range(1, count + 1):
                began = time.perf_counter()
                _must_send(self._publisher.socket, packet)
                while received < turn * len(sockets):
                    events = poll.poll(_LIMIT)
                    if not events:
                        break
                    for number, _ in events:
                        sink = sinks[number]
                        before = sink.received
                        for data in _arrived(sockets[number]):
                            sink.take(data)
                        received += sink.received - before
                arrivals.append(time.perf_counter() - began)
        return clock.result(sent=count * len(sockets), received=received, arrivals=arrivals)

    def leave(self) -> dict[str, Any]:
        """Say goodbye, all of them."""
        for client in (self._publisher, *self._subscribers):
            client.leave()
        self._publisher, self._subscribers = Client(), []
        return {}


class _Sink:
    """What one subscriber gets: the same packet again and again, packet identifiers aside."""

    def __init__(self, packet: bytes, at: int | None) -> None:
        self._packet = packet
        self._at = at
        self._many = packet * (_READ_SIZE // len(packet) + 2)
        self._partial = b""
        self.received = 0

    def take(self, data: bytes) -> bytes:
        """Take bytes; return the PUBACKs that they call for."""
        if self._partial:
            data = self._partial + data
        size = len(self._packet)
        count = len(data) // size
        data, self._partial = data[: count * size], data[count * size :]
        self.received += count
        if self._at is None:
            if not self._many.startswith(data):
                raise Lost("a message came other than it was sent")
            return b""
        high, low = data[self._at :: size], data[self._at + 1 :: size]
        plain = bytearray(data)
        plain[self._at :: size] = plain[self._at + 1 :: size] = bytes(count)
        if not self._many.startswith(plain):
            raise Lost("a message came other than it was sent")
        answer = bytearray(b"\x40\x02\0\0" * count)
        answer[2::_ACK_SIZE], answer[3::_ACK_SIZE] = high, low
        return bytes(answer)


class _Clock:
    """Time and processor time of the load itself."""

    def __enter__(self) -> _Clock:
        self._began, self._cpu = time.monotonic(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self._wall, self._cpu = time.monotonic() - self._began, time.process_time() - self._cpu

    def result(self, **others: object) -> dict[str, Any]:
        return {"wall": self._wall, "cpu": self._cpu, **others}


def _source(packet: bytes, at: int | None) -> Callable[[int, int], bytes]:
    """Return what makes so many packets, from the one of a number on."""
    if at is None:
        many = packet * _WINDOW
        return lambda start, count: many[: count * len(packet)]
    before, behind, size = packet[:at], packet[at + 2 :], len(packet)
    numbered = b"".join(before + number.to_bytes(2) + behind for number in range(1, _MAX_PACKET_ID + 1))
    numbered += numbered[: _IN_FLIGHT * size]

    def some(start: int, count: int) -> bytes:
        first = start % _MAX_PACKET_ID * size
        return numbered[first : first + count * size]

    return some


def _subscribe(socket: ssl.SSLSocket, packet: bytes) -> Steps:
    socket.send(packet)
    while True:
        try:
            answer = socket.recv(_READ_SIZE)
        except ssl.SSLWantReadError:
            yield
            continue
        if not answer or answer[0] != _SUBACK or answer[-1] > 1:
            raise Lost(f"SUBSCRIBE was answered with {answer.hex() or 'the end'}")
        return


def _complete(client: Client, steps: Steps) -> None:
    for _ in steps:
        _wait(client.socket)


def _arrived(socket: ssl.SSLSocket) -> Iterator[bytes]:
    """Yield what can be read without waiting."""
    while True:
        try:
            data = socket.recv(_READ_SIZE)
        except ssl.SSLWantReadError:
            return
        if not data:
            raise Lost("closed by the server")
        yield data


def _next(socket: ssl.SSLSocket) -> bytes:
    while True:
        for data in _arrived(socket):
            return data
        _wait(socket)


def _wait(socket: ssl.SSLSocket) -> None:
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    if not poll.poll(_LIMIT * 1e3):
        raise Lost(f"no answer within {_LIMIT:g} s")


def _send(socket: ssl.SSLSocket, data: bytes | bytearray) -> bool:
    """Send all, or nothing where there is no room for it now."""
    try:
        # OpenSSL keeps what has found no room, and wants the same bytes again.
        return socket.send(data) == len(data)
    except ssl.SSLWantWriteError:
        return False


def _must_send(socket: ssl.SSLSocket, data: bytes) -> None:
    if not _send(socket, data):
        raise Lost("there is no room for one message")


def main() -> None:
    """Do what standard input says, until it ends."""
    talkers: Talkers | None = None
    for line in sys.stdin:
        order = json.loads(line)
        what = order.pop("do")
        if what == "aim":
            talkers = Talkers(Target(**order))
            answer = {}
        else:
            for key in ("publisher", "subscribe", "packet"):
                if key in order:
                    order[key] = base64.b64decode(order[key])
            if "subscribers" in order:
                order["subscribers"] = [base64.b64decode(packet) for packet in order["subscribers"]]
            answer = getattr(talkers, what)(**order)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
