"""`customauth policy`: what documents allow and why, and what is wrong with them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from commands import Result, run

ARN = "arn:aws:iot:us-east-1:123456789012:"
DOCUMENT = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "iot:Connect", "Resource": f"{ARN}client/${{iot:ClientId}}"},
        {
            "Sid": "own",
            "Effect": "Allow",
            "Action": ["iot:Publish", "iot:Receive"],
            "Resource": f"{ARN}topic/devices/${{iot:ClientId}}/*",
        },
        {"Effect": "Allow", "Action": "iot:Subscribe", "Resource": f"{ARN}topicfilter/devices/${{iot:ClientId}}/*"},
    ],
}
PAGE = (Path(__file__).parents[2] / "docs" / "policies.md").read_text()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with a document and an answer that has it as text."""
    (tmp_path / "policy.json").write_text(json.dumps(DOCUMENT, indent=2))
    answer = {"isAuthenticated": True, "principalId": "p", "policyDocuments": [{"x": 1}, json.dumps(DOCUMENT)]}
    (tmp_path / "broken.json").write_text(json.dumps(answer))
    (tmp_path / "answer.json").write_text(json.dumps(answer | {"policyDocuments": [json.dumps(DOCUMENT)]}))
    return tmp_path


def explain(folder: Path, *words: str, file: str = "policy.json", stdin: bytes = b"") -> Result:
    return run("policy", "explain", "--policy", file, *words, cwd=folder, stdin=stdin)


@pytest.mark.fact("D3", "D6", "D9")
@pytest.mark.parametrize(
    ("words", "code", "resource"),
    [
        (["--action", "iot:Connect", "-i", "7"], 0, "client/7"),
        (["--action", "iot:connect"], 2, ""),
        (["--action", "iot:Publish", "--topic", "devices/7/a", "-i", "7"], 0, "topic/devices/7/a"),
        (["--action", "iot:Publish", "--topic", "devices/8/a", "-i", "7"], 7, "topic/devices/8/a"),
        (["--action", "iot:Publish", "--topic", "devices/7/a"], 7, "topic/devices/7/a"),
        (["--action", "iot:Subscribe", "--filter", "devices/7/+", "-i", "7"], 0, "topicfilter/devices/7/+"),
        (["--action", "iot:Subscribe", "--topic", "devices/7/a", "-i", "7"], 2, ""),
        (["--action", "iot:Publish", "--filter", "devices/7/a", "-i", "7"], 2, ""),
        (["--action", "iot:Publish", "--resource", f"{ARN}topic/devices/7/a", "-i", "7"], 0, "topic/devices/7/a"),
        (["--action", "iot:Publish", "--resource", "topic/devices/7/a", "-i", "7"], 2, ""),
        (["--action", "iot:Publish", "--topic", "a", "--resource", "*"], 2, ""),
        (["--action", "Publish", "--topic", "a"], 2, ""),
        (["--action", "iot:Publish", "--topic", "a", "--persistent"], 2, ""),
        (["--action", "iot:Publish", "--topic", "a", "--context", "k"], 2, ""),
    ],
)
def test_a_question_is_answered_with_a_reason_and_an_exit_code(
    words: list[str], code: int, resource: str, folder: Path
) -> None:
    result = explain(folder, *words)
    assert result.code == code, result.stderr
    if code == 2:
        assert result.last.startswith("next: ")
        assert result.stdout == ""
    else:
        assert result.stdout.startswith("ALLOWED: " if code == 0 else "IMPLICIT_DENY: ")
        assert resource in result.stdout.splitlines()[0]


def test_the_pages_example_is_what_the_command_prints(folder: Path) -> None:
    found = re.search(r"^```console\n\$ customauth (policy explain .*)\n((?:.*\n)*?)```$", PAGE, re.MULTILINE)
    assert found
    result = run(*found[1].split(), cwd=folder)
    assert result.stdout == found[2]


