"""Which arms there are: each library, in each version that it speaks, by itself and through ``customauth``."""

from __future__ import annotations

import functools
import importlib.util
from importlib import metadata
from typing import Literal, TypeAlias

from attrs import frozen

import customauth
from customauth import ComparisonClient, Connection, ConnectRequest
from customauth.compare.through import ThroughCustomauth
from customauth.mqtt import MqttVersion
from customauth.plugins import default_manager

from .contract import KEEP_ALIVE, Target, credentials_of, endpoint_of

Arm: TypeAlias = Literal["alone", "customauth"]

ARMS: tuple[Arm, Arm] = ("alone", "customauth")
BACKENDS = ("paho", "gmqtt", "awscrt", "mqttium")
VERSIONS = {"5": MqttVersion.V5, "3.1.1": MqttVersion.V311}

# Seconds for whatever a library by itself waits for.
_LIMIT = 30.0

_NEEDED = {"paho": "paho.mqtt", "gmqtt": "gmqtt", "awscrt": "awscrt", "mqttium": "mqttium"}


@frozen
class Contest:
    """One library in one version of MQTT: what is measured twice."""

    backend: str
    version: str

    def __str__(self) -> str:
        return f"{self.backend}, MQTT {self.version}"

    @property
    def has_a_faster_way(self) -> bool:
        """Whether the library by itself has a faster way to publish than the one that all have."""
        return self.backend != "gmqtt"

    def client(self, arm: Arm, target: Target, client_id: str) -> ComparisonClient:
        """Make a client of one arm, which is not connected yet."""
        request = ConnectRequest(
            endpoint=endpoint_of(target),
            credentials=credentials_of(target),
            client_id=client_id,
            version=VERSIONS[self.version],
            keep_alive=KEEP_ALIVE,
            timeout=_LIMIT,
        )
        if arm == "customauth":
            return ThroughCustomauth(request, functools.partial(self._connect, request))
        alone = default_manager().backend(self.backend).comparison_client(request)
        if alone is None:
            raise LookupError(f"{self.backend} brings no client of its library alone")
        return alone

    async def _connect(self, request: ConnectRequest) -> Connection:
        return await customauth.connect(
            request.endpoint,
            request.credentials,
            backend=self.backend,
            client_id=request.client_id,
            version=request.version,
            keep_alive=request.keep_alive,
        )


def installed() -> list[str]:
    """List the backends whose plug-in and library are installed."""
    plugins = {entry.name for entry in metadata.entry_points(group="customauth.backends")}
    return [name for name in BACKENDS if name in plugins and _is_there(_NEEDED[name])]


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
