"""The set-up that is examined: what a device sends, and whereto. Nothing of it is refused here, however wrong."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from attrs import Factory, field, frozen

from customauth.endpoint import Endpoint
from customauth.mqtt.protocol import MqttVersion
from customauth.request import CredentialsIn


class Origin(enum.Enum):
    """Where the set-up is known from."""

    FLAGS = "the options"
    USERNAME = "the raw user name"
    CAPTURE = "the captured CONNECT"


@frozen(kw_only=True)
class Parts:
    """The parts of the credentials: as the options give them, or as AWS would read them, decoded once.

    :ivar token_key_name: the name under which the token travels.
    """

    authorizer: str | None = None
    token_key_name: str | None = None
    token: str | None = field(default=None, repr=False)
    signature: str | None = field(default=None, repr=False)


@frozen(kw_only=True)
class WillPart:
    """The will of the CONNECT packet."""

    topic: str
    qos: int
    retain: bool = False
    payload: bytes = field(default=b"", repr=False)


@frozen(kw_only=True)
class Setup:
    """What a device sends, and whereto.

    :ivar endpoint: None where only the credentials are known; then nothing is dialled.
    :ivar alpn: what the device offers; empty for none.
    :ivar client_id: as sent; empty lets the server choose one.
    :ivar client_id_given: whether it is the device's own, and not one that was made up here.
    :ivar username: the user name of the CONNECT packet as it is on the wire, None for none.
    :ivar user: its user part.
    :ivar headers: of the request that opens the WebSocket, where credentials travel there.
    :ivar query: of that request's URL, raw, without ``?``; None where no credentials travel there.
    :ivar parts: the credentials.
    :ivar jwt: the JWT that token and signature were taken from.
    :ivar expected_token_key_name: the authorizer's token key name, where the person knows it.
    :ivar public_keys: PEM files of the authorizer's keys by file name (B4).
    :ivar files: where the parts were read from, by the names that cures have for them, such as ``token_file``.
    :ivar publish: topics that the device publishes to.
    :ivar subscribe: topic filters that it subscribes to.
    :ivar broken: why the credentials cannot be sent at all, None where they can.
    :ivar broken_rule: the rule that says so, None where the other checks are to find it.
    """

    origin: Origin = Origin.FLAGS
    endpoint: Endpoint | None = None
    alpn: tuple[str, ...] = ("mqtt",)
    version: MqttVersion = MqttVersion.V5
    client_id: str = ""
    client_id_given: bool = False
    clean_start: bool = True
    session_expiry: int | None = None
    keep_alive: int = 60
    will: WillPart | None = None
    credentials_in: CredentialsIn = CredentialsIn.USERNAME
    username: str | None = field(default=None, repr=False)
    user: str = field(default="", repr=False)
    password: bytes | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    query: str | None = field(default=None, repr=False)
    parts: Parts = Factory(Parts)
    jwt: str | None = field(default=None, repr=False)
    expected_token_key_name: str | None = None
    public_keys: Mapping[str, bytes] = Factory(dict)
    files: Mapping[str, str] = Factory(dict)
    publish: tuple[str, ...] = ()
    subscribe: tuple[str, ...] = ()
    timeout: float = 10.0
    broken: str | None = None
    broken_rule: str | None = None
