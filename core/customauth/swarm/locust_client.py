"""What a user on Locust does: one client of the fleet, whose connection the process beside Locust holds."""

from __future__ import annotations

import base64
import random
import time
from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import Event
from gevent.lock import BoundedSemaphore
from locust.env import Environment

from customauth.backoff import Backoff
from customauth.swarm.beside import Fleet
from customauth.swarm.plan import Plan

REQUEST_TYPE = "MQTT"
"""The type of all events, as that of Locust's own ``MqttUser``."""

_BACKOFF = Backoff()


class RequestFailed(Exception):
    """What Locust counts as a failure; its text is the class of the error with its code, as ``ConnackRefused 0x87``."""


class Client:
    """What a user does; each request fires an event.

    Once it has connected it stays so until :meth:`disconnect`: it comes back when the connection is lost or refused,
    with exponential backoff, connects anew when the scenario's refresh is due, and then subscribes to what it had.

    :ivar plan: the scenario.
    :ivar on_message: called with topic and payload of every message of a subscription, in a greenlet of its own.
    :ivar number: its number in the whole fleet, from 0.
    :ivar connected: whether it has a connection, as far as is known.
    :ivar begun: whether it has made its first attempt.
    """

    number: int

    def __init__(self, environment: Environment, fleet: Fleet, on_message: Callable[[str, bytes], None]) -> None:
        self.plan: Plan = fleet.plan
        self.on_message = on_message
        self.connected: bool = False
        self.begun: bool = False
        self._environment = environment
        self._fleet = fleet
        self._client_id = ""
        self._turn = BoundedSemaphore()
        self._wanted = Event()
        self._change = Event()
        self._failures = 0
        self._not_before = 0.0
        self._began = 0.0
        self._subscriptions: dict[str, int] = {}
        self._enrol()

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
        else:
            # It may be about to connect.
            self._fleet.ask(do="close", number=self.number)

    def lost(self, kind: str, *, cut: bool) -> None:
        """Take the end of the connection.

        :param cut: it was the storm.
        """
        self.connected = False
        wait = self._jitter() if cut else _BACKOFF.delay(0, 0.0)
        self._not_before = max(self._not_before, time.monotonic() + wait)
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
        if not self._wanted.is_set():
            return False
        if not self._has_identity():
            # A lower number may be free by now.
            self._fleet.leave(self)
            self._enrol()
        answer = self._asked("connect", "connect") if self._has_identity() else self._nobody()
        self.begun = True
        self._began = time.monotonic()
        accepted = answer["error"] is None
        if accepted:
            self._failures, wait = 0, _BACKOFF.spacing
        elif answer.get("cut"):
            wait = self._jitter()
        else:
            self._failures, wait = self._failures + 1, _BACKOFF.delay(self._failures, 0.0)
        self.connected = self.connected and accepted
        self._not_before = max(self._not_before, self._began + wait)
        self._change.set()
        if self.connected:
            for topic, qos in list(self._subscriptions.items()):
                self._subscribe(topic, qos)
        return accepted

    def _jitter(self) -> float:
        storm = self.plan.storm
        return 0.0 if storm is None else random.uniform(0.0, storm.jitter)  # noqa: S311

    def _enrol(self) -> None:
        self._fleet.enrol(self)
        if self._has_identity():
            self._client_id = self.plan.identities.client_id_of(self.number)

    def _has_identity(self) -> bool:
        known = self.plan.identities.count
        return known is None or self.number < known

    def _nobody(self) -> dict[str, Any]:
        known = self.plan.identities.count
        self._fleet.limits.warn(
            f"There are {known} identities, and more users want one; give as many users (-u {known}). Those of a "
            "worker that the master misses are free again when it gives the worker up"
        )
        self._fire("connect", 0.0, 0, RequestFailed("NoIdentityLeft"))
        return {"error": "NoIdentityLeft"}

    def _subscribe(self, topic: str, qos: int) -> bool:
        return self._do("subscribe", f"subscribe:{qos}:{topic}", topic=self._filled(topic), qos=qos)

    def _filled(self, topic: str) -> str:
        return topic.replace("{client_id}", self._client_id).replace("{n}", str(self.number))

    def _do(self, do: str, name: str, length: int = 0, **order: Any) -> bool:
        return self._asked(do, name, length, **order)["error"] is None

    def _asked(self, do: str, name: str, length: int = 0, **order: Any) -> dict[str, Any]:
        answer = self._fleet.ask(do=do, number=self.number, **order)
        # What the storm has interrupted, or we ourselves, is no failure of the endpoint's.
        if not answer.get("cut"):
            failure = None if answer["error"] is None else RequestFailed(answer["error"])
            self._fire(name, answer["ms"], length, failure)
        return answer

    def _fire(self, name: str, milliseconds: float, length: int, failure: Exception | None) -> None:
        if failure is not None:
            self._fleet.limits.failed(str(failure))
        # Locust has no types for its events.
        events: Any = self._environment.events
        events.request.fire(
            request_type=REQUEST_TYPE,
            name=name,
            response_time=milliseconds,
            response_length=length,
            exception=failure,
            context={"client_id": self._client_id},
        )
