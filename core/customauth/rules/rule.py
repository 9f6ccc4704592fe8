"""What a rule is: one known cause of trouble with AWS IoT custom authentication, and its cure."""

from __future__ import annotations

import enum
import re
import string
from collections.abc import Mapping

from attrs import field, frozen


class Phase(enum.IntEnum):
    """What has to be right for a connection, in the order in which an attempt meets it."""

    NAME = enum.auto()
    TCP = enum.auto()
    PROXY = enum.auto()
    TLS = enum.auto()
    UPGRADE = enum.auto()
    PACKET = enum.auto()
    DOMAIN = enum.auto()
    AUTHORIZER = enum.auto()
    SIGNATURE = enum.auto()
    FUNCTION = enum.auto()
    ANSWER = enum.auto()
    POLICY = enum.auto()
    CONNECTED = enum.auto()


# What no fact tells: the secrets themselves, and what only the person has.
_SECRETS = frozenset({"FILE", "FUNCTION_ARN", "POLICY", "SIGNATURE", "TOKEN"})
_CAPITALS = re.compile(r"(?<![A-Z_])[A-Z][A-Z_]+(?![A-Z_])")
_FORMATTER = string.Formatter()
_OPTIONAL = re.compile(r"<([^<>|]*\{[a-z_]+\}[^<>|]*)(?:\|([^<>]*))?>")


def _key(_: object, __: object, key: str) -> None:
    if not key or not set(key) <= set(string.ascii_lowercase + string.digits + "-"):
        raise ValueError(f"the rule's key {key!r} is not of lower-case letters, digits and hyphens")


@frozen(kw_only=True)
class Rule:
    """One known cause.

    :param key: its stable name, of lower-case letters, digits and hyphens.
    :param phase: where an attempt meets it; of two causes the earlier hides the later.
    :param cause: what is wrong, as a clause without a full stop.
    :param symptom: what a person sees.
    :param check: how it is found out.
    :param cure: what to change, as a clause that is true on AWS and on the local gateway; ``{name}`` stands for what
        only the case at hand can tell. ``<, not {name}>`` is left out where that is unknown, and of
        ``<{name}|the default>`` the second is taken.
    :param command: a command or a line to paste for it, written in the same way; empty where there is none.
    :param settings: in place of a command, what has to be set in the clients that people use: the client, the setting.
    :param sources: the facts behind it, as ``"A5"``.
    :param stops: whether AWS refuses because of it; otherwise it is worth a warning.
    """

    key: str = field(validator=_key)
    phase: Phase
    cause: str
    symptom: str
    check: str
    cure: str
    command: str = ""
    settings: tuple[tuple[str, str], ...] = ()
    sources: tuple[str, ...]
    stops: bool = True

    def fix(self, facts: Mapping[str, str] | None = None) -> str:
        """Return the cure for the case at hand with its command; what ``facts`` does not tell stands in capitals."""
        return f"{self.advice(facts)}: {self.paste(facts)}" if self.command else self.advice(facts)

    def advice(self, facts: Mapping[str, str] | None = None) -> str:
        """Return the cure for the case at hand without its command."""
        return _filled(self.cure, facts or {})

    def paste(self, facts: Mapping[str, str] | None = None) -> str:
        """Return the command or line to paste for the case at hand, empty where there is none."""
        return _filled(self.command, facts or {})

    def left_open(self, facts: Mapping[str, str] | None = None) -> frozenset[str]:
        """Return the words in capitals that :meth:`paste` leaves for the person to fill in."""
        known = facts or {}
        pasted = self.paste({name: "-" if known.get(name) else "" for name in self.placeholders()})
        names = {name.upper() for name in self.placeholders()}
        return frozenset(word for word in _CAPITALS.findall(pasted) if word in names | _SECRETS)

    def placeholders(self) -> frozenset[str]:
        """Return what ``facts`` may tell."""
        return frozenset(name for _, name, _, _ in _FORMATTER.parse(self.cure + self.command) if name)


def _filled(text: str, facts: Mapping[str, str]) -> str:
    def kept(optional: re.Match[str]) -> str:
        names = [name for _, name, _, _ in _FORMATTER.parse(optional[1]) if name]
        return optional[1] if all(facts.get(name) for name in names) else optional[2] or ""

    pieces = []
    for literal, name, _, _ in _FORMATTER.parse(_OPTIONAL.sub(kept, text)):
        pieces.append(literal)
        if name is not None:
            pieces.append(facts.get(name) or name.upper())
    return "".join(pieces)
