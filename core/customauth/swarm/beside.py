"""The process beside a Locust process, which holds its connections, seen from Locust.

:mod:`customauth.swarm.driver` is what runs there.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import json
import signal
import sys
from pathlib import Path
from typing import Any, Protocol
from weakref import WeakKeyDictionary, WeakSet

import gevent
import locust
from attrs import define, field
from gevent import subprocess
from gevent.event import AsyncResult
from gevent.queue import Queue
from locust.env import Environment
from locust.runners import STATE_RUNNING, WorkerRunner

from customauth.errors import EndpointError
from customauth.plugins import PluginManager
from customauth.swarm.locust_limits import Limits
from customauth.swarm.locust_numbers import NumbersHere, NumbersOfMaster, numbers_of
from customauth.swarm.pipes import sized
from customauth.swarm.plan import Plan
from customauth.swarm.quotas import Quotas, check_quotas, is_aws
from customauth.swarm.scenario_file import read_scenario

# How often the clients are looked at until all have begun, in seconds.
_LOOK = 0.1
_ENDED = "the process that holds the connections has ended"


class _Told(Protocol):
    number: int
    begun: bool
    connected: bool

    def lost(self, kind: str, *, cut: bool) -> None: ...

    def on_message(self, topic: str, payload: bytes) -> None: ...


def planned(scenario: str | Path, *, beyond_quotas: bool) -> Plan:
    """Read a scenario file for Locust.

    :raises EndpointError: as :func:`customauth.swarm.read_scenario`, or it is above AWS's quotas.
    :raises CredentialError: credentials that cannot work.
    :raises BackendError: the backend is unknown, or its library is missing.
    """
    plan = read_scenario(Path(scenario)).plan()
    PluginManager().backend(plan.backend)
    if is_aws(plan) and not beyond_quotas:
        try:
            check_quotas(plan, Quotas())
        except EndpointError as error:
            raise EndpointError(f"{error}; in a locustfile that is beyond_quotas = True") from None
    return plan


@define(eq=False)
class Fleet:
    """The clients of one Locust process, and the process that holds their connections."""

    plan: Plan
    limits: Limits
    clients: dict[int, _Told] = field(factory=dict)
    _numbers: NumbersHere | NumbersOfMaster = field(kw_only=True)
    _process: Any = field(default=None, init=False)
    _starting: Any = field(default=None, init=False)
    # Written by one greenlet alone: Locust kills users at any moment, which must not leave half a line.
    _orders: Queue = field(factory=Queue, init=False)
    _answers: dict[int, AsyncResult] = field(factory=dict, init=False)
    _asked: int = field(default=0, init=False)
    _ended: bool = field(default=False, init=False)
    _quitting: bool = field(default=False, init=False)
    _storm: Any = field(default=None, init=False)

    @staticmethod
    def of(environment: Environment, scenario: str | Path, *, beyond_quotas: bool) -> Fleet:
        """Return the fleet of an environment, started when first asked for.

        :raises CustomAuthError: as :func:`planned`.
        :raises RuntimeError: its process does not start.
        """
        fleet = _FLEETS.get(environment)
        if fleet is None:
            plan = planned(scenario, beyond_quotas=beyond_quotas)
            fleet = Fleet(plan, Limits(environment, plan), numbers=numbers_of(environment))
            _FLEETS[environment] = fleet
            _interrupts_end_nothing_else()
            fleet._hear(environment)
            # In a greenlet of its own: Locust kills the one that makes users when the next are to come.
            fleet._starting = gevent.spawn(fleet._start)
        fleet._starting.get()
        return fleet

    def enrol(self, client: _Told) -> None:
        """Give a client a number that no other client of the whole fleet has."""
        client.number = self._numbers.take()
        self.clients[client.number] = client

    def leave(self, client: _Told) -> None:
        """Take back the number of a client."""
        if self.clients.get(client.number) is client:
            del self.clients[client.number]
            self._numbers.give_back(client.number)

    def ask(self, **order: Any) -> dict[str, Any]:
        """Give an order and wait for its answer."""
        self._asked += 1
        asked = self._asked
        if self._ended:
            return self._no_answer()
        answer = self._answers[asked] = AsyncResult()
        self._orders.put(json.dumps({"id": asked, **order}).encode() + b"\n")
        found: dict[str, Any] = answer.get()
        return found

    def _hear(self, environment: Environment) -> None:
        # Before the process is there: Locust does not wait for it to say that all users are.
        # Locust has no types for its events.
        events: Any = environment.events
        events.quitting.add_listener(functools.partial(self._quit, environment.runner))
        if self.plan.storm is not None:
            later = functools.partial(self._storm_later, environment.runner)
            events.spawning_complete.add_listener(later)
            events.test_stop.add_listener(self._no_storm)
            if environment in _TOLD_THAT_ALL_ARE_THERE:
                later()

    def _start(self) -> None:
        self._process = subprocess.Popen(  # our own program, and no shell
            [sys.executable, "-m", "customauth.swarm.driver"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        with contextlib.suppress(OSError):
            self._process.stdin.write(sized(self.plan))
            self._process.stdin.flush()
        # What it has to import is no time of a client's.
        if not self._process.stdout.readline():
            raise RuntimeError("the process that holds the connections did not start; see what it said above")
        gevent.spawn(self._listen)
        gevent.spawn(self._write)

    def _write(self) -> None:
        # When the process has ended, its output tells so.
        with contextlib.suppress(OSError):
            while (line := self._orders.get()) is not None:
                self._process.stdin.write(line)
                self._process.stdin.flush()
            self._process.stdin.close()

    def _listen(self) -> None:
        # A process that is killed may leave half a line.
        while (line := self._process.stdout.readline()).endswith(b"\n"):
            said = json.loads(line)
            client = self.clients.get(said.get("number"))
            if "id" in said:
                # Here, as its loss may already be the next line.
                if said["do"] == "connect" and client is not None:
                    client.connected = said["error"] is None
                self._answers.pop(said["id"]).set(said)
            elif "late" in said:
                self.limits.take(said)
            elif client is None:
                # It was stopped meanwhile.
                continue
            elif "lost" in said:
                client.lost(said["lost"], cut=said["cut"])
            else:
                # What a user does there may wait for an answer, which is read here.
                gevent.spawn(client.on_message, said["topic"], base64.b64decode(said["payload"]))
        self._ended = True
        if not self._quitting:
            self.limits.warn(f"{_ENDED}; see what it said above (exit code {self._process.wait()})")
        for answer in self._answers.values():
            answer.set(self._no_answer())

    def _no_answer(self) -> dict[str, Any]:
        return {"ms": 0.0, "error": _ENDED, "cut": self._quitting}

    def _storm_later(self, runner: Any, **_: Any) -> None:
        # Once in a test: its number of users may be changed while it runs.
        if self._storm is None:
            self._storm = gevent.spawn(self._cut_all, runner)

    def _cut_all(self, runner: Any) -> None:
        storm = self.plan.storm
        assert storm is not None  # noqa: S101 - it is listened for only then
        while isinstance(runner, WorkerRunner) and runner.worker_state != STATE_RUNNING:
            gevent.sleep(_LOOK)
        # For Locust a user is there when it has been made.
        while not all(client.begun for client in self.clients.values()):
            gevent.sleep(_LOOK)
        gevent.sleep(storm.after)
        self.ask(do="cut")

    def _no_storm(self, **_: Any) -> None:
        if self._storm is not None:
            self._storm.kill()
            self._storm = None

    def _quit(self, runner: Any, **_: Any) -> None:
        # After Ctrl-C Locust stops the users only later, when their connections are gone.
        runner.stop()
        self._quitting = True
        self._starting.join()
        self._orders.put(None)
        self._process.wait()


_FLEETS: WeakKeyDictionary[Environment, Fleet] = WeakKeyDictionary()
# The master says so a second after its last order to a worker, who may not have made its first user by then.
_TOLD_THAT_ALL_ARE_THERE: WeakSet[Environment] = WeakSet()


def _interrupt() -> None:
    # As gevent does with one from anywhere, without its traceback.
    gevent.get_hub().handle_system_error(KeyboardInterrupt, KeyboardInterrupt())


def _interrupts_end_nothing_else() -> None:
    """Let Ctrl-C reach Locust from a greenlet of its own, and not end whichever runs, as the one that hears answers."""
    untouched = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    # Signals are for the main thread, and that has the default loop.
    if untouched and gevent.get_hub().loop.default:
        gevent.signal_handler(signal.SIGINT, _interrupt)


def _listen(environment: Environment, **_: Any) -> None:
    # Locust has no types for its events.
    events: Any = environment.events
    events.spawning_complete.add_listener(lambda **_: _TOLD_THAT_ALL_ARE_THERE.add(environment))
    events.test_stop.add_listener(lambda **_: _TOLD_THAT_ALL_ARE_THERE.discard(environment))


_EVENTS: Any = locust.events
_EVENTS.init.add_listener(_listen)
