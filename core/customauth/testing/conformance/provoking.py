"""Letting a failure of the table happen to a backend, and saying what is wrong with how it was told: no pytest."""

from __future__ import annotations

import asyncio

from attrs import frozen

from customauth import Backend, ConnectError, Connection, CustomAuthError, Disconnected
from customauth.testing.conformance.staging import ECHO, Place, staged
from customauth.testing.conformance.table import During, Failure
from customauth.testing.conformance.ways import GRACE, LIMIT, Way, open_connection


@frozen(kw_only=True)
class Told:
    """How a failure was told.

    :ivar error: None when nothing was told, or not in time; ``wrong`` says which.
    :ivar seconds: until it was.
    :ivar wrong: a sentence for everything that is not as the table says.
    :ivar place: where it happened; it is gone.
    """

    error: CustomAuthError | None
    seconds: float
    wrong: tuple[str, ...]
    place: Place


async def provoke(backend: Backend, failure: Failure, way: Way, *, limit: float = LIMIT) -> Told:
    """Set a failure on stage, do what the user does then, and compare what is told with the table.

    :param limit: seconds after which something has not come that must come.
    """
    async with staged(failure.fault) as place:
        error, took, wrong = await _happens(backend, failure, place, way, limit)
    if error is not None:
        wrong += _differences(backend, failure, error)
        if isinstance(error, ConnectError):
            wrong += _attempt_differences(backend, failure, error, place, way)
    return Told(error=error, seconds=took, wrong=tuple(wrong), place=place)


def expected_class(backend: Backend, failure: Failure) -> type[CustomAuthError]:
    """Return the class of the error that a user of a backend sees, with what it declares."""
    for feature, instead in failure.without.items():
        if feature not in backend.features:
            return instead
    return failure.error


async def _happens(
    backend: Backend, failure: Failure, place: Place, way: Way, limit: float
) -> tuple[CustomAuthError | None, float, list[str]]:
    """Do what the user does; return the error, how long it took, and what went wrong beside it."""
    loop = asyncio.get_running_loop()
    connection: Connection | None = None
    wrong: list[str] = []
    started = loop.time()
    try:
        if failure.during is During.CONNECT:
            async with asyncio.timeout(failure.timeout + GRACE):
                connection = await open_connection(backend, place.endpoint, way, timeout=failure.timeout)
            return None, 0.0, ["the attempt succeeded"]
        connection = await open_connection(
            backend, place.endpoint, way, timeout=limit / 2, keep_alive=failure.keep_alive
        )
        started = loop.time()
        async with asyncio.timeout(failure.timeout + GRACE):
            await _act(connection, failure)
        wrong.append("nothing failed")
    except CustomAuthError as error:
        took = loop.time() - started
        if connection is not None:
            wrong += await _aftermath(connection, failure, error, limit)
        return error, took, wrong
    except TimeoutError:
        wrong.append(f"it was not told within {failure.timeout:g} s and {GRACE:g} s of grace")
    finally:
        if connection is not None:
            await connection.aclose()
    return None, 0.0, wrong


async def _act(connection: Connection, failure: Failure) -> None:
    match failure.during:
        case During.PUBLISH:
            await connection.publish("conformance/a", b"x", qos=1, timeout=failure.timeout)
        case During.SUBSCRIBE:
            async with connection.subscribe("conformance/a", timeout=failure.timeout):
                pass
        case During.UNSUBSCRIBE:
            await connection.unsubscribe("conformance/a", timeout=failure.timeout)
        case _:
            async with connection.subscribe(ECHO) as messages:
                await connection.publish(ECHO, b"this sets it off")
                # An echo may come first.
                async for _ in messages:
                    pass


async def _aftermath(connection: Connection, failure: Failure, error: CustomAuthError, limit: float) -> list[str]:
    """Check the connection itself: ended in the same way, or going on after a refusal."""
    if failure.during is not During.OPEN:
        if connection.closed is not None:
            return [f"the connection ended: {connection.closed}"]
        await connection.publish("conformance/after", qos=1, timeout=limit / 2)
        return []
    try:
        async with asyncio.timeout(GRACE):
            ending = await connection.wait_closed()
    except TimeoutError:
        return [f"{type(error).__name__} was told, but the connection did not end within {GRACE:g} s"]
    wrong = [
        f"closed has {name} {getattr(ending, name)!r}, and the iteration raised {getattr(error, name)!r}"
        for name in ("reason_code", "reason_string", "by_server")
        if getattr(ending, name) != getattr(error, name, None)
    ]
    try:
        await connection.publish("conformance/after", qos=1)
    except Disconnected:
        return wrong
    return [*wrong, "a publish after the end did not raise Disconnected"]


def _differences(backend: Backend, failure: Failure, error: CustomAuthError) -> list[str]:
    expected = expected_class(backend, failure)
    if type(error) is not expected:
        return [f"the class is {type(error).__name__} ({error}; cause {error.__cause__!r}), not {expected.__name__}"]
    wrong = []
    if expected is failure.error:
        wrong = [
            f"{name} is {getattr(error, name)!r}, not {value!r}"
            for name, value in failure.details.items()
            if getattr(error, name) != value
        ]
    if failure.cause and error.__cause__ is None:
        wrong.append("__cause__ is None; raise the error from the exception of the library or the operating system")
    if not error.hint:
        wrong.append("there is no hint")
    return wrong


def _attempt_differences(backend: Backend, failure: Failure, error: ConnectError, place: Place, way: Way) -> list[str]:
    wanted: dict[str, object] = {
        "backend": backend.name,
        "endpoint": str(way.to(place.endpoint)),
        "stage": failure.stage,
    }
    if expected_class(backend, failure) is failure.error:
        wanted["retryable"] = failure.retryable
    return [
        f"{name} is {getattr(error, name)!r}, not {value!r} ({error!r})"
        for name, value in wanted.items()
        if getattr(error, name) != value
    ]
