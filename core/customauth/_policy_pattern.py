"""Patterns of the AWS IoT policy language: ``*``, ``?`` and policy variables, matched in linear time (D5, D10)."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from attrs import Factory, field, frozen

from customauth._policy_error import PolicyError, shown

Resolve = Callable[[str], "str | None"]
"""Gives the text of a variable by its name in lower case, None where the request has none (D14)."""

# The first form is a variable with a default value, in which a closing brace may stand.
_TOKEN = re.compile(r"\*|\?|\$\{[^}',]*,\s*'[^']*'\s*\}|\$\{[^}]*\}?|[^*?$]+|\$")
_VARIABLE = re.compile(r"\$\{\s*([^}',]*[^}',\s])\s*(?:,\s*'([^']*)'\s*)?\}")


class Wildcard(enum.Enum):
    """What stands in a pattern for any text."""

    RUN = "*"
    ONE = "?"


@frozen(kw_only=True)
class Variable:
    """A policy variable: ``name`` as written, ``default`` where it has one (IAM, "Specifying default values")."""

    name: str
    default: str | None = None

    @property
    def key(self) -> str:
        """The name in lower case: IAM reads the names of keys without regard to case."""
        return self.name.lower()

    def text(self, resolve: Resolve) -> str | None:
        """Return what it stands for in a request, None where nothing is known."""
        value = resolve(self.key)
        return self.default if value is None else value


Token = str | Wildcard | Variable

ARN_PARTS = 6
"""``arn``, partition, service, region, account and resource."""


@frozen(kw_only=True)
class Pattern:
    """A pattern of an action, a resource or a condition's value.

    :ivar source: its text in the document.
    :ivar place: where in the document, as ``Statement[0].Resource[1]``.
    """

    source: str
    tokens: tuple[Token, ...] = field(repr=False)
    place: str = field(default="", eq=False, repr=False)
    variables: tuple[Variable, ...] = field(
        init=False,
        eq=False,
        repr=False,
        default=Factory(
            lambda self: tuple(token for token in self.tokens if isinstance(token, Variable)), takes_self=True
        ),
    )
    _glob: _Glob | None = field(
        init=False,
        eq=False,
        repr=False,
        default=Factory(lambda self: None if self.variables else _compile(self.tokens), takes_self=True),
    )

    def matches(self, text: str, resolve: Resolve) -> bool:
        """Match the whole of ``text``; a pattern with a variable that nothing is known of matches nothing (D14)."""
        glob = self._glob
        if glob is None:
            tokens, complete = self._resolved(resolve)
            if not complete:
                return False
            glob = _compile(tokens)
        return glob.matches(text)

    def reach(self, text: str, resolve: Resolve) -> int:
        """Count the characters of ``text`` from its beginning that the pattern agrees with."""
        glob = self._glob or _compile(self._resolved(resolve)[0])
        return glob.reach(text)

    def plain_text(self, resolve: Resolve) -> str | None:
        """Return the text that a pattern without wildcards stands for, None where a variable is unknown (D14)."""
        tokens, complete = self._resolved(resolve)
        return "".join(token for token in tokens if isinstance(token, str)) if complete else None

    def head(self) -> str:
        """Return the text before the first wildcard or variable."""
        text = ""
        for token in self.tokens:
            if not isinstance(token, str):
                break
            text += token
        return text

    @property
    def is_plain(self) -> bool:
        """True without wildcards and variables."""
        return all(isinstance(token, str) for token in self.tokens)

    def arn_parts(self) -> list[Pattern]:
        """Split at the first five colons; those in the names of variables do not count."""
        parts: list[list[Token]] = [[]]
        for token in self.tokens:
            if not isinstance(token, str):
                parts[-1].append(token)
                continue
            first, *others = token.split(":", ARN_PARTS - len(parts))
            parts[-1].append(first)
            parts.extend([other] for other in others)
        return [
            Pattern(source=self.source, tokens=tuple(token for token in tokens if token), place=self.place)
            for tokens in parts
        ]

    def _resolved(self, resolve: Resolve) -> tuple[list[str | Wildcard], bool]:
        """Put texts in place of variables, up to the first that nothing is known of."""
        tokens: list[str | Wildcard] = []
        for token in self.tokens:
            text = token.text(resolve) if isinstance(token, Variable) else token
            if text is None:
                return tokens, False
            tokens.append(text)
        return tokens, True


def parse_pattern(source: str, place: str, *, variables: bool, wildcards: bool = True) -> Pattern:
    """Parse a pattern.

    :param variables: read ``${name}``, ``${name, 'default'}`` and the escapes ``${*}``, ``${?}``, ``${$}`` (D15);
        otherwise they are plain text, as in the older versions of the language.
    :param wildcards: ``*`` and ``?`` stand for other text.
    :raises PolicyError: what begins as a variable is none.
    """
    if not variables:
        tokens = [_wildcard_or_text(part) if wildcards else part for part in _TOKEN_WITHOUT_VARIABLES.findall(source)]
        return Pattern(source=source, tokens=tuple(tokens), place=place)
    return Pattern(source=source, tokens=tuple(_tokens(source, place, wildcards)), place=place)


_TOKEN_WITHOUT_VARIABLES = re.compile(r"\*|\?|[^*?]+")


def _tokens(source: str, place: str, wildcards: bool) -> Iterator[Token]:
    for part in _TOKEN.findall(source):
        if not part.startswith("${"):
            yield _wildcard_or_text(part) if wildcards else part
        elif part in ("${*}", "${?}", "${$}"):
            yield part[2]
        else:
            found = _VARIABLE.fullmatch(part)
            if found is None:
                raise PolicyError(
                    f"{shown(part)} is not a variable: write ${{name}} or ${{name, 'default'}}, or ${{$}} for a $",
                    place,
                )
            yield Variable(name=found[1], default=found[2])


def _wildcard_or_text(part: str) -> str | Wildcard:
    return Wildcard(part) if part in ("*", "?") else part


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

    def reach(self, text: str) -> int:
        count = 0
        for ours, theirs in zip(self.head, text, strict=False):
            if ours != theirs:
                return count
            count += 1
        state = 1
        for character in text[len(self.head) :]:
            state = ((state & self.takes.get(character, self.takes_any)) << 1) | (state & self.stays)
            if not state:
                return count
            count += 1
        return count


def _compile(tokens: Sequence[Token]) -> _Glob:
    head = ""
    takes: dict[str, int] = {}
    takes_any = stays = 0
    place = 1
    for token in tokens:
        if token is Wildcard.RUN:
            stays |= place
        elif not isinstance(token, str):
            takes_any |= place
            place <<= 1
        elif place == 1 and not stays:
            head += token
        else:
            for character in token:
                takes[character] = takes.get(character, 0) | place
                place <<= 1
    takes = {character: places | takes_any for character, places in takes.items()}
    return _Glob(head=head, takes=takes, takes_any=takes_any, stays=stays, final=place)
