"""The dialer before and around TLS: names, addresses, the settings of TLS, the deadline, and what is imported."""

from __future__ import annotations

import asyncio
import gc
import os
import ssl
import subprocess
import sys
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from attrs import evolve

import servers
import tlsrooms
from customauth import ConnectionRefused, ConnectTimeout, DialError, Endpoint, EndpointError, NameNotResolved, Stage
from customauth.dialing import Deadline, dial, probe_tls, tls_context
from customauth.endpoint import Transport
from listeners import LIMIT, Listener, loops, run

# Names and addresses


def test_an_ip_address_needs_no_resolver() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with servers.scripted_server() as server:
            # The resolver works in a thread of the loop's own pool, which is closed here.
            await loop.shutdown_default_executor()
            transport, listener = await dial(Listener, evolve(server.endpoint, address="127.0.0.1"), LIMIT)
            transport.abort()
            await listener.ended()
            with pytest.raises(RuntimeError):
                await dial(Listener, server.endpoint, LIMIT)

    run(main())


@loops
def test_a_name_without_an_address_is_told(loop: str) -> None:
    async def main() -> None:
        with pytest.raises(NameNotResolved, match="has no address") as caught:
            await dial(Listener, Endpoint(host=".".join(["a" * 60] * 5)), LIMIT)
        assert caught.value.stage is Stage.NAME
        assert caught.value.__cause__ is not None

    run(main(), loop)


@loops
def test_a_closed_port_is_told(loop: str) -> None:
    async def main() -> None:
        async with servers.closed_port() as endpoint:
            with pytest.raises(ConnectionRefused) as caught:
                await dial(Listener, endpoint, LIMIT)
            assert str(caught.value) == f"no TCP connection to 127.0.0.1:{endpoint.port}: Connection refused"
        assert caught.value.stage is Stage.TCP
        assert isinstance(caught.value.__cause__, ConnectionRefusedError)

    run(main(), loop)


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of open files is lowered to what /proc shows")
def test_a_process_that_may_open_no_more_files_is_told_so() -> None:
    import resource

    async def main() -> None:
        async with servers.closed_port() as endpoint:
            with pytest.raises(ConnectionRefused):
                await dial(Listener, endpoint, LIMIT)
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            highest = max(int(name) for name in os.listdir("/proc/self/fd"))
            # Those in between that are free, too, so that the next one would be beyond the limit.
            plugs = [os.dup(0)]
            while plugs[-1] < highest:
                plugs.append(os.dup(0))
            resource.setrlimit(resource.RLIMIT_NOFILE, (plugs[-1] + 1, hard))
            try:
                with pytest.raises(ConnectionRefused, match="Too many open files"):
                    await dial(Listener, endpoint, LIMIT)
                # A name is looked up in files: with none, that ends it before there is any socket.
                with pytest.raises(DialError) as unnamed:
                    await dial(Listener, evolve(endpoint, host="localhost"), LIMIT)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
                for plug in plugs:
                    os.close(plug)
            assert unnamed.value.stage is Stage.NAME

    run(main())


def test_a_probe_says_nothing() -> None:
    async def main() -> None:
        async with servers.scripted_server() as server:
            await probe_tls(server.endpoint, LIMIT)
            async with asyncio.timeout(LIMIT):
                await server.peers[0].ended.wait()
            assert server.peers[0].received == b""

    run(main())


# The deadline and cancellation


@asynccontextmanager
async def silent() -> AsyncIterator[Endpoint]:
    async with servers.silent_server() as server:
        yield server.endpoint


HANGING: dict[str, tuple[Callable[[], AbstractAsyncContextManager[Endpoint]], Stage]] = {
    "tcp": (servers.blackhole, Stage.TCP),
    "tls": (silent, Stage.TLS),
}


@loops
@pytest.mark.parametrize(("server", "stage"), HANGING.values(), ids=HANGING.keys())
def test_the_deadline_names_the_stage(
    server: Callable[[], AbstractAsyncContextManager[Endpoint]], stage: Stage, loop: str
) -> None:
    async def main() -> None:
        async with server() as endpoint:
            with pytest.raises(ConnectTimeout) as caught:
                await dial(Listener, endpoint, 0.3)
        assert caught.value.stage is stage
        assert caught.value.__cause__ is not None

    run(main(), loop)


