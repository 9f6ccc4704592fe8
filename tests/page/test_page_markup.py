"""Nothing that a third party names or says becomes markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

import sample_report
from customauth.compare.page import about, render
from customauth.compare.page.markup import element, escaped, joined
from customauth.compare.result import Report


class _Reader(HTMLParser):
    """Collects the elements, the attributes and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def _read(text: str) -> _Reader:
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return reader


# HTML has no way to write these, or makes others of them.
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]))


@given(texts, texts)
def test_any_text_in_an_element_is_read_back_as_that_text(said: str, told: str) -> None:
    read = _read(element("td", said, title=told))
    assert (read.tags, read.attributes, read.text) == (["td"], [("title", told)], said)


@given(texts)
def test_markup_is_escaped_once_however_often_it_is_put_in(said: str) -> None:
    assert escaped(joined([element("b", said)])) == element("b", said)


def test_an_attribute_that_is_false_is_left_out_and_one_that_is_true_has_no_value() -> None:
    assert element("option", "a", selected=True, disabled=False, title=None, class_="x", data_y=0) == (
        '<option selected class="x" data-y="0">a</option>'
    )


@given(texts)
def test_the_document_inside_the_page_is_the_report_whatever_it_says(said: str) -> None:
    report = evolve(sample_report.hostile_report(), endpoint=said)
    text = about.document(report)
    assert not set(text) & set("<>&")
    assert Report.from_json(text) == report


def test_a_hostile_report_brings_no_element_and_no_attribute_of_its_own() -> None:
    ordinary, hostile = (
        _read(render(report)) for report in (sample_report.sample_report(), sample_report.hostile_report())
    )
    assert set(hostile.tags) <= set(ordinary.tags)
    assert "img" not in hostile.tags
    assert {name for name, _ in hostile.attributes} <= {name for name, _ in ordinary.attributes}
    assert hostile.tags.count("script") == 2


def test_the_page_names_no_address_in_any_attribute() -> None:
    for name, value in _read(render(sample_report.sample_report())).attributes:
        assert name not in ("src", "srcset", "style", "action"), name
        assert not name.startswith("on"), name
        assert name != "href" or (value or "").startswith("#")


def test_the_policy_allows_nothing_but_the_styles_and_the_script_of_the_page() -> None:
    policies = re.findall(r'Content-Security-Policy" content="([^"]*)"', render(sample_report.sample_report()))
    assert len(policies) == 1
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[^ ;']+'; script-src 'sha256-[^ ;']+'; "
        r"base-uri 'none'; form-action 'none'",
        policies[0],
    )


def test_the_page_of_a_report_without_cells_can_be_made() -> None:
    empty = Report(customauth="0.4.0", created="2026-11-23T09:30:00+00:00")
    assert "0 MQTT backends compared" in render(empty)


def test_the_page_of_one_backend_alone_says_so() -> None:
    report = sample_report.sample_report()
    first = report.environments[0]
    name = next(iter(first.backends))
    cells = tuple(cell for cell in report.cells if (cell.environment, cell.backend) == (first.id, name))
    alone = evolve(report, environments=(evolve(first, backends={name: first.backends[name]}),), cells=cells)
    assert "1 MQTT backend measured" in render(alone)


def test_the_same_report_makes_the_same_page() -> None:
    assert render(sample_report.sample_report()) == render(sample_report.sample_report())
