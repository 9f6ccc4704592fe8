"""Backends and scenarios that are brought by a plug-in, for tests of the comparison. Import as ``made_scenarios``.

::

    plugins(*scenarios) -> PluginManager    with the backends "raw" and "other", without those that are installed
    await report(plan) -> Report            run a plan to its end
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterable
from typing import ClassVar, TypeAlias

from customauth import Backend, MqttVersion, PluginManager, Transport, hookimpl
from customauth.compare import Bench, Kind, Measure, Plan, Report, Scenario, Subject, Turn, run
from rawbackend import RawBackend

Take: TypeAlias = Callable[[Bench, Subject], Awaitable[Turn]]


class OtherBackend(RawBackend):
    name: ClassVar[str] = "other"


class Made(Scenario):
    """Does what it is given, over MQTT 5 alone."""

    name = "made"
    title = "Made"
    description = "What a test does."
    kind = Kind.SPEED
    measures = (Measure(name="made", title="made", unit="count"),)
    versions = (MqttVersion.V5,)
    transports = (Transport.MQTT,)

    def __init__(self, take: Take) -> None:
        self._take = take

    async def turn(self, bench: Bench, subject: Subject) -> Turn:
        return await self._take(bench, subject)


class Plugin:
    """A plug-in that brings a backend and scenarios."""

    def __init__(self, backend: Backend, scenarios: Iterable[object] = ()) -> None:
        self._backend = backend
        self._scenarios = scenarios

    @hookimpl
    def customauth_backend(self) -> Backend:
        return self._backend

    @hookimpl
    def customauth_comparison_scenarios(self) -> Iterable[object]:
        return self._scenarios


def plugins(*scenarios: object) -> PluginManager:
    manager = PluginManager(discover=False)
    manager.register(Plugin(RawBackend(), scenarios))
    manager.register(Plugin(OtherBackend()))
    return manager


async def report(plan: Plan) -> Report:
    last = None
    async with contextlib.aclosing(run(plan)) as steps:
        async for step in steps:
            last = step.report
    assert last is not None
    return last
