"""One TLS connection on the bytes of one TCP connection: the handshake, the two directions, the farewell.

OpenSSL works on memory here and never sees the socket. So the ClientHello can be read before it: the certificate is
chosen by SNI (A47), an unknown ALPN gets the alert that AWS gives (F15), and an idle connection costs no buffers.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable
from typing import Protocol, cast

from attrs import frozen

from customauth._arrivals import arrivals
from customauth.gateway.client_hello import DECODE_ERROR, ClientHello, NotClientHello, alert, read_client_hello
from customauth.rules import RULES

# How long the TLS handshake may take, and how long a client may take to notice that it was closed; in seconds.
_HANDSHAKE_LIMIT = 10.0
_CLOSE_LIMIT = 2.0
_READ_SIZE = 16_384
# Each piece of a ClientHello costs another look at all of it.
_MAX_PIECES = 2048


class Handler(Protocol):
    """What speaks over a TLS connection."""

    def received(self, data: bytes) -> None:
        """Take what the client sent."""

    def lost(self) -> None:
        """Learn that the connection is gone; called once."""

    def paused(self) -> None:
        """Learn that the client does not read fast enough."""

    def resumed(self) -> None:
        """Learn that it does again."""

    def shutdown(self) -> None:
        """Tell the client that the gateway stops, and close."""


@frozen(kw_only=True)
class Rejected:
    """A ClientHello that gets a fatal alert: its number, the line for the log, and the rule that it breaks."""

    alert: int
    line: str
    rule: str


@frozen(kw_only=True)
class Desk:
    """What every connection of a listener asks.

    :ivar choose: the context for a ClientHello, or why there is none.
    :ivar handler: makes the handler when the handshake is done.
    :ivar failed: told of a handshake that OpenSSL ended; the client's address, then the error.
    :ivar note: told of what else ended a handshake: the client's address, the line, and the rule where one is known.
    :ivar opened: told of each TCP connection.
    :ivar closed: told of its end.
    """

    choose: Callable[[ClientHello], ssl.SSLContext | Rejected]
    handler: Callable[[TlsConnection, ClientHello], Handler]
    failed: Callable[[str, ssl.SSLError], None]
    note: Callable[[str, str, str | None], None]
    opened: Callable[[TlsConnection], None]
    closed: Callable[[TlsConnection], None]


class TlsConnection(asyncio.BufferedProtocol):
    """The server's side of one connection; a :class:`Handler` writes to it and closes it."""

    __slots__ = (
        "_closing",
        "_desk",
        "_handler",
        "_hello",
        "_incoming",
        "_outgoing",
        "_pieces",
        "_timer",
        "_tls",
        "_transport",
        "_unread",
        "handshake_duration",
        "peer",
    )

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._unread = bytearray()
        self._pieces = 0
        self._hello: ClientHello | None = None
        self._tls: ssl.SSLObject | None = None
        self._handler: Handler | None = None
        self._closing = False
        self.handshake_duration: float = 0.0
        self.peer: str = ""

    @property
    def alpn(self) -> str | None:
        """The application protocol that was negotiated."""
        return self._tls.selected_alpn_protocol() if self._tls is not None else None

    @property
    def certificate(self) -> bytes | None:
        """The client's certificate (DER), None if it sent none."""
        return self._tls.getpeercert(binary_form=True) if self._tls is not None else None

    @property
    def closing(self) -> bool:
        """Whether nothing more can be written."""
        return self._closing

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # asyncio's own promise for a stream, which uvloop keeps without the class.
        self._transport = cast("asyncio.Transport", transport)
        host, port = transport.get_extra_info("peername")[:2]
        self.peer = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.handshake_duration = -time.monotonic()
        self._timer = asyncio.get_running_loop().call_later(_HANDSHAKE_LIMIT, self._overdue)
        self._desk.opened(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return arrivals.buffer

    def buffer_updated(self, nbytes: int) -> None:
        data = arrivals.buffer[:nbytes]
        if self._closing:
            # Only until the client has noticed: unread bytes would reset the connection, and our last words with it.
            return
        if self._tls is None:
            self._unread += data
            self._pieces += 1
            self._greet()
            return
        self._incoming.write(data)
        if self._handler is None:
            self._shake_hands()
        else:
            self._deliver()

    def eof_received(self) -> bool:
        # Without close_notify; the transport closes itself.
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = True
        self._timer.cancel()
        self._desk.closed(self)
        if self._handler is not None:
            self._handler.lost()

    def pause_writing(self) -> None:
        if self._handler is not None:
            self._handler.paused()

    def resume_writing(self) -> None:
        if self._handler is not None:
            self._handler.resumed()

    def pause_reading(self) -> None:
        """Take nothing more from the client for now."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take what the client sends again."""
        self._transport.resume_reading()

    def hand_over(self, handler: Handler) -> None:
        """Let another handler have the connection from here on."""
        self._handler = handler

    def write(self, data: bytes) -> None:
        """Send; after the connection has begun to close this does nothing."""
        if self._closing or self._tls is None:
            return
        view = memoryview(data)
        try:
            while view:
                view = view[self._tls.write(view) :]
        except ssl.SSLError:
            # The client's last record was none, and after that OpenSSL sends nothing; whoever has read it closes.
            return
        self._transport.write(self._outgoing.read())

    def hang_up(self) -> None:
        """Close as :meth:`close` does: what is spoken inside TLS has no farewell of its own here."""
        self.close()

    def close(self) -> None:
        """Close when all that was written is sent, and the client has noticed or had its time to."""
        if self._closing:
            return
        if self._tls is None or self._handler is None:
            self.abort()
            return
        self._closing = True
        # Nobody waits for the client's own close_notify.
        with contextlib.suppress(ssl.SSLError):
            self._tls.unwrap()
        self._transport.write(self._outgoing.read())
        self._linger()

    def abort(self) -> None:
        """Close at once."""
        self._closing = True
        self._transport.abort()

    def shutdown(self) -> None:
        """Tell the client that the gateway stops, as far as it has come with it, and close."""
        if self._handler is None:
            self.abort()
        else:
            self._handler.shutdown()

    def _greet(self) -> None:
        try:
            hello = read_client_hello(self._unread)
        except NotClientHello as error:
            found = error.looks_like or "what is no TLS"
            rule = "client-without-tls"
            self._refuse(DECODE_ERROR, f"the client sent {found} ({error}); fix: {RULES[rule].advice()}", rule)
            return
        if hello is None:
            if self._pieces == _MAX_PIECES:
                self._refuse(DECODE_ERROR, f"no ClientHello in {_MAX_PIECES} pieces")
            return
        chosen = self._desk.choose(hello)
        if isinstance(chosen, Rejected):
            self._refuse(chosen.alert, chosen.line, chosen.rule)
            return
        self._hello = hello
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = chosen.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._incoming.write(self._unread)
        self._unread = bytearray()
        self._shake_hands()

    def _refuse(self, description: int, line: str, rule: str | None = None) -> None:
        self._desk.note(self.peer, line, rule)
        self._closing = True
        self._transport.write(alert(description))
        self._linger()

    def _shake_hands(self) -> None:
        assert self._tls is not None  # noqa: S101 - made by _greet
        assert self._hello is not None  # noqa: S101 - read by _greet
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._transport.write(self._outgoing.read())
            return
        except ssl.SSLError as error:
            self._desk.failed(self.peer, error)
            self._closing = True
            # OpenSSL's alert, so that the client sees why.
            self._transport.write(self._outgoing.read())
            self._linger()
            return
        self._timer.cancel()
        self.handshake_duration += time.monotonic()
        if self._outgoing.pending:
            self._transport.write(self._outgoing.read())
        self._handler = self._desk.handler(self, self._hello)
        self._hello = None
        if self._incoming.pending:
            self._deliver()

    def _deliver(self) -> None:
        assert self._tls is not None  # noqa: S101 - only after the handshake
        pieces: list[bytes] = []
        finished = False
        try:
            while piece := self._tls.read(_READ_SIZE):
                pieces.append(piece)
            finished = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            finished = True
        except ssl.SSLError:
            # A record that is none: nothing after it can be read.
            finished = True
        if self._outgoing.pending:
            self._transport.write(self._outgoing.read())
        if pieces and self._handler is not None:
            self._handler.received(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        if finished:
            self.close()

    def _linger(self) -> None:
        self._timer.cancel()
        try:
            self._transport.write_eof()
        except OSError:
            # The client is gone already.
            self._transport.abort()
        # Reading goes on, so that the end of the client's bytes is seen.
        self._transport.resume_reading()
        self._timer = asyncio.get_running_loop().call_later(_CLOSE_LIMIT, self._transport.abort)

    def _overdue(self) -> None:
        if self._tls is None and not self._unread:
            self._desk.note(self.peer, f"no TLS handshake within {_HANDSHAKE_LIMIT:g} s", None)
        else:
            self._desk.note(self.peer, f"the TLS handshake took more than {_HANDSHAKE_LIMIT:g} s", None)
        self.abort()
