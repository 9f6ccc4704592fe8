"""The options of `customauth doctor`: those of connect, what replaces them, and what excludes each other."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from commands import run
from customauth.cli.connect import command as connect
from customauth.cli.doctor import command as doctor

RAW = "alice?x-amz-customauthorizer-name=of-the-variable"


def _options(command: click.Command) -> set[str]:
    return {name for parameter in command.params for name in parameter.opts if name.startswith("-")}


def test_it_takes_every_option_of_connect() -> None:
    assert _options(connect) - _options(doctor) == set()


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (["--authorizer", "pumps", "--token-key-name", "t", "--token", "x"], "signature-missing"),
        (["--authorizer", "pumps", "--username", "a", "--will-topic", "gone", "--will-qos", "2"], "will-qos2"),
        (["--authorizer", "pumps", "--username", "a", "--client-id", "x" * 129], "client-id-too-long"),
        (["--authorizer", "pumps", "--username", "a?b"], "double-question-mark"),
        (["--authorizer", "pumps", "--token-key-name", "t", "--token", "x", "--token-signature", "zz-_"], None),
    ],
)
def test_what_connect_refuses_is_examined(words: list[str], rule: str | None) -> None:
    result = run("doctor", "--lint-only", "--json", *words, "iot.example.com")
    assert result.code == 13, result.stdout + result.stderr
    assert rule in (None, result.json()["verdict"]["causes"][0]["rule"])


def test_a_signature_of_raw_bytes_is_examined_and_not_refused(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(bytes(range(128, 256)))
    words = ["--authorizer", "pumps", "--token-key-name", "t", "--token", "x", "--token-signature-file", tmp_path / "s"]
    result = run("doctor", "--lint-only", "--json", *words, "iot.example.com")
    assert (result.code, result.json()["verdict"]["causes"][0]["rule"]) == (13, "signature-not-base64")


@pytest.mark.parametrize(
    ("words", "next_step"),
    [
        (["--from-username", "u", "--authorizer", "a"], "leave out --authorizer"),
        (["--from-username", "u", "--token", "t"], "leave out --token"),
        (["--from-username", "u", "--username", "t"], "leave out --username"),
        (["--from-query", "u", "--jwt", "t"], "leave out --jwt"),
        (["--from-username", "u", "--from-query", "q"], "give the one that has the credentials"),
        (["--from-username", "u", "--capture", "f"], "give one of them; a capture is the whole CONNECT"),
        (["--capture", "f", "-i", "x"], "leave out --client-id"),
        (["--capture", "f", "-c"], "leave out --no-clean-start"),
        (["--capture", "f", "--password", "x"], "leave out --password"),
        (["--capture", "no/such/file"], "give --capture a file that can be read"),
        (["--public-key", "no/such/file"], "give --public-key a file that can be read"),
        (["--lint-only", "--aws"], "leave out one of them"),
        ([], "give the command line of connect, or --from-username-file, or --capture"),
        (["--sign-with", "k", "iot.example.com"], "add --token-file PATH (- for standard input)"),
    ],
)
def test_options_that_exclude_each_other_are_a_usage_error(words: list[str], next_step: str) -> None:
    result = run("doctor", *words)
    assert result.code == 2, result.stdout + result.stderr
    assert result.last == f"next: {next_step}"
    assert result.stdout == ""


def test_a_capture_without_a_connect_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "capture").write_bytes(b"\x16\x03\x01\x02\x00")
    result = run("doctor", "--capture", tmp_path / "capture")
    assert result.code == 2
    assert "TLS" in result.stderr


def test_what_the_device_sends_may_come_from_the_environment() -> None:
    document = run("doctor", "--lint-only", "--json", env={"CUSTOMAUTH_FROM_USERNAME": RAW}).json()
    assert document["setup"]["authorizer"] == "of-the-variable"


def test_credentials_on_the_command_line_overrule_what_is_in_the_environment() -> None:
    words = ["--lint-only", "--json", "--authorizer", "pumps", "--username", "alice"]
    document = run("doctor", *words, env={"CUSTOMAUTH_FROM_USERNAME": RAW}).json()
    assert document["setup"]["authorizer"] == "pumps"


def test_the_token_key_name_beside_a_raw_user_name_is_what_the_authorizer_expects() -> None:
    raw = "?x-amz-customauthorizer-name=pumps&token=T&x-amz-customauthorizer-signature=QUJD"
    result = run(
        "doctor", "--lint-only", "--json", "--from-username-file", "-", "--token-key-name", "key", stdin=raw.encode()
    )
    rules = [cause["rule"] for cause in result.json()["verdict"]["causes"]]
    assert "token-key-name-mismatch" in rules


def test_a_client_id_is_made_up_where_none_is_given_and_an_empty_one_is_kept() -> None:
    words = ["doctor", "--lint-only", "--json", "--authorizer", "pumps", "--username", "alice"]
    assert run(*words).json()["setup"]["client_id"]
    assert run(*words, "--client-id", "").json()["setup"]["client_id"] == ""


@pytest.mark.parametrize(("given", "offered"), [("mqtt,http/1.1", ["mqtt", "http/1.1"]), ("", [])])
def test_several_alpn_protocols_or_none_can_be_offered(given: str, offered: list[str]) -> None:
    result = run("doctor", "--lint-only", "--json", "--alpn", given, "localhost")
    assert result.json()["setup"]["alpn"] == offered


def test_a_websocket_offers_no_alpn_unless_told() -> None:
    assert run("doctor", "--lint-only", "--json", "wss://localhost").json()["setup"]["alpn"] == []
