"""One attempt to connect: everything that a backend needs, checked and encoded."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from attrs import field, frozen

from customauth.credentials import CustomAuth
from customauth.endpoint import Endpoint, Transport
from customauth.errors import CredentialError, EndpointError
from customauth.feature import Feature
from customauth.message import user_property_pairs
from customauth.mqtt.protocol import MqttVersion

if TYPE_CHECKING:
    from customauth import mqtt
    from customauth.upgrade import Upgrade
    from customauth.will import Will

MAX_CLIENT_ID_BYTES = 128  # E8


class CredentialsIn(enum.Enum):
    """Where the authorizer's name, the token and its signature travel (A25)."""

    USERNAME = "username"
    """In the user name of the CONNECT packet."""
    HEADERS = "headers"
    """In headers of the WebSocket upgrade (A26)."""
    QUERY = "query"
    """In the query of the WebSocket's URL (A27), as browsers must."""


def _is_client_id(text: str) -> bool:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return False
    return 1 <= size <= MAX_CLIENT_ID_BYTES and "\0" not in text


@frozen(kw_only=True)
class ConnectRequest:
    """One attempt. A backend takes from here what goes out, and encodes nothing itself.

    :param client_id: 1 to 128 bytes of UTF-8 (E8).
    :param credentials_in: anything but the user name needs a WebSocket.
    :param keep_alive: seconds; AWS reads 1 to 29 as 30, and 0 or more than 1200 as 1200 (E10).
    :param clean_start: begin a new session; on MQTT 3.1.1 it also ends with the connection (E37).
    :param session_expiry: seconds for which the server is to keep the session after the connection; MQTT 5 only, AWS
        takes up to seven days (E37).
    :param will: what the server publishes when the connection is lost (E42).
    :param user_properties: of the CONNECT packet; MQTT 5 only.
    :param timeout: seconds for the whole attempt, from name resolution to CONNACK.
    :param sdk_metrics: let the library append its metrics to the user name (A7).
    :raises CredentialError: when the protocol version cannot carry the credentials or the client id.
    :raises EndpointError: when an option cannot work.
    """

    endpoint: Endpoint
    credentials: CustomAuth
    client_id: str
    credentials_in: CredentialsIn = field(default=CredentialsIn.USERNAME, converter=CredentialsIn)
    version: MqttVersion = field(default=MqttVersion.V5, converter=MqttVersion)
    keep_alive: int = 60
    clean_start: bool = True
    session_expiry: int | None = None
    will: Will | None = None
    user_properties: tuple[tuple[str, str], ...] = field(default=(), converter=user_property_pairs)
    timeout: float = 10.0
    sdk_metrics: bool = False

    def __attrs_post_init__(self) -> None:
        if not _is_client_id(self.client_id):
            raise CredentialError(f"the client id needs 1 to {MAX_CLIENT_ID_BYTES} bytes of UTF-8 without NUL (E8)")
        if not 0 <= self.keep_alive <= 65535:
            raise EndpointError(f"keep alive {self.keep_alive} s is out of range; AWS takes 30 to 1200 (E10)")
        if not 0 < self.timeout < float("inf"):
            raise EndpointError(f"the timeout of {self.timeout} s is out of range; give a positive number of seconds")
        if self.session_expiry is not None and not 0 <= self.session_expiry <= 0xFFFF_FFFF:
            raise EndpointError(f"the session expiry of {self.session_expiry} s is out of range; AWS takes 0 to 604800")
        if self.credentials_in is not CredentialsIn.USERNAME and self.endpoint.transport is not Transport.WSS:
            raise EndpointError(
                f"credentials travel in {self.credentials_in.value} only over a WebSocket; "
                "write wss://HOST as the endpoint, or send them in the user name"
            )
        if self.version is MqttVersion.V311:
            self._check_mqtt311()

    def _check_mqtt311(self) -> None:
        if self._password_alone:
            raise CredentialError(
                "MQTT 3.1.1 cannot send a password without a user name; give a user name or use MQTT 5"
            )
        only_5 = {
            "a session expiry": self.session_expiry is not None,
            "user properties": bool(self.user_properties),
            "a will with a delay or properties": self.will is not None and self.will.needs_mqtt5(),
        }
        for what, wanted in only_5.items():
            if wanted:
                raise EndpointError(f"MQTT 3.1.1 cannot send {what}; leave it out, or connect with MQTT 5")

    @property
    def username(self) -> str | None:
        """The user name of the CONNECT packet, finished, None for none (A1, A25, A28)."""
        if self.credentials_in is CredentialsIn.USERNAME:
            return self.credentials.mqtt_username()
        return self.credentials.username or None

    @property
    def password(self) -> bytes | None:
        """The password of the CONNECT packet, None for none."""
        return self.credentials.password

    def upgrade(self) -> Upgrade | None:
        """Return the request that opens the WebSocket, finished, None where there is none (A23, A26, A27).

        :raises CredentialError: when a header cannot carry the credentials.
        """
        if self.endpoint.transport is not Transport.WSS:
            return None
        from customauth.upgrade import Upgrade

        path = self.endpoint.path
        if self.credentials_in is CredentialsIn.QUERY:
            query = self.credentials.url_query()
            return Upgrade(target=f"{path}?{query}" if query else path, headers={})
        headers = self.credentials.http_headers() if self.credentials_in is CredentialsIn.HEADERS else {}
        return Upgrade(target=path, headers=headers)

    def packet(self) -> mqtt.Connect:
        """Return the CONNECT packet, for those who send it through :mod:`customauth.mqtt`."""
        from customauth import mqtt

        said: mqtt.Properties = {}
        if self.session_expiry is not None:
            said[mqtt.Property.SESSION_EXPIRY_INTERVAL] = self.session_expiry
        if self.user_properties:
            said[mqtt.Property.USER_PROPERTY] = list(self.user_properties)
        return mqtt.Connect(
            version=self.version,
            client_id=self.client_id,
            clean_start=self.clean_start,
            keep_alive=self.keep_alive,
            username=self.username,
            password=self.password,
            will=None if self.will is None else self.will.to_wire(),
            properties=said,
        )

    @property
    def _password_alone(self) -> bool:
        return self.password is not None and self.username is None

    def needed_features(self) -> frozenset[Feature]:
        """Return what a backend must declare to serve this request."""
        endpoint = self.endpoint
        proxy = None if endpoint.proxy is None else endpoint.proxy.scheme
        needed = {
            Feature.MQTT5: self.version is MqttVersion.V5,
            Feature.MQTT311: self.version is MqttVersion.V311,
            Feature.ADDRESS: endpoint.address is not None,
            Feature.WEBSOCKET: endpoint.transport is Transport.WSS,
            Feature.HTTP_PROXY: proxy == "http",
            Feature.SOCKS5_PROXY: proxy == "socks5",
            Feature.CLIENT_CERTIFICATE: endpoint.client_certificate is not None,
            Feature.OMIT_USERNAME: self._password_alone,
            Feature.SDK_METRICS: self.sdk_metrics,
        }
        return frozenset(feature for feature, wanted in needed.items() if wanted)
