"""The local device gateway: AWS IoT Core's custom authentication, on this machine, without an account."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from customauth.gateway.config import ApplicationProtocol as ApplicationProtocol
    from customauth.gateway.config import AuthenticationType as AuthenticationType
    from customauth.gateway.config import Authorizer as Authorizer
    from customauth.gateway.config import ClientCertificate as ClientCertificate
    from customauth.gateway.config import ConfigError as ConfigError
    from customauth.gateway.config import DomainConfiguration as DomainConfiguration
    from customauth.gateway.config import GatewayConfig as GatewayConfig
    from customauth.gateway.config_parse import load_config as load_config
    from customauth.gateway.decision import Decision as Decision
    from customauth.gateway.decision import Grant as Grant
    from customauth.gateway.decision import Reason as Reason
    from customauth.gateway.decision import Refusal as Refusal
    from customauth.gateway.embedded import RunningGateway as RunningGateway
    from customauth.gateway.embedded import running as running
    from customauth.gateway.records import DisconnectReason as DisconnectReason
    from customauth.gateway.records import Ending as Ending
    from customauth.gateway.records import Note as Note
    from customauth.gateway.records import Record as Record
    from customauth.gateway.runtimes.contract import FunctionFailed as FunctionFailed
    from customauth.gateway.runtimes.contract import FunctionSpec as FunctionSpec
    from customauth.gateway.runtimes.contract import Invocation as Invocation
    from customauth.gateway.runtimes.contract import Runtime as Runtime
    from customauth.gateway.sample import Sample as Sample
    from customauth.gateway.sample import write_sample as write_sample
    from customauth.gateway.server import Gateway as Gateway

# Imported at first use: the worker processes live in this package and must start fast.
_HOME_OF = {
    "ApplicationProtocol": "config",
    "AuthenticationType": "config",
    "Authorizer": "config",
    "ClientCertificate": "config",
    "ConfigError": "config",
    "Decision": "decision",
    "DisconnectReason": "records",
    "DomainConfiguration": "config",
    "Ending": "records",
    "FunctionFailed": "runtimes.contract",
    "FunctionSpec": "runtimes.contract",
    "Gateway": "server",
    "GatewayConfig": "config",
    "Grant": "decision",
    "Invocation": "runtimes.contract",
    "Note": "records",
    "Reason": "decision",
    "Record": "records",
    "Refusal": "decision",
    "RunningGateway": "embedded",
    "Runtime": "runtimes.contract",
    "Sample": "sample",
    "load_config": "config_parse",
    "running": "embedded",
    "write_sample": "sample",
}

__all__ = [
    "ApplicationProtocol",
    "AuthenticationType",
    "Authorizer",
    "ClientCertificate",
    "ConfigError",
    "Decision",
    "DisconnectReason",
    "DomainConfiguration",
    "Ending",
    "FunctionFailed",
    "FunctionSpec",
    "Gateway",
    "GatewayConfig",
    "Grant",
    "Invocation",
    "Note",
    "Reason",
    "Record",
    "Refusal",
    "RunningGateway",
    "Runtime",
    "Sample",
    "load_config",
    "running",
    "write_sample",
]


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)
