"""What every part of the kit stands on: ways to connect, running a test's coroutine, and what it may leave behind."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any, ClassVar, TypeVar

import pytest
from attrs import frozen

from customauth import Backend, Connection, Feature, MqttVersion, UnsupportedFeature
from customauth.testing.conformance.ways import (
    ALL_WAYS,
    ANYBODY,
    DEADLINE,
    GRACE,
    LIMIT,
    Way,
    open_connection,
)

# A part of the kit takes all of these from here.
__all__ = [
    "ALL_WAYS",
    "ANYBODY",
    "DEADLINE",
    "GRACE",
    "LIMIT",
    "PATIENCE",
    "Held",
    "Kit",
    "Way",
    "each_version",
    "every_way",
    "is_refused",
    "nothing_is_left",
    "open_connection",
    "run",
    "settled",
    "with_mqtt5",
]

PATIENCE = 10.0
"""Seconds within which what was ended must be gone."""

# How often is looked whether something has happened that nobody tells, in seconds.
_LOOK = 0.01
# The operating system's threads of a library come and go; one for each of 50 connections would be a leak.
_THREADS = 10

T = TypeVar("T")


every_way: pytest.MarkDecorator = pytest.mark.parametrize("way", ALL_WAYS, ids=str)
"""Run a test with both versions, over TLS and over a WebSocket."""

each_version: pytest.MarkDecorator = pytest.mark.parametrize(
    "way", [Way(version) for version in MqttVersion], ids=lambda way: way.version.label
)
"""Run a test with both versions over TLS."""

with_mqtt5: pytest.MarkDecorator = pytest.mark.parametrize("way", [Way(MqttVersion.V5)], ids=["5"])
"""Run a test with MQTT 5 over TLS."""


class Kit:
    """The fixtures and what a backend's author may say.

    :cvar deviations: what is known not to work, and why: the name of a test (``test_the_will_is_sent``, or with its
        brackets where not all of them fail), or of a failure as in the table (``connack-malformed``, or
        ``connack-malformed-3.1.1`` for one version), and a sentence. The kit then expects it to fail, and complains
        once it does not.
    """

    deviations: ClassVar[Mapping[str, str]] = {}

    @pytest.fixture
    def backend(self) -> Backend:
        """Give the backend to be tested; this is what is to be overridden."""
        raise NotImplementedError("override the fixture `backend` and let it return an instance of your Backend")

    @pytest.fixture(autouse=True)
    def _skipped_or_expected_to_fail(self, request: pytest.FixtureRequest, backend: Backend) -> None:
        """Skip what the backend does not declare, and mark what it is known not to do."""
        parameters = getattr(getattr(request.node, "callspec", None), "params", {})
        way = parameters.get("way")
        if way is not None and not way.needs <= backend.features:
            lacking = ", ".join(sorted(feature.value for feature in way.needs - backend.features))
            pytest.skip(f"backend {backend.name} does not declare {lacking}")
        names = {request.node.originalname, request.node.name, *_row_names(parameters)}
        for name in names & self.deviations.keys():
            request.applymarker(pytest.mark.xfail(reason=self.deviations[name], strict=True))

    def test_every_deviation_names_a_test_or_a_failure(self) -> None:
        from customauth.testing.conformance.table import FAILURES

        rows = {failure.name for failure in FAILURES}
        rows |= {f"{name}-{version.label}" for name in rows for version in MqttVersion}
        unknown = [name for name in self.deviations if name not in rows and not hasattr(self, name.partition("[")[0])]
        assert unknown == [], "these deviations name nothing; mend the spelling, or take them out"


def _row_names(parameters: Mapping[str, Any]) -> Iterator[str]:
    failure = parameters.get("failure")
    if failure is not None:
        yield failure.name
        for version in parameters["versions"]:
            yield f"{failure.name}-{version.label}"


def run(main: Coroutine[Any, Any, T], limit: float = LIMIT) -> T:
    """Run a test's coroutine on an event loop of its own, and see to it that it leaves no task and no complaint.

    :param limit: seconds that it may take.
    """
    complaints: list[dict[str, Any]] = []

    async def watched() -> T:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        own = asyncio.current_task()
        async with asyncio.timeout(limit):
            result = await main
        await settled(lambda: asyncio.all_tasks() == {own}, "tasks are left")
        return result

    result = asyncio.run(watched())
    assert not complaints, f"the event loop was told of an exception that nobody took: {complaints}"
    return result


async def settled(condition: Callable[[], bool], otherwise: str) -> None:
    """Wait until something is so that nobody tells.

    :param otherwise: what is wrong when it does not come to be so.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE
    while not condition():
        assert loop.time() < end, f"{otherwise}: {[str(task.get_coro()) for task in asyncio.all_tasks()]}"
        await asyncio.sleep(_LOOK)


async def is_refused(attempt: Coroutine[Any, Any, Connection], feature: Feature) -> None:
    """Check that an attempt that needs an undeclared feature is refused, with the feature's name."""
    with pytest.raises(UnsupportedFeature, match=feature.value):
        await (await attempt).aclose()


@frozen(order=False)
class Held:
    """What a process holds."""

    tasks: int
    python_threads: int
    threads: int
    files: int

    @classmethod
    def now(cls) -> Held:
        """Count."""
        gc.collect()
        # asyncio resolves names on a small pool of threads that it keeps and fills as it likes.
        threads = [thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")]
        native = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 0
        return cls(len(asyncio.all_tasks()), len(threads), native, len(os.listdir("/dev/fd")))

    def is_no_more_than(self, before: Held) -> bool:
        """Say whether nothing was added."""
        return (
            self.tasks <= before.tasks
            and self.python_threads <= before.python_threads
            and self.threads < before.threads + _THREADS
            and self.files <= before.files
        )


async def nothing_is_left(before: Held) -> None:
    """Wait until no more is held than before.

    What the last close left to the next turn of the loop, or to a library's own thread, may take a moment.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE
    while not (now := Held.now()).is_no_more_than(before):
        assert loop.time() < end, f"{now} is held after {before}"
        await asyncio.sleep(_LOOK * 5)