@loops
@pytest.mark.parametrize("turns", [*range(12), *range(12, 100, 8)])
def test_dialling_can_be_cancelled_at_any_turn_of_the_loop(turns: int, loop: str) -> None:
    async def main() -> None:
        complaints: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        async with servers.scripted_server() as server:
            dialling = asyncio.create_task(dial(Listener, evolve(server.endpoint, address="127.0.0.1"), LIMIT))
            for _ in range(turns):
                await asyncio.sleep(0)
            dialling.cancel()
            try:
                transport, listener = await dialling
            except asyncio.CancelledError:
                pass
            else:
                transport.abort()
                await listener.ended()
        assert complaints == []

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(main(), loop)
        gc.collect()


def test_a_deadline_ends_only_what_is_too_late() -> None:
    async def main() -> None:
        deadline = Deadline(0.05)
        async with deadline.limit(Stage.NAME):
            pass
        with pytest.raises(TimeoutError, match="its own"):
            async with deadline.limit(Stage.NAME):
                raise TimeoutError("its own")
        with pytest.raises(ConnectTimeout, match=r"no answer within 0\.05 s, waiting for proxy"):
            async with deadline.limit(Stage.PROXY):
                await asyncio.Event().wait()

    run(main())


# The settings of TLS


def test_the_settings_of_tls_are_made_once() -> None:
    endpoint = Endpoint(host="localhost", ca_pem=servers.authority().ca_pem)
    made = tls_context(endpoint)
    assert tls_context(evolve(endpoint, host="other", port=8443)) is made
    assert tls_context(evolve(endpoint, ca_pem=servers.stranger_ca_pem())) is not made
    assert tls_context(evolve(endpoint, transport=Transport.WSS)) is not made
    assert tls_context(evolve(endpoint, client_certificate=tlsrooms.client_certificate("device"))) is not made


@pytest.mark.fact("A49")
def test_the_settings_of_tls_are_safe() -> None:
    context = tls_context(Endpoint(host="localhost"))
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_a_damaged_ca_is_refused() -> None:
    damaged = b"-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n"
    with pytest.raises(EndpointError, match="the CA's certificate is damaged"):
        tls_context(Endpoint(host="localhost", ca_pem=damaged))


def test_a_client_certificate_with_another_key_is_refused() -> None:
    endpoint = Endpoint(host="localhost", client_certificate=tlsrooms.client_certificate("device", usable=False))
    with pytest.raises(EndpointError, match=r"the client certificate cannot be used.*belong together"):
        tls_context(endpoint)


# What is imported

PROGRAM = """
import asyncio, sys
from customauth.dialing import dial
from customauth.endpoint import Endpoint

async def main():
    with open(sys.argv[2], "rb") as file:
        ca_pem = file.read()
    endpoint = Endpoint(host="localhost", address="127.0.0.1", port=int(sys.argv[1]), ca_pem=ca_pem)
    transport, _ = await dial(asyncio.Protocol, endpoint, 20)
    transport.abort()

asyncio.run(main())
print(*[name for name in ("websockets", "h11", "python_socks", "customauth.gateway") if name in sys.modules])
"""


def test_a_plain_connection_imports_no_library(tmp_path_factory: pytest.TempPathFactory) -> None:
    ca_file = tmp_path_factory.mktemp("ca") / "ca.pem"

    async def main() -> str:
        async with tlsrooms.room() as room:
            ca_file.write_bytes(room.endpoint.ca_pem or b"")
            arguments = [sys.executable, "-c", PROGRAM, str(room.endpoint.port), str(ca_file)]
            run = await asyncio.to_thread(subprocess.run, arguments, capture_output=True, text=True, check=False)
            assert run.returncode == 0, run.stderr
            return run.stdout

    assert run(main()).strip() == ""
