"""The generated parts of docs/comparison.md: the list of scenarios, and the project's own results.

::

    python tools/comparison_page.py --check                  is the list of scenarios stale?
    python tools/comparison_page.py --write                  bring it up to date
    nox -s compare                                           on a quiet machine
    python tools/comparison_page.py --results build/compare/comparison.json

``--results`` puts the verdict and the tables into the page, and beside it, in docs/comparison/, the document, the HTML
page and, where Chromium is installed, pictures of it. The tables are of one environment, the first whose libraries are
the newest, or the one that ``--environment`` names; the HTML page has them all.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import evolve

from customauth import PluginManager
from customauth.compare import Report, Scenario, known_scenarios
from customauth.compare.markdown import escape, tables_markdown, verdict_markdown
from customauth.compare.page import render

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "comparison.md"
FOLDER = ROOT / "docs" / "comparison"
COMMAND = "make comparison_page"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# Pictures by name, with width and height in pixels.
PICTURES = {"desktop.png": (1440, 1800), "phone.png": (390, 1800)}


def main(words: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--check", action="store_true", help="tell whether the list of scenarios is stale")
    what.add_argument("--write", action="store_true", help="bring the list of scenarios up to date")
    what.add_argument("--results", type=Path, metavar="FILE", help="put in the results of this --json document")
    parser.add_argument("--environment", metavar="ID", help="the environment whose tables are shown")
    options = parser.parse_args(words)
    page = PAGE.read_text(encoding="utf-8")
    current = with_part(page, "scenarios", scenario_list(bundled_scenarios()))
    if options.check:
        if current != page:
            print(f"docs/comparison.md is stale; run: {COMMAND}", file=sys.stderr)
        return int(current != page)
    if options.results is not None:
        report = Report.from_json(options.results.read_text(encoding="utf-8"))
        current = with_part(current, "results", results(report, options.environment))
        publish(report)
    PAGE.write_text(current, encoding="utf-8")
    return 0


def bundled_scenarios() -> tuple[Scenario, ...]:
    """Return the scenarios that customauth brings, whatever plug-ins are installed here."""
    return known_scenarios(PluginManager(discover=False))


def scenario_list(scenarios: Sequence[Scenario]) -> str:
    """Draw the scenarios as two Markdown tables, one for each kind."""
    return "\n".join(_scenario_lines(scenarios))


def with_part(page: str, name: str, text: str) -> str:
    """Return the page with the text between the two markers of a part.

    :raises ValueError: the page lacks a marker.
    """
    begin, end = f"<!-- {name}: made by tools/comparison_page.py -->", f"<!-- end of {name} -->"
    head, found_begin, rest = page.partition(begin)
    _, found_end, tail = rest.partition(end)
    if not (found_begin and found_end):
        raise ValueError(f"docs/comparison.md lacks the line {end if found_begin else begin}; put it back")
    return f"{head}{begin}\n\n{text.strip()}\n\n{end}{tail}"


def results(report: Report, environment: str | None = None) -> str:
    """Draw a report for the page: the verdict on all of it, the tables of one environment.

    :raises ValueError: there is no such environment.
    """
    ids = [each.id for each in report.environments]
    chosen = environment or next((name for name in ids if "newest" in name), ids[0])
    if chosen not in ids:
        raise ValueError(f"there is no environment {chosen!r} in these results; there are {', '.join(ids)}")
    shown = evolve(
        report,
        environments=tuple(each for each in report.environments if each.id == chosen),
        cells=tuple(cell for cell in report.cells if cell.environment == chosen),
    )
    parts = [
        f"Taken {report.created} with {report.rounds} rounds, in {', '.join(ids)}. "
        f"[The page with charts](comparison/results.html), [the JSON document](comparison/results.json).",
        *(f"![The page, {name.partition('.')[0]}](comparison/{name})" for name in PICTURES if browser() is not None),
        verdict_markdown(report),
        f"The tables are those of {chosen}.",
        tables_markdown(shown),
    ]
    return "\n\n".join(part.strip() for part in parts)


def publish(report: Report) -> None:
    """Write the document, the HTML page and the pictures into docs/comparison/."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "results.json").write_text(json.dumps(report.to_json()) + "\n", encoding="utf-8")
    page = FOLDER / "results.html"
    page.write_text(render(report), encoding="utf-8", errors="backslashreplace")
    program = browser()
    if program is None:
        print("no Chromium is installed, so there are no pictures: apt-get install chromium", file=sys.stderr)
        return
    for name, (width, height) in PICTURES.items():
        with tempfile.TemporaryDirectory() as profile:
            subprocess.run(  # noqa: S603 - a browser, on our own page
                [
                    *(program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
                    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
                    *("--hide-scrollbars", f"--user-data-dir={profile}", f"--window-size={width},{height}"),
                    *(f"--screenshot={FOLDER / name}", page.as_uri()),
                ],
                check=True,
                capture_output=True,
                timeout=120,
            )


def browser() -> str | None:
    """Return the first Chromium that is installed."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def _scenario_lines(scenarios: Sequence[Scenario]) -> Iterator[str]:
    for kind, title in (("speed", "Speed"), ("behaviour", "Behaviour")):
        chosen = [scenario for scenario in scenarios if scenario.kind.value == kind]
        if not chosen:
            continue
        yield from (f"### {title}", "", "| scenario | what it does | measures | |", "|---|---|---|---|")
        for scenario in chosen:
            measures = ", ".join(f"`{measure.name}` ({measure.unit})" for measure in scenario.measures)
            marks = [*(["raw too"] if scenario.raw else []), *(["local gateway only"] if scenario.local else [])]
            yield f"| `{scenario.name}` | {escape(scenario.description)} | {measures} | {', '.join(marks)} |"
        yield ""


if __name__ == "__main__":
    sys.exit(main())
