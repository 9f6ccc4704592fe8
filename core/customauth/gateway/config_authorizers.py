"""Read the tables ``[authorizers.NAME]`` of a configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from customauth.errors import CredentialError
from customauth.gateway.config import Authorizer
from customauth.gateway.config_table import Table
from customauth.gateway.runtimes.functions import parse_function
from customauth.signing import load_public_key

_NAME = re.compile(r"[\w=,@-]{1,128}", re.ASCII)  # B1
_TOKEN_KEY_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")  # B3
_PUBLIC_KEY_NAME = re.compile(r"[a-zA-Z0-9:_-]{1,128}")  # B4
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MAX_PEM_LENGTH = 5120  # B4
_MAX_PUBLIC_KEYS = 2  # B5
_MAX_AUTHORIZERS = 100  # B16
_MAX_ACTIVE_AUTHORIZERS = 32  # B16
# What Lambda offers, in MB.
_MEMORY_SIZES = (128, 10_240)


def parse_authorizers(root: Table) -> dict[str, Authorizer]:
    """Read the custom authorizers, by name.

    :raises ConfigError: when one breaks a rule of AWS (B1-B10, B16), or there is none.
    """
    authorizers = {name: _authorizer(name, table) for name, table in root.tables("authorizers")}
    if not authorizers:
        raise root.error(None, "there is no authorizer; add a table [authorizers.NAME]")
    if len(authorizers) > _MAX_AUTHORIZERS:
        raise root.error("authorizers", f"there are {len(authorizers)}; AWS takes {_MAX_AUTHORIZERS} (B16)")
    active = sum(authorizer.active for authorizer in authorizers.values())
    if active > _MAX_ACTIVE_AUTHORIZERS:
        raise root.error("authorizers", f"{active} are ACTIVE; AWS takes {_MAX_ACTIVE_AUTHORIZERS} of them (B16)")
    return authorizers


def _authorizer(name: str, table: Table) -> Authorizer:
    if not _NAME.fullmatch(name):
        raise table.error(None, "an authorizer's name has 1 to 128 letters, digits and _=,@- (B1)")
    active = table.status("ACTIVE", "INACTIVE", "B9", default="INACTIVE")
    text = table.needed_text("function", 'say which function decides, as "authorizer.py:handler"')
    try:
        function = parse_function(text, base=table.folder)
    except ValueError as error:
        raise table.error("function", str(error)) from error
    signing_disabled = table.flag("signing_disabled", False)
    authorizer = Authorizer(
        name=name,
        active=active,
        function=function,
        token_key_name=table.matching("token_key_name", _TOKEN_KEY_NAME, "1 to 128 letters, digits, _ and - (B3)"),
        signing_disabled=signing_disabled,
        public_keys=_public_keys(table, signing_disabled=signing_disabled),
        environment=_variables(table.table("environment")),
        enable_caching_for_http=table.flag("enable_caching_for_http", False),
        memory_size=table.number("memory_size", *_MEMORY_SIZES, default=512),
    )
    if not signing_disabled and authorizer.token_key_name is None:
        raise table.error("token_key_name", "say under which name clients send the token (B5)")
    table.finish()
    return authorizer


def _public_keys(table: Table, *, signing_disabled: bool) -> Mapping[str, RSAPublicKey]:
    keys = table.table("token_signing_public_keys")
    names = keys.names()
    if signing_disabled and names:
        raise keys.error(None, "leave the keys out, since signing is disabled (B6)")
    if not signing_disabled and not 1 <= len(names) <= _MAX_PUBLIC_KEYS:
        raise keys.error(None, "give one or two public keys, or signing_disabled = true (B5)")
    return {name: _public_key(keys, name) for name in names}


def _public_key(keys: Table, name: str) -> RSAPublicKey:
    if not _PUBLIC_KEY_NAME.fullmatch(name):
        raise keys.error(name, "a key's name has 1 to 128 letters, digits and :_- (B4)")
    value = keys.needed_text(name, "give the public key")
    pem = value.encode() if "-----BEGIN" in value else keys.read(name, value)
    if len(pem) > _MAX_PEM_LENGTH:
        raise keys.error(name, f"the PEM has {len(pem)} characters; AWS takes {_MAX_PEM_LENGTH} (B4)")
    try:
        return load_public_key(pem)
    except CredentialError as error:
        raise keys.error(name, str(error)) from error


def _variables(table: Table) -> dict[str, str]:
    variables = {}
    for name in table.names():
        if not _VARIABLE.fullmatch(name):
            raise table.error(name, "a variable's name has letters, digits and _, and no digit first")
        value = table.needed_text(name, "give its value")
        if "\0" in value:
            raise table.error(name, "a variable's value has no NUL")
        variables[name] = value
    return variables
