"""The servers as the comparison takes them: the gateway, where all are signed, and mosquitto beside it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from attrs import field, frozen

from customauth import CustomAuth, Endpoint, MqttVersion, PluginManager

from .. import servers

VERSIONS = {version.label: version for version in (MqttVersion.V5, MqttVersion.V311)}
"""By how users call them."""


@frozen(kw_only=True)
class Place:
    """A server, and how to come in. It is dialled by name, as everybody does."""

    endpoint: Endpoint
    credentials: CustomAuth = field(repr=False)


@contextlib.contextmanager
def signed_gateway(folder: Path) -> Iterator[Place]:
    """Run ``customauth gateway`` with its sample."""
    with servers.gateway(folder) as gateway:
        yield _place(gateway)


@contextlib.contextmanager
def both_servers(folder: Path) -> Iterator[dict[str, Place]]:
    """Run the gateway, and mosquitto if there is one, with the same certificate; by the ids of their environments."""
    with contextlib.ExitStack() as running:
        gateway = running.enter_context(servers.gateway(folder))
        places = {"gateway": _place(gateway)}
        if servers.mosquitto_program() is not None:
            other = running.enter_context(servers.mosquitto(folder / "mosquitto", gateway))
            places[f"mosquitto-{servers.mosquitto_version()}"] = _place(other)
        yield places


def installed() -> list[str]:
    """List the backends whose library is installed."""
    return [info.name for info in PluginManager().describe() if info.problem is None]


def _place(server: servers.Server) -> Place:
    return Place(
        endpoint=Endpoint(host="localhost", port=server.port, ca_pem=server.ca_file.read_bytes()),
        credentials=CustomAuth.parse(server.username, server.password),
    )
