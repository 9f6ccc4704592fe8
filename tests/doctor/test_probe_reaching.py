"""The probe's way from a name to a TCP connection, each cause staged for real."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
from attrs import evolve

import aloop
import servers
from customauth import Endpoint
from customauth.doctor.finding import Certainty, Outcome
from customauth.doctor.probe import Reached
from customauth.testing.proxies import http_proxy, socks5_proxy
from probing import probed, setup_for


def test_without_an_endpoint_nothing_is_dialled() -> None:
    async def main() -> None:
        seen = await probed(evolve(setup_for(Endpoint(host="localhost")), endpoint=None))
        assert [check.outcome for check in seen.checks] == [Outcome.SKIPPED]
        assert seen.result.connected is None
        assert seen.result.reached is Reached.NOTHING

    asyncio.run(main())


@pytest.mark.fact("A52")
@pytest.mark.fact("G7")
def test_a_name_without_an_address_is_named() -> None:
    async def main() -> None:
        seen = await probed(setup_for(Endpoint(host="nobody.customauth.invalid")))
        assert seen.rules() == ["name-not-resolved"]
        assert seen.check("DNS").outcome is Outcome.STOPPED
        assert seen.finding("name-not-resolved").facts["endpoint"] == "nobody.customauth.invalid"
        assert seen.result.reached is Reached.NOTHING

    asyncio.run(main())


def test_an_address_is_dialled_in_place_of_the_name() -> None:
    async def main() -> None:
        async with servers.scripted_server() as server:
            endpoint = evolve(server.endpoint, address="127.0.0.1", port=8883, address_port=server.port)
            seen = await probed(setup_for(endpoint))
            assert seen.check("DNS").detail == "127.0.0.1 is an address, dialled in place of localhost"
            assert seen.rules() == []
            assert {peer.sni for peer in server.peers if peer.alpn is not None} == {"localhost"}

    asyncio.run(main())


def test_a_closed_port_is_certain() -> None:
    async def main() -> None:
        async with servers.closed_port() as endpoint:
            seen = await probed(setup_for(endpoint))
            assert seen.rules() == ["port-closed"]
            assert seen.findings()[0].certainty is Certainty.CERTAIN
            assert seen.check("TCP over IPv4").outcome is Outcome.STOPPED
            assert seen.check("TCP over IPv4").detail.endswith(f" to 127.0.0.1:{endpoint.port}: Connection refused")
            assert seen.findings()[0].evidence.endswith(f":{endpoint.port} refuses TCP connections")
            assert seen.result.reached is Reached.NAME

    asyncio.run(main())


def test_a_port_that_swallows_is_unreachable() -> None:
    async def main() -> None:
        async with servers.blackhole() as endpoint:
            seen = await probed(setup_for(endpoint, timeout=0.3))
            assert seen.rules() == ["tcp-unreachable"]
            assert "no answer" in seen.check("TCP over IPv4").detail

    asyncio.run(main())


@contextlib.asynccontextmanager
async def both_families() -> AsyncIterator[int]:
    """Give a port at which IPv4 answers and IPv6 does not; on a machine without IPv6 skip the test."""
    try:
        with socket.socket(socket.AF_INET6) as unused:
            unused.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    async with servers.scripted_server() as server:
        yield server.port


def test_a_family_that_fails_is_a_warning_while_the_other_one_works() -> None:
    from customauth.doctor.probe.masking import Masking
    from customauth.doctor.probe.reaching import _families
    from customauth.doctor.probe.result import ProbeResult
    from customauth.doctor.probe.trip import Trip

    async def main() -> None:
        async with both_families() as port:
            setup = setup_for(Endpoint(host="localhost", port=port))
            assert setup.endpoint is not None
            addresses = [
                (family, kind, protocol, address)
                for host in ("::1", "127.0.0.1")
                for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            ]
            trip = Trip(setup, setup.endpoint, ProbeResult(), Masking.of(setup))
            checks = {check.name: check async for check in _families(trip, addresses)}
            assert checks["TCP over IPv4"].outcome is Outcome.PASSED
            assert checks["TCP over IPv4"].detail == f"127.0.0.1:{port} answers"
            assert checks["TCP over IPv6"].outcome is Outcome.WARNED
            assert f"to [::1]:{port}: " in checks["TCP over IPv6"].detail
            assert checks["TCP over IPv6"].findings == ()

    asyncio.run(main())


# Through a proxy


@pytest.mark.parametrize("proxy", [http_proxy, socks5_proxy], ids=["http", "socks5"])
def test_a_proxy_leads_to_a_name_that_only_it_knows(proxy: object) -> None:
    async def main() -> None:
        async with (
            servers.scripted_server(identity=servers.authority().issue("device.example")) as server,
            proxy(names={"device.example": ("127.0.0.1", server.port)}) as between,  # type: ignore[operator]
        ):
            endpoint = Endpoint(host="device.example", ca_pem=server.endpoint.ca_pem, proxy=between.proxy)
            seen = await probed(setup_for(endpoint))
            assert seen.check("proxy").outcome is Outcome.PASSED
            assert "DNS" not in seen.names()
            assert seen.rules() == []
            assert seen.result.connected is True

    asyncio.run(main())


def test_a_proxy_that_wants_a_password_says_so() -> None:
    async def main() -> None:
        async with http_proxy(user=("someone", "proxy password")) as between:
            seen = await probed(setup_for(Endpoint(host="device.example", proxy=between.proxy)))
            assert seen.rules() == ["proxy-authentication"]
            assert seen.result.reached is Reached.NOTHING

    asyncio.run(main())


def test_a_proxy_that_forbids_the_endpoint_says_so() -> None:
    async def main() -> None:
        async with http_proxy(says=b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n") as between:
            seen = await probed(setup_for(Endpoint(host="device.example", proxy=between.proxy)))
            assert seen.rules() == ["proxy-forbids"]

    asyncio.run(main())


def test_a_proxy_that_does_not_reach_the_endpoint_is_the_cause() -> None:
    async def main() -> None:
        async with servers.closed_port() as nobody, http_proxy() as between:
            seen = await probed(setup_for(evolve(nobody, proxy=between.proxy)))
            assert seen.rules() == ["proxy-refused"]
            assert "502" in seen.check("proxy").detail

    asyncio.run(main())


def test_a_proxy_that_is_silent_is_the_cause() -> None:
    async def main() -> None:
        async with socks5_proxy(silent=True) as between:
            seen = await probed(setup_for(Endpoint(host="device.example", proxy=between.proxy), timeout=0.3))
            assert seen.rules() == ["proxy-refused"]

    aloop.run(main())
