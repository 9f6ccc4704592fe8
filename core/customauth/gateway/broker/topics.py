"""Topic names and topic filters: what is allowed, and which filters a topic matches (E22, E31, E32, E43, E44); pure."""

from __future__ import annotations

import functools
import re
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

from attrs import frozen

from customauth.gateway.broker.limits import MAX_SHARE_NAME, MAX_SLASHES, MAX_TOPIC_BYTES

_SHARE = "$share/"
# What comes before the topic for a rule does not count (E22).
_RULE = re.compile(r"\A\$aws/rules/[^/]+/")
# What clients may publish to among the reserved topics (E44).
_OPEN = ("$aws/rules/", "$aws/things/", "$aws/jobs/", "$aws/certificates/", "$aws/provisioning-templates/")
# Topics and matches that are kept, together.
_MAX_CACHED = 100_000
_LONGEST_KEPT = 512

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


@frozen(kw_only=True)
class Share:
    """A shared subscription: its group, and the filter behind it (E43)."""

    group: str
    filter: str


def topic_fault(topic: str, *, retain: bool = False) -> str | None:
    """Say why a topic cannot be published to, None when it can.

    :param retain: the message is to be retained.
    """
    fault = _kept_fault(topic) if len(topic) <= _LONGEST_KEPT else _topic_fault(topic)
    if fault is None and retain and topic[0] == "$":
        return "a reserved topic cannot be retained (E41)"
    return fault


def filter_fault(text: str) -> str | None:
    """Say why a filter cannot be subscribed to, None when it can."""
    if text.startswith(_SHARE):
        share = share_of(text)
        if share is None:
            return "a shared subscription is $share/GROUP/FILTER, its group of 128 characters at most (E22)"
        text = share.filter
    if not text or "\0" in text:
        return "the filter is empty or holds U+0000"
    levels = text.split("/")
    if any("+" in level and level != "+" for level in levels):
        return "+ stands for a whole level"
    if any("#" in level for level in levels[:-1]) or ("#" in levels[-1] and levels[-1] != "#"):
        return "# stands alone at the end"
    fault = _size_fault(text, "filter")
    if fault is None and text[0] == "$" and not text.startswith("$aws/"):
        return "topics that begin with $ are reserved (E44)"
    return fault


def share_of(text: str) -> Share | None:
    """Split a shared subscription, None when the text is none that is allowed."""
    if not text.startswith(_SHARE):
        return None
    group, slash, rest = text[len(_SHARE) :].partition("/")
    if not group or not slash or not rest or len(group) > MAX_SHARE_NAME or "+" in group or "#" in group:
        return None
    return Share(group=group, filter=rest)


class TopicTree(Generic[Key, Value]):
    """Filters, and a value for each key under each of them.

    What a topic matches is kept until a filter is added or removed: a publisher sends to the same topics again.
    """

    def __init__(self) -> None:
        self._root: _Node[Key, Value] = _Node()
        self._cache: dict[str, list[tuple[Key, Value]]] = {}
        self._cached = 0

    def set(self, text: str, key: Key, value: Value) -> bool:
        """Put a value under a filter; return whether the key was not there before."""
        node = self._root
        for level in text.split("/"):
            node = node.children.setdefault(level, _Node())
        new = key not in node.values
        node.values[key] = value
        self._forget()
        return new

    def discard(self, text: str, key: Key) -> bool:
        """Take a key from a filter; return whether it was there."""
        path = [self._root]
        levels = text.split("/")
        for level in levels:
            child = path[-1].children.get(level)
            if child is None:
                return False
            path.append(child)
        if path[-1].values.pop(key, _MISSING) is _MISSING:
            return False
        for level, parent, child in zip(reversed(levels), reversed(path[:-1]), reversed(path[1:]), strict=True):
            if child.values or child.children:
                break
            del parent.children[level]
        self._forget()
        return True

    def match(self, topic: str) -> list[tuple[Key, Value]]:
        """Return the keys and values of every filter that a topic matches; a key is there once for each of them."""
        found = self._cache.get(topic)
        if found is None:
            found = list(self._walk(topic))
            self._cached += 1 + len(found)
            if self._cached > _MAX_CACHED:
                self._forget()
                self._cached = 1 + len(found)
            self._cache[topic] = found
        return found

    def _forget(self) -> None:
        self._cache.clear()
        self._cached = 0

    def _walk(self, topic: str) -> Iterator[tuple[Key, Value]]:
        levels = topic.split("/")
        nodes = [self._root]
        # A wildcard at the beginning does not match the topics that begin with $ (MQTT 5, 4.7.2).
        hidden = topic.startswith("$")
        for depth, level in enumerate(levels):
            below: list[_Node[Key, Value]] = []
            for node in nodes:
                if not (hidden and depth == 0):
                    rest = node.children.get("#")
                    if rest is not None:
                        # There is a level here for # to stand for: a/# does not match a (E31).
                        yield from rest.values.items()
                    one = node.children.get("+")
                    if one is not None:
                        below.append(one)
                same = node.children.get(level)
                if same is not None:
                    below.append(same)
            nodes = below
        for node in nodes:
            yield from node.values.items()


class _Node(Generic[Key, Value]):
    __slots__ = ("children", "values")

    def __init__(self) -> None:
        self.children: dict[str, _Node[Key, Value]] = {}
        self.values: dict[Key, Value] = {}


_MISSING = object()


def _topic_fault(topic: str) -> str | None:
    if not topic or "\0" in topic:
        return "the topic is empty or holds U+0000"
    if "+" in topic or "#" in topic:
        return "the topic holds a wildcard (E32)"
    if topic[0] == "$" and not topic.startswith(_OPEN):
        return "topics that begin with $ are reserved (E44)"
    return _size_fault(topic, "topic")


# Topics are published to again and again.
_kept_fault = functools.lru_cache(_MAX_CACHED)(_topic_fault)


def _size_fault(text: str, what: str) -> str | None:
    counted = _RULE.sub("", text)
    if len(counted.encode()) > MAX_TOPIC_BYTES:
        return f"the {what} has more than {MAX_TOPIC_BYTES} bytes (E22)"
    if counted.count("/") > MAX_SLASHES:
        return f"the {what} has more than {MAX_SLASHES} slashes (E22)"
    return None
