"""Servers and certificates that ship in ``customauth.testing``, under one name for tests. Import as ``servers``."""

from __future__ import annotations

from customauth.testing.certificates import (
    Identity,
    authority,
    expired_identity,
    good_identity,
    other_name_identity,
    stranger_ca_pem,
)
from customauth.testing.scripted import (
    Accept,
    AcceptThenClose,
    Action,
    CloseAfterConnect,
    NeverAnswer,
    Peer,
    Refuse,
    ScriptedServer,
    scripted_server,
)
from customauth.testing.sockets import (
    PlainServer,
    alpn_refusing_server,
    blackhole,
    closed_port,
    hanging_up_server,
    silent_server,
)

__all__ = [
    "Accept",
    "AcceptThenClose",
    "Action",
    "CloseAfterConnect",
    "Identity",
    "NeverAnswer",
    "Peer",
    "PlainServer",
    "Refuse",
    "ScriptedServer",
    "alpn_refusing_server",
    "authority",
    "blackhole",
    "closed_port",
    "expired_identity",
    "good_identity",
    "hanging_up_server",
    "other_name_identity",
    "scripted_server",
    "silent_server",
    "stranger_ca_pem",
]
