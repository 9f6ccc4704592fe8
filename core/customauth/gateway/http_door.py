"""HTTP on a connection: publishes are decided over and answered, upgrades to a WebSocket are handed on (A23-A38)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Protocol

import h11
from attrs import evolve
from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.server import ServerProtocol

from customauth.gateway.answer_cache import AnswerCache
from customauth.gateway.attempt import Attempt, Trace
from customauth.gateway.decision import Grant, Reason, Refusal, Step
from customauth.gateway.http_publish import (
    MAX_PAYLOAD,
    BadPublish,
    HttpAnswer,
    Publish,
    accepted,
    failed,
    forbidden,
    read_publish,
)
from customauth.gateway.office import Office
from customauth.gateway.origin import HttpRequest, Origin
from customauth.gateway.routing import Spoken, misrouted
from customauth.gateway.session import Link, MqttSession
from customauth.gateway.websocket import WebSocket

# How long a request's head, and then its body, may take to arrive, and how long a connection may idle; in seconds.
_HEAD_LIMIT = 10.0
_BODY_LIMIT = 20.0
_IDLE_LIMIT = 60.0
_MAX_HEAD = 65_536
_MAX_HEADER = 8192  # A21
_MAX_QUERY = 4096  # A21
_SUBPROTOCOLS = ("mqtt", "mqttv3.1")  # A23, A24
# What a WebSocket is opened at; some clients leave the path out (J5).
_WEBSOCKET_PATHS = ("/mqtt", "/")

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
        self._cache = AnswerCache(office.time_scale)
        self._request: HttpRequest | None = None
        self._body = bytearray()
        self._too_large = False
        self._deciding: asyncio.Task[None] | None = None
        self._timer = self._loop.call_later(_HEAD_LIMIT, self._overdue, "no request head", _HEAD_LIMIT)

    def received(self, data: bytes) -> None:
        """Take what the client sent."""
        try:
            self._http.receive_data(data)
        except (h11.RemoteProtocolError, RuntimeError) as error:
            self._malformed(error)
            return
        self._work()

    def paused(self) -> None:
        """A client that does not read its answers gets no more questions in."""
        self._below.pause_reading()

    def resumed(self) -> None:
        """The client reads again."""
        if self._deciding is None:
            self._below.resume_reading()

    def lost(self) -> None:
        """The connection is gone."""
        self._timer.cancel()
        if self._deciding is not None:
            self._deciding.cancel()

    def shutdown(self) -> None:
        """Close; HTTP has no farewell."""
        self._below.close()

    def _work(self) -> None:
        while self._deciding is None and not self._below.closing:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                self._malformed(error)
                return
            match event:
                case h11.Request():
                    self._begin(event)
                case h11.Data():
                    self._collect(bytes(event.data))
                case h11.EndOfMessage():
                    self._finish()
                case _:
                    return

    def _begin(self, event: h11.Request) -> None:
        self._wait(_BODY_LIMIT, "no request body")
        request = self._request = _read_request(event)
        self._body.clear()
        self._too_large = False
        domain = self._tls_origin.domain or self._office.domain(_host(request.headers.get("host", "")))
        self._origin = evolve(self._tls_origin, domain=domain, http=request)
        too_long = _too_long(request)
        if too_long is not None:
            self._refuse_request(failed(431, "InvalidRequestException"), too_long)
        elif "expect" in request.headers and self._http.they_are_waiting_for_100_continue:
            self._send(h11.InformationalResponse(status_code=100, headers=[]))

    def _collect(self, data: bytes) -> None:
        # What is too much is read to its end, so that the client sees the answer, but not kept.
        if len(self._body) + len(data) > MAX_PAYLOAD:
            self._too_large = True
            self._body.clear()
        if not self._too_large:
            self._body += data

    def _finish(self) -> None:
        request = self._request
        if request is None or self._below.closing:
            return
        self._timer.cancel()
        if request.headers.get("upgrade", "").lower() == "websocket":
            self._upgrade(request)
        elif request.path in _WEBSOCKET_PATHS:
            text = "a WebSocket is opened here; send Upgrade: websocket, or publish with POST /topics/TOPIC"
            self._refuse_request(failed(426, "InvalidRequestException"), text)
        else:
            self._decide_publish(request)

    def _upgrade(self, request: HttpRequest) -> None:
        attempt = Attempt(origin=self._origin, step=Step.UPGRADE)
        refusal = misrouted(self._origin, Spoken.WEBSOCKET) or _unusable(request)
        if refusal is not None:
            self._office.decided(Trace().decision(attempt, refusal))
            self._answer(forbidden())
            return
        if request.path not in _WEBSOCKET_PATHS:
            text = f"there is no WebSocket at {request.path[:128]!r}; open it at /mqtt (A23)"
            self._refuse_request(failed(404, "ResourceNotFoundException"), text)
            return
        offered = [name.strip() for name in request.headers.get("sec-websocket-protocol", "").split(",")]
        chosen = next((name for name in offered if name in _SUBPROTOCOLS), None)
        if chosen is None:
            text = 'the client offered no subprotocol that is served; offer "mqtt" (A23)'
            self._refuse_request(failed(400, "InvalidRequestException"), text)
            return
        upgrade = ServerProtocol()
        response = upgrade.accept(_websocket_request(request))
        headers = [(name.encode(), value.encode()) for name, value in response.headers.raw_items()]
        if upgrade.handshake_exc is not None:
            text = f"no WebSocket handshake: {upgrade.handshake_exc}"
            self._refuse_request(failed(response.status_code, "InvalidRequestException"), text)
            return
        if request.path != "/mqtt":
            self._office.note(None, f"{self._origin.peer} opened a WebSocket at /; AWS documents /mqtt (J5)")
        headers.append((b"sec-websocket-protocol", chosen.encode()))
        self._send(h11.InformationalResponse(status_code=101, reason="Switching Protocols", headers=headers))
        self._become_websocket()

    def _become_websocket(self) -> None:
        def session(socket: WebSocket) -> MqttSession:
            return MqttSession(socket, self._office, self._origin, Spoken.WEBSOCKET, admitted=self._admitted)

        socket = WebSocket(self._below, session, time_scale=self._office.time_scale)
        self._below.hand_over(socket)
        rest, _ = self._http.trailing_data
        if rest:
            socket.received(rest)

    def _decide_publish(self, request: HttpRequest) -> None:
        refusal = misrouted(self._origin, Spoken.PUBLISH)
        if refusal is not None:
            attempt = Attempt(origin=self._origin, step=Step.PUBLISH)
            self._office.decided(Trace().decision(attempt, refusal))
            self._answer(forbidden())
            return
        try:
            publish = read_publish(request)
        except BadPublish as error:
            self._refuse_request(failed(error.status, error.error_type), str(error))
            return
        if self._too_large:
            text = f"the payload has more than {MAX_PAYLOAD} bytes (E21)"
            self._refuse_request(failed(413, "InvalidRequestException"), text)
            return
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
            self._below.resume_reading()
            self._work()
        except Exception:
            # Nobody awaits this task: unless it ends the connection, the client waits for ever.
            _log.exception("CLOSE %s: the gateway failed", self._origin.peer)
            self._deciding = None
            self._below.close()

    def _answer(self, answer: HttpAnswer) -> None:
        kept = self._http.their_state not in (h11.SEND_BODY, h11.ERROR)
        connection = ("connection", "keep-alive" if kept else "close")
        self._send(
            h11.Response(
                status_code=answer.status,
                reason=HTTPStatus(answer.status).phrase,
                headers=[*answer.headers, connection],
            ),
            h11.Data(data=answer.body),
            h11.EndOfMessage(),
        )
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            self._wait(_IDLE_LIMIT, "no further request")
        else:
            self._below.close()

    def _refuse_request(self, answer: HttpAnswer, why: str) -> None:
        self._office.note(self._origin.peer, why, status=answer.status)
        self._answer(answer)

    def _malformed(self, error: Exception) -> None:
        hint = getattr(error, "error_status_hint", 400)
        self._office.note(self._origin.peer, f"no HTTP request: {error}")
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._answer(failed(hint, "InvalidRequestException"))
        self._below.close()

    def _send(self, *events: h11.Event) -> None:
        self._below.write(b"".join(self._http.send(event) or b"" for event in events))

    def _wait(self, limit: float, what: str) -> None:
        self._timer.cancel()
        self._timer = self._loop.call_later(limit, self._overdue, what, limit)

    def _overdue(self, what: str, limit: float) -> None:
        self._office.note(self._origin.peer, f"{what} within {limit:g} s")
        self._below.close()


def _read_request(event: h11.Request) -> HttpRequest:
    path, _, query = event.target.decode("latin-1").partition("?")
    headers: dict[str, str] = {}
    for name, value in event.headers:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return HttpRequest(method=event.method.decode("latin-1"), path=path, query=query, headers=headers)


def _websocket_request(request: HttpRequest) -> Request:
    # What was offered as subprotocol is answered by the caller: AWS answers one that is not in order of preference.
    headers = Headers({name: value for name, value in request.headers.items() if name != "sec-websocket-protocol"})
    return Request(request.path, headers, request.method)


def _host(header: str) -> str:
    return header.rpartition(":")[0] if header.rpartition(":")[2].isdigit() else header


def _too_long(request: HttpRequest) -> str | None:
    if len(request.query) > _MAX_QUERY:
        return f"the query string has more than {_MAX_QUERY} bytes (A21)"
    if any(len(name) > _MAX_HEADER or len(value) > _MAX_HEADER for name, value in request.headers.items()):
        return f"a header has more than {_MAX_HEADER} bytes (A21)"
    return None


def _unusable(request: HttpRequest) -> Refusal | None:
    """Refuse what is signed with an AWS credential: there is no account here that it could belong to (F6)."""
    signed = request.headers.get("authorization", "").startswith("AWS4-") or "X-Amz-Signature=" in request.query
    if not signed:
        return None
    return Refusal(
        reason=Reason.NOT_AUTHENTICATED,
        why="the upgrade is signed with AWS credentials (SigV4), which the gateway does not know",
        fix="send custom authentication in headers, URL query or CONNECT, and no SigV4 signature",
    )
