"""Tables of a TOML document: typed look-ups whose errors name the file, the line, the place and the mend."""

from __future__ import annotations

import enum
import re
import stat
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from customauth._toml_lines import line_of
from customauth.gateway.config import ConfigError

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_POSITION = re.compile(r" \(at line (\d+), column (\d+)\)$")
_MAX_NAME_LENGTH = 255
_MAX_FILE_SIZE = 64 * 1024
_AT_END = " (at end of document)"

_Member = TypeVar("_Member", bound=enum.Enum)


class Source:
    """A TOML file with its text, for the errors in it, and the files that it names.

    :ivar files: this file and those that were read for it.
    """

    def __init__(self, file: Path, text: str) -> None:
        self._file = file
        self._text = text
        self.files: list[Path] = [file]

    @property
    def folder(self) -> Path:
        """The folder that relative paths start from."""
        return self._file.parent

    def error(self, place: Sequence[str], message: str) -> ConfigError:
        """Return the error for the value at a place (the keys that lead to it); a missing one is its table's."""
        where = ".".join(key if _BARE_KEY.fullmatch(key) else repr(key) for key in place)
        return file_error(self._file, f"{where}: {message}" if where else message, line=line_of(self._text, place))

    def table(self) -> Table:
        """Read the text.

        :raises ConfigError: when it is not TOML.
        """
        try:
            return Table(self, (), tomllib.loads(self._text))
        except RecursionError as error:
            raise file_error(self._file, "not TOML: nested too deeply") from error
        except ValueError as error:
            raise self._syntax_error(str(error)) from error

    def _syntax_error(self, problem: str) -> ConfigError:
        position = _POSITION.search(problem)
        if position:
            line, column = map(int, position.groups())
            return file_error(self._file, f"not TOML: {problem[: position.start()]}, at column {column}", line=line)
        last = self._text.rstrip().count("\n") + 1
        return file_error(self._file, f"not TOML: {problem}", line=last if problem.endswith(_AT_END) else None)


def file_error(file: Path, message: str, *, line: int | None = None) -> ConfigError:
    """Return the error for a line of a file, or for the file as a whole."""
    return ConfigError(f"{file}{'' if line is None else f' line {line}'}: {message}", line=line)


class Table:
    """One table of the document; it remembers what was asked for, so that :meth:`finish` can refuse the rest."""

    def __init__(self, source: Source, place: tuple[str, ...], content: Mapping[str, Any]) -> None:
        self._source = source
        self._place = place
        self._content = content
        self._seen: set[str] = set()

    def error(self, key: str | None, message: str) -> ConfigError:
        """Return the error for the value of a key, or for the table itself."""
        return self._source.error(self._place if key is None else (*self._place, key), message)

    @property
    def folder(self) -> Path:
        """The folder that relative paths start from."""
        return self._source.folder

    def has(self, key: str) -> bool:
        """Say whether the key is there."""
        return key in self._content

    def names(self) -> list[str]:
        """List the keys of the table, in the order of the file."""
        return list(self._content)

    def table(self, key: str) -> Table:
        """Return the table below a key, an empty one where there is none."""
        value = self._get(key, {}, lambda value: isinstance(value, dict), "a table")
        return Table(self._source, (*self._place, key), value)

    def tables(self, key: str) -> list[tuple[str, Table]]:
        """List the tables below the table of a key, with their names."""
        parent = self.table(key)
        return [(name, parent.table(name)) for name in parent.names()]

    def text(self, key: str) -> str | None:
        """Return a text, None where there is none."""
        value: str | None = self._get(key, None, lambda value: isinstance(value, str), "a text in quotes")
        return value

    def needed_text(self, key: str, mend: str) -> str:
        """Return a text that must be there.

        :raises ConfigError: with the mend, when it is not.
        """
        value = self.text(key)
        if value is None:
            raise self.error(key, mend)
        return value

    def texts(self, key: str, default: Sequence[str] = ()) -> list[str]:
        """Return a list of texts."""
        value: list[str] = self._get(key, list(default), _is_texts, "a list of texts in quotes")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false."""
        value: bool = self._get(key, default, lambda value: isinstance(value, bool), "true or false, without quotes,")
        return value

    def number(self, key: str, lowest: int, highest: int, default: int) -> int:
        """Return a whole number within the limits."""
        value: int = self._get(
            key, default, lambda value: type(value) is int and lowest <= value <= highest, f"{lowest} to {highest}"
        )
        return value

    def matching(self, key: str, pattern: re.Pattern[str], wanted: str) -> str | None:
        """Return a text that the whole pattern matches, None where there is none."""
        value = self.text(key)
        if value is not None and not pattern.fullmatch(value):
            raise self.error(key, f"{wanted} is wanted")
        return value

    def choice(self, key: str, names: Collection[str], what: str) -> str | None:
        """Return a text that is one of the names of such things, None where there is none."""
        value = self.text(key)
        if value is not None and value not in names:
            raise self.error(key, f"there is no {what} {value!r}; there are {', '.join(names)}")
        return value

    def member(self, key: str, members: type[_Member], default: _Member, fact: str) -> _Member:
        """Return the member of an enumeration whose value is written there."""
        value = self.text(key)
        if value is None:
            return default
        try:
            return members(value)
        except ValueError:
            *others, last = (str(member.value) for member in members)
            raise self.error(key, f"write {', '.join(others)} or {last} ({fact})") from None

    def status(self, on: str, off: str, fact: str, *, default: str) -> bool:
        """Return whether the key ``status`` says the first of two words."""
        value = self.text("status")
        if value is None:
            return default == on
        if value not in (on, off):
            raise self.error("status", f"write {on} or {off} ({fact})")
        return value == on

    def read(self, key: str, name: str) -> bytes:
        """Return the content of a file that the value of a key names.

        :raises ConfigError: when there is none, or it is no plain file of at most 64 KiB.
        """
        if "\n" in name or len(name) > _MAX_NAME_LENGTH:
            # It may be a key that lost its first line, and is not shown.
            raise self.error(key, "it is neither the name of a file nor PEM, which begins with -----BEGIN")
        file = self._source.folder / name
        try:
            found = file.stat()
            # Other kinds, such as pipes and devices, may have no end.
            readable = stat.S_ISREG(found.st_mode) and found.st_size <= _MAX_FILE_SIZE
            content = file.read_bytes() if readable else None
        except OSError as error:
            raise self.error(key, f"{name}: {error.strerror or error}") from error
        except ValueError as error:
            raise self.error(key, f"{name!r} cannot be the name of a file ({error})") from error
        finally:
            self._source.files.append(file)
        if content is None:
            raise self.error(key, f"{name}: a plain file of at most {_MAX_FILE_SIZE >> 10} KiB is wanted")
        return content

    def finish(self) -> None:
        """Refuse what nobody asked for.

        :raises ConfigError: naming the first such key and the known ones.
        """
        unknown = [key for key in self._content if key not in self._seen]
        if unknown:
            raise self.error(unknown[0], f"unknown; known here: {', '.join(sorted(self._seen))}")

    def _get(self, key: str, default: Any, fits: Callable[[Any], bool], wanted: str) -> Any:
        self._seen.add(key)
        if key not in self._content:
            return default
        value = self._content[key]
        if not fits(value):
            raise self.error(key, f"{wanted} is wanted")
        return value


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
