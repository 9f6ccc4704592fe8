"""`customauth authorizer`: the answer of a function as TestInvokeAuthorizer gives it, and the event of a connection."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from commands import Result, run
from customauth.cli.contexts import parse_shorthand
from needs import needs_backend
from recorder import Recorder

FUNCTION = """
import base64, json, pathlib

def handler(event, context):
    data = event.get("protocolData", {})
    password = base64.b64decode(data.get("mqtt", {}).get("password", "")).decode()
    print("asked with", password)
    if password.startswith("raise"):
        raise PermissionError(f"no entry with {password}")
    arn = "arn:aws:iot:us-east-1:123456789012:client/pump"
    statement = {"Effect": "Allow", "Action": "iot:Connect", "Resource": arn}
    return {
        "isAuthenticated": password != "wrong",
        "principalId": "bad-principal!" if password == "invalid" else "pump",
        "policyDocuments": [{"Version": "2012-10-17", "Statement": [statement]}],
    }
"""
CONFIG = """
[authorizers.signed]
status = "ACTIVE"
function = "authorizer.py:handler"
token_key_name = "token"
token_signing_public_keys = { key1 = "public.pem" }

[authorizers.open]
status = "ACTIVE"
function = "authorizer.py:handler"
signing_disabled = true

[authorizers.asleep]
function = "authorizer.py:handler"
signing_disabled = true
"""
TOKEN = "T0K3N-of-mine"
PASSWORD = "S3CR3T-of-mine"
ANSWER = {
    "isAuthenticated": True,
    "principalId": "pump",
    "policyDocuments": [
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:Connect",'
        '"Resource":"arn:aws:iot:us-east-1:123456789012:client/pump"}]}'
    ],
    "refreshAfterInSeconds": 300,
    "disconnectAfterInSeconds": 86400,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a configuration where the command looks for it by default, and a key pair."""
    folder = tmp_path_factory.mktemp("authorizers")
    sample = folder / "customauth-gateway"
    assert run("keygen", "--dir", sample).code == 0
    (sample / "authorizer.py").write_text(FUNCTION)
    (sample / "gateway.toml").write_text(CONFIG)
    return folder


@pytest.fixture(scope="module")
def signature(folder: Path) -> str:
    key = folder / "customauth-gateway" / "private.pem"
    return run("sign", "--key", key, "--token", TOKEN).stdout.strip()


def _key(folder: Path) -> list[str]:
    return ["--sign-with", str(folder / "customauth-gateway" / "private.pem")]


def _mqtt(password: str = PASSWORD, **members: str) -> str:
    return json.dumps({"password": base64.b64encode(password.encode()).decode(), **members})


def _test(folder: Path, *words: str | Path, **how: Any) -> Result:
    return run("authorizer", "test", *words, cwd=folder, **how)


def _event(folder: Path, *words: str | Path, **how: Any) -> dict[str, Any]:
    result = _test(folder, *words, "--event", "--unmask", **how)
    assert result.code == 0, result.stderr
    event: dict[str, Any] = result.json()
    return event


# The answer.


@pytest.mark.fact("B24")
def test_the_answer_is_that_of_aws_and_then_comes_what_it_means(folder: Path) -> None:
    result = _test(folder, "open", "--mqtt-context", _mqtt(clientId="pump"))
    assert result.code == 0, result.stderr
    assert result.json() == ANSWER
    assert list(result.json()) == list(ANSWER)
    assert result.stderr.startswith("This answer lets client 'pump' connect: statement 1 of document 1 allows")


def test_a_client_id_that_the_policies_do_not_allow_is_said_so(folder: Path) -> None:
    result = _test(folder, "open", "--mqtt-context", _mqtt(clientId="valve"))
    assert (result.code, result.json()) == (0, ANSWER)
    assert "This answer refuses client 'valve': " in result.stderr
    assert result.last == (
        "next: let the function's policy allow iot:Connect on arn:aws:iot:us-east-1:123456789012:client/valve, "
        "or connect with a client id that it allows"
    )


def test_json_says_no_more_than_the_answer(folder: Path) -> None:
    result = _test(folder, "asleep", "--mqtt-context", _mqtt(clientId="valve"), "--json")
    assert (result.code, result.json(), result.stderr) == (0, ANSWER, "")


