"""A fleet on Locust, for more clients than one machine holds: users whose connections customauth makes and signs.

::

    from locust import task
    from customauth.swarm.locust import CustomAuthUser, FleetShape

    class Device(CustomAuthUser):
        scenario = "fleet.toml"

        @task
        def tell(self):
            self.client.publish("sample/{client_id}", b"21.5", qos=1)

    class Shape(FleetShape):
        scenario = "fleet.toml"

Locust runs on gevent, and the libraries do not; so each Locust process has a process beside it that holds the
connections (:mod:`customauth.swarm.driver`). Events are named as those of Locust's own ``MqttUser``: type ``MQTT``,
``connect``, ``disconnect``, ``publish:1:TOPIC``, ``subscribe:0:FILTER``; a topic stands there as it was written, with
``{client_id}``, so that ten thousand clients are one line of the statistics.

Needs the extra ``locust``.
"""

from __future__ import annotations

import base64
import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import gevent
from attrs import define, field
from gevent import subprocess
from gevent.event import AsyncResult
from gevent.lock import BoundedSemaphore
from locust import LoadTestShape, User, constant_pacing, task
from locust.env import Environment

from customauth.swarm.pipes import sized
from customauth.swarm.plan import Plan
from customauth.swarm.scenario_file import read_scenario

REQUEST_TYPE = "MQTT"
"""The type of all events, as that of Locust's own ``MqttUser``."""

# A worker's clients begin at a multiple of this, unless the scenario says how many processes there are.
_BLOCK = 100_000
# AWS takes one CONNECT a second for a client id (E9).
_SPACING = 1.0


class RequestFailed(Exception):
    """What Locust counts as a failure; its text is the class of the error with its code, as ``ConnackRefused 0x87``."""


class CustomAuthUser(User):
    """One client. Subclass it, name a scenario, and write tasks; without any, it publishes as the scenario says.

    :cvar scenario: a scenario file (:mod:`customauth.swarm.scenario_file`).
    :ivar client: what the tasks use.
    :ivar number: the client's number in the whole fleet, from 0.
    """

    abstract = True
    scenario: ClassVar[str | Path] = "fleet.toml"

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        fleet = _Fleet.of(environment, Path(self.scenario))
        self.number = fleet.next_number()
        self.client = Client(environment, fleet, self.number, self.on_message)

    def wait_time(self) -> float:
        """Wait as long as the scenario says between two publishes."""
        publishing = self.client.plan.publishing
        return constant_pacing(1.0 if publishing is None else publishing.every)(self)

    def on_start(self) -> None:
        """Connect, and wait a random part of the time between two publishes, so that not all publish together."""
        self.client.connect()
        publishing = self.client.plan.publishing
        if publishing is not None:
            gevent.sleep(random.uniform(0.0, publishing.every))  # noqa: S311

    def on_stop(self) -> None:
        """Disconnect."""
        self.client.disconnect()

    def on_message(self, topic: str, payload: bytes) -> None:
        """Called for every message of a subscription."""

    @task
    def publish_as_planned(self) -> None:
        """Publish once, if the scenario says that clients publish."""
        publishing = self.client.plan.publishing
        if publishing is not None:
            self.client.publish(publishing.topic, bytes(publishing.size), qos=publishing.qos)


class Client:
    """What a user does; each request fires an event. A client that has lost its connection connects first.

    :ivar plan: the scenario.
    :ivar on_message: called with topic and payload of every message of a subscription.
    :ivar connected: whether it has a connection, as far as is known.
    """

    def __init__(
        self, environment: Environment, fleet: _Fleet, number: int, on_message: Callable[[str, bytes], None]
    ) -> None:
        self.plan = fleet.plan
        self.on_message = on_message
        self.connected = False
        self._environment = environment
        self._fleet = fleet
        self._number = number
        self._client_id = fleet.plan.identities.client_id_of(number)
        self._turn = BoundedSemaphore()
        self._not_before = 0.0
        self._began = 0.0
        fleet.clients[number] = self

    def connect(self) -> bool:
        """Connect, with fresh credentials; say whether it was accepted."""
        delay = self._not_before - time.monotonic()
        if delay > 0:
            gevent.sleep(delay)
        self.connected = self._do("connect", "connect")
        self._began = time.monotonic()
        self._not_before = self._began + _SPACING
        return self.connected

    def publish(self, topic: str, payload: bytes, qos: int = 0) -> bool:
        """Publish; ``{client_id}`` and ``{n}`` in the topic are the client's own. Say whether it was taken."""
        return self._ready() and self._do(
            "publish",
            f"publish:{qos}:{topic}",
            len(payload),
            topic=self._filled(topic),
            payload=base64.b64encode(payload).decode("ascii"),
            qos=qos,
        )

    def subscribe(self, topic: str, qos: int = 0) -> bool:
        """Subscribe; say whether it was granted."""
        return self._ready() and self._do("subscribe", f"subscribe:{qos}:{topic}", topic=self._filled(topic), qos=qos)

    def disconnect(self) -> None:
        """Disconnect."""
        if self.connected:
            self.connected = False
            self._do("close", "disconnect")

    def lost(self, kind: str) -> None:
        """Take the end of the connection that nobody here wanted."""
        self.connected = False
        if self._fleet.storming:
            jitter = 0.0 if self.plan.storm is None else self.plan.storm.jitter
            self._not_before = time.monotonic() + random.uniform(0.0, jitter)  # noqa: S311
            gevent.spawn(self._ready)
            return
        self._fire("disconnect", 0.0, 0, RequestFailed(kind))

    def _ready(self) -> bool:
        # The task of a user and the return from a storm may both want to connect.
        with self._turn:
            due = self.plan.refresh is not None and time.monotonic() - self._began >= self.plan.refresh
            return (self.connected and not due) or self.connect()

    def _filled(self, topic: str) -> str:
        return topic.replace("{client_id}", self._client_id).replace("{n}", str(self._number))

    def _do(self, do: str, name: str, length: int = 0, **order: Any) -> bool:
        answer = self._fleet.ask(do=do, number=self._number, **order)
        failure = None if answer["error"] is None else RequestFailed(answer["error"])
        self._fire(name, answer["ms"], length, failure)
        return failure is None

    def _fire(self, name: str, milliseconds: float, length: int, failure: Exception | None) -> None:
        self._environment.events.request.fire(
            request_type=REQUEST_TYPE,
            name=name,
            response_time=milliseconds,
            response_length=length,
            exception=failure,
            context={"client_id": self._client_id},
        )


