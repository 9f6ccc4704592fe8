"""TLS for the client's side of one connection, on the bytes of the transport below.

OpenSSL works on memory here and never sees the socket. asyncio's own TLS keeps a buffer of 256 KiB for each connection;
this keeps none.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import Any, cast

from customauth._arrivals import arrivals
from customauth.dialing.layer import Layer
from customauth.errors import TlsFailed, TlsReason

_READ_SIZE = 16_384
# How long the peer may take to take what was written and to close its side too, in seconds.
_CLOSE_LIMIT = 10.0

# OpenSSL's X509_V_ERR numbers.
_CERTIFICATE_REASONS = {
    9: TlsReason.EXPIRED,
    10: TlsReason.EXPIRED,
    62: TlsReason.WRONG_NAME,
    64: TlsReason.WRONG_NAME,
}

_ALERTS = {
    "NO_APPLICATION_PROTOCOL": TlsReason.ALPN_REFUSED,
    "UNRECOGNIZED_NAME": TlsReason.SNI_REFUSED,
}


async def open_tls(connected: socket.socket, context: ssl.SSLContext, host: str) -> TlsTransport:
    """Make the TLS handshake over a connected socket, which then belongs to the transport.

    :param host: sent as SNI, and what the server's certificate must be for (A47).
    :raises TlsFailed: with the reason.
    """
    loop = asyncio.get_running_loop()
    try:
        tls = TlsTransport(loop, context, host)
    except ValueError as error:
        connected.close()
        raise TlsFailed(TlsReason.WRONG_NAME, f"{host!r} can be in no certificate") from error
    try:
        await loop.create_connection(lambda: tls, sock=connected)
        await tls.opened
    except OSError as error:
        tls.abort()
        raise _failure(error) from error
    except BaseException:
        tls.abort()
        raise
    return tls


class TlsTransport(Layer, asyncio.BufferedProtocol):
    """The client's side of a TLS connection.

    :ivar opened: done when the handshake is; fails with what OpenSSL or the operating system gave.
    """

    __slots__ = ("_incoming", "_outgoing", "_peer_finished", "_timer", "_tls", "_unsent", "opened")

    def __init__(self, loop: asyncio.AbstractEventLoop, context: ssl.SSLContext, host: str) -> None:
        super().__init__(loop)
        self.opened: asyncio.Future[None] = loop.create_future()
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._unsent = b""
        self._peer_finished = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # asyncio's own promise for a stream, which uvloop keeps without the class.
        self._below = cast("asyncio.Transport", transport)
        if self._closing:
            self._below.abort()
        else:
            self._shake_hands()

    def get_buffer(self, sizehint: int) -> memoryview:
        return arrivals.buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._closing:
            # Only until the peer has noticed: unread bytes would reset the connection, and our last words with it.
            return
        self._incoming.write(arrivals.buffer[:nbytes])
        if self.opened.done():
            self._read()
        else:
            self._shake_hands()

    def eof_received(self) -> bool:
        # Without close_notify, which many servers leave out, and MQTT knows where its packets end.
        if self.opened.done() and not self._closing:
            self._say_eof()
        # The transport below closes itself.
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if not self.opened.done():
            self.opened.set_exception(exc or ConnectionResetError("the peer closed the connection"))
        super().connection_lost(exc)

    def close(self) -> None:
        """Close when all that was written is sent, and the peer has noticed or had its time to."""
        if self._closing:
            return
        if not self.opened.done():
            self.abort()
            return
        self._flush()
        if self._closing:
            return
        assert self._below is not None  # noqa: S101 - the handshake went over it
        self._closing = True
        # Nobody waits for the peer's own close_notify.
        with contextlib.suppress(ssl.SSLError):
            self._tls.unwrap()
        self._transmit()
        if self._peer_finished:
            self._below.close()
            return
        # Reading goes on, so that the end of the peer's bytes is seen.
        self._below.resume_reading()
        self._timer = self._loop.call_later(_CLOSE_LIMIT, self._below.abort)
        try:
            self._below.write_eof()
        except OSError:
            # The peer is gone already.
            self._below.abort()

    def abort(self) -> None:
        """Close at once; what was not sent is lost."""
        if not self.opened.cancel() and not self.opened.cancelled():
            # Nobody may be left to ask why the handshake failed, of which asyncio would complain.
            self.opened.exception()
        super().abort()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what is known of the connection under a name of asyncio's, such as ``ssl_object`` or ``peername``."""
        match name:
            case "ssl_object":
                return self._tls
            case "sslcontext":
                return self._tls.context
            case "peercert":
                return self._tls.getpeercert()
            case "cipher":
                return self._tls.cipher()
        return super().get_extra_info(name, default)

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait to be sent, in this layer and below it."""
        return super().get_write_buffer_size() + len(self._unsent)

    def _shake_hands(self) -> None:
        assert self._below is not None  # noqa: S101 - called when something arrives from it
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._transmit()
        except ssl.SSLError as error:
            if not self.opened.done():
                self.opened.set_exception(error)
            # OpenSSL's alert, so that the server sees why.
            self._transmit()
            self._fail(error)
        else:
            self._transmit()
            self.opened.set_result(None)
            if self._incoming.pending:
                self._read()

    def _read(self) -> None:
        pieces: list[bytes] = []
        failure: ssl.SSLError | None = None
        try:
            while piece := self._tls.read(_READ_SIZE):
                pieces.append(piece)
            self._peer_finished = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self._peer_finished = True
        except ssl.SSLError as error:
            # An alert, or what is no record: nothing after it can be read.
            failure = error
        self._transmit()
        if pieces:
            self._deliver(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        if failure is not None:
            self._fail(failure)
        elif self._peer_finished and not self._closing:
            self._say_eof()
            self.close()
        elif self._unsent and not self._closing:
            self._send(b"")

    def _send(self, data: bytes) -> None:
        rest = memoryview(self._unsent + data if self._unsent else data)
        self._unsent = b""
        try:
            while rest:
                rest = rest[self._tls.write(rest) :]
        except ssl.SSLWantReadError:
            # The server renegotiates (TLS 1.2); OpenSSL wants the same bytes again after its answer.
            self._unsent = bytes(rest)
        except ssl.SSLError as error:
            self._fail(error)
            return
        self._transmit()

    def _transmit(self) -> None:
        if self._outgoing.pending and self._below is not None:
            self._below.write(self._outgoing.read())


def _failure(error: OSError) -> TlsFailed:
    if isinstance(error, ssl.SSLCertVerificationError):
        return TlsFailed(_CERTIFICATE_REASONS.get(error.verify_code, TlsReason.UNTRUSTED_CA), error.verify_message)
    if isinstance(error, ssl.SSLError):
        text = error.reason or str(error)
        # An alert that OpenSSL has a name for comes as TLSV1_ALERT_X, another as its prose.
        spelled = text.upper().replace(" ", "_")
        found = (reason for alert, reason in _ALERTS.items() if alert in spelled)
        return TlsFailed(next(found, TlsReason.HANDSHAKE), text)
    return TlsFailed(TlsReason.HANDSHAKE, str(error) or "the peer closed the connection")
