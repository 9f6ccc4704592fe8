"""`customauth username`: the credentials as they look on the wire."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands import run


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("keys")
    assert run("keygen", "--dir", folder).code == 0
    key = ["--sign-with", str(folder / "private.pem")]
    return ["username", "--authorizer", "MyAuthorizer", "--token-key-name", "token", "--token", "T0K3N", *key]


def test_token_signature_and_password_are_masked(signed: list[str]) -> None:
    result = run(*signed, "--username", "alice", "--password", "P4SSW0RD")
    assert result.code == 0
    assert result.stdout.splitlines() == [
        "MQTT user name: alice?x-amz-customauthorizer-name=MyAuthorizer&x-amz-customauthorizer-signature=***&token=***",
        "MQTT password:  ***",
        "URL query:      x-amz-customauthorizer-name=MyAuthorizer&x-amz-customauthorizer-signature=***&token=***",
        "HTTP headers:",
        "  x-amz-customauthorizer-name: MyAuthorizer",
        "  x-amz-customauthorizer-signature: ***",
        "  token: ***",
    ]


def test_asked_for_they_are_in_clear(signed: list[str], tmp_path: Path) -> None:
    document = run(*signed, "--password", "P4SSW0RD", "--unmask", "--json").json()
    assert document["password"] == "P4SSW0RD"
    assert document["headers"]["token"] == "T0K3N"
    assert document["username"].endswith("&token=T0K3N")
    signature = document["headers"]["x-amz-customauthorizer-signature"]
    public_key = Path(signed[-1]).with_name("public.pem")
    assert run("verify", "--public-key", public_key, "--token", "T0K3N", "--token-signature", signature).code == 0


def test_a_binary_password_is_shown_escaped() -> None:
    document = run("username", "--password-file", "-", "--unmask", "--json", stdin=b"\xff'\n").json()
    assert document["password"] == "\\xff'"


def test_nothing_to_send_is_said_so() -> None:
    assert run("username").stdout.splitlines() == [
        "MQTT user name: (none)",
        "MQTT password:  (none)",
        "URL query:      (none)",
        "HTTP headers:   (none)",
    ]
    assert run("username", "--json").json() == {"username": None, "password": None, "headers": {}, "query": ""}


def test_what_cannot_travel_in_headers_is_said_so(signed: list[str]) -> None:
    result = run(*signed, "--token-key-name", "tök")
    assert result.code == 0
    assert "HTTP headers:   not possible: " in result.stdout


def test_credentials_that_cannot_work_end_with_the_mend() -> None:
    result = run("username", "--username", "a?b")
    assert result.code == 2
    assert result.last.startswith("error: the user part holds a '?'")
    assert "choose a user name without '?'" in result.last
