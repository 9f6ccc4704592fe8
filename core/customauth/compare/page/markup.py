"""HTML that is escaped unless it says otherwise: what a third party names or answers never becomes markup."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any


class Html(str):
    """Text that is markup already. Everything else is escaped where it is put in."""

    __slots__ = ()


def escaped(text: str) -> Html:
    """Return any text as markup, safe between tags and between double quotes."""
    return text if isinstance(text, Html) else Html(html.escape(text))


def joined(children: Iterable[str]) -> Html:
    """Return one piece of markup made of several; plain text among them is escaped."""
    return Html("".join(escaped(child) for child in children))


def element(name: str, /, *children: str, **attributes: Any) -> Html:
    """Return an element; its children are text or markup.

    An attribute of None or False is left out, one of True has no value. ``class_`` is ``class``, and any other
    underscore a hyphen.
    """
    written = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escaped(str(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return Html(f"<{name}{written}>{joined(children)}</{name}>")
