"""The door: one TLS connection, its CONNECT, and what follows. Only this file moves bytes."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import deque
from collections.abc import Callable

from customauth.gateway import handshake
from customauth.gateway.authenticate import Attempt, Authenticator
from customauth.gateway.decision import Decision, Grant, Reason, Refusal
from customauth.mqtt import (
    Connack,
    Connect,
    Disconnect,
    Frame,
    FrameReader,
    MalformedFrame,
    MalformedPacket,
    MqttVersion,
    Pingreq,
    Pingresp,
    UnsupportedProtocolLevel,
    decode,
    encode,
)

# How long a client may take from the TLS handshake to its CONNECT, in seconds.
_CONNECT_LIMIT = 10.0
# Packets that a client may send before it has its CONNACK (E13); more than this is a flood.
_MAX_PIPELINED = 100
_UNACCEPTABLE_VERSION_311 = 1

_log = logging.getLogger("customauth.gateway")

ServerName = Callable[[asyncio.BaseTransport], str | None]
"""Tells which name the client of a connection asked for (SNI), None if it did not."""


class Front(asyncio.Protocol):
    """One client's connection.

    :param server_name: looks up the SNI of the connection.
    :param decided: called with each decision.
    :param note: called with a line for the log about what else happened.
    :param opened: called when the TLS handshake is done.
    :param lost: called when the connection is gone.
    """

    def __init__(
        self,
        authenticator: Authenticator,
        *,
        server_name: ServerName,
        decided: Callable[[Decision], None],
        note: Callable[[str], None],
        opened: Callable[[Front], None],
        lost: Callable[[Front], None],
    ) -> None:
        self._authenticator = authenticator
        self._lookup_server_name = server_name
        self._decided = decided
        self._note = note
        self._opened = opened
        self._lost = lost
        self._reader = FrameReader(handshake.MAX_PACKET_SIZE)
        self._connection_id = str(uuid.uuid4())
        self._connect: Connect | None = None
        self._accepted = False
        self._waiting: deque[Frame] = deque()
        self._answers = bytearray()
        self._deciding: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._longest_silence = 0.0
        self._last_packet = 0.0
        self.closed: asyncio.Event = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - asyncio's own promise for a stream
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        tls = transport.get_extra_info("ssl_object")
        self._alpn = tls.selected_alpn_protocol()
        self._server_name = self._lookup_server_name(transport)
        host, port = transport.get_extra_info("peername")[:2]
        self._peer = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._timer = self._loop.call_later(_CONNECT_LIMIT, self._connect_overdue)
        self._opened(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._waiting.extend(self._reader.feed(data))
        except MalformedFrame as error:
            # What came whole before the bad packet is still answered.
            self._waiting.extend(error.frames)
            self._work()
            self._drop(f"malformed packet: {error}")
            return
        self._work()
        if self._deciding is not None and len(self._waiting) > _MAX_PIPELINED:
            self._drop("too many packets before the CONNACK")

    def pause_writing(self) -> None:
        # A client that does not read its answers gets no more questions in.
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost(self)
        if self._deciding is not None:
            self._note(f"CLOSE {self._peer}: the client left before the decision")
        self._stop()
        self.closed.set()

    def close(self) -> None:
        """Close the connection; what was written is still sent."""
        self._stop()
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Close the connection at once."""
        self._transport.abort()

    def _work(self) -> None:
        """Take the packets that have arrived, up to one that must be decided over first."""
        while self._waiting and self._deciding is None and not self._transport.is_closing():
            frame = self._waiting.popleft()
            self._last_packet = self._loop.time()
            try:
                if self._accepted:
                    self._serve(frame)
                else:
                    self._open(frame)
            except MalformedPacket as error:
                self._drop(f"malformed packet: {error}")
        self._flush()

    def _open(self, frame: Frame) -> None:
        try:
            connect = decode(frame, None)
        except UnsupportedProtocolLevel as error:
            # What a version unknown here looks like to its client cannot be known: 3.1.1's answer serves most (E1).
            if self._alpn == "mqtt":
                self._send(Connack(session_present=False, reason_code=_UNACCEPTABLE_VERSION_311), MqttVersion.V311)
            self._drop(f"protocol level {error.level} is not served; use MQTT 3.1.1 or 5")
            return
        if not isinstance(connect, Connect):
            self._drop(f"the first packet is {frame.type.name}, not CONNECT")
            return
        self._connect = connect
        self._stop_timer()
        started = time.monotonic()
        client_id = handshake.effective_client_id(connect)
        if self._alpn != "mqtt":
            why = f"the client's ALPN is {self._alpn or 'none that is served'}"
            refusal = Refusal(reason=Reason.ALPN, why=why, fix='offer the ALPN protocol "mqtt"')
            self._report(refusal, client_id, started)
            # Elsewhere than at ALPN "mqtt" nobody answers MQTT clients with these credentials (A40, A50).
            self.close()
            return
        objection = handshake.objection(connect)
        if objection is not None:
            refusal = Refusal(reason=Reason.PROTOCOL, why=objection.why, fix=objection.fix)
            self._report(refusal, client_id, started)
            self._refuse(handshake.objecting(objection.code))
            return
        if self._server_name is None:
            # A47
            fix = "connect to the gateway by name, not by address"
            self._report(Refusal(reason=Reason.TRANSPORT, why="the client sent no SNI", fix=fix), client_id, started)
            self._refuse(handshake.refusing(connect))
            return
        self._deciding = self._loop.create_task(self._decide(connect, client_id, started))

    async def _decide(self, connect: Connect, client_id: str, started: float) -> None:
        attempt = Attempt(
            connection_id=self._connection_id, client_id=client_id, server_name=self._server_name, connect=connect
        )
        try:
            outcome = await self._authenticator.decide(attempt)
            self._deciding = None
            self._report(outcome, client_id, started)
            if isinstance(outcome, Refusal):
                self._refuse(handshake.refusing(connect))
            else:
                self._accept(connect, client_id)
        except Exception:
            # Nobody awaits this task: unless it ends the connection, the client waits for ever.
            _log.exception("CLOSE %s: the gateway failed", self._peer)
            self._deciding = None
            self.close()

    def _accept(self, connect: Connect, client_id: str) -> None:
        self._accepted = True
        self._send(handshake.accepting(connect, client_id), connect.version)
        self._longest_silence = handshake.longest_silence(connect.keep_alive)
        self._last_packet = self._loop.time()
        self._watch_keep_alive()
        self._work()

    def _refuse(self, connack: Connack | None) -> None:
        if connack is not None and self._connect is not None:
            self._send(connack, self._connect.version)
        self.close()

    def _serve(self, frame: Frame) -> None:
        packet = decode(frame, self._connect.version if self._connect else None)
        match packet:
            case Pingreq():
                self._send(Pingresp(), MqttVersion.V311)
            case Disconnect():
                self.close()
            case _:
                self._drop(f"{frame.type.name} is not served on an open connection")

    def _report(self, outcome: Grant | Refusal, client_id: str, started: float) -> None:
        v5 = self._connect is not None and self._connect.version is MqttVersion.V5
        self._decided(
            Decision(
                connection_id=self._connection_id,
                protocol="MQTT 5" if v5 else "MQTT 3.1.1",
                peer=self._peer,
                client_id=client_id,
                outcome=outcome,
                duration=time.monotonic() - started,
            )
        )

    def _send(self, packet: Connack | Pingresp, version: MqttVersion) -> None:
        self._answers += encode(packet, version)

    def _flush(self) -> None:
        """Write all answers to one chunk at once: a TLS record has its price."""
        if self._answers:
            self._transport.write(bytes(self._answers))
            self._answers.clear()

    def _drop(self, why: str) -> None:
        self._note(f"CLOSE {self._peer}: {why}")
        self.close()

    def _connect_overdue(self) -> None:
        self._note(f"CLOSE {self._peer}: no CONNECT within {_CONNECT_LIMIT:g} s")
        self.abort()

    def _watch_keep_alive(self) -> None:
        """Close a client that has been silent for 1.5 times its keep alive (E10)."""
        left = self._last_packet + self._longest_silence - self._loop.time()
        if left <= 0:
            self._note(f"CLOSE {self._peer}: silent for {self._longest_silence:g} s, 1.5 times its keep alive")
            self.abort()
            return
        self._timer = self._loop.call_later(left, self._watch_keep_alive)

    def _stop(self) -> None:
        self._stop_timer()
        self._waiting.clear()
        if self._deciding is not None:
            self._deciding.cancel()
            self._deciding = None

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
