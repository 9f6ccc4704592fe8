"""What of a set-up may be shown: nothing that is a secret, or may be a piece of one in a user name that is garbled."""

from __future__ import annotations

import re
from typing import Any

from customauth.doctor.setup import Origin, Setup
from customauth.request import CredentialsIn

# In a raw user name a signature may follow the authorizer's name behind a wrong separator.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_@-]{1,128}")
_PARAMETERS = re.compile(r"x-amz-|(?:token|jwt|password|signature)=", re.IGNORECASE)
_BEGIN = re.compile(r"[^?&=;,\s]*[?&=;,\s]")


def shown_authorizer(setup: Setup) -> str | None:
    """Return the authorizer's name where it surely is nothing else."""
    name = setup.parts.authorizer
    plain = name is not None and (setup.origin is Origin.FLAGS or _PLAIN_NAME.fullmatch(name))
    return name if plain else None


def shown_client_id(setup: Setup) -> str:
    """Return the client id without the parameters that somebody may have put there."""
    own = _own_part(setup.client_id)
    return setup.client_id if own == setup.client_id else f"{own}***"


def starred_client_id(setup: Setup) -> str:
    """Return the same with an asterisk for each byte of them, as long as what is sent."""
    own = _own_part(setup.client_id)
    return own + "*" * len(setup.client_id.removeprefix(own).encode(errors="replace"))


def shown_token_key_name(setup: Setup) -> str | None:
    """Return the authorizer's token key name where the person gave it: one that is found may be a piece of a token."""
    return setup.expected_token_key_name or (setup.parts.token_key_name if setup.origin is Origin.FLAGS else None)


def shown_user(setup: Setup) -> str | None:
    """Return the user part where the person gave it, or it is the client id: another may be a token's place."""
    given = setup.user if setup.origin is Origin.FLAGS else (setup.username or "").partition("?")[0]
    is_known = setup.origin is Origin.FLAGS or (setup.client_id_given and given == setup.client_id)
    return given if is_known and _PLAIN_NAME.fullmatch(given) else None


def shown(setup: Setup) -> dict[str, Any]:
    """Return the set-up fit for JSON, without its secrets."""
    endpoint, will = setup.endpoint, setup.will
    return {
        "origin": setup.origin.value,
        "endpoint": None if endpoint is None else str(endpoint),
        "address": None if endpoint is None else endpoint.address,
        "proxy": None if endpoint is None or endpoint.proxy is None else str(endpoint.proxy),
        "alpn": list(setup.alpn),
        "protocol": setup.version.label,
        "client_id": shown_client_id(setup),
        "clean_start": setup.clean_start,
        "session_expiry": setup.session_expiry,
        "keep_alive": setup.keep_alive,
        "will": None if will is None else {"topic": will.topic, "qos": will.qos, "retain": will.retain},
        "credentials_in": setup.credentials_in.value,
        "user": setup.user if setup.origin is Origin.FLAGS else None,
        "password": _masked(setup.password),
        "authorizer": shown_authorizer(setup),
        "token_key_name": shown_token_key_name(setup),
        "token": _masked(setup.parts.token),
        "signature": _masked(setup.parts.signature),
        "jwt": _masked(setup.jwt),
        "public_keys": sorted(setup.public_keys),
        "publish": list(setup.publish),
        "subscribe": list(setup.subscribe),
        "broken": setup.broken,
    }


def summary(setup: Setup) -> str:
    """Say in one line what is examined."""
    parts = [f"MQTT {setup.version.label} to {setup.endpoint}" if setup.endpoint is not None else "no ENDPOINT"]
    if setup.client_id_given:
        parts.append(f"client id {shown_client_id(setup)}" if setup.client_id else "no client id")
    name = shown_authorizer(setup)
    parts.append(f"authorizer {name}" if name else "no authorizer named" if setup.parts.authorizer is None else "")
    parts.append("signed token" if setup.parts.token and setup.parts.signature else "no signed token")
    parts.append("password" if setup.password is not None else "no password")
    is_query = setup.origin is Origin.USERNAME and setup.credentials_in is CredentialsIn.QUERY
    parts.append(f"as in {'the raw query' if is_query else setup.origin.value}")
    return ", ".join(part for part in parts if part)


def _own_part(client_id: str) -> str:
    """Return a client id up to where parameters begin in it."""
    if _PARAMETERS.search(client_id) is None:
        return client_id
    begin = _BEGIN.match(client_id)
    return "" if begin is None else begin[0]


def _masked(secret: str | bytes | None) -> str | None:
    return None if secret is None else "***"
