"""The failure table, run: what a user sees is the same on every backend, against real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from attrs import evolve

from customauth import (
    Backend,
    ConnectError,
    Connection,
    CustomAuthError,
    Disconnected,
    MqttVersion,
)
from customauth.testing.conformance.kit import (
    GRACE,
    LIMIT,
    Kit,
    Way,
    each_version,
    open_connection,
    run,
)
from customauth.testing.conformance.recording import Seen, record
from customauth.testing.conformance.staging import ECHO, Place, staged
from customauth.testing.conformance.table import FAILURES, During, Failure
from customauth.testing.faults import CloseBeforeConnack


def _cases() -> Iterator[Any]:
    """Give each row with each of its versions, but those that only a deadline ends with both at once."""
    for failure in FAILURES:
        if failure.waits:
            yield pytest.param(failure, failure.versions, id=failure.name)
        else:
            for version in failure.versions:
                yield pytest.param(failure, (version,), id=f"{failure.name}-{version.label}")


class FailuresConformance(Kit):
    """Every way in which an attempt, a request or a connection fails."""

    @pytest.mark.parametrize(("failure", "versions"), list(_cases()))
    def test_a_failure_is_told_as_the_table_says(
        self, backend: Backend, failure: Failure, versions: tuple[MqttVersion, ...]
    ) -> None:
        ways = [Way(version, transport) for version in versions for transport in failure.transports]
        able = [way for way in ways if way.needs | failure.needs <= backend.features]
        if not able:
            pytest.skip(f"backend {backend.name} does not declare what this needs")

        async def scenario() -> list[str]:
            found = await asyncio.gather(*(_see(backend, failure, way) for way in able))
            return [line for lines in found for line in lines]

        wrong = run(scenario())
        assert not wrong, "\n".join(wrong)

    @each_version
    def test_a_refusal_at_an_address_says_to_connect_by_name(self, backend: Backend, way: Way) -> None:
        # A47

        async def scenario() -> str:
            async with staged(CloseBeforeConnack()) as place:
                with pytest.raises(ConnectError) as caught:
                    await open_connection(backend, evolve(place.endpoint, host="127.0.0.1"), way)
                return caught.value.hint

        assert "--address" in run(scenario())

    @each_version
    def test_only_a_silent_end_on_mqtt_311_is_taken_for_a_refusal(self, backend: Backend, way: Way) -> None:
        # F3

        async def scenario() -> str:
            async with staged(CloseBeforeConnack()) as place:
                with pytest.raises(ConnectError) as caught:
                    await open_connection(backend, place.endpoint, way)
                return caught.value.hint

        assert ("3.1.1" in run(scenario())) is (way.version is MqttVersion.V311)


async def _see(backend: Backend, failure: Failure, way: Way) -> list[str]:
    """Let a failure happen, and say what is wrong with how it was told."""
    async with staged(failure.fault) as place:
        error, took, wrong = await _provoke(backend, failure, place, way)
    if error is not None:
        record(_seen(backend, failure, way, error, took))
        wrong += _differences(backend, failure, error)
        if isinstance(error, ConnectError):
            wrong += _attempt_differences(backend, failure, error, place, way)
    return [f"{way}: {line}" for line in wrong]


async def _provoke(
    backend: Backend, failure: Failure, place: Place, way: Way
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
            backend, place.endpoint, way, timeout=LIMIT / 2, keep_alive=failure.keep_alive
        )
        started = loop.time()
        async with asyncio.timeout(failure.timeout + GRACE):
            await _act(connection, failure)
        wrong.append("nothing failed")
    except CustomAuthError as error:
        took = loop.time() - started
        if connection is not None:
            wrong += await _aftermath(connection, failure, error)
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


async def _aftermath(connection: Connection, failure: Failure, error: CustomAuthError) -> list[str]:
    """Check the connection itself: ended in the same way, or going on after a refusal."""
    if failure.during is not During.OPEN:
        if connection.closed is not None:
            return [f"the connection ended: {connection.closed}"]
        await connection.publish("conformance/after", qos=1, timeout=LIMIT / 2)
        return []
    ending = await connection.wait_closed()
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


def _expected_class(backend: Backend, failure: Failure) -> type[CustomAuthError]:
    for feature, instead in failure.without.items():
        if feature not in backend.features:
            return instead
    return failure.error


def _differences(backend: Backend, failure: Failure, error: CustomAuthError) -> list[str]:
    expected = _expected_class(backend, failure)
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
    if _expected_class(backend, failure) is failure.error:
        wanted["retryable"] = failure.retryable
    return [
        f"{name} is {getattr(error, name)!r}, not {value!r} ({error!r})"
        for name, value in wanted.items()
        if getattr(error, name) != value
    ]


def _seen(backend: Backend, failure: Failure, way: Way, error: CustomAuthError, took: float) -> Seen:
    return Seen(
        fault=failure.name,
        version=way.version.label,
        transport=way.transport.value,
        backend=backend.name,
        error=type(error).__name__,
        stage=error.stage.value if isinstance(error, ConnectError) else "",
        detail=detail_of(error),
        milliseconds=round(took * 1000, 1),
    )


def detail_of(error: CustomAuthError) -> str:
    """Return what an error carries beside its class, in a word: a code, a status, the reason of TLS."""
    code = getattr(error, "reason_code", None)
    if code is not None:
        return f"0x{code:02X}" if code >= 0x80 else str(code)
    reason = getattr(error, "reason", None)
    if reason is not None:
        return str(reason.name)
    status = getattr(error, "status", None)
    return "" if status is None else str(status)
