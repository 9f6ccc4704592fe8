"""One side of an open WebSocket as a stream of what its binary frames hold (A23)."""

from __future__ import annotations

from websockets.frames import Close, CloseCode, Frame, Opcode
from websockets.protocol import Protocol, Side, State

from customauth.testing.tls_stream import TlsStream

# A Close without a code is read as one of these, which no Close can carry.
_NOT_SENT = frozenset({CloseCode.NO_STATUS_RCVD, CloseCode.ABNORMAL_CLOSURE})


class WebSocketStream:
    """Frames in and out of a TLS connection, with the same reading, writing and ending as :class:`TlsStream`.

    :param received: bytes that were read after the head that opened it.
    :ivar farewell: the Close frame that ends it: the peer's own, or the one to send.
    """

    def __init__(self, below: TlsStream, side: Side, received: bytes) -> None:
        self._below = below
        self._frames = Protocol(side, max_size=None)
        self._payload = bytearray()
        self._received = received
        self.farewell: Close | None = None

    async def read(self) -> bytes:
        """Return what the next binary frames hold; nothing when the peer has closed.

        :raises ConnectionError: when the connection is reset.
        """
        while not self._payload:
            if self._frames.state is not State.OPEN:
                return b""
            data, self._received = self._received, b""
            data = data or await self._below.read()
            if not data:
                return b""
            self._take(data)
            await self._flush()
        payload = bytes(self._payload)
        self._payload.clear()
        return payload

    async def write(self, data: bytes) -> None:
        """Send in one binary frame; after a Close of the peer nothing is sent.

        :raises OSError: when the connection is gone.
        """
        if self._frames.state is State.OPEN:
            self._frames.send_binary(data)
            await self._flush()

    async def close(self) -> None:
        """Say goodbye, in the WebSocket too."""
        if self._frames.state is State.OPEN:
            close = self.farewell
            if close is None or close.code in _NOT_SENT:
                close = Close(CloseCode.NORMAL_CLOSURE, "")
            self._frames.send_close(close.code, close.reason)
        await self._below.close(b"".join(self._frames.data_to_send()))

    def reset(self) -> None:
        """Close with an RST. No task may be reading or writing any more."""
        self._below.reset()

    def _take(self, data: bytes) -> None:
        self._frames.receive_data(data)
        for event in self._frames.events_received():
            if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self._frames.fail(CloseCode.UNSUPPORTED_DATA, "MQTT goes in binary frames")
                break
            if isinstance(event, Frame) and event.opcode in (Opcode.BINARY, Opcode.CONT):
                self._payload += event.data
        self.farewell = self._frames.close_rcvd

    async def _flush(self) -> None:
        # The empty piece at the end means that the connection is to be closed, as reading then says as well.
        data = b"".join(self._frames.data_to_send())
        if data:
            await self._below.write(data)