def test_a_refusing_answer_has_an_exit_code_of_its_own(folder: Path) -> None:
    result = _test(folder, "open", "--mqtt-context", _mqtt("wrong", clientId="pump"))
    assert result.code == 7
    assert result.json() == ANSWER | {"isAuthenticated": False}
    assert result.last == "next: send the credentials that the function expects"


@pytest.mark.fact("B25")
def test_an_inactive_authorizer_is_tested_and_what_that_means_is_said(folder: Path) -> None:
    result = _test(folder, "asleep", "--mqtt-context", _mqtt(clientId="pump"))
    assert (result.code, result.json()) == (0, ANSWER)
    assert "note: a connection would not get this far: authorizer asleep is INACTIVE; " in result.stderr


@pytest.mark.parametrize(
    ("context", "line"),
    [
        (["--tls-context", "serverName=x"], "what its policies allow depends on client id and topic."),
        (["--mqtt-context", "username=x"], "add a clientId to see whether that client may connect."),
    ],
)
def test_without_a_client_id_it_says_what_is_missing(folder: Path, context: list[str], line: str) -> None:
    result = _test(folder, "open", *context)
    assert result.code == 0
    assert result.last.endswith(line)


# Errors.


@pytest.mark.fact("B26", "B30")
@pytest.mark.parametrize(
    ("words", "error", "message", "code"),
    [
        (["open"], "InvalidRequestException", "Request must have Http/Mqtt/Tls context.", 2),
        (["signed", "--mqtt-context", "clientId=pump"], "InvalidRequestException", None, 2),
        (["nobody", "--mqtt-context", "clientId=pump"], "ResourceNotFoundException", "Authorizer nobody not found", 2),
        (["nobody", "--username", "alice"], "ResourceNotFoundException", "Authorizer nobody not found", 2),
        (
            ["open", "--http-context", '{"queryString": "a=b"}'],
            "InvalidRequestException",
            "Invalid arguments in the call",
            2,
        ),
        (
            ["signed", "--token", TOKEN, "--token-signature", "AAAA"],
            "InvalidRequestException",
            "Token signature mismatch for authorizer signed",
            2,
        ),
        (
            ["open", "--token", TOKEN],
            "InvalidRequestException",
            "Request must provide both token and tokenSignature together.",
            2,
        ),
        (
            ["open", "--mqtt-context", _mqtt("invalid")],
            "InvalidResponseException",
            "bad-principal! at principalId failed to satisfy constraint: Member must satisfy ([a-zA-Z0-9]){1,128}",
            7,
        ),
    ],
)
def test_an_error_is_worded_as_the_aws_cli_words_it(
    folder: Path, words: list[str], error: str, message: str | None, code: int
) -> None:
    result = _test(folder, *words)
    worded = ClientError({"Error": {"Code": error, "Message": message}}, "TestInvokeAuthorizer")
    assert (result.code, result.stdout) == (code, "")
    assert result.stderr.startswith(f"{worded}\n")
    assert result.last.startswith("next: ")


