"""What stands around a user name or a query that was copied out of source code, JSON or a .env file."""

from __future__ import annotations

import re

from attrs import evolve, field, frozen

from customauth.doctor.rewriting import reading
from customauth.doctor.setup import Setup

_MARK = "\ufeff"
_QUOTES = "\"'`"
_LONGEST_LEAD = 96
# #define NAME, export NAME=, .name =, const char *name =, "name": or the prefix of a literal, such as b or L.
_LEAD = re.compile(
    r"""\s*(?:\#\s*define\s+\w+\s+|(?:[\w.*>\[\]-]+\s+)*["']?\*?[\w.\[\]>-]+["']?\s*(?:=>|[=:(])\s*|\w{0,2}|@)"""
)
_NAMED = re.compile(r"\s*(?:(?:export|set)\s+)?[\w.-]{0,48}user[\w.-]{0,48}\s*[=:]\s*(?=\S)", re.IGNORECASE)
_TRAIL = " \t\r\n;,)}\\"


@frozen(kw_only=True)
class Wrapping:
    """What stands around a text.

    :ivar what: in words, without anything of the text itself.
    :ivar sure: whether no client sends it so on purpose.
    :ivar is_end: whether it is one quote at the end, which may belong to the last value.
    :ivar inside: the text without it.
    """

    what: str
    sure: bool
    is_end: bool = False
    inside: str = field(repr=False)


def wrapping_of(text: str) -> Wrapping | None:
    """Find what stands around a text, None where that is nothing."""
    marked = text.startswith(_MARK)
    bare = text.removeprefix(_MARK)
    found = _literal(bare) or _assigned(bare) or _torn(bare)
    seen = ["a byte order mark before it"] if marked else []
    if found is not None:
        return evolve(found, what=" and ".join([*seen, found.what]), sure=marked or found.sure)
    inside = bare.strip("\r\n")
    if inside != bare:
        seen.append("a line end at its end" if bare.startswith(inside) else "a line end before it")
    sure = marked or (_has_parameters(inside) and bare.startswith(inside))
    return Wrapping(what=" and ".join(seen), sure=sure, inside=inside) if seen else None


def unwrapped(setup: Setup) -> Setup:
    """Return the set-up without what stands around its user name or its query."""
    username = None if setup.username is None else wrapping_of(setup.username)
    query = None if setup.query is None else wrapping_of(setup.query)
    if username is not None:
        user = username.inside.rpartition("?")[0] if "?" in username.inside else username.inside
        setup = evolve(setup, username=username.inside or None, user=user)
    if query is not None:
        setup = evolve(setup, query=query.inside.removeprefix("?"))
    if username is None and query is None:
        return setup
    return reading(setup)


def _literal(text: str) -> Wrapping | None:
    """Find the quotes of a literal, and the assignment that it stands in."""
    lead, quote, rest = _up_to_quote(text)
    body = rest.rstrip(_TRAIL)
    if not quote or not body.endswith(quote) or not _LEAD.fullmatch(lead):
        return None
    # A literal that is too long for a line is written in several.
    inside = re.sub(rf"{quote}[\s\\+.]*{quote}", "", body[:-1])
    if not inside or quote in inside:
        return None
    kind = "single" if quote == "'" else "double" if quote == '"' else "backward"
    around = ", and an assignment before them" if lead.strip(" \t\r\n@bfrLu") else ""
    return Wrapping(what=f"{kind} quotes around it{around}", sure=_has_parameters(inside), inside=inside)


def _up_to_quote(text: str) -> tuple[str, str, str]:
    """Split at the quote that opens the literal; the name that it is given to may stand in quotes too."""
    key = re.match(r"\s*\{?\s*([\"'])[\w.-]{1,64}\1\s*(?:=>|[:=])\s*", text)
    start = key.end() if key is not None else 0
    at = next((at for at, char in enumerate(text[start : start + _LONGEST_LEAD]) if char in _QUOTES), None)
    if at is None:
        return "", "", ""
    return text[start : start + at] or ("x=" if key is not None else ""), text[start + at], text[start + at + 1 :]


def _assigned(text: str) -> Wrapping | None:
    """Find an assignment without quotes, as in a .env file."""
    match = _NAMED.match(text[: 2 * _LONGEST_LEAD])
    if match is None:
        return None
    return Wrapping(what="an assignment before it", sure=False, inside=text[match.end() :].rstrip("\r\n"))


def _torn(text: str) -> Wrapping | None:
    """Find one quote of two, as it is left of what was not copied whole."""
    inside = text.strip("\r\n")
    for quote in _QUOTES:
        if inside.startswith(quote) and quote not in inside[1:]:
            return Wrapping(what="a quote before it", sure=False, inside=inside[1:])
        body = inside.rstrip(_TRAIL)
        if body.endswith(quote) and quote not in body[:-1]:
            return Wrapping(what="a quote behind it", sure=_has_parameters(inside), is_end=True, inside=body[:-1])
    return None


def _has_parameters(text: str) -> bool:
    """Say whether it is more than a user part, which may have quotes of its own, as in JSON."""
    return "?" in text or "x-amz-" in text.lower()
