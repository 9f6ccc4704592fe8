"""One attempt and one connection with paho-mqtt."""

from __future__ import annotations

import asyncio

from customauth import (
    ClosedBeforeConnack,
    Connack,
    ConnectError,
    Connection,
    ConnectRequest,
    Disconnected,
    Message,
    Stage,
)
from customauth.connection import Answer
from customauth.dialing import Deadline, dial
from customauth.mqtt import MalformedPacket

from ._keep_alive import KeepAlive
from ._library import LinkedClient
from ._link import Link

# How long the peer may take to read what was sent and to close after DISCONNECT, before the connection is cut, in
# seconds.
_CLOSE_LIMIT = 2.0


async def connect(request: ConnectRequest) -> Connection:
    """Make one attempt (:meth:`customauth.Backend.connect`)."""
    deadline = Deadline(request.timeout)
    connection = PahoConnection(request)
    await connection.dial()
    try:
        async with deadline.limit(Stage.CONNACK):
            await connection.log_in()
    except BaseException:
        await connection.abort()
        raise
    return connection


class PahoConnection(Connection):
    """A paho client whose socket is a :class:`Link`."""

    def __init__(self, request: ConnectRequest) -> None:
        super().__init__(request)
        self._loop = asyncio.get_running_loop()
        self._link = Link(on_readable=self._read, on_full=self._hold_publishes, on_drained=self._release_publishes)
        self._client = LinkedClient(request, self._link, self)
        self._opening: asyncio.Future[None] = self._loop.create_future()
        self._over = False
        self._keep_alive: KeepAlive | None = None

    async def dial(self) -> None:
        """Open the transport."""
        request = self.request
        await dial(lambda: self._link, request.endpoint, request.timeout, upgrade=request.upgrade())

    async def log_in(self) -> None:
        """Send CONNECT and wait until a CONNACK accepts it."""
        self._client.open()
        await self._opening

    async def abort(self) -> None:
        """Close at once and wait until the transport is gone."""
        if not self._opening.cancel() and not self._opening.cancelled():
            # Nobody may be left to ask why it failed, of which asyncio would complain.
            self._opening.exception()
        self._stop()
        self._link.abort()
        await self._link.ended.wait()

    def _send_publish(self, message: Message) -> Answer | None:
        packet_id = self._client.send(message)
        return self._await(packet_id) if message.qos else None

    def _send_subscribe(self, topic_filter: str, qos: int) -> Answer:
        return self._await(self._client.subscribe(topic_filter, qos)[1])

    def _send_unsubscribe(self, topic_filter: str) -> Answer:
        return self._await(self._client.unsubscribe(topic_filter)[1])

    async def _disconnect(self) -> None:
        self._stop()
        self._client.disconnect()
        self._link.finish()
        try:
            async with asyncio.timeout(_CLOSE_LIMIT):
                await self._link.ended.wait()
        except TimeoutError:
            await self.abort()

    def _pause_reading(self) -> None:
        self._link.pause()

    def _resume_reading(self) -> None:
        self._link.resume()

    def _await(self, packet_id: int | None) -> Answer:
        assert packet_id is not None  # noqa: S101 - paho's promise while it has a socket
        answer: Answer = self._loop.create_future()
        self._client.awaited[packet_id] = answer
        return answer

    def _read(self) -> None:
        if self._opening.cancelled():
            return
        try:
            self._client.read()
        except ConnectError as failure:
            self._give_up(failure)
        except MalformedPacket as error:
            self._broken(error)

    # What the client tells.

    def accepted(self, connack: Connack) -> None:
        """Take the CONNACK that accepts."""
        self.connack = connack
        seconds = connack.server_keep_alive
        self._keep_alive = KeepAlive(
            self._link,
            self.request.keep_alive if seconds is None else seconds,
            ping=self._client.ping,
            lost=self._unanswered,
        )
        self._opening.set_result(None)

    def received(self, message: Message) -> None:
        """Take a message."""
        self._received(message)

    def left(self, reason_code: int, reason_string: str | None) -> None:
        """Take a DISCONNECT."""
        self._finish(Disconnected(reason_code, reason_string=reason_string))

    def lost(self) -> None:
        """Learn that the connection is gone; paho says so too when it has sent DISCONNECT."""
        if self._over:
            return
        error = self._link.cause
        if not self._opening.done():
            failure = ClosedBeforeConnack()
            failure.__cause__ = error
            self._give_up(failure)
            return
        ending = Disconnected(detail="" if error is None else getattr(error, "strerror", None) or str(error))
        ending.__cause__ = error
        self._finish(ending)

    # How it ends.

    def _broken(self, error: MalformedPacket) -> None:
        if not self._opening.done():
            failure = ConnectError("the server's answer to CONNECT is no MQTT")
            failure.__cause__ = error
            self._give_up(failure)
            return
        ending = Disconnected(detail=f"the server broke the protocol: {error}")
        ending.__cause__ = error
        self._stop()
        self._client.say_why(error.reason_code)
        self._link.finish()
        self._ended(ending)

    def _unanswered(self, seconds: float) -> None:
        self._finish(Disconnected(detail=f"no PINGRESP within {seconds:g} s"))

    def _give_up(self, failure: ConnectError) -> None:
        self._over = True
        self._opening.set_exception(failure)
        self._link.abort()

    def _finish(self, ending: Disconnected) -> None:
        self._stop()
        self._link.abort()
        self._ended(ending)

    def _stop(self) -> None:
        self._over = True
        if self._keep_alive is not None:
            self._keep_alive.stop()
