"""Through a proxy: what it is asked for, what it may answer, and that nothing of it is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from attrs import evolve

import gateways
import proxies
import servers
import tlsrooms
from customauth import ConnectTimeout, DialError, Endpoint, Stage, TlsFailed, TlsReason
from customauth.dialing import dial
from customauth.endpoint import Transport
from customauth.errors import ProxyRefused
from customauth.proxy import Proxy
from listeners import LIMIT, Listener, loops, run

Start: TypeAlias = Callable[..., AbstractAsyncContextManager[proxies.ProxyServer]]

KINDS = pytest.mark.parametrize("start", [proxies.http_proxy, proxies.socks5_proxy], ids=["http", "socks5"])
USER = ("alice", "S3CRETMARK")


async def failing(endpoint: Endpoint, timeout: float = LIMIT) -> DialError | ConnectTimeout:
    with pytest.raises((DialError, ConnectTimeout)) as caught:
        await dial(Listener, endpoint, timeout)
    error: DialError | ConnectTimeout = caught.value
    return error


async def refused(start: Start, endpoint: Endpoint | None = None, **how: Any) -> ProxyRefused:
    """Return how a proxy's refusal is told."""
    async with start(**how) as server:
        target = endpoint or Endpoint(host="device.example")
        error = await failing(evolve(target, proxy=server.proxy))
    assert isinstance(error, ProxyRefused)
    assert error.stage is Stage.PROXY
    assert error.hint
    assert error.__cause__ is not None
    return error


async def echoed(endpoint: Endpoint, room: tlsrooms.Room) -> None:
    """Dial, and say something in both directions."""
    transport, listener = await dial(Listener, endpoint, LIMIT)
    peer = await room.peer()
    transport.write(b"question")
    assert await peer.reader.readexactly(8) == b"question"
    peer.writer.write(b"answer")
    await listener.hears(b"answer")
    transport.close()
    async with asyncio.timeout(LIMIT):
        assert await peer.reader.read() == b""
    peer.writer.close()
    assert await listener.ended() is None


# What it is asked for


@KINDS
@loops
@pytest.mark.parametrize("user", [None, USER], ids=["anybody", "user"])
def test_the_proxy_leads_to_the_server(start: Start, user: proxies.User | None, loop: str) -> None:
    async def main() -> None:
        async with tlsrooms.room() as room, start(user=user) as server:
            username, password = user or (None, None)
            proxy = evolve(server.proxy, username=username, password=password)
            await echoed(evolve(room.endpoint, proxy=proxy, address="127.0.0.1"), room)
            assert server.asked == [f"127.0.0.1:{room.endpoint.port}"]

    run(main(), loop)


@KINDS
def test_the_proxy_resolves_the_name_of_the_endpoint(start: Start) -> None:
    async def main() -> None:
        async with tlsrooms.room() as room:
            place = ("127.0.0.1", room.endpoint.port)
            # No resolver knows this name, and the certificate is not for it.
            async with start(names={"device.invalid": place}) as server:
                endpoint = evolve(room.endpoint, host="device.invalid", proxy=server.proxy)
                error = await failing(endpoint)
                assert isinstance(error, TlsFailed)
                assert error.reason is TlsReason.WRONG_NAME
            async with start(names={"device.invalid": place}) as server:
                endpoint = evolve(room.endpoint, address="device.invalid", proxy=server.proxy)
                await echoed(endpoint, room)
                assert server.asked == [f"device.invalid:{room.endpoint.port}"]

    run(main())


@KINDS
def test_an_ipv6_address_is_asked_for_as_one(start: Start) -> None:
    async def main() -> None:
        async with tlsrooms.room() as room, start(names={"::1": ("127.0.0.1", room.endpoint.port)}) as server:
            await echoed(evolve(room.endpoint, address="::1", proxy=server.proxy), room)
            assert server.asked == [f"::1:{room.endpoint.port}"]

    run(main())


@KINDS
@loops
def test_a_websocket_goes_through_a_proxy(start: Start, tmp_path: Path, loop: str) -> None:
    async def main() -> None:
        async with gateways.start(tmp_path, tmp_path / "ca", gateways.Keys()) as running, start() as server:
            endpoint = Endpoint(
                host="localhost",
                port=running.gateway.port,
                ca_pem=running.gateway.ca_file.read_bytes(),
                transport=Transport.WSS,
                proxy=server.proxy,
            )
            transport, listener = await dial(Listener, endpoint, LIMIT)
            transport.close()
            assert await listener.ended() is None
            await running.emptied()

    run(main(), loop)


# What it may answer


def test_a_proxy_that_is_not_there_is_named() -> None:
    async def main() -> None:
        async with servers.closed_port() as closed:
            proxy = Proxy(scheme="http", host="127.0.0.1", port=closed.port, username="alice", password="S3CRETMARK")
            error = await failing(Endpoint(host="device.example", proxy=proxy))
        assert isinstance(error, ProxyRefused)
        assert str(error).startswith(f"the proxy http://127.0.0.1:{closed.port} was not reached: no TCP connection")
        assert error.status is None
        assert error.retryable
        assert isinstance(error.__cause__, ConnectionRefusedError)

    run(main())


