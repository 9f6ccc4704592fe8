"""The server that a test plays does what it is told, and writes down what it heard."""

from __future__ import annotations

import asyncio
import gc
import ssl
import weakref
from typing import TypeAlias

import pytest

from customauth import MqttVersion, mqtt
from customauth.testing.mqtt_server import MqttPeer, MqttServer, mqtt_server

_Streams: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_V5 = MqttVersion.V5
_CONNECT = mqtt.encode(mqtt.Connect(version=_V5, client_id="c"), _V5)


async def _dialled(server: MqttServer) -> _Streams:
    assert server.endpoint.ca_pem is not None
    context = ssl.create_default_context(cadata=server.endpoint.ca_pem.decode())
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.set_alpn_protocols(["mqtt"])
    return await asyncio.open_connection("localhost", server.endpoint.port, ssl=context)


async def _connected(server: MqttServer) -> _Streams:
    reader, writer = await _dialled(server)
    writer.write(_CONNECT)
    accepted = mqtt.encode(mqtt.Connack(session_present=False, reason_code=0), _V5)
    assert await reader.readexactly(len(accepted)) == accepted
    return reader, writer


def test_it_answers_as_usual_and_writes_down_what_came() -> None:
    async def scenario() -> None:
        async with mqtt_server() as server:
            reader, writer = await _connected(server)
            (peer,) = server.peers
            writer.write(mqtt.encode(mqtt.Publish(topic="a", payload=b"x", qos=1, packet_id=7), _V5))
            answer = mqtt.encode(mqtt.Puback(packet_id=7), _V5)
            assert await reader.readexactly(len(answer)) == answer
            assert [type(packet) for packet in peer.packets] == [mqtt.Connect, mqtt.Publish]
            assert (peer.sni, peer.alpn, peer.version, peer.target) == ("localhost", "mqtt", _V5, None)
            writer.transport.abort()
            await peer.ended.wait()

    asyncio.run(scenario())


def test_nothing_of_a_connection_that_is_over_stays_in_memory() -> None:
    async def scenario() -> weakref.ref[MqttPeer]:
        async with mqtt_server() as server:
            _, writer = await _connected(server)
            (peer,) = server.peers
            writer.transport.abort()
            await peer.ended.wait()
            return weakref.ref(peer)

    gone = asyncio.run(scenario())
    gc.collect()
    assert gone() is None


def test_waiting_for_what_never_comes_ends_with_the_connection() -> None:
    async def scenario() -> None:
        async with mqtt_server() as server:
            _, writer = await _connected(server)
            (peer,) = server.peers
            writer.transport.abort()
            with pytest.raises(EOFError, match="after 0 Publish, not 2"):
                await peer.seen(mqtt.Publish, 2)

    asyncio.run(scenario())


def test_an_end_comes_behind_what_was_sent() -> None:
    async def scenario() -> bytes:
        async with mqtt_server() as server:
            reader, writer = await _connected(server)
            (peer,) = server.peers
            peer.send(mqtt.Pingresp(), b"\xff\xff")
            peer.end()
            heard = await reader.read()
            writer.close()
            return heard

    assert asyncio.run(scenario()) == b"\xd0\x00\xff\xff"


def test_an_abrupt_end_is_a_reset() -> None:
    async def scenario() -> None:
        async with mqtt_server() as server:
            reader, writer = await _connected(server)
            server.peers[0].end(abruptly=True)
            with pytest.raises(ConnectionResetError):
                await reader.read()
            writer.transport.abort()

    asyncio.run(scenario())


def test_what_the_client_does_not_read_is_not_counted_as_sent() -> None:
    async def scenario() -> None:
        async with mqtt_server() as server:
            reader, writer = await _connected(server)
            transport = writer.transport
            assert isinstance(transport, asyncio.Transport)
            transport.pause_reading()
            (peer,) = server.peers
            peer.send(*[bytes(1 << 20)] * 100)
            await asyncio.sleep(0.2)
            assert peer.sent < 101
            transport.resume_reading()
            await reader.readexactly(100 << 20)
            transport.abort()

    asyncio.run(scenario())


def test_what_is_no_websocket_is_said_and_the_connection_closed() -> None:
    async def scenario() -> bytes:
        async with mqtt_server(upgrade_answer=b"HTTP/1.1 418 No\r\n\r\n") as server:
            reader, writer = await _dialled(server)
            writer.write(b"GET /mqtt?a=b HTTP/1.1\r\nHost: localhost\r\n\r\n")
            heard = await reader.read()
            writer.close()
            assert server.peers[0].target == "/mqtt?a=b"
            assert server.peers[0].headers == [("Host", "localhost")]
            return heard

    assert asyncio.run(scenario()) == b"HTTP/1.1 418 No\r\n\r\n"
