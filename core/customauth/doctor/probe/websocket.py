"""A WebSocket for the probe: opened with the device's own request, then a stream of what binary frames hold."""

from __future__ import annotations

import asyncio
import os

from attrs import define, field, frozen
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import Protocol, Side, State

from customauth.doctor.probe.tls import Failure, TlsPipe
from customauth.doctor.probe.trip import Trip
from customauth.doctor.probe.upgrade_request import (
    UpgradeAnswer,
    UpgradeRequest,
    is_complete,
    read_answer,
    upgrade_request,
)

_MOST_BYTES = 65_536
_MAX_MESSAGE = 1 << 20
# Text too, which no server of MQTT sends: then it is told as what is no MQTT.
_DATA = frozenset({Opcode.BINARY, Opcode.CONT, Opcode.TEXT})


@frozen(kw_only=True)
class NoWebSocket:
    """What came instead of a WebSocket for MQTT.

    :ivar answer: the HTTP answer; None where there was none.
    :ivar said: in words.
    """

    said: str
    answer: UpgradeAnswer | None = None

    @property
    def brief(self) -> str:
        """Its status alone, where there is one."""
        return self.said if self.answer is None else f"HTTP status {self.answer.status}"


@define(eq=False)
class WebSocketPipe:
    """An open WebSocket.

    :ivar answer: what opened it.
    """

    answer: UpgradeAnswer
    _below: TlsPipe
    _received: bytes
    _frames: Protocol = field(factory=lambda: Protocol(Side.CLIENT, max_size=_MAX_MESSAGE))
    _payload: bytearray = field(factory=bytearray)

    @property
    def alpn(self) -> str | None:
        """The ALPN protocol that the server chose."""
        return self._below.alpn

    @property
    def trouble(self) -> Failure | None:
        """How TLS ended, where it ended badly."""
        return self._below.trouble

    @property
    def farewell(self) -> str | None:
        """The server's Close frame, in words."""
        received = self._frames.close_rcvd
        return None if received is None else f"the server closed the WebSocket with code {int(received.code)}"

    async def read(self) -> bytes:
        """Return what the next binary frames hold; nothing when the peer has closed."""
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
        """Send in one binary frame."""
        if self._frames.state is State.OPEN:
            self._frames.send_binary(data)
            await self._flush()

    async def close(self) -> None:
        """Say goodbye and close."""
        if self._frames.state is State.OPEN:
            self._frames.send_close(CloseCode.NORMAL_CLOSURE)
            await self._flush()
        await self._below.close()

    def abort(self) -> None:
        """Close at once."""
        self._below.abort()

    def _take(self, data: bytes) -> None:
        self._frames.receive_data(data)
        for event in self._frames.events_received():
            if isinstance(event, Frame) and event.opcode in _DATA:
                self._payload += event.data

    async def _flush(self) -> None:
        # The empty piece at the end means that the connection is to be closed, as reading then says as well.
        data = b"".join(self._frames.data_to_send())
        if data:
            await self._below.write(data)


async def open_websocket(trip: Trip, below: TlsPipe, path: str) -> WebSocketPipe | NoWebSocket:
    """Ask for the device's WebSocket at a path over a TLS connection, which is closed where there is none.

    :raises CredentialError: no HTTP client can send the request.
    """
    try:
        request = upgrade_request(trip.setup, trip.endpoint.host, trip.endpoint.port, path, os.urandom(16))
        trip.tell_masked("> GET", request.data if request.data == request.masked else request.masked)
        await below.write(request.data)
        answer, rest = await _answer(trip, below)
    except BaseException:
        below.abort()
        raise
    if isinstance(answer, UpgradeAnswer) and answer.opens(request):
        return WebSocketPipe(answer, below, rest)
    await below.close()
    return _no_websocket(trip, request, answer)


async def _answer(trip: Trip, below: TlsPipe) -> tuple[UpgradeAnswer | NoWebSocket, bytes]:
    received, answer, silent = b"", None, False
    try:
        async with asyncio.timeout(trip.setup.timeout):
            while len(received) < _MOST_BYTES:
                data = await below.read()
                if not data:
                    break
                received += data
                answer = read_answer(received)
                if answer is not None and is_complete(answer):
                    break
    except TimeoutError:
        silent = not received
    except ValueError as error:
        trip.tell("< in place of HTTP", received)
        return NoWebSocket(said=str(error)), b""
    trip.tell("< HTTP answer", received.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if answer else received)
    if answer is not None:
        return answer, answer.body
    if silent:
        return NoWebSocket(said=f"no answer within {trip.setup.timeout:g} s"), b""
    ended = "the server closed without an answer" if below.trouble is None else below.trouble.said
    return NoWebSocket(said=ended), b""


def _no_websocket(trip: Trip, request: UpgradeRequest, answer: UpgradeAnswer | NoWebSocket) -> NoWebSocket:
    if isinstance(answer, NoWebSocket):
        return answer
    if answer.status == 101:
        chosen = answer.headers.get("sec-websocket-protocol")
        if answer.headers.get("sec-websocket-accept") != request.accept:
            return NoWebSocket(said="status 101, but not for this request (Sec-WebSocket-Accept)", answer=answer)
        shown = "none" if chosen is None else trip.masking.line(chosen, 40)
        return NoWebSocket(said=f"status 101 with the subprotocol {shown}, not mqtt", answer=answer)
    said = [f"HTTP status {answer.status}"]
    for name in ("x-amzn-errortype", "server", "via", "location", "www-authenticate"):
        if name in answer.headers:
            said.append(f"{name}: {trip.masking.line(answer.headers[name], 80)}")
    first = next((line for line in answer.body.decode("utf-8", "replace").splitlines() if line.strip()), "")
    if first:
        said.append(trip.masking.line(first))
    return NoWebSocket(said="; ".join(said), answer=answer)
