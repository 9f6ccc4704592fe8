"""Patterns of the AWS IoT policy language: ``*``, ``?`` and ``${iot:ClientId}``, matched in linear time (D5)."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence

from attrs import Factory, field, frozen

CLIENT_ID = "${iot:ClientId}"
"""The variable that stands for the client identifier, taken as literal text (D16)."""


class Wildcard(enum.Enum):
    """What stands in a pattern for text that is not written there."""

    RUN = "*"
    ONE = "?"
    CLIENT_ID = CLIENT_ID


@frozen(kw_only=True)
class Pattern:
    """A pattern of an action or a resource; ``source`` is its text in the document."""

    source: str
    tokens: tuple[str | Wildcard, ...] = field(repr=False)
    _glob: _Glob | None = field(
        init=False,
        eq=False,
        repr=False,
        default=Factory(lambda self: None if self.needs_client_id else _compile(self.tokens, ""), takes_self=True),
    )

    @property
    def needs_client_id(self) -> bool:
        """True when the pattern holds ``${iot:ClientId}``."""
        return Wildcard.CLIENT_ID in self.tokens

    def matches(self, text: str, client_id: str | None) -> bool:
        """Match the whole of ``text``; false when the pattern needs a client identifier and has none (D14)."""
        if self._glob is not None:
            return self._glob.matches(text)
        return client_id is not None and _compile(self.tokens, client_id).matches(text)


@frozen(kw_only=True)
class _Glob:
    """A pattern ready to match: its literal beginning, then an automaton whose states are the bits of one integer.

    Bit i of the state says that the first i characters of the pattern (wildcards ``*`` not counted) can match
    what was read so far. Every character read costs one step, whatever the pattern: nothing can backtrack.
    """

    head: str
    takes: Mapping[str, int]
    takes_any: int
    stays: int
    final: int

    def matches(self, text: str) -> bool:
        if not text.startswith(self.head):
            return False
        state = 1
        ends_in_run = self.final & self.stays
        for character in text[len(self.head) :]:
            if state & ends_in_run:
                return True
            state = ((state & self.takes.get(character, self.takes_any)) << 1) | (state & self.stays)
            if not state:
                return False
        return bool(state & self.final)


def _compile(tokens: Sequence[str | Wildcard], client_id: str) -> _Glob:
    head = ""
    takes: dict[str, int] = {}
    takes_any = stays = 0
    place = 1
    for token in tokens:
        text = client_id if token is Wildcard.CLIENT_ID else token
        if text is Wildcard.RUN:
            stays |= place
        elif not isinstance(text, str):
            takes_any |= place
            place <<= 1
        elif place == 1 and not stays:
            head += text
        else:
            for character in text:
                takes[character] = takes.get(character, 0) | place
                place <<= 1
    takes = {character: places | takes_any for character, places in takes.items()}
    return _Glob(head=head, takes=takes, takes_any=takes_any, stays=stays, final=place)