@pytest.mark.parametrize("more", [[], ["--sign-with", "customauth-gateway/private.pem"]], ids=["unsigned", "signed"])
def test_a_connection_that_is_refused_before_the_function_is_a_refusal(folder: Path, more: list[str]) -> None:
    pair = ["--token", TOKEN, *more] if more else []
    result = _test(folder, "signed", "--username", "alice", *pair, *(["--token-key-name", "other"] if more else []))
    assert (result.code, result.stdout) == (7, "")
    assert result.stderr.startswith("error: the connection would be refused before the function is asked: ")
    assert result.last.startswith("next: ")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "next: name one of signed, open, asleep"),
        (["--username", "alice"], "next: name one of signed, open, asleep"),
        (["open", "a", "b"], "next: customauth authorizer test --help tells what it takes"),
        (["--authorizer", "open", "a", "b"], "next: customauth authorizer test --help tells what it takes"),
        (["open", "--mqtt-context", "nonsense"], "next: write it as JSON or as clientId=VALUE; --mqtt-context-file"),
        (["open", "--mqtt-context", "{"], "next: write it as JSON or as clientId=VALUE; --mqtt-context-file"),
        (["open", "--mqtt-context", "[]"], "next: give an object with username, password, clientId"),
        (["open", "--mqtt-context", '{"clientID": "x"}'], "next: it has username, password, clientId and no others"),
        (["open", "--mqtt-context", '{"clientId": 7}'], 'next: write it as "clientId": "TEXT"'),
        (["open", "--mqtt-context", "password=*"], "next: encode it, as: printf %s PASSWORD | base64"),
        (["open", "--http-context", "headers=x"], 'next: write it as {"headers": {"NAME": "VALUE"}}'),
        (["open", "--http-context", '{"headers": {"a": 1}}'], 'next: write it as {"headers": {"NAME": "VALUE"}}'),
        (["open", "--tls-context", "@missing"], "next: give --tls-context-file a file that can be read"),
        (["open", "--tls-context", "-", "--mqtt-context", "-"], "next: give --tls-context-file a file"),
        (["open", "--tls-context", "serverName=a", "--client-id", "x"], "next: give contexts only, as with AWS, or"),
        (["signed", "--sign-with", "customauth-gateway/private.pem"], "next: add --token-file PATH"),
        (["signed", "--token", "t", "--token-signature", "x", "--sign-with", "k"], "next: give --token-signature or"),
        (["open", "--transport", "mqtt", "--credentials-in", "query"], "next: choose --credentials-in username"),
        (["open", "--transport", "https", "--username", "a"], "next: leave them out, or choose --transport mqtt or"),
        (["open", "--transport", "https", "--client-id", "a"], "next: leave them out, or choose --transport mqtt or"),
    ],
)
def test_what_cannot_be_asked_ends_with_what_to_do(folder: Path, words: list[str], line: str) -> None:
    result = _test(folder, *words, stdin=b"serverName=x")
    assert (result.code, result.stdout) == (2, "")
    assert result.last.startswith(line), result.stderr
    assert "Traceback" not in result.stderr


def test_without_a_configuration_it_says_how_to_get_one(tmp_path: Path) -> None:
    for words in (["test", "open"], ["list"]):
        result = run("authorizer", *words, cwd=tmp_path)
        assert (result.code, result.stdout) == (2, "")
        assert result.last == "next: add --config FILE, or run customauth gateway here once, which makes a sample"


def test_a_configuration_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text("[authorizers.a]\nfunction = 'missing.py:handler'\n")
    result = run("authorizer", "test", "a", "--config", tmp_path / "gateway.toml", "--tls-context", "serverName=x")
    assert result.code == 2
    assert f"error: {tmp_path / 'gateway.toml'} line 2: " in result.stderr
    assert result.last.startswith("next: mend the configuration")


