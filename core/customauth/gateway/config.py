"""The gateway's configuration: which names it serves and which custom authorizers decide (section B of the facts).

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

    [authorizers.open-door]
    status = "ACTIVE"
    function = "authorizer.py:handler"
    signing_disabled = true
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from customauth.errors import CredentialError
from customauth.gateway.runtime import parse_function
from customauth.signing import load_public_key

_NAME = re.compile(r"[\w=,@-]{1,128}", re.ASCII)  # B1
_TOKEN_KEY_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")  # B3
_PUBLIC_KEY_NAME = re.compile(r"[a-zA-Z0-9:_-]{1,128}")  # B4
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")
_ACCOUNT = re.compile(r"\d{12}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_MAX_PUBLIC_KEYS = 2  # B5


class ConfigError(ValueError):
    """The configuration cannot be used; the message names the place and the mend."""


@frozen(kw_only=True)
class Authorizer:
    """A custom authorizer, with AWS's own attributes (B1-B10).

    :ivar active: an INACTIVE authorizer refuses everybody.
    :ivar file: the file of its function, and ``handler`` the function's name in it.
    :ivar public_keys: by key name, one or two; none when signing is disabled.
    """

    name: str
    active: bool
    file: Path
    handler: str
    token_key_name: str | None = None
    signing_disabled: bool = False
    public_keys: Mapping[str, RSAPublicKey] = field(factory=dict)
    environment: Mapping[str, str] = field(factory=dict, repr=False)


@frozen(kw_only=True)
class GatewayConfig:
    """What one gateway serves.

    :ivar names: what clients may ask for by SNI (A47).
    :ivar default_authorizer: who decides when the client names none (A60).
    """

    authorizers: Mapping[str, Authorizer]
    names: tuple[str, ...] = ("localhost",)
    region: str = "us-east-1"
    account: str = "123456789012"
    default_authorizer: str | None = None

    def arn(self, resource: str) -> str:
        """Return the ARN of an IoT resource of this account, such as ``client/abc`` (D3)."""
        return f"arn:aws:iot:{self.region}:{self.account}:{resource}"

    def function_arn(self, authorizer: Authorizer) -> str:
        """Return the ARN that the authorizer's function sees in its context."""
        name = re.sub(r"[^a-zA-Z0-9_-]", "-", authorizer.name)[:64]
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{name}"


def load_config(file: Path) -> GatewayConfig:
    """Read a configuration file; relative paths in it are relative to its folder.

    :raises ConfigError: naming the file, the place in it and the mend.
    """
    try:
        return parse_config(tomllib.loads(file.read_text(encoding="utf-8")), base=file.parent)
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not TOML: {error}") from error
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from error


def parse_config(document: Mapping[str, Any], *, base: Path) -> GatewayConfig:
    """Build the configuration from a parsed document.

    :raises ConfigError: naming the place and the mend.
    """
    root = _Table("", document)
    gateway = root.table("gateway")
    tables = root.table("authorizers")
    authorizers = {name: _authorizer(name, tables.table(name), base) for name in tables.names()}
    if not authorizers:
        raise ConfigError("there is no authorizer; add a table [authorizers.NAME]")
    root.finish()
    names = gateway.texts("names", ["localhost"])
    if not names:
        raise gateway.error("names", 'name at least one, such as "localhost"')
    for name in names:
        _check_server_name(gateway, name)
    default = gateway.text("default_authorizer", None)
    if default is not None and default not in authorizers:
        raise gateway.error(
            "default_authorizer", f"there is no authorizer {default!r}; there are {', '.join(authorizers)}"
        )
    config = GatewayConfig(
        authorizers=authorizers,
        names=tuple(name.lower() for name in names),
        region=gateway.matching("region", _REGION, "a region such as us-east-1", "us-east-1"),
        account=gateway.matching("account", _ACCOUNT, "twelve digits, in quotes", "123456789012"),
        default_authorizer=default,
    )
    gateway.finish()
    return config


