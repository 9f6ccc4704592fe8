"""What limits a fleet on Locust, told where Locust's users look.

In the log of the process as soon as it is seen, and again when the test stops, as Locust does with its own processor
time; in the master's log, too, with the name of the worker. In the statistics the line ``SWARM``, ``event loop late``
has how late the event loop beside Locust was; it is no request, so it is not in ``Aggregated``.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping
from typing import Any

import locust
from attrs import define, evolve, field
from locust.env import Environment
from locust.runners import MasterRunner

from customauth.swarm.limits import Pressure, limiting, out_of_files, own_share
from customauth.swarm.plan import Plan
from customauth.swarm.tally import Tally, Timed

LATE_TYPE, LATE_NAME = "SWARM", "event loop late"
"""The line of the statistics."""

_LOG = logging.getLogger(__name__)
# In the reports of Locust's workers.
_REPORTED = "customauth-limits"
# In parts so long it is looked at what limits, in seconds, as Locust does with its processor time.
_PART = 10.0


@define(eq=False)
class _Span:
    """A part of a test, or all of it: what was seen since it began."""

    plan: Plan
    processor_before: float | None = None
    began: float = field(factory=time.monotonic)
    tally: Tally = field(factory=Tally)
    pressure: Pressure = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.pressure = Pressure(self.plan)

    def take(self, said: Mapping[str, Any]) -> None:
        if self.processor_before is None:
            self.processor_before = said["processor"]
        self.tally.processor = said["processor"] - self.processor_before
        self.tally.files = said["files"]
        for milliseconds in said["late"]:
            self.tally.time(Timed.LATE, milliseconds / 1000)
        self.pressure.look(self.elapsed(), self.tally)

    def elapsed(self) -> float:
        return time.monotonic() - self.began

    def limiting(self) -> list[str]:
        pressure = self.pressure
        return limiting(
            self.tally,
            self.elapsed(),
            pressure.busy(),
            self.plan,
            own_full=pressure.own_full,
            busy_full=pressure.busy_full,
        )


@define(eq=False)
class Limits:
    """What limits the clients of one Locust process."""

    _environment: Environment
    _plan: Plan
    _whole: _Span = field(init=False)
    _part: _Span = field(init=False)
    _told: dict[str, str] = field(factory=dict, init=False)
    _running: bool = field(default=True, init=False)

    def __attrs_post_init__(self) -> None:
        # The scenario's processes are the command's.
        self._plan = evolve(self._plan, processes=1)
        self._begin()
        # Locust has no types for its events.
        events: Any = self._environment.events
        events.test_start.add_listener(self._begin)
        events.test_stop.add_listener(self._over)
        events.report_to_master.add_listener(self._report)

    def take(self, said: Mapping[str, Any]) -> None:
        """Take how the process beside Locust is doing, which it says every second."""
        if not self._running:
            return
        late = self._environment.stats.get(LATE_NAME, LATE_TYPE)
        for milliseconds in said["late"]:
            late.log(milliseconds, 0)
        for span in (self._whole, self._part):
            span.take(said)
        if self._part.elapsed() >= _PART:
            for sentence in self._part.limiting():
                self.warn(sentence)
            self._part = _Span(self._plan, processor_before=said["processor"])

    def failed(self, kind: str) -> None:
        """Take the class of an error."""
        for span in (self._whole, self._part):
            span.tally.errors[kind] += 1
        if (files := out_of_files(self._whole.tally)) is not None:
            self.warn(files)

    def warn(self, sentence: str) -> None:
        """Log what limits, each kind once in a test."""
        if _kind(sentence) not in self._told:
            self._told[_kind(sentence)] = sentence
            _LOG.warning("Limited by: %s", sentence)

    def _begin(self, **_: Any) -> None:
        self._whole, self._part = _Span(self._plan), _Span(self._plan)
        self._told.clear()
        self._running = True

    def _over(self, **_: Any) -> None:
        self._running = False
        whole = self._whole
        late = whole.tally.times[Timed.LATE].percentile(0.99)
        if late is None:
            return
        _LOG.info(
            "The process that holds the connections used %.0f %% of the processor time it could have, and its event "
            "loop was late by %.0f ms (p99).",
            own_share(whole.tally, whole.elapsed(), self._plan) * 100,
            late * 1000,
        )
        of_all = {_kind(sentence): sentence for sentence in whole.limiting()}
        for sentence in (self._told | of_all).values():
            _LOG.warning("Limited by: %s", sentence)

    def _report(self, data: dict[str, Any], **_: Any) -> None:
        data[_REPORTED] = list(self._told.values()) if self._running else []


def _kind(sentence: str) -> str:
    return re.sub(r"\d+", "", sentence)


def _listen(environment: Environment, runner: Any = None, **_: Any) -> None:
    if not isinstance(runner, MasterRunner):
        return
    told: dict[tuple[str, str], str] = {}

    def take(client_id: str, data: Mapping[str, Any], **_: Any) -> None:
        for sentence in data.get(_REPORTED, ()):
            kind = (client_id, _kind(sentence))
            if kind not in told:
                told[kind] = sentence
                _LOG.warning("Worker %s is limited by: %s", client_id, sentence)

    def over(**_: Any) -> None:
        for (client_id, _kind), sentence in told.items():
            _LOG.warning("Worker %s was limited during the test by: %s", client_id, sentence)
        told.clear()

    # Locust has no types for its events.
    events: Any = environment.events
    events.worker_report.add_listener(take)
    events.test_stop.add_listener(over)


_EVENTS: Any = locust.events
_EVENTS.init.add_listener(_listen)
