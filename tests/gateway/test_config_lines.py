"""The line that an error of the configuration names."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from attrs import field, frozen
from hypothesis import given
from hypothesis import strategies as st

from customauth._toml_lines import line_of
from customauth.gateway import ConfigError, load_config
from customauth.gateway.config_parse import parse_config

KEYS = ["a", "b-c", "d e", "[x]", 'q"q', "#", "", "1", "ключ"]
# What may look like a statement of its own to something that reads line by line.
VALUES = [
    "1",
    '"text # no comment"',
    "'[authorizers]'",
    "1979-05-27",
    "[\n  1, # one\n  2,\n]",
    '[ "a = 1",\n\n"""\n[b]\n""" ]',
    '"""\na = 1\n[a]\n\n"""',
    "'''\n\"\"\"\n[[b]]\n'''",
    '"""\\\n   a \\\n   b"""',
]
FILLERS = ["", "   ", "# [a]", "\t# a = 1", "#" * 3]


@frozen(kw_only=True)
class Written:
    """A document, and the line of each of its places."""

    text: str
    lines: Mapping[tuple[str, ...], int]
    headers: frozenset[tuple[str, ...]] = field(default=frozenset())


def quoted(key: str) -> str:
    return '"' + key.replace('"', '\\"') + '"'


@st.composite
def documents(draw: st.DrawFn) -> Written:
    """Write tables with headers, in any order, with dotted keys, inline tables and values of several lines."""
    lines: list[str] = []
    places: dict[tuple[str, ...], int] = {}
    headers: set[tuple[str, ...]] = set()
    names = st.sampled_from(KEYS)

    def fill() -> None:
        lines.extend(draw(st.lists(st.sampled_from(FILLERS), max_size=2)))

    def note(place: tuple[str, ...]) -> None:
        for depth in range(1, len(place) + 1):
            places.setdefault(place[:depth], len(lines) + 1)

    tables = draw(st.lists(st.lists(names, min_size=1, max_size=3).map(tuple), unique=True, max_size=4))
    for header in [(), *tables]:
        fill()
        if header:
            # A header after one below it is where its table is set all the same.
            note(header)
            places[header] = len(lines) + 1
            headers.add(header)
            lines.append(draw(st.sampled_from(["", "  "])) + f"[{' . '.join(map(quoted, header))}]  # header")
        # Keys of their own, so that no value is where a table is or will be.
        for key in draw(st.lists(names.map("key {}".format), unique=True, max_size=3)):
            fill()
            dotted = draw(st.lists(names, max_size=2))
            place = (*header, key, *dotted)
            note(place)
            value = draw(st.sampled_from(VALUES))
            if draw(st.booleans()):
                inner = draw(names)
                note((*place, inner))
                value = f"{{ {quoted(inner)} = {value} }}"
            lines.extend(f"{'.'.join(map(quoted, (key, *dotted)))} = {value}".split("\n"))
    fill()
    end = draw(st.sampled_from(["\n", "\r\n"]))
    return Written(text=end.join(lines), lines=places, headers=frozenset(headers))


@given(documents())
def test_every_place_has_the_line_on_which_its_statement_begins(written: Written) -> None:
    tomllib.loads(written.text)
    assert {place: line_of(written.text, place) for place in written.lines} == dict(written.lines)


@given(documents(), st.lists(st.sampled_from(["absent", "a"]), min_size=1, max_size=2))
def test_a_missing_key_has_the_line_of_its_tables_header(written: Written, rest: list[str]) -> None:
    for header in written.headers:
        assert line_of(written.text, (*header, "absent", *rest)) == written.lines[header]
    assert line_of(written.text, ("absent", *rest)) is None


@given(documents())
def test_every_value_of_a_document_has_a_line(written: Written) -> None:
    def visit(place: tuple[str, ...], content: Any) -> None:
        if place:
            assert line_of(written.text, place) is not None
        if isinstance(content, dict):
            for key, below in content.items():
                visit((*place, key), below)

    visit((), tomllib.loads(written.text))


GOOD = """\
# The gateway.
[gateway]
names = [
  "localhost",
]

[authorizers.pumps.environment]
STAGE = "test"

[authorizers.pumps]
status = "ACTIVE"
function = "auth.py:handler"
signing_disabled = true
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ('"ACTIVE"', '"active"', 11, "authorizers.pumps.status: write ACTIVE or INACTIVE (B9)"),
        ('"localhost"', '"127.0.0.1"', 3, "gateway.names: '127.0.0.1' is an address"),
        ('function = "auth.py:handler"\n', "", 10, "authorizers.pumps.function: say which function"),
        ('STAGE = "test"', "STAGE = 1", 8, "authorizers.pumps.environment.STAGE: a text in quotes"),
        ("[authorizers.pumps.environment]", "[authorizers.none]\n[authorizers.pumps.environment]", 7, "none.function:"),
        ("= true", "= true\ncolour = '''\nred'''", 14, "authorizers.pumps.colour: unknown"),
        ("= true", "= true\ncolour", 14, "not TOML: Expected '=' after a key in a key/value pair, at column 7"),
        ("= true", '= """true', 13, "not TOML: Unterminated"),
        ("# The gateway.", "# The gate\x01way.", 1, "not TOML: Found invalid character '\\x01'"),
    ],
)
def test_an_error_names_the_file_the_line_and_the_place(
    old: str, new: str, line: int, says: str, tmp_path: Path
) -> None:
    (tmp_path / "auth.py").write_text("def handler(event, context): ...")
    file = tmp_path / "gateway.toml"
    file.write_text(GOOD)
    load_config(file)
    assert old in GOOD
    file.write_text(GOOD.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    assert caught.value.line == line
    assert str(caught.value).startswith(f"{file} line {line}: ")
    assert says in str(caught.value)


def test_text_that_is_not_utf_8_names_its_line(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_bytes(b"[gateway]\r\n# caf\xe9\r\n")
    with pytest.raises(ConfigError, match="save it as UTF-8") as caught:
        load_config(file)
    assert caught.value.line == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a = " + "[" * 100_000, "nested too deeply"),
        ("a = " + "9" * 5_000, "not TOML: Exceeds the limit"),
        ("", "there is no authorizer"),
    ],
)
def test_an_error_of_no_single_line_names_the_file_alone(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, file=tmp_path / "gateway.toml")
    assert caught.value.line is None
    assert str(caught.value).startswith(f"{tmp_path / 'gateway.toml'}: ")
    assert says in str(caught.value)


@given(st.text(max_size=200) | documents().map(lambda written: written.text))
def test_any_text_is_a_configuration_or_refused_as_one(text: str) -> None:
    line = None
    try:
        parse_config(text, file=Path("gateway.toml"))
    except ConfigError as error:
        line = error.line
    assert line is None or 1 <= line <= text.count("\n") + 1
