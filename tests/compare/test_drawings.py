"""The tables, Markdown and JUnit XML of a report."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from attrs import evolve
from hypothesis import given

from customauth.compare import table
from customauth.compare.baseline import judge
from customauth.compare.figures import Row, measure_title, value_text
from customauth.compare.junit import junit
from customauth.compare.markdown import escape, markdown
from customauth.compare.result import PROCESSOR_TIME, Kind, Measure, Report, ScenarioInfo, State
from customauth.compare.threshold import Threshold
from made_reports import behaviour, endings, joined, reports, speeds, with_cells
from sample_report import BACKENDS, HOSTILE, hostile_report, sample_report

FAST, SLOW = (10, 10.1, 9.9, 10, 10.2), (30, 30.1, 29.9, 30, 30.2)


def _read(text: str) -> ET.Element:
    return ET.fromstring(text.encode())  # noqa: S314 - our own


def test_a_measure_has_a_column_for_each_backend_its_ratio_to_raw_and_a_mark_on_the_best() -> None:
    rows = table.speed_table(speeds({"a": FAST, "b": SLOW}, raw={"a": FAST, "b": FAST}))
    assert rows == [
        {
            "environment": "py3.11",
            "measure": "Connect",
            "MQTT": "5",
            "transport": "mqtt",
            "a": "10.0 ms (1.00x) *",
            "b": "30.0 ms (3.00x)",
        }
    ]


def test_a_rate_that_is_higher_is_the_best() -> None:
    rate = Measure(name="rate", title="rate", unit="/s", lower_is_better=False)
    (row,) = table.speed_table(speeds({"a": FAST, "b": SLOW}, measure=rate))
    assert (row["measure"], row["a"], row["b"]) == ("Connect", "10.0 /s", "30.0 /s *")


def test_what_was_not_run_or_broke_down_has_a_mark_and_a_line() -> None:
    report = speeds({"a": FAST, "b": FAST, "c": FAST})
    states = [
        (State.RUN, None),
        (State.NOT_RUN, "b does not do websocket"),
        (State.ERROR, "RuntimeError: fell over"),
    ]
    cells = [
        evolve(cell, transport="wss", state=state, why=why, measurements=cell.measurements if why is None else {})
        for cell, (state, why) in zip(report.cells, states, strict=True)
    ]
    report = with_cells(report, *cells)
    assert [table.speed_table(report)[1][name] for name in "abc"] == ["10.0 ms", "-", "error"]
    assert table.not_run(report) == ["b: b does not do websocket (connect)"]
    assert table.broken(report) == ["connect, c, MQTT 5 over wss: RuntimeError: fell over"]


def test_the_matrix_marks_every_end_and_says_the_error() -> None:
    wrong = behaviour("ConnectTimeout", as_expected=False)
    report = endings({"a": behaviour("ConnackRefused"), "b": wrong, "c": None, "d": behaviour(None)})
    (row,) = table.behaviour_table(report)
    assert [row[name] for name in "abcd"] == ["ok ConnackRefused", "NO ConnectTimeout", "error", "ok"]
    assert table.unexpected(report) == ["refused, b, MQTT 5: expected ConnackRefused; ConnectTimeout: it is refused"]


def test_settings_in_which_all_ended_alike_share_a_row_and_others_do_not() -> None:
    same = [endings({"a": behaviour("E")}, version=version) for version in ("5", "3.1.1")]
    assert [row["MQTT"] for row in table.behaviour_table(joined(*same))] == ["5, 3.1.1"]
    other = endings({"a": behaviour("F")}, version="3.1.1")
    assert [row["MQTT"] for row in table.behaviour_table(joined(same[0], other))] == ["5", "3.1.1"]
    there = endings({"a": behaviour("E")}, environment="py3.12")
    (row,) = table.behaviour_table(same[0].merged_with([there]))
    assert row["environment"] == "py3.11, py3.12"


def test_joined_rows_stand_for_exactly_their_settings() -> None:
    cells = sample_report().cells
    behaviours = {each.name for each in sample_report().scenarios if not each.measures}
    settings = {
        (cell.environment, cell.scenario, cell.version, cell.transport) for cell in cells if cell.scenario in behaviours
    }
    covered = [
        (environment, row["scenario"], version, transport)
        for row in table.behaviour_table(sample_report())
        for environment in row["environment"].split(", ")
        for version in row["MQTT"].split(", ")
        for transport in row["transport"].split(", ")
    ]
    assert sorted(covered) == sorted(settings)


def test_a_backend_called_as_a_column_has_one_of_its_own() -> None:
    (row,) = table.speed_table(speeds({"transport": FAST}))
    assert row["transport"] == "mqtt"
    assert row["backend transport"] == "10.0 ms"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "ms", "0.00 ms"),
        (1.234, "ms", "1.23 ms"),
        (12.34, "KiB", "12.3 KiB"),
        (12345.6, "/s", "12,346 /s"),
        (3, "count", "3"),
        (0.5, "count", "0.50"),
    ],
)
def test_a_value_is_shown_with_three_digits(value: float, unit: str, text: str) -> None:
    assert value_text(value, unit) == text


@given(reports())
def test_any_report_can_be_drawn(report: Report) -> None:
    for rows in (table.speed_table(report), table.behaviour_table(report)):
        assert len({tuple(row) for row in rows}) <= 1
    assert markdown(report).startswith("### Interrupted\n" if report.interrupted else "### Verdict\n")
    assert "\0" not in markdown(report)
    markdown(report).encode()
    _read(junit(report))


def test_markdown_has_the_verdict_the_tables_and_the_machines() -> None:
    text = markdown(sample_report())
    assert re.findall(r"^### (.*)$", text, re.MULTILINE) == [
        *("Verdict", "Speed", "Behaviour", "Not as expected", "Broken down", "Not run", "Taken with"),
    ]
    tables = re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    assert len(tables) == 2
    for each in tables:
        assert len({line.count("|") for line in each.splitlines()}) == 1
        assert all(name in each.splitlines()[0] for name in BACKENDS)


def test_markdown_shows_what_is_hostile_as_it_is() -> None:
    text = markdown(hostile_report())
    assert "<script" not in text
    assert "<img" not in text
    assert escape("a|b\n*c* <d> [e](f) @g") == "a&#124;b \\*c\\* &#60;d&#62; \\[e\\](f) &#64;g"


def test_junit_has_a_case_for_every_cell_in_a_suite_for_every_environment() -> None:
    report = sample_report()
    root = _read(junit(report))
    assert [suite.get("name") for suite in root] == [each.id for each in report.environments]
    assert len(list(root.iter("testcase"))) == len(report.cells)
    states = [cell.state for cell in report.cells]
    assert len(list(root.iter("skipped"))) == states.count(State.NOT_RUN)
    assert len(list(root.iter("error"))) == states.count(State.ERROR)
    wrong = [cell for cell in report.cells if cell.behaviour and not cell.behaviour.as_expected]
    assert len(list(root.iter("failure"))) == len(wrong) > 0
    for suite in root:
        assert suite.get("tests") == str(len(suite.findall("testcase")))
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert suite.get(attribute) == str(len(suite.findall(f"testcase/{tag}")))


def test_junit_says_what_was_expected_and_what_was_said() -> None:
    root = _read(junit(endings({"a": behaviour("ConnectTimeout", as_expected=False)})))
    (case,) = root.iter("testcase")
    (failure,) = case
    assert (case.get("classname"), case.get("name")) == ("refused.a", "MQTT 5")
    assert failure.get("message") == "expected ConnackRefused, and it ended with ConnectTimeout"
    assert failure.get("type") == "ConnectTimeout"
    assert failure.text == "message: it is refused"


def test_junit_fails_the_case_of_a_broken_threshold() -> None:
    report = speeds({"a": SLOW})
    judgements = judge(report, None, [Threshold.parse("connect>20"), Threshold.parse("connect>40")])
    suite = _read(junit(report, judgements)).findall("testsuite")[-1]
    assert suite.get("name") == "thresholds"
    assert [len(case) for case in suite] == [1, 0]
    assert suite[0][0].get("message") == "connect, a, MQTT 5, py3.11, connect: 30.0 ms"


def test_junit_keeps_what_is_hostile_as_text_and_escapes_what_xml_cannot_write() -> None:
    root = _read(junit(hostile_report()))
    assert root[0].get("name") == f"py{HOSTILE}"
    told = endings({"a": evolve(behaviour("E", as_expected=False), message="\x1b[2J\0\ud800 ok")})
    (failure,) = _read(junit(told)).iter("failure")
    assert failure.text == "message: \\x1b[2J\\x00\\ud800 ok"


@pytest.mark.parametrize(
    ("scenario", "measures", "title"),
    [
        ("Connect", ["connect", "TLS at the client"], "Connect"),
        ("Connect", ["TLS at the client", "connect"], "Connect: TLS at the client"),
        ("Memory and threads", ["memory for each connection", "threads"], "Memory for each connection"),
        ("Publish rate, QoS 1", ["publishes per second"], "Publish rate, QoS 1"),
        ("Import", ["modules", "import"], "Import: modules"),
    ],
)
def test_a_measure_is_titled_without_saying_a_word_twice(scenario: str, measures: list[str], title: str) -> None:
    described = tuple(Measure(name=each, title=each, unit="ms") for each in measures)
    # The processor time is beside every measure, and makes no scenario one of several.
    info = ScenarioInfo(
        name="x", title=scenario, description="", kind=Kind.SPEED, measures=(*described, PROCESSOR_TIME)
    )
    row = Row(environment="here", scenario=info, version="5", transport="mqtt", measure=described[0])
    assert measure_title(row) == title
