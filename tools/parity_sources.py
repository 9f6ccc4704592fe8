"""What the page on parity is made from: the facts, what docs/parity.toml says of them, the marks of the tests."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from attrs import fields, frozen

from generated_page import PageError

STATUSES = {
    "yes": "honoured, as the tests show",
    "partly": "the tests show a part; the rest is said beside it",
    "no": "not honoured",
    "control plane": "about AWS's API for administrators, which a gateway does not have",
    "not applicable": "nothing that a gateway on one machine could honour",
}

_FACT = re.compile(r"- \*\*([A-Z]\d+)\*\* (.+)")
_ROW = re.compile(r"\| (?:\*\*([A-Z]\d+)\*\*|(I\d+)) \| (.+?) *\|")
_SECTION = re.compile(r"## ([A-Z])\. (.+)")
_NUMBER = re.compile(r"\b[A-Z]\d+\b")
_CONFIDENCE = re.compile(r"\[(doc|sdk source|reported by users|unknown)\b[^\]]*\]")
_MEASURED = re.compile(r"\((?:FLO-\w+ )?measured\b")
_UNKNOWN = re.compile(r"\[unknown\b[^\]]*\]")
_CHOICE = re.compile(r"→ (?:choose:? )?(.+?)(?:\.(?=\s|$)|$)")


class ParityError(PageError):
    """The page cannot be made; every line names a fact, table or test, and what to change."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@frozen(kw_only=True)
class Fact:
    """One numbered fact of docs/facts.md, with the lines that belong to it."""

    number: str
    text: str

    @property
    def section(self) -> str:
        return self.number[0]

    @property
    def confidence(self) -> tuple[str, ...]:
        """The marks as they come in the text, each once, and ``measured`` last; none where it only points to others."""
        marks = dict.fromkeys(_CONFIDENCE.findall(self.text))
        return (*marks, "measured") if _MEASURED.search(self.text) else tuple(marks)

    @property
    def unknown(self) -> bool:
        return "unknown" in self.confidence

    @property
    def choices(self) -> tuple[str, ...]:
        """What the fact says to choose after each ``[unknown]``."""
        pieces = _UNKNOWN.split(self.text)[1:]
        found = [match[1] for piece in pieces if (match := _CHOICE.search(piece))]
        return tuple(text.removesuffix(")") if text.count(")") > text.count("(") else text for text in found)


@frozen(kw_only=True)
class Facts:
    """All of docs/facts.md: the titles of its sections by letter, its facts by number."""

    sections: Mapping[str, str]
    by_number: Mapping[str, Fact]

    def of(self, sections: Iterable[str]) -> Iterator[Fact]:
        return (fact for section in sections for fact in self.by_number.values() if fact.section == section)

    def choice(self, fact: Fact) -> str | None:
        """What an emulator should choose for what is unknown in a fact: as the fact says, else as section I does."""
        if fact.choices:
            return "; ".join(fact.choices)
        for row in self.of("I"):
            point, _, default = row.text.partition(" | ")
            if fact.number in _NUMBER.findall(point):
                return f"{default} ({row.number})"
        return None


@frozen(kw_only=True)
class Entry:
    """What docs/parity.toml says of one fact."""

    title: str
    status: str = "yes"
    note: str = ""
    choice: str = ""


@frozen(kw_only=True)
class Register:
    """All of docs/parity.toml.

    :ivar sections: the letters of the sections that the page has, in its order.
    :ivar entries: by the number of their fact.
    """

    sections: tuple[str, ...]
    entries: Mapping[str, Entry]


@frozen(kw_only=True, order=True)
class Mark:
    """A fact that one test names, as ``pytest`` names the test: ``tests/x/test_y.py::test_z``."""

    number: str
    test: str


