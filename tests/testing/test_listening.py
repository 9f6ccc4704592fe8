"""Ports that listen, refuse and swallow, and the servers that fail before TLS."""

from __future__ import annotations

import asyncio
import socket
import ssl

import pytest

from customauth.testing.certificates import authority
from customauth.testing.listening import Port, serving
from customauth.testing.sockets import (
    alpn_refusing_server,
    blackhole,
    closed_port,
    hanging_up_server,
    silent_server,
)

LIMIT = 30.0


async def dial(port: int, limit: float = LIMIT) -> socket.socket:
    """Open a TCP connection."""
    dialled = socket.socket()
    dialled.setblocking(False)
    try:
        async with asyncio.timeout(limit):
            await asyncio.get_running_loop().sock_connect(dialled, ("127.0.0.1", port))
    except BaseException:
        dialled.close()
        raise
    return dialled


async def received(dialled: socket.socket) -> bytes:
    async with asyncio.timeout(LIMIT):
        return await asyncio.get_running_loop().sock_recv(dialled, 100)


def test_a_port_keeps_its_number_through_all_that_it_does() -> None:
    async def main() -> None:
        taken: list[socket.socket] = []
        came = asyncio.Event()

        def accepted(connected: socket.socket) -> None:
            taken.append(connected)
            came.set()

        port = Port(accepted)
        number = port.number
        for _ in range(2):
            port.swallow()
            with pytest.raises(TimeoutError):
                await dial(number, 0.2)
            port.refuse()
            with pytest.raises(ConnectionRefusedError):
                await dial(number)
            port.listen()
            came.clear()
            with await dial(number):
                await came.wait()
        assert port.number == number
        port.close()
        with pytest.raises(ConnectionRefusedError):
            await dial(number)
        for connected in taken:
            connected.close()
        assert len(taken) == 2

    asyncio.run(main())


def test_a_connection_that_nobody_has_taken_is_reset_when_the_port_refuses() -> None:
    async def main() -> None:
        port = Port(socket.socket.close)
        # The event loop has no turn, so the port's server has none.
        with socket.create_connection(("127.0.0.1", port.number)) as dialled:
            dialled.setblocking(False)
            port.refuse()
            with pytest.raises(ConnectionResetError):
                await received(dialled)
        port.close()

    asyncio.run(main())


def test_what_a_server_raises_is_raised_at_the_end_and_no_task_is_left() -> None:
    async def main() -> None:
        served = asyncio.Event()

        async def fail(connected: socket.socket) -> None:
            served.set()
            raise ZeroDivisionError

        async def wait(connected: socket.socket) -> None:
            served.set()
            await asyncio.get_running_loop().create_future()

        async def fails() -> None:
            async with serving(fail) as port:
                with await dial(port.number) as dialled:
                    await served.wait()
                    assert await received(dialled) == b""

        with pytest.raises(ZeroDivisionError):
            await fails()
        served.clear()
        async with serving(wait) as port:
            dialled = await dial(port.number)
            await served.wait()
        with dialled:
            assert await received(dialled) == b""
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_an_error_of_the_block_is_the_blocks() -> None:
    async def main() -> None:
        async def fail(connected: socket.socket) -> None:
            raise ZeroDivisionError

        async def fails() -> None:
            async with serving(fail) as port:
                with await dial(port.number) as dialled:
                    await received(dialled)
                raise KeyError

        with pytest.raises(KeyError):
            await fails()

    asyncio.run(main())


def test_servers_fail_as_they_say() -> None:
    async def main() -> None:
        async with silent_server() as silent, hanging_up_server() as hanging_up:
            with await dial(silent.port) as quiet, await dial(hanging_up.port) as ended:
                assert await received(ended) == b""
                assert len(silent.accepted) == len(hanging_up.accepted) == 1
                with pytest.raises(BlockingIOError):
                    quiet.recv(1)
        async with closed_port() as endpoint:
            with pytest.raises(ConnectionRefusedError):
                await dial(endpoint.port)
        async with blackhole() as endpoint:
            with pytest.raises(TimeoutError):
                await dial(endpoint.port, 0.2)

    asyncio.run(main())


@pytest.mark.fact("F15")
def test_every_alpn_protocol_is_refused_with_its_alert() -> None:
    async def main() -> None:
        context = ssl.create_default_context(cadata=authority().ca_pem.decode())
        context.set_alpn_protocols(["mqtt"])
        async with alpn_refusing_server() as endpoint:
            with pytest.raises(ssl.SSLError, match=r"(?i)no.application.protocol"):
                await asyncio.open_connection(endpoint.host, endpoint.port, ssl=context)
            # Who speaks no TLS is closed.
            with await dial(endpoint.port) as plain:
                await asyncio.get_running_loop().sock_sendall(plain, b"\x10\x00\x00\x00\x00\x00")
                assert await received(plain) == b""

    asyncio.run(main())
