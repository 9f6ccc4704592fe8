"""Where the numbers come from: the machine, the libraries and what they declare, and the document itself."""

from __future__ import annotations

import json

from customauth.compare.figures import backends
from customauth.compare.interruptions import interruptions
from customauth.compare.page.markup import Html, element
from customauth.compare.result import Environment, Report


def heading(report: Report) -> Html:
    """Return the page's title, and in one line what was compared."""
    where = "a local gateway of its own" if report.endpoint == "local" else report.endpoint
    rounds = f"{report.rounds} round{'' if report.rounds == 1 else 's'}{', quick' if report.quick else ''}"
    facts = [f"customauth {report.customauth}", f"against {where}", rounds, element("time", report.created)]
    facts += [element("strong", line) for line in interruptions(report)]
    return element(
        "div",
        element("h1", _title(len(backends(report)))),
        element("p", *(element("span", fact) for fact in facts), class_="facts"),
        class_="title",
    )


def environments(report: Report) -> Html:
    """Return the section about the machine and the libraries."""
    return element(
        "section",
        element("h2", "Machine and libraries", id="environments"),
        *(_environment(each) for each in report.environments),
        class_="environments",
        aria_labelledby="environments",
    )


def document(report: Report) -> Html:
    """Return the JSON document as the text of a script element, which ends nowhere but at its end."""
    text = json.dumps(report.to_json(), ensure_ascii=True, separators=(",", ":"))
    return Html(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _title(number: int) -> str:
    return "1 MQTT backend measured" if number == 1 else f"{number} MQTT backends compared"


def _environment(environment: Environment) -> Html:
    processors = f"{environment.processors} × {environment.processor or 'processor of unknown name'}"
    facts = [f"Python {environment.python}", environment.platform, processors]
    head = element(
        "tr", *(element("th", title, scope="col") for title in ("backend", "library", "plug-in", "declared features"))
    )
    body = [
        element(
            "tr",
            element("th", name, scope="row"),
            element("td", f"{info.library} {info.library_version}"),
            element("td", f"{info.distribution} {info.distribution_version}"),
            element("td", ", ".join(info.features) or "none"),
        )
        for name, info in environment.backends.items()
    ]
    table = element(
        "table", element("caption", "Libraries"), element("thead", head), element("tbody", *body), class_="plain"
    )
    label = f"Libraries, {environment.id}"
    return element(
        "article",
        element("h3", environment.id),
        element("p", *(element("span", fact) for fact in facts), class_="facts"),
        element("div", table, class_="scroll", role="region", aria_label=label, tabindex=0),
    )