def parse_facts(text: str) -> Facts:
    """Read the numbered facts: items ``- **A1** …`` with what is indented under them, and rows ``| **A39** | … |``.

    :raises ParityError: when a number is used twice.
    """
    sections: dict[str, str] = {}
    texts: dict[str, str] = {}
    twice: list[str] = []
    current: str | None = None
    for line in text.splitlines():
        if heading := _SECTION.fullmatch(line):
            sections[heading[1]] = heading[2]
        if found := _FACT.fullmatch(line) or _ROW.fullmatch(line):
            *numbers, content = found.groups()
            current = next(filter(None, numbers))
            if current in texts:
                twice.append(f"docs/facts.md: {current} is there twice; give one of them another number")
            texts[current] = content
        elif current and line.startswith("  "):
            texts[current] += f"\n{line}"
        else:
            current = None
    if twice:
        raise ParityError(twice)
    by_number = {number: Fact(number=number, text=text) for number, text in texts.items()}
    return Facts(sections=sections, by_number=by_number)


def parse_register(text: str) -> Register:
    """Read docs/parity.toml.

    :raises ParityError: when it is no TOML, or a table has not the members of an entry.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ParityError([f"docs/parity.toml: not TOML: {error}"]) from error
    sections = tables.pop("sections", None)
    if not isinstance(sections, list) or not sections:
        raise ParityError(['docs/parity.toml: name the sections of the page: sections = ["A", "B"]'])
    problems = [problem for name, table in tables.items() for problem in _problems_of_table(name, table)]
    if problems:
        raise ParityError(problems)
    return Register(sections=tuple(sections), entries={name: Entry(**table) for name, table in tables.items()})


def _problems_of_table(name: str, table: Any) -> Iterator[str]:
    place = f"docs/parity.toml: [{name}]"
    if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
        yield f"{place}: write a table whose values are texts in quotes"
        return
    known = [member.name for member in fields(Entry)]
    if strange := set(table) - set(known):
        yield f"{place}: unknown: {', '.join(sorted(strange))}; known here: {', '.join(known)}"
    if not table.get("title"):
        yield f"{place}: write a title, a few words of what the fact says"
    status = table.get("status", "yes")
    if status not in STATUSES:
        yield f"{place}: status {status!r}; write one of {', '.join(STATUSES)}"
    if status != "yes" and not table.get("note"):
        yield f"{place}: write a note: why is the status {status!r}?"


def marks_of(source: str, file: str) -> list[Mark]:
    """Find the facts that the tests of a module name: at a test, at its class, or in a ``pytestmark``.

    :param file: the path that the tests are named by.
    :raises ParityError: when a mark names no facts, or belongs to no test, so that it would be counted nowhere.
    """
    module = ast.parse(source)
    everywhere = set(_fact_marks([module]))
    marks: list[Mark] = []
    placed: set[ast.Call] = set()

    def visit(body: Sequence[ast.stmt], path: str, inherited: Sequence[ast.Call]) -> None:
        inherited = [*inherited, *_fact_marks(node for node in body if _assigns_pytestmark(node))]
        for node in body:
            if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
                visit(node.body, f"{path}::{node.name}", [*inherited, *_fact_marks(node.decorator_list)])
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
                calls = [*inherited, *_fact_marks(node.decorator_list)]
                placed.update(calls)
                marks.extend(
                    Mark(number=number, test=f"{path}::{node.name}") for call in calls for number in _numbers(call)
                )

    visit(module.body, file, [])
    problems = [f"{file}:{call.lineno}: this mark belongs to no test" for call in everywhere - placed]
    problems += [
        f'{file}:{call.lineno}: name the facts as texts: @pytest.mark.fact("A5")'
        for call in everywhere
        if len(_numbers(call)) != len(call.args) or not call.args or call.keywords
    ]
    if problems:
        raise ParityError(sorted(problems))
    return marks


def _fact_marks(nodes: Iterable[ast.AST]) -> list[ast.Call]:
    """Return the calls ``….mark.fact(…)`` in an expression; deep, as a ``pytest.param`` may hold one."""
    return [
        child
        for node in nodes
        for child in ast.walk(node)
        if isinstance(child, ast.Call) and ast.unparse(child.func).endswith("mark.fact")
    ]


def _assigns_pytestmark(node: ast.stmt) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return any(isinstance(target, ast.Name) and target.id == "pytestmark" for target in targets)


def _numbers(call: ast.Call) -> list[str]:
    return [each.value for each in call.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
