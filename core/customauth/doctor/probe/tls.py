"""TLS handshakes with options of one's own: what was negotiated, or what went wrong and the peer's first bytes.

The dialer tells whether one way works; the probe compares ways, and looks at certificates that it does not trust.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import errno
import re
import socket
import ssl

from attrs import define, field, frozen

from customauth.dialing.contexts import tls_context_of
from customauth.doctor.probe.certificate import Certificate
from customauth.endpoint import Endpoint

_READ_SIZE = 16_384
_FIRST_BYTES = 512
_CLOSE_LIMIT = 2.0
_LONGEST_ALPN = 255  # RFC 7301, 3.1

# OpenSSL's X509_V_ERR numbers.
_TIMES = frozenset({9, 10})
_NAMES = frozenset({62, 64})
# The types of a TLS record, and the first byte of its version (RFC 8446, 5.1).
_RECORD_TYPES = frozenset({20, 21, 22, 23})
_RECORD_VERSION = 3


class NoProtocolName(ValueError):
    """TLS cannot carry what is offered as ALPN."""


class Trouble(enum.Enum):
    """What went wrong in a handshake."""

    UNTRUSTED = "untrusted"
    WRONG_NAME = "wrong name"
    TIME = "not valid now"
    ALPN = "ALPN refused"
    NAME_REFUSED = "name refused"
    CERTIFICATE_WANTED = "client certificate wanted"
    NOT_TLS = "not TLS"
    CLOSED = "closed"
    SILENT = "silent"
    OTHER = "other"


@frozen(kw_only=True)
class Offer:
    """How a handshake is made.

    :ivar alpn: the protocols that are offered; none for no ALPN.
    :ivar sni: whether the endpoint's name is sent.
    :ivar verified: whether the certificate must be trusted, and for the name; where not, only the handshake is made.
    """

    alpn: tuple[str, ...] = ()
    sni: bool = True
    verified: bool = True


@frozen(kw_only=True)
class Failure:
    """A handshake that failed.

    :ivar said: in words, without secrets.
    :ivar first: the first bytes of the peer.
    """

    trouble: Trouble
    said: str
    first: bytes = b""


@define(eq=False)
class TlsPipe:
    """An open TLS connection."""

    _socket: socket.socket
    _tls: ssl.SSLObject
    _incoming: ssl.MemoryBIO
    _outgoing: ssl.MemoryBIO
    _first: bytearray = field(factory=bytearray)
    trouble: Failure | None = None

    @property
    def version(self) -> str:
        """Such as ``TLSv1.3``."""
        return self._tls.version() or "TLS"

    @property
    def alpn(self) -> str | None:
        """The ALPN protocol that the server chose."""
        return self._tls.selected_alpn_protocol()

    @property
    def certificate(self) -> Certificate | None:
        """The server's certificate, None where it cannot be read."""
        der = self._tls.getpeercert(binary_form=True)
        return None if der is None else Certificate.of(der)

    async def shake_hands(self) -> None:
        """Make the handshake.

        :raises OSError: it failed.
        """
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._transmit()
                await self._receive()
            except ssl.SSLError:
                # The alert, so that the server sees why.
                with contextlib.suppress(OSError):
                    await self._transmit()
                raise
            else:
                await self._transmit()
                return

    async def read(self) -> bytes:
        """Return the next bytes; nothing when the peer has closed, ``trouble`` then says how."""
        while True:
            try:
                return self._tls.read(_READ_SIZE)
            except ssl.SSLWantReadError:
                try:
                    await self._transmit()
                    await self._receive()
                except OSError as error:
                    self.trouble = self.failure(error)
                    return b""
            except ssl.SSLZeroReturnError:
                return b""
            except ssl.SSLError as error:
                self.trouble = self.failure(error)
                return b""

    async def write(self, data: bytes) -> None:
        """Send. What goes wrong is seen at the next reading."""
        with contextlib.suppress(OSError):
            self._tls.write(data)
            await self._transmit()

    async def close(self) -> None:
        """Say goodbye and close."""
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_CLOSE_LIMIT):
                with contextlib.suppress(ssl.SSLError):
                    self._tls.unwrap()
                await self._transmit()
        self._socket.close()

    def abort(self) -> None:
        """Close at once."""
        self._socket.close()

    def failure(self, error: OSError) -> Failure:
        """Say what an error means, in the light of the peer's first bytes."""
        return _failure(error, bytes(self._first))

    async def _transmit(self) -> None:
        if self._outgoing.pending:
            await asyncio.get_running_loop().sock_sendall(self._socket, self._outgoing.read())

    async def _receive(self) -> None:
        data = await asyncio.get_running_loop().sock_recv(self._socket, _READ_SIZE)
        if not data:
            self._incoming.write_eof()
            raise ConnectionResetError("the peer closed the connection")
        if len(self._first) < _FIRST_BYTES:
            self._first += data[: _FIRST_BYTES - len(self._first)]
        self._incoming.write(data)