class FleetShape(LoadTestShape):
    """As many users, as fast and for as long as the scenario says; subclass it and name the scenario.

    :cvar scenario: a scenario file (:mod:`customauth.swarm.scenario_file`).
    """

    abstract = True
    scenario: ClassVar[str | Path] = "fleet.toml"

    def tick(self) -> tuple[int, float] | None:
        """Return how many users there are to be, and how fast they come."""
        plan = read_scenario(Path(self.scenario)).plan()
        if self.get_run_time() > plan.clients / plan.rate + plan.duration:
            return None
        return plan.clients, plan.rate


@define(eq=False)
class _Fleet:
    """The clients of one Locust process, and the process that holds their connections.

    :ivar storming: whether connections are being cut by us.
    """

    plan: Plan
    first: int
    step: int
    clients: dict[int, Client] = field(factory=dict)
    storming: bool = False
    _process: Any = field(default=None, init=False)
    _answers: dict[int, AsyncResult] = field(factory=dict, init=False)
    _asked: int = field(default=0, init=False)
    _numbers: int = field(default=0, init=False)

    @staticmethod
    def of(environment: Environment, scenario: Path) -> _Fleet:
        """Return the fleet of an environment, started when first asked for."""
        fleet = _FLEETS.get(environment)
        if fleet is None:
            plan = read_scenario(scenario).plan()
            index = max(getattr(environment.runner, "worker_index", -1), 0)
            shared = read_scenario(scenario).processes
            first, step = (index, shared) if shared else (index * _BLOCK, 1)
            fleet = _FLEETS[environment] = _Fleet(plan=plan, first=first, step=step)
            fleet.start(environment)
        return fleet

    def start(self, environment: Environment) -> None:
        """Start the process beside this one."""
        self._process = subprocess.Popen(  # our own program, and no shell
            [sys.executable, "-m", "customauth.swarm.driver"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._process.stdin.write(sized(self.plan))
        self._process.stdin.flush()
        # What it has to import is no time of a client's.
        self._process.stdout.readline()
        gevent.spawn(self._listen)
        environment.events.quitting.add_listener(self._quit)
        if self.plan.storm is not None:
            environment.events.spawning_complete.add_listener(self._storm_later)

    def next_number(self) -> int:
        """Return the number of the next client of this process."""
        number = self.first + self._numbers * self.step
        self._numbers += 1
        return number

    def ask(self, **order: Any) -> dict[str, Any]:
        """Give an order and wait for its answer."""
        self._asked += 1
        answer = self._answers[self._asked] = AsyncResult()
        self._process.stdin.write(json.dumps({"id": self._asked, **order}).encode() + b"\n")
        self._process.stdin.flush()
        found: dict[str, Any] = answer.get()
        return found

    def _listen(self) -> None:
        while line := self._process.stdout.readline():
            said = json.loads(line)
            if "id" in said:
                self._answers.pop(said["id"]).set(said)
            elif "lost" in said:
                self.clients[said["number"]].lost(said["lost"])
            else:
                self.clients[said["number"]].on_message(said["topic"], base64.b64decode(said["payload"]))
        for answer in self._answers.values():
            answer.set({"ms": 0.0, "error": "the process that holds the connections has ended"})

    def _storm_later(self, **_: Any) -> None:
        storm = self.plan.storm
        assert storm is not None  # noqa: S101 - it is listened for only then
        gevent.spawn_later(storm.after, self._storm)

    def _storm(self) -> None:
        self.storming = True
        self.ask(do="cut")
        gevent.sleep(_SPACING)
        self.storming = False

    def _quit(self, **_: Any) -> None:
        self._process.stdin.close()
        self._process.wait()


_FLEETS: WeakKeyDictionary[Environment, _Fleet] = WeakKeyDictionary()
