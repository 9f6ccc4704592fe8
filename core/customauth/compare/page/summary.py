"""The first screen: the verdict."""

from __future__ import annotations

from collections.abc import Iterator

from customauth.compare.page.markup import Html, element
from customauth.compare.result import Report
from customauth.compare.verdict import BackendVerdict, verdict


def summary(report: Report) -> Html:
    """Return the section that says what the report means, a card for each backend."""
    found = verdict(report)
    general = [element("p", sentence, class_="general") for sentence in found.general]
    return element(
        "section",
        element("h2", "Verdict", id="verdict"),
        element("div", *map(_card, found.backends), class_="cards"),
        *general,
        aria_labelledby="verdict",
    )


def _card(told: BackendVerdict) -> Html:
    lines = list(_lines(told)) or [element("li", sentence) for sentence in told.sentences]
    return element(
        "article",
        element("h3", told.backend, " ", element("span", told.library, class_="library")),
        element("ul", *lines),
        class_="card",
    )


def _lines(told: BackendVerdict) -> Iterator[Html]:
    # The sentences say it all themselves; the signs are for the eye that looks for one kind.
    for kind, sign, sentences in (
        ("good", "▲", told.best_for),
        ("bad", "▼", told.apart),
        ("none", "✗", told.cannot),
        ("broke", "?", told.missing),
    ):
        for sentence in sentences:
            yield element("li", element("span", sign, class_=f"sign {kind}", aria_hidden="true"), sentence)
