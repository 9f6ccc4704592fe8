"""The mqttium backend: mqttium's client on customauth's own dialer."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from customauth import Backend, Connection, ConnectRequest, Feature, hookimpl

if TYPE_CHECKING:
    from customauth import ComparisonClient


class MqttiumBackend(Backend):
    """mqttium, which is asyncio itself."""

    name = "mqttium"
    library = "mqttium"
    extra = "customauth[mqttium]"
    minimum: ClassVar[tuple[int, ...]] = (1, 2, 1)
    features: ClassVar[frozenset[Feature]] = frozenset(Feature) - {Feature.SDK_METRICS}

    async def connect(self, request: ConnectRequest) -> Connection:
        """Make one attempt. (:meth:`customauth.Backend.connect`)"""
        from ._attempt import connect

        return await connect(request)

    def comparison_client(self, request: ConnectRequest) -> ComparisonClient | None:
        """Return mqttium by itself. (:meth:`customauth.Backend.comparison_client`)"""
        from .raw import RawClient

        return RawClient(request)


@hookimpl
def customauth_backend() -> Backend:
    """Register the backend."""
    return MqttiumBackend()
