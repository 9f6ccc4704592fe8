"""Read the tables ``[domain_configurations.NAME]`` of a configuration."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection

from customauth.gateway.config import (
    DEFAULT_ENDPOINT,
    ApplicationProtocol,
    AuthenticationType,
    DomainConfiguration,
)
from customauth.gateway.config_table import Table

_NAME = re.compile(r"[\w.:-]{1,128}", re.ASCII)
_RESERVED_PREFIX = "IoT:"  # A61
_MAX_DOMAINS = 10  # A61
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")

# A54: what each authentication type goes with.
_LEGAL_PROTOCOLS = {
    AuthenticationType.AWS_X509: (ApplicationProtocol.SECURE_MQTT, ApplicationProtocol.HTTPS),
    AuthenticationType.CUSTOM_AUTH_X509: (ApplicationProtocol.SECURE_MQTT, ApplicationProtocol.HTTPS),
    AuthenticationType.AWS_SIGV4: (ApplicationProtocol.MQTT_WSS, ApplicationProtocol.HTTPS),
    AuthenticationType.CUSTOM_AUTH: (
        ApplicationProtocol.SECURE_MQTT,
        ApplicationProtocol.MQTT_WSS,
        ApplicationProtocol.HTTPS,
    ),
    AuthenticationType.DEFAULT: (ApplicationProtocol.DEFAULT,),
}


def parse_domains(root: Table, authorizers: Collection[str], names: Collection[str]) -> tuple[DomainConfiguration, ...]:
    """Read the domain configurations.

    :param authorizers: the names of those that there are.
    :param names: the default endpoint's, in lower case.
    :raises ConfigError: when one breaks a rule of AWS (A54-A61), or serves a name that is served already.
    """
    domains: list[DomainConfiguration] = []
    served = dict.fromkeys(names, "gateway.names")
    for name, table in root.tables("domain_configurations"):
        domain = _domain(name, table, authorizers)
        if domain.server_name in served:
            raise table.error("server_name", f"{domain.server_name} is in {served[domain.server_name]} already")
        served[domain.server_name] = f"domain_configurations.{name}"
        domains.append(domain)
    if len(domains) > _MAX_DOMAINS:
        raise root.error("domain_configurations", f"there are {len(domains)}; AWS takes {_MAX_DOMAINS} (A61)")
    return tuple(domains)


def check_host_name(table: Table, key: str, name: str) -> None:
    """Check that a name under a key is one that a client can send as SNI.

    :raises ConfigError: when it is an address, or no host name.
    """
    try:
        ipaddress.ip_address(name)
    except ValueError:
        if not _HOST_NAME.fullmatch(name):
            wanted = "a host name of ASCII letters, digits, hyphens and dots is wanted"
            raise table.error(key, f"{name!r}: {wanted}") from None
    else:
        raise table.error(key, f"{name!r} is an address, which no client sends as SNI; give a host name")


def _domain(name: str, table: Table, authorizers: Collection[str]) -> DomainConfiguration:
    if name == DEFAULT_ENDPOINT:
        raise table.error(None, "the default endpoint's own configuration cannot be changed; choose another name (A56)")
    if name.startswith(_RESERVED_PREFIX):
        raise table.error(None, f"names that start with {_RESERVED_PREFIX} are reserved; choose another (A61)")
    if not _NAME.fullmatch(name):
        raise table.error(None, "a domain configuration's name has 1 to 128 letters, digits and _.:-")
    server_name = table.needed_text("server_name", "say which name clients ask for by SNI (A55)")
    check_host_name(table, "server_name", server_name)
    authentication_type, application_protocol = _pair(table)
    default = table.choice("default_authorizer", authorizers, "authorizer")
    if default is not None and not table.has("allow_authorizer_override"):
        raise table.error(
            "allow_authorizer_override",
            "say true or false, since there is a default_authorizer: whether a client may name another (A58)",
        )
    domain = DomainConfiguration(
        name=name,
        server_name=server_name.lower(),
        authentication_type=authentication_type,
        application_protocol=application_protocol,
        default_authorizer=default,
        allow_authorizer_override=table.flag("allow_authorizer_override", True),
        enabled=table.status("ENABLED", "DISABLED", "A61", default="ENABLED"),
    )
    table.finish()
    return domain


def _pair(table: Table) -> tuple[AuthenticationType, ApplicationProtocol]:
    authentication_type = table.member("authentication_type", AuthenticationType, AuthenticationType.DEFAULT, "A53")
    protocol = table.member("application_protocol", ApplicationProtocol, ApplicationProtocol.DEFAULT, "A53")
    legal = _LEGAL_PROTOCOLS[authentication_type]
    if protocol not in legal:
        raise table.error(
            "application_protocol",
            f"{protocol.value} does not go with the authentication_type {authentication_type.value}; "
            f"legal for it: {', '.join(member.value for member in legal)} (A54)",
        )
    return authentication_type, protocol
