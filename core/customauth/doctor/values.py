"""Values that are right in themselves and stand wrongly: in quotes, exchanged, in another field, or not filled in."""

from __future__ import annotations

import base64
import binascii
import re

from attrs import evolve

from customauth import _parameters as grammar
from customauth.doctor.parameters import AUTHORIZER_NAME, SIGNATURE, first, parameters_of
from customauth.doctor.rewriting import reading, rewritten
from customauth.doctor.setup import Setup

_QUOTED = re.compile(r"(?P<quote>[\"'`])(?P<inside>.+)(?P=quote)", re.DOTALL)
_PLACEHOLDER = re.compile(
    r"(?P<plain>\$\{[^{}]*\}|\$\([^()]*\)|\{\{[^{}]*\}\}|%[sv]|%[A-Za-z_]\w*%|YOUR[_-][A-Z_-]+)"
    r"|\$[A-Za-z_]\w*|\{[A-Za-z_]\w*\}|<[^<>]{1,64}>|MY[_-][A-Z_-]+"
)
_MISPLACED = re.compile(r"(?P<own>[^?&]*)[?&](?P<parameters>.*x-amz-customauthorizer-(?:name|signature)=.*)", re.DOTALL)
_RSA_SIZES = frozenset({256, 384, 512})
# A longer run of base64's characters, or of encoded ones, is a signature to which something else has happened.
_LONGEST_RUN = 100
_OF_BASE64 = re.compile(r"[A-Za-z0-9+/_%\s-]*=*\s*")


def unquoted(text: str) -> str:
    """Return a value without the quotes around it, and the blanks around those."""
    found = _QUOTED.fullmatch(text.strip())
    return text if found is None else found["inside"]


def is_placeholder(text: str, *, plain: bool = False) -> bool:
    """Say whether a value is the place for one: a variable that was not expanded, or a word of an example.

    :param plain: only where it hardly is a name or a secret, as ``MY_AUTHORIZER`` and ``<secret>`` may be.
    """
    found = _PLACEHOLDER.fullmatch(text.strip())
    return found is not None and (not plain or found["plain"] is not None)


def unquoted_setup(setup: Setup, *, names_only: bool = False) -> Setup:
    """Return the set-up without the quotes around its values, and without blanks around the user part.

    :param names_only: only of what never has quotes of its own, the authorizer's name and the signature.
    """
    names = [AUTHORIZER_NAME, SIGNATURE]
    if not names_only and setup.parts.token_key_name is not None:
        names.append(setup.parts.token_key_name)
    for name in names:
        parameter = first(parameters_of(setup), name)
        if parameter is not None and unquoted(parameter.value) != parameter.value:
            setup = rewritten(setup, parameter, value=unquoted(parameter.value))
    if names_only:
        return setup
    user, rest = _split(setup.username or "")
    plain = unquoted(user).strip()
    if plain != user:
        setup = evolve(setup, username=f"{plain}{rest}" or None, user=plain)
    password = _text(setup.password)
    if password is not None and (bare := unquoted(password).strip()) != password:
        setup = evolve(setup, password=bare.encode("utf-8", "surrogateescape"))
    return setup


def is_exchanged(setup: Setup) -> bool:
    """Say whether the token has the form of a signature, and the signature not even that of a broken one."""
    token, signature = unquoted(setup.parts.token or ""), setup.parts.signature or ""
    if _size(token) not in _RSA_SIZES or not signature.strip() or is_placeholder(signature):
        return False
    return len(signature) <= _LONGEST_RUN or _OF_BASE64.fullmatch(signature) is None


def exchanged_setup(setup: Setup) -> Setup:
    """Return the set-up with its token as the signature, and its signature as the token."""
    token = first(parameters_of(setup), setup.parts.token_key_name or "")
    if token is None:
        return setup
    swapped = rewritten(setup, token, value=setup.parts.signature or "")
    signature = first(parameters_of(swapped), SIGNATURE)
    return swapped if signature is None else rewritten(swapped, signature, value=setup.parts.token or "")


def misplaced_in(setup: Setup) -> str | None:
    """Return which field holds the parameters that belong to the user name, None where none does."""
    if first(parameters_of(setup), AUTHORIZER_NAME) is not None:
        return None
    if _MISPLACED.fullmatch(setup.client_id):
        return "client id"
    return "password" if _MISPLACED.fullmatch(_text(setup.password) or "") else None


def replaced_setup(setup: Setup) -> Setup:
    """Return the set-up with those parameters at the end of its user name."""
    field = misplaced_in(setup)
    found = _MISPLACED.fullmatch(setup.client_id if field == "client id" else _text(setup.password) or "")
    if field is None or found is None:
        return setup
    username = setup.username or ""
    moved = evolve(setup, username=f"{username}{'&' if '?' in username else '?'}{found['parameters']}")
    own = found["own"]
    if field == "client id":
        return reading(evolve(moved, client_id=own))
    return reading(evolve(moved, password=own.encode("utf-8", "surrogateescape")))


def _split(username: str) -> tuple[str, str]:
    user, parameters = grammar.split_username(username)
    return user, "" if parameters is None else f"?{parameters}"


def _text(password: bytes | None) -> str | None:
    return None if password is None else password.decode("utf-8", "surrogateescape")


def _size(text: str) -> int:
    try:
        return len(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return 0
