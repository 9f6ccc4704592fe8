"""Connect to AWS IoT Core through a custom authorizer, with the MQTT library of your choice.

The names below are the public API. Each is imported at its first use, so that ``import customauth`` and the command's
``--help`` cost next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from customauth._version import __version__

if TYPE_CHECKING:
    from customauth import sync as sync
    from customauth.backend import Backend as Backend
    from customauth.backend import Connack as Connack
    from customauth.backend import Connection as Connection
    from customauth.backend import ConnectRequest as ConnectRequest
    from customauth.backend import Feature as Feature
    from customauth.backend import refusal_from_connack as refusal_from_connack
    from customauth.connecting import CredentialsSource as CredentialsSource
    from customauth.connecting import connect as connect
    from customauth.credentials import CustomAuth as CustomAuth
    from customauth.credentials import SignedToken as SignedToken
    from customauth.endpoint import Endpoint as Endpoint
    from customauth.errors import BackendError as BackendError
    from customauth.errors import BackendFault as BackendFault
    from customauth.errors import BackendNotInstalled as BackendNotInstalled
    from customauth.errors import ClosedBeforeConnack as ClosedBeforeConnack
    from customauth.errors import ConnackRefused as ConnackRefused
    from customauth.errors import ConnectError as ConnectError
    from customauth.errors import ConnectionRefused as ConnectionRefused
    from customauth.errors import ConnectTimeout as ConnectTimeout
    from customauth.errors import CredentialError as CredentialError
    from customauth.errors import CustomAuthError as CustomAuthError
    from customauth.errors import DialError as DialError
    from customauth.errors import EndpointError as EndpointError
    from customauth.errors import NameNotResolved as NameNotResolved
    from customauth.errors import PluginLoadError as PluginLoadError
    from customauth.errors import Stage as Stage
    from customauth.errors import TlsFailed as TlsFailed
    from customauth.errors import TlsReason as TlsReason
    from customauth.errors import UnknownBackend as UnknownBackend
    from customauth.errors import UnsupportedFeature as UnsupportedFeature
    from customauth.hookspecs import hookimpl as hookimpl
    from customauth.mqtt.protocol import MqttVersion as MqttVersion
    from customauth.plugins import BackendInfo as BackendInfo
    from customauth.plugins import PluginManager as PluginManager

_HOMES = {
    "backend": ("Backend", "Connack", "ConnectRequest", "Connection", "Feature", "refusal_from_connack"),
    "connecting": ("CredentialsSource", "connect"),
    "credentials": ("CustomAuth", "SignedToken"),
    "endpoint": ("Endpoint",),
    "errors": (
        "BackendError",
        "BackendFault",
        "BackendNotInstalled",
        "ClosedBeforeConnack",
        "ConnackRefused",
        "ConnectError",
        "ConnectTimeout",
        "ConnectionRefused",
        "CredentialError",
        "CustomAuthError",
        "DialError",
        "EndpointError",
        "NameNotResolved",
        "PluginLoadError",
        "Stage",
        "TlsFailed",
        "TlsReason",
        "UnknownBackend",
        "UnsupportedFeature",
    ),
    "hookspecs": ("hookimpl",),
    "mqtt.protocol": ("MqttVersion",),
    "plugins": ("BackendInfo", "PluginManager"),
}
_MODULES = frozenset({"sync"})
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Backend",
    "BackendError",
    "BackendFault",
    "BackendInfo",
    "BackendNotInstalled",
    "ClosedBeforeConnack",
    "Connack",
    "ConnackRefused",
    "ConnectError",
    "ConnectRequest",
    "ConnectTimeout",
    "Connection",
    "ConnectionRefused",
    "CredentialError",
    "CredentialsSource",
    "CustomAuth",
    "CustomAuthError",
    "DialError",
    "Endpoint",
    "EndpointError",
    "Feature",
    "MqttVersion",
    "NameNotResolved",
    "PluginLoadError",
    "PluginManager",
    "SignedToken",
    "Stage",
    "TlsFailed",
    "TlsReason",
    "UnknownBackend",
    "UnsupportedFeature",
    "__version__",
    "connect",
    "hookimpl",
    "refusal_from_connack",
    "sync",
]


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)
