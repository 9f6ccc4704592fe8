"""MQTT in a WebSocket: how it is opened, what goes through it, and how it ends."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import logging
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from attrs import define, evolve
from hypothesis import given, settings
from hypothesis import strategies as st

import gateways
import tlsrooms
from customauth import ConnectTimeout, CustomAuth, DialError, EndpointError, Stage, mqtt
from customauth.dialing import dial, probe_tls
from customauth.endpoint import Endpoint, Transport
from customauth.errors import UpgradeRejected
from customauth.upgrade import Upgrade
from listeners import LIMIT, Listener, loops, run
from wsclient import BINARY, CLOSE, CONT, PING, PONG, TEXT, Frame, frame

F6 = (
    b"HTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\ncontent-length: 16\r\n"
    b"x-amzn-ErrorType: ForbiddenException:\r\n\r\n" + b'{"message":null}'
)


@define(eq=False)
class WsPeer:
    """The server's side of a WebSocket, byte by byte."""

    peer: tlsrooms.Peer
    head: str = ""

    async def read_head(self) -> dict[str, str]:
        """Read the request that opens it; return its headers, names in lower case."""
        async with asyncio.timeout(LIMIT):
            self.head = (await self.peer.reader.readuntil(b"\r\n\r\n")).decode()
        lines = self.head.split("\r\n")[1:]
        return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}

    async def accept(self, *more: bytes, subprotocol: str | None = "mqtt", key: str | None = None) -> None:
        """Agree, with more bytes behind the answer."""
        headers = await self.read_head()
        suffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        digest = hashlib.sha1(((key or headers["sec-websocket-key"]) + suffix).encode(), usedforsecurity=False).digest()
        chosen = "" if subprotocol is None else f"Sec-WebSocket-Protocol: {subprotocol}\r\n"
        answer = (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {base64.b64encode(digest).decode()}\r\n{chosen}\r\n"
        )
        self.peer.writer.write(answer[:40].encode())
        await asyncio.sleep(0)
        self.peer.writer.write(answer[40:].encode() + b"".join(more))

    async def frame(self) -> Frame:
        """Return the next frame of the client, unmasked."""
        async with asyncio.timeout(LIMIT):
            first, second = await self.peer.reader.readexactly(2)
            assert second & 0x80, "a client masks every frame"
            assert not first & 0x70, "no extension was negotiated"
            size = second & 0x7F
            if size == 126:
                (size,) = struct.unpack("!H", await self.peer.reader.readexactly(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", await self.peer.reader.readexactly(8))
            mask = await self.peer.reader.readexactly(4)
            data = await self.peer.reader.readexactly(size)
        return Frame(first & 0x0F, bytes(byte ^ mask[i % 4] for i, byte in enumerate(data)), bool(first & 0x80))

    async def rest(self) -> bytes:
        """Return what comes until the end."""
        async with asyncio.timeout(LIMIT):
            return await self.peer.reader.read()

    def send(self, *frames: bytes) -> None:
        """Send frames or other bytes in one piece."""
        self.peer.writer.write(b"".join(frames))


def say(data: bytes, *, opcode: int = BINARY, fin: bool = True, length: int = -1) -> bytes:
    return frame(data, opcode=opcode, fin=fin, masked=False, length=length)


@contextlib.asynccontextmanager
async def room() -> AsyncIterator[tlsrooms.Room]:
    async with tlsrooms.room(alpn=None) as served:
        yield tlsrooms.Room(evolve(served.endpoint, transport=Transport.WSS), served._peers)


@contextlib.asynccontextmanager
async def opened() -> AsyncIterator[tuple[asyncio.Transport, Listener, WsPeer]]:
    async with room() as served, asyncio.TaskGroup() as group:
        dialling = group.create_task(dial(Listener, served.endpoint, LIMIT))
        peer = WsPeer(await served.peer())
        await peer.accept()
        transport, listener = await dialling
        try:
            yield transport, listener, peer
        finally:
            transport.abort()
            await listener.ended()


async def refused(answer: bytes, *, hang_up: bool = False, timeout: float = LIMIT) -> DialError | ConnectTimeout:
    """Return what a server's answer to the request for a WebSocket is told as."""
    async with room() as served, asyncio.TaskGroup() as group:
        dialling = group.create_task(failing(served.endpoint, timeout))
        peer = WsPeer(await served.peer())
        await peer.read_head()
        # In pieces, none of which is an answer.
        for at in range(0, len(answer), 7):
            peer.send(answer[at : at + 7])
            await asyncio.sleep(0)
        if hang_up:
            peer.peer.writer.close()
        error = await dialling
        # Nothing is left of it.
        with contextlib.suppress(ConnectionError):
            await peer.rest()
    return error


async def failing(endpoint: Endpoint, timeout: float = LIMIT) -> DialError | ConnectTimeout:
    with pytest.raises((DialError, ConnectTimeout)) as caught:
        await dial(Listener, endpoint, timeout)
    error: DialError | ConnectTimeout = caught.value
    return error


# How it is opened


@pytest.mark.fact("A23")
@pytest.mark.fact("A30")
@pytest.mark.fact("A47")
@loops
def test_it_is_asked_for_at_the_path_with_the_subprotocol_and_without_alpn(loop: str) -> None:
    async def main() -> None:
        async with tlsrooms.room() as served, asyncio.TaskGroup() as group:
            endpoint = evolve(served.endpoint, transport=Transport.WSS)
            dialling = group.create_task(dial(Listener, endpoint, LIMIT))
            peer = WsPeer(await served.peer())
            assert peer.peer.tls.selected_alpn_protocol() is None
            headers = asyncio.create_task(peer.accept())
            transport, listener = await dialling
            await headers
            request, *lines = peer.head.split("\r\n")
            assert request == "GET /mqtt HTTP/1.1"
            assert f"Host: localhost:{endpoint.port}" in lines
            assert "Sec-WebSocket-Protocol: mqtt" in lines
            assert "Sec-WebSocket-Version: 13" in lines
            assert not [line for line in lines if line.startswith("Sec-WebSocket-Extensions")]
            transport.abort()
            await listener.ended()

    run(main(), loop)


@pytest.mark.fact("A26")
@pytest.mark.fact("A27")
def test_the_upgrade_carries_target_and_headers() -> None:
    async def main() -> None:
        upgrade = Upgrade(target="/mqtt?a=1&b=%2F", headers={"X-Amz-CustomAuthorizer-Name": "mine", "Host": "other"})
        async with room() as served, asyncio.TaskGroup() as group:
            dialling = group.create_task(dial(Listener, served.endpoint, LIMIT, upgrade=upgrade))
            peer = WsPeer(await served.peer())
            await peer.accept()
            transport, listener = await dialling
            request, *lines = peer.head.split("\r\n")
            assert request == "GET /mqtt?a=1&b=%2F HTTP/1.1"
            assert "X-Amz-CustomAuthorizer-Name: mine" in lines
            assert [line for line in lines if line.lower().startswith("host")] == ["Host: other"]
            transport.abort()
            await listener.ended()

    run(main())


def test_another_path_is_asked_for() -> None:
    async def main() -> None:
        async with room() as served, asyncio.TaskGroup() as group:
            dialling = group.create_task(dial(Listener, evolve(served.endpoint, path="/other/path"), LIMIT))
            peer = WsPeer(await served.peer())
            await peer.accept()
            (await dialling)[0].abort()
            assert peer.head.startswith("GET /other/path HTTP/1.1\r\n")

    run(main())


def test_an_upgrade_without_a_websocket_is_refused_before_anything_is_dialled() -> None:
    async def main() -> None:
        with pytest.raises(EndpointError, match="write wss://localhost:1"):
            await dial(Listener, Endpoint(host="localhost", port=1), LIMIT, upgrade=Upgrade())

    run(main())


def test_a_probe_opens_no_websocket() -> None:
    async def main() -> None:
        async with room() as served:
            await probe_tls(served.endpoint, LIMIT)
            with contextlib.suppress(ConnectionResetError):
                assert await WsPeer(await served.peer()).rest() == b""

    run(main())


def test_nothing_of_the_request_or_of_mqtt_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def main() -> None:
        upgrade = Upgrade(target="/mqtt?signature=S3CRETMARK", headers={"token": "S3CRETMARK"})
        async with room() as served, asyncio.TaskGroup() as group:
            dialling = group.create_task(dial(Listener, served.endpoint, LIMIT, upgrade=upgrade))
            peer = WsPeer(await served.peer())
            await peer.accept(say(b"S3CRETMARK"))
            transport, listener = await dialling
            await listener.hears(b"S3CRETMARK")
            transport.write(b"S3CRETMARK")
            assert (await peer.frame()).data == b"S3CRETMARK"
            transport.abort()
            await listener.ended()

    run(main())
    assert caplog.records
    assert "S3CRETMARK" not in caplog.text


# What the server may answer instead


@pytest.mark.fact("F6")
@loops
def test_a_refused_upgrade_has_the_status_and_the_way_on(loop: str) -> None:
    error = run(refused(F6), loop)
    assert isinstance(error, UpgradeRejected)
    assert (error.status, error.stage, error.retryable) == (403, Stage.UPGRADE, False)
    assert str(error) == "the WebSocket was refused with HTTP status 403: ForbiddenException"
    assert "SigV4" in error.hint
    assert error.__cause__ is not None


@pytest.mark.parametrize(
    ("status", "retryable", "hint"),
    [(400, False, "subprotocol mqtt"), (404, False, "/mqtt"), (426, False, "/mqtt"), (429, True, ""), (503, True, "")],
)
def test_each_status_is_told(status: int, retryable: bool, hint: str) -> None:
    error = run(refused(b"HTTP/1.1 %d What\r\nContent-Length: 0\r\n\r\n" % status))
    assert isinstance(error, UpgradeRejected)
    assert (error.status, error.retryable) == (status, retryable)
    assert hint in error.hint


def test_a_refusal_that_ends_with_the_connection_is_told() -> None:
    error = run(refused(b"HTTP/1.1 502 Bad Gateway\r\n\r\n<html>", hang_up=True))
    assert isinstance(error, UpgradeRejected)
    assert error.status == 502


@pytest.mark.parametrize(
    ("answer", "said"),
    [(b"SSH-2.0-OpenSSH_9\r\n", "no HTTP"), (b"", "nothing"), (b"HTTP/1.1 101 Switching\r\nUpg", "no HTTP")],
    ids=["no-http", "nothing", "half-an-answer"],
)
def test_what_is_no_answer_is_told(answer: bytes, said: str) -> None:
    error = run(refused(answer, hang_up=True))
    assert type(error) is DialError
    assert error.stage is Stage.UPGRADE
    assert error.retryable
    assert error.__cause__ is not None
    assert error.hint


def test_a_server_that_never_answers_runs_into_the_deadline() -> None:
    error = run(refused(b"", timeout=0.3))
    assert isinstance(error, ConnectTimeout)
    assert error.stage is Stage.UPGRADE


@pytest.mark.parametrize(
    ("subprotocol", "key"),
    [(None, None), ("wamp", None), ("mqtt", "another key")],
    ids=["no-subprotocol", "another-subprotocol", "another-key"],
)
def test_an_agreement_to_something_else_is_refused(subprotocol: str | None, key: str | None) -> None:
    async def main() -> DialError | ConnectTimeout:
        async with room() as served, asyncio.TaskGroup() as group:
            dialling = group.create_task(failing(served.endpoint))
            peer = WsPeer(await served.peer())
            await peer.accept(subprotocol=subprotocol, key=key)
            return await dialling

    error = run(main())
    assert isinstance(error, UpgradeRejected)
    assert (error.status, error.retryable) == (101, False)
    assert error.__cause__ is not None


@loops
def test_dialling_can_be_cancelled_during_the_upgrade(loop: str) -> None:
    async def main() -> None:
        async with room() as served:
            dialling = asyncio.create_task(dial(Listener, served.endpoint, LIMIT))
            peer = WsPeer(await served.peer())
            await peer.read_head()
            dialling.cancel()
            with pytest.raises(asyncio.CancelledError):
                await dialling
            with contextlib.suppress(ConnectionResetError):
                assert await peer.rest() == b""

    run(main(), loop)


# What goes through it


@loops
def test_bytes_go_both_ways_in_binary_frames(loop: str) -> None:
    async def main() -> None:
        async with opened() as (transport, listener, peer):
            transport.write(b"one ")
            transport.write(b"frame")
            assert await peer.frame() == Frame(BINARY, b"one frame")
            peer.send(say(b"answer"))
            await listener.hears(b"answer")
            large = bytes(range(256)) * 1024
            transport.write(large)
            got = b""
            while len(got) < len(large):
                got += (await peer.frame()).data
            assert got == large
            peer.send(say(large))
            await listener.hears(large)

    run(main(), loop)


def test_bytes_that_come_with_the_answer_are_not_lost() -> None:
    async def main() -> None:
        async with room() as served, asyncio.TaskGroup() as group:
            dialling = group.create_task(dial(Listener, served.endpoint, LIMIT))
            peer = WsPeer(await served.peer())
            await peer.accept(say(b"at "), say(b"once"))
            transport, listener = await dialling
            await listener.hears(b"at once")
            transport.abort()
            await listener.ended()

    run(main())


def test_a_close_that_comes_with_the_answer_is_told() -> None:
    async def main() -> None:
        async with room() as served, asyncio.TaskGroup() as group:
            dialling = group.create_task(dial(Listener, served.endpoint, LIMIT))
            peer = WsPeer(await served.peer())
            await peer.accept(say(b"bye"), say(struct.pack("!H", 1000), opcode=CLOSE))
            _, listener = await dialling
            peer.peer.writer.close()
            assert await listener.ended() is None
            assert listener.received == b"bye"

    run(main())


@settings(max_examples=20)
@given(
    pieces=st.lists(st.tuples(st.binary(max_size=300), st.booleans()), min_size=1, max_size=8),
    size=st.integers(min_value=1, max_value=400),
)
def test_any_fragmentation_gives_the_same_bytes(pieces: list[tuple[bytes, bool]], size: int) -> None:
    async def main() -> None:
        async with opened() as (_, listener, peer):
            sent, starts = b"", True
            for data, fin in pieces:
                sent += say(data, opcode=BINARY if starts else CONT, fin=fin)
                sent += say(b"between", opcode=PING)
                starts = fin
            sent += say(b"end", opcode=BINARY if starts else CONT)
            for at in range(0, len(sent), size):
                peer.send(sent[at : at + size])
                await asyncio.sleep(0)
            await listener.hears(b"end")
            assert listener.received == b"".join(data for data, _ in pieces) + b"end"

    run(main())


def test_a_ping_is_answered() -> None:
    async def main() -> None:
        async with opened() as (_, listener, peer):
            peer.send(say(b"are you there", opcode=PING))
            assert await peer.frame() == Frame(PONG, b"are you there")
            assert listener.calls == ["connection_made"]

    run(main())


# How it ends


@loops
def test_closing_sends_what_was_written_and_a_close(loop: str) -> None:
    async def main() -> None:
        async with opened() as (transport, listener, peer):
            transport.write(b"DISCONNECT")
            transport.close()
            assert transport.is_closing()
            transport.write(b"too late")
            assert await peer.frame() == Frame(BINARY, b"DISCONNECT")
            assert await peer.frame() == Frame(CLOSE, struct.pack("!H", 1000))
            assert await peer.rest() == b""
            peer.peer.writer.close()
            assert await listener.ended() is None
        assert listener.lost == 1

    run(main(), loop)


@pytest.mark.parametrize(
    ("code", "cause"), [(1000, None), (1001, None), (None, None), (1008, "1008"), (1011, "1011")], ids=str
)
def test_a_close_of_the_server_is_answered_and_told(code: int | None, cause: str | None) -> None:
    async def main() -> None:
        async with opened() as (_, listener, peer):
            body = b"" if code is None else struct.pack("!H", code) + b"why"
            peer.send(say(b"last"), say(body, opcode=CLOSE))
            assert (await peer.frame()).opcode == CLOSE
            assert await peer.rest() == b""
            peer.peer.writer.close()
            ended = await listener.ended()
            assert listener.received == b"last"
            if cause is None:
                assert ended is None
                assert listener.said_eof
            else:
                assert isinstance(ended, ConnectionAbortedError)
                assert cause in str(ended)

    run(main())


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (say(b"text", opcode=TEXT), 1003),
        (frame(b"masked"), 1002),
        (say(b"", opcode=CONT), 1002),
        (say(b"", opcode=0x3), 1002),
        (say(b"", length=1 << 40), 1009),
    ],
    ids=["text", "masked", "continuation-of-nothing", "unknown-opcode", "endless"],
)
def test_what_is_no_websocket_for_mqtt_ends_it(sent: bytes, code: int) -> None:
    async def main() -> None:
        async with opened() as (_, listener, peer):
            peer.send(say(b"good"), sent)
            closing = await peer.frame()
            assert closing.opcode == CLOSE
            assert closing.data[:2] == struct.pack("!H", code)
            peer.peer.writer.close()
            assert isinstance(await listener.ended(), ConnectionAbortedError)
            assert listener.received == b"good"

    run(main())


