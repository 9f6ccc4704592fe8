"""Scenarios that another process can find. Import as ``elsewhere_scenarios``.

::

    Number()      measures the number of the process that its turn is in
    Again()       does the same, and works a little
    Session()     measures the number of the session of processes that its turn is in
    Dying()       ends that process
    Hanging()     never ends
    Refusing()    cannot be done
    Breaking()    raises an error that quotes a secret
"""

from __future__ import annotations

import asyncio
import os
import time

from customauth import MqttVersion, Transport
from customauth.compare import Bench, Kind, Measure, NotApplicable, Scenario, Subject, Turn


class _Elsewhere(Scenario):
    title = "Elsewhere"
    description = "What a test does in another process."
    kind = Kind.SPEED
    measures = (Measure(name="number", title="number", unit="count"),)
    versions = (MqttVersion.V5,)
    transports = (Transport.MQTT,)
    raw = True


class Number(_Elsewhere):
    name = "number"

    async def turn(self, bench: Bench, subject: Subject) -> Turn:
        print("what a library prints is no answer")  # noqa: T201
        return Turn(measurements={"number": (float(os.getpid()),)})


class Again(_Elsewhere):
    name = "again"

    async def turn(self, bench: Bench, subject: Subject) -> Turn:
        began = time.process_time()
        while time.process_time() - began < 0.02:
            sum(range(1000))
        return Turn(measurements={"number": (float(os.getpid()),)})


class Session(_Elsewhere):
    name = "session"

    async def turn(self, bench: Bench, subject: Subject) -> Turn:
        return Turn(measurements={"number": (float(os.getsid(0)),)})


class Dying(_Elsewhere):
    name = "dying"

    async def turn(self, bench: Bench, subject: Subject) -> Turn:
        os._exit(3)


class Hanging(_Elsewhere):
    name = "hanging"
    limit = 0.5

    async def turn(self, bench: Bench, subject: Subject) -> Turn:
        await asyncio.Event().wait()
        raise AssertionError


class Refusing(_Elsewhere):
    name = "refusing"

    async def turn(self, bench: Bench, subject: Subject) -> Turn:
        raise NotApplicable("it has no wheels")


class Breaking(_Elsewhere):
    name = "breaking"

    async def turn(self, bench: Bench, subject: Subject) -> Turn:
        raise ValueError(f"it broke with {bench.credentials.mqtt_username()}")
