"""Keep a client's secrets out of what is logged: a function may quote them in its answer, or in its policies."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote

from customauth import _parameters as grammar
from customauth.gateway.origin import HttpRequest
from customauth.gateway.presented import Presented
from customauth.mqtt import Connect

MASK = "***"

# Forms of secrets times characters to look through.
_MOST_WORK = 20_000_000
_URL_SAFE = str.maketrans("+/", "-_")
# A shorter one is found in any text, and the gaps would tell it.
_SHORTEST = 4
_LONGEST_NAME = 16
_SIMPLE = re.compile(r"[A-Za-z0-9 !#$%&()*+,./:;<=>?@\[\]^_`{|}~-]*")
# A user name has room for ten thousand, and to look for each in every text would keep all other clients waiting.
_MOST_VALUES = 256
# Headers that hold no credential; the value of any other may be one, since a function can read them all.
_PLAIN_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "connection",
        "content-length",
        "content-type",
        "host",
        "origin",
        "pragma",
        "sec-websocket-extensions",
        "sec-websocket-key",
        "sec-websocket-protocol",
        "sec-websocket-version",
        "upgrade",
        "user-agent",
        grammar.AUTHORIZER_NAME,
    }
)
_PLAIN_PARAMETERS = frozenset({"qos", "retain", *grammar.SDK_NAMES})


def secrets_of(connect: Connect | None, http: HttpRequest | None) -> list[str]:
    """List what no line may show, in every form that a text may have it in; the longest first.

    These are the password, and all values of the user name's parameters, the URL query and the headers but those that
    are known to be harmless. Of a client that sends too many of them to look for it is one empty text, which is in any.
    """
    found = set(_values(connect, http))
    if len(found) > _MOST_VALUES:
        return [""]
    # A plus may be a space (A14).
    found |= {value.replace("+", " ") for value in found}
    found |= {grammar.decode_leniently(value) for value in found}
    if connect is not None and connect.password is not None:
        encoded = base64.b64encode(connect.password).decode("ascii")
        found |= {connect.password.decode(errors="replace"), encoded, encoded.rstrip("=")}
        found |= {form.translate(_URL_SAFE) for form in (encoded, encoded.rstrip("="))}
    found |= {quoted for secret in found for quoted in (quote(secret), quote(secret, safe=""))}
    # An answer is JSON, in which a policy document may be JSON in a text; what quotes one of them is Python's repr.
    found |= {form for secret in found for form in _escaped(secret)}
    found |= {form for secret in found for form in _escaped(secret)}
    return sorted((secret for secret in found if len(secret) >= _SHORTEST), key=len, reverse=True)


def redacted(text: str, secrets: Sequence[str]) -> str:
    """Mask each secret in a text; an empty secret masks all of it, and so does more work than the loop can spare."""
    if "" in secrets or len(secrets) * len(text) > _MOST_WORK:
        return MASK
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text


def masked_parameters(presented: Presented) -> tuple[tuple[str, str, str], ...]:
    """List what was presented as source, name and value; only harmless values are shown."""
    named = [("username", name, value) for name, value in presented.username]
    named += [("query", name, value) for name, value in presented.query]
    named += [
        ("header", name, value)
        for name, value in presented.headers.items()
        if name not in _PLAIN_HEADERS or name == grammar.AUTHORIZER_NAME
    ]
    # The others may be pieces of a token whose & was not encoded.
    showable = {
        *grammar.showable_names(presented.username),
        *grammar.showable_names(presented.query),
        *presented.headers,
    }
    return tuple(
        (source, name if name in showable else MASK, value if _is_plain(name) else MASK)
        for source, name, value in named
    )


def masked_event(event: Mapping[str, Any], secrets: Sequence[str]) -> dict[str, Any]:
    """Return an event of :func:`customauth.authorizer.build_event` in which every secret is masked."""
    masked = dict(event)
    if "token" in masked:
        masked["token"] = MASK
    data = {name: dict(context) for name, context in event.get("protocolData", {}).items()}
    if "mqtt" in data:
        mqtt = data["mqtt"]
        if "password" in mqtt:
            mqtt["password"] = MASK
        if "username" in mqtt:
            mqtt["username"] = redacted(_masked_username(mqtt["username"]), secrets)
        if "clientId" in mqtt:
            mqtt["clientId"] = redacted(mqtt["clientId"], secrets)
    if "http" in data:
        http = data["http"]
        http["headers"] = {
            name: redacted(value, secrets) if name.lower() in _PLAIN_HEADERS else MASK
            for name, value in http["headers"].items()
        }
        http["queryString"] = redacted(_masked_query(http["queryString"]), secrets)
    if data:
        masked["protocolData"] = data
    return masked


def _values(connect: Connect | None, http: HttpRequest | None) -> Iterator[str]:
    texts = []
    if connect is not None:
        texts.append(grammar.split_username(connect.username or "")[1] or "")
    if http is not None:
        texts.append(http.query)
        yield from (value for name, value in parse_qsl(http.query, keep_blank_values=True) if not _is_plain(name))
        for name, value in http.headers.items():
            if name not in _PLAIN_HEADERS:
                # The credential alone too, which an authorization header has behind its scheme.
                yield from (value, *value.split(), *http.repeated.get(name, ()))
    for text in texts:
        for name, value in grammar.split_parameters(text):
            if not _is_plain(name):
                yield value
            if not value.strip("=") and len(name) >= _LONGEST_NAME and not grammar.same_name(name, grammar.SIGNATURE):
                # No name without a value, but a token whose & was not encoded, or a piece of it.
                yield name


def _escaped(text: str) -> Iterator[str]:
    if _SIMPLE.fullmatch(text):
        # As most values are; quoting leaves it as it is, and takes long.
        return
    for quoted in (ascii(text), repr(text), json.dumps(text), json.dumps(text, ensure_ascii=False)):
        yield quoted[1:-1]
        yield quoted[1:-1].replace("'", "\\'")


def _is_plain(name: str) -> bool:
    return grammar.same_name(name, grammar.AUTHORIZER_NAME) or name in _PLAIN_PARAMETERS


def _masked_username(username: str) -> str:
    user, query = grammar.split_username(username)
    return user if query is None else f"{user}?{_masked_query(query)}"


def _masked_query(query: str) -> str:
    pairs = grammar.split_parameters(query)
    showable = set(grammar.showable_names(pairs))
    return "&".join(
        f"{name if name in showable else MASK}={value if _is_plain(name) else MASK}" for name, value in pairs
    )
