"""A scenario of a swarm in a TOML file, for the command and for Locust alike.

::

    endpoint = "localhost:8443"
    cafile = "customauth-gateway/ca/ca.pem"     # relative to this file
    clients = 1000
    rate = 100                                  # connects a second
    duration = 60                               # seconds

    [client]
    client-id = "device-{n}"
    authorizer = "signed-sample"
    token-key-name = "token"
    token = "file:token.txt"                    # or env:NAME, cmd:COMMAND, or a text with {n} or {client_id}
    sign-with = "private.pem"

    [publish]
    every = 10                                  # seconds
    topic = "sample/{client_id}"

    [storm]
    after = 20                                  # seconds
    jitter = 5
"""

from __future__ import annotations

import difflib
import enum
import tomllib
from pathlib import Path
from typing import Any

from customauth._toml_lines import line_of
from customauth.errors import EndpointError
from customauth.profiles.references import Reference, UnusableReference, located
from customauth.swarm.settings import Settings


class _Kind(enum.Enum):
    """What the value of a key is, as an error message names it."""

    TEXT = "a text in quotes"
    WHOLE = "a whole number"
    NUMBER = "a number"
    REFERENCE = "a reference (file:PATH, env:NAME or cmd:COMMAND), or a text with {n} or {client_id}"
    FILE = "the path of a file, in quotes"
    FILE_TEXT = "the path of a text file, in quotes"


# By table of the file, "" for its top: the key, the setting that it makes, and what its value is.
_KEYS: dict[str, dict[str, tuple[str, _Kind]]] = {
    "": {
        "endpoint": ("endpoint", _Kind.TEXT),
        "address": ("address", _Kind.TEXT),
        "transport": ("transport", _Kind.TEXT),
        "cafile": ("ca_pem", _Kind.FILE),
        "backend": ("backend", _Kind.TEXT),
        "protocol": ("protocol", _Kind.TEXT),
        "credentials-in": ("credentials_in", _Kind.TEXT),
        "keep-alive": ("keep_alive", _Kind.WHOLE),
        "timeout": ("timeout", _Kind.NUMBER),
        "clients": ("clients", _Kind.WHOLE),
        "rate": ("rate", _Kind.NUMBER),
        "duration": ("duration", _Kind.NUMBER),
        "refresh": ("refresh", _Kind.NUMBER),
        "processes": ("processes", _Kind.WHOLE),
    },
    "client": {
        "client-id": ("client_id", _Kind.TEXT),
        "authorizer": ("authorizer", _Kind.TEXT),
        "username": ("username", _Kind.TEXT),
        "password": ("password", _Kind.REFERENCE),
        "token-key-name": ("token_key_name", _Kind.TEXT),
        "token": ("token", _Kind.REFERENCE),
        "signature": ("signature", _Kind.REFERENCE),
        "sign-with": ("private_pem", _Kind.FILE),
        "passphrase": ("passphrase", _Kind.REFERENCE),
        "jwt": ("jwt", _Kind.REFERENCE),
        "csv": ("table", _Kind.FILE_TEXT),
    },
    "publish": {
        "every": ("publish_every", _Kind.NUMBER),
        "topic": ("publish_topic", _Kind.TEXT),
        "qos": ("publish_qos", _Kind.WHOLE),
        "size": ("publish_size", _Kind.WHOLE),
    },
    "storm": {"after": ("storm_after", _Kind.NUMBER), "jitter": ("storm_jitter", _Kind.NUMBER)},
}
_BYTES = frozenset({"passphrase"})
_CHOICES = {
    "transport": ("mqtt", "wss"),
    "protocol": ("5", "3.1.1"),
    "credentials-in": ("username", "headers", "query"),
}


def read_scenario(path: Path) -> Settings:
    """Read a scenario file.

    :raises EndpointError: it cannot be read or holds what it cannot, with the line and what to write; never a secret.
    """
    try:
        text = path.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except OSError as error:
        raise EndpointError(f"{path}: {error.strerror or error}; give --scenario a file that can be read") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise EndpointError(f"{path} is no TOML: {error}; mend the file") from None
    found: dict[str, Any] = {}
    for key, value in document.items():
        if key in _KEYS and key:
            if not isinstance(value, dict):
                raise _error(path, text, (key,), f"is a table; write [{key}] on a line of its own")
            for name, inner in value.items():
                found |= _setting(path, text, (key, name), inner)
        else:
            found |= _setting(path, text, (key,), value)
    return Settings(**found)


def _setting(path: Path, text: str, place: tuple[str, ...], value: Any) -> dict[str, Any]:
    *tables, key = place
    known = _KEYS["".join(tables)]
    if key not in known:
        close = difflib.get_close_matches(key.replace("_", "-"), known, n=1)
        raise _error(
            path, text, place, f"unknown; is {close[0]} meant?" if close else f"unknown; known: {', '.join(known)}"
        )
    name, kind = known[key]
    if key in _CHOICES and value not in _CHOICES[key]:
        raise _error(path, text, place, f"write one of {', '.join(_CHOICES[key])}, in quotes")
    if not _fits(kind, value):
        raise _error(path, text, place, f"{kind.value} is wanted")
    try:
        read = _read(kind, value, path.parent)
    except (OSError, UnicodeDecodeError) as error:
        raise _error(path, text, place, f"{value}: {getattr(error, 'strerror', None) or 'it is no text'}") from None
    except UnusableReference as error:
        raise _error(path, text, place, str(error)) from None
    return {name: read.encode() if name in _BYTES else read}


def _fits(kind: _Kind, value: Any) -> bool:
    if kind is _Kind.WHOLE:
        return type(value) is int
    if kind is _Kind.NUMBER:
        return type(value) in (int, float)
    if not isinstance(value, str):
        return False
    return kind is not _Kind.REFERENCE or "{n}" in value or "{client_id}" in value or ":" in value


def _read(kind: _Kind, value: Any, folder: Path) -> Any:
    if kind is _Kind.FILE:
        return located(value, folder).read_bytes()
    if kind is _Kind.FILE_TEXT:
        return located(value, folder).read_text(encoding="utf-8")
    if kind is not _Kind.REFERENCE:
        return value
    reference = Reference.parse(value, folder=folder)
    if reference is not None:
        return reference.read().decode()
    if "{n}" not in value and "{client_id}" not in value:
        raise UnusableReference(f"{kind.value} is wanted; secrets do not stand in this file")
    return value


def _error(path: Path, text: str, place: tuple[str, ...], message: str) -> EndpointError:
    line = line_of(text, place)
    where = f"{path}:{line}" if line is not None else str(path)
    return EndpointError(f"{where}: {'.'.join(place)}: {message}")
