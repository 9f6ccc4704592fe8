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
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import gevent
from gevent import Greenlet
from gevent.event import Event
from gevent.lock import BoundedSemaphore
from gevent.pool import Group
from locust import LoadTestShape, User, constant_pacing, task
from locust.env import Environment

from customauth.backoff import Backoff
from customauth.swarm.beside import Fleet, planned
from customauth.swarm.plan import Plan

REQUEST_TYPE = "MQTT"
"""The type of all events, as that of Locust's own ``MqttUser``."""

_BACKOFF = Backoff()


class RequestFailed(Exception):
    """What Locust counts as a failure; its text is the class of the error with its code, as ``ConnackRefused 0x87``."""


class CustomAuthUser(User):
    """One client. Subclass it, name a scenario, and write tasks; without any, it publishes as the scenario says.

    :cvar scenario: a scenario file (:mod:`customauth.swarm.scenario_file`).
    :cvar beyond_quotas: do more than AWS's documented quotas allow.
    :ivar client: what the tasks use.
    :ivar number: the client's number in the whole fleet, from 0.
    """

    abstract = True
    scenario: ClassVar[str | Path] = "fleet.toml"
    beyond_quotas: ClassVar[bool] = False

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._fleet = Fleet.of(environment, self.scenario, beyond_quotas=self.beyond_quotas)
        self.number: int = self._fleet.take_number()
        self.client: Client = Client(environment, self._fleet, self.number, self.on_message)

    def start(self, group: Group) -> Greenlet[..., Any]:
        """Start the user's life, and give its number back at the end."""
        life = super().start(group)
        keeper = gevent.spawn(self.client.keep)

        def leave() -> None:
            keeper.kill()
            self._fleet.give_back(self.number)

        # Where links are called nothing may wait.
        life.link(lambda _: gevent.spawn(leave))
        return life

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
    """What a user does; each request fires an event.

    Once it has connected it stays so until :meth:`disconnect`: it comes back when the connection is lost or refused,
    with exponential backoff, connects anew when the scenario's refresh is due, and then subscribes to what it had.

    :ivar plan: the scenario.
    :ivar on_message: called with topic and payload of every message of a subscription, in a greenlet of its own.
    :ivar connected: whether it has a connection, as far as is known.
    :ivar begun: whether it has made its first attempt.
    """

    def __init__(
        self, environment: Environment, fleet: Fleet, number: int, on_message: Callable[[str, bytes], None]
    ) -> None:
        self.plan: Plan = fleet.plan
        self.on_message = on_message
        self.connected: bool = False
        self.begun: bool = False
        self._environment = environment
        self._fleet = fleet
        self._number = number
        self._client_id = fleet.plan.identities.client_id_of(number)
        self._turn = BoundedSemaphore()
        self._wanted = Event()
        self._change = Event()
        self._failures = 0
        self._not_before = 0.0
        self._began = 0.0
        self._subscriptions: dict[str, int] = {}
        fleet.clients[number] = self

    def connect(self) -> bool:
        """Connect, with fresh credentials; say whether it was accepted."""
        self._wanted.set()
        with self._turn:
            return self._connect()

    def keep(self) -> None:
        """See to it that the client comes back and refreshes, for as long as it is wanted."""
        while True:
            self._wanted.wait()
            self._change.clear()
            if self._due():
                self._ready()
            else:
                self._change.wait(None if self.plan.refresh is None else self._refresh_at() - time.monotonic())

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
        granted = self._ready() and self._subscribe(topic, qos)
        if granted:
            self._subscriptions[topic] = qos
        return granted

    def disconnect(self) -> None:
        """Disconnect, and stay so until the next :meth:`connect` or request."""
        self._wanted.clear()
        self._change.set()
        self._subscriptions.clear()
        if self.connected:
            self.connected = False
            self._do("close", "disconnect")

    def lost(self, kind: str, *, cut: bool) -> None:
        """Take the end of the connection.

        :param cut: it was the storm.
        """
        self.connected = False
        storm = self.plan.storm
        jitter = random.uniform(0.0, storm.jitter) if cut and storm is not None else _BACKOFF.delay(0, 0.0)  # noqa: S311
        self._not_before = max(self._not_before, time.monotonic() + jitter)
        self._change.set()
        if not cut:
            self._fire("disconnect", 0.0, 0, RequestFailed(kind))

    def _ready(self) -> bool:
        # The user's tasks and the keeper may both want to connect.
        self._wanted.set()
        with self._turn:
            return not self._due() or self._connect()

    def _due(self) -> bool:
        return not self.connected or time.monotonic() >= self._refresh_at()

    def _refresh_at(self) -> float:
        return float("inf") if self.plan.refresh is None else self._began + self.plan.refresh

    def _connect(self) -> bool:
        while (delay := self._not_before - time.monotonic()) > 0:
            gevent.sleep(delay)
        self.connected = self._do("connect", "connect")
        self.begun = True
        self._began = time.monotonic()
        self._failures = 0 if self.connected else self._failures + 1
        wait = _BACKOFF.spacing if self.connected else _BACKOFF.delay(self._failures - 1, 0.0)
        self._not_before = self._began + wait
        self._change.set()
        if self.connected:
            for topic, qos in list(self._subscriptions.items()):
                self._subscribe(topic, qos)
        return self.connected

    def _subscribe(self, topic: str, qos: int) -> bool:
        return self._do("subscribe", f"subscribe:{qos}:{topic}", topic=self._filled(topic), qos=qos)

    def _filled(self, topic: str) -> str:
        return topic.replace("{client_id}", self._client_id).replace("{n}", str(self._number))

    def _do(self, do: str, name: str, length: int = 0, **order: Any) -> bool:
        answer = self._fleet.ask(do=do, number=self._number, **order)
        if do != "connect" and answer.get("cut"):
            # The storm has interrupted it, which is no failure of the endpoint's.
            return False
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
    :cvar beyond_quotas: do more than AWS's documented quotas allow.
    """

    abstract = True
    scenario: ClassVar[str | Path] = "fleet.toml"
    beyond_quotas: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self._plan = planned(self.scenario, beyond_quotas=self.beyond_quotas)
        self._ends_at = float("inf")

    def tick(self) -> tuple[int, float] | None:
        """Return how many users there are to be, and how fast they come; None once they have stayed long enough."""
        plan = self._plan
        now = self.get_run_time()
        if self._ends_at == float("inf") and self.get_current_user_count() >= plan.clients:
            self._ends_at = now + plan.duration
        return None if now > self._ends_at else (plan.clients, plan.rate)
