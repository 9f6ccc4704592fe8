"""The JSON document of a comparison."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from customauth.compare.document import from_document, schema, to_document
from customauth.compare.result import PROCESSOR_TIME, Report
from made_reports import reports, speeds
from sample_report import hostile_report, sample_report

VALIDATOR = jsonschema.Draft202012Validator(schema())


@given(reports())
def test_a_document_is_read_back_as_it_was_written(report: Report) -> None:
    assert from_document(json.dumps(to_document(report))) == report


@given(reports())
def test_every_document_is_of_the_published_schema(report: Report) -> None:
    # Through JSON: a validator does not take tuples for arrays.
    VALIDATOR.validate(json.loads(json.dumps(to_document(report))))


@pytest.mark.parametrize("report", [sample_report(), hostile_report()], ids=["sample", "hostile"])
def test_samples_are_read_back_and_of_the_schema(report: Report) -> None:
    text = json.dumps(report.to_json())
    assert Report.from_json(text) == report
    VALIDATOR.validate(json.loads(text))


def test_the_schema_is_itself_right() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


def test_the_schema_has_every_member_of_the_model_and_no_other() -> None:
    def members(value: Any, described: dict[str, Any], where: str) -> None:
        described = schema()["$defs"][described["$ref"].rsplit("/", 1)[1]] if "$ref" in described else described
        described = next((each for each in described.get("anyOf", []) if "$ref" in each), described)
        if "$ref" in described:
            members(value, described, where)
        elif isinstance(value, list):
            for item in value:
                members(item, described["items"], where)
        elif isinstance(value, dict) and "properties" in described:
            assert set(value) == set(described["properties"]), where
            for name, member in value.items():
                if member is not None:
                    members(member, described["properties"][name], f"{where}.{name}")
        elif isinstance(value, dict):
            for member in value.values():
                members(member, described["additionalProperties"], where)

    members(json.loads(json.dumps(to_document(sample_report()))), schema(), "document")


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, member in inside for place in _places(member, (*path, key)))]


def _changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[path[0]] = _changed(document[path[0]], path[1:], value)
    return copy


@given(st.data())
def test_what_the_schema_refuses_is_refused_with_a_line_that_helps(data: st.DataObject) -> None:
    document = json.loads(json.dumps(to_document(data.draw(reports()))))
    path = data.draw(st.sampled_from(_places(document)))
    strange = data.draw(st.sampled_from([None, True, -1, 1.5, "x", [], {}, [None], {"x": 1}, [{}], [[1]]]))
    changed = _changed(document, path, strange)
    if VALIDATOR.is_valid(changed):
        return
    with pytest.raises(ValueError, match=r".") as refused:
        from_document(json.dumps(changed))
    assert "Traceback" not in str(refused.value)


@given(st.text() | st.recursive(st.none() | st.integers(), lambda inner: st.lists(inner)).map(json.dumps))
def test_any_other_text_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="not"):
        from_document(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not"),
        ("[]", "there is no 'schema'"),
        ('{"cells": []}', "there is no 'schema'"),
        ('{"schema": 1, "cells": []}', "schema 1, .*make it again with: customauth compare --json"),
        ('{"schema": 4}', "schema 4, .*pip install --upgrade customauth"),
        ('{"schema": true}', "schema True"),
        ('{"schema": "2"}', "schema '2'"),
        ('{"schema": 2}', "'customauth' is missing"),
        ('{"schema": 2, "customauth": "1", "created": "now", "more": 1}', "no 'more' there"),
        ('{"schema": 2, "customauth": "1", "created": "now", "rounds": true}', "rounds is bool, and must be int"),
        ('{"schema": 2, "customauth": "1", "created": "now", "rounds": NaN}', "NaN"),
        (
            '{"schema": 3, "customauth": "1", "created": "now", "interrupted": []}',
            "interrupted is list, and must be dict",
        ),
    ],
)
def test_a_foreign_or_old_document_is_refused_with_the_next_step(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        from_document(text)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"environments": []}, "no environment 'py3.11'"),
        ({"scenarios": []}, "no scenario 'connect'"),
        ({"environments": 2}, "two of its environments"),
        ({"scenarios": 2}, "two of its scenarios"),
        ({"cells": 2}, "it is there twice"),
    ],
)
def test_a_document_that_does_not_hold_together_is_refused(change: dict[str, Any], said: str) -> None:
    document = json.loads(json.dumps(to_document(speeds({"a": (1, 2)}))))
    for name, value in change.items():
        document[name] = document[name] * 2 if value == 2 else value
    with pytest.raises(ValueError, match=said):
        from_document(json.dumps(document))


def test_a_document_of_the_schema_before_is_read_with_as_many_turns_as_it_had_rounds() -> None:
    document = json.loads(json.dumps(to_document(evolve(speeds({"a": (1, 2, 3, 4), "b": (1, 2)}), rounds=4))))
    document["schema"] = 2
    del document["interrupted"]
    for cell in document["cells"]:
        del cell["turns"]
    report = from_document(json.dumps(document))
    assert [cell.turns for cell in report.cells] == [4, 2]
    assert report.interrupted == {}


def test_a_measure_that_nothing_describes_is_refused() -> None:
    document = json.loads(json.dumps(to_document(speeds({"a": (1, 2)}))))
    document["cells"][0]["measurements"]["other"] = [1]
    with pytest.raises(ValueError, match="has no measure 'other'"):
        from_document(json.dumps(document))


def test_merged_reports_merge_again() -> None:
    first, second, third = (speeds({"a": (1, 2)}, environment=name) for name in ("one", "two", "three"))
    merged = from_document(json.dumps(to_document(first.merged_with([second]))))
    again = merged.merged_with([third])
    assert [each.id for each in again.environments] == ["one", "two", "three"]
    assert [cell.environment for cell in again.cells] == ["one", "two", "three"]
    assert [each.name for each in again.scenarios] == ["connect"]
    assert from_document(json.dumps(to_document(again))) == again


def test_a_measure_that_only_one_of_the_reports_has_is_kept() -> None:
    first = speeds({"a": (1.0,)})
    second = speeds({"a": (2.0,)}, environment="there", measure=PROCESSOR_TIME)
    merged = from_document(json.dumps(to_document(first.merged_with([second]))))
    assert merged.scenarios[0].measures == (*first.scenarios[0].measures, PROCESSOR_TIME)


def test_two_reports_of_one_environment_do_not_merge() -> None:
    report = speeds({"a": (1, 2)})
    with pytest.raises(ValueError, match=r"'py3\.11'; give each its own --environment"):
        report.merged_with([evolve(report)])