def test_an_end_without_a_close_is_an_end() -> None:
    async def main() -> None:
        async with opened() as (_, listener, peer):
            peer.peer.writer.close()
            assert await listener.ended() is None
        assert listener.calls == ["connection_made", "eof_received", "connection_lost"]

    run(main())


# The gateway


@pytest.fixture
def gateway_files(tmp_path: Path) -> tuple[Path, Path, gateways.Keys]:
    return tmp_path, tmp_path / "ca", gateways.Keys()


@pytest.mark.fact("A25")
@pytest.mark.fact("A28")
@loops
@pytest.mark.parametrize("place", ["username", "query", "headers"])
def test_the_gateway_lets_a_device_in_by_websocket(
    gateway_files: tuple[Path, Path, gateways.Keys], place: str, loop: str
) -> None:
    credentials = CustomAuth(authorizer="open", username="alice")
    upgrade = {
        "username": Upgrade(),
        "query": Upgrade(target=f"/mqtt?{credentials.url_query()}"),
        "headers": Upgrade(headers=credentials.http_headers()),
    }[place]
    username = credentials.mqtt_username() if place == "username" else "alice"

    async def main() -> None:
        async with gateways.start(*gateway_files) as running:
            endpoint = Endpoint(
                host="localhost",
                port=running.gateway.port,
                ca_pem=running.gateway.ca_file.read_bytes(),
                transport=Transport.WSS,
            )
            transport, listener = await dial(Listener, endpoint, LIMIT, upgrade=upgrade)
            packet = mqtt.Connect(version=mqtt.MqttVersion.V5, client_id="device", username=username)
            transport.write(mqtt.encode(packet, packet.version))
            async with asyncio.timeout(LIMIT):
                while len(listener.received) < 4:  # noqa: ASYNC110 - any CONNACK will do
                    await asyncio.sleep(0.001)
            assert listener.received[0] == 0x20
            assert listener.received[3] == 0
            transport.close()
            assert await listener.ended() is None
            await running.emptied()

    run(main(), loop)


@pytest.mark.fact("A23")
def test_the_gateway_refuses_another_path(gateway_files: tuple[Path, Path, gateways.Keys]) -> None:
    async def main() -> None:
        async with gateways.start(*gateway_files) as running:
            endpoint = Endpoint.parse(
                f"wss://localhost:{running.gateway.port}/other", ca_pem=running.gateway.ca_file.read_bytes()
            )
            error = await failing(endpoint)
            assert isinstance(error, UpgradeRejected)
            assert error.status == 404

    run(main())