def test_a_proxy_whose_name_has_no_address_is_named() -> None:
    # Too long for the DNS, so that the resolver refuses it without asking anybody.
    proxy = Proxy(scheme="socks5", host=".".join(["a" * 60] * 5), port=1080)
    error = run(failing(Endpoint(host="device.example", proxy=proxy)))
    assert isinstance(error, ProxyRefused)
    assert "was not reached: the name" in str(error)
    assert error.__cause__ is not None


@KINDS
@pytest.mark.parametrize("given", [None, ("alice", "wr0ng-S3CRETMARK")], ids=["nobody", "wrong-password"])
def test_a_proxy_that_knows_another_user_leads_to_the_url(start: Start, given: proxies.User | None) -> None:
    async def main() -> ProxyRefused:
        async with start(user=USER) as server:
            username, password = given or (None, None)
            proxy = evolve(server.proxy, username=username, password=password)
            error = await failing(Endpoint(host="device.example", proxy=proxy))
        assert isinstance(error, ProxyRefused)
        return error

    error = run(main())
    assert error.status == (407 if start is proxies.http_proxy else None)
    assert "user" in error.hint
    assert "password" in error.hint
    shown = f"{error}{error!r}{error.hint}{error.__cause__}"
    assert "S3CRETMARK" not in shown
    assert "alice" not in shown


@KINDS
def test_a_server_that_the_proxy_does_not_reach_is_told_with_the_status(start: Start) -> None:
    async def main() -> ProxyRefused:
        async with servers.closed_port() as closed:
            return await refused(start, closed)

    error = run(main())
    assert error.status == (502 if start is proxies.http_proxy else 5)
    assert error.retryable


@pytest.mark.parametrize(
    ("status", "retryable"), [(301, True), (400, False), (403, False), (407, False), (429, True), (503, True)]
)
def test_a_status_of_the_proxy_is_told(status: int, retryable: bool) -> None:
    says = b"HTTP/1.0 %d S3CRETMARK\r\nServer: x\r\n\r\nsome page" % status
    error = run(refused(proxies.http_proxy, says=says))
    assert (error.status, error.retryable) == (status, retryable)
    assert "S3CRETMARK" not in str(error)


@pytest.mark.parametrize(
    ("says", "wanted"),
    [
        (b"", "closed the connection: no answer to CONNECT"),
        (b"SSH-2.0-OpenSSH_9\r\n\r\n", "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\nunfin", "closed the connection"),
        (b"HTTP/1.1 200 OK\r\n\r\nHello", "sent more than its answer"),
    ],
    ids=["nothing", "no-http", "half-an-answer", "more-than-an-answer"],
)
def test_what_is_no_answer_of_an_http_proxy_is_told(says: bytes, wanted: str) -> None:
    error = run(refused(proxies.http_proxy, says=says))
    assert wanted in str(error)
    assert error.status is None


@pytest.mark.parametrize(
    "says", [b"", b"\x05", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x05\x00\x05"], ids=["nothing", "half", "http", "cut"]
)
def test_what_is_no_answer_of_a_socks5_proxy_is_told(says: bytes) -> None:
    error = run(refused(proxies.socks5_proxy, says=says))
    assert "refused to connect to device.example:443" in str(error)
    assert error.status is None


@pytest.mark.parametrize(("code", "retryable"), [(1, True), (2, False), (4, True), (7, False), (8, False)])
def test_a_reply_code_of_a_socks5_proxy_is_told(code: int, retryable: bool) -> None:
    error = run(refused(proxies.socks5_proxy, says=bytes([5, 0, 5, code, 0, 1, 0, 0, 0, 0, 0, 0])))
    assert (error.status, error.retryable) == (code, retryable)


def test_a_name_that_cannot_be_asked_for_is_told() -> None:
    endpoint = Endpoint(host="a" * 64 + ".example")
    error = run(refused(proxies.socks5_proxy, endpoint))
    assert "which is no name" in str(error)


@KINDS
@loops
def test_a_silent_proxy_runs_into_the_deadline(start: Start, loop: str) -> None:
    async def main() -> None:
        async with start(silent=True) as server:
            error = await failing(Endpoint(host="device.example", proxy=server.proxy), 0.3)
            assert isinstance(error, ConnectTimeout)
            assert error.stage is Stage.PROXY
            # It has heard the end, or leaving would wait for it.
            assert server.connections == 1

    run(main(), loop)


@KINDS
@loops
def test_dialling_can_be_cancelled_while_the_proxy_is_silent(start: Start, loop: str) -> None:
    async def main() -> None:
        async with start(silent=True) as server:
            endpoint = Endpoint(host="device.example", proxy=server.proxy)
            dialling = asyncio.create_task(dial(Listener, endpoint, LIMIT))
            async with asyncio.timeout(LIMIT):
                while not server.connections:  # noqa: ASYNC110 - nobody is told of it
                    await asyncio.sleep(0.001)
            dialling.cancel()
            with pytest.raises(asyncio.CancelledError):
                await dialling

    run(main(), loop)