async def shake_hands(connected: socket.socket, endpoint: Endpoint, offer: Offer, timeout: float) -> TlsPipe | Failure:
    """Make a TLS handshake over a TCP connection, which is closed when it fails.

    :raises EndpointError: the CA or the client certificate cannot be used.
    :raises NoProtocolName: TLS cannot carry what is offered as ALPN.
    """
    try:
        # Small packets would wait for each other's acknowledgement, and be measured so.
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        context = _context(endpoint, offer)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        try:
            tls = context.wrap_bio(incoming, outgoing, server_hostname=endpoint.host if offer.sni else None)
        except ValueError:
            connected.close()
            return Failure(trouble=Trouble.WRONG_NAME, said=f"{endpoint.host!r} can be in no certificate")
        pipe = TlsPipe(connected, tls, incoming, outgoing)
    except BaseException:
        connected.close()
        raise
    try:
        async with asyncio.timeout(timeout):
            await pipe.shake_hands()
    except TimeoutError:
        pipe.abort()
        return Failure(trouble=Trouble.SILENT, said=f"no answer to the ClientHello within {timeout:g} s")
    except OSError as error:
        pipe.abort()
        return pipe.failure(error)
    except BaseException:
        pipe.abort()
        raise
    return pipe


def _context(endpoint: Endpoint, offer: Offer) -> ssl.SSLContext:
    if not all(1 <= len(name) <= _LONGEST_ALPN and name.isascii() for name in offer.alpn):
        raise NoProtocolName(f"an ALPN protocol has 1 to {_LONGEST_ALPN} characters of ASCII")
    if offer.verified:
        return tls_context_of(endpoint.ca_pem, endpoint.client_certificate, offer.alpn)
    # Nothing is sent over such a connection but the handshake.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if offer.alpn:
        context.set_alpn_protocols(offer.alpn)
    return context


def _failure(error: OSError, first: bytes) -> Failure:
    if isinstance(error, ssl.SSLCertVerificationError):
        trouble = Trouble.UNTRUSTED
        if error.verify_code in _NAMES:
            trouble = Trouble.WRONG_NAME
        elif error.verify_code in _TIMES:
            trouble = Trouble.TIME
        return Failure(trouble=trouble, said=error.verify_message, first=first)
    if first and (first[0] not in _RECORD_TYPES or first[1:2] not in (b"", bytes((_RECORD_VERSION,)))):
        return Failure(trouble=Trouble.NOT_TLS, said="the answer is no TLS", first=first)
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
        # Of an alert that it has no name for OpenSSL gives prose, between its own name and a line of its source.
        reason = error.reason or re.sub(r"^\[[^]]*\] *| *\([^)]*\)$", "", str(error))
        return Failure(trouble=_alert(reason), said=reason.lower().replace("_", " "), first=first)
    said = "reset" if error.errno == errno.ECONNRESET else "closed"
    return Failure(trouble=Trouble.CLOSED, said=f"the peer {said} the connection", first=first)


def _alert(reason: str) -> Trouble:
    # An alert that OpenSSL has a name for comes as TLSV1_ALERT_X, another as its prose.
    spelled = reason.upper().replace(" ", "_")
    for alert, trouble in (
        ("NO_APPLICATION_PROTOCOL", Trouble.ALPN),
        ("UNRECOGNIZED_NAME", Trouble.NAME_REFUSED),
        ("CERTIFICATE_REQUIRED", Trouble.CERTIFICATE_WANTED),
    ):
        if alert in spelled:
            return trouble
    return Trouble.OTHER