@pytest.mark.fact("C20")
def test_an_unknown_condition_operator_is_a_malformed_policy(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(
        '[authorizers.open]\nfunction = "authorizer.py:handler"\nsigning_disabled = true'
    )
    condition = '"Resource": arn, "Condition": {"Equals": {"a": "b"}}'
    (tmp_path / "authorizer.py").write_text(FUNCTION.replace('"Resource": arn', condition))
    config = tmp_path / "gateway.toml"
    result = run("authorizer", "test", "open", "--config", config, "--tls-context", "serverName=x")
    assert result.code == 7
    assert "Policy document is Malformed: Invalid policy syntax." in result.stderr
    assert "policyDocuments[0]: Statement[0].Condition.Equals: is not an operator" in result.stderr


# What is given, and how.


@pytest.mark.fact("B27")
def test_token_and_signature_can_be_given_in_every_way(folder: Path, tmp_path: Path, signature: str) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    (tmp_path / "signature").write_text(f"{signature}\n")
    files: list[str | Path] = ["--token-file", tmp_path / "token", "--token-signature-file", tmp_path / "signature"]
    environment = {"CUSTOMAUTH_TOKEN": TOKEN, "CUSTOMAUTH_TOKEN_SIGNATURE": signature}
    ways: list[Callable[[], dict[str, Any]]] = [
        lambda: _event(folder, "signed", "--token", TOKEN, "--token-signature", signature),
        lambda: _event(folder, "signed", *files),
        lambda: _event(folder, "signed", env=environment),
        lambda: _event(folder, "signed", "--token", TOKEN, *_key(folder), env=environment),
        lambda: _event(folder, "--authorizer-name", "signed", *files),
    ]
    for way in ways:
        event = way()
        del event["connectionMetadata"]
        assert event == {"token": TOKEN, "signatureVerified": True}


@pytest.mark.fact("B23")
def test_a_context_can_be_given_in_every_way(folder: Path, tmp_path: Path) -> None:
    text = '{"username": "alice", "password": "/wA=", "clientId": "pump"}'
    shorthand = "username=alice, password='/wA=',clientId=pump"
    (tmp_path / "context").write_text(f"{text}\n")
    file = tmp_path / "context"
    ways: list[Callable[[], dict[str, Any]]] = [
        lambda: _event(folder, "open", "--mqtt-context", text),
        lambda: _event(folder, "open", "--mqtt-context", shorthand),
        lambda: _event(folder, "open", "--mqtt-context", f"@{file}"),
        lambda: _event(folder, "open", "--mqtt-context", f"file://{file}"),
        lambda: _event(folder, "open", "--mqtt-context", "-", stdin=text.encode()),
        lambda: _event(folder, "open", "--mqtt-context-file", file),
        lambda: _event(folder, "open", "--mqtt-context-file", "-", stdin=shorthand.encode()),
        lambda: _event(folder, "open", env={"CUSTOMAUTH_MQTT_CONTEXT": text, "CUSTOMAUTH_PASSWORD": "not this"}),
    ]
    for way in ways:
        assert way()["protocolData"] == {"mqtt": {"username": "alice", "password": "/wA=", "clientId": "pump"}}


def test_what_is_given_leaves_the_environment_alone(folder: Path) -> None:
    others = {
        "CUSTOMAUTH_TOKEN": TOKEN,
        "CUSTOMAUTH_TOKEN_SIGNATURE": "stale",
        "CUSTOMAUTH_TLS_CONTEXT": "serverName=stale",
    }
    event = _event(folder, "open", "--mqtt-context", "clientId=pump", env=others)
    assert event["protocolData"] == {"mqtt": {"clientId": "pump"}}


@pytest.mark.fact("B28")
def test_all_contexts_together_are_copied_as_given(folder: Path) -> None:
    words = ["--http-context", "headers={X-Door=front, y=},queryString=?a=b&c=d", "--tls-context", "serverName=N"]
    text = '{"headers": {"X-Door": "front"}, "queryString": "?a=b&c=d"}'
    event = _event(folder, "open", "--http-context", text, *words[2:], "--mqtt-context", "clientId=pump")
    assert event["protocols"] == ["tls", "http", "mqtt"]
    assert event["protocolData"] == {
        "tls": {"serverName": "N"},
        "mqtt": {"clientId": "pump"},
        "http": {"headers": {"X-Door": "front"}, "queryString": "?a=b&c=d"},
    }
    empty = _test(folder, "open", *words)
    assert "Value at 'httpContext.headers' failed to satisfy constraint: Member must have length" in empty.stderr


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("a=b", {"a": "b"}),
        ("a=", {"a": ""}),
        (" a = b , c = d e ", {"a": "b", "c": "d e"}),
        ("a=b=c&d=e", {"a": "b=c&d=e"}),
        (r"a=b\,c", {"a": "b,c"}),
        (r"a=b\c", {"a": r"b\c"}),
        ("a='b,c}',d=e", {"a": "b,c}", "d": "e"}),
        (r"""a='it\'s',b="say \"x\" \\ \n" """, {"a": "it's", "b": r'say "x" \ \n'}),
        ("a={b=c,d={e='f'}},g=h", {"a": {"b": "c", "d": {"e": "f"}}, "g": "h"}),
        ("a={}", {"a": {}}),
    ],
)
def test_shorthand_is_read_as_the_aws_cli_reads_it(text: str, members: dict[str, Any]) -> None:
    assert parse_shorthand(text) == members


@pytest.mark.parametrize(
    "text", ["", "a", "=b", "a=b}", "a={b=c", "a={b}", "a='b", "a='b'c", "a=b,", "a=b,,c=d", "a=b,a=c", "a={b=c}d"]
)
def test_what_is_no_shorthand_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="character"):
        parse_shorthand(text)


@given(st.dictionaries(st.from_regex(r"[A-Za-z-]{1,8}", fullmatch=True), st.text(), min_size=1))
def test_any_text_can_be_quoted_in_shorthand(members: dict[str, str]) -> None:
    def quoted(value: str) -> str:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("'", "\\'") + '"'

    assert parse_shorthand(",".join(f"{key}={quoted(value)}" for key, value in members.items())) == members


