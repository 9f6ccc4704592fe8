"""The numbers of Locust's users: each client of a fleet has its own, on whichever worker it is.

Locust says to a worker how many users it is to have, and not which; so the workers ask the master, in messages of
Locust's own. A number that is free again is given out again, so that a fleet of a hundred has the numbers 0 to 99 after
a restart of the test too.

A worker that the master misses keeps its numbers: it may come back with its clients. They are free once the master has
given it up, which Locust does a minute later; a worker that has not heard of the master for a minute quits.
"""

from __future__ import annotations

from typing import Any

import locust
from attrs import define, field
from gevent.event import AsyncResult
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from customauth.swarm.numbers import Numbers

_TAKE, _TAKEN, _BACK = "customauth-number", "customauth-number-taken", "customauth-number-back"
_ANSWERS_WITHIN = 30.0


@define(eq=False)
class NumbersHere:
    """The numbers of a Locust process that runs alone."""

    _numbers: Numbers = field(factory=Numbers, init=False)

    def take(self) -> int:
        """Return the lowest number that is free."""
        return self._numbers.take("")

    def give_back(self, number: int) -> None:
        """Take a number back."""
        self._numbers.give_back("", number)


@define(eq=False)
class NumbersOfMaster:
    """The numbers that a worker gets from the master."""

    _runner: WorkerRunner
    _asked: int = field(default=0, init=False)
    _waiting: dict[int, AsyncResult] = field(factory=dict, init=False)

    def take(self) -> int:
        """Ask for a number.

        :raises gevent.Timeout: the master does not answer. Its locustfile has to be the worker's.
        """
        self._asked += 1
        asked = self._asked
        answer = self._waiting[asked] = AsyncResult()
        try:
            self._runner.send_message(_TAKE, {"asked": asked})
            number: int = answer.get(timeout=_ANSWERS_WITHIN)
        finally:
            del self._waiting[asked]
        return number

    def give_back(self, number: int) -> None:
        """Give a number back."""
        self._runner.send_message(_BACK, {"number": number})

    def taken(self, environment: Environment, msg: Any) -> None:
        """Take the master's answer."""
        number = msg.data["number"]
        answer = self._waiting.get(msg.data["asked"])
        if answer is None:
            # The user that asked was stopped meanwhile.
            self.give_back(number)
        else:
            answer.set(number)


_OF_WORKERS: dict[int, NumbersOfMaster] = {}


def numbers_of(environment: Environment) -> NumbersHere | NumbersOfMaster:
    """Return where this process gets its numbers from."""
    return _OF_WORKERS.get(id(environment.runner)) or NumbersHere()


def _listen(environment: Environment, runner: Any = None, **_: Any) -> None:
    if isinstance(runner, WorkerRunner):
        numbers = _OF_WORKERS[id(runner)] = NumbersOfMaster(runner)
        runner.register_message(_TAKEN, numbers.taken)
    elif isinstance(runner, MasterRunner):
        given = Numbers()

        def take(environment: Environment, msg: Any) -> None:
            given.keep_only(list(runner.clients))
            answer = {**msg.data, "number": given.take(msg.node_id)}
            runner.send_message(_TAKEN, answer, client_id=msg.node_id)

        def back(environment: Environment, msg: Any) -> None:
            given.give_back(msg.node_id, msg.data["number"])

        runner.register_message(_TAKE, take)
        runner.register_message(_BACK, back)


# Locust has no types for its events.
_EVENTS: Any = locust.events
_EVENTS.init.add_listener(_listen)
