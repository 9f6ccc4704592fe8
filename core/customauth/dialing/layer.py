"""What TLS and the WebSocket have in common: each is a transport for what is above it, on the transport below it.

MQTT libraries write packet by packet. What is written in one step of the event loop is collected and goes out in one
piece.
"""

from __future__ import annotations

import asyncio
from typing import Any

# What has collected to this size goes out at once, in bytes.
_FLUSH_SIZE = 65_536


class Layer(asyncio.Transport):
    """One layer of a connection. The layer below calls its methods of a protocol, what is above those of a transport.

    Nothing is told to the protocol above before :meth:`start`.
    """

    __slots__ = ("_below", "_cause", "_closing", "_early", "_loop", "_lost", "_pending", "_pending_size", "_protocol")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._loop = loop
        self._below: asyncio.Transport | None = None
        self._protocol: asyncio.BaseProtocol | None = None
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._early: list[bytes] = []
        self._closing = False
        self._lost = False
        self._cause: Exception | None = None

    def start(self, protocol: asyncio.BaseProtocol) -> None:
        """Let a protocol speak over this layer, which is open."""
        self._protocol = protocol
        protocol.connection_made(self)
        early, self._early = self._early, []
        if early:
            self._deliver(b"".join(early))
        if self._lost:
            self._loop.call_soon(self._say_lost)

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Send, at the end of this step of the event loop; after the connection has begun to close, do nothing."""
        piece = data if type(data) is bytes else bytes(memoryview(data))
        if self._closing or not piece:
            return
        if not self._pending:
            self._loop.call_soon(self._flush)
        self._pending.append(piece)
        self._pending_size += len(piece)
        if self._pending_size >= _FLUSH_SIZE:
            self._flush()

    def write_now(self, data: bytes) -> None:
        """Send at once, behind what was written before."""
        if not self._closing:
            self._pending.append(data)
            self._flush()

    def abort(self) -> None:
        """Close at once; what was not sent is lost."""
        self._closing = True
        self._drop()
        if self._below is not None:
            self._below.abort()

    def is_closing(self) -> bool:
        """Say whether nothing more can be written."""
        return self._closing

    def can_write_eof(self) -> bool:
        """Say no: neither TLS nor a WebSocket can close one direction alone."""
        return False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Let another protocol have what arrives from here on."""
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the protocol above."""
        # As asyncio's own transports, which have none once the connection is gone.
        return self._protocol  # type: ignore[return-value]

    def is_reading(self) -> bool:
        """Say whether what arrives is taken."""
        return not self._closing and self._below is not None and self._below.is_reading()

    def pause_reading(self) -> None:
        """Take nothing more for now."""
        if not self._closing and self._below is not None:
            self._below.pause_reading()

    def resume_reading(self) -> None:
        """Take what arrives again."""
        if not self._closing and self._below is not None:
            self._below.resume_reading()

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait to be sent, in this layer and below it."""
        below = 0 if self._below is None else self._below.get_write_buffer_size()
        return self._pending_size + below

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return the sizes at which writing resumes and pauses."""
        assert self._below is not None  # noqa: S101 - there is one from connection_made on
        return self._below.get_write_buffer_limits()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the sizes at which writing resumes and pauses."""
        if self._below is not None:
            self._below.set_write_buffer_limits(high, low)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what is known of the connection under a name of asyncio's, such as ``peername``."""
        return default if self._below is None else self._below.get_extra_info(name, default)

    def pause_writing(self) -> None:
        """Learn from below that the peer does not read fast enough."""
        if self._protocol is not None:
            self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Learn from below that it does again."""
        if self._protocol is not None:
            self._protocol.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Learn from below that the connection is gone."""
        if self._cause is None and not self._closing:
            self._cause = exc
        self._closing = self._lost = True
        self._drop()
        self._say_lost()

    def _send(self, data: bytes) -> None:
        """Send what was collected."""
        raise NotImplementedError

    def _flush(self) -> None:
        if not self._pending:
            return
        data = self._pending[0] if len(self._pending) == 1 else b"".join(self._pending)
        self._drop()
        self._send(data)

    def _drop(self) -> None:
        self._pending.clear()
        self._pending_size = 0

    def _deliver(self, data: bytes) -> None:
        protocol = self._protocol
        if protocol is None:
            if not self._lost:
                self._early.append(data)
        elif isinstance(protocol, asyncio.BufferedProtocol):
            _fill(protocol, data)
        else:
            assert isinstance(protocol, asyncio.Protocol)  # noqa: S101 - asyncio's own promise for a stream
            protocol.data_received(data)

    def _say_eof(self) -> None:
        if isinstance(self._protocol, asyncio.Protocol | asyncio.BufferedProtocol):
            self._protocol.eof_received()

    def _say_lost(self) -> None:
        protocol, self._protocol = self._protocol, None
        if protocol is not None:
            protocol.connection_lost(self._cause)

    def _fail(self, cause: Exception) -> None:
        """End the connection at once, with a cause."""
        if self._cause is None and not self._closing:
            self._cause = cause
        self.abort()


def _fill(protocol: asyncio.BufferedProtocol, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        buffer = memoryview(protocol.get_buffer(len(rest))).cast("B")
        size = min(len(buffer), len(rest))
        if not size:
            raise RuntimeError("get_buffer() returned an empty buffer")
        buffer[:size] = rest[:size]
        protocol.buffer_updated(size)
        rest = rest[size:]
