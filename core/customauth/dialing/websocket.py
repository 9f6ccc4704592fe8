"""MQTT in a WebSocket: binary frames on the TLS connection below (A23-A25)."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import cast

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake, InvalidMessage, InvalidStatus, NegotiationError
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI

from customauth.dialing.layer import Layer
from customauth.endpoint import Endpoint
from customauth.errors import DialError, Stage, UpgradeRejected
from customauth.upgrade import Upgrade

_SUBPROTOCOL = Subprotocol("mqtt")
# MQTT needs to know nothing of where frames begin and end, so this bounds memory alone: the longest packet of MQTT.
_MAX_MESSAGE = 1 << 28
# The library would log what it sends, credentials included.
_SILENT = logging.Logger(__name__, logging.CRITICAL)
# A farewell that tells of no fault (RFC 6455, 7.4.1); 1005: a Close without a code.
_PEACEFUL = frozenset({CloseCode.NORMAL_CLOSURE, CloseCode.GOING_AWAY, CloseCode.NO_STATUS_RCVD})
_ERROR_TYPE = re.compile(r"[A-Za-z]{1,64}")


async def open_websocket(below: Layer, endpoint: Endpoint, upgrade: Upgrade) -> WebSocketTransport:
    """Open a WebSocket over a TLS connection.

    :raises UpgradeRejected: the server refused, with its status.
    :raises DialError: the server answered with what is no HTTP, or closed.
    """
    socket = WebSocketTransport(asyncio.get_running_loop(), endpoint, upgrade)
    try:
        below.start(socket)
        await socket.opened
    except (OSError, InvalidHandshake) as error:
        socket.abort()
        raise _failure(error) from error
    except BaseException:
        socket.abort()
        raise
    return socket


class WebSocketTransport(Layer, asyncio.Protocol):
    """The client's side of a WebSocket.

    :ivar opened: done when the server has agreed to it; fails with what it did instead.
    """

    __slots__ = ("_frames", "_upgrade", "opened")

    def __init__(self, loop: asyncio.AbstractEventLoop, endpoint: Endpoint, upgrade: Upgrade) -> None:
        super().__init__(loop)
        self.opened: asyncio.Future[None] = loop.create_future()
        self._upgrade: Upgrade | None = upgrade
        self._frames = ClientProtocol(
            WebSocketURI(True, endpoint.host, endpoint.port, endpoint.path, ""),
            subprotocols=[_SUBPROTOCOL],
            max_size=_MAX_MESSAGE,
            logger=_SILENT,
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Only a layer of ours is below.
        self._below = cast("Layer", transport)
        assert self._upgrade is not None  # noqa: S101 - it is called once
        request = self._frames.connect()
        request.path = self._upgrade.target
        for name, value in self._upgrade.headers.items():
            # Another Host is in place of the endpoint's, not beside it.
            if name in request.headers:
                del request.headers[name]
            request.headers[name] = value
        self._upgrade = None
        self._frames.send_request(request)
        self._transmit()

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        self._frames.receive_data(data)
        payload: list[bytes] = []
        for event in self._frames.events_received():
            if not isinstance(event, Frame):
                continue
            if event.opcode is Opcode.TEXT:
                self._frames.fail(CloseCode.UNSUPPORTED_DATA, "MQTT goes in binary frames")
                break
            if event.opcode in (Opcode.BINARY, Opcode.CONT):
                payload.append(bytes(event.data))
        if not self.opened.done():
            self._judge_answer()
            if self._closing or not self.opened.done():
                return
        self._transmit()
        # What came before a Close still counts.
        if payload:
            self._deliver(b"".join(payload))
        if self._frames.state is not State.OPEN and not self._closing:
            self._end()

    def eof_received(self) -> None:
        if self.opened.done():
            if not self._closing:
                self._say_eof()
        else:
            # An answer may end with the connection (RFC 9112, 6.3).
            self._frames.receive_eof()
            self._judge_answer()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(exc or ConnectionResetError("the peer closed the connection"))
        super().connection_lost(exc)

    def close(self) -> None:
        """Send what was written and a Close frame of code 1000, and close what is below."""
        if self._closing:
            return
        if not self.opened.done():
            self.abort()
            return
        self._flush()
        if self._frames.state is State.OPEN:
            self._frames.send_close(CloseCode.NORMAL_CLOSURE)
        self._finish()

    def abort(self) -> None:
        """Close at once; what was not sent is lost."""
        if not self.opened.cancel() and not self.opened.cancelled():
            # Nobody may be left to ask why the upgrade failed, of which asyncio would complain.
            self.opened.exception()
        super().abort()

    def _judge_answer(self) -> None:
        failure = self._frames.handshake_exc
        if failure is None and self._frames.state is not State.CONNECTING and self._frames.subprotocol is None:
            failure = NegotiationError("no subprotocol mqtt")
        if failure is not None and not isinstance(failure, InvalidHandshake):
            # What is no HTTP: older versions of the library give what they stumbled over, newer ones wrap it.
            stumble, failure = failure, InvalidMessage("no HTTP answer")
            failure.__cause__ = stumble
        if failure is not None:
            self.opened.set_exception(failure)
            super().abort()
        elif self._frames.state is not State.CONNECTING:
            self.opened.set_result(None)

    def _end(self) -> None:
        """Close after the server's Close, or after what is no WebSocket for MQTT."""
        received, sent = self._frames.close_rcvd, self._frames.close_sent
        if received is None:
            why = "what is no WebSocket" if sent is None else sent.reason or str(sent.code)
            self._cause = ConnectionAbortedError(f"the server broke the WebSocket's rules: {why}")
        elif received.code not in _PEACEFUL:
            self._cause = ConnectionAbortedError(f"the server closed the WebSocket: {received}")
        else:
            self._say_eof()
        self._finish()

    def _finish(self) -> None:
        self._transmit()
        self._closing = True
        if self._below is not None:
            self._below.close()

    def _send(self, data: bytes) -> None:
        if self._frames.state is State.OPEN:
            self._frames.send_binary(data)
            self._transmit()

    def _transmit(self) -> None:
        # The empty piece at the end means that the connection is to be closed, which the state says as well.
        data = b"".join(self._frames.data_to_send())
        if data:
            cast("Layer", self._below).write_now(data)


def _failure(error: Exception) -> DialError:
    if isinstance(error, InvalidStatus):
        kind = _ERROR_TYPE.match(error.response.headers.get("x-amzn-ErrorType", ""))
        return UpgradeRejected(error.response.status_code, kind[0] if kind else "")
    if isinstance(error, InvalidHandshake) and not isinstance(error, InvalidMessage):
        return UpgradeRejected(101, str(error))
    said = "what is no HTTP answer" if isinstance(error, InvalidMessage) else "nothing"
    return DialError(f"the request for a WebSocket got {said}, and the connection ended", stage=Stage.UPGRADE)
