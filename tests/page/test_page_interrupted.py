"""The page of a comparison that was interrupted: it says so, and what is missing has a sign of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from attrs import evolve

import browser
from customauth.compare.figures import backends
from customauth.compare.interruptions import interruptions
from customauth.compare.page import render
from customauth.compare.result import Report, State
from sample_report import sample_report

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = browser.needed


def _interrupted() -> Report:
    """Return the sample as it is when every second backend's cells had no turn."""
    report = sample_report()
    late = backends(report)[1::2]
    cells = tuple(
        evolve(cell, state=State.MISSING, why="interrupted before its first turn", behaviour=None, measurements={})
        if cell.backend in late
        else cell
        for cell in report.cells
    )
    return evolve(report, cells=cells, interrupted={report.environments[0].id: "SIGINT <b>"})


@pytest.fixture(scope="module", params=[360, 1440], ids=["phone", "desk"])
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    path = tmp_path_factory.mktemp("page") / "interrupted.html"
    path.write_text(render(_interrupted()), encoding="utf-8")
    with browser.started() as running:
        opened = running.new_page(viewport={"width": request.param, "height": 900})
        opened.goto(path.as_uri())
        yield opened


def test_the_head_says_why_it_was_interrupted_and_what_is_missing(page: Page) -> None:
    (line,) = interruptions(_interrupted())
    assert line in page.locator("header").inner_text()
    assert page.locator("header b").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_what_is_missing_has_a_sign_and_words_of_its_own(page: Page) -> None:
    assert "… missing" in page.locator("p.key").inner_text()
    button = page.locator("table.matrix button:visible", has_text="missing").first
    button.click()
    assert "interrupted before its first turn" in page.locator("#answer").inner_text()


def test_a_whole_report_has_no_word_of_it() -> None:
    assert "… missing" not in render(sample_report())
