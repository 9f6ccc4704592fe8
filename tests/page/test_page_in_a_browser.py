"""The page as people see it: in Chromium, on a phone and on a desk, light and dark, with mouse, finger and keys."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from attrs import evolve

import browser
import sample_report
from customauth.compare.figures import ratio_text, value_text
from customauth.compare.page import render
from customauth.compare.result import Report

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = browser.needed

PHONE, DESK = 360, 1440

# The ratio of WCAG between the colour of every visible text and what lies behind it; what is below the limit.
CONTRAST = """() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const over = (top, below) => {
    const alpha = top[3] ?? 1;
    return [0, 1, 2].map((part) => top[part] * alpha + below[part] * (1 - alpha));
  };
  const light = (colour) => {
    const linear = (part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = colour.map((part) => linear(part / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.unshift(parse(getComputedStyle(at).backgroundColor));
    return layers.reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const bad = [];
  let checked = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || !element.checkVisibility() || element.closest("script, option")) continue;
    const style = getComputedStyle(element);
    const back = behind(element);
    const front = over(parse(element instanceof SVGElement ? style.fill : style.color), back);
    const [least, most] = [light(front), light(back)].sort((one, other) => one - other);
    const ratio = (most + 0.05) / (least + 0.05);
    checked += 1;
    if (ratio < 4.5) bad.push(`${ratio.toFixed(2)}: ${node.textContent.trim().slice(0, 40)}`);
  }
  return { bad, checked };
}"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser.started() as running:
        yield running


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "sample.html"
    path.write_text(render(sample_report.sample_report()), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "hostile.html"
    path.write_text(render(sample_report.hostile_report()), encoding="utf-8")
    return path


@pytest.fixture
def desk(chromium: Browser, sample: Path) -> Iterator[Page]:
    with browser.opened(chromium, sample, width=DESK) as visit:
        yield visit.page


def _fits(page: Page) -> None:
    wide, room = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide <= room


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("which", ["sample", "hostile"])
def test_the_page_is_silent_asks_for_nothing_and_fits(
    chromium: Browser, request: pytest.FixtureRequest, which: str, width: int, dark: bool
) -> None:
    path: Path = request.getfixturevalue(which)
    with browser.opened(chromium, path, width=width, height=800, dark=dark) as visit:
        _fits(visit.page)
        for name in ("environment", "version", "transport"):
            options = visit.page.locator(f"select[name={name}] option")
            visit.page.select_option(f"select[name={name}]", index=options.count() - 1)
        for closed in visit.page.locator("summary").all():
            if closed.is_visible():
                closed.click()
        visit.page.locator("[data-answer]:visible").last.click()
        assert visit.page.is_visible("#answer")
        _fits(visit.page)
        assert visit.page.title() == "customauth: MQTT backends compared"
        assert visit.complaints == []
        assert visit.requests == [path.as_uri()]


# The pairs of texts at one axis that touch, and the figures that take two lines.
CROWDED = """() => {
  const texts = [];
  for (const axis of document.querySelectorAll("svg.axis")) {
    const labels = [...axis.querySelectorAll("text")].map((each) => [each.getBoundingClientRect(), each.textContent]);
    const seen = labels.filter(([box]) => box.width > 0);
    for (const [at, [box, text]] of seen.entries()) {
      if (at && box.left <= seen[at - 1][0].right) texts.push(`${seen[at - 1][1]}|${text}`);
    }
  }
  for (const cell of document.querySelectorAll(".chart tbody td:not(.drawing):not(.why)")) {
    if (!cell.textContent.trim() || !cell.checkVisibility()) continue;
    const range = document.createRange();
    range.selectNodeContents(cell);
    const box = range.getBoundingClientRect();
    const room = cell.getBoundingClientRect();
    if (box.height > 30 || box.left < room.left - 1 || box.right > room.right + 1) texts.push(cell.textContent);
  }
  return [document.querySelectorAll("svg.axis text").length, texts];
}"""


@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("most", [175_000, 799_000, 0.175])
def test_the_numbers_of_a_chart_do_not_run_into_each_other(
    chromium: Browser, tmp_path: Path, width: int, most: float
) -> None:
    report = sample_report.sample_report()
    cells = tuple(
        evolve(cell, measurements=dict.fromkeys(cell.measurements, (most, most * 0.9, most * 0.8)))
        for cell in report.cells
    )
    path = tmp_path / "page.html"
    path.write_text(render(evolve(report, cells=cells)), encoding="utf-8")
    with browser.opened(chromium, path, width=width) as visit:
        for closed in visit.page.locator(".charts summary").all():
            if closed.is_visible():
                closed.click()
        checked, crowded = visit.page.evaluate(CROWDED)
        assert checked
        assert crowded == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_has_enough_contrast(chromium: Browser, sample: Path, dark: bool) -> None:
    with browser.opened(chromium, sample, dark=dark) as visit:
        for name in ("version", "transport"):
            visit.page.select_option(f"select[name={name}]", "all")
        for closed in visit.page.locator("summary").all():
            closed.click()
        visit.page.click("button.mark.bad >> nth=0")
        found = visit.page.evaluate(CONTRAST)
        assert found["checked"] > 500
        assert found["bad"] == []
        back = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert back == ("rgb(18, 21, 26)" if dark else "rgb(246, 247, 249)")


def test_the_button_changes_the_theme_and_the_choice_is_remembered(chromium: Browser, sample: Path) -> None:
    with browser.opened(chromium, sample) as visit:
        before = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
        visit.page.click("#theme")
        after = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert after != before
        assert visit.page.text_content("#theme") == "Light"
        visit.page.reload()
        assert visit.page.evaluate("getComputedStyle(document.body).backgroundColor") == after
        visit.page.click("#theme")
        assert visit.page.evaluate("getComputedStyle(document.body).backgroundColor") == before


def test_the_policy_keeps_a_script_in_the_page_from_the_network(chromium: Browser, sample: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, browser.opened(chromium, sample) as visit:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        refused = visit.page.evaluate(
            """async (address) => {
              const refused = [];
              addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
              await fetch(address, { signal: AbortSignal.timeout(2000) }).catch(() => {});
              await new Promise((done) => {
                const image = new Image();
                image.onerror = done;
                setTimeout(done, 2000);
                image.src = address;
              });
              const script = document.createElement("script");
              script.textContent = "document.title = 'owned'";
              document.body.append(script);
              await new Promise((done) => setTimeout(done));
              return refused.sort();
            }""",
            address,
        )
        assert refused == ["connect-src", "img-src", "script-src-elem"]
        assert visit.page.title() != "owned"
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_a_table_of_a_chart_says_the_numbers_of_the_report(desk: Page) -> None:
    (ours,), (raw,) = (
        [
            cell
            for cell in sample_report.sample_report().cells
            if (cell.scenario, cell.backend, cell.raw) == ("connect", "paho", is_raw)
            and (cell.environment, cell.version, cell.transport) == ("py3.11", "5", "mqtt")
        ]
        for is_raw in (False, True)
    )
    table = desk.locator("table:visible").first
    row = table.get_by_role("row").filter(has=desk.get_by_role("rowheader", name="paho", exact=True))
    median, median_raw = ours.median("connect"), raw.median("connect")
    assert median is not None
    assert median_raw is not None
    assert row.get_by_role("cell").all_text_contents()[1:] == [
        value_text(median, ""),
        *(value_text(ours.percentile("connect", part) or 0, "") for part in (0.95, 0.99)),
        ratio_text(median / median_raw),
    ]
    dots = row.locator("path.dots").get_attribute("d")
    assert dots is not None
    assert dots.count("M") == len(ours.measurements["connect"]) == 200


def test_the_filters_leave_what_was_chosen(desk: Page) -> None:
    captions = desk.locator(".scroll caption:visible, .chart caption:visible")
    assert set(captions.all_text_contents()) == {"py3.11 · MQTT 5", "Libraries"}
    desk.select_option("select[name=version]", label="3.1.1")
    desk.select_option("select[name=transport]", label="wss")
    desk.select_option("select[name=environment]", label="py3.13-lowest")
    assert set(captions.all_text_contents()) == {"py3.13-lowest · MQTT 3.1.1 over wss", "Libraries"}
    desk.select_option("select[name=version]", "all")
    assert set(captions.all_text_contents()) == {
        "py3.13-lowest · MQTT 5 over wss",
        "py3.13-lowest · MQTT 3.1.1 over wss",
        "Libraries",
    }
    assert desk.is_hidden("#nothing")


def test_a_scenario_without_a_cell_of_the_choice_goes_and_a_choice_without_any_cell_says_so(
    chromium: Browser, tmp_path: Path
) -> None:
    report = sample_report.sample_report()
    kept = [
        cell
        for cell in report.cells
        if (cell.version, cell.transport) != ("3.1.1", "wss")
        and (cell.scenario != "import" or (cell.version, cell.transport) == ("5", "mqtt"))
    ]
    path = tmp_path / "page.html"
    path.write_text(render(evolve(report, cells=tuple(kept))))
    with browser.opened(chromium, path) as visit:
        heading = visit.page.get_by_role("heading", name="Import")
        assert heading.is_visible()
        visit.page.select_option("select[name=version]", label="3.1.1")
        assert heading.is_hidden()
        assert visit.page.get_by_role("heading", name="Reconnect after a cut").is_visible()
        visit.page.select_option("select[name=transport]", label="wss")
        assert visit.page.is_visible("#nothing")
        assert visit.page.get_by_role("heading", name="Times").is_hidden()


FAULT = "button.mark.bad:visible:has-text('BackendFault')"
SAID = ("the library waited for 60 s of its own", "ConnectTimeout at the deadline", "60,001 ms", "CONNECT/CONNACK")


def _says(page: Page, *texts: str) -> None:
    said = page.inner_text("#answer")
    assert [text for text in texts if text not in said] == []


def test_pointing_at_a_cell_shows_its_answer_and_leaving_hides_it(desk: Page) -> None:
    desk.hover(FAULT)
    _says(desk, *SAID)
    desk.hover("h1")
    assert desk.is_hidden("#answer")


def test_the_answer_has_code_message_cause_and_times(desk: Page) -> None:
    desk.hover("button.mark.good:visible:has-text('ConnackRefused') >> nth=0")
    _says(desk, "135 (0x87)", "not authorized", "paho.mqtt.MQTTException: Not authorized", "31.2 ms, of 3 rounds from")


def test_a_click_keeps_the_answer_until_it_is_closed(desk: Page) -> None:
    desk.click(FAULT)
    desk.hover("h1")
    _says(desk, *SAID)
    assert desk.get_attribute(FAULT, "aria-expanded") == "true"
    desk.click("#close")
    assert desk.is_hidden("#answer")
    assert desk.get_attribute(FAULT, "aria-expanded") == "false"


def test_the_keys_open_keep_and_close_an_answer(desk: Page) -> None:
    # From the cell before, as Tab goes.
    before = desk.locator("tr:visible", has_text="Silent server").locator("button").nth(1)
    before.focus()
    desk.keyboard.press("Tab")
    _says(desk, *SAID)
    desk.keyboard.press("Enter")
    assert desk.get_attribute(FAULT, "aria-expanded") == "true"
    desk.keyboard.press("Tab")
    _says(desk, *SAID)
    desk.keyboard.press("Escape")
    assert desk.is_hidden("#answer")
    assert desk.evaluate("document.activeElement.textContent").endswith("BackendFault")


def test_the_focus_can_be_seen(desk: Page) -> None:
    desk.focus("#theme")
    desk.keyboard.press("Tab")
    assert desk.evaluate("document.activeElement.id") == "download"
    assert desk.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_a_finger_opens_the_answer_beside_the_cell_and_not_over_it(chromium: Browser, sample: Path) -> None:
    with browser.opened(chromium, sample, width=PHONE, height=800, has_touch=True, is_mobile=True) as visit:
        cell = visit.page.locator(FAULT)
        cell.scroll_into_view_if_needed()
        cell.tap()
        _says(visit.page, *SAID)
        panel, touched = visit.page.locator("#answer").bounding_box(), cell.bounding_box()
        assert panel is not None
        assert touched is not None
        assert panel["x"] >= 0
        assert panel["x"] + panel["width"] <= PHONE
        middle = touched["y"] + touched["height"] / 2
        assert middle < panel["y"] or middle > panel["y"] + panel["height"]


def test_a_hostile_answer_is_shown_as_it_was_said(chromium: Browser, hostile: Path) -> None:
    with browser.opened(chromium, hostile) as visit:
        visit.page.click("[data-answer]")
        listed = visit.page.locator("#answer dd").all_text_contents()
        assert listed[:2] == [sample_report.HOSTILE, sample_report.HOSTILE]
        assert visit.page.title() != "owned"
        assert visit.complaints == []


def test_the_colour_of_a_cell_is_never_its_only_sign(desk: Page) -> None:
    signs = {"good": "✓", "bad": "✗", "broke": "!", "none": "—"}
    for kind, sign in signs.items():
        told = desk.locator(f"button.mark.{kind}").first.text_content() or ""
        assert told.startswith(sign)
        assert len(told) > 1


@pytest.mark.parametrize("which", ["sample", "hostile"])
def test_the_report_can_be_downloaded_from_the_page(
    chromium: Browser, request: pytest.FixtureRequest, which: str
) -> None:
    path: Path = request.getfixturevalue(which)
    with browser.opened(chromium, path) as visit:
        with visit.page.expect_download() as download:
            visit.page.click("#download")
        assert download.value.suggested_filename == "customauth-comparison.json"
        report = Report.from_json(download.value.path().read_text(encoding="utf-8"))
        assert report == getattr(sample_report, f"{which}_report")()


def test_without_scripts_everything_is_shown(chromium: Browser, sample: Path) -> None:
    with browser.opened(chromium, sample, java_script_enabled=False) as visit:
        assert visit.page.locator(".matrix:visible").count() == 8
        assert visit.page.is_hidden("#filters")
        assert visit.page.is_hidden("#download")
        visit.page.click("#answers summary")
        assert visit.page.locator(".answer:visible").count() == 5 * 5 * 8


def test_on_paper_the_charts_and_what_was_not_as_expected_are_there(desk: Page) -> None:
    desk.emulate_media(media="print")
    desk.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert desk.is_hidden("#filters")
    assert desk.is_hidden("#theme")
    assert desk.is_visible("h1")
    assert desk.locator("svg.plot:visible").count() > 20
    assert desk.locator(".answer:visible").count() == 4
    # A header that sticks on the screen would lie over each sheet.
    assert desk.evaluate("getComputedStyle(document.querySelector('.matrix th')).position") == "static"
    desk.evaluate("dispatchEvent(new Event('afterprint'))")
    desk.emulate_media(media="screen")
    assert desk.locator(".answer:visible").count() == 0