@given(st.text(st.sampled_from("ab=,{}'\"\\ ")))
def test_no_text_breaks_the_reading_of_shorthand(text: str) -> None:
    try:
        parse_shorthand(text)
    except ValueError as error:
        assert "character" in str(error)  # noqa: PT017 - most texts are refused, and some are not


# The event of a connection.


@needs_backend
@pytest.mark.fact("C5", "A18", "A19")
def test_the_event_is_the_one_that_connect_causes(recorder: Recorder) -> None:
    running = recorder.running
    unsigned = ["--authorizer", "unsigned", "--username", "alice", "--password", "é\n", "--client-id", "pump"]
    pair = ["--token-key-name", "token", "--token", "a &+%=?", "--sign-with", str(recorder.private_key)]
    for words in (unsigned, ["--authorizer", "signed", *pair, "--client-id", "pump"]):
        made = run("connect", *words, *running.where())
        assert made.code == 0, made.stderr
        caused = recorder.event()
        config: list[str | Path] = ["--config", running.folder / "gateway.toml"]
        event = _event(running.folder, *words, *config, running.endpoint)
        del caused["connectionMetadata"], event["connectionMetadata"]
        assert event == caused
        assert list(event) == list(caused)
        assert list(event["protocolData"]) == list(caused["protocolData"])


@pytest.mark.fact("C6", "C7", "C8", "C9")
def test_over_a_websocket_the_credentials_are_where_they_travel(folder: Path, signature: str) -> None:
    words = ["signed", "--username", "alice", "--token", TOKEN, *_key(folder), "--transport", "wss", "iot.example.com"]
    places = ("username", "headers", "query")
    by_name, by_header, by_query = (_event(folder, *words, "--credentials-in", place) for place in places)
    for event in (by_name, by_header, by_query):
        assert event["protocols"] == ["tls", "http", "mqtt"]
        assert event["token"] == TOKEN
        assert event["protocolData"]["tls"] == {"serverName": "iot.example.com"}
        headers = event["protocolData"]["http"]["headers"]
        assert (headers["host"], headers["sec-websocket-protocol"]) == ("iot.example.com", "mqtt")
        assert [name for name in headers if name != name.lower()] == []
    assert by_name["protocolData"]["mqtt"]["username"].endswith(f"&token={TOKEN}")
    assert by_name["protocolData"]["http"]["queryString"] == ""
    for event in (by_header, by_query):
        assert event["protocolData"]["mqtt"]["username"] == "alice"
    assert by_header["protocolData"]["http"]["headers"]["x-amz-customauthorizer-signature"] == signature
    assert by_header["protocolData"]["http"]["headers"]["token"] == TOKEN
    assert by_query["protocolData"]["http"]["queryString"].startswith("x-amz-customauthorizer-name=signed&")


@pytest.mark.fact("C10", "C11")
def test_over_https_there_is_no_mqtt(folder: Path, signature: str) -> None:
    words = ["signed", "--token", TOKEN, *_key(folder), "--transport", "https"]
    by_header = _event(folder, *words)
    assert by_header["protocols"] == ["tls", "http"]
    assert by_header["protocolData"]["tls"] == {"serverName": "localhost"}
    assert by_header["protocolData"]["http"] == {
        "headers": {
            "host": "localhost",
            "x-amz-customauthorizer-name": "signed",
            "x-amz-customauthorizer-signature": signature,
            "token": TOKEN,
        },
        "queryString": "",
    }
    assert _event(folder, *words, "--credentials-in", "query")["protocolData"]["http"]["headers"] == {
        "host": "localhost"
    }
    assert _test(folder, *words, "--json").json() == ANSWER


@pytest.mark.fact("C12", "A20")
def test_an_empty_client_id_and_what_is_not_sent_are_not_in_the_event(folder: Path) -> None:
    event = _event(folder, "open", "--client-id", "", "--transport", "mqtt")
    assert event["protocolData"]["mqtt"] == {"username": "?x-amz-customauthorizer-name=open"}


@pytest.mark.fact("A47")
def test_an_address_is_no_server_name(folder: Path) -> None:
    result = _test(folder, "open", "--event", "127.0.0.1:8443")
    assert result.json()["protocolData"]["tls"] == {}
    assert "note: a connection would not get this far: the client sent no SNI" in result.stderr


