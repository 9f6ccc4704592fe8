"""TLS: which handshakes succeed, what those that fail are told, and that every connection comes to an end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import warnings
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aloop import alone, put_forward, run
from customauth.gateway import tls as tls_layer
from customauth.gateway.client_hello import read_client_hello
from customauth.gateway.records import DisconnectReason
from customauth.mqtt import Connack, MqttVersion, Pingreq, Pingresp, encode
from gateways import Running, StartGateway, connect, named
from rawclient import LIMIT, RawClient

V311, V5 = MqttVersion.V311, MqttVersion.V5
TLS_12, TLS_13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
BOTH_TLS = pytest.mark.parametrize("version", [TLS_12, TLS_13], ids=["TLS 1.2", "TLS 1.3"])
CONNECT = encode(connect(named("open")), V5)
PING, PONG = b"\xc0\x00", b"\xd0\x00"


class Memory:
    """The client's side of TLS in memory: the test decides which of its bytes are sent, and in which pieces."""

    def __init__(self, context: ssl.SSLContext, name: str | None = "localhost") -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=name)

    def hello(self) -> bytes:
        with pytest.raises(ssl.SSLWantReadError):
            self.tls.do_handshake()
        return self.outgoing.read()

    async def shake_hands(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(LIMIT):
            while True:
                with contextlib.suppress(ssl.SSLWantReadError):
                    self.tls.do_handshake()
                    break
                writer.write(self.outgoing.read())
                self.incoming.write(await reader.read(65536))
        writer.write(self.outgoing.read())

    def encrypted(self, data: bytes) -> bytes:
        self.tls.write(data)
        return self.outgoing.read()


def client_context(running: Running, *alpn: str, highest: ssl.TLSVersion = TLS_13) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(running.gateway.ca_file))
    context.maximum_version = highest
    context.set_alpn_protocols(list(alpn or ("mqtt",)))
    return context


