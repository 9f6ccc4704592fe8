"""Every fault of the conformance kit's table, and what a user of each backend sees then."""

from __future__ import annotations

import asyncio
import inspect
from typing import ClassVar
from weakref import WeakKeyDictionary

from attrs import define, evolve, field

from customauth import Backend, Feature, MqttVersion, Transport
from customauth.compare.bench import Bench
from customauth.compare.result import Kind
from customauth.compare.scenario import Scenario, Subject, Turn
from customauth.compare.telling import in_words, told
from customauth.testing.conformance.provoking import Told, expected_class, provoke
from customauth.testing.conformance.table import FAILURES, During, Failure
from customauth.testing.conformance.ways import Way

# How many of those that only wait do so at once.
_AT_ONCE = 32
# Seconds for an attempt or a request that nothing but a backend's own silence keeps; the kit has more patience.
_PATIENCE = 3.0

QUICK = frozenset(
    {
        "port-closed",
        "tcp-blackhole",
        "tls-silent",
        "tls-untrusted",
        "tls-alpn-refused",
        "http-proxy-407",
        "upgrade-403",
        "upgrade-silent",
        "closed-before-connack",
        "closed-before-connack-311",
        "connack-lost",
        "connack-malformed",
        "connack-0x87",
        "connack-0x97",
        "connack-311-5",
        "disconnect-0x8E",
        "closed",
        "reset",
        "pingresp-lost",
        "puback-0x87",
        "puback-lost",
        "suback-0x87",
        "suback-311-0x80",
    }
)
"""The most telling rows: all that a quick comparison takes. Further certificates cost awscrt a second each."""


@define(eq=False)
class Together:
    """The rows that only a deadline ends: all of a backend's happen at once, in the first turn of any of them."""

    failures: tuple[Failure, ...]
    _found: WeakKeyDictionary[Bench, dict[tuple[str, bool], dict[tuple[str, Way], Told | BaseException]]] = field(
        factory=WeakKeyDictionary, init=False
    )

    async def told(self, bench: Bench, backend: Backend, failure: Failure, way: Way) -> Told:
        """Return how a failure was told.

        :raises Exception: what a backend raised that is no error of customauth's.
        """
        of_bench = self._found.setdefault(bench, {})
        # A quick comparison takes these alone, so that no second batch of them is waited for.
        few = bench.quick and failure.name in QUICK
        if (backend.name, few) not in of_bench:
            of_bench[backend.name, few] = await self._all(backend, few=few)
        found = of_bench[backend.name, few][failure.name, way]
        if isinstance(found, BaseException):
            raise found
        return found

    async def _all(self, backend: Backend, *, few: bool) -> dict[tuple[str, Way], Told | BaseException]:
        places = asyncio.Semaphore(_AT_ONCE)

        async def one(failure: Failure, way: Way) -> Told:
            async with places:
                return await provoke(backend, failure, way)

        pairs = [
            (failure, way)
            for failure in self.failures
            if failure.name in QUICK or not few
            for way in _ways(failure, backend.features)
        ]
        found = await asyncio.gather(*(one(*pair) for pair in pairs), return_exceptions=True)
        return {(failure.name, way): each for (failure, way), each in zip(pairs, found, strict=True)}


class FaultScenario(Scenario):
    """One row of the table.

    :cvar failure: the row.
    :cvar quick: whether a quick comparison takes it.
    """

    kind = Kind.BEHAVIOUR
    rounds: ClassVar[int | None] = 1
    failure: ClassVar[Failure]
    quick: ClassVar[bool]

    def __init__(self, together: Together) -> None:
        self._together = together

    async def turn(self, bench: Bench, subject: Subject) -> Turn:
        backend, way = bench.backend(subject), Way(subject.version, subject.transport)
        if self.failure.waits:
            found = await self._together.told(bench, backend, self.failure, way)
        else:
            found = await provoke(backend, self.failure, way)
        expected = _expected(self.failure, backend)
        return Turn(behaviour=told(expected, found.error, found.seconds, found.wrong, found.place.endpoint))


def fault_scenarios() -> tuple[Scenario, ...]:
    """Return a scenario for each row of the table, in its order."""
    together = Together(tuple(failure for failure in FAILURES if failure.waits))
    return tuple(_scenario(failure, together) for failure in FAILURES)


def _scenario(row: Failure, together: Together) -> FaultScenario:
    class Fault(FaultScenario):
        name = f"fault/{row.name}"
        title = f"Fault {row.name}"
        description = _description(row)
        failure = evolve(row, timeout=min(row.timeout, _PATIENCE))
        quick = row.name in QUICK
        versions = row.versions
        transports = row.transports
        needs = row.needs

    return Fault(together)


def _description(failure: Failure) -> str:
    fault = (inspect.getdoc(type(failure.fault)) or "").partition("\n\n")[0].replace("\n", " ").removesuffix(".")
    what = "The user makes an attempt to connect"
    if failure.during is During.OPEN:
        what = "The user reads from an open connection"
    elif failure.during is not During.CONNECT:
        what = f"On an open connection the user does this: {failure.during.value}"
    return f"{fault} ({type(failure.fault).__name__}, on a server of its own). {what}."


def _expected(failure: Failure, backend: Backend) -> str:
    whole = in_words(failure.error, stage=failure.stage, retryable=failure.retryable, details=failure.details)
    instead = expected_class(backend, failure)
    if instead is failure.error:
        return whole
    hidden = ", ".join(sorted(feature.value for feature in failure.without.keys() - backend.features))
    least = in_words(instead, stage=failure.stage)
    return f"{least}, since the backend does not declare {hidden}; else {whole}"


def _ways(failure: Failure, features: frozenset[Feature]) -> list[Way]:
    ways = [
        Way(version, transport)
        for version in MqttVersion
        for transport in Transport
        if version in failure.versions and transport in failure.transports
    ]
    return [way for way in ways if way.needs | failure.needs <= features]
