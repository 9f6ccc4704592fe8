"""A report as JUnit XML, which CI systems read: a test case for each cell, and one for each threshold."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence

from customauth.compare.baseline import Judgement
from customauth.compare.figures import setting_text
from customauth.compare.interruptions import interruptions
from customauth.compare.result import Cell, Report, State

# XML 1.0 has no way to write these, escaped or not.
_UNWRITABLE = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")


def junit(report: Report, judgements: Sequence[Judgement] = ()) -> str:
    """Draw a report as JUnit XML.

    A suite for each environment, its cells the test cases: failed when a behaviour was not as expected, in error when
    it broke down, skipped when it was not run or is missing. A suite that was interrupted has a case that says so, in
    error. Thresholds are a suite of their own.
    """
    root = ET.Element("testsuites", name="customauth compare")
    for environment in report.environments:
        cells = [cell for cell in report.cells if cell.environment == environment.id]
        cases = [_case(cell) for cell in cells]
        if environment.id in report.interrupted:
            cases.append(_interrupted_case(environment.id, report))
        suite = _suite(root, environment.id, report.created, cases)
        properties = ET.Element("properties")
        _property(properties, "customauth", report.customauth)
        _property(properties, "python", environment.python)
        _property(properties, "platform", environment.platform)
        for name, info in environment.backends.items():
            _property(properties, name, f"{info.library} {info.library_version}")
        suite.insert(0, properties)
    if judgements:
        _suite(root, "thresholds", report.created, [_threshold_case(each) for each in judgements])
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _suite(root: ET.Element, name: str, created: str, cases: list[ET.Element]) -> ET.Element:
    suite = ET.SubElement(root, "testsuite", name=_writable(name), timestamp=_writable(created.partition("+")[0]))
    counted = {"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"}
    suite.extend(cases)
    for attribute, tag in counted.items():
        suite.set(attribute, str(sum(1 for _ in suite.iter(tag))))
    suite.set("time", f"{sum(float(case.get('time', '0')) for case in cases):.3f}")
    return suite


def _case(cell: Cell) -> ET.Element:
    raw = ", raw" if cell.raw else ""
    case = _new_case(f"{cell.scenario}.{cell.backend}", f"{setting_text(cell.version, cell.transport)}{raw}")
    if cell.state in (State.NOT_RUN, State.MISSING):
        ET.SubElement(case, "skipped", message=_writable(cell.why or "not run"))
    elif cell.state is State.ERROR:
        ET.SubElement(case, "error", message=_writable(cell.why or "broke down"), type="error")
    if cell.behaviour is not None:
        behaviour = cell.behaviour
        case.set("time", f"{sum(behaviour.milliseconds) / 1000:.3f}")
        if not behaviour.as_expected:
            error = behaviour.error or "no error"
            message = f"expected {behaviour.expected}, and it ended with {error}"
            failure = ET.SubElement(case, "failure", message=_writable(message), type=_writable(error))
            details = [("stage", behaviour.stage), ("message", behaviour.message)]
            details += [("cause", behaviour.cause), ("", behaviour.cause_message)]
            failure.text = _writable("\n".join(f"{name}: {text}".lstrip(": ") for name, text in details if text))
    return case


def _interrupted_case(environment: str, report: Report) -> ET.Element:
    case = _new_case("comparison", "whole")
    message = f"interrupted by {report.interrupted[environment]}"
    error = ET.SubElement(case, "error", message=_writable(message), type="interrupted")
    error.text = _writable("\n".join(interruptions(report, most=None)))
    return case


def _threshold_case(judgement: Judgement) -> ET.Element:
    case = _new_case("thresholds", str(judgement.threshold))
    if judgement.broken:
        failure = ET.SubElement(case, "failure", message=_writable(judgement.lines[0]), type="threshold")
        failure.text = _writable("\n".join(judgement.lines))
    return case


def _new_case(group: str, name: str) -> ET.Element:
    return ET.Element("testcase", classname=_writable(group), name=_writable(name), time="0.000")


def _property(properties: ET.Element, name: str, value: str) -> None:
    ET.SubElement(properties, "property", name=_writable(name), value=_writable(value))


def _writable(text: str) -> str:
    """Escape what XML cannot write: most control characters, and half a surrogate pair."""
    return _UNWRITABLE.sub(lambda found: repr(found[0])[1:-1], text)
