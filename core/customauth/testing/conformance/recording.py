"""What was seen of each failure, for the table of the documentation."""

from __future__ import annotations

import json
import os
from pathlib import Path

from attrs import asdict, frozen

VARIABLE = "CUSTOMAUTH_FAILURE_TABLE"
"""The environment variable that names the file to which the kit adds a line of JSON for each failure that it saw."""


@frozen(kw_only=True)
class Seen:
    """A failure as a user saw it.

    :ivar fault: the name of the row.
    :ivar version: of MQTT, such as ``3.1.1``.
    :ivar transport: ``mqtt`` or ``wss``.
    :ivar error: the class of the error.
    :ivar stage: of a failed attempt, else empty.
    :ivar detail: the reason, code or status, empty where there is none.
    :ivar milliseconds: until the user was told.
    """

    fault: str
    version: str
    transport: str
    backend: str
    error: str
    stage: str
    detail: str
    milliseconds: float


def record(seen: Seen) -> None:
    """Add to the file that the environment names, if it names one."""
    target = os.environ.get(VARIABLE)
    if target:
        # One short write to the end: several processes may run the kit.
        with Path(target).open("a") as file:
            file.write(json.dumps(asdict(seen)) + "\n")
