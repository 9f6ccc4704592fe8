"""One MQTT connection, whatever carries it: its CONNECT, the decision, and its life from there on."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime

from customauth.gateway import goodbyes, handshake
from customauth.gateway.attempt import Attempt, Trace
from customauth.gateway.broker.conversation import Conversation
from customauth.gateway.broker.messages import will_message
from customauth.gateway.broker.parties import Farewell
from customauth.gateway.broker.store import StoreFailed
from customauth.gateway.decision import Grant, Reason, Refusal, Step
from customauth.gateway.goodbyes import Goodbye
from customauth.gateway.lease import Lease
from customauth.gateway.link import Link
from customauth.gateway.office import Office
from customauth.gateway.opening import Denied, open_session
from customauth.gateway.origin import Origin
from customauth.gateway.records import DisconnectReason, Ending
from customauth.gateway.routing import Spoken
from customauth.gateway.silence import KeepAlive
from customauth.mqtt import (
    Connect,
    Disconnect,
    Frame,
    FrameReader,
    MalformedFrame,
    MalformedPacket,
    MqttVersion,
    Packet,
    Properties,
    Property,
    Will,
    decode,
    encode,
)

# How long a client may take from where MQTT begins to its CONNECT, in seconds.
_CONNECT_LIMIT = 10.0
# Packets, and bytes, that a client may send while its CONNECT is decided over (E13); more than this is a flood.
_MAX_PIPELINED = 100
_MAX_PIPELINED_BYTES = 262_144

_log = logging.getLogger("customauth.gateway")


class MqttSession:
    """The server's side of one MQTT connection.

    :param spoken: what carries it, which decides with the port and ALPN whether it is served.
    :param admitted: called when the client is accepted.
    """

    __slots__ = (
        "_admitted",
        "_answers",
        "_attempt",
        "_connect",
        "_conversation",
        "_deciding",
        "_early",
        "_flushing",
        "_grant",
        "_keep_alive",
        "_lease",
        "_link",
        "_loop",
        "_office",
        "_origin",
        "_reader",
        "_spoken",
        "_waiting",
        "_will",
        "_working",
    )

    def __init__(
        self, link: Link, office: Office, origin: Origin, spoken: Spoken, *, admitted: Callable[[], None]
    ) -> None:
        self._admitted = admitted
        self._link = link
        self._office = office
        self._origin = origin
        self._spoken = spoken
        self._loop = asyncio.get_running_loop()
        self._reader = FrameReader(handshake.MAX_PACKET_SIZE)
        self._connect: Connect | None = None
        self._attempt: Attempt | None = None
        self._grant: Grant | None = None
        self._lease: Lease | None = None
        self._conversation: Conversation | None = None
        self._will: Will | None = None
        self._working = False
        self._flushing = False
        self._waiting: deque[Frame] = deque()
        self._answers = bytearray()
        self._deciding: asyncio.Task[None] | None = None
        self._early = 0
        self._keep_alive = KeepAlive(_CONNECT_LIMIT, self._connect_overdue)

    def received(self, data: bytes) -> None:
        """Take what the client sent."""
        try:
            self._waiting.extend(self._reader.feed(data))
        except MalformedFrame as error:
            # What came whole before the bad packet is still answered.
            self._waiting.extend(error.frames)
            self._work()
            self._broken(error)
            return
        self._work()
        if self._deciding is not None and self._grant is None:
            self._early += len(data)
            if self._early > _MAX_PIPELINED_BYTES or len(self._waiting) > _MAX_PIPELINED:
                self._drop(goodbyes.FLOODED)

    def paused(self) -> None:
        """A client that does not read what it gets gets nothing more, and no more questions in."""
        self._link.pause_reading()
        if self._conversation is not None:
            self._conversation.pause()

    def resumed(self) -> None:
        """The client reads again."""
        self._link.resume_reading()
        if self._conversation is not None:
            self._conversation.resume()

    def send(self, data: bytes) -> None:
        """Send packets, with all others that this turn of the loop brings."""
        self._answers += data
        if not self._working and not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def cut_off(self, farewell: Farewell) -> None:
        """End the connection for what the client did."""
        self._end(goodbyes.cut_off(farewell))

    def taken_over(self) -> None:
        """End the connection because the same client id has connected anew (E15)."""
        self._end(goodbyes.TAKEN_OVER)
        # Where the link was closing already, nobody has ended it yet; the session must be free now.
        self._ended(goodbyes.TAKEN_OVER)

    def lost(self) -> None:
        """The connection is gone, without a word unless an end was recorded before."""
        self._gone(goodbyes.LOST)

    def left(self) -> None:
        """The client said goodbye by what carries the packets: a WebSocket's Close counts as its own wish (C38)."""
        self._will = None
        self._gone(goodbyes.LEFT)

    def broken(self, why: str) -> None:
        """What carries the packets cannot be read any more."""
        if self._grant is None:
            self._office.note(self._origin.peer, why)
        self._stop()
        self._ended(goodbyes.protocol_error(why))

    def shutdown(self) -> None:
        """Tell the client that the gateway stops, and close."""
        self._end(goodbyes.STOPPING)

    def expire(self) -> None:
        """End the connection because the WebSocket is as old as one can be (A31)."""
        self._end(goodbyes.WEBSOCKET_IS_OLD)

    def _gone(self, goodbye: Goodbye) -> None:
        undecided = self._deciding is not None and self._grant is None
        self._stop()
        if undecided:
            self._office.note(self._origin.peer, "the client left before the decision")
        self._ended(goodbye)

    def _work(self) -> None:
        """Take the packets that have arrived, up to one that must be decided over first."""
        waiting = self._waiting
        self._working = True
        if self._grant is not None:
            self._keep_alive.heard()
        try:
            while waiting and self._grant is None and self._deciding is None and not self._link.closing:
                self._open(waiting.popleft())
            conversation, version = self._conversation, self._connect.version if self._connect is not None else None
            # Whatever ends the connection takes the grant, and empties what waits.
            while waiting and self._grant is not None and conversation is not None:
                packet = decode(waiting.popleft(), version)
                if isinstance(packet, Disconnect):
                    self._leave(packet)
                else:
                    conversation.take(packet)
        except MalformedPacket as error:
            self._broken(error)
        self._working = False
        self._flush()

    def _open(self, frame: Frame) -> None:
        opened = open_session(frame, self._origin, self._spoken, self._office.broker.quotas())
        if isinstance(opened, Denied):
            self._deny(opened)
            return
        self._keep_alive.stop()
        self._connect = opened.connect
        self._attempt = opened
        self._deciding = self._loop.create_task(self._decide(opened))

    def _deny(self, denied: Denied) -> None:
        if denied.attempt is None:
            self._office.note(self._origin.peer, denied.refusal.why, rule=denied.refusal.rule)
        else:
            self._connect = denied.attempt.connect
            self._office.decided(Trace().decision(denied.attempt, denied.refusal))
        if denied.connack is not None:
            self._send(denied.connack, denied.version)
        self._close(denied.version)

    async def _decide(self, attempt: Attempt) -> None:
        trace = Trace()
        try:
            outcome = await self._office.authenticator.decide(attempt, trace)
            self._deciding = None
            self._office.decided(trace.decision(attempt, outcome))
            if isinstance(outcome, Refusal) and outcome.reason is Reason.POLICY and attempt.step is Step.CONNECT:
                self._office.broker.presence.connect_failed(
                    attempt.client_id or "", principal_id=outcome.principal_id or ""
                )
            if attempt.step is Step.REFRESH:
                self._renew(outcome)
            elif attempt.connect is not None and isinstance(outcome, Grant):
                self._accept(attempt, attempt.connect, outcome)
            elif attempt.connect is not None:
                self._refuse(attempt.connect)
        except Exception:
            # Nobody awaits this task: unless it ends the connection, the client waits for ever.
            _log.exception("CLOSE %s: the gateway failed", self._origin.peer)
            self._deciding = None
            try:
                self._end(goodbyes.FAILED)
            except Exception:
                self._link.abort()

    def _accept(self, attempt: Attempt, connect: Connect, grant: Grant) -> None:
        self._grant = grant
        self._admitted()
        self._lease = Lease(
            grant,
            time_scale=self._office.time_scale,
            refresh=self._ask_again,
            expire=lambda: self._end(goodbyes.TIME_IS_UP),
            recheck=self._connect_again if connect.will is not None and self._office.recheck_connect() else None,
        )
        client_id = attempt.client_id or ""
        self._will = connect.will
        self._conversation = Conversation(
            self,
            self._office.broker,
            connect=connect,
            client_id=client_id,
            principal_id=grant.principal_id,
            expiry=handshake.session_expiry(connect),
            permissions=self._office.permissions(grant, attempt),
            note=lambda text, rule: self._office.note(self._origin.peer, text, closed=False, rule=rule),
        )
        self._conversation.begin(
            clean_start=connect.clean_start,
            address=self._origin.address,
            accept=lambda present: self._send(handshake.accepting(connect, client_id, present), connect.version),
        )
        self._keep_alive = KeepAlive(handshake.longest_silence(connect.keep_alive), self._silent)
        self._work()

    def _refuse(self, connect: Connect) -> None:
        connack = handshake.refusing(connect)
        if connack is not None:
            self._send(connack, connect.version)
        self._close(connect.version)

    def _ask_again(self) -> None:
        """Ask the function again, with what the connection began with (C25)."""
        if self._deciding is None and self._attempt is not None:
            self._attempt = Attempt(
                origin=self._origin, step=Step.REFRESH, client_id=self._attempt.client_id, connect=self._connect
            )
            self._deciding = self._loop.create_task(self._decide(self._attempt))

    def _renew(self, outcome: Grant | Refusal) -> None:
        if isinstance(outcome, Refusal):
            self._end(goodbyes.not_renewed(outcome))
        elif self._lease is not None:
            self._grant = outcome
            self._lease.renew(outcome)
            if self._conversation is not None and self._attempt is not None:
                self._conversation.renew(self._office.permissions(outcome, self._attempt))

    def _connect_again(self) -> None:
        if self._conversation is not None:
            decision = self._conversation.connect_without_will()
            if not decision.allowed:
                self._end(goodbyes.refused_without_will(decision.reason))

    def _leave(self, packet: Disconnect) -> None:
        """Let the client go as it wishes: with another session expiry (E39), and without its will (E42)."""
        expiry = packet.properties.get(Property.SESSION_EXPIRY_INTERVAL)
        if isinstance(expiry, int) and self._conversation is not None:
            fault = self._conversation.shorten(expiry, limit=handshake.MAX_SESSION_EXPIRY)
            if fault is not None:
                self._end(goodbyes.protocol_error(fault))
                return
        if not packet.reason_code:
            # By any other code the client wants it sent (MQTT 5, 3.1.2.5).
            self._will = None
        self._end(goodbyes.LEFT)

    def _send(self, packet: Packet, version: MqttVersion) -> None:
        self._answers += encode(packet, version)

    def _flush(self) -> None:
        """Write all answers to one chunk at once: a TLS record has its price."""
        self._flushing = False
        if not self._answers:
            return
        try:
            if self._conversation is not None:
                self._conversation.commit()
        except StoreFailed as error:
            # Nothing is acknowledged that is not kept.
            self._answers.clear()
            self._office.note(self._origin.peer, f"{error}; fix: make room, or choose another --data-dir")
            self._link.abort()
            return
        self._link.write(bytes(self._answers))
        self._answers.clear()

    def _broken(self, error: MalformedFrame | MalformedPacket) -> None:
        self._drop(goodbyes.malformed(error, accepted=self._grant is not None))

    def _drop(self, goodbye: Goodbye) -> None:
        if self._link.closing:
            # What came behind a DISCONNECT or a refused CONNECT interests nobody.
            return
        if self._grant is None:
            self._office.note(self._origin.peer, goodbye.why, rule=goodbye.rule)
        self._end(goodbye)

    def _end(self, goodbye: Goodbye) -> None:
        """Close the connection from this side."""
        if self._link.closing:
            return
        version = self._connect.version if self._connect is not None else None
        if goodbye.code is not None and version is MqttVersion.V5 and self._grant is not None:
            properties: Properties = {} if goodbye.text is None else {Property.REASON_STRING: goodbye.text}
            self._send(Disconnect(reason_code=goodbye.code, properties=properties), MqttVersion.V5)
        self._close(version)
        # Last, as everywhere here: whoever is told may fail, and the connection has to be closed then too.
        self._ended(goodbye)

    def _close(self, version: MqttVersion | None) -> None:
        self._stop()
        self._flush()
        if version is MqttVersion.V5:
            self._link.close()
        else:
            # I12: a client of 3.1.1 gets no farewell.
            self._link.hang_up()

    def _ended(self, goodbye: Goodbye) -> None:
        """Record the end of an accepted connection, once."""
        if self._grant is None or self._attempt is None:
            return
        grant, self._grant = self._grant, None
        by_client = goodbye.reason is DisconnectReason.CLIENT_INITIATED
        if self._conversation is not None:
            will = None if self._will is None else will_message(self._will, self._attempt.client_id or "")
            self._conversation.end(reason=goodbye.reason.value, by_client=by_client, will=will)
        self._office.ended(
            Ending(
                time=datetime.now(UTC),
                connection_id=self._origin.connection_id,
                protocol=self._attempt.protocol,
                peer=self._origin.peer,
                account=self._origin.account,
                port=self._origin.port,
                client_id=self._attempt.client_id or "",
                principal_id=grant.principal_id,
                reason=goodbye.reason,
                why=goodbye.why,
                rule=goodbye.rule,
                fix=goodbye.fix,
            )
        )

    def _connect_overdue(self, limit: float) -> None:
        self._office.note(self._origin.peer, f"no CONNECT within {limit:g} s")
        self._link.abort()

    def _silent(self, limit: float) -> None:
        self._end(goodbyes.silent(limit))

    def _stop(self) -> None:
        self._keep_alive.stop()
        self._waiting.clear()
        if self._lease is not None:
            self._lease.end()
        if self._deciding is not None:
            self._deciding.cancel()
            self._deciding = None
