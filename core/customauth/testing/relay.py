"""Both directions between a client and a server, as slow as the fault says, each no faster than its reader reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeAlias

from customauth.testing.faults import Delay, Direction, Fault, Throttle
from customauth.testing.passage import Ending, Passages
from customauth.testing.tls_stream import TlsStream
from customauth.testing.websocket_stream import WebSocketStream

Stream: TypeAlias = TlsStream | WebSocketStream

# Slices of a throttled stream in a second.
_SLICES: Final = 20


class Relay:
    """Reads from each side and writes to the other.

    :param passages: what becomes of the packets.
    :param arrived: called when something has come.
    """

    def __init__(
        self, client: Stream, server: Stream, passages: Passages, fault: Fault | None, arrived: Callable[[], None]
    ) -> None:
        self._client = client
        self._server = server
        self._passages = passages
        self._fault = fault
        self._arrived = arrived

    async def run(self, from_client: bytes, from_server: bytes) -> Ending:
        """Relay until a side ends, or the fault ends it; the sides are left open.

        :param from_client: what was read from the client already.
        :param from_server: what was read from the server already.
        :raises ValueError: as :meth:`Passages.feed`.
        """
        pumps = {
            asyncio.create_task(self._pump(Direction.TO_SERVER, self._client, self._server, from_client)),
            asyncio.create_task(self._pump(Direction.TO_CLIENT, self._server, self._client, from_server)),
        }
        left = pumps
        try:
            while left:
                done, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
                for pump in done:
                    ending = pump.result()
                    if ending is not None:
                        return ending
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
        return Ending.RESET

    async def _pump(self, direction: Direction, source: Stream, target: Stream, data: bytes) -> Ending | None:
        """Relay one direction; return how the connection ends, None where the other direction is to say it."""
        while True:
            if data:
                passage = self._passages.feed(direction, data)
                self._arrived()
                try:
                    await self._send(direction, target, passage.forward)
                    if passage.to_client:
                        await self._client.write(passage.to_client)
                except OSError:
                    # What the other side said last is still to be read, and then how it ended.
                    return passage.ending
                if passage.ending is not None:
                    return passage.ending
            try:
                data = await source.read()
            except OSError:
                return Ending.RESET
            if not data:
                break
        try:
            await self._send(direction, target, self._passages.rest(direction))
        except OSError:
            return None
        return Ending.CLOSE

    async def _send(self, direction: Direction, target: Stream, data: bytes) -> None:
        if not data:
            return
        match self._fault:
            case Delay(seconds, only) if only in (None, direction):
                await asyncio.sleep(seconds)
            case Throttle(rate, only) if only in (None, direction):
                size = max(1, round(rate / _SLICES))
                for start in range(0, len(data), size):
                    piece = data[start : start + size]
                    await asyncio.sleep(len(piece) / rate)
                    await target.write(piece)
                return
        await target.write(data)
