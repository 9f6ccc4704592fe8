"""The TLS layer as a transport of asyncio: what goes out, what comes in, and every way in which it ends."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import re
import socket
import ssl
import struct
import warnings
from collections.abc import AsyncIterator

import pytest
from attrs import evolve, frozen

import servers
import tlsrooms
from customauth import Endpoint, TlsFailed, TlsReason
from customauth.dialing import dial, tls_context
from customauth.dialing.tls import TlsTransport, open_tls
from listeners import LIMIT, Listener, loops, run
from programs import program

TLS_VERSIONS = pytest.mark.parametrize(
    "version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda version: version.name
)


@frozen
class Made:
    """Both sides of a connection."""

    transport: asyncio.Transport
    listener: Listener
    peer: tlsrooms.Peer


@contextlib.asynccontextmanager
async def connected(**how: object) -> AsyncIterator[Made]:
    async with tlsrooms.room(**how) as room:  # type: ignore[arg-type]  # the options of a room
        transport, listener = await dial(Listener, room.endpoint, LIMIT)
        try:
            yield Made(transport, listener, await room.peer())
        finally:
            transport.abort()
            await listener.ended()


# What is negotiated


@pytest.mark.fact("A39")
@pytest.mark.fact("A47")
@pytest.mark.fact("A49")
@loops
def test_the_name_and_alpn_mqtt_are_sent_and_tls_is_new(loop: str) -> None:
    async def main() -> None:
        async with servers.scripted_server() as server:
            transport, listener = await dial(Listener, server.endpoint, LIMIT)
            (peer,) = server.peers
            transport.close()
            await listener.ended()
            await peer.ended.wait()
        assert (peer.sni, peer.alpn, peer.tls_version) == ("localhost", "mqtt", "TLSv1.3")

    run(main(), loop)


@pytest.mark.fact("A49")
def test_a_server_of_tls_1_1_is_refused() -> None:
    async def main() -> None:
        async with servers.scripted_server(tls=ssl.TLSVersion.TLSv1_1) as server:
            with pytest.raises(TlsFailed) as caught:
                await dial(Listener, server.endpoint, LIMIT)
        assert caught.value.reason is TlsReason.HANDSHAKE
        assert isinstance(caught.value.__cause__, OSError)

    run(main())


@TLS_VERSIONS
def test_a_client_certificate_is_shown_to_a_server_that_asks(version: ssl.TLSVersion) -> None:
    async def main() -> None:
        shown = tlsrooms.client_certificate("device")
        async with tlsrooms.room(client_ca=shown.certificate_pem, lowest=version, highest=version) as room:
            endpoint = evolve(room.endpoint, client_certificate=shown)
            transport, listener = await dial(Listener, endpoint, LIMIT)
            peer = await room.peer()
            assert peer.writer.get_extra_info("peercert")["subject"] == ((("commonName", "device"),),)
            transport.abort()
            await listener.ended()

    run(main())


@program("openssl", package="openssl")
@loops
def test_a_server_that_misses_the_client_certificate_ends_the_connection_with_its_alert(loop: str) -> None:
    async def main() -> None:
        # In TLS 1.3 the server looks at it when the client's handshake is done.
        async with tlsrooms.s_server("-Verify", "1", "-tls1_3") as server:
            _, listener = await dial(Listener, server.endpoint, LIMIT)
            cause = await listener.ended()
        assert isinstance(cause, ssl.SSLError)
        assert "CERTIFICATE_REQUIRED" in str(cause).upper().replace(" ", "_")

    run(main(), loop)


def test_the_server_is_told_why_the_handshake_failed() -> None:
    async def main() -> Exception | None:
        async with servers.scripted_server() as server:
            with pytest.raises(TlsFailed) as caught:
                await dial(Listener, evolve(server.endpoint, ca_pem=servers.stranger_ca_pem()), LIMIT)
            assert caught.value.reason is TlsReason.UNTRUSTED_CA
            async with asyncio.timeout(LIMIT):
                await server.peers[0].ended.wait()
            return server.peers[0].tls_error

    error = run(main())
    assert isinstance(error, ssl.SSLError)
    assert "UNKNOWN_CA" in str(error).upper().replace(" ", "_")


@pytest.mark.fact("F15")
def test_a_refused_alpn_is_told_from_other_failures() -> None:
    async def main() -> None:
        async with servers.alpn_refusing_server() as endpoint:
            with pytest.raises(TlsFailed) as caught:
                await dial(Listener, endpoint, LIMIT)
        assert caught.value.reason is TlsReason.ALPN_REFUSED

    run(main())


def test_a_server_that_hangs_up_during_the_handshake_is_a_failed_handshake() -> None:
    async def main() -> None:
        async with servers.hanging_up_server() as server:
            with pytest.raises(TlsFailed) as caught:
                await dial(Listener, server.endpoint, LIMIT)
        assert caught.value.reason is TlsReason.HANDSHAKE
        assert isinstance(caught.value.__cause__, ConnectionError)

    run(main())


def test_a_name_that_no_certificate_can_hold_is_a_failed_handshake() -> None:
    async def main() -> None:
        async with servers.silent_server() as server:
            endpoint = Endpoint(host=".localhost", address="127.0.0.1", address_port=server.port)
            with pytest.raises(TlsFailed) as caught:
                await dial(Listener, endpoint, LIMIT)
        assert caught.value.reason is TlsReason.WRONG_NAME
        assert isinstance(caught.value.__cause__, ValueError)

    run(main())


# The two directions


@TLS_VERSIONS
@loops
def test_what_is_written_arrives_and_what_arrives_is_told(loop: str, version: ssl.TLSVersion) -> None:
    async def main() -> None:
        async with connected(lowest=version, highest=version) as made:
            made.transport.write(b"ping")
            assert await made.peer.reader.readexactly(4) == b"ping"
            made.peer.writer.write(b"pong")
            await made.listener.hears(b"pong")
        assert made.listener.calls == ["connection_made", "connection_lost"]

    run(main(), loop)


@loops
def test_a_megabyte_arrives_whole_in_both_directions(loop: str) -> None:
    async def main() -> None:
        data = bytes(range(256)) * 4096
        async with connected() as made, asyncio.timeout(LIMIT):
            made.transport.write(bytearray(data))
            assert await made.peer.reader.readexactly(len(data)) == data
            made.peer.writer.write(data)
            await made.listener.hears(data)
            assert made.listener.received == data

    run(main(), loop)


def test_what_is_written_in_one_step_goes_out_in_one_record() -> None:
    async def main() -> None:
        async with connected() as made:
            written = [b"one ", bytearray(b"two "), memoryview(b"three ")]
            for piece in written:
                made.transport.write(piece)
            made.transport.writelines([b"four ", b"five"])
            assert made.transport.get_write_buffer_size() == 23
            # A read of the server returns what one record held.
            assert await made.peer.reader.read(100) == b"one two three four five"
            assert made.transport.get_write_buffer_size() == 0

    run(main())


def test_much_goes_out_before_the_step_ends() -> None:
    async def main() -> None:
        async with connected() as made:
            made.transport.write(bytes(65_535))
            assert made.transport.get_write_buffer_size() == 65_535
            made.transport.write(b"!")
            assert made.transport.get_write_buffer_size() < 65_536
            assert len(await made.peer.reader.readexactly(65_536)) == 65_536

    run(main())


def test_a_buffer_that_is_changed_after_it_was_written_goes_out_as_it_was() -> None:
    async def main() -> None:
        async with connected() as made:
            data = bytearray(b"as it was")
            made.transport.write(data)
            data[:] = b"otherwise"
            assert await made.peer.reader.readexactly(9) == b"as it was"

    run(main())


def test_only_bytes_can_be_written() -> None:
    async def main() -> None:
        async with connected() as made:
            for wrong in ("text", 5, None):
                with pytest.raises(TypeError):
                    made.transport.write(wrong)  # type: ignore[arg-type]

    run(main())


@loops
def test_a_reader_that_pauses_gets_nothing_until_it_resumes(loop: str) -> None:
    async def main() -> None:
        async with connected() as made:
            made.transport.pause_reading()
            assert not made.transport.is_reading()
            made.peer.writer.write(b"late")
            await made.peer.writer.drain()
            # An answer on another connection has made the same way.
            async with connected() as other:
                other.peer.writer.write(b"early")
                await other.listener.hears(b"early")
            assert made.listener.received == b""
            made.transport.resume_reading()
            assert made.transport.is_reading()
            await made.listener.hears(b"late")

    run(main(), loop)


@loops
def test_a_peer_that_does_not_read_pauses_the_writer(loop: str) -> None:
    async def main() -> None:
        async with connected() as made:
            made.transport.set_write_buffer_limits(high=65_536)
            assert made.transport.get_write_buffer_limits() == (16_384, 65_536)
            made.peer.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a stream's, both ways
            size = 0
            while "pause_writing" not in made.listener.calls:
                made.transport.write(bytes(1 << 20))
                size += 1 << 20
            assert made.transport.get_write_buffer_size() > 65_536
            made.peer.writer.transport.resume_reading()  # type: ignore[attr-defined]
            async with asyncio.timeout(LIMIT):
                await made.peer.reader.readexactly(size)
            await made.listener.told("resume_writing")

    run(main(), loop)


def test_a_buffered_protocol_and_another_protocol_can_take_over() -> None:
    class Buffered(asyncio.BufferedProtocol):
        def __init__(self) -> None:
            self.space = bytearray(3)
            self.received = bytearray()

        def get_buffer(self, sizehint: int) -> bytearray:
            return self.space

        def buffer_updated(self, nbytes: int) -> None:
            self.received += self.space[:nbytes]

    async def main() -> None:
        async with connected() as made:
            buffered = Buffered()
            made.transport.set_protocol(buffered)
            assert made.transport.get_protocol() is buffered
            made.peer.writer.write(b"in pieces of three")
            async with asyncio.timeout(LIMIT):
                while len(buffered.received) < 18:  # noqa: ASYNC110 - nobody is told of it
                    await asyncio.sleep(0.001)
            assert buffered.received == b"in pieces of three"
            made.transport.set_protocol(made.listener)
            made.peer.writer.write(b"whole")
            await made.listener.hears(b"whole")

    run(main())


@loops
def test_streams_speak_over_it(loop: str) -> None:
    async def main() -> None:
        async with tlsrooms.room() as room, asyncio.timeout(LIMIT):
            reader = asyncio.StreamReader()
            transport, protocol = await dial(lambda: asyncio.StreamReaderProtocol(reader), room.endpoint, LIMIT)
            writer = asyncio.StreamWriter(transport, protocol, reader, asyncio.get_running_loop())
            peer = await room.peer()
            writer.write(b"question\n")
            await writer.drain()
            assert await peer.reader.readline() == b"question\n"
            peer.writer.write(b"answer")
            peer.writer.close()
            assert await reader.read() == b"answer"
            writer.close()
            await writer.wait_closed()

    run(main(), loop)


def test_it_says_what_a_transport_of_asyncio_says() -> None:
    async def main() -> None:
        async with connected() as made:
            transport = made.transport
            assert isinstance(transport, asyncio.Transport)
            assert not transport.can_write_eof()
            with pytest.raises(NotImplementedError):
                transport.write_eof()
            assert transport.get_extra_info("ssl_object").selected_alpn_protocol() == "mqtt"
            assert isinstance(transport.get_extra_info("sslcontext"), ssl.SSLContext)
            assert ("DNS", "localhost") in transport.get_extra_info("peercert")["subjectAltName"]
            assert transport.get_extra_info("cipher") == transport.get_extra_info("ssl_object").cipher()
            peer = made.peer.writer
            assert transport.get_extra_info("peername") == peer.get_extra_info("sockname")
            assert transport.get_extra_info("socket").getsockname() == peer.get_extra_info("peername")
            assert transport.get_extra_info("no such thing", "nothing") == "nothing"

    run(main())


# How it ends


@TLS_VERSIONS
@loops
def test_closing_sends_what_was_written_and_a_farewell(loop: str, version: ssl.TLSVersion) -> None:
    async def main() -> None:
        async with connected(lowest=version, highest=version) as made:
            made.transport.write(b"last words")
            made.transport.close()
            assert made.transport.is_closing()
            made.transport.write(b"too late")
            # The end of a stream in TLS is its farewell; without one, asyncio reports none.
            async with asyncio.timeout(LIMIT):
                assert await made.peer.reader.read() == b"last words"
            made.peer.writer.close()
            assert await made.listener.ended() is None
            made.transport.close()
            made.transport.abort()
        assert made.listener.lost == 1

    run(main(), loop)


@TLS_VERSIONS
def test_the_farewell_is_that_of_tls_and_the_server_may_go_on_until_it_has_read_it(version: ssl.TLSVersion) -> None:
    identity = servers.good_identity()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = version
    context.load_cert_chain(identity.certificate_file, identity.key_file)

    def serve(listener: socket.socket) -> bytes:
        connected, _ = listener.accept()
        connected.settimeout(LIMIT)
        # An end without close_notify would raise.
        with context.wrap_socket(connected, server_side=True, suppress_ragged_eofs=False) as tls:
            tls.sendall(bytes(50_000))
            got = b""
            while piece := tls.recv(100):
                got += piece
            # A connection that was reset would take nothing more.
            for _ in range(20):
                tls.sendall(bytes(50_000))
            return got

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            serving = asyncio.create_task(asyncio.to_thread(serve, server))
            endpoint = Endpoint(host="localhost", port=server.getsockname()[1], ca_pem=identity.ca_pem)
            transport, listener = await dial(Listener, endpoint, LIMIT)
            transport.pause_reading()
            transport.write(b"DISCONNECT")
            transport.close()
            assert await serving == b"DISCONNECT"
            assert await listener.ended() is None

    run(main())


@loops
def test_a_farewell_of_the_server_is_told_after_its_last_bytes(loop: str) -> None:
    async def main() -> None:
        async with connected() as made:
            made.peer.writer.write(b"bye")
            made.peer.writer.close()
            assert await made.listener.ended() is None
            assert made.listener.received == b"bye"
        assert made.listener.calls == ["connection_made", "eof_received", "connection_lost"]

    run(main(), loop)


@loops
def test_an_end_without_a_farewell_is_an_end(loop: str) -> None:
    async def main() -> None:
        async with servers.scripted_server(servers.CloseAfterConnect(abruptly=True)) as server:
            transport, listener = await dial(Listener, server.endpoint, LIMIT)
            transport.write(bytes.fromhex("10 0d 00 04 4d 51 54 54 04 02 00 00 00 01 61"))
            assert await listener.ended() is None
            assert transport.is_closing()
        assert listener.calls == ["connection_made", "eof_received", "connection_lost"]

    run(main(), loop)


@loops
def test_a_reset_is_told_with_its_cause(loop: str) -> None:
    async def main() -> None:
        async with connected() as made:
            peer: socket.socket = made.peer.writer.get_extra_info("socket")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            made.peer.writer.transport.abort()
            assert isinstance(await made.listener.ended(), ConnectionResetError)

    run(main(), loop)


def test_what_is_no_record_ends_the_connection_with_its_cause() -> None:
    async def main() -> None:
        async with connected() as made:
            below = made.peer.writer.transport._ssl_protocol._transport  # type: ignore[attr-defined]  # under TLS
            below.write(b"this is not a record of TLS")
            assert isinstance(await made.listener.ended(), ssl.SSLError)

    run(main())


@loops
def test_aborting_ends_it_at_once(loop: str) -> None:
    async def main() -> None:
        async with connected() as made:
            made.transport.write(b"never sent")
            made.transport.abort()
            assert await made.listener.ended() is None
            # Reset or ended: it depends on what of the server's had not been read.
            async with asyncio.timeout(LIMIT):
                with contextlib.suppress(ConnectionResetError):
                    assert await made.peer.reader.read() == b""

    run(main(), loop)


def test_what_happened_before_the_protocol_began_is_told_then() -> None:
    async def main() -> None:
        async with tlsrooms.room() as room:
            loop = asyncio.get_running_loop()
            below = socket.create_connection(("127.0.0.1", room.endpoint.port))
            below.setblocking(False)
            opening = loop.create_task(open_tls(below, tls_context(room.endpoint), "localhost"))
            peer = await room.peer()
            tls = await opening
            peer.writer.write(b"early")
            peer.writer.close()
            await peer.writer.wait_closed()
            async with asyncio.timeout(LIMIT):
                while tls.get_extra_info("socket").fileno() != -1:  # noqa: ASYNC110 - nobody is told of it
                    await asyncio.sleep(0.001)
            listener = Listener()
            tls.start(listener)
            assert await listener.ended() is None
            assert listener.received == b"early"
        assert listener.calls == ["connection_made", "connection_lost"]

    run(main())


def test_a_protocol_that_raises_loses_the_connection() -> None:
    class Broken(Listener):
        def data_received(self, data: bytes) -> None:
            raise RuntimeError("broken protocol")

    async def main() -> list[str]:
        told: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["message"]))
        async with tlsrooms.room() as room:
            _, listener = await dial(Broken, room.endpoint, LIMIT)
            (await room.peer()).writer.write(b"x")
            assert isinstance(await listener.ended(), RuntimeError)
        return told

    assert "protocol" in run(main())[0]


def test_a_protocol_that_cannot_be_made_leaves_nothing_open() -> None:
    def factory() -> Listener:
        raise RuntimeError("no protocol")

    async def main() -> None:
        async with tlsrooms.room() as room:
            with pytest.raises(RuntimeError, match="no protocol"):
                await dial(factory, room.endpoint, LIMIT)
            async with asyncio.timeout(LIMIT):
                with contextlib.suppress(ConnectionResetError):
                    assert await (await room.peer()).reader.read() == b""

    run(main())


def test_a_connection_that_is_over_leaves_no_cycle() -> None:
    def transports() -> int:
        return sum(isinstance(thing, TlsTransport) for thing in gc.get_objects())

    async def main() -> int:
        gc.collect()
        gc.disable()
        # Another test's may still be there, in the traceback of an exception that was caught.
        before = transports()
        async with tlsrooms.room() as room:
            transport, listener = await dial(Listener, room.endpoint, LIMIT)
            transport.abort()
            await listener.ended()
            del transport, listener
            left = transports() - before
        gc.enable()
        return left

    assert run(main()) == 0


# While it lives


@program("openssl", package="openssl")
@pytest.mark.parametrize(
    ("option", "command"),
    [("-tls1_2", b"R\n"), ("-tls1_3", b"K\n"), ("-tls1_3", b"k\n")],
    ids=["renegotiation", "key-update-of-both", "key-update-of-one"],
)
def test_new_keys_are_taken_while_the_client_writes(option: str, command: bytes) -> None:
    async def main() -> None:
        async with tlsrooms.s_server(option) as server:
            transport, listener = await dial(Listener, server.endpoint, LIMIT)
            transport.write(b"before\n")
            await server.says(b"before\n")
            server.type(command)
            done = asyncio.create_task(server.says(b"SSL_do_handshake -> 1"))
            count = 0
            # In TLS 1.2 nothing can be sent during the handshake; what waits then must go out by itself.
            while transport.get_write_buffer_size() == 0 and (option == "-tls1_2" or not done.done()):
                transport.write(b"%d during\n" % count)
                count += 1
                await asyncio.sleep(0)
            await done
            await server.says(b"%d during\n" % (count - 1))
            server.type(b"after\n")
            await listener.hears(b"after\n")
            transport.write(b"at last\n")
            await server.says(b"at last\n")
            assert [int(number) for number in re.findall(rb"(\d+) during", server.said)] == list(range(count))
            assert transport.get_write_buffer_size() == 0
            transport.abort()
            await listener.ended()

    run(main())


def test_fifty_connections_leave_no_socket_and_no_warning() -> None:
    async def main() -> None:
        async with tlsrooms.room() as room:
            for number in range(50):
                transport, listener = await dial(Listener, room.endpoint, LIMIT)
                peer = await room.peer()
                if number % 2:
                    transport.close()
                    peer.writer.close()
                else:
                    transport.abort()
                await listener.ended()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(main())
        gc.collect()
