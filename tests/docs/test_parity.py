"""The page on parity: that it is what its generator makes now, and that the generator refuses what does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve

import parity
from parity_sources import Entry, Facts, Mark, ParityError, Register, marks_of, parse_facts, parse_register

ROOT = Path(__file__).parents[2]

FACTS = """
# Facts

## A. On the wire
- **A1** Said by the documentation. DG [doc]
- **A2** Found in code [sdk source] and by users [reported by users]; again [doc], [doc]; (measured)
  1. which holds this line [unknown] → choose nothing.
### A.1 A table
| # | what | source |
|---|---|---|
| **A3** | a row | DG [doc] |

## B. What follows
- **B1** See A1.

## I. Open points
| # | open point | default |
|---|---|---|
| I1 | A1/B1 what to do | this or that |
"""
CONFIDENCE_OF_A2 = ("sdk source", "reported by users", "doc", "unknown", "measured")


def facts(text: str = FACTS) -> Facts:
    return parse_facts(text)


def register(**entries: Entry) -> Register:
    everything = {number: Entry(title=f"title of {number}") for number in ("A1", "A2", "A3")}
    return Register(sections=("A",), entries=everything | entries)


def marks(*numbers: str) -> list[Mark]:
    return [Mark(number=number, test="tests/test_x.py::test_it") for number in numbers]


ALL = marks("A1", "A2", "A3")


def problems(facts: Facts, register: Register, marks: list[Mark]) -> list[str]:
    with pytest.raises(ParityError) as caught:
        parity.fit(facts, register, marks)
    return list(caught.value.problems)


def choice(text: str) -> str | None:
    read = facts(f"{FACTS}\n- **A4** {text}")
    return read.choice(read.by_number["A4"])


# The page.


def test_the_page_is_what_the_facts_and_the_tests_make_now(capsys: pytest.CaptureFixture[str]) -> None:
    if parity.main(["--check"]) != 0:
        pytest.fail(capsys.readouterr().err, pytrace=False)


def test_every_fact_of_its_sections_is_in_the_page() -> None:
    made = parity.read(ROOT)
    page = parity.render(made)
    for fact in made.facts.of(made.register.sections):
        assert f"\n| {fact.number} | " in page
        for test in made.tests.get(fact.number, ()):
            assert f"[`{test}`](../{test.partition('::')[0]})" in page
    assert {"A", "B", "C", "F", "J"} <= set(made.register.sections)


def test_the_page_counts_lists_and_links() -> None:
    entries = register(
        A2=Entry(title="either | or", status="partly", note="half of it"),
        A3=Entry(title="a row", status="control plane", note="no such API"),
    )
    page = parity.render(parity.fit(facts(), entries, marks("A1", "A2")))
    link = "[`tests/test_x.py::test_it`](../tests/test_x.py)"
    for row in (
        "| honoured | A | all |",
        "| yes | 1 | 1 |",
        "| control plane | 1 | 1 |",
        "| not applicable | 0 | 0 |",
        "| all | 3 | 3 |",
        "| A2 | either &#124; or | nothing | partly |",
        f"| A1 | doc | title of A1 | yes | {link} |",
        f"| A2 | {', '.join(CONFIDENCE_OF_A2)} | either &#124; or | partly: half of it | {link} |",
        "| A3 | doc | a row | control plane: no such API |  |",
    ):
        assert f"\n{row}\n" in page
    assert "\n## A. On the wire\n" in page
    assert "What follows" not in page


# The command.


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for folder in ("docs", "tests"):
        (tmp_path / folder).mkdir()
    (tmp_path / "docs" / "facts.md").write_text(FACTS)
    titles = "".join(f'[{number}]\ntitle = "t"\n' for number in ("A1", "A2", "A3"))
    (tmp_path / "docs" / "parity.toml").write_text(f'sections = ["A"]\n{titles}')
    (tmp_path / "tests" / "test_x.py").write_text('@pytest.mark.fact("A1", "A2", "A3")\ndef test_it(): ...\n')
    return tmp_path


def test_a_page_that_was_written_is_not_stale_until_a_test_changes(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert parity.main(["--check"], root=checkout) == 1
    assert parity.main(["--write"], root=checkout) == 0
    assert parity.main(["--check"], root=checkout) == 0
    assert capsys.readouterr().err == (
        "docs/parity.md is stale; run `make parity` (or python tools/parity.py --write) and commit it\n"
    )
    assert parity.main([], root=checkout) == 0
    assert capsys.readouterr().out == (checkout / "docs" / "parity.md").read_text()
    (checkout / "tests" / "test_x.py").write_text('@pytest.mark.fact("A1", "A2", "A3")\ndef test_other(): ...\n')
    assert parity.main(["--check"], root=checkout) == 1
    assert "run `make parity`" in capsys.readouterr().err


def test_a_page_that_cannot_be_made_is_not_written(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / "tests" / "test_x.py").write_text('@pytest.mark.fact("A1", "A2", "A4")\ndef test_it(): ...\n')
    assert parity.main(["--write"], root=checkout) == 1
    told = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[0] for line in told] == ["tests/test_x.py::test_it", "A3"]
    assert not (checkout / "docs" / "parity.md").exists()


# The facts.


def test_facts_are_items_with_what_is_indented_under_them_and_rows() -> None:
    read = facts()
    assert list(read.by_number) == ["A1", "A2", "A3", "B1", "I1"]
    assert read.sections == {"A": "On the wire", "B": "What follows", "I": "Open points"}
    assert read.by_number["A2"].text.endswith("\n  1. which holds this line [unknown] → choose nothing.")
    assert [fact.number for fact in read.of("BA")] == ["B1", "A1", "A2", "A3"]


def test_no_fact_of_the_file_is_missed() -> None:
    text = (ROOT / "docs" / "facts.md").read_text()
    count = text.count("\n- **") + text.count("\n| **") + text.count("\n| I")
    assert len(facts(text).by_number) == count


@pytest.mark.parametrize(
    ("number", "confidence"),
    [
        ("A1", ("doc",)),
        ("A2", CONFIDENCE_OF_A2),
        ("A3", ("doc",)),
        ("B1", ()),
    ],
)
def test_every_confidence_mark_counts_once(number: str, confidence: tuple[str, ...]) -> None:
    assert facts().by_number[number].confidence == confidence


def test_a_number_that_is_used_twice_is_named() -> None:
    with pytest.raises(ParityError, match="A1 is there twice"):
        facts(FACTS.replace("A3", "A1"))


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("What happens: [unknown] → choose close. DG [doc]", "close"),
        ("What happens: [unknown] → choose: close, with MQTT 3.1.1 too", "close, with MQTT 3.1.1 too"),
        ("Sent → received. Code (text [unknown] → 400). DG [doc]", "400"),
        ("One: [unknown] → 1 (as A2). Two: [unknown → choose] → 2.", "1 (as A2); 2"),
        ("Nobody has seen it [unknown].", None),
    ],
)
def test_what_to_choose_stands_behind_unknown(text: str, chosen: str | None) -> None:
    assert choice(text) == chosen


def test_what_a_fact_does_not_choose_section_i_does() -> None:
    read = facts()
    assert read.choice(read.by_number["A1"]) == read.choice(read.by_number["B1"]) == "this or that (I1)"
    assert read.choice(read.by_number["A3"]) is None


# The marks.


def test_marks_of_test_class_and_module_count() -> None:
    source = """
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.fact("A1")]

