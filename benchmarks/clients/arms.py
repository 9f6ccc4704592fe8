"""Which arms there are: each library, in each version that it speaks, by itself and through ``customauth``."""

from __future__ import annotations

import importlib.util
from importlib import metadata
from typing import Literal, TypeAlias

from attrs import frozen

from customauth.mqtt import MqttVersion

from .contract import Client, Target

Arm: TypeAlias = Literal["alone", "customauth"]

ARMS: tuple[Arm, Arm] = ("alone", "customauth")
BACKENDS = ("paho", "gmqtt", "awscrt", "mqttium")
VERSIONS = {"5": MqttVersion.V5, "3.1.1": MqttVersion.V311}

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

    def client(self, arm: Arm, target: Target) -> Client:
        """Make a client of one arm."""
        version = VERSIONS[self.version]
        if arm == "customauth":
            from .through_customauth import ThroughCustomauth

            return ThroughCustomauth(target, version, self.backend)
        return _alone(self.backend, version)(target, version)


def installed() -> list[str]:
    """List the backends whose plug-in and library are installed."""
    plugins = {entry.name for entry in metadata.entry_points(group="customauth.backends")}
    return [name for name in BACKENDS if name in plugins and _is_there(_NEEDED[name])]


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _alone(backend: str, version: MqttVersion) -> type[Client]:
    # Each process has one library alone.
    if backend == "paho":
        from .paho_alone import PahoAlone

        return PahoAlone
    if backend == "gmqtt":
        from .gmqtt_alone import GmqttAlone

        return GmqttAlone
    if backend == "mqttium":
        from .mqttium_alone import MqttiumAlone

        return MqttiumAlone
    if version is MqttVersion.V5:
        from .awscrt_alone import AwscrtAlone

        return AwscrtAlone
    from .awscrt311_alone import Awscrt311Alone

    return Awscrt311Alone
