"""What a profile may hold: the long names of options, with underscores or hyphens."""

from __future__ import annotations

import enum
from collections.abc import Mapping


class Kind(enum.Enum):
    """What the value of a key is.

    :ivar value: how an error message names it.
    """

    TEXT = "a text in quotes"
    NUMBER = "a whole number, without quotes,"
    SECONDS = "a number, without quotes,"
    FLAG = "true or false, without quotes,"
    FILE = "the path of a file, in quotes,"
    FILES = "a list of paths in quotes"
    TEXTS = "a list of texts in quotes"
    PAIRS = 'a list of pairs, [["NAME", "VALUE"]],'
    SECRET = "a reference in quotes"  # noqa: S105 - what is wanted there
    PROXY = "a URL in quotes, or a reference,"


KEYS: Mapping[str, Kind] = {
    "endpoint": Kind.TEXT,
    "authorizer": Kind.TEXT,
    "username": Kind.TEXT,
    "password": Kind.SECRET,
    "token_key_name": Kind.TEXT,
    "token": Kind.SECRET,
    "token_signature": Kind.SECRET,
    "sign_with": Kind.FILE,
    "passphrase": Kind.SECRET,
    "jwt": Kind.SECRET,
    "backend": Kind.TEXT,
    "protocol": Kind.TEXT,
    "port": Kind.NUMBER,
    "cafile": Kind.FILE,
    "address": Kind.TEXT,
    "transport": Kind.TEXT,
    "credentials_in": Kind.TEXT,
    "proxy": Kind.PROXY,
    "cert": Kind.FILE,
    "key": Kind.FILE,
    "client_id": Kind.TEXT,
    "keep_alive": Kind.NUMBER,
    "no_clean_start": Kind.FLAG,
    "session_expiry": Kind.NUMBER,
    "will_topic": Kind.TEXT,
    "will_payload": Kind.TEXT,
    "will_qos": Kind.NUMBER,
    "will_retain": Kind.FLAG,
    "will_delay": Kind.NUMBER,
    "connect_user_property": Kind.PAIRS,
    "timeout": Kind.SECONDS,
    "sdk_metrics": Kind.FLAG,
    "qos": Kind.NUMBER,
    "answer_timeout": Kind.SECONDS,
    "alpn": Kind.TEXT,
    "public_key": Kind.FILES,
    "publish": Kind.TEXTS,
    "subscribe": Kind.TEXTS,
    "region": Kind.TEXT,
    "aws_profile": Kind.TEXT,
}

_ALIASES = {
    "authorizer_name": "authorizer",
    "authorizer_token_key_name": "token_key_name",
    "authorizer_token_key_value": "token",
    "authorizer_signature": "token_signature",
}

# Two of a pair are never right together: each of them makes what the other is.
EXCLUSIVE = (
    ("jwt", "token"),
    ("jwt", "token_signature"),
    ("jwt", "sign_with"),
    ("token_signature", "sign_with"),
)


def canonical(name: str) -> str:
    """Return the key under which an option's long name, without its hyphens at the front, is known here."""
    name = name.replace("-", "_")
    return _ALIASES.get(name, name)


def spellings() -> list[str]:
    """Return every name that a key may have in a file, with underscores."""
    return [*KEYS, *_ALIASES]