def test_the_function_is_asked_with_the_event_of_a_connection(folder: Path) -> None:
    words = ["open", "--username", "alice", "--password", PASSWORD, "--client-id", "pump"]
    result = _test(folder, *words)
    assert (result.code, result.json()) == (0, ANSWER)
    assert "lets client 'pump' connect" in result.stderr
    assert _test(folder, *words, "--password", "wrong").code == 7


# Secrets.


def test_the_event_is_masked_unless_asked(folder: Path, signature: str) -> None:
    live = ["signed", "--token", TOKEN, *_key(folder), "--password", PASSWORD, "--transport", "wss"]
    for place in ("username", "headers", "query"):
        shown = _test(folder, *live, "--credentials-in", place, "--event")
        assert shown.code == 0
        assert list(shown.json()["protocolData"]) == ["tls", "mqtt", "http"]
        _no_secret_in(shown, signature)
    _no_secret_in(_test(folder, "signed", "--token", TOKEN, *_key(folder), "--event"), signature)


def test_an_error_shows_no_secret_unless_asked(folder: Path, signature: str) -> None:
    password = f"raise{PASSWORD}"
    live = ["signed", "--token", TOKEN, *_key(folder), "--password", password, "--client-id", "pump"]
    failed = _test(folder, *live)
    assert failed.code == 7
    assert "error in execution: no entry with ***: PermissionError" in failed.stderr
    _no_secret_in(failed, signature)
    assert f"no entry with {password}" in _test(folder, *live, "--unmask").stderr
    context = _mqtt(password, clientId="pump")
    _no_secret_in(_test(folder, "open", "--mqtt-context", context), signature)
    _no_secret_in(_test(folder, "open", "--mqtt-context", f"password={PASSWORD},{TOKEN}"), signature)
    _no_secret_in(_test(folder, "open", "--mqtt-context", f"{{{PASSWORD}"), signature)
    _no_secret_in(_test(folder, "open", "--mqtt-context", json.dumps({PASSWORD: TOKEN})), signature)
    _no_secret_in(_test(folder, "open", "--mqtt-context", json.dumps({"password": PASSWORD})), signature)
    _no_secret_in(_test(folder, "signed", "--token", TOKEN, "--token-signature", signature[:-8]), signature)


def test_what_the_function_prints_is_shown_only_when_asked(folder: Path) -> None:
    words = ["open", "--mqtt-context", _mqtt(clientId="pump")]
    assert "asked with" not in _test(folder, *words).stderr
    assert f"open | asked with {PASSWORD}\n" in _test(folder, *words, "--show-function-output").stderr
    failing = _test(folder, "open", "--mqtt-context", _mqtt("raise"), "--show-function-output")
    assert "open | asked with raise\n" in failing.stderr
    assert "open | PermissionError: no entry with raise\n" in failing.stderr


def _no_secret_in(result: Result, signature: str) -> None:
    encoded = base64.b64encode(PASSWORD.encode()).decode()
    for secret in (TOKEN, PASSWORD, encoded[4:-4], signature[:40]):
        assert secret not in result.stdout + result.stderr


# The list.


def test_the_list_has_name_status_signing_and_function(folder: Path) -> None:
    rows = run("authorizer", "list", "--json", cwd=folder).json()
    assert [(row["name"], row["status"], row["signing_disabled"]) for row in rows] == [
        ("signed", "ACTIVE", False),
        ("open", "ACTIVE", True),
        ("asleep", "INACTIVE", True),
    ]
    assert (rows[0]["token_key_name"], rows[0]["public_keys"]) == ("token", ["key1"])
    assert rows[0]["function"] == "handler in customauth-gateway/authorizer.py"
    shown = run("authorizer", "list", "--config", folder / "customauth-gateway" / "gateway.toml").stdout
    for text in ("asleep", "INACTIVE", "token, keys key1", "disabled"):
        assert text in shown


def test_without_a_command_it_shows_the_help_as_a_usage_error() -> None:
    result = run("authorizer")
    assert (result.code, result.stdout) == (2, "")
    assert "  test  Run an authorizer's function" in result.stderr
    unknown = run("authorizer", "frob")
    assert (unknown.code, unknown.last) == (2, "next: customauth authorizer --help tells what it takes")
