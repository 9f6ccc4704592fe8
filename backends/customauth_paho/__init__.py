"""The paho-mqtt backend: paho's client on customauth's own dialer, without a thread."""

from __future__ import annotations

from typing import ClassVar

from customauth import Backend, Connection, ConnectRequest, Feature, hookimpl


class PahoBackend(Backend):
    """paho-mqtt 2, driven by the event loop of its caller."""

    name = "paho"
    library = "paho-mqtt"
    extra = "customauth[paho]"
    minimum: ClassVar[tuple[int, ...]] = (2, 1)
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
    return PahoBackend()
