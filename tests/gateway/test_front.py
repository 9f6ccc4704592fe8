"""The door: TLS, what may come through it in which order, and when it is shut. All of it over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aloop import put_forward, run
from customauth.gateway import Gateway, load_config
from customauth.mqtt import Connack, Connect, Disconnect, MqttVersion, Pingreq, Pingresp, Will, encode
from gateways import Keys, Running, StartGateway, connect, named, signed
from rawclient import RawClient

V311, V5 = MqttVersion.V311, MqttVersion.V5
BOTH = pytest.mark.parametrize("version", list(MqttVersion), ids=lambda version: version.label)

OF_MQTT_31 = b"\x10\x0e\x00\x06MQIsdp\x03\x02\x00\x00\x00\x00"

# Notes its process and never answers.
SLEEPING = """
import os, time
def handler(event, context):
    open(f"{os.getpid()}.started", "w").close()
    time.sleep(3600)
"""


async def started(folder: Path, count: int = 1) -> list[int]:
    """Wait until the function runs in as many processes, and return their ids."""
    while len(found := list(folder.glob("*.started"))) < count:  # noqa: ASYNC110, ASYNC240 - another process makes it
        await asyncio.sleep(0.01)
    return [int(file.stem) for file in found]


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def gone(pid: int) -> None:
    while not is_gone(pid):  # noqa: ASYNC110 - another process ends
        await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def accepted(running: Running, version: MqttVersion = V5) -> AsyncIterator[RawClient]:
    """Connect a client of the authorizer ``open``."""
    async with running.client() as client:
        connack = await client.connect(connect(named("open"), version=version))
        assert connack is not None
        assert connack.reason_code == 0
        yield client


# TLS.


@pytest.mark.fact("A47", "F14")
def test_an_unknown_server_name_gets_the_alert_unrecognized_name(
    start_gateway: StartGateway, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            # Its ClientHello by hand: clients of Python verify the name before they show what came.
            context = ssl.create_default_context(cafile=str(running.gateway.ca_file))
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            client = context.wrap_bio(incoming, outgoing, server_hostname="wrong.example")
            with pytest.raises(ssl.SSLWantReadError):
                client.do_handshake()
            reader, writer = await asyncio.open_connection("127.0.0.1", running.gateway.port)
            writer.write(outgoing.read())
            async with asyncio.timeout(30):
                record = await reader.readexactly(7)
            # A record of type alert, fatal, unrecognized_name (RFC 6066, 3).
            assert (record[0], record[-2:]) == (21, b"\x02\x70")
            writer.close()
            await writer.wait_closed()
            assert running.decisions == []

    with caplog.at_level(logging.INFO, logger="customauth.gateway"):
        run(main())
    (line,) = [message for message in caplog.messages if message.startswith("CLOSE")]
    assert "'wrong.example'" in line
    assert "fix: connect to localhost, other.example" in line


def failures(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line for line in caplog.messages if "TLS handshake failed" in line]


async def until_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    async with asyncio.timeout(30):
        # A log record wakes nobody.
        while not failures(caplog):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("highest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("trusting", [True, False])
def test_a_client_that_refuses_the_certificate_is_logged_in_one_line(
    trusting: bool, highest: ssl.TLSVersion, start_gateway: StartGateway, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(port: int, context: ssl.SSLContext) -> None:
        # A blocking client: those of asyncio are gone before they have written their alert.
        raw = socket.create_connection(("127.0.0.1", port), timeout=30)
        with raw, pytest.raises(ssl.SSLCertVerificationError):
            context.wrap_socket(raw, server_hostname="127.0.0.2" if trusting else "localhost")

    async def main() -> str:
        async with start_gateway() as running:
            context = ssl.create_default_context(cafile=str(running.gateway.ca_file) if trusting else None)
            context.maximum_version = highest
            await asyncio.to_thread(refuse, running.gateway.port, context)
            await until_a_failure(caplog)
            return f"--cafile {running.gateway.ca_file}"

    with caplog.at_level(logging.INFO, logger="customauth.gateway"):
        trust = run(main())
    (line,) = failures(caplog)
    why = "the client refused the gateway's certificate" if trusting else "the client does not trust the gateway's CA"
    assert line.startswith(f"CLOSE TLS handshake failed: {why} (")
    assert f"; fix: let it trust the gateway's CA: {trust}" in line
    assert line.endswith(", and connect to localhost") == trusting


@pytest.mark.parametrize(
    ("sent", "what"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP"),
        (encode(connect(named("open")), V5), "plain text"),
        (encode(connect(named("open"), version=V311), V311), "plain text"),
    ],
    ids=["HTTP", "MQTT 5", "MQTT 3.1.1"],
)
def test_a_client_that_does_not_speak_tls_is_logged_in_one_line(
    sent: bytes, what: str, start_gateway: StartGateway, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            reader, writer = await asyncio.open_connection("127.0.0.1", running.gateway.port)
            writer.write(sent)
            await until_a_failure(caplog)
            writer.write(sent * 3)
            with contextlib.suppress(ConnectionError):
                await reader.read()
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    with caplog.at_level(logging.INFO, logger="customauth.gateway"):
        run(main())
    (line,) = failures(caplog)
    assert line.startswith(f"CLOSE TLS handshake failed: the client sent {what} (")
    assert line.endswith("; fix: this port speaks TLS; let the client use it")
    assert not any(record.exc_info for record in caplog.records)


@pytest.mark.fact("A47")
def test_a_server_name_has_no_case(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            for name in ("localhost", "LOCALHOST", "other.example", "Other.Example"):
                async with running.client(sni=name) as client:
                    assert await client.connect(connect(named("open")))

    run(main())


@pytest.mark.fact("A47", "F1", "F3")
@BOTH
def test_a_client_without_sni_is_refused_unasked(version: MqttVersion, keys: Keys, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            sent = await running.outcome(connect(signed(keys.old), version=version), sni=None)
            assert len(sent) == (111 if version is V5 else 0)
            assert ": SNI_MISUSED: the client sent no SNI" in running.lines()[0]
            assert running.events() == []

    run(main())


@pytest.mark.fact("A39", "A40", "A41", "A46", "A50")
@pytest.mark.parametrize("alpn", [(), ("x-amzn-mqtt-ca",), ("h2", "http/1.1"), ("MQTT",)], ids=str)
@BOTH
def test_with_another_alpn_than_mqtt_the_door_closes_without_a_byte(
    version: MqttVersion, alpn: tuple[str, ...], keys: Keys, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            assert await running.outcome(connect(signed(keys.old), version=version), alpn=alpn) == b""
            async with running.client(alpn=alpn) as client:
                await client.send(OF_MQTT_31)
                assert await client.rest() == b""
            assert ": ALPN_MISUSED: " in running.lines()[0]
            assert 'fix: offer the ALPN protocol "mqtt"' in running.lines()[0]
            assert running.events() == []

    run(main())


@pytest.mark.fact("A39")
@pytest.mark.parametrize("alpn", [("mqtt",), ("h2", "mqtt"), ("x-amzn-mqtt-ca", "mqtt")], ids=str)
def test_alpn_mqtt_is_negotiated_among_others(alpn: tuple[str, ...], start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client(alpn=alpn) as client:
            assert client.tls.selected_alpn_protocol() == "mqtt"
            assert await client.connect(connect(named("open")))

    run(main())


@pytest.mark.fact("A49")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
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


def test_the_gateway_is_reached_by_ipv4_and_where_there_is_one_by_ipv6(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            context = ssl.create_default_context(cafile=str(running.gateway.ca_file))
            context.set_alpn_protocols(["mqtt"])
            reached = [str(address[0]) for *_, address in socket.getaddrinfo("localhost", running.gateway.port)]
            assert running.gateway.endpoint == f"localhost:{running.gateway.port}"
            for host in {"127.0.0.1", *reached}:
                reader, writer = await asyncio.open_connection(
                    host, running.gateway.port, ssl=context, server_hostname="localhost"
                )
                client = RawClient(reader, writer)
                assert await client.connect(connect(named("open")))
                client.leave()

    run(main())


# After the CONNACK.


@BOTH
def test_pings_are_answered_and_a_disconnect_ends_the_connection(
    version: MqttVersion, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with start_gateway() as running, accepted(running, version) as client:
            for _ in range(3):
                await client.send_packet(Pingreq())
                assert isinstance(await client.packet(), Pingresp)
            await client.send_packet(Pingreq(), Disconnect(), Pingreq())
            assert await client.rest() == b"\xd0\x00"

    run(main())


@pytest.mark.fact("E14")
@BOTH
def test_a_second_connect_ends_the_connection(version: MqttVersion, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, accepted(running, version) as client:
            await client.send_packet(connect(named("open"), version=version))
            assert await client.rest() == b""
            assert len(running.decisions) == 1

    run(main())


@pytest.mark.fact("E14")
def test_a_second_connect_of_an_unknown_level_is_not_answered(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, accepted(running) as client:
            await client.send(b"\x10\x0c\x00\x04MQTT\x03\x02\x00\x00\x00\x00")
            assert await client.rest() == b""

    run(main())


@pytest.mark.parametrize(
    "packet",
    [b"\x30\x03\x00\x01t", b"\x82\x06\x00\x01\x00\x01t\x00", b"\x20\x02\x00\x00", b"\xf0\x00", b"\xc0\x01\x00"],
    ids=["PUBLISH", "SUBSCRIBE", "CONNACK", "AUTH", "a ping with a body"],
)
def test_another_packet_ends_the_connection(packet: bytes, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, accepted(running, V311) as client:
            await client.send(b"\xc0\x00" + packet)
            assert await client.rest() == b"\xd0\x00"

    run(main())


def test_a_client_that_does_not_read_is_not_read_from(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client(receive_buffer=4096) as client:
            assert await client.connect(connect(named("open")))
            (door,) = running.gateway._connections
            # The system would keep megabytes for the client, which take long to fill with pings.
            door._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            pings, pongs = b"\xc0\x00" * 4096, b"\xd0\x00" * 4096
            sent = 0
            while door._transport.is_reading():
                # Not drained: that would wait for a gateway that has stopped to read.
                client.writer.write(pings)
                sent += 1
                assert sent < 1000
                await asyncio.sleep(0.001)
            for _ in range(sent):
                assert await client.reader.readexactly(len(pongs)) == pongs
            assert door._transport.is_reading()

    run(main())


# Before it.


@pytest.mark.fact("E13")
@BOTH
def test_pings_sent_along_with_the_connect_are_answered_after_the_connack(
    version: MqttVersion, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client() as client:
            await client.send_packet(connect(named("open"), version=version), Pingreq(), Pingreq())
            assert isinstance(await client.packet(), Connack)
            assert [await client.packet() for _ in range(2)] == [Pingresp(), Pingresp()]

    run(main())


@pytest.mark.fact("E13", "F1", "F3")
@BOTH
def test_what_a_refused_client_sent_along_is_not_answered(version: MqttVersion, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client() as client:
            await client.send_packet(connect(named("nobody"), version=version), Pingreq(), Disconnect())
            assert len(await client.rest()) == (111 if version is V5 else 0)

    run(main())


@pytest.mark.parametrize("chunk", [1, 2, 7])
@BOTH
def test_a_connect_may_come_in_any_pieces(version: MqttVersion, chunk: int, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client() as client:
            client.version = version
            packet = connect(named("open"), version=version, password=b"p")
            await client.send(encode(packet, version) + encode(Pingreq(), version), chunk=chunk)
            assert isinstance(await client.packet(), Connack)
            assert isinstance(await client.packet(), Pingresp)

    run(main())


@pytest.mark.fact("E1")
@pytest.mark.parametrize(
    "packet",
    [
        OF_MQTT_31,
        b"\x10\x0c\x00\x04MQTT\x06\x02\x00\x00\x00\x00",
        b"\x10\x0c\x00\x04MQTT\x84\x02\x00\x00\x00\x00",
    ],
    ids=["3.1", "6", "bridge"],
)
def test_another_protocol_level_is_refused_with_return_code_1(packet: bytes, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client() as client:
            await client.send(packet)
            assert await client.rest() == b"\x20\x02\x00\x01"

    run(main())


def connect_with(old: bytes, new: bytes) -> bytes:
    data = encode(connect(named("open"), version=V311), V311)
    assert data.count(old) == 1
    return data.replace(old, new)


@pytest.mark.fact("A50")
@pytest.mark.parametrize(
    "data",
    [
        b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\r\n",
        b"\x00" * 100,
        b"\xff" * 100,
        b"\xc0\x00",
        b"\xe0\x00",
        b"\x30\x03\x00\x01t",
        b"\x20\x02\x00\x00",
        b"\x10\x00",
        b"\x10\x05\x00\x04MQT",
        b"\x10\x0c\x00\x04HTTP\x04\x02\x00\x00\x00\x00",
        # 149,505 bytes and 256 MiB are announced; what is announced need not come.
        b"\x10\xfd\x8f\x09",
        b"\x10\xff\xff\xff\x7f",
        b"\x10\xff\xff\xff\xff\x01",
        connect_with(b"device", b"dev\0ce"),
        connect_with(b"device", b"dev\xffce"),
        connect_with(b"MQTT\x04\x82", b"MQTT\x04\x83"),
        connect_with(b"MQTT\x04\x82", b"MQTT\x04\x42"),
    ],
)
def test_what_is_no_connect_is_closed_without_an_answer(data: bytes, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client() as client:
            await client.send(data)
            assert await client.rest() == b""
            assert running.decisions == []

    run(main())


@pytest.mark.fact("E2")
def test_a_connect_of_the_largest_size_is_read(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            packet = connect(named("open"), password=b"p" * 65535, will=Will(topic="t", payload=b"w" * 65535))
            size = len(encode(packet, V5))
            filler = connect(named("open", "u" * (149_504 - size)), password=packet.password, will=packet.will)
            async with running.client() as client:
                assert len(encode(filler, V5)) == 149_504
                connack = await client.connect(filler)
                assert connack is not None
                assert connack.reason_code == 0
            too_large = connect(named("open", "u" * (149_505 - size)), password=packet.password, will=packet.will)
            assert await running.outcome(too_large) == b""

    run(main())


CONNECT = encode(connect(named("open"), password=b"p", will=Will(topic="t", payload=b"w")), V5)
DAMAGED = st.builds(
    lambda at, piece: CONNECT[:at] + piece + CONNECT[at + len(piece) :],
    st.integers(0, len(CONNECT)),
    st.binary(min_size=1, max_size=4),
)


# Many at a time, as a gateway takes a while to start.
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(inputs=st.lists(st.binary(max_size=200) | DAMAGED, min_size=20, max_size=20), accept=st.booleans())
def test_no_bytes_whatever_harm_the_gateway(inputs: list[bytes], accept: bool, start_gateway: StartGateway) -> None:
    faults: list[object] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
        async with start_gateway() as running:
            for data in inputs:
                async with running.client() as client:
                    if accept:
                        await client.connect(connect(named("open"), version=V311))
                    await client.send(data)
            # What it still answers shows that it has read all of the above.
            async with accepted(running):
                pass

    run(main())
    assert faults == []


def test_a_flood_behind_the_connect_is_cut_off(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway(function=SLEEPING) as running, running.client() as client:
            await client.send_packet(connect(named("open")), *[Pingreq()] * 101)
            assert await client.rest() == b""
            assert running.decisions == []

    run(main())


def test_a_flood_after_the_function_has_started_is_cut_off(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway(function=SLEEPING) as running, running.client() as client:
            await client.send_packet(connect(named("open")), *[Pingreq()] * 100)
            (worker,) = await started(running.folder)
            await client.send_packet(Pingreq())
            assert await client.rest() == b""
            await gone(worker)

    run(main())


@pytest.mark.parametrize("sent", [b"", b"\x10", b"\x10\x20\x00\x04MQTT"], ids=["nothing", "a byte", "half"])
def test_silence_before_the_connect_is_complete_is_cut_off(
    sent: bytes, start_gateway: StartGateway, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client() as client:
            await client.send(sent)
            async with accepted(running):
                put_forward(9.0)
            # Another client comes and goes, so the gateway has seen every timer that is due.
            async with accepted(running):
                assert not client.reader.at_eof()
            put_forward(1.0)
            assert await client.rest() == b""

    with caplog.at_level(logging.INFO, logger="customauth.gateway"):
        run(main())
    assert "no CONNECT within 10 s" in caplog.text


def test_dripping_bytes_do_not_put_the_limit_off(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client() as client:
            for byte in b"\x10\x20\x00\x04":
                await client.send(bytes((byte,)))
                async with accepted(running):
                    put_forward(2.5)
            assert await client.rest() == b""

    run(main())


# Leaving while something is under way.


def test_a_client_that_vanishes_while_its_function_runs_leaves_nothing_behind(
    start_gateway: StartGateway, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with start_gateway(function=SLEEPING) as running:
            async with running.client() as client:
                await client.send_packet(connect(named("open")))
                (worker,) = await started(running.folder)
                client.leave()
            await gone(worker)
            assert running.gateway._connections == set()
            assert len(asyncio.all_tasks()) == 1
            assert running.decisions == []

    with caplog.at_level(logging.INFO, logger="customauth.gateway"):
        run(main())
    assert "the client left before the decision" in caplog.text


def test_garbage_while_the_function_runs_ends_the_function(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway(function=SLEEPING) as running, running.client() as client:
            await client.send_packet(connect(named("open")))
            (worker,) = await started(running.folder)
            await client.send(b"\x00")
            assert await client.rest() == b""
            await gone(worker)
            assert running.decisions == []

    run(main())


def test_closing_the_gateway_closes_every_connection(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with contextlib.AsyncExitStack() as clients:
            async with start_gateway() as running:
                opened = [await clients.enter_async_context(accepted(running)) for _ in range(5)]
                opened.append(await clients.enter_async_context(running.client()))
            assert [await client.rest() for client in opened] == [b""] * 6
            with pytest.raises(OSError):  # noqa: PT011 - which one is the system's affair
                await asyncio.open_connection("127.0.0.1", running.gateway.port)

    run(main())


def test_closing_the_gateway_ends_the_functions_that_run(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with contextlib.AsyncExitStack() as clients:
            async with start_gateway(function=SLEEPING) as running:
                opened = [await clients.enter_async_context(running.client()) for _ in range(6)]
                for client in opened:
                    await client.send_packet(connect(named("open")))
                # Four run and two wait for a worker.
                workers = await started(running.folder, 4)
            assert all(is_gone(worker) for worker in workers)
            assert [await client.rest() for client in opened] == [b""] * 6
            assert running.decisions == []

    run(main())


def test_closing_the_gateway_does_not_wait_for_a_handshake_or_a_farewell(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            # Neither lets go by itself: one never says a word of TLS, the other never reads the farewell.
            _, silent = await asyncio.open_connection("127.0.0.1", running.gateway.port)
            async with accepted(running) as deaf:
                deaf.writer.transport.pause_reading()  # type: ignore[attr-defined]
                asyncio.get_running_loop().call_soon(put_forward, 2.0)
                async with asyncio.timeout(6):
                    await running.gateway.aclose()
            silent.close()
            await silent.wait_closed()

    run(main())


def test_a_handshake_that_ends_after_the_closing_opens_nothing(
    start_gateway: StartGateway, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client() as client:
            # TLS 1.3 is done for the client before it is for the gateway.
            await running.gateway.aclose()
            assert await client.rest() == b""

    with caplog.at_level(logging.INFO, logger="customauth.gateway"):
        run(main())
    # It was not merely the limit for a CONNECT that ended it.
    assert "CLOSE" not in caplog.text


def test_a_gateway_can_be_closed_twice_and_before_its_start(
    tmp_path: Path, ca_folder: Path, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            await running.gateway.aclose()
        never_started = Gateway(load_config(tmp_path / "gateway.toml"), folder=ca_folder)
        await never_started.aclose()

    run(main())


def test_a_taken_port_is_an_error_of_the_system(tmp_path: Path, ca_folder: Path, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            second = Gateway(load_config(tmp_path / "gateway.toml"), folder=ca_folder, port=running.gateway.port)
            with pytest.raises(OSError, match="in use"):
                await second.__aenter__()

    run(main())


@pytest.mark.parametrize("packet", [connect(named("open")), connect(client_id="x" * 129)], ids=["grant", "objection"])
def test_a_failing_observer_costs_the_client_its_connection_and_nobody_else(
    packet: Connect, tmp_path: Path, ca_folder: Path, start_gateway: StartGateway, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(decision: object) -> None:
        raise RuntimeError("the observer")

    async def main() -> None:
        async with start_gateway():
            config = load_config(tmp_path / "gateway.toml")
        async with Gateway(config, folder=ca_folder, on_decision=fail) as gateway:
            running = Running(gateway=gateway, folder=tmp_path, decisions=[])
            for _ in range(2):
                assert await running.outcome(packet) == b""

    run(main())
    assert "the observer" in caplog.text
