"""A TLS connection that can be ended in every way: OpenSSL works on memory here, and the socket is ours alone."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct

from customauth.testing.sockets import finish

_READ_SIZE = 65_536
_CLOSE_LIMIT = 2.0
_ALERT = 0x15
_RESET_AT_CLOSE = struct.pack("ii", 1, 0)


class TlsStream:
    """One side of a TLS connection, over a socket that does not block.

    One task may read while others write; what is written in one call stays together.

    :param server_name: what a client asks for; None asks for nothing.
    :param received: bytes of the peer that were read from the socket already.
    """

    def __init__(
        self,
        connected: socket.socket,
        context: ssl.SSLContext,
        *,
        server_side: bool = False,
        server_name: str | None = None,
        received: bytes = b"",
    ) -> None:
        self._socket = connected
        self._loop = asyncio.get_running_loop()
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_side, server_hostname=server_name
        )
        self._incoming.write(received)
        self._sending = asyncio.Lock()
        self._torn = False
        self.alert: bytes | None = None

    @property
    def alpn(self) -> str | None:
        """The application protocol that was negotiated."""
        return self._tls.selected_alpn_protocol()

    async def shake_hands(self) -> None:
        """Do the handshake.

        Where the peer refuses it before it has said anything else, ``alert`` is the record in which it does.

        :raises ssl.SSLError: when TLS fails; the alert has been sent.
        :raises ConnectionError: when the peer leaves.
        """
        silent = True
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
            except ssl.SSLError:
                await self._flush()
                raise
            else:
                await self._flush()
                return
            data = await self._receive()
            if not data:
                raise ConnectionResetError("the peer left during the TLS handshake")
            if silent and data[0] == _ALERT:
                self.alert = data
            silent = False
            self._incoming.write(data)

    async def read(self) -> bytes:
        """Return what has come; nothing when the peer has closed, or sent what is no TLS.

        Cancelled, it loses nothing: the next call returns it.

        :raises ConnectionError: when the connection is reset.
        """
        while True:
            try:
                return self._tls.read(_READ_SIZE)
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                return b""
            await self._flush()
            data = await self._receive()
            if not data:
                return b""
            self._incoming.write(data)

    async def write(self, data: bytes) -> None:
        """Send, and return when the system has taken it all.

        :raises OSError: when the connection is gone, :class:`ssl.SSLError` included.
        """
        view = memoryview(data)
        while view:
            view = view[self._tls.write(view) :]
        await self._flush()

    async def close(self, last: bytes = b"") -> None:
        """Say goodbye, in TLS and in TCP, and wait until the peer has noticed or had its time to.

        No task may be reading or writing any more.

        :param last: what to send before.
        """
        # A timeout is an OSError as well.
        with contextlib.suppress(OSError):
            if not self._torn:
                if last:
                    self._tls.write(last)
                # It wants the peer's close_notify, for which nobody waits.
                with contextlib.suppress(ssl.SSLError):
                    self._tls.unwrap()
                async with asyncio.timeout(_CLOSE_LIMIT):
                    await self._flush()
            await finish(self._socket)
        self._socket.close()

    def reset(self) -> None:
        """Close with an RST. No task may be reading or writing any more."""
        reset(self._socket)

    async def _receive(self) -> bytes:
        # Not loop.sock_recv(): cancelled at the wrong moment, that loses what it has received.
        while True:
            with contextlib.suppress(BlockingIOError):
                return self._socket.recv(_READ_SIZE)
            readable = self._loop.create_future()
            descriptor = self._socket.fileno()
            self._loop.add_reader(descriptor, _come, readable)
            try:
                await readable
            finally:
                self._loop.remove_reader(descriptor)

    async def _flush(self) -> None:
        if not self._outgoing.pending:
            return
        async with self._sending:
            data = self._outgoing.read()
            # Cut off in here, half a record may have gone, and nothing can follow it.
            self._torn = True
            await self._loop.sock_sendall(self._socket, data)
            self._torn = False


def _come(readable: asyncio.Future[None]) -> None:
    if not readable.done():
        readable.set_result(None)


def reset(connected: socket.socket) -> None:
    """Close a socket with an RST."""
    with contextlib.suppress(OSError):
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
    connected.close()
