"""The gmqtt backend: gmqtt's own client on customauth's dialer.

gmqtt sends, parses, acknowledges and tells. Beside it stands what it drops, delays or gets wrong: each place says what.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from customauth import Backend, Connection, ConnectRequest, Feature, hookimpl

if TYPE_CHECKING:
    from customauth import ComparisonClient


class GmqttBackend(Backend):
    """gmqtt, which is asyncio itself."""

    name = "gmqtt"
    library = "gmqtt"
    extra = "customauth[gmqtt]"
    minimum: ClassVar[tuple[int, ...]] = (0, 8)
    features: ClassVar[frozenset[Feature]] = frozenset(Feature) - {Feature.SDK_METRICS}

    async def connect(self, request: ConnectRequest) -> Connection:
        """Make one attempt. (:meth:`customauth.Backend.connect`)"""
        from ._connection import connect

        return await connect(request)

    def comparison_client(self, request: ConnectRequest) -> ComparisonClient | None:
        """Return gmqtt by itself. (:meth:`customauth.Backend.comparison_client`)"""
        from .raw import RawClient

        return RawClient(request)


@hookimpl
def customauth_backend() -> Backend:
    """Register the backend."""
    return GmqttBackend()
