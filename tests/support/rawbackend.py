"""The template's backend under a name of its own, which remembers what it was asked for. Import as ``rawbackend``."""

from __future__ import annotations

from typing import ClassVar

from customauth import Connection, ConnectRequest, Feature
from customauth_template import TemplateBackend


class RawBackend(TemplateBackend):
    """A backend on customauth's own dialer and packets, with no MQTT library.

    :ivar requests: every request so far.
    """

    name: ClassVar[str] = "raw"
    # As little as some libraries can.
    features: ClassVar[frozenset[Feature]] = TemplateBackend.features - {Feature.HTTP_PROXY, Feature.SOCKS5_PROXY}

    def __init__(self) -> None:
        self.requests: list[ConnectRequest] = []

    async def connect(self, request: ConnectRequest) -> Connection:
        """Make one attempt, and remember it."""
        self.requests.append(request)
        return await super().connect(request)
