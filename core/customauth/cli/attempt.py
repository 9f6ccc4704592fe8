"""One attempt to connect, from the options that ``connect``, ``pub`` and ``sub`` share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import frozen

from customauth.cli.credentials import credential_options, take_credentials
from customauth.cli.options import backend_option, connection_options, take_connection

if TYPE_CHECKING:
    from customauth.backend import Backend
    from customauth.connection import Connection
    from customauth.plugins import PluginManager
    from customauth.request import ConnectRequest

F = TypeVar("F", bound=Callable[..., Any])


@frozen(kw_only=True)
class Attempt:
    """A request that is checked, and the backend that is to make it."""

    request: ConnectRequest
    backend: Backend
    plugins: PluginManager

    async def make(self) -> Connection:
        """Connect.

        :raises ConnectError: the attempt failed.
        """
        from customauth.connecting import attempt

        return await attempt(self.request, self.backend, self.plugins)


def attempt_options(command: F) -> F:
    """Add the options that say who connects, where and how; :func:`take_attempt` reads them."""
    for add in (connection_options, credential_options, backend_option):
        command = add(command)
    return command


def take_attempt(options: dict[str, Any], endpoint: str) -> Attempt:
    """Take those options out of ``options`` and check them; nothing is dialled.

    :raises Misuse: options that exclude or need each other.
    :raises CredentialError: credentials that cannot work.
    :raises EndpointError: an endpoint or option that cannot work.
    :raises RequestError: a will that no server takes.
    :raises BackendError: the backend is missing or cannot do this.
    """
    import uuid

    from customauth.plugins import default_manager
    from customauth.request import ConnectRequest

    credentials = take_credentials(options)
    how = take_connection(options, endpoint)
    plugins = default_manager()
    backend = plugins.backend(options.pop("backend"))
    if how["client_id"] is None:
        how["client_id"] = str(uuid.uuid4())
    request = ConnectRequest(credentials=credentials, **how)
    plugins.check_features(request, backend)
    return Attempt(request=request, backend=backend, plugins=plugins)