def test_the_pages_program_says_what_allows(folder: Path) -> None:
    (program,) = re.findall(r"^```python file=allowed.py\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    words = [sys.executable, "-W", "error", "-c", program]
    said = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == [f"statement 2 of document 1 allows iot:Publish on {ARN}topic/devices/7/state", "()"]


def test_json_has_the_nearest_statement_and_the_first_difference(folder: Path) -> None:
    words = ["--action", "iot:Publish", "--topic", "devices/7", "-i", "7", "--source-ip", "10.0.0.1", "--json"]
    result = explain(folder, *words, file="answer.json")
    answer: dict[str, Any] = result.json()
    assert result.code == 7
    assert (answer["verdict"], answer["allowed"], answer["decided_by"]) == ("IMPLICIT_DENY", False, None)
    assert answer["nearest"] == {
        "document": 1,
        "name": "answer.json policyDocuments[0]",
        "statement": 2,
        "sid": "own",
        "effect": "Allow",
    }
    assert answer["request"]["resource"] == f"{ARN}topic/devices/7"
    assert answer["request"]["context"]["aws:sourceip"] == "10.0.0.1"
    (difference,) = answer["differences"]
    assert (difference["member"], difference["agrees"]) == ("Resource", len(f"{ARN}topic/devices/7"))


@pytest.mark.fact("D18", "D21")
def test_conditions_see_what_the_options_say(folder: Path) -> None:
    conditions = {
        "IpAddress": {"aws:SourceIp": "10.0.0.0/8"},
        "StringEquals": {"iot:DomainName": "iot.example.com", "k": "v"},
        "ForAllValues:StringEquals": {"iot:ConnectAttributes": ["PersistentConnect", "LastWill"]},
        "ArnEquals": {"iot:LastWillTopic": "arn:aws:iot:eu-west-1:210987654321:topic/gone"},
        "ForAnyValue:StringEquals": {"iot:ConnectAttributes": ["PersistentConnect"]},
        "ForAnyValue:StringLike": {"l": "b"},
        "Bool": {"iot:Connection.Thing.IsAttached": "false"},
        "DateGreaterThan": {"aws:CurrentTime": "2020"},
    }
    statement = {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*", "Condition": conditions}
    document = json.dumps({"Version": "2012-10-17", "Statement": statement}).encode()
    words = ["--action", "iot:Connect", "-i", "7", "--will-topic", "gone", "--persistent", "--source-ip", "10.1.1.1"]
    words += ["--domain-name", "iot.example.com", "--context", "K=v", "--context", "l=a", "--context", "l=b"]
    words += ["--region", "eu-west-1", "--account", "210987654321"]
    result = explain(folder, *words, file="-", stdin=document)
    assert result.code == 0, result.stdout
    assert "note: a will needs iot:Publish on its topic too" in result.stderr
    thing = ["--context", "iot:Connection.Thing.IsAttached=true"]
    denied = explain(folder, *words, *thing, file="-", stdin=document)
    assert denied.code == 7
    assert "  Statement.Condition.Bool.iot:Connection.Thing.IsAttached: Bool wants" in denied.stdout


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"{", "standard input: it is not JSON"),
        (b"\xff", "standard input: it is not UTF-8"),
        (b"[]", "standard input: it is no JSON object"),
        (b'{"policyDocuments": 1}', "standard input: policyDocuments is no list"),
        (b'{"policyDocuments": [1]}', "standard input: policyDocuments[0] is no document"),
        (b'{"policyDocuments": ["{}"]}', "standard input policyDocuments[0]: Statement: is missing"),
        (b"{}", "standard input: Statement: is missing"),
    ],
)
def test_what_is_no_policy_cannot_be_asked(content: bytes, error: str, folder: Path) -> None:
    result = explain(folder, "--action", "iot:Connect", "-i", "7", file="-", stdin=content)
    assert result.code == 2
    assert f"error: {error}" in result.stderr
    assert result.last.startswith("next: ")


def test_a_file_that_is_not_there_and_standard_input_twice_are_misuse(folder: Path) -> None:
    assert explain(folder, "--action", "iot:Connect", file="missing.json").code == 2
    assert run("policy", "lint", "-", "-", stdin=b"{}").code == 2


def test_a_sid_or_topic_cannot_move_the_cursor(folder: Path) -> None:
    statement = {"Sid": "a\u001b[2J", "Effect": "Deny", "Action": "*", "Resource": "*"}
    document = json.dumps({"Statement": statement}).encode()
    result = explain(folder, "--action", "iot:Publish", "--topic", "a\u001b[2J", file="-", stdin=document)
    assert result.code == 7
    assert "\u001b" not in result.stdout


# The lint.


def test_a_sound_answer_has_no_findings(folder: Path) -> None:
    result = run("policy", "lint", "answer.json", "--account", "123456789012", "--region", "us-east-1", cwd=folder)
    assert (result.code, result.stdout) == (0, "")
    assert result.last == "0 errors, 0 warnings in 1 document"


def test_errors_are_exit_code_7_and_say_the_place_and_the_cure(folder: Path) -> None:
    result = run("policy", "lint", "broken.json", "policy.json", "--region", "eu-west-1", cwd=folder)
    assert result.code == 7
    first, cure, *_ = result.stdout.splitlines()
    assert first == (
        "broken.json policyDocuments[0]: x: error malformed: is unknown here; known are Version, Id, Statement (C20)"
    )
    assert cure.startswith("  cure: mend it there")
    assert "policy.json: Statement[0].Resource: error other-account: " in result.stdout
    assert result.last == "7 errors, 0 warnings in 3 documents"


def test_warnings_alone_are_exit_code_0(folder: Path) -> None:
    statement = {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": statement}).encode()
    result = run("policy", "lint", "-", "--json", stdin=document)
    assert result.code == 0
    (finding,) = result.json()
    assert (finding["rule"], finding["weight"], finding["name"]) == ("any-client", "warning", "standard input")
    assert (finding["document"], finding["place"], finding["facts"]) == (1, "Statement.Resource", ["D16", "E15"])
    assert finding["why"]
    assert finding["cure"]


def test_without_a_command_it_shows_the_help_as_a_usage_error() -> None:
    result = run("policy")
    assert (result.code, result.stdout) == (2, "")
    assert "explain  Say whether policies allow an action, and why." in result.stderr
