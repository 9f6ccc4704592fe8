"""Put the page together."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources
from string import Template

from customauth.compare.page import about, charts, matrix
from customauth.compare.page.markup import Html, element, joined
from customauth.compare.page.slices import Slice, Slices, slices_of
from customauth.compare.page.summary import summary
from customauth.compare.result import Report

_NO_MORE = "base-uri 'none'; form-action 'none'"


def render(report: Report) -> str:
    """Return the page of a report: one HTML document in UTF-8, with its styles, its script and the report inside.

    Nothing in it asks a network for anything, and its Content-Security-Policy forbids it.
    """
    slices = slices_of(report)
    style, script = _part("page.css"), _part("page.js")
    return Template(_part("page.html")).substitute(
        policy=f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; {_NO_MORE}",
        style=style,
        script=script,
        heading=about.heading(report),
        summary=summary(report),
        filters=_filters(slices),
        legend=charts.legend(),
        speed=joined(charts.sections(report, slices)),
        behaviour=matrix.matrices(report, slices) or "",
        environments=about.environments(report),
        document=about.document(report),
    )


def _part(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8").strip()


def _hash(text: str) -> str:
    """Return what a Content-Security-Policy calls this inline text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _filters(slices: Slices) -> Html:
    first = slices.first or Slice(environment="", version="", transport="")
    return joined(
        [
            _filter("environment", "environment", slices.environments, first.environment),
            _filter("version", "MQTT version", slices.versions, first.version),
            _filter("transport", "transport", slices.transports, first.transport),
        ]
    )


def _filter(name: str, title: str, values: Sequence[str], first: str) -> Html:
    options = [element("option", value, value=number, selected=value == first) for number, value in enumerate(values)]
    if len(values) != 1:
        options.append(element("option", f"all {len(values)}", value="all"))
    return element("label", element("span", title), element("select", *options, name=name))
