"""The paho-mqtt backend: paho's client on customauth's own dialer, without a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from customauth import Backend, Connection, ConnectRequest, Feature, hookimpl

if TYPE_CHECKING:
    from customauth import ComparisonClient


class PahoBackend(Backend):
    """paho-mqtt 2, driven by the event loop of its caller."""

    name = "paho"
    library = "paho-mqtt"
    extra = "customauth[paho]"
    minimum: ClassVar[tuple[int, ...]] = (2, 1)
    features: ClassVar[frozenset[Feature]] = frozenset(Feature) - {Feature.SDK_METRICS}

    async def connect(self, request: ConnectRequest) -> Connection:
        """Make one attempt. (:meth:`customauth.Backend.connect`)"""
        from ._client import connect

        return await connect(request)

    def comparison_client(self, request: ConnectRequest) -> ComparisonClient | None:
        """Return paho by itself. (:meth:`customauth.Backend.comparison_client`)"""
        from .raw import RawClient

        return RawClient(request)


@hookimpl
def customauth_backend() -> Backend:
    """Register the backend."""
    return PahoBackend()
