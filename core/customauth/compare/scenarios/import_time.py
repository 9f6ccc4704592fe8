"""What importing costs before the first connect."""

from __future__ import annotations

import re
from typing import ClassVar

from customauth import MqttVersion, Transport
from customauth.compare.bench import Bench
from customauth.compare.children import child
from customauth.compare.result import Kind, Measure
from customauth.compare.scenario import Scenario, Subject, Turn

_LINE = re.compile(r"^import time:\s+(\d+) \|\s+\d+ \| +(\S+)$", re.MULTILINE)
# The last that the interpreter imports by itself.
_START = "site"


class ImportTime(Scenario):
    """Connect once in a fresh process, and count what was imported."""

    name = "import"
    title = "Import"
    description = (
        "The time of all imports that one connect in a fresh process takes, asyncio, customauth and the library "
        "included, as python -X importtime counts it; and how many modules they are."
    )
    kind = Kind.SPEED
    measures: ClassVar[tuple[Measure, ...]] = (
        Measure(name="import", title="import", unit="ms"),
        Measure(name="modules", title="modules", unit="count"),
    )
    fresh = True
    versions: ClassVar[tuple[MqttVersion, ...]] = (MqttVersion.V5,)
    transports: ClassVar[tuple[Transport, ...]] = (Transport.MQTT,)

    async def turn(self, bench: Bench, subject: Subject) -> Turn:
        options = bench.options(subject)
        # The process has plug-ins of its own.
        del options["plugins"]
        order = (bench.endpoint(subject), bench.credentials, options)
        _, told = await child("first_connect", subject, order, "-X", "importtime")
        imported = [(name, int(microseconds)) for microseconds, name in _LINE.findall(told)]
        names = [name for name, _ in imported]
        ours = imported[names.index(_START) + 1 :]
        return Turn(measurements={"import": (sum(each for _, each in ours) / 1000,), "modules": (float(len(ours)),)})
