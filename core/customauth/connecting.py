"""``customauth.connect``: one attempt, through whichever backend, told truthfully."""

from __future__ import annotations

import asyncio
import inspect
import logging
import uuid
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, TypeAlias, TypedDict

from customauth.backend import Backend
from customauth.connection import Connection
from customauth.credentials import CustomAuth
from customauth.endpoint import Endpoint
from customauth.errors import (
    BackendFault,
    ClosedBeforeConnack,
    ConnackRefused,
    ConnectError,
    ConnectTimeout,
    CustomAuthError,
    Stage,
    UpgradeRejected,
)
from customauth.mqtt.protocol import MqttVersion
from customauth.plugins import PluginManager, default_manager
from customauth.request import ConnectRequest, CredentialsIn

if TYPE_CHECKING:
    from customauth.will import Will

_log = logging.getLogger(__name__)

CredentialsSource: TypeAlias = CustomAuth | Callable[[], CustomAuth | Awaitable[CustomAuth]]
"""Credentials, or a plain or async function that is asked for them before every attempt: tokens expire."""

# What happens only to those who had a socket.
_REACHED = (ClosedBeforeConnack, ConnackRefused, ConnectTimeout, UpgradeRejected)

# How long a backend may overrun its own deadline before it is cut off.
_GRACE = 3.0


class ConnectOptions(TypedDict, total=False):
    """The keyword arguments of :func:`connect`, which the session and the blocking forms take too."""

    backend: str | Backend | None
    client_id: str | None
    credentials_in: CredentialsIn
    version: MqttVersion
    keep_alive: int
    clean_start: bool
    session_expiry: int | None
    will: Will | None
    user_properties: Iterable[tuple[str, str]]
    timeout: float
    sdk_metrics: bool
    plugins: PluginManager | None


async def connect(
    endpoint: str | Endpoint,
    credentials: CredentialsSource,
    *,
    backend: str | Backend | None = None,
    client_id: str | None = None,
    credentials_in: CredentialsIn = CredentialsIn.USERNAME,
    version: MqttVersion = MqttVersion.V5,
    keep_alive: int = 60,
    clean_start: bool = True,
    session_expiry: int | None = None,
    will: Will | None = None,
    user_properties: Iterable[tuple[str, str]] = (),
    timeout: float = 10.0,
    sdk_metrics: bool = False,
    plugins: PluginManager | None = None,
) -> Connection:
    """Make one attempt to connect and return the accepted connection, an async context manager.

    :param endpoint: ``host[:port]``, ``wss://host[:port]/mqtt`` or an :class:`Endpoint`; port 443 unless given (A39).
    :param backend: a name, a :class:`Backend`, or None for the first one installed.
    :param client_id: 1 to 128 bytes (E8); a UUID unless given.
    :param credentials_in: anything but the user name needs a WebSocket (A25).
    :param keep_alive: seconds; AWS takes 30 to 1200 (E10).
    :param clean_start: begin a new session; on MQTT 3.1.1 it also ends with the connection (E37).
    :param session_expiry: seconds for which the server is to keep the session; MQTT 5 only (E37).
    :param will: what the server publishes when the connection is lost (E42).
    :param user_properties: of the CONNECT packet; MQTT 5 only.
    :param timeout: seconds for the whole attempt.
    :param sdk_metrics: let an AWS library append its metrics to the user name (A7).
    :param plugins: the plug-ins to use; those of the installed distributions unless given.
    :raises CredentialError: the credentials cannot work; nothing was dialled.
    :raises EndpointError: endpoint or an option cannot work; nothing was dialled.
    :raises BackendError: the backend is missing or cannot do this; nothing was dialled.
    :raises ConnectError: the attempt failed; the class says how.
    """
    manager = plugins or default_manager()
    chosen = backend if isinstance(backend, Backend) else manager.backend(backend)
    request = ConnectRequest(
        endpoint=Endpoint.parse(endpoint) if isinstance(endpoint, str) else endpoint,
        credentials=await resolve(credentials),
        client_id=str(uuid.uuid4()) if client_id is None else client_id,
        credentials_in=credentials_in,
        version=version,
        keep_alive=keep_alive,
        clean_start=clean_start,
        session_expiry=session_expiry,
        will=will,
        user_properties=tuple(user_properties),
        timeout=timeout,
        sdk_metrics=sdk_metrics,
    )
    manager.check_features(request, chosen)
    return await attempt(request, chosen, manager)


async def resolve(source: CredentialsSource) -> CustomAuth:
    """Ask a source for the credentials of one attempt."""
    if isinstance(source, CustomAuth):
        return source
    credentials = source()
    return await credentials if inspect.isawaitable(credentials) else credentials


async def attempt(request: ConnectRequest, backend: Backend, plugins: PluginManager) -> Connection:
    """Hand a checked request to a backend, tell the observers, and stamp a failure with where it happened.

    :raises ConnectError: the attempt failed.
    """
    plugins.observers().customauth_before_connect(request=request, backend=backend)
    _log.debug(
        "CONNECT through %s: MQTT %s to %s, client id %r, keep alive %d s, user name %r, %s",
        backend.name,
        request.version.label,
        request.endpoint,
        request.client_id,
        request.keep_alive,
        request.credentials.masked_username(),
        "no password" if request.credentials.password is None else "a password",
    )
    try:
        connection = await _bounded(request, backend)
    except ConnectError as error:
        _complete(error, request, backend)
        _log.debug("failed at %s: %s", error.stage.value, error)
        plugins.tell("customauth_connect_failed", request=request, error=error)
        raise
    _log.debug("accepted: %s", connection.connack)
    plugins.tell("customauth_after_connect", request=request, connection=connection)
    return connection


def _complete(error: ConnectError, request: ConnectRequest, backend: Backend) -> None:
    """Add to a failure what only the whole attempt knows: where it happened, and what that means for the next step."""
    error.backend, error.endpoint = backend.name, str(request.endpoint)
    # A refused MQTT 5 client gets a CONNACK (F1), so this is something else, and may pass.
    unexplained = isinstance(error, ClosedBeforeConnack) and request.version is MqttVersion.V5
    if unexplained:
        error.retryable = True
    if isinstance(error, ClosedBeforeConnack | ConnackRefused) and request.endpoint.is_address():
        error.rule = "endpoint-is-address"
    elif unexplained:
        error.hint = "the peer went away, and AWS would have said why: check endpoint and port, then try again"
    elif not isinstance(error, _REACHED):
        # A connection that comes about needs none of this.
        from customauth.open_files import none_left

        if none_left():
            error.rule = "open-files"


async def _bounded(request: ConnectRequest, backend: Backend) -> Connection:
    """Cut off a backend that does not keep its own deadline, and name one that breaks the contract."""
    limit = asyncio.timeout(request.timeout + _GRACE)
    try:
        async with limit:
            return await backend.connect(request)
    except CustomAuthError:
        raise
    except Exception as error:
        if isinstance(error, TimeoutError) and limit.expired():
            raise ConnectTimeout(request.timeout, Stage.CONNACK) from error
        raise BackendFault(f"backend {backend.name} failed with {type(error).__name__}") from error
