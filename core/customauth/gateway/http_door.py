"""HTTP on a connection: publishes are decided over and answered, upgrades to a WebSocket are handed on (A23-A38)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Protocol

import h11
from attrs import evolve

from customauth.gateway.answer_cache import AnswerCache
from customauth.gateway.attempt import Attempt, Trace
from customauth.gateway.broker.limits import MAX_PAYLOAD
from customauth.gateway.decision import Grant, Step
from customauth.gateway.http_answers import BadRequest, HttpAnswer, accepted, forbidden, refused
from customauth.gateway.http_head import host_of, read_head, signed_for_aws
from customauth.gateway.http_publish import Publish, read_publish
from customauth.gateway.link import Link
from customauth.gateway.office import Office
from customauth.gateway.origin import HttpRequest, Origin
from customauth.gateway.routing import Spoken, misrouted
from customauth.gateway.session import MqttSession
from customauth.gateway.upgrade import PATHS, Upgrade, no_upgrade, read_upgrade, wants_websocket
from customauth.gateway.websocket import WebSocket

# How long a request's head, and then its body, may take to arrive, and how long a connection may idle; in seconds.
_HEAD_LIMIT = 10.0
_BODY_LIMIT = 20.0
_IDLE_LIMIT = 60.0
_MAX_HEAD = 65_536
# A body that is too large is read to its end, so that the client sees the answer, unless it is larger than this.
_MAX_READ = 8 * MAX_PAYLOAD

_log = logging.getLogger("customauth.gateway")


class Below(Link, Protocol):
    """The TLS connection, which another handler can take over."""

    def hand_over(self, handler: WebSocket) -> None:
        """Let another handler have the connection from here on."""


class HttpDoor:
    """The server's side of one HTTP connection.

    :param publish: takes what was published and allowed, with its payload.
    :param admitted: called when a client is accepted.
    """

    def __init__(
        self,
        below: Below,
        office: Office,
        origin: Origin,
        *,
        publish: Callable[[Publish, bytes], None],
        admitted: Callable[[], None],
    ) -> None:
        self._below = below
        self._office = office
        self._tls_origin = origin
        self._origin = origin
        self._publish = publish
        self._admitted = admitted
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_HEAD)
        self._loop = asyncio.get_running_loop()
        self._cache = AnswerCache(self._loop.time, time_scale=office.time_scale)
        self._request: HttpRequest | None = None
        self._body = bytearray()
        self._body_length = 0
        self._deciding: asyncio.Task[None] | None = None
        self._paused = False
        self._idle = False
        self._timer = self._loop.call_later(_HEAD_LIMIT, self._overdue, "no request head", _HEAD_LIMIT)

    def received(self, data: bytes) -> None:
        """Take what the client sent."""
        self._http.receive_data(data)
        self._work()

    def paused(self) -> None:
        """A client that does not read its answers gets no more questions in."""
        self._paused = True
        self._below.pause_reading()

    def resumed(self) -> None:
        """The client reads again."""
        self._paused = False
        self._go_on()

    def lost(self) -> None:
        """The connection is gone."""
        self._timer.cancel()
        if self._deciding is not None:
            self._deciding.cancel()

    def shutdown(self) -> None:
        """Close; HTTP has no farewell."""
        if self._deciding is not None:
            self._deciding.cancel()
        self._below.close()

    def _go_on(self) -> None:
        if self._deciding is None and not self._paused and not self._below.closing:
            self._below.resume_reading()
            self._work()

    def _work(self) -> None:
        while self._deciding is None and not self._paused and not self._below.closing:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                self._refuse_request(BadRequest(f"no HTTP request: {error}", status=error.error_status_hint))
                self._below.close()
                return
            match event:
                case h11.Request():
                    self._begin(event)
                case h11.Data():
                    self._collect(bytes(event.data))
                case h11.EndOfMessage():
                    self._finish()
                case _:
                    self._await_head()
                    return

    def _await_head(self) -> None:
        if self._idle and self._http.trailing_data[0]:
            self._idle = False
            self._wait(_HEAD_LIMIT, "no request head")

    def _begin(self, event: h11.Request) -> None:
        self._idle = False
        self._wait(_BODY_LIMIT, "no request body")
        request = self._request = read_head(
            method=event.method, target=event.target, version=event.http_version, headers=event.headers
        )
        self._body.clear()
        self._body_length = 0
        domain = self._tls_origin.domain or self._office.domain(host_of(request))
        self._origin = evolve(self._tls_origin, domain=domain, http=request)
        if _size(event) > _MAX_HEAD:
            # h11 sees to a head that comes in pieces.
            self._refuse_request(BadRequest(f"the head has more than {_MAX_HEAD} bytes", status=431))
            return
        announced = int(request.headers.get("content-length", "0"))
        waiting = self._http.they_are_waiting_for_100_continue
        if announced > (MAX_PAYLOAD if waiting else _MAX_READ):
            self._refuse_request(_too_large())
        elif waiting:
            self._send(h11.InformationalResponse(status_code=100, headers=[], reason="Continue"))

    def _collect(self, data: bytes) -> None:
        self._body_length += len(data)
        if self._body_length <= MAX_PAYLOAD:
            self._body += data
        else:
            self._body.clear()
        if self._body_length > _MAX_READ:
            self._refuse_request(_too_large())

    def _finish(self) -> None:
        request = self._request
        assert request is not None  # noqa: S101 - its body has ended
        self._timer.cancel()
        spoken = Spoken.WEBSOCKET if wants_websocket(request) else Spoken.PUBLISH
        try:
            if spoken is Spoken.PUBLISH and request.path in PATHS:
                raise no_upgrade()
            refusal = misrouted(self._origin, spoken) or signed_for_aws(request)
            if refusal is not None:
                step = Step.UPGRADE if spoken is Spoken.WEBSOCKET else Step.PUBLISH
                self._office.decided(Trace().decision(Attempt(origin=self._origin, step=step), refusal))
                self._answer(forbidden())
            elif spoken is Spoken.WEBSOCKET:
                self._become_websocket(read_upgrade(request))
            else:
                self._decide_publish(read_publish(request))
        except BadRequest as error:
            self._refuse_request(error)

    def _become_websocket(self, upgrade: Upgrade) -> None:
        def session(socket: WebSocket) -> MqttSession:
            return MqttSession(socket, self._office, self._origin, Spoken.WEBSOCKET, admitted=self._admitted)

        if self._origin.http is not None and self._origin.http.path != "/mqtt":
            self._office.note(None, f"{self._origin.peer} opened a WebSocket at /; AWS documents /mqtt (J5)")
        reason = HTTPStatus.SWITCHING_PROTOCOLS.phrase
        self._send(h11.InformationalResponse(status_code=101, reason=reason, headers=list(upgrade.headers)))
        socket = WebSocket(self._below, session, time_scale=self._office.time_scale)
        self._below.hand_over(socket)
        rest, _ = self._http.trailing_data
        if rest:
            socket.received(rest)

    def _decide_publish(self, publish: Publish) -> None:
        if self._body_length > MAX_PAYLOAD:
            raise _too_large()
        # The next request waits for the answer to this one.
        self._below.pause_reading()
        self._deciding = self._loop.create_task(self._decide(publish, bytes(self._body)))

    async def _decide(self, publish: Publish, payload: bytes) -> None:
        attempt = Attempt(origin=self._origin, step=Step.PUBLISH, topic=publish.topic, retain=publish.retain)
        trace = Trace()
        try:
            outcome = await self._office.authenticator.decide(attempt, trace, cache=self._cache)
            self._deciding = None
            self._office.decided(trace.decision(attempt, outcome))
            if isinstance(outcome, Grant):
                self._admitted()
                self._publish(publish, payload)
                self._answer(accepted())
            else:
                self._answer(forbidden())
            self._go_on()
        except Exception:
            # Nobody awaits this task: unless it ends the connection, the client waits for ever.
            _log.exception("CLOSE %s: the gateway failed", self._origin.peer)
            self._deciding = None
            self._below.close()

    def _answer(self, answer: HttpAnswer) -> None:
        # What the client is still sending is not read, so the connection cannot be kept.
        kept = self._http.their_state not in (h11.SEND_BODY, h11.ERROR)
        connection = ("connection", "keep-alive" if kept else "close")
        bodiless = self._request is not None and self._request.method == "HEAD"
        self._request = None
        self._send(
            h11.Response(
                status_code=answer.status,
                reason=HTTPStatus(answer.status).phrase,
                headers=[*answer.headers, connection, *answer.error_headers],
            ),
            *(() if bodiless else (h11.Data(data=answer.body),)),
            h11.EndOfMessage(),
        )
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            self._idle = True
            self._wait(_IDLE_LIMIT, "no further request")
        else:
            self._below.close()

    def _refuse_request(self, error: BadRequest) -> None:
        self._office.note(self._origin.peer, str(error), status=error.status, rule=error.rule)
        self._answer(refused(error))

    def _send(self, *events: h11.Event) -> None:
        self._below.write(b"".join(self._http.send(event) or b"" for event in events))

    def _wait(self, limit: float, what: str) -> None:
        self._timer.cancel()
        self._timer = self._loop.call_later(limit, self._overdue, what, limit)

    def _overdue(self, what: str, limit: float) -> None:
        self._office.note(self._origin.peer, f"{what} within {limit:g} s")
        self._below.close()


def _size(event: h11.Request) -> int:
    return len(event.target) + sum(len(name) + len(value) + len(": \r\n") for name, value in event.headers)


def _too_large() -> BadRequest:
    message = f"the payload has more than {MAX_PAYLOAD} bytes (E21)"
    return BadRequest(message, status=413, error_type="RequestEntityTooLargeException")
