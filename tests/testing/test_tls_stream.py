"""The TLS connections of the servers that tests play, and of the fault proxy."""

from __future__ import annotations

import asyncio
import socket
import ssl

import pytest

from customauth.testing.certificates import good_identity
from customauth.testing.tls_stream import TlsStream


async def _connected() -> tuple[TlsStream, TlsStream]:
    """Return both ends of a connection: the client's and the server's."""
    identity = good_identity()
    trusting = ssl.create_default_context(cadata=identity.ca_pem.decode())
    trusting.verify_flags &= ~ssl.VERIFY_X509_STRICT
    showing = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    showing.load_cert_chain(identity.certificate_file, identity.key_file)
    near, far = socket.socketpair()
    near.setblocking(False)
    far.setblocking(False)
    client = TlsStream(near, trusting, server_name="localhost")
    server = TlsStream(far, showing, server_side=True)
    await asyncio.gather(client.shake_hands(), server.shake_hands())
    return client, server


@pytest.mark.parametrize("turns", range(5))
def test_a_read_that_is_cancelled_at_any_moment_loses_nothing(turns: int) -> None:
    async def main() -> bytes:
        client, server = await _connected()
        reading = asyncio.create_task(client.read())
        await asyncio.sleep(0)
        await server.write(b"said")
        for _ in range(turns):
            await asyncio.sleep(0)
        reading.cancel()
        (taken,) = await asyncio.gather(reading, return_exceptions=True)
        async with asyncio.timeout(30):
            heard = await client.read() if isinstance(taken, asyncio.CancelledError) else taken
        client.reset()
        server.reset()
        assert isinstance(heard, bytes)
        return heard

    assert asyncio.run(main()) == b"said"
