"""One MQTT connection: which packets it takes in which order, and when it is shut. All of it over real sockets."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aloop import alone, put_forward, run
from customauth.gateway.records import DisconnectReason
from customauth.mqtt import Connack, Disconnect, MqttVersion, Pingreq, Pingresp, Will, encode
from gateways import StartGateway, connect, named
from sleepers import SLEEPING, gone, started

V311, V5 = MqttVersion.V311, MqttVersion.V5
BOTH = pytest.mark.parametrize("version", list(MqttVersion), ids=lambda version: version.label)

OF_MQTT_31 = b"\x10\x0e\x00\x06MQIsdp\x03\x02\x00\x00\x00\x00"


# After the CONNACK.


@BOTH
def test_pings_are_answered_and_a_disconnect_ends_the_connection(
    version: MqttVersion, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.accepted(connect(named("open"), version=version)) as client:
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
        async with start_gateway() as running, running.accepted(connect(named("open"), version=version)) as client:
            await client.send_packet(connect(named("open"), version=version))
            assert await client.rest() == (b"\xe0\x01\x82" if version is V5 else b"")
            assert len(running.decisions) == 1

    run(main())


@pytest.mark.fact("E14")
def test_a_second_connect_of_an_unknown_level_ends_the_connection(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.accepted() as client:
            await client.send(b"\x10\x0c\x00\x04MQTT\x03\x02\x00\x00\x00\x00")
            assert await client.rest() == b"\xe0\x01\x82"

    run(main())


@pytest.mark.parametrize(
    "packet",
    [b"\x90\x03\x00\x01\x00", b"\xd0\x00", b"\x20\x02\x00\x00", b"\xf0\x00", b"\xc0\x01\x00"],
    ids=["SUBACK", "PINGRESP", "CONNACK", "AUTH", "a ping with a body"],
)
def test_another_packet_ends_the_connection(packet: bytes, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.accepted(connect(named("open"), version=V311)) as client:
            await client.send(b"\xc0\x00" + packet)
            assert await client.rest() == b"\xd0\x00"

    run(main())


@pytest.mark.parametrize("behind", [b"\xc0\x00", b"\x00", b"\x10\x00", b"\xf0\xff\xff\xff\xff"])
@BOTH
def test_nobody_looks_at_what_comes_behind_a_disconnect(
    behind: bytes, version: MqttVersion, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            async with running.accepted(connect(named("open"), version=version)) as client:
                await client.send(encode(Disconnect(), version) + behind)
                assert await client.rest() == b""
            await running.emptied()
            assert running.notes() == []
            assert [ending.reason for ending in running.endings()] == [DisconnectReason.CLIENT_INITIATED]

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
        b"POST /topics/t HTTP/1.1\r\nHost: localhost\r\n\r\n".ljust(200, b"x"),
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
            async with running.accepted():
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


def test_a_flood_of_bytes_behind_the_connect_is_cut_off(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway(function=SLEEPING) as running, running.client() as client:
            # Few packets, but large ones: 80 times 100,000 bytes.
            large = b"\x30\xa0\x8d\x06" + b"x" * 100_000
            await client.send(encode(connect(named("open")), V5) + large * 80)
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


@pytest.mark.parametrize("sent", [b"\x10", b"\x10\x20\x00\x04MQTT"], ids=["a byte", "half"])
def test_silence_before_the_connect_is_complete_is_cut_off(sent: bytes, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client() as client:
            await client.send(sent)
            async with running.accepted():
                put_forward(7.0)
            # Another client comes and goes, so the gateway has seen every timer that is due.
            async with running.accepted():
                assert not client.reader.at_eof()
            put_forward(3.0)
            assert await client.rest() == b""
            await running.emptied()
            assert [note.partition(": ")[2] for note in running.notes()] == ["no CONNECT within 10 s"]

    run(main())


def test_dripping_bytes_do_not_put_the_limit_off(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client() as client:
            for byte in b"\x10\x20\x00\x04":
                await client.send(bytes((byte,)))
                async with running.accepted():
                    put_forward(2.5)
            assert await client.rest() == b""

    run(main())


# Leaving while something is under way.


def test_a_client_that_vanishes_while_its_function_runs_leaves_nothing_behind(
    start_gateway: StartGateway,
) -> None:
    async def main() -> None:
        async with start_gateway(function=SLEEPING) as running:
            async with running.client() as client:
                await client.send_packet(connect(named("open")))
                (worker,) = await started(running.folder)
                client.leave()
            await gone(worker)
            assert running.gateway._connections == set()
            await alone()
            assert running.decisions == []
            assert [note.partition(": ")[2] for note in running.notes()] == ["the client left before the decision"]

    run(main())


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
