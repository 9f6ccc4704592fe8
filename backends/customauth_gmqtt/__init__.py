"""The gmqtt backend: gmqtt's client on customauth's own dialer, its reconnecting switched off."""

from __future__ import annotations

from typing import ClassVar

from customauth import Backend, Connection, ConnectRequest, Feature, hookimpl


class GmqttBackend(Backend):
    """gmqtt, which is asyncio itself."""

    name = "gmqtt"
    library = "gmqtt"
    extra = "customauth[gmqtt]"
    minimum: ClassVar[tuple[int, ...]] = (0, 8)
    features: ClassVar[frozenset[Feature]] = frozenset(
        {Feature.MQTT5, Feature.MQTT311, Feature.ADDRESS, Feature.CONNACK_CODE_311}
    )

    async def connect(self, request: ConnectRequest) -> Connection:
        """Make one attempt. (:meth:`customauth.Backend.connect`)"""
        from ._client import connect

        return await connect(request)


@hookimpl
def customauth_backend() -> Backend:
    """Register the backend."""
    return GmqttBackend()
