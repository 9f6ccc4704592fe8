"""The runner: every scenario, on every version, through every backend, in turns so that noise falls on all alike."""

from __future__ import annotations

import functools
import time
from collections.abc import AsyncIterator

from attrs import field, frozen

from customauth import (
    BackendError,
    ConnectError,
    CustomAuth,
    Endpoint,
    MqttVersion,
    PluginManager,
    connect,
)
from customauth.compare.result import Cell, Outcome
from customauth.compare.scenarios import SCENARIOS, Scenario


@frozen(kw_only=True)
class Plan:
    """What is compared.

    :ivar rounds: attempts for each cell; the median is reported.
    :ivar timeout: seconds for one attempt.
    """

    endpoint: Endpoint
    credentials: CustomAuth
    backends: tuple[str, ...]
    versions: tuple[MqttVersion, ...] = (MqttVersion.V5, MqttVersion.V311)
    scenarios: tuple[Scenario, ...] = SCENARIOS
    rounds: int = 3
    timeout: float = 10.0
    plugins: PluginManager = field(factory=PluginManager)

    @property
    def attempts(self) -> int:
        """How many attempts the whole plan makes at most, the unmeasured first ones included."""
        return len(self.backends) * (len(self.versions) * len(self.scenarios) * self.rounds + 1)


@frozen(kw_only=True)
class _Attempt:
    outcome: Outcome
    milliseconds: float = 0.0
    error: Exception | None = None


async def run(plan: Plan) -> AsyncIterator[tuple[int, Cell | None]]:
    """Run the plan. Yields how many attempts have been made, with a finished cell or None in between."""
    made = 0
    for backend in plan.backends:
        # The first attempt pays for importing the library and for starting the authorizer's process.
        await _attempt(plan, plan.credentials, backend, plan.versions[0])
        made += 1
        yield made, None
    for scenario in plan.scenarios:
        shown = scenario.credentials(plan.credentials)
        for version in plan.versions:
            attempts: dict[str, list[_Attempt]] = {backend: [] for backend in plan.backends}
            for _ in range(plan.rounds if shown else 0):
                for backend in plan.backends:
                    attempts[backend].append(await _attempt(plan, shown or plan.credentials, backend, version))
                    made += 1
                    yield made, None
            for backend in plan.backends:
                yield made, _cell(scenario, backend, version, attempts[backend])


async def _attempt(plan: Plan, credentials: CustomAuth, backend: str, version: MqttVersion) -> _Attempt:
    started = time.perf_counter()
    try:
        connection = await connect(
            plan.endpoint, credentials, backend=backend, version=version, timeout=plan.timeout, plugins=plan.plugins
        )
    except BackendError as error:
        return _Attempt(outcome=Outcome.NOT_RUN, error=error)
    except ConnectError as error:
        return _Attempt(outcome=Outcome.FAILED, milliseconds=_since(started), error=error)
    took = _since(started)
    await connection.aclose()
    return _Attempt(outcome=Outcome.CONNECTED, milliseconds=took)


def _cell(scenario: Scenario, backend: str, version: MqttVersion, attempts: list[_Attempt]) -> Cell:
    """Sum up the attempts of a cell; the first that did not end as expected speaks for all."""
    cell = functools.partial(Cell, scenario=scenario.name, backend=backend, version=version.label)
    if not attempts:
        return cell(outcome=Outcome.NOT_RUN, reason="it needs a signed token")
    unexpected = [attempt for attempt in attempts if not _as_expected(scenario, attempt)]
    shown = (unexpected or attempts)[0]
    if shown.outcome is Outcome.NOT_RUN:
        return cell(outcome=Outcome.NOT_RUN, error=type(shown.error).__name__, reason=str(shown.error))
    return cell(
        outcome=shown.outcome,
        as_expected=not unexpected,
        error=type(shown.error).__name__ if shown.error else None,
        reason=str(shown.error) if shown.error else None,
        milliseconds=tuple(round(attempt.milliseconds, 2) for attempt in attempts),
    )


def _as_expected(scenario: Scenario, attempt: _Attempt) -> bool:
    if attempt.error is None:
        return not scenario.expected
    return isinstance(attempt.error, scenario.expected)


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
