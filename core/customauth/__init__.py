"""Connect to AWS IoT Core through a custom authorizer, with the MQTT library of your choice.

The names below are the public API. Each is imported at its first use, so that ``import customauth`` and the command's
``--help`` cost next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from customauth._lazy import lazy_dir, lazy_names
from customauth._version import __version__

if TYPE_CHECKING:
    from customauth import sync as sync
    from customauth.aws.kms import KmsSigner as KmsSigner
    from customauth.backend import Backend as Backend
    from customauth.backend_info import BackendInfo as BackendInfo
    from customauth.backoff import Backoff as Backoff
    from customauth.client_certificate import ClientCertificate as ClientCertificate
    from customauth.comparison_client import ComparisonClient as ComparisonClient
    from customauth.connack import Connack as Connack
    from customauth.connecting import ConnectOptions as ConnectOptions
    from customauth.connecting import CredentialsSource as CredentialsSource
    from customauth.connecting import connect as connect
    from customauth.connection import Connection as Connection
    from customauth.credentials import CustomAuth as CustomAuth
    from customauth.credentials import SignedToken as SignedToken
    from customauth.endpoint import Endpoint as Endpoint
    from customauth.endpoint import Transport as Transport
    from customauth.errors import AwsError as AwsError
    from customauth.errors import AwsNotSetUp as AwsNotSetUp
    from customauth.errors import BackendError as BackendError
    from customauth.errors import BackendFault as BackendFault
    from customauth.errors import BackendNotInstalled as BackendNotInstalled
    from customauth.errors import ClosedBeforeConnack as ClosedBeforeConnack
    from customauth.errors import ConnackRefused as ConnackRefused
    from customauth.errors import ConnectError as ConnectError
    from customauth.errors import ConnectionRefused as ConnectionRefused
    from customauth.errors import ConnectTimeout as ConnectTimeout
    from customauth.errors import CredentialError as CredentialError
    from customauth.errors import CredentialsUnavailable as CredentialsUnavailable
    from customauth.errors import CustomAuthError as CustomAuthError
    from customauth.errors import DialError as DialError
    from customauth.errors import Disconnected as Disconnected
    from customauth.errors import EndpointError as EndpointError
    from customauth.errors import NameNotResolved as NameNotResolved
    from customauth.errors import PluginLoadError as PluginLoadError
    from customauth.errors import ProxyRefused as ProxyRefused
    from customauth.errors import PublishRefused as PublishRefused
    from customauth.errors import RequestError as RequestError
    from customauth.errors import RequestRefused as RequestRefused
    from customauth.errors import RequestTimeout as RequestTimeout
    from customauth.errors import SessionEnded as SessionEnded
    from customauth.errors import SessionQueueFull as SessionQueueFull
    from customauth.errors import Stage as Stage
    from customauth.errors import SubscribeRefused as SubscribeRefused
    from customauth.errors import TlsFailed as TlsFailed
    from customauth.errors import TlsReason as TlsReason
    from customauth.errors import UnknownBackend as UnknownBackend
    from customauth.errors import UnsubscribeRefused as UnsubscribeRefused
    from customauth.errors import UnsupportedFeature as UnsupportedFeature
    from customauth.errors import UpgradeRejected as UpgradeRejected
    from customauth.feature import Feature as Feature
    from customauth.hookspecs import hookimpl as hookimpl
    from customauth.message import Acknowledgement as Acknowledgement
    from customauth.message import Message as Message
    from customauth.message import MessageProperties as MessageProperties
    from customauth.mqtt.protocol import MqttVersion as MqttVersion
    from customauth.plugins import PluginManager as PluginManager
    from customauth.proxy import Proxy as Proxy
    from customauth.request import ConnectRequest as ConnectRequest
    from customauth.request import CredentialsIn as CredentialsIn
    from customauth.session_state import SessionState as SessionState
    from customauth.session_state import SessionStateKind as SessionStateKind
    from customauth.session_state import States as States
    from customauth.sessions import Session as Session
    from customauth.sessions import session as session
    from customauth.subscription import Subscription as Subscription
    from customauth.upgrade import Upgrade as Upgrade
    from customauth.will import Will as Will

_HOMES = {
    "aws.kms": ("KmsSigner",),
    "backend": ("Backend",),
    "backend_info": ("BackendInfo",),
    "backoff": ("Backoff",),
    "comparison_client": ("ComparisonClient",),
    "client_certificate": ("ClientCertificate",),
    "connack": ("Connack",),
    "connecting": (
        "ConnectOptions",
        "CredentialsSource",
        "connect",
    ),
    "connection": ("Connection",),
    "credentials": (
        "CustomAuth",
        "SignedToken",
    ),
    "endpoint": (
        "Endpoint",
        "Transport",
    ),
    "errors": (
        "AwsError",
        "AwsNotSetUp",
        "BackendError",
        "BackendFault",
        "BackendNotInstalled",
        "ClosedBeforeConnack",
        "ConnackRefused",
        "ConnectError",
        "ConnectTimeout",
        "ConnectionRefused",
        "CredentialError",
        "CredentialsUnavailable",
        "CustomAuthError",
        "DialError",
        "Disconnected",
        "EndpointError",
        "NameNotResolved",
        "PluginLoadError",
        "ProxyRefused",
        "PublishRefused",
        "RequestError",
        "RequestRefused",
        "RequestTimeout",
        "SessionEnded",
        "SessionQueueFull",
        "Stage",
        "SubscribeRefused",
        "TlsFailed",
        "TlsReason",
        "UnknownBackend",
        "UnsubscribeRefused",
        "UnsupportedFeature",
        "UpgradeRejected",
    ),
    "feature": ("Feature",),
    "hookspecs": ("hookimpl",),
    "message": (
        "Acknowledgement",
        "Message",
        "MessageProperties",
    ),
    "mqtt.protocol": ("MqttVersion",),
    "plugins": ("PluginManager",),
    "proxy": ("Proxy",),
    "request": (
        "ConnectRequest",
        "CredentialsIn",
    ),
    "session_state": (
        "SessionState",
        "SessionStateKind",
        "States",
    ),
    "sessions": (
        "Session",
        "session",
    ),
    "subscription": ("Subscription",),
    "upgrade": ("Upgrade",),
    "will": ("Will",),
}

__all__ = [
    "Acknowledgement",
    "AwsError",
    "AwsNotSetUp",
    "Backend",
    "BackendError",
    "BackendFault",
    "BackendInfo",
    "BackendNotInstalled",
    "Backoff",
    "ClientCertificate",
    "ClosedBeforeConnack",
    "ComparisonClient",
    "Connack",
    "ConnackRefused",
    "ConnectError",
    "ConnectOptions",
    "ConnectRequest",
    "ConnectTimeout",
    "Connection",
    "ConnectionRefused",
    "CredentialError",
    "CredentialsIn",
    "CredentialsSource",
    "CredentialsUnavailable",
    "CustomAuth",
    "CustomAuthError",
    "DialError",
    "Disconnected",
    "Endpoint",
    "EndpointError",
    "Feature",
    "KmsSigner",
    "Message",
    "MessageProperties",
    "MqttVersion",
    "NameNotResolved",
    "PluginLoadError",
    "PluginManager",
    "Proxy",
    "ProxyRefused",
    "PublishRefused",
    "RequestError",
    "RequestRefused",
    "RequestTimeout",
    "Session",
    "SessionEnded",
    "SessionQueueFull",
    "SessionState",
    "SessionStateKind",
    "SignedToken",
    "Stage",
    "States",
    "SubscribeRefused",
    "Subscription",
    "TlsFailed",
    "TlsReason",
    "Transport",
    "UnknownBackend",
    "UnsubscribeRefused",
    "UnsupportedFeature",
    "Upgrade",
    "UpgradeRejected",
    "Will",
    "__version__",
    "connect",
    "hookimpl",
    "session",
    "sync",
]


__getattr__: Callable[[str], object] = lazy_names(__name__, _HOMES, modules=("sync",))
__dir__: Callable[[], list[str]] = lazy_dir(__name__)
