"""Read the file of profiles; ``docs/profiles.md`` has every key of it.

::

    default = "lab"                             # the profile where none is named

    [profiles.lab]
    endpoint = "localhost:8443"
    authorizer = "unsigned-sample"
    username = "alice"
    password = "file:password.txt"              # or env:NAME, or cmd:COMMAND; never the secret itself
    cafile = "customauth-gateway/ca/ca.pem"     # relative to this file
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen

from customauth._toml_lines import line_of
from customauth.profiles.keys import EXCLUSIVE, KEYS, Kind, canonical, spellings
from customauth.profiles.references import Reference, UnusableReference, located

_POSITION = re.compile(r" \(at line (\d+), column (\d+)\)$")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_MEMBERS = ("default", "profiles")
_MEND = "mend the file, or do without a profile: --profile ''"
# As a key of AWS's service: it is no file.
_NOT_A_FILE = ("kms:",)


class ProfileError(ValueError):
    """A profile cannot be had; the message names the file, the line and the place, and never holds a secret.

    :ivar next_step: what to do about it.
    """

    def __init__(self, message: str, next_step: str = _MEND) -> None:
        super().__init__(message)
        self.next_step = next_step


@frozen(kw_only=True)
class ProfileFile:
    """A file of profiles.

    :ivar default: the profile where none is named.
    :ivar tables: what each profile holds, as it stands in the file, which may be wrong.
    """

    path: Path
    text: str = field(repr=False)
    default: str | None
    tables: Mapping[str, Any] = field(repr=False)

    def check_default(self) -> None:
        """Say whether the default one is there.

        :raises ProfileError: it is not.
        """
        if self.default is not None and self.default not in self.tables:
            there = ", ".join(self.tables) or "none"
            raise self.error(("default",), f"there is no profile {self.default!r}; there are {there}")

    def chosen(self, name: str | None) -> Profile | None:
        """Return the profile of that name, by default the file's default one, if it has one.

        :raises ProfileError: as :meth:`profile`.
        """
        if name is None:
            self.check_default()
            name = self.default
        return None if name is None else self.profile(name)

    def profile(self, name: str) -> Profile:
        """Return a profile.

        :raises ProfileError: there is none of this name, or it holds what it cannot.
        """
        if name not in self.tables:
            raise ProfileError(f"{self.path}: there is no profile {name!r}", self._others(name))
        place = ("profiles", name)
        table = self.tables[name]
        if not isinstance(table, dict):
            raise self.error(place, f"it is no table; write [profiles.{_shown(name)}] on a line of its own")
        spelled: dict[str, str] = {}
        values: dict[str, Any] = {}
        references: dict[str, Reference] = {}
        for word, value in table.items():
            key = self._key((*place, word))
            if key in spelled:
                raise self.error((*place, word), f"it is there already, as {spelled[key]}")
            spelled[key] = word
            read = self._value((*place, word), key, value)
            if isinstance(read, Reference):
                references[key] = read
            else:
                values[key] = read
        for one, other in EXCLUSIVE:
            if one in spelled and other in spelled:
                raise self.error((*place, spelled[one]), f"{spelled[one]} and {spelled[other]} exclude each other")
        return Profile(name=name, file=self, spelled=spelled, values=values, references=references)

    def error(self, place: tuple[str, ...], message: str) -> ProfileError:
        """Return the error for what stands at a place, the keys that lead to it."""
        return _error(self.path, f"{'.'.join(map(_shown, place))}: {message}", line_of(self.text, place))

    def _others(self, name: str) -> str:
        if not self.tables:
            return f"write one: [profiles.{_shown(name)}]"
        close = difflib.get_close_matches(name, self.tables, n=1)
        return f"is {close[0]!r} meant?" if close else f"take one of {', '.join(self.tables)}"

    def _key(self, place: tuple[str, ...]) -> str:
        word = place[-1]
        key = canonical(word)
        if key in KEYS:
            return key
        secret = canonical(word.replace("-", "_").removesuffix("_file"))
        if KEYS.get(secret) in (Kind.SECRET, Kind.PROXY):
            raise self.error(place, f'write it as {secret} = "file:PATH"')
        close = difflib.get_close_matches(word.replace("-", "_"), spellings(), n=1)
        raise self.error(place, f"unknown; is {close[0]} meant?" if close else f"unknown; known: {', '.join(KEYS)}")

    def _value(self, place: tuple[str, ...], key: str, value: Any) -> Any:
        """Check a value; paths in it become absolute, secrets references."""
        kind = KEYS[key]
        if not _fits(kind, value):
            raise self.error(place, f"{kind.value} is wanted" + _how_to_refer(kind, key))
        folder = self.path.parent
        if kind is Kind.FILE:
            return _file(value, folder)
        if kind is Kind.FILES:
            return tuple(_file(path, folder) for path in value)
        if kind is Kind.PAIRS:
            return tuple((name, text) for name, text in value)
        if kind not in (Kind.SECRET, Kind.PROXY):
            return tuple(value) if kind is Kind.TEXTS else value
        try:
            reference = Reference.parse(value, folder=folder)
        except UnusableReference as error:
            raise self.error(place, str(error)) from None
        if reference is not None:
            return reference
        if kind is Kind.SECRET:
            raise self.error(place, f"secrets do not stand in this file{_how_to_refer(kind, key)}")
        if "@" in value:
            raise self.error(place, f"a proxy's user and password do not stand in this file{_how_to_refer(kind, key)}")
        return value


@frozen(kw_only=True)
class Profile:
    """A profile.

    :ivar spelled: by key, how it is spelled in the file.
    :ivar values: the plain values by key, whose paths are absolute.
    :ivar references: by key, where the secrets are.
    """

    name: str
    file: ProfileFile = field(repr=False)
    spelled: Mapping[str, str] = field(repr=False)
    values: Mapping[str, Any]
    references: Mapping[str, Reference]

    def has(self, key: str) -> bool:
        """Say whether it holds a key."""
        return key in self.spelled

    def secret(self, key: str) -> bytes | None:
        """Fetch a secret; None where the profile has none.

        :raises ProfileError: what its reference names cannot be had.
        """
        if key in self.values:
            return os.fsencode(self.values[key])
        if key not in self.references:
            return None
        try:
            return self.references[key].read()
        except UnusableReference as error:
            raise self.error(key, str(error)) from None

    def error(self, key: str, message: str) -> ProfileError:
        """Return the error for the value of a key, which it holds."""
        return self.file.error(("profiles", self.name, self.spelled[key]), message)


def read_profiles(path: Path) -> ProfileFile:
    """Read a file of profiles; what is in them is checked when one is asked for.

    :raises ProfileError: it cannot be read, is not TOML, or has something else than profiles.
    """
    text = _read(path)
    try:
        document = tomllib.loads(text)
    except RecursionError:
        raise _error(path, "not TOML: nested too deeply") from None
    except ValueError as error:
        raise _not_toml(path, text, str(error)) from None
    tables, default = document.get("profiles", {}), document.get("default")
    file = ProfileFile(path=path, text=text, default=default, tables=tables if isinstance(tables, dict) else {})
    for word, value in document.items():
        if word not in _MEMBERS:
            raise file.error((word,), _not_a_member(word, value))
    if not isinstance(tables, dict):
        raise file.error(("profiles",), "it is no table; write [profiles.NAME] on a line of its own")
    if default is not None and not isinstance(default, str):
        raise file.error(("default",), "the name of a profile, in quotes, is wanted")
    return file


def _read(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _error(path, error.strerror or str(error)) from None
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        # Its own words hold a byte of what may be a secret.
        raise _error(path, "not TOML: it is no UTF-8 text; save it as UTF-8", line) from None


def _not_toml(path: Path, text: str, problem: str) -> ProfileError:
    position = _POSITION.search(problem)
    if position is None:
        return _error(path, f"not TOML: {problem}", text.rstrip().count("\n") + 1)
    line, column = map(int, position.groups())
    return _error(path, f"not TOML: {problem[: position.start()]}, at column {column}", line)


def _not_a_member(word: str, value: Any) -> str:
    close: Collection[str] = difflib.get_close_matches(word, _MEMBERS, n=1)
    if isinstance(value, dict):
        inner = [name for name, member in value.items() if isinstance(member, dict)]
        name = inner[0] if inner and close else word
        return f"unknown; a profile is a table [profiles.{_shown(name)}]"
    if close:
        return f"unknown; is {', '.join(close)} meant?"
    return "unknown; write it in a profile, below [profiles.NAME]"


def _fits(kind: Kind, value: Any) -> bool:
    match kind:
        case Kind.FLAG:
            return isinstance(value, bool)
        case Kind.NUMBER:
            return type(value) is int
        case Kind.SECONDS:
            return type(value) in (int, float)
        case Kind.FILES | Kind.TEXTS:
            return _are_texts(value)
        case Kind.PAIRS:
            return isinstance(value, list) and all(_are_texts(pair) and len(pair) == 2 for pair in value)
        case _:
            return isinstance(value, str)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _file(path: str, folder: Path) -> str:
    return path if path.startswith(_NOT_A_FILE) else str(located(path, folder))


def _how_to_refer(kind: Kind, key: str) -> str:
    if kind not in (Kind.SECRET, Kind.PROXY):
        return ""
    return f': write {key} = "file:PATH", "env:NAME" or "cmd:COMMAND"'


def _shown(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else repr(key)


def _error(path: Path, message: str, line: int | None = None) -> ProfileError:
    return ProfileError(f"{path}{'' if line is None else f' line {line}'}: {message}")