def _authorizer(name: str, table: _Table, base: Path) -> Authorizer:
    if not _NAME.fullmatch(name):
        raise table.error("", "an authorizer's name has 1 to 128 letters, digits and _=,@- (B1)")
    status = table.text("status", "INACTIVE")
    if status not in ("ACTIVE", "INACTIVE"):
        raise table.error("status", "write ACTIVE or INACTIVE (B9)")
    function = table.text("function", None)
    if function is None:
        raise table.error("function", 'say which function decides, as "authorizer.py:handler"')
    try:
        file, handler = parse_function(function, base=base)
    except ValueError as error:
        raise table.error("function", str(error)) from error
    if not file.is_file():
        raise table.error("function", f"there is no file {file}")
    signing_disabled = table.flag("signing_disabled", False)
    key_table = table.table("token_signing_public_keys")
    keys = {key: _public_key(key_table, key, base) for key in key_table.names()}
    key_name = table.matching("token_key_name", _TOKEN_KEY_NAME, "1 to 128 letters, digits, _ and - (B3)", None)
    variables = _variables(table.table("environment"))
    table.finish()
    if signing_disabled and keys:
        raise table.error("token_signing_public_keys", "leave the keys out, since signing is disabled (B6)")
    if not signing_disabled and not 1 <= len(keys) <= _MAX_PUBLIC_KEYS:
        raise table.error("token_signing_public_keys", "give one or two public keys, or signing_disabled = true (B5)")
    if not signing_disabled and key_name is None:
        raise table.error("token_key_name", "say under which name clients send the token (B5)")
    return Authorizer(
        name=name,
        active=status == "ACTIVE",
        file=file,
        handler=handler,
        token_key_name=key_name,
        signing_disabled=signing_disabled,
        public_keys=keys,
        environment=variables,
    )


def _check_server_name(gateway: _Table, name: str) -> None:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        if not _HOST_NAME.fullmatch(name):
            wanted = "a host name of ASCII letters, digits, hyphens and dots is wanted"
            raise gateway.error("names", f"{name!r}: {wanted}") from None
    else:
        raise gateway.error("names", f"{name!r} is an address, which no client sends as SNI; give a host name")


def _variables(table: _Table) -> dict[str, str]:
    variables = {name: table.text(name, None) or "" for name in table.names()}
    for name, value in variables.items():
        if not _VARIABLE.fullmatch(name):
            raise table.error(repr(name), "a variable's name has letters, digits and _, and no digit first")
        if "\0" in value:
            raise table.error(name, "a variable's value has no NUL")
    return variables


def _public_key(table: _Table, name: str, base: Path) -> RSAPublicKey:
    if not _PUBLIC_KEY_NAME.fullmatch(name):
        raise table.error(name, "a key's name has 1 to 128 letters, digits and :_- (B4)")
    value = table.text(name, None) or ""
    try:
        pem = value.encode() if "-----BEGIN" in value else (base / value).read_bytes()
        return load_public_key(pem)
    except OSError as error:
        raise table.error(name, f"{value}: {error.strerror or error}") from error
    except CredentialError as error:
        raise table.error(name, str(error)) from error


class _Table:
    """One table of the document: typed look-ups whose errors name the place, and a check for what nobody asked for."""

    def __init__(self, path: str, content: Mapping[str, Any]) -> None:
        self._path = path
        self._content = content
        self._seen: set[str] = set()

    def error(self, key: str, message: str) -> ConfigError:
        return ConfigError(f"{'.'.join(filter(None, (self._path, key)))}: {message}")

    def names(self) -> list[str]:
        return list(self._content)

    def table(self, key: str) -> _Table:
        value = self._get(key, {}, lambda value: isinstance(value, dict), "a table")
        return _Table(".".join(filter(None, (self._path, key))), value)

    def text(self, key: str, default: str | None) -> str | None:
        value: str | None = self._get(key, default, lambda value: isinstance(value, str), "a text in quotes")
        return value

    def texts(self, key: str, default: list[str]) -> list[str]:
        value: list[str] = self._get(key, default, _is_texts, "a list of texts")
        return value

    def flag(self, key: str, default: bool) -> bool:
        value: bool = self._get(key, default, lambda value: isinstance(value, bool), "true or false")
        return value

    def matching(self, key: str, pattern: re.Pattern[str], wanted: str, default: str | None) -> Any:
        value = self.text(key, default)
        if value is not None and not pattern.fullmatch(value):
            raise self.error(key, f"{wanted} is wanted")
        return value

    def finish(self) -> None:
        unknown = [key for key in self._content if key not in self._seen]
        if unknown:
            raise self.error(unknown[0], f"unknown; known here: {', '.join(sorted(self._seen))}")

    def _get(self, key: str, default: Any, fits: Callable[[Any], bool], wanted: str) -> Any:
        self._seen.add(key)
        if key not in self._content:
            return default
        value = self._content[key]
        if not fits(value):
            raise self.error(key, f"{wanted} is wanted")
        return value


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
