"""From the endpoint's name to a TCP connection: the addresses, each family for itself, or the proxy."""

from __future__ import annotations

import errno
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Mapping

from customauth.dialing.deadline import Deadline
from customauth.dialing.tcp import Address, connect, resolve
from customauth.doctor.finding import Check, Finding, Outcome
from customauth.doctor.probe.aws_names import is_aws, region_facts
from customauth.doctor.probe.result import Reached
from customauth.doctor.probe.trip import Route, Stopwatch, Trip, certain, check, likely
from customauth.endpoint import DEFAULT_PORT, authority
from customauth.errors import ConnectError, ConnectionRefused, ConnectTimeout, NameNotResolved, ProxyRefused
from customauth.errors import Stage as Step

_FAMILIES = {socket.AF_INET: "IPv4", socket.AF_INET6: "IPv6"}
_MOST_ADDRESSES = 8
# This machine itself has no way there.
_NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})
_PROXY_RULES: Mapping[int | None, str] = {407: "proxy-authentication", 403: "proxy-forbids", 2: "proxy-forbids"}


async def reach(trip: Trip) -> AsyncGenerator[Check, None]:
    """Find the way to the server; ``trip.route`` is set where there is one."""
    if trip.endpoint.proxy is not None:
        yield await _proxy(trip)
        return
    host, port = trip.endpoint.dial_target()
    watch = Stopwatch()
    try:
        async with Deadline(trip.setup.timeout).limit(Step.NAME):
            addresses = await resolve(host, port)
    except (NameNotResolved, ConnectTimeout) as error:
        yield check("DNS", Outcome.STOPPED, str(error), watch, [_unresolved(trip, error)])
        return
    trip.result.reached = Reached.NAME
    shown = ", ".join(_shown(address) for address in addresses[:_MOST_ADDRESSES])
    said = f"{host} is an address" if all(address[3][0] == host for address in addresses) else f"{host} is at {shown}"
    in_place = "" if trip.endpoint.address is None else f", dialled in place of {trip.endpoint.host}"
    yield check("DNS", Outcome.PASSED, f"{said}{in_place}", watch)
    async for made in _families(trip, addresses):
        yield made


async def _families(trip: Trip, addresses: list[Address]) -> AsyncIterator[Check]:
    failed: list[tuple[str, ConnectError, Stopwatch]] = []
    for family, label in _FAMILIES.items():
        those = [address for address in addresses if address[0] == family]
        if not those:
            continue
        watch = Stopwatch()
        try:
            address = await _first_that_answers(those, trip.setup.timeout)
        except ConnectError as error:
            failed.append((label, error, watch))
            continue
        trip.route = trip.route or Route(address=address)
        trip.result.reached = Reached.TCP
        yield check(f"TCP over {label}", Outcome.PASSED, f"{authority(*address[3][:2])} answers", watch)
    for label, problem, watch in failed:
        if trip.route is not None or _no_route(problem):
            yield _other_family(label, problem, watch)
        else:
            findings = [_unreachable(trip, problem), *await _standard_port(trip, addresses)]
            yield check(f"TCP over {label}", Outcome.STOPPED, str(problem), watch, findings)
    if trip.route is None and all(_no_route(problem) for _, problem, _ in failed):
        said = "this machine has no way to any address of the endpoint"
        yield check("TCP", Outcome.STOPPED, said, findings=[certain("tcp-unreachable", said)])


def _other_family(label: str, error: ConnectError, watch: Stopwatch) -> Check:
    if _no_route(error):
        return check(f"TCP over {label}", Outcome.SKIPPED, f"this machine has no {label}", watch)
    said = f"{error}; a device that takes this address does not connect"
    return check(f"TCP over {label}", Outcome.WARNED, said, watch)


async def _first_that_answers(addresses: list[Address], timeout: float) -> Address:
    deadline = Deadline(timeout)
    async with deadline.limit(Step.TCP):
        connected = await connect(addresses, deadline.at)
    peer = connected.getpeername()
    connected.close()
    return next((address for address in addresses if address[3][0] == peer[0]), addresses[0])


def _no_route(error: ConnectError) -> bool:
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in _NO_ROUTE


def _unreachable(trip: Trip, error: ConnectError) -> Finding:
    host, port = trip.endpoint.dial_target()
    facts = {"address": host, "port": str(port)}
    if isinstance(error, ConnectionRefused) and isinstance(error.__cause__, ConnectionRefusedError):
        return certain("port-closed", f"{authority(host, port)} refuses TCP connections", **facts)
    return certain("tcp-unreachable", str(error), **facts)


async def _standard_port(trip: Trip, addresses: list[Address]) -> list[Finding]:
    """Look whether the usual port answers where the given one does not (A39)."""
    if trip.endpoint.port == DEFAULT_PORT or trip.endpoint.address_port is not None or not is_aws(trip.endpoint.host):
        return []
    usual = [
        (family, kind, protocol, (address[0], DEFAULT_PORT, *address[2:]))
        for family, kind, protocol, address in addresses
    ]
    try:
        await _first_that_answers(usual, trip.setup.timeout)
    except ConnectError:
        return []
    return [likely("wrong-port", f"port {trip.endpoint.port} does not answer, and port {DEFAULT_PORT} does")]


def _unresolved(trip: Trip, error: ConnectError) -> Finding:
    facts = {"endpoint": trip.endpoint.dial_target()[0], **region_facts(trip.endpoint.host)}
    cause = error.__cause__
    if isinstance(error, ConnectTimeout) or (isinstance(cause, socket.gaierror) and cause.errno == socket.EAI_AGAIN):
        return likely("name-not-resolved", f"{error}: no DNS server answers for it", **facts)
    return certain("name-not-resolved", str(error), **facts)


async def _proxy(trip: Trip) -> Check:
    proxy = trip.endpoint.proxy
    host, port = trip.endpoint.dial_target()
    watch = Stopwatch()
    try:
        connected = await trip.connect()
    except (ProxyRefused, ConnectTimeout) as error:
        status = error.status if isinstance(error, ProxyRefused) else None
        said = trip.masking.line(str(error))
        finding = certain(_PROXY_RULES.get(status, "proxy-refused"), said, endpoint=host, port=str(port))
        return check("proxy", Outcome.STOPPED, said, watch, [finding])
    connected.close()
    trip.route = Route()
    trip.result.reached = Reached.PROXY
    return check("proxy", Outcome.PASSED, f"{proxy} connects to {authority(host, port)}, whose name it resolves", watch)


def _shown(address: Address) -> str:
    return str(address[3][0])
