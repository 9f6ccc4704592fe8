"""The WebSocket as the device opens it, and where that fails in other ways (A23, A30, F6, F7)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from attrs import evolve

from customauth.doctor.finding import Check, Finding, Outcome
from customauth.doctor.probe.result import Reached
from customauth.doctor.probe.tls import Failure, Offer
from customauth.doctor.probe.trip import Stopwatch, Trip, certain, check, likely
from customauth.doctor.probe.websocket import NoWebSocket, WebSocketPipe, open_websocket
from customauth.endpoint import DEFAULT_PATH, DEFAULT_PORT, authority
from customauth.errors import CredentialError

NAME = "WebSocket"
WITHOUT_ALPN = f"{NAME} without ALPN"
AT_MQTT = f"{NAME} at {DEFAULT_PATH}"


async def open_and_close(trip: Trip) -> AsyncGenerator[Check, None]:
    """Open the device's WebSocket and close it; ``trip.result.reached`` says whether it came about."""
    own = Offer(alpn=trip.setup.alpn)
    watch = Stopwatch()
    try:
        opened = await _open(trip, own, trip.endpoint.path)
    except CredentialError as error:
        yield check(NAME, Outcome.STOPPED, str(error), watch, [certain("upgrade-rejected", str(error))])
        return
    if isinstance(opened, WebSocketPipe):
        trip.result.upgrade_status = opened.answer.status
        trip.result.reached = Reached.UPGRADE
        await opened.close()
        yield check(NAME, Outcome.PASSED, f"opened at {trip.endpoint.path}, subprotocol mqtt", watch)
        return
    seconds = watch.seconds()
    trip.result.upgrade_status = None if opened.answer is None else opened.answer.status
    beside = [each async for each in _beside(trip, own, opened)]
    made = check(NAME, Outcome.STOPPED, opened.said, None, _meaning(trip, opened, beside))
    yield evolve(made, seconds=seconds)
    for other, _ in beside:
        yield other


async def _beside(
    trip: Trip, own: Offer, failed: NoWebSocket
) -> AsyncIterator[tuple[Check, WebSocketPipe | NoWebSocket]]:
    """Try the right path in place of another, and no ALPN where the answer was no HTTP."""
    if trip.endpoint.path != DEFAULT_PATH:
        yield await _other(trip, AT_MQTT, own, DEFAULT_PATH)
    if own.alpn and failed.answer is None:
        yield await _other(trip, WITHOUT_ALPN, evolve(own, alpn=()), trip.endpoint.path)


async def _other(trip: Trip, name: str, offer: Offer, path: str) -> tuple[Check, WebSocketPipe | NoWebSocket]:
    watch = Stopwatch()
    opened = await _open(trip, offer, path)
    if isinstance(opened, WebSocketPipe):
        seen = check(name, Outcome.PASSED, f"works: status {opened.answer.status}, subprotocol mqtt", watch)
        await opened.close()
    else:
        seen = check(name, Outcome.PASSED, f"fails: {opened.said}", watch)
    return seen, opened


async def _open(trip: Trip, offer: Offer, path: str) -> WebSocketPipe | NoWebSocket:
    below = await trip.shake(offer)
    if isinstance(below, Failure):
        return NoWebSocket(said=f"no TLS connection: {below.said}")
    return await open_websocket(trip, below, path)


def _meaning(trip: Trip, failed: NoWebSocket, beside: list[tuple[Check, WebSocketPipe | NoWebSocket]]) -> list[Finding]:
    path = trip.endpoint.path
    by_name = {made.name: opened for made, opened in beside}
    right = by_name.get(AT_MQTT)
    host, port = trip.endpoint.host, trip.endpoint.port
    facts = {"path": path, "endpoint": host if port == DEFAULT_PORT else authority(host, port)}
    if isinstance(right, WebSocketPipe):
        said = f"at {path} the server answers {failed.brief}, at {DEFAULT_PATH} it opens a WebSocket"
        return [certain("websocket-path", said, **facts)]
    if isinstance(by_name.get(WITHOUT_ALPN), WebSocketPipe):
        offered = ", ".join(trip.setup.alpn)
        said = f"with the ALPN {offered} there is no answer to HTTP, without ALPN the WebSocket opens"
        return [certain("alpn-wrong", said, alpn=offered)]
    found: list[Finding] = []
    status = None if failed.answer is None else failed.answer.status
    if isinstance(right, NoWebSocket) and right.answer is not None and right.answer.status != status:
        said = f"at {path} the server answers {failed.brief}, at {DEFAULT_PATH} {right.brief}"
        found.append(likely("websocket-path", said, **facts))
        status = right.answer.status
    if status == 403:
        found.append(likely("upgrade-forbidden", failed.said if right is None else right.said, **facts))
    elif status is not None and (status >= 500 or status in (408, 429)):
        found.append(likely("upgrade-rejected", failed.said, **facts))
    else:
        found.append(certain("upgrade-rejected", failed.said, **facts))
    return found
