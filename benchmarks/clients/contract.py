"""The server that both arms meet, and how to come in."""

from __future__ import annotations

import functools
from pathlib import Path

from attrs import field, frozen

from customauth import CustomAuth, Endpoint, SignedToken

KEEP_ALIVE = 1200
"""Seconds; longer than any measure, so that nobody pings while something else is measured."""


@frozen(kw_only=True)
class Target:
    """The server, and how to come in. It is dialled by name, as everybody does.

    :ivar username: the user name as MQTT has it, finished.
    :ivar authorizer: with ``token_key_name``, ``token`` and ``signature`` what ``customauth`` makes the same of, None
        where a user name and a password are all.
    """

    host: str
    port: int
    ca_file: Path = field(converter=Path)
    username: str = field(repr=False)
    password: bytes | None = field(default=None, repr=False)
    authorizer: str | None = None
    token_key_name: str | None = None
    token: str | None = field(default=None, repr=False)
    signature: str | None = field(default=None, repr=False)


@functools.cache
def endpoint_of(target: Target) -> Endpoint:
    """Return a target as customauth has it, made once, as an application does."""
    return Endpoint.parse(f"{target.host}:{target.port}", ca_pem=target.ca_file.read_bytes())


@functools.cache
def credentials_of(target: Target) -> CustomAuth:
    """Return what a target wants to see, as customauth has it."""
    if target.token_key_name is None or target.token is None or target.signature is None:
        return CustomAuth(username=target.username, password=target.password)
    token = SignedToken(key_name=target.token_key_name, value=target.token, signature=target.signature)
    return CustomAuth(authorizer=target.authorizer, token=token)
