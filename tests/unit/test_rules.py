"""The rules: whole, filled in for the case at hand, and with commands that exist."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from customauth import rules
from customauth.authorizer import InvalidAnswer, function_error_text, validate_answer
from customauth.cli.main import cli
from customauth.rules import RULES, SYMPTOMS, Phase, Rule
from customauth.rules.answer_texts import rule_of_answer

FACTS = (Path(__file__).parents[2] / "docs" / "facts.md").read_text(encoding="utf-8")
FACTS_OF_A_CASE = {name: f"{name}1" for name in sorted(set().union(*(rule.placeholders() for rule in RULES.values())))}
# What every command of the AWS CLI takes, and what it has beside the operations of the services.
GLOBAL = {"region", "query", "output", "profile"}
CLI_ONLY = {("logs", "tail"): {"since"}}


def rule(**changes: object) -> Rule:
    given: dict[str, object] = {
        "key": "a-rule",
        "phase": Phase.TLS,
        "cause": "c",
        "symptom": "s",
        "check": "k",
        "cure": "mend it",
        "sources": (),
    }
    return Rule(**{**given, **changes})  # type: ignore[arg-type]


# How a cure is filled in.


def test_what_is_known_is_filled_in_and_the_rest_stands_in_capitals() -> None:
    mend = rule(cure="let {function} run in {region}")
    assert mend.fix({"function": "f"}) == "let f run in REGION"
    assert mend.fix() == "let FUNCTION run in REGION"
    assert mend.fix({"function": ""}) == "let FUNCTION run in REGION"


def test_an_option_is_left_out_or_gives_way_to_its_default() -> None:
    mend = rule(cure="name <{name}|one that exists>< in {region}>")
    assert mend.fix() == "name one that exists"
    assert mend.fix({"name": "a", "region": "r"}) == "name a in r"
    assert rule(cure="<{a} and {b}|neither>").fix({"a": "x"}) == "neither"
    assert rule(cure="<{a}|{b}>").fix() == "B"


def test_the_command_follows_the_cure_and_can_be_had_alone() -> None:
    mend = rule(cure="switch it on", command="aws iot update-authorizer --authorizer-name {authorizer}")
    assert mend.fix({"authorizer": "a"}) == "switch it on: aws iot update-authorizer --authorizer-name a"
    assert mend.advice({"authorizer": "a"}) == "switch it on"
    assert mend.paste({"authorizer": "a"}) == "aws iot update-authorizer --authorizer-name a"
    assert rule().paste() == ""
    assert mend.placeholders() == {"authorizer"}


def test_what_is_left_to_fill_in_is_told() -> None:
    mend = rule(command="sign --key {key} {token_file} as {user}?t=TOKEN&s=SIGNATURE --status ACTIVE")
    assert mend.left_open() == {"KEY", "TOKEN_FILE", "USER", "TOKEN", "SIGNATURE"}
    assert mend.left_open({"key": "KEY", "token_file": "t", "user": "TOKEN"}) == {"TOKEN", "SIGNATURE"}
    assert rule(command="aws --status ACTIVE {key}").left_open({"key": "k"}) == set()
    assert rule().left_open() == set()


def test_a_rule_with_settings_has_no_command_beside_them() -> None:
    found = [each for each in RULES.values() if each.settings]
    assert {each.key for each in found} == {"alpn-missing", "alpn-wrong"}
    for each in found:
        assert not each.command
        assert all(f"  {client}  {setting}" == f"  {client}  {setting}".rstrip() for client, setting in each.settings)
        # Beside the verdict's margin of 11 they fit a terminal.
        widest = max(len(client) for client, _ in each.settings)
        assert all(11 + widest + 2 + len(setting) <= 80 for _, setting in each.settings)


def test_a_file_that_is_known_is_read_in_place_of_a_variable() -> None:
    paste = RULES["token-newline"].paste({"token_file": "'my token'", "private_key": "k.pem"})
    assert paste == "printf %s \"$(cat 'my token')\" | openssl dgst -sha256 -sign k.pem | openssl base64 -A"
    assert '"$TOKEN"' in RULES["token-newline"].paste()


@given(facts=st.dictionaries(st.sampled_from(sorted(FACTS_OF_A_CASE)), st.text()), key=st.sampled_from(sorted(RULES)))
def test_any_facts_fill_any_cure(facts: Mapping[str, str], key: str) -> None:
    found = RULES[key]
    assert found.fix(facts).startswith(found.advice(facts))
    for name in found.placeholders():
        assert "{" + name + "}" not in found.fix({**FACTS_OF_A_CASE, **dict.fromkeys(facts, "x")})


def test_a_value_is_never_read_as_a_template() -> None:
    assert rule(cure="name {name}").fix({"name": "<{region}|{x}>"}) == "name <{region}|{x}>"


@pytest.mark.parametrize("key", ["", "Upper", "under_score", "a b", "é"])
def test_a_key_is_of_small_letters_digits_and_hyphens(key: str) -> None:
    with pytest.raises(ValueError, match="the rule's key"):
        rule(key=key)


# The table.


def test_a_key_is_given_once() -> None:
    keys = [each.key for table in rules._TABLES for each in table]
    assert sorted(keys) == sorted(set(keys))
    assert list(RULES) == keys
    assert all(key == each.key for key, each in RULES.items())


@pytest.mark.parametrize("each", RULES.values(), ids=RULES)
def test_a_rule_is_whole(each: Rule) -> None:
    for text in (each.cause, each.symptom, each.check, each.cure):
        assert text
        assert text == text.strip()
        assert not text.endswith(".")
        assert "\n" not in text
    assert [source for source in each.sources if f"**{source}**" not in FACTS and f"| {source} |" not in FACTS] == []
    assert any(each.symptom.startswith(symptom) for symptom in SYMPTOMS)
    assert "<" not in each.fix()
    assert "  " not in each.fix()
    assert "  " not in each.fix(FACTS_OF_A_CASE)


def test_every_placeholder_is_told_in_the_one_list_of_them() -> None:
    assert set(FACTS_OF_A_CASE) <= set(re.findall(r"``([a-z_]+)``", rules.__doc__ or ""))


def test_every_symptom_is_some_rule_s() -> None:
    for symptom in SYMPTOMS:
        longer = [other for other in SYMPTOMS if other != symptom and other.startswith(symptom)]
        assert any(
            each.symptom.startswith(symptom) and not each.symptom.startswith(tuple(longer)) for each in RULES.values()
        )


def test_a_policy_or_an_answer_to_paste_is_json() -> None:
    statements = [each.paste(FACTS_OF_A_CASE) for each in RULES.values() if '"Effect"' in each.command]
    assert len(statements) > 5
    for text in statements:
        found = json.loads(text if text.startswith("{") else f"{{{text}}}")
        assert "Effect" in found or found["policyDocuments"][0]["Statement"][0]["Effect"] == "Allow"


# The commands.


def commands(program: str) -> Iterator[tuple[str, list[str]]]:
    for each in RULES.values():
        for facts in ({}, FACTS_OF_A_CASE):
            for text in (each.paste(facts), *re.findall(rf"\b{program} [a-z-]+ [a-z-]+", each.check)):
                words = shlex.split(text)
                if words[:1] == [program]:
                    yield each.key, words[1:]


def test_every_command_of_aws_exists_with_its_options() -> None:
    session = pytest.importorskip("botocore.session").get_session()
    xform_name = pytest.importorskip("botocore").xform_name
    seen = 0
    for key, (service, command, *words) in commands("aws"):
        options = {word.removeprefix("--") for word in words if word.startswith("--")} - GLOBAL
        if (service, command) in CLI_ONLY:
            assert options <= CLI_ONLY[service, command], key
            continue
        model = session.get_service_model(service)
        names = {xform_name(name, "-"): name for name in model.operation_names}
        assert command in names, f"{key}: aws {service} {command}"
        members = model.operation_model(names[command]).input_shape.members
        assert options <= {xform_name(member, "-") for member in members}, f"{key}: aws {service} {command}"
        seen += 1
    assert seen > 20


def test_every_command_of_ours_exists_with_its_options() -> None:
    seen = 0
    for key, (name, *words) in commands("customauth"):
        command: click.Command | None = cli
        with click.Context(cli) as context:
            command = cli.get_command(context, name)
            while isinstance(command, click.Group):
                command = command.get_command(context, words.pop(0))
        assert command is not None, f"{key}: customauth {name}"
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, f"{key}: customauth {name}"
        seen += 1
    assert seen > 20


@pytest.mark.parametrize("each", RULES.values(), ids=RULES)
def test_no_cure_repeats_its_own_command(each: Rule) -> None:
    if each.command:
        assert each.paste(FACTS_OF_A_CASE) not in each.advice(FACTS_OF_A_CASE)


def test_a_function_that_does_not_exist_is_not_given_to_the_authorizer_once_more() -> None:
    pasted = RULES["function-not-found"].paste({**FACTS_OF_A_CASE, "function": "pumps"})
    assert "pumps" not in pasted
    assert "--authorizer-function-arn FUNCTION_ARN" in pasted


@pytest.mark.fact("D9")
def test_no_allow_is_pasted_against_a_deny() -> None:
    assert "Allow" not in RULES["policy-denies-connect"].paste(FACTS_OF_A_CASE)


def test_the_log_is_the_function_s_own_group_where_that_is_known() -> None:
    mend = RULES["function-error"]
    known = {"function": "pumps", "region": "eu-central-1"}
    assert mend.paste(known) == "aws logs tail /aws/lambda/pumps --since 15m --region eu-central-1"
    assert mend.paste(known | {"log_group": "/pumps"}) == "aws logs tail /pumps --since 15m --region eu-central-1"


@pytest.mark.parametrize("key", ["signature-unencoded", "signature-spaces", "signature-double-encoded"])
def test_a_signature_for_the_wire_is_pasted_encoded(key: str) -> None:
    assert RULES[key].paste().endswith("--encoded")


@pytest.mark.parametrize("size", [256, 384, 512])
def test_the_command_for_base64url_makes_whole_base64(size: int) -> None:
    raw = b"\xfb\xef\xff" * 200
    signature = base64.urlsafe_b64encode(raw[:size]).decode().rstrip("=")
    command = RULES["signature-base64url"].paste()
    done = subprocess.run(
        ["sh", "-c", command], env=os.environ | {"SIGNATURE": signature}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == base64.b64encode(raw[:size]).decode()


@pytest.mark.parametrize("key", ["policy-publish", "policy-subscribe"])
def test_what_a_policy_lacks_is_said_in_one_line(key: str) -> None:
    about = {"topic": "devices/7/x", "filter": "devices/7/#"}
    assert len(RULES[key].advice(about)) < 130
    assert "devices/7/" in RULES[key].advice(about)


# Answers.


@pytest.mark.fact("C20")
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("[]", "answer-not-understood"),
        ("no JSON", "answer-not-understood"),
        ({"isAuthenticated": "true"}, "answer-not-understood"),
        ({"isAuthenticated": True}, "answer-principal"),
        ({"isAuthenticated": True, "principalId": "a-b", "policyDocuments": []}, "answer-principal"),
        ({"isAuthenticated": True, "principalId": "p"}, "answer-policies"),
        ({"isAuthenticated": True, "principalId": "p", "policyDocuments": ["x"] * 11}, "answer-policies"),
        ({"isAuthenticated": True, "principalId": "p", "policyDocuments": ["x" * 2049]}, "answer-policies"),
        ({"isAuthenticated": True, "principalId": "p", "policyDocuments": ["{}"]}, "answer-policies"),
        (
            {"isAuthenticated": True, "principalId": "p", "policyDocuments": [], "refreshAfterInSeconds": 1},
            "answer-times",
        ),
        (
            {"isAuthenticated": True, "principalId": "p", "policyDocuments": [], "disconnectAfterInSeconds": 1},
            "answer-times",
        ),
    ],
)
def test_the_text_for_an_answer_names_the_rule(answer: object, expected: str) -> None:
    with pytest.raises(InvalidAnswer) as caught:
        validate_answer(answer if isinstance(answer, str) else json.dumps(answer))
    assert rule_of_answer(str(caught.value)) == expected


def test_the_text_for_a_function_that_raises_names_the_rule() -> None:
    assert rule_of_answer(function_error_text("boom", "ValueError")) == "function-error"


# What a successful connect loads.


def test_the_errors_load_no_rule_before_a_hint_is_read() -> None:
    program = (
        "import sys; import customauth.errors as errors; error = errors.ConnackRefused(0x87);"
        "assert not any(name.startswith('customauth.rules') for name in sys.modules);"
        "print(error.hint); assert 'customauth.rules' in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == RULES["not-authorized"].fix()


@pytest.mark.parametrize(("key", "word"), [("topic-invalid", "no + or #"), ("filter-invalid", "# alone in the last")])
def test_the_cure_of_a_topic_says_where_wildcards_may_stand(key: str, word: str) -> None:
    assert word in RULES[key].advice()


def test_the_cure_of_a_topic_alias_is_one_for_an_alias_that_was_never_set_too() -> None:
    assert "send each with its topic first" in RULES["topic-alias"].advice()
