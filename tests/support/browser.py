"""A real browser for tests of pages: Debian's Chromium, driven by playwright. Import as ``browser``.

::

    pytestmark = browser.needed          skips where Chromium or playwright is missing
    with browser.started() as chromium:  a browser that asks the network for nothing of its own
    with browser.opened(chromium, path, width=360, dark=True) as visit:
        visit.page ...                   and at the end the page must have been silent and have asked for nothing
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from attrs import Factory, frozen

import programs

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_OPTIONS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

needed = programs.program("chromium", package="chromium")


@frozen(kw_only=True)
class Visit:
    """A page that is open.

    :ivar requests: the addresses that it asked for, itself among them.
    :ivar complaints: what it wrote to the console, and its errors.
    """

    page: Page
    requests: list[str] = Factory(list)
    complaints: list[str] = Factory(list)


@contextmanager
def started() -> Iterator[Browser]:
    """Start Chromium, with a profile of its own that ends with it."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed; run: pip install playwright"
    )
    with playwright.sync_playwright() as driver:
        # As root there is no sandbox.
        chromium = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=_OPTIONS, chromium_sandbox=False
        )
        yield chromium
        chromium.close()


@contextmanager
def opened(
    chromium: Browser, path: Path, *, width: int = 1440, height: int = 900, dark: bool = False, **options: Any
) -> Iterator[Visit]:
    """Open a file as a person does who clicks on it; the options are those of a playwright context."""
    context = chromium.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", **options
    )
    visit = Visit(page=context.new_page())
    visit.page.set_default_timeout(10_000)
    visit.page.on("request", lambda request: visit.requests.append(request.url))
    visit.page.on("console", lambda message: visit.complaints.append(message.text))
    visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    visit.page.goto(path.as_uri())
    try:
        yield visit
    finally:
        context.close()
