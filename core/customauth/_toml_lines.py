"""The lines of a TOML text on which its values are set, which tomllib does not tell."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def line_of(text: str, place: Sequence[str]) -> int | None:
    """Return the line, from 1, on which the statement begins that sets a place in a TOML text.

    A place that nothing sets has the line of the nearest table around it: of its own header where it has one.

    :param text: must be TOML.
    """
    best: tuple[int, bool, int] = (0, False, 0)
    for number, header, content in _statements(text):
        depth = _depth(content, place)
        own = header == tuple(place[:depth])
        best = max(best, (depth, own, -number))
    return -best[2] or None


def _statements(text: str) -> Iterator[tuple[int, tuple[str, ...] | None, Mapping[str, Any]]]:
    """Split a text into its statements: the first line, the keys of a table's header, what it says as a document.

    A part of a statement never parses, since it ends within brackets or quotes; so the shortest piece that does is one.
    """
    header: tuple[str, ...] = ()
    piece: list[str] = []
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        piece.append(line)
        try:
            content = tomllib.loads("\n".join(piece))
        except (ValueError, RecursionError):
            continue
        first = number - len(piece) + 1
        is_header = piece[0].lstrip().startswith("[")
        piece.clear()
        if is_header:
            header = _keys(content)
            yield first, header, content
        elif content:
            yield first, None, _within(header, content)


def _keys(content: Mapping[str, Any]) -> tuple[str, ...]:
    """List the keys of a table's header, which parses as tables of one key each."""
    keys: list[str] = []
    while content:
        ((key, below),) = content.items()
        keys.append(key)
        # [[KEY]] gives a list with one table.
        content = below[0] if isinstance(below, list) else below
    return tuple(keys)


def _within(header: Sequence[str], content: Mapping[str, Any]) -> Mapping[str, Any]:
    for key in reversed(header):
        content = {key: content}
    return content


def _depth(content: Any, place: Sequence[str]) -> int:
    """Count how many keys of the place, from its first, lead to something."""
    for depth, key in enumerate(place):
        table = content[0] if isinstance(content, list) and content else content
        if not isinstance(table, dict) or key not in table:
            return depth
        content = table[key]
    return len(place)
