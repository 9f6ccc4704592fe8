"""A backend of customauth that has no MQTT library: it speaks through customauth's own dialer and packet codec."""

from typing import ClassVar

from customauth import Backend, Connection, ConnectRequest, Feature, hookimpl


class TemplateBackend(Backend):
    """What customauth lists: nothing here may import the MQTT library."""

    name = "template"
    # The distribution of the MQTT library; when it is missing, the user is told the pip command.
    library = "customauth"
    # Only what works: a request that needs more is refused before anything is dialled, and the kit tests both ways.
    features: ClassVar[frozenset[Feature]] = frozenset(
        {
            Feature.MQTT5,
            Feature.MQTT311,
            Feature.CONNACK_CODE_311,
            Feature.OMIT_USERNAME,
            # These come with customauth's dialer.
            Feature.ADDRESS,
            Feature.WEBSOCKET,
            Feature.HTTP_PROXY,
            Feature.SOCKS5_PROXY,
            Feature.CLIENT_CERTIFICATE,
            Feature.BACK_PRESSURE,
        }
    )

    async def connect(self, request: ConnectRequest) -> Connection:
        """Make one attempt."""
        from ._attempt import connect

        return await connect(request)


@hookimpl
def customauth_backend() -> Backend:
    """Register the backend."""
    return TemplateBackend()
