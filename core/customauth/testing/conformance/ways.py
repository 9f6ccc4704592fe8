"""The ways to connect that backends have, and how long things may take. The comparison uses it too: no pytest."""

from __future__ import annotations

from typing import Any

from attrs import evolve, frozen

from customauth import (
    Backend,
    Connection,
    CredentialsSource,
    CustomAuth,
    Endpoint,
    Feature,
    MqttVersion,
    PluginManager,
    Transport,
    connect,
)

LIMIT = 40.0
"""Seconds after which something has not come that must come, on however busy a machine."""

DEADLINE = 2.0
"""Seconds given to an attempt that only its deadline ends."""

GRACE = 2.5
"""How many seconds late a deadline may be told on a busy machine; the core itself cuts a backend off after 3."""

ANYBODY = CustomAuth(username="conformance", password=b"\x00\xff password")
"""Credentials for servers that take everybody."""


@frozen
class Way:
    """One way to connect that every backend has which declares it."""

    version: MqttVersion
    transport: Transport = Transport.MQTT

    def __str__(self) -> str:
        return f"{self.version.label}-{self.transport.value}"

    @property
    def needs(self) -> frozenset[Feature]:
        """What a backend must declare to go it."""
        version = Feature.MQTT5 if self.version is MqttVersion.V5 else Feature.MQTT311
        return frozenset({version} | ({Feature.WEBSOCKET} if self.transport is Transport.WSS else set()))

    def to(self, endpoint: Endpoint) -> Endpoint:
        """Return the endpoint as it is reached on this way."""
        return evolve(endpoint, transport=self.transport)


ALL_WAYS = tuple(Way(version, transport) for transport in Transport for version in MqttVersion)


async def open_connection(
    backend: Backend,
    endpoint: Endpoint,
    way: Way,
    credentials: CredentialsSource = ANYBODY,
    *,
    plugins: PluginManager | None = None,
    **options: Any,
) -> Connection:
    """Connect on a way, as a user would; options are those of :func:`customauth.connect`."""
    return await connect(
        way.to(endpoint),
        credentials,
        backend=backend,
        version=way.version,
        plugins=plugins or PluginManager(discover=False),
        **options,
    )
