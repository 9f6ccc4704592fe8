"""The contract between the core and an MQTT library. This is a whole plug-in::

    # my_backend.py; pyproject.toml: [project.entry-points."customauth.backends"]  mine = "my_backend"
    from customauth import Backend, Connection, ConnectRequest, Feature, hookimpl

    class MyBackend(Backend):
        name = "mine"
        library = "my-mqtt-library"              # its distribution on the package index
        features = frozenset({Feature.MQTT5})

        async def connect(self, request: ConnectRequest) -> Connection:
            from ._client import connect         # the library is imported here, never at the top
            return await connect(request)

    @hookimpl
    def customauth_backend():
        return MyBackend()

A backend makes exactly one attempt within ``request.timeout``, never reconnects, and raises the class of
:mod:`customauth.errors` that says how the attempt ended, with the library's own exception as ``__cause__``. What its
:class:`~customauth.connection.Connection` owes is said there.
"""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, ClassVar

from customauth.connection import Connection
from customauth.feature import Feature
from customauth.request import ConnectRequest

if TYPE_CHECKING:
    from customauth.comparison_client import ComparisonClient


class Backend(abc.ABC):
    """An MQTT library behind the contract.

    :cvar name: how it is chosen; the name of its entry point.
    :cvar library: the distribution that must be installed, as ``pip`` names it.
    :cvar extra: what to install to get the library, when that is not ``library`` itself.
    :cvar minimum: the lowest release of the library that works, such as ``(2, 1)``.
    :cvar features: what it can do.
    """

    name: ClassVar[str]
    library: ClassVar[str]
    extra: ClassVar[str] = ""
    minimum: ClassVar[tuple[int, ...]] = ()
    features: ClassVar[frozenset[Feature]]

    @abc.abstractmethod
    async def connect(self, request: ConnectRequest) -> Connection:
        """Make one attempt and return once a CONNACK has accepted it.

        :raises ConnectError: the class that says how the attempt ended, within ``request.timeout`` seconds.
        """

    def comparison_client(self, request: ConnectRequest) -> ComparisonClient | None:
        """Return the library by itself, for the column ``raw`` of the comparison; None, where there is none."""
        return None
