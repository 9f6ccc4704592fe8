"""The contract between the core and an MQTT library. This is a whole plug-in::

    # my_backend.py; pyproject.toml: [project.entry-points."customauth.backends"]  mine = "my_backend"
    from customauth import Backend, Connack, Connection, ConnectRequest, Feature, hookimpl

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
:mod:`customauth.errors` that says how the attempt ended, with the library's own exception as ``__cause__``.
"""

from __future__ import annotations

import abc
import enum
from types import TracebackType
from typing import ClassVar, Self

from attrs import field, frozen

from customauth import mqtt
from customauth.credentials import CustomAuth
from customauth.endpoint import Endpoint
from customauth.errors import ConnackRefused, CredentialError, EndpointError
from customauth.mqtt.protocol import MqttVersion

MAX_CLIENT_ID_BYTES = 128  # E8


class Feature(enum.Enum):
    """What a backend can do. A request that needs more is refused before anything is dialled."""

    MQTT5 = "mqtt5"
    """MQTT 5."""
    MQTT311 = "mqtt311"
    """MQTT 3.1.1."""
    ADDRESS = "address"
    """Dial an address that differs from the endpoint's name."""
    OMIT_USERNAME = "omit-username"
    """Send a password and no user name, which MQTT 5 allows and 3.1.1 does not."""
    CONNACK_CODE_311 = "connack-code-311"
    """Report the return code of a refusing MQTT 3.1.1 CONNACK. Without it a refusal looks like a closed connection."""
    SDK_METRICS = "sdk-metrics"
    """Append the library's own metrics to the user name, as the AWS SDKs do by default (A7)."""


def _is_client_id(text: str) -> bool:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return False
    return 1 <= size <= MAX_CLIENT_ID_BYTES and "\0" not in text


@frozen(kw_only=True)
class ConnectRequest:
    """One attempt: everything that a backend needs, checked.

    :param client_id: 1 to 128 bytes of UTF-8 (E8).
    :param keep_alive: seconds; AWS reads 1 to 29 as 30, and 0 or more than 1200 as 1200 (E10).
    :param timeout: seconds for the whole attempt, from name resolution to CONNACK.
    :param sdk_metrics: let the library append its metrics to the user name.
    :raises CredentialError: when the protocol version cannot carry the credentials or the client id.
    :raises EndpointError: when keep alive or timeout is out of range.
    """

    endpoint: Endpoint
    credentials: CustomAuth
    client_id: str
    version: MqttVersion = field(default=MqttVersion.V5, converter=MqttVersion)
    keep_alive: int = 60
    clean_start: bool = True
    timeout: float = 10.0
    sdk_metrics: bool = False

    def __attrs_post_init__(self) -> None:
        if not _is_client_id(self.client_id):
            raise CredentialError(f"the client id needs 1 to {MAX_CLIENT_ID_BYTES} bytes of UTF-8 without NUL (E8)")
        if not 0 <= self.keep_alive <= 65535:
            raise EndpointError(f"keep alive {self.keep_alive} s is out of range; AWS takes 30 to 1200 (E10)")
        if not 0 < self.timeout < float("inf"):
            raise EndpointError(f"the timeout of {self.timeout} s is out of range; give a positive number of seconds")
        if self._password_alone and self.version is MqttVersion.V311:
            raise CredentialError(
                "MQTT 3.1.1 cannot send a password without a user name; give a user name or use MQTT 5"
            )

    @property
    def _password_alone(self) -> bool:
        return self.credentials.password is not None and self.credentials.mqtt_username() is None

    def needed_features(self) -> frozenset[Feature]:
        """Return what a backend must declare to serve this request."""
        needed = {Feature.MQTT5 if self.version is MqttVersion.V5 else Feature.MQTT311}
        if self.endpoint.address is not None:
            needed.add(Feature.ADDRESS)
        if self._password_alone:
            needed.add(Feature.OMIT_USERNAME)
        if self.sdk_metrics:
            needed.add(Feature.SDK_METRICS)
        return frozenset(needed)


@frozen(kw_only=True)
class Connack:
    """What the server said when it accepted.

    :ivar reason_string: MQTT 5 only, as are the following.
    :ivar assigned_client_id: the client id that the server chose (E6).
    :ivar server_keep_alive: seconds, when the server sets it (E10).
    """

    session_present: bool = False
    reason_string: str | None = None
    assigned_client_id: str | None = None
    server_keep_alive: int | None = None


class Connection(abc.ABC):
    """An accepted connection. Use it as an async context manager, or call :meth:`aclose` yourself.

    :ivar connack: what the server said.
    """

    connack: Connack

    @abc.abstractmethod
    async def aclose(self) -> None:
        """Send DISCONNECT, close, and leave nothing behind. Calling it again does nothing."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def refusal_from_connack(body: bytes, version: MqttVersion) -> ConnackRefused:
    """Read a refusal out of the body of a CONNACK packet, for libraries that lose its code or its reason string.

    :param body: what follows the fixed header: flags, code, and on MQTT 5 properties.
    """
    try:
        connack = mqtt.Connack.from_frame(mqtt.Frame(type=mqtt.PacketType.CONNACK, flags=0, body=body), version)
    except mqtt.MalformedPacket:
        return ConnackRefused(body[1])
    text = connack.properties.get(mqtt.Property.REASON_STRING)
    return ConnackRefused(connack.reason_code, text if isinstance(text, str) else None)


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
