"""The gateway's configuration as data: names, custom authorizers, domain configurations, client certificates.

:func:`customauth.gateway.load_config` reads one from a file; ``docs/gateway-config.md`` has every key of it.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from pathlib import Path

from attrs import field, frozen
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from customauth.gateway.runtimes.functions import Function, LambdaFunction
from customauth.policy import Policy

DEFAULT_ENDPOINT = "iot:Data-ATS"
"""The name of the default endpoint's own configuration, which cannot be changed (A56)."""


class ConfigError(ValueError):
    """The configuration cannot be used; the message names the file, the line, the place and the mend.

    :ivar line: the line in the file, from 1; None where the fault is in no single line.
    """

    def __init__(self, message: str, *, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


class AuthenticationType(enum.Enum):
    """How clients of a domain configuration prove who they are (A53)."""

    CUSTOM_AUTH_X509 = "CUSTOM_AUTH_X509"
    CUSTOM_AUTH = "CUSTOM_AUTH"
    AWS_X509 = "AWS_X509"
    AWS_SIGV4 = "AWS_SIGV4"
    DEFAULT = "DEFAULT"


class ApplicationProtocol(enum.Enum):
    """What clients of a domain configuration speak (A53)."""

    SECURE_MQTT = "SECURE_MQTT"
    MQTT_WSS = "MQTT_WSS"
    HTTPS = "HTTPS"
    DEFAULT = "DEFAULT"


@frozen(kw_only=True)
class Authorizer:
    """A custom authorizer, with AWS's own attributes (B1-B10).

    :ivar active: an INACTIVE authorizer refuses everybody (B9).
    :ivar function: what decides: a function in a file, an Invoke endpoint, a function in AWS Lambda.
    :ivar token_key_name: under which name clients send the token (B3).
    :ivar public_keys: by key name, one or two (B5); none when signing is disabled (B6).
    :ivar environment: the function's environment variables.
    :ivar enable_caching_for_http: whether an answer serves later requests of the same HTTP connection too (C32).
    :ivar memory_size: what the function may use, in MB.
    """

    name: str
    active: bool
    function: Function
    token_key_name: str | None = None
    signing_disabled: bool = False
    public_keys: Mapping[str, RSAPublicKey] = field(factory=dict)
    environment: Mapping[str, str] = field(factory=dict, repr=False)
    enable_caching_for_http: bool = False
    memory_size: int = 512


@frozen(kw_only=True)
class DomainConfiguration:
    """How the gateway behaves under one server name (A53-A61).

    :ivar server_name: what clients ask for by SNI, in lower case.
    :ivar default_authorizer: who decides here when the client names none (A60).
    :ivar allow_authorizer_override: whether a client may name another authorizer (A58).
    :ivar enabled: under a DISABLED configuration nobody is authenticated (A61).
    """

    name: str
    server_name: str
    authentication_type: AuthenticationType = AuthenticationType.DEFAULT
    application_protocol: ApplicationProtocol = ApplicationProtocol.DEFAULT
    default_authorizer: str | None = None
    allow_authorizer_override: bool = True
    enabled: bool = True


@frozen(kw_only=True)
class ClientCertificate:
    """A registered X.509 client certificate (A63-A66).

    :ivar pem: the certificate alone, as the function's event shows it (A64).
    :ivar principal_id: its certificateId: the SHA-256 of its DER form in lower-case hexadecimal digits (A64).
    :ivar policy_documents: what it may do, together with what the function allows (A66).
    :ivar variables: the policy variables and condition keys of the certificate and of its thing (D11, D12).
    """

    name: str
    pem: str
    principal_id: str
    active: bool
    policy_documents: tuple[Policy, ...]
    variables: Mapping[str, str | tuple[str, ...]] = field(factory=dict, repr=False)


@frozen(kw_only=True)
class GatewayConfig:
    """What one gateway serves.

    :ivar names: the default endpoint's names, which clients may ask for by SNI (A47).
    :ivar default_authorizer: the account's default: who decides when neither the client nor the domain configuration
        names one (A60).
    :ivar plus_is_space: whether a ``+`` in a user name is read as a space; AWS's own reading is unknown (A14).
    :ivar enforce_quotas: whether the rates of an account hold (E9, E28, E38, E41).
    :ivar recheck_connect_without_will: whether iot:Connect is decided over again without the will, a minute after a
        client with a will has connected (C31).
    :ivar files: the files that it was read from, the functions' aside.
    """

    authorizers: Mapping[str, Authorizer]
    names: tuple[str, ...] = ("localhost",)
    region: str = "us-east-1"
    account: str = "123456789012"
    default_authorizer: str | None = None
    domain_configurations: tuple[DomainConfiguration, ...] = ()
    client_certificates: tuple[ClientCertificate, ...] = ()
    plus_is_space: bool = False
    enforce_quotas: bool = False
    recheck_connect_without_will: bool = False
    files: tuple[Path, ...] = field(default=(), eq=False, repr=False)

    @property
    def server_names(self) -> tuple[str, ...]:
        """All names that clients may ask for by SNI, those of the default endpoint first."""
        return (*self.names, *(domain.server_name for domain in self.domain_configurations))

    def domain(self, server_name: str) -> DomainConfiguration | None:
        """Return the configuration that a server name selects, ENABLED or not, whatever the name's case (A55).

        A name of the default endpoint gives :data:`DEFAULT_ENDPOINT`, whose type and protocol are DEFAULT (A56);
        a name that is not served gives None.
        """
        wanted = server_name.lower()
        if wanted in self.names:
            return DomainConfiguration(name=DEFAULT_ENDPOINT, server_name=wanted)
        return next((domain for domain in self.domain_configurations if domain.server_name == wanted), None)

    def arn(self, resource: str) -> str:
        """Return the ARN of an IoT resource of this account, such as ``client/abc`` (D3)."""
        return f"arn:aws:iot:{self.region}:{self.account}:{resource}"

    def function_arn(self, authorizer: Authorizer) -> str:
        """Return the ARN that the authorizer's function sees in its context: its own, where it runs in AWS Lambda."""
        if isinstance(authorizer.function, LambdaFunction):
            return authorizer.function.arn
        name = re.sub(r"[^a-zA-Z0-9_-]", "-", authorizer.name)[:64]
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{name}"