@contextlib.asynccontextmanager
async def tcp(running: Running) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect without TLS."""
    reader, writer = await asyncio.open_connection("127.0.0.1", running.gateway.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def end_of(reader: asyncio.StreamReader) -> bytes:
    """Return all bytes up to the end of the connection, which may be reset."""
    data = b""
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(LIMIT):
            while piece := await reader.read(65536):
                data += piece
    return data


async def is_well(running: Running) -> None:
    """Check that the gateway serves a client, and that nothing is left of those before."""
    async with running.client() as client:
        assert await client.connect(connect(named("open")))
    await running.emptied()


# The ClientHello.


def refused_hello(running: Running, *alpn: str, name: str = "localhost") -> bytes:
    return Memory(client_context(running, *alpn), name).hello()


@pytest.mark.fact("A47", "F14", "F15")
@pytest.mark.parametrize("chunk", [1000, 1, 40])
@pytest.mark.parametrize(
    ("name", "alpn", "description", "says"),
    [
        ("wrong.example", "mqtt", 112, "unknown SNI 'wrong.example' (F14); fix: connect to localhost, other.example"),
        ("localhost.evil.example", "mqtt", 112, "unknown SNI 'localhost.evil.example'"),
        ("localhost", "MQTT", 120, "unknown ALPN 'MQTT' (F15); fix: offer \"mqtt\" for MQTT"),
        ("wrong.example", "h2", 112, "unknown SNI"),
    ],
)
def test_an_unknown_name_or_protocol_gets_its_alert_and_the_end(
    name: str, alpn: str, description: int, says: str, chunk: int, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            async with tcp(running) as (reader, writer):
                hello = refused_hello(running, alpn, name=name)
                for start in range(0, len(hello), chunk):
                    writer.write(hello[start : start + chunk])
                    await asyncio.sleep(0)
                # A record of type alert, fatal.
                assert await end_of(reader) == b"\x15\x03\x03\x00\x02\x02" + bytes((description,))
            (note,) = running.notes()
            assert note.startswith("CLOSE 127.0.0.1:")
            assert f": {says}" in note
            assert running.decisions == []
            await is_well(running)

    run(main())


@pytest.mark.fact("F15", "A46")
@pytest.mark.parametrize("alpn", [("h2",), ("MQTT", "x"), ("h2", "spdy/3")], ids=str)
def test_without_a_server_name_an_unknown_protocol_gets_its_alert_too(
    alpn: tuple[str, ...], start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            context = client_context(running, *alpn)
            context.check_hostname = False
            async with tcp(running) as (reader, writer):
                writer.write(Memory(context, None).hello())
                assert (await end_of(reader))[-1] == 120
            await running.emptied()

    run(main())


@pytest.mark.fact("F15", "A39")
@pytest.mark.parametrize("alpn", [("h2", "mqtt"), ("mqtt", "h2"), ("x-amzn-mqtt-ca", "mqtt")], ids=str)
def test_one_known_protocol_among_others_is_negotiated(alpn: tuple[str, ...], start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client(alpn=alpn) as client:
            assert client.tls.selected_alpn_protocol() == "mqtt"
            assert await client.connect(connect(named("open")))
            assert running.decisions[0].alpn == "mqtt"

    run(main())


@pytest.mark.fact("A47")
@pytest.mark.parametrize("name", ["localhost", "LOCALHOST", "other.example", "Other.Example"])
def test_a_server_name_has_no_case(name: str, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client(sni=name) as client:
            assert await client.connect(connect(named("open")))
            assert running.decisions[0].server_name == name

    run(main())


@BOTH_TLS
@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_a_handshake_may_come_in_any_pieces(chunk: int, version: ssl.TLSVersion, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, tcp(running) as (reader, writer):
            memory = Memory(client_context(running, highest=version))
            hello = memory.hello()
            for start in range(0, len(hello), chunk):
                writer.write(hello[start : start + chunk])
                await asyncio.sleep(0)
            memory.incoming.write(await reader.read(65536))
            await memory.shake_hands(reader, writer)
            for byte in memory.encrypted(CONNECT):
                writer.write(bytes((byte,)))
                await asyncio.sleep(0)
            memory.incoming.write(await reader.read(65536))
            assert memory.tls.read(1) == b"\x20"

    run(main())


def test_the_connect_may_come_in_one_piece_with_the_end_of_the_handshake(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, tcp(running) as (reader, writer):
            memory = Memory(client_context(running))
            writer.write(memory.hello())
            while True:
                memory.incoming.write(await reader.read(65536))
                with contextlib.suppress(ssl.SSLWantReadError):
                    memory.tls.do_handshake()
                    break
            memory.tls.write(CONNECT)
            writer.write(memory.outgoing.read())
            memory.incoming.write(await reader.read(65536))
            assert memory.tls.read(1) == b"\x20"

    run(main())


def test_a_client_hello_in_endless_pieces_is_cut_off(
    start_gateway: StartGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls_layer, "_MAX_PIECES", 20)

    async def main() -> None:
        async with start_gateway() as running:
            async with tcp(running) as (reader, writer):
                for byte in refused_hello(running)[:20]:
                    writer.write(bytes((byte,)))
                    # Each in a piece of its own: the gateway has to have read the one before.
                    await asyncio.sleep(0.005)
                assert (await end_of(reader))[-1] == 50
            assert "no ClientHello in 20 pieces" in running.notes()[0]
            await is_well(running)

    run(main())


@pytest.mark.parametrize(
    ("sent", "what"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP"),
        (b"POST /topics/t HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP"),
        (CONNECT, "MQTT"),
        (encode(connect(named("open"), version=V311), V311), "MQTT"),
        (b"hello gateway, are you there?", "plain text"),
        (b"\x80\x2e\x01\x00\x02\x00\x15", "what is no TLS"),
        (b"\x00" * 50, "what is no TLS"),
    ],
    ids=["GET", "POST", "MQTT 5", "MQTT 3.1.1", "text", "SSL 2", "zeros"],
)
def test_a_client_that_does_not_speak_tls_is_told_and_logged_in_one_line(
    sent: bytes, what: str, start_gateway: StartGateway, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            async with tcp(running) as (reader, writer):
                writer.write(sent)
                # What comes behind the first piece does not reset the connection, and with it the alert.
                assert await reader.readexactly(7) == b"\x15\x03\x03\x00\x02\x02\x32"
                writer.write(sent * 3)
                assert await end_of(reader) == b""
            (note,) = running.notes()
            assert f": the client sent {what} (" in note
            assert note.endswith("; fix: let it use TLS, as this port does")
            await is_well(running)

    with caplog.at_level(logging.INFO, logger="customauth.gateway"):
        run(main())
    assert len([line for line in caplog.messages if line.startswith("CLOSE")]) == 1
    assert not any(record.exc_info for record in caplog.records)


# The versions, and what TLS can do besides.


@pytest.mark.fact("A49")
@BOTH_TLS
def test_tls_is_12_or_13_without_session_tickets(version: ssl.TLSVersion, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client(highest=version) as client:
            await client.send_packet(connect(named("open")), Pingreq())
            assert isinstance(await client.packet(), Connack)
            assert isinstance(await client.packet(), Pingresp)
            assert client.tls.version() == version.name.replace("_", ".")
            # Tickets of TLS 1.3 come after the handshake, so with the first data at the latest.
            assert client.tls.session is None or not client.tls.session.has_ticket

    run(main())


@pytest.mark.fact("A49")
def test_a_client_of_tls_11_is_refused(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            context = client_context(running)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
            # Where a system's policy forbids the old versions even to clients, they come with security level 0.
            context.set_ciphers("ALL:@SECLEVEL=0")
            memory = Memory(context)
            hello = memory.hello()
            parsed = read_client_hello(hello)
            assert parsed is not None
            assert max(parsed.versions) == 0x0302
            async with tcp(running) as (reader, writer):
                writer.write(hello)
                # protocol_version
                assert (await end_of(reader))[-2:] == b"\x02\x46"
            (note,) = running.notes()
            assert "TLS handshake failed: unsupported protocol" in note
            assert "; fix: let the client use TLS 1.2 or 1.3" in note
            await is_well(running)

    run(main())


@pytest.mark.parametrize("highest", [TLS_12, TLS_13])
@pytest.mark.parametrize("trusting", [True, False])
def test_a_client_that_refuses_the_certificate_is_logged_in_one_line(
    trusting: bool, highest: ssl.TLSVersion, start_gateway: StartGateway
) -> None:
    def refuse(port: int, context: ssl.SSLContext) -> None:
        # A blocking client: those of asyncio are gone before they have written their alert.
        raw = socket.create_connection(("127.0.0.1", port), timeout=30)
        with raw, pytest.raises(ssl.SSLCertVerificationError):
            context.wrap_socket(raw, server_hostname="127.0.0.2" if trusting else "localhost")

    async def main() -> None:
        async with start_gateway() as running:
            context = ssl.create_default_context(cafile=str(running.gateway.ca_file) if trusting else None)
            context.maximum_version = highest
            # An address as the name sends no SNI, and the certificate is not for this one.
            await asyncio.to_thread(refuse, running.gateway.port, context)
            await running.emptied()
            (note,) = running.notes()
            whose = "refused the gateway's certificate" if trusting else "does not trust the gateway's CA"
            peer, _, said = note.partition(": ")
            assert peer.startswith("CLOSE 127.0.0.1:")
            assert said.startswith(f"TLS handshake failed: the client {whose} (")
            assert f"; fix: trust the server's CA: --cafile {running.gateway.ca_file}" in note
            assert note.endswith(", and connect to localhost") == trusting

    run(main())


# Slow, silent and sudden clients.


@pytest.mark.parametrize("part", [0, 1, 30, -1], ids=["nothing", "a byte", "a piece", "all but a byte"])
def test_a_handshake_that_takes_10_seconds_is_cut_off(part: int, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, tcp(running) as (reader, writer):
            writer.write(refused_hello(running)[:part])
            async with running.client() as other:
                # It comes and goes meanwhile, so the gateway has seen every timer that is due.
                put_forward(7.0)
                assert await other.connect(connect(named("open")))
            assert not reader.at_eof()
            put_forward(3.0)
            assert await end_of(reader) == b""
            (note,) = running.notes()
            assert note.endswith("no TLS handshake within 10 s" if part == 0 else "handshake took more than 10 s")
            await is_well(running)

    run(main())


@BOTH_TLS
def test_a_handshake_that_stops_half_way_is_cut_off(version: ssl.TLSVersion, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, tcp(running) as (reader, writer):
            writer.write(refused_hello(running) if version is TLS_13 else Memory(hello_12(running)).hello())
            assert await reader.read(65536)
            put_forward(10.0)
            await end_of(reader)
            assert running.notes()[0].endswith("the TLS handshake took more than 10 s")
            await is_well(running)

    def hello_12(running: Running) -> ssl.SSLContext:
        return client_context(running, highest=TLS_12)

    run(main())


# What the client has sent, and how many bytes of it where that is not all.
MOMENTS = [("hello", 0), ("hello", 1), ("hello", 50), ("answered", 0), ("finished", 0), ("connect", 5), ("accepted", 0)]


@pytest.mark.parametrize("how", ["reset", "end", "half"])
@pytest.mark.parametrize(("moment", "part"), MOMENTS)
def test_a_client_that_leaves_in_the_middle_of_anything_leaves_nothing_behind(
    moment: str, part: int, how: str, start_gateway: StartGateway
) -> None:
    faults: list[object] = []

    async def come(running: Running, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        memory = Memory(client_context(running))
        hello = memory.hello()
        if moment == "hello":
            writer.write(hello[:part])
            return
        writer.write(hello)
        memory.incoming.write(await reader.read(65536))
        if moment == "answered":
            return
        await memory.shake_hands(reader, writer)
        data = memory.encrypted(CONNECT)
        if moment == "connect":
            writer.write(data[:-part])
        if moment == "accepted":
            writer.write(data)
            await reader.read(65536)

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
        async with start_gateway() as running:
            async with tcp(running) as (reader, writer):
                await come(running, reader, writer)
                while not running.gateway._connections:  # noqa: ASYNC110 - nobody is told of it
                    await asyncio.sleep(0.001)
                if how == "reset":
                    writer.transport.abort()
                elif how == "end":
                    writer.close()
                else:
                    writer.write_eof()
                    await end_of(reader)
                await running.emptied()
            assert [ending.reason for ending in running.endings()] == (
                [DisconnectReason.CONNECTION_LOST] if moment == "accepted" else []
            )
            await alone()

    run(main())
    assert faults == []


# The end.


def test_the_end_of_an_mqtt_connection_has_a_tls_farewell(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, tcp(running) as (reader, writer):
            memory = Memory(client_context(running, highest=TLS_12))
            writer.write(memory.hello())
            memory.incoming.write(await reader.read(65536))
            await memory.shake_hands(reader, writer)
            writer.write(memory.encrypted(PING))
            memory.incoming.write(await end_of(reader))
            # Without a farewell it would want to read more.
            assert memory.tls.read(1) == b""

    run(main())


@BOTH_TLS
def test_a_farewell_of_the_client_is_answered_with_one_and_the_end(
    version: ssl.TLSVersion, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with start_gateway() as running, tcp(running) as (reader, writer):
            memory = Memory(client_context(running, highest=version))
            writer.write(memory.hello())
            memory.incoming.write(await reader.read(65536))
            await memory.shake_hands(reader, writer)
            data = memory.encrypted(CONNECT + PING)
            with pytest.raises(ssl.SSLWantReadError):
                memory.tls.unwrap()
            writer.write(data)
            while b"\xd0" not in (got := await self_read(memory, reader)):
                assert got
            writer.write(memory.outgoing.read())
            # It does not wait for the client's end of TCP.
            memory.incoming.write(await end_of(reader))
            memory.tls.unwrap()
            put_forward(2.0)
            await running.emptied()
            (ending,) = running.endings()
            assert ending.reason is DisconnectReason.CONNECTION_LOST

    async def self_read(memory: Memory, reader: asyncio.StreamReader) -> bytes:
        memory.incoming.write(await reader.read(65536))
        got = b""
        with contextlib.suppress(ssl.SSLWantReadError):
            while piece := memory.tls.read(65536):
                got += piece
        return got

    run(main())


def test_a_client_that_never_lets_go_loses_its_connection(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client() as client:
            assert await client.connect(connect(named("open")))
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]
            await client.send(b"\x00\x00")
            while not all(connection.closing for connection in running.gateway._connections):  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            assert running.gateway._connections
            put_forward(2.0)
            await running.emptied()
            assert [ending.reason for ending in running.endings()] == [DisconnectReason.CLIENT_ERROR]

    run(main())


def test_what_came_before_a_broken_record_is_still_taken(start_gateway: StartGateway) -> None:
    faults: list[object] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
        async with start_gateway() as running, tcp(running) as (reader, writer):
            memory = Memory(client_context(running))
            writer.write(memory.hello())
            memory.incoming.write(await reader.read(65536))
            await memory.shake_hands(reader, writer)
            writer.write(memory.encrypted(CONNECT))
            memory.incoming.write(await reader.read(65536))
            assert memory.tls.read(1) == b"\x20"
            # The answer to the ping cannot be written: after a broken record OpenSSL sends nothing but its alert.
            writer.write(memory.encrypted(PING + b"\xe0\x00") + b"\x17\x03\x03\x00\x20" + b"x" * 32)
            await end_of(reader)
            await running.emptied()
            assert [ending.reason for ending in running.endings()] == [DisconnectReason.CLIENT_INITIATED]

    run(main())
    assert faults == []


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(inputs=st.lists(st.binary(min_size=1, max_size=200), min_size=10, max_size=10), data=st.data())
def test_no_bytes_beneath_tls_harm_the_gateway(
    inputs: list[bytes], data: st.DataObject, start_gateway: StartGateway
) -> None:
    faults: list[object] = []
    cuts = data.draw(st.lists(st.integers(0, 300), min_size=10, max_size=10))

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
        async with start_gateway() as running:
            for garbage, cut in zip(inputs, cuts, strict=True):
                async with tcp(running) as (reader, writer):
                    memory = Memory(client_context(running))
                    hello = memory.hello()
                    writer.write(hello[:cut] if cut < len(hello) else hello)
                    if cut >= len(hello):
                        memory.incoming.write(await reader.read(65536))
                        if cut % 2:
                            await memory.shake_hands(reader, writer)
                    writer.write(garbage)
                    writer.write_eof()
                    await end_of(reader)
            await is_well(running)

    run(main())
    assert faults == []


# A client that does not read.


def test_a_client_that_does_not_read_is_not_read_from_and_loses_nothing(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client(receive_buffer=4096) as client:
            assert await client.connect(connect(named("open")))
            (door,) = running.gateway._connections
            # The system would keep megabytes for the client, which take long to fill with pings.
            door._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            sent = 0
            while door._transport.is_reading():
                # Not drained: that would wait for a gateway that has stopped to read.
                client.writer.write(PING * 4096)
                sent += 1
                assert sent < 1000
                await asyncio.sleep(0.001)
            for _ in range(sent):
                assert await client.reader.readexactly(len(PONG) * 4096) == PONG * 4096
            assert door._transport.is_reading()

    run(main())


def test_a_client_that_stops_reading_for_good_is_cut_off_at_its_keep_alive(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client(receive_buffer=4096) as client:
            assert await client.connect(connect(named("open"), keep_alive=30))
            (door,) = running.gateway._connections
            door._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]
            while door._transport.is_reading():
                client.writer.write(PING * 4096)
                await asyncio.sleep(0.001)
            put_forward(45.0)
            await running.emptied()
            assert [ending.reason for ending in running.endings()] == [DisconnectReason.KEEP_ALIVE_TIMEOUT]

    run(main())


def test_more_than_a_record_holds_is_written_whole(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client() as client:
            assert await client.connect(connect(named("open")))
            # A record takes 16 KiB at the most; pings that arrive in one go are answered in one go.
            await client.send(PING * 100_000)
            for _ in range(100):
                assert await client.reader.readexactly(2000) == PONG * 1000

    run(main())


def test_the_answer_to_the_last_packet_comes_before_the_end(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client(receive_buffer=4096) as client:
            assert await client.connect(connect(named("open")))
            await client.send(PING * 50_000 + b"\xe0\x00")
            assert await client.rest() == PONG * 50_000

    run(main())


def test_the_gateway_is_reached_by_ipv4_and_where_there_is_one_by_ipv6(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            context = client_context(running)
            reached = [str(address[0]) for *_, address in socket.getaddrinfo("localhost", running.gateway.port)]
            assert running.gateway.endpoint == f"localhost:{running.gateway.port}"
            for host in {"127.0.0.1", *reached}:
                reader, writer = await asyncio.open_connection(
                    host, running.gateway.port, ssl=context, server_hostname="localhost"
                )
                client = RawClient(reader, writer)
                assert await client.connect(connect(named("open")))
                client.leave()
                shown = f"[{host}]:" if ":" in host else f"{host}:"
                assert running.decisions[-1].peer.startswith(shown)

    run(main())


def test_a_client_certificate_that_nobody_asked_for_is_ignored(
    start_gateway: StartGateway, tmp_path: Path, ca_folder: Path
) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            file = tmp_path / "client.pem"
            file.write_bytes((ca_folder / "server.pem").read_bytes() + (ca_folder / "server-key.pem").read_bytes())
            async with running.client(certificate=file) as client:
                assert await client.connect(connect(named("open")))
            assert running.decisions[0].authentication == "CUSTOM_AUTH"
            assert "x509CertificatePem" not in running.events()[0]

    run(main())
