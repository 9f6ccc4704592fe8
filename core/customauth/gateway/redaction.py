"""Keep a client's secrets out of what is logged: a function may quote them in its answer, or in its policies."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence

from customauth import _parameters as grammar
from customauth.mqtt import Connect

# A shorter one is found in any text, and the gaps would tell it.
_SHORTEST = 4


def secrets_of(connect: Connect) -> list[str]:
    """List what no line may show, in every form that a text may have it in; the longest first.

    These are the password, and of the user name's parameters all values but the authorizer's name.
    """
    _, query = grammar.split_username(connect.username or "")
    pairs = grammar.split_parameters(query or "")
    found = {value for key, value in pairs if not grammar.same_name(key, grammar.AUTHORIZER_NAME)}
    found |= {grammar.decode_leniently(value) for value in found}
    if connect.password is not None:
        found |= {connect.password.decode(errors="replace"), base64.b64encode(connect.password).decode("ascii")}
    found |= {escaped[1:-1] for secret in found for escaped in (ascii(secret), json.dumps(secret))}
    return sorted((secret for secret in found if len(secret) >= _SHORTEST), key=len, reverse=True)


def redacted(text: str, secrets: Sequence[str]) -> str:
    """Mask each secret in a text."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text