@pytest.mark.fact("A2", "A3")
@pytest.mark.fact("A4")
def test_plain(): ...

@pytest.mark.parametrize("n", [1, pytest.param(2, marks=pytest.mark.fact("A5"))])
async def test_async(n): ...

@pytest.mark.fact("B1")
class TestThese:
    pytestmark: object = pytest.mark.fact("B2")

    def test_one(self): ...

    class TestInner:
        @pytest.mark.fact("B3")
        def test_two(self): ...

    def helper(self): ...
"""
    found: dict[str, set[str]] = {}
    for mark in marks_of(source, "tests/test_x.py"):
        found.setdefault(mark.test, set()).add(mark.number)
    assert found == {
        "tests/test_x.py::test_plain": {"A1", "A2", "A3", "A4"},
        "tests/test_x.py::test_async": {"A1", "A5"},
        "tests/test_x.py::TestThese::test_one": {"A1", "B1", "B2"},
        "tests/test_x.py::TestThese::TestInner::test_two": {"A1", "B1", "B2", "B3"},
    }


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ('@pytest.mark.fact("A1")\ndef helper(): ...', "test_x.py:1: this mark belongs to no test"),
        ('\nHONOURED = pytest.mark.fact("A1")\n@HONOURED\ndef test_it(): ...', "test_x.py:2: this mark belongs to no"),
        ('@pytest.mark.fact("A1")\nclass Helper:\n    def test_it(self): ...', "test_x.py:1: this mark belongs to no"),
        ("@pytest.mark.fact(NUMBER)\ndef test_it(): ...", "test_x.py:1: name the facts as texts"),
        ('@pytest.mark.fact("A1", *MORE)\ndef test_it(): ...', "test_x.py:1: name the facts as texts"),
        ("@pytest.mark.fact()\ndef test_it(): ...", "test_x.py:1: name the facts as texts"),
    ],
)
def test_a_mark_that_would_be_lost_is_named(source: str, says: str) -> None:
    with pytest.raises(ParityError, match=says):
        marks_of(source, "tests/test_x.py")


# How they fit together.


def test_the_tests_of_a_fact_are_sorted_and_named_once() -> None:
    twice = [Mark(number="A1", test=f"tests/test_x.py::test_{name}") for name in "baa"]
    fitted = parity.fit(facts(), register(), [*twice, *marks("A2", "A3")])
    assert fitted.tests["A1"] == ["tests/test_x.py::test_a", "tests/test_x.py::test_b"]


def test_a_mark_of_an_unknown_fact_names_the_test() -> None:
    (problem,) = problems(facts(), register(), [*ALL, *marks("A99")])
    assert problem == "tests/test_x.py::test_it: marked with A99, which is not in docs/facts.md"


def test_a_mark_of_a_fact_outside_the_page_is_no_problem() -> None:
    assert parity.fit(facts(), register(), [*ALL, *marks("B1", "I1")])


def test_a_fact_without_an_entry_is_named() -> None:
    known = register()
    short = evolve(known, entries={number: known.entries[number] for number in ("A1", "A3")})
    (problem,) = problems(facts(), short, ALL)
    assert problem.startswith("A2: without an entry; add [A2]")


@pytest.mark.parametrize("status", ["yes", "partly"])
def test_what_is_honoured_needs_a_test(status: str) -> None:
    (problem,) = problems(facts(), register(A2=Entry(title="t", status=status, note="n")), marks("A1", "A3"))
    assert problem.startswith(f"A2: its status is {status!r} and no test shows it")


@pytest.mark.parametrize("status", ["no", "control plane", "not applicable"])
def test_what_is_not_honoured_has_no_test(status: str) -> None:
    entries = register(A2=Entry(title="t", status=status, note="n"))
    assert parity.fit(facts(), entries, marks("A1", "A3"))
    (problem,) = problems(facts(), entries, ALL)
    assert problem.startswith(f"A2: its status is {status!r} and tests/test_x.py::test_it shows it")


def test_something_unknown_needs_a_choice() -> None:
    unknown = facts(FACTS.replace("a row | DG [doc]", "a row | [unknown]"))
    (problem,) = problems(unknown, register(), ALL)
    assert problem.startswith("A3: it is [unknown]")
    assert parity.fit(unknown, register(A3=Entry(title="t", choice="this")), ALL)


@pytest.mark.parametrize(
    ("entry", "says"), [("A99", "there is no such fact in docs/facts.md"), ("B1", "add B to the sections")]
)
def test_an_entry_of_no_fact_of_the_page_is_named(entry: str, says: str) -> None:
    (problem,) = problems(facts(), register(**{entry: Entry(title="t")}), ALL)
    assert problem == f"docs/parity.toml: [{entry}]: {says}"


def test_a_section_that_the_facts_do_not_have_is_named() -> None:
    (problem,) = problems(facts(), evolve(register(), sections=("A", "Z")), ALL)
    assert problem.endswith("there is no section Z in docs/facts.md")


# The register.


def test_an_entry_says_title_status_note_and_choice() -> None:
    read = parse_register(
        'sections = ["B", "A"]\n[A1]\ntitle = "one"\n'
        '[A2]\ntitle = "two"\nstatus = "no"\nnote = "not built yet"\nchoice = "this"\n'
    )
    assert read.sections == ("B", "A")
    assert read.entries == {
        "A1": Entry(title="one", status="yes", note="", choice=""),
        "A2": Entry(title="two", status="no", note="not built yet", choice="this"),
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[A1", "not TOML"),
        ('[A1]\ntitle = "t"', "name the sections"),
        ("sections = []", "name the sections"),
        ('sections = ["A"]\nA1 = "t"', r"\[A1\]: write a table"),
        ('sections = ["A"]\n[A1]\ntitle = 1', r"\[A1\]: write a table whose values are texts"),
        ('sections = ["A"]\n[A1]\ntitle = "t"\nwhy = "w"', r"\[A1\]: unknown: why; known here: title, status"),
        ('sections = ["A"]\n[A1]\nstatus = "yes"', r"\[A1\]: write a title"),
        ('sections = ["A"]\n[A1]\ntitle = "t"\nstatus = "maybe"\nnote = "n"', r"\[A1\]: status 'maybe'; write one of"),
        ('sections = ["A"]\n[A1]\ntitle = "t"\nstatus = "no"', r"\[A1\]: write a note: why is the status 'no'"),
    ],
)
def test_a_register_that_cannot_be_used_is_refused_with_the_mend(text: str, says: str) -> None:
    with pytest.raises(ParityError, match=says):
        parse_register(text)
