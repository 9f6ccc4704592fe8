"""Read the gateway's configuration from TOML; ``docs/gateway-config.md`` has every key of it.

::

    [gateway]
    names = ["localhost"]              # what clients may ask for by SNI; the first is in the printed commands
    region = "us-east-1"
    account = "123456789012"
    default_authorizer = "my-authorizer"

    [authorizers.my-authorizer]
    status = "ACTIVE"                  # left out it is INACTIVE, as on AWS (B9)
    function = "authorizer.py:handler"
    token_key_name = "token"
    token_signing_public_keys = { key1 = "public.pem" }     # a file, or the PEM itself

    [domain_configurations.wss-only]
    server_name = "wss.example.test"
    authentication_type = "CUSTOM_AUTH"
    application_protocol = "MQTT_WSS"
    default_authorizer = "my-authorizer"
    allow_authorizer_override = false

    [client_certificates.pump-7]
    certificate = "pump7.pem"
    status = "ACTIVE"                  # left out it is INACTIVE, as AWS registers them
    policy_documents = ["pump7-policy.json"]
"""

from __future__ import annotations

import re
from pathlib import Path

from customauth.gateway.config import GatewayConfig
from customauth.gateway.config_authorizers import parse_authorizers
from customauth.gateway.config_certificates import parse_certificates
from customauth.gateway.config_domains import check_host_name, parse_domains
from customauth.gateway.config_table import Source, Table, file_error

_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+", re.ASCII)
_ACCOUNT = re.compile(r"\d{12}", re.ASCII)


def load_config(file: Path) -> GatewayConfig:
    """Read a configuration file; relative paths in it are relative to its folder.

    :raises ConfigError: naming the file, the line, the place in it and the mend.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise file_error(file, error.strerror or str(error)) from error
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise file_error(file, f"not TOML: {error}; save it as UTF-8", line=line) from error
    return parse_config(text, file=file)


def parse_config(text: str, *, file: Path) -> GatewayConfig:
    """Build the configuration from the text of a file.

    :raises ConfigError: naming the file, the line, the place in it and the mend.
    """
    source = Source(file, text)
    root = source.table()
    gateway = root.table("gateway")
    authorizers = parse_authorizers(root)
    names = _names(gateway)
    config = GatewayConfig(
        authorizers=authorizers,
        names=names,
        region=gateway.matching("region", _REGION, "a region such as us-east-1") or "us-east-1",
        account=gateway.matching("account", _ACCOUNT, "twelve digits, in quotes,") or "123456789012",
        default_authorizer=gateway.choice("default_authorizer", authorizers, "authorizer"),
        domain_configurations=parse_domains(root, authorizers, names),
        client_certificates=parse_certificates(root),
        plus_is_space=gateway.flag("plus_is_space", False),
        enforce_quotas=gateway.flag("enforce_quotas", False),
        recheck_connect_without_will=gateway.flag("recheck_connect_without_will", False),
        files=tuple(dict.fromkeys(source.files)),
    )
    gateway.finish()
    root.finish()
    return config


def _names(gateway: Table) -> tuple[str, ...]:
    names = gateway.texts("names", ["localhost"])
    if not names:
        raise gateway.error("names", 'name at least one, such as "localhost"')
    for name in names:
        check_host_name(gateway, "names", name)
    return tuple(dict.fromkeys(name.lower() for name in names))
