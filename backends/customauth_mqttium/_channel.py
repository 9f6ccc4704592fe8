"""What mqttium takes for its transport, on customauth's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from customauth import MqttVersion

from ._packets import Packets

if TYPE_CHECKING:
    from customauth.dialing.layer import Layer

_PINGREQ, _PINGRESP = b"\xc0\x00", b"\xd0\x00"
# When so many bytes wait for mqttium, nothing more is read.
_MUCH = 65_536


class Channel(asyncio.Protocol):
    """The protocol that the dialer connects, and the transport that mqttium reads and writes.

    mqttium asks for the methods of ``mqttium.transport.AsyncTransport`` and ``PullTransport``.

    :param on_full: called with whether the transport is full, when that changes.
    :param on_puback: as of :class:`Packets`.
    :ivar packets: what was read along.
    :ivar at_once: whether a packet may go out at once, and not together with those after it.
    :ivar patient: whether :meth:`close` waits for the server to close too.
    """

    def __init__(
        self,
        version: MqttVersion,
        *,
        on_full: Callable[[bool], None],
        on_puback: Callable[[int, int, str | None], None],
    ) -> None:
        self.packets = Packets(version, on_puback)
        self.at_once = True
        self.patient = False
        self._on_full = on_full
        self._loop = asyncio.get_running_loop()
        self._transport: Layer
        self._arrived: list[bytes] = []
        self._size = 0
        self._pong_due = False
        self._paused = False
        self._reading = True
        self._over = False
        self._loss: Exception | None = None
        self._closed = False
        self._gone = asyncio.Event()
        self._reader: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("Layer", transport)

    def data_received(self, data: bytes) -> None:
        self._arrived.append(data)
        self._size += len(data)
        self._read_or_not()
        self._wake()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._gone.set()
        self.resume_writing()
        self._over, self._loss = True, error
        self._wake()

    def pause_writing(self) -> None:
        if self._room is None:
            self._room = self._loop.create_future()
            self._on_full(True)

    def resume_writing(self) -> None:
        if self._room is not None:
            self._room.set_result(None)
            self._room = None
            self._on_full(False)

    # What mqttium calls.

    async def read(self, n: int = _MUCH) -> bytes:
        """Return what has arrived, in whole packets and so at times more than ``n`` bytes; nothing at the end."""
        while True:
            if self._pong_due:
                self._pong_due = False
                return _PINGRESP
            if self._arrived and (self._over or not self._paused):
                # Whom a PUBACK wakes runs when mqttium, which gets it now, has let go of its packet identifier.
                packets = self.packets.feed(self._take())
                if packets:
                    return packets
            failure = self.packets.failure or self._loss
            if failure is not None:
                raise failure
            if self._over:
                return b""
            self._reader = self._loop.create_future()
            await self._reader

    def write_nowait(self, data: bytes) -> bool:
        """Send at once if that is wanted; say whether."""
        # While it is paused, write_many() must see what goes out.
        if not self.at_once or self._paused or self._room is not None or self._transport.is_closing():
            return False
        self._transport.write_now(data)
        return True

    async def write(self, data: bytes) -> None:
        """Send, and wait while the transport is full."""
        await self.write_many([data])

    async def write_many(self, parts: list[bytes]) -> None:
        """Send packets, and wait while the transport is full."""
        if self._transport.is_closing():
            # The end is told by read(), behind what came before it.
            return
        self._transport.write(b"".join(parts))
        if self._paused and _PINGREQ in parts:
            # What is not read cannot be heard. mqttium asks once, and takes the server for dead.
            self._pong_due = True
            self._wake()
        while self._room is not None:
            await asyncio.shield(self._room)

    def is_closing(self) -> bool:
        """Say whether mqttium has closed it; a loss is told by :meth:`read`, behind what came before."""
        return self._closed

    async def close(self) -> None:
        """Close behind what can be sent at once, and wait until that is done."""
        self._closed = True
        self._transport.close()
        if not self.patient:
            self.abort()
        try:
            await self._gone.wait()
        except BaseException:
            self.abort()
            raise

    # What the connection calls.

    def pause_reading(self) -> None:
        """Give mqttium nothing more for now."""
        self._paused = True

    def resume_reading(self) -> None:
        """Give mqttium what arrives again."""
        self._paused = False
        self._wake()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    # Below: the machinery.

    def _take(self) -> bytes:
        arrived, self._arrived = self._arrived, []
        self._size = 0
        self._read_or_not()
        return arrived[0] if len(arrived) == 1 else b"".join(arrived)

    def _read_or_not(self) -> None:
        wanted = self._size < _MUCH
        if wanted is not self._reading:
            self._reading = wanted
            if wanted:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
