"""A WebSocket as what carries MQTT: frames in and out of a TLS connection (A23-A25, F5, I12)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import Protocol as Frames
from websockets.protocol import Side, State

from customauth.gateway.handshake import MAX_PACKET_SIZE
from customauth.gateway.link import Link

# The longest that a WebSocket lives, in seconds (A31).
_LIFETIME = 86_400


class Carried(Protocol):
    """What speaks through the WebSocket; the members are those of a session."""

    def received(self, data: bytes) -> None:
        """Take what the client sent."""

    def paused(self) -> None:
        """Learn that the client does not read fast enough."""

    def resumed(self) -> None:
        """Learn that it does again."""

    def lost(self) -> None:
        """Learn that the connection is gone."""

    def left(self) -> None:
        """Learn that the client has closed the WebSocket."""

    def broken(self, why: str) -> None:
        """Learn that what the client sent is no WebSocket."""

    def expire(self) -> None:
        """Learn that the WebSocket has reached its age."""

    def shutdown(self) -> None:
        """Tell the client that the gateway stops, and close."""


class WebSocket:
    """The server's side of an open WebSocket: a link for what it carries, a handler for the connection below.

    :param carried: makes what speaks through it.
    :param time_scale: how many times faster than the clock its lifetime passes.
    """

    def __init__(self, below: Link, carried: Callable[[WebSocket], Carried], *, time_scale: float) -> None:
        self._below = below
        # A packet may span frames, so a message needs no more room than a packet and what is before it.
        self._frames = Frames(Side.SERVER, max_size=2 * MAX_PACKET_SIZE)
        self._over = False
        self._carried = carried(self)
        self._end = asyncio.get_running_loop().call_later(_LIFETIME / time_scale, self._carried.expire)

    @property
    def closing(self) -> bool:
        """Whether nothing more can be written."""
        return self._over or self._below.closing

    def received(self, data: bytes) -> None:
        """Take frames; MQTT needs to know nothing of where they begin and end."""
        self._frames.receive_data(data)
        payload = bytearray()
        for event in self._frames.events_received():
            if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self._frames.fail(CloseCode.UNSUPPORTED_DATA, "MQTT goes in binary frames")
                break
            if isinstance(event, Frame) and event.opcode in (Opcode.BINARY, Opcode.CONT):
                payload += event.data
        # What came before a Close still counts, so MQTT learns of the Close only after it.
        if payload:
            self._carried.received(bytes(payload))
        if self.closing:
            return
        self._flush()
        if self._frames.state is State.OPEN:
            return
        self._over = True
        if self._frames.close_rcvd is not None:
            self._carried.left()
        else:
            self._carried.broken(self._why())
        self._below.close()

    def paused(self) -> None:
        """The client does not read fast enough."""
        self._carried.paused()

    def resumed(self) -> None:
        """The client reads again."""
        self._carried.resumed()

    def lost(self) -> None:
        """The connection is gone."""
        self._end.cancel()
        self._carried.lost()

    def shutdown(self) -> None:
        """Tell the client that the gateway stops, and close."""
        self._carried.shutdown()

    def write(self, data: bytes) -> None:
        """Send packets in one frame; a client that has sent Close gets nothing more."""
        if not self.closing and self._frames.state is State.OPEN:
            self._frames.send_binary(data)
            self._flush()

    def close(self) -> None:
        """Close with a Close frame of code 1000."""
        if not self.closing:
            if self._frames.state is State.OPEN:
                self._frames.send_close(CloseCode.NORMAL_CLOSURE)
            self._flush()
        self._below.close()

    def hang_up(self) -> None:
        """Close without a Close frame."""
        self._below.close()

    def abort(self) -> None:
        """Close at once."""
        self._below.abort()

    def pause_reading(self) -> None:
        """Take nothing more from the client for now."""
        self._below.pause_reading()

    def resume_reading(self) -> None:
        """Take what the client sends again."""
        self._below.resume_reading()

    def _why(self) -> str:
        sent = self._frames.close_sent
        return "no WebSocket" if sent is None else f"broken WebSocket: {sent.reason or sent.code}"

    def _flush(self) -> None:
        # The empty piece at the end means that the connection is to be closed, which close_expected says as well.
        data = b"".join(self._frames.data_to_send())
        if data:
            self._below.write(data)
