"""Which modules a run has imported, and which of them it had no use for. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

_LINE = re.compile(r"^import time:\s+\d+ \|\s+\d+ \| +(\S+)$")

_OF_BACKEND = {
    "paho": ("paho", "customauth_paho"),
    "gmqtt": ("gmqtt", "customauth_gmqtt"),
    "awscrt": ("awscrt", "_awscrt", "awsiot", "customauth_awscrt"),
    "mqttium": ("mqttium", "customauth_mqttium"),
}

# What other commands, other transports and other credentials need.
_OTHERS = (
    "boto3",
    "botocore",
    "cryptography",
    "h11",
    "pytest",
    "python_socks",
    "rich",
    "uvloop",
    "websockets",
    "customauth.authorizer",
    "customauth.compare",
    "customauth.gateway",
    "customauth.keeping",
    "customauth.policy",
    "customauth.sessions",
    "customauth.signing",
    "customauth.sync",
    "customauth.testing",
)


def imported(importtime: str) -> list[str]:
    """Read what ``python -X importtime`` has said on standard error."""
    return sorted({found[1] for line in importtime.splitlines() if (found := _LINE.match(line))})


def unused(modules: Iterable[str], backend: str) -> list[str]:
    """List the modules that one signed connection over plain MQTT through this backend has no use for."""
    foreign = {name for other, names in _OF_BACKEND.items() if other != backend for name in names}
    unwanted = {*foreign, *_OTHERS}
    return [module for module in modules if any(module == name or module.startswith(f"{name}.") for name in unwanted)]
