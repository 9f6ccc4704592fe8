"""What a signature may have been made of in place of the token, and which rule that gives away."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from attrs import field, frozen

from customauth.doctor.lint.jwt import read_jwt
from customauth.doctor.lint.sight import Sight
from customauth.doctor.parameters import Parameter, candidates, first, pieces_cut_off
from customauth.doctor.values import unquoted

_MISMATCH = "signature-mismatch"
_NEWLINE = "token-newline"
_QUOTED = "value-quoted"
_TWICE = "token-double-encoded"
_UNENCODED = "token-unencoded"
_MOST_PIECES = 16


@frozen(kw_only=True)
class Variant:
    """A text that may have been signed.

    :ivar rule: what is wrong then, None for the token itself.
    :ivar evidence: what was seen, in words.
    """

    rule: str | None
    evidence: str
    text: bytes = field(repr=False)


def variants(sight: Sight) -> list[Variant]:
    """List what may have been signed, the token itself first, the more telling before the others."""
    token = sight.setup.parts.token or ""
    seen: set[bytes] = set()
    listed = []
    for rule, evidence, text in _texts(sight, token):
        raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
        if raw not in seen:
            seen.add(raw)
            listed.append(Variant(rule=rule, evidence=evidence, text=raw))
    return listed


def _texts(sight: Sight, token: str) -> Iterator[tuple[str | None, str, str | bytes]]:
    yield None, "it verifies", token
    bare = token.rstrip("\r\n")
    if bare != token:
        yield _NEWLINE, "the token is sent with a line end at its end, which was not signed", bare
    for end in ("\n", "\r\n"):
        yield _NEWLINE, "the signature is over the token and a line end", bare + end
    if unquoted(token) != token:
        yield _QUOTED, "the signature is over the token without the quotes around it", unquoted(token)
    yield from _of_jwt(sight, token)
    parameter = _sent(sight)
    if parameter is not None:
        yield from _as_sent(sight, token, parameter)
    yield from _encoded(token)
    yield _MISMATCH, "the signature is over the token without the white space around it", token.strip()
    yield _MISMATCH, "the signature is over the token in quotes", f'"{token}"'
    yield _MISMATCH, "the token is sent in quotes, which were not signed", token.strip("\"'")
    yield from _converted(token)
    yield from _other_values(sight)


def _of_jwt(sight: Sight, token: str) -> Iterator[tuple[str, str, str]]:
    found = read_jwt("the token", token)
    if found is not None and found.whole:
        evidence = "the token is the whole JWT, and the signature is over its first two segments"
        yield "jwt-whole-as-token", evidence, token.strip().rpartition(".")[0]
    if sight.setup.jwt is not None:
        yield _MISMATCH, "the signature is over the whole JWT", sight.setup.jwt


def _sent(sight: Sight) -> Parameter | None:
    name = sight.setup.parts.token_key_name
    return None if name is None else first(sight.parameters, name)


def _as_sent(sight: Sight, token: str, parameter: Parameter) -> Iterator[tuple[str, str, str]]:
    raw = parameter.raw_value
    proper = raw.lower() in {form.lower() for form in _forms(token)}
    if raw != token and proper:
        yield _TWICE, "the signature is over the token in its percent-encoded form", raw
    elif raw != token:
        yield _UNENCODED, "the signature is over the token as it is sent, which AWS decodes first", raw
    whole_raw, whole = raw, token
    for piece in pieces_cut_off(sight.parameters, parameter)[:_MOST_PIECES]:
        more = f"{piece.raw_name}={piece.raw_value}" if piece.raw_value else piece.raw_name
        whole_raw, whole = f"{whole_raw}&{more}", f"{whole}&{unquote(more)}"
        for text in (whole_raw, whole):
            for end in ("", "="):
                yield _UNENCODED, "the token holds a raw &, and AWS reads only what stands before it", text + end
    yield _UNENCODED, "the token holds a raw +, which is read as a blank", token.replace(" ", "+")


def _encoded(token: str) -> Iterator[tuple[str, str, str]]:
    for form in _forms(token):
        yield _TWICE, "the signature is over the token in its percent-encoded form", form
    for form in (unquote(token), unquote(unquote(token)), unquote_plus(token)):
        yield _TWICE, "the signature is over the plain token, which is sent percent-encoded twice", form


def _forms(token: str) -> list[str]:
    text = token.encode("utf-8", "surrogatepass")
    forms = [quote(text, safe=""), quote(text), quote(text, safe="~()*!'"), quote_plus(text)]
    return [*forms, *(_lower_escapes(form) for form in forms)]


def _lower_escapes(form: str) -> str:
    pieces = form.split("%")
    return "%".join([pieces[0], *(piece[:2].lower() + piece[2:] for piece in pieces[1:])])


def _converted(token: str) -> Iterator[tuple[str, str, bytes]]:
    raw = token.encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(raw)
    yield _MISMATCH, "the signature is over the token's SHA-256, which is hashed once more", digest.digest()
    yield _MISMATCH, "the signature is over the token's SHA-256, in hexadecimal", digest.hexdigest().encode()
    yield _MISMATCH, "the signature is over the token in base64", base64.b64encode(raw)
    for name in ("latin-1", "utf-16-le", "utf-16-be", "utf-16"):
        encoded = token.encode(name, "replace")
        yield _MISMATCH, f"the signature is over the token in {name.upper()}, and AWS takes it in UTF-8", encoded
    try:
        decoded = base64.b64decode(token, validate=True)
    except (binascii.Error, ValueError):
        return
    yield _MISMATCH, "the signature is over what the token is the base64 of", decoded


def _other_values(sight: Sight) -> Iterator[tuple[str, str, str]]:
    setup = sight.setup
    for parameter in candidates(sight.parameters)[:_MOST_PIECES]:
        evidence = f"the signature is over the parameter {sight.shown(parameter.name)}, not over the token"
        yield "token-key-name-mismatch", evidence, parameter.value
    for what, text in (("user part", setup.user), ("authorizer's name", setup.parts.authorizer)):
        if text:
            yield _MISMATCH, f"the signature is over the {what}, not over the token", text
    if setup.password:
        yield _MISMATCH, "the signature is over the password, not over the token", setup.password.decode("latin-1")
