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

import random
from pathlib import Path
from typing import Any, ClassVar

import gevent
from gevent import Greenlet
from gevent.pool import Group
from locust import LoadTestShape, User, constant_pacing, task
from locust.env import Environment

from customauth.swarm.beside import Fleet, planned
from customauth.swarm.locust_client import REQUEST_TYPE, Client, RequestFailed

__all__ = ["REQUEST_TYPE", "Client", "CustomAuthUser", "FleetShape", "RequestFailed"]


class CustomAuthUser(User):
    """One client. Subclass it, name a scenario, and write tasks; without any, it publishes as the scenario says.

    :cvar scenario: a scenario file (:mod:`customauth.swarm.scenario_file`).
    :cvar beyond_quotas: do more than AWS's documented quotas allow.
    :ivar client: what the tasks use.
    """

    abstract = True
    scenario: ClassVar[str | Path] = "fleet.toml"
    beyond_quotas: ClassVar[bool] = False

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._fleet = Fleet.of(environment, self.scenario, beyond_quotas=self.beyond_quotas)
        self.client: Client = Client(environment, self._fleet, self.on_message)

    @property
    def number(self) -> int:
        """The client's number in the whole fleet, from 0."""
        return self.client.number

    def start(self, group: Group) -> Greenlet[..., Any]:
        """Start the user's life, and give its number back at the end."""
        life = super().start(group)
        keeper = gevent.spawn(self.client.keep)

        def leave() -> None:
            keeper.kill()
            self._fleet.leave(self.client)

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
