"""What no line may show of what a device sends."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from customauth import _parameters as grammar
from customauth.doctor.parameters import AUTHORIZER_NAME, parameters_of
from customauth.doctor.setup import Setup

MASK = "***"

# A shorter one is found in any text, and the gaps would tell it.
_SHORTEST = 4
_URL_SAFE = str.maketrans("+/", "-_")
# What looks like a key, a token or a piece of one: other devices' lines are in the same log.
_LOOKS_SECRET = re.compile(r"[A-Za-z0-9+/_=.%-]{24,}")
_LONGEST_LINE = 200
_LONGEST_WORD = 28
# A longer one is more likely a piece of a token.
_LONGEST_NAME = 40
_PLAIN_NAME = re.compile(r"[\w@-]{1,128}")


class Masking:
    """Masks the secrets of a set-up in AWS's texts and in logs."""

    def __init__(self, setup: Setup) -> None:
        forms = sorted(set(_forms(setup)), key=len, reverse=True)
        # A client id is no secret, not even where the token is the same or a part of it.
        self._client_id = setup.client_id
        self._forms = [form for form in forms if form not in setup.client_id]
        self._in_client_id = [form for form in forms if form in setup.client_id]

    @staticmethod
    def name(text: str) -> str:
        """Return the name of an authorizer, cut where something else seems to follow it."""
        plain = _PLAIN_NAME.match(text)
        shown = "" if plain is None else plain[0]
        return shown if shown == text else f"{shown}…"

    def words(self, text: str) -> str:
        """Return a text of our own without what of the set-up is secret: what it quotes is somebody else's."""
        masked = _masked(text, self._forms)
        if not self._in_client_id:
            return masked
        return self._client_id.join(_masked(piece, self._in_client_id) for piece in masked.split(self._client_id))

    def line(self, text: str) -> str:
        """Return the first line of a text without what is or looks secret, and not too long."""
        first = self.words(next((line.strip() for line in text.splitlines() if line.strip()), ""))
        first = _LOOKS_SECRET.sub(lambda found: found[0] if _is_harmless(found[0]) else MASK, first)
        return first if len(first) <= _LONGEST_LINE else f"{first[:_LONGEST_LINE]}…"


def _masked(text: str, forms: Iterable[str]) -> str:
    for form in forms:
        text = text.replace(form, MASK)
    return text


def _is_harmless(run: str) -> bool:
    """Say whether a long run of characters is words rather than a secret: a class, a module, a file, a code."""
    return all(part.isalpha() and len(part) < _LONGEST_WORD for part in re.split(r"[_./-]", run) if part)


def _forms(setup: Setup) -> Iterator[str]:
    for secret in _secrets(setup):
        for form in (secret, grammar.decode_leniently(secret), *_quoted(secret)):
            for text in (form, json.dumps(form)[1:-1], repr(form)[1:-1]):
                if len(text) >= _SHORTEST:
                    yield text


def _quoted(secret: str) -> tuple[str, str]:
    return quote(secret, errors="replace"), quote(secret, safe="", errors="replace")


def _secrets(setup: Setup) -> Iterator[str]:
    for parameter in parameters_of(setup):
        if parameter.name not in grammar.SDK_NAMES and not parameter.is_named(AUTHORIZER_NAME):
            yield from (parameter.value, parameter.raw_value)
        if len(parameter.name) > _LONGEST_NAME:
            yield parameter.name
    parts = setup.parts
    yield from (secret for secret in (parts.token, parts.signature, setup.jwt) if secret)
    if setup.password is not None:
        encoded = base64.b64encode(setup.password).decode("ascii")
        yield from (setup.password.decode(errors="replace"), encoded, encoded.rstrip("="), encoded.translate(_URL_SAFE))
        yield base64.b64encode(encoded.encode()).decode("ascii")
