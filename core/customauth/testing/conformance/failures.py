"""The failure table, run: what a user sees is the same on every backend, against real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from attrs import evolve

from customauth import Backend, ConnectError, CustomAuthError, MqttVersion
from customauth.testing.conformance.kit import LIMIT, Kit, Way, each_version, open_connection, run
from customauth.testing.conformance.provoking import provoke
from customauth.testing.conformance.recording import Seen, record
from customauth.testing.conformance.staging import staged
from customauth.testing.conformance.table import FAILURES, Failure
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
    told = await provoke(backend, failure, way, limit=LIMIT)
    if told.error is not None:
        record(_seen(backend, failure, way, told.error, told.seconds))
    return [f"{way}: {line}" for line in told.wrong]


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
