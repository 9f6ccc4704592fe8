"""The generator of docs/parity.md: which fact of docs/facts.md the gateway honours, and the tests that show it.

``python tools/parity.py`` prints the page, ``--write`` writes it, ``--check`` tells whether the one in docs/ is stale.
The tests come from their marks (``@pytest.mark.fact("A5")``), read from the sources and never imported. What no program
can know stands in docs/parity.toml, a table a fact::

    sections = ["A", "B"]

    [A5]
    title = "the parameters begin after the last question mark"

    [B16]
    title = "quotas of authorizers"
    status = "control plane"           # yes when left out
    note = "a gateway has as many as its file names"
    choice = "…"                       # for what is [unknown], where the facts do not say what to choose
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from attrs import field, frozen

from generated_page import generate
from parity_sources import (
    STATUSES,
    Entry,
    Fact,
    Facts,
    Mark,
    ParityError,
    Register,
    marks_of,
    parse_facts,
    parse_register,
)

ROOT = Path(__file__).parents[1]
PAGE = "docs/parity.md"
# The statuses that need a test; the others must have none.
SHOWN = ("yes", "partly")

_HEAD = """# Parity with AWS IoT Core

<!-- Made by tools/parity.py from facts.md, parity.toml and the marks of the tests: run `make parity`. -->

Which of the [numbered facts](facts.md) about AWS IoT Core the local gateway honours, and the tests that show it.
This page is generated; a test fails when it is stale.
"""
_CONFIDENCE = """\
Confidence is that of the facts: AWS's documentation (doc), the code of an SDK (sdk source), reports by users, among
them those whose author ran it against AWS (measured), or nothing at all (unknown). One without any points to others."""
_GUESSES = "Nothing reliable is known about these. The gateway does as follows where it is built; AWS may do otherwise."


@frozen(kw_only=True)
class Parity:
    """What the page is made of; complete and without a contradiction.

    :ivar tests: by the number of the fact that they show.
    """

    facts: Facts
    register: Register
    tests: Mapping[str, Sequence[str]] = field(factory=dict)


def read(root: Path) -> Parity:
    """Read the facts, the register and the tests of a checkout.

    :raises ParityError: when they do not fit together; it names every place at once.
    """
    facts = parse_facts((root / "docs" / "facts.md").read_text(encoding="utf-8"))
    register = parse_register((root / "docs" / "parity.toml").read_text(encoding="utf-8"))
    marks = [
        mark
        for file in sorted((root / "tests").rglob("test_*.py"))
        for mark in marks_of(file.read_text(encoding="utf-8"), file.relative_to(root).as_posix())
    ]
    return fit(facts, register, marks)


def fit(facts: Facts, register: Register, marks: Iterable[Mark]) -> Parity:
    """Put facts, register and marks together.

    :raises ParityError: when a fact is without an entry, a status without the test that it needs or with one that
        contradicts it, something unknown without what was chosen, or an entry or a mark without its fact.
    """
    tests: dict[str, list[str]] = {}
    problems: list[str] = []
    for mark in sorted(set(marks)):
        tests.setdefault(mark.number, []).append(mark.test)
        if mark.number not in facts.by_number:
            problems.append(f"{mark.test}: marked with {mark.number}, which is not in docs/facts.md")
    for section in register.sections:
        if section not in facts.sections:
            problems.append(f"docs/parity.toml: sections: there is no section {section} in docs/facts.md")
    for number in register.entries:
        if number not in facts.by_number:
            problems.append(f"docs/parity.toml: [{number}]: there is no such fact in docs/facts.md")
        elif number[0] not in register.sections:
            problems.append(f"docs/parity.toml: [{number}]: add {number[0]} to the sections")
    for fact in facts.of(register.sections):
        problems += _problems_of_fact(facts, fact, register.entries.get(fact.number), tests.get(fact.number, []))
    if problems:
        raise ParityError(problems)
    return Parity(facts=facts, register=register, tests=tests)


def _problems_of_fact(facts: Facts, fact: Fact, entry: Entry | None, tests: Sequence[str]) -> Iterator[str]:
    if entry is None:
        yield f"{fact.number}: without an entry; add [{fact.number}] with a title and a status to docs/parity.toml"
        return
    if entry.status in SHOWN and not tests:
        yield (
            f"{fact.number}: its status is {entry.status!r} and no test shows it; mark one with "
            f'@pytest.mark.fact("{fact.number}"), or change the status in docs/parity.toml'
        )
    if entry.status not in SHOWN and tests:
        yield (
            f"{fact.number}: its status is {entry.status!r} and {tests[0]} shows it; make the status in "
            "docs/parity.toml yes or partly, or take the mark away"
        )
    if fact.unknown and not (entry.choice or facts.choice(fact)):
        yield f"{fact.number}: it is [unknown]; say in docs/parity.toml what was chosen: choice = …"


def render(parity: Parity) -> str:
    """Return the page, in Markdown."""
    lines = [_HEAD, *(f"- **{status}**: {meaning}" for status, meaning in STATUSES.items()), ""]
    lines += [_CONFIDENCE, "", "## Summary", "", *_summary(parity), ""]
    lines += ["## Guesses", "", _GUESSES, "", *_guesses(parity), ""]
    for section in parity.register.sections:
        lines += [f"## {section}. {parity.facts.sections[section]}", "", *_section(parity, section), ""]
    return "\n".join(lines)


def _summary(parity: Parity) -> Iterator[str]:
    sections = parity.register.sections
    yield _row("honoured", *sections, "all")
    yield _row("---", *["---:"] * (len(sections) + 1))
    total: list[int] = [0] * len(sections)
    for status in STATUSES:
        counts = [
            sum(parity.register.entries[fact.number].status == status for fact in parity.facts.of(section))
            for section in sections
        ]
        total = [before + count for before, count in zip(total, counts, strict=True)]
        yield _row(status, *map(str, counts), str(sum(counts)))
    yield _row("all", *map(str, total), str(sum(total)))


def _guesses(parity: Parity) -> Iterator[str]:
    yield _row("fact", "about", "what the gateway chose", "honoured")
    yield _row(*["---"] * 4)
    for fact in parity.facts.of(parity.register.sections):
        entry = parity.register.entries[fact.number]
        if fact.unknown:
            yield _row(fact.number, entry.title, entry.choice or parity.facts.choice(fact) or "", entry.status)


def _section(parity: Parity, section: str) -> Iterator[str]:
    yield _row("fact", "confidence", "what it says, in short", "honoured", "shown by")
    yield _row(*["---"] * 5)
    for fact in parity.facts.of(section):
        entry = parity.register.entries[fact.number]
        honoured = f"{entry.status}: {entry.note}" if entry.note else entry.status
        links = (f"[`{test}`](../{test.partition('::')[0]})" for test in parity.tests.get(fact.number, ()))
        yield _row(fact.number, ", ".join(fact.confidence), entry.title, honoured, "<br>".join(links))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def main(argv: Sequence[str] | None = None, *, root: Path = ROOT) -> int:
    """Run the command and return its exit code: 1 for a stale page, and where none can be made."""
    return generate(argv, root / PAGE, tool="parity", make=lambda: render(read(root)))


if __name__ == "__main__":
    sys.exit(main())
