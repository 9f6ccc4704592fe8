"""Secrets: the ways to give one, and that none is ever shown."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from commands import COMMAND, Result, RunningGateway, quoted, run, run_line
from needs import needs_backend
from recorder import Recorder, recording_gateway

BINARY = bytes(range(1, 256)) + b"\r"
"""Every byte but NUL, which no environment can hold; the carriage return at the end is no line end."""


def _password(recorder: Recorder) -> bytes:
    return base64.b64decode(recorder.event()["protocolData"]["mqtt"]["password"])


def _unsigned(recorder: Recorder) -> list[str]:
    return ["connect", "--authorizer", "unsigned", "--username", "alice", *recorder.running.where()]


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_binary_password_reaches_the_function_unchanged(
    recorder: Recorder, tmp_path: Path, backend_name: str, version: str
) -> None:
    file = tmp_path / "password"
    file.write_bytes(b"\0" + BINARY)
    words = [*_unsigned(recorder), "--backend", backend_name, "-V", version]
    result = run(*words, "--password-file", file)
    assert result.code == 0, result.stderr
    assert _password(recorder) == b"\0" + BINARY


@needs_backend
def test_every_way_to_give_a_password_gives_the_same(recorder: Recorder, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_bytes(BINARY)
    words = _unsigned(recorder)
    ways: list[Callable[[], Result]] = [
        lambda: run(*words, "--password-file", file),
        lambda: run(*words, "--password-file", "-", stdin=BINARY),
        lambda: run(*words, "--password", BINARY),
        lambda: run(*words, env={"CUSTOMAUTH_PASSWORD": BINARY}),
    ]
    for way in ways:
        result = way()
        assert result.code == 0, result.stderr
        assert _password(recorder) == BINARY


@needs_backend
@pytest.mark.parametrize("literal", ["-", "@file", "$HOME", "", "é"])
def test_a_value_on_the_command_line_is_literal(recorder: Recorder, literal: str) -> None:
    result = run(*_unsigned(recorder), "--password", literal, stdin=b"not this")
    assert result.code == 0, result.stderr
    assert _password(recorder) == literal.encode()


@needs_backend
@pytest.mark.parametrize(
    ("content", "password"),
    [
        (b"secret\n", b"secret"),
        (b"secret\r\n", b"secret"),
        (b"secret\n\n", b"secret\n"),
        (b"secret\r", b"secret\r"),
        (b" secret ", b" secret "),
        (b"", b""),
    ],
)
def test_one_line_end_at_the_end_of_a_file_is_dropped(recorder: Recorder, content: bytes, password: bytes) -> None:
    assert run(*_unsigned(recorder), "--password-file", "-", stdin=content).code == 0
    assert _password(recorder) == password


@needs_backend
def test_an_option_overrules_the_environment(recorder: Recorder) -> None:
    result = run(*_unsigned(recorder), "--password", "option", env={"CUSTOMAUTH_PASSWORD": "environment"})
    assert result.code == 0
    assert _password(recorder) == b"option"


@needs_backend
def test_an_empty_variable_counts_as_unset(recorder: Recorder) -> None:
    names = ("PASSWORD", "TOKEN", "TOKEN_SIGNATURE", "JWT", "PASSPHRASE")
    result = run(*_unsigned(recorder), env={f"CUSTOMAUTH_{name}": "" for name in names})
    assert result.code == 0, result.stderr
    assert "password" not in recorder.event()["protocolData"]["mqtt"]


@needs_backend
@pytest.mark.parametrize(
    "names",
    [
        ("CUSTOMAUTH_TOKEN", "CUSTOMAUTH_TOKEN_SIGNATURE"),
        ("CUSTOMAUTH_AUTHORIZER_TOKEN_KEY_VALUE", "CUSTOMAUTH_AUTHORIZER_SIGNATURE"),
    ],
)
def test_token_and_signature_come_from_the_environment(recorder: Recorder, names: tuple[str, str]) -> None:
    signature = run("sign", "--key", recorder.private_key, "--token", "tok-env").stdout.strip()
    words = ["connect", "--authorizer", "signed", "--token-key-name", "token", *recorder.running.where()]
    result = run(*words, env=dict(zip(names, ("tok-env", signature), strict=True)))
    assert result.code == 0, result.stderr
    assert recorder.event()["token"] == "tok-env"


@needs_backend
def test_what_is_given_on_the_command_line_leaves_the_environment_alone(recorder: Recorder) -> None:
    words = ["connect", "--authorizer", "signed", "--token-key-name", "token", *recorder.running.where()]
    others = {"CUSTOMAUTH_TOKEN_SIGNATURE": "stale", "CUSTOMAUTH_JWT": "stale", "CUSTOMAUTH_TOKEN": "stale"}
    assert run(*words, "--token", "tok-1", "--sign-with", recorder.private_key, env=others).code == 0
    assert recorder.event()["token"] == "tok-1"
    jwt = run("username", "--token-key-name", "token", "--jwt", "not.a.jwt", env=others)
    assert "JWT" in jwt.last


def test_a_forgotten_variable_is_named_when_it_is_in_the_way() -> None:
    result = run("connect", "--authorizer", "unsigned", "localhost:1", env={"CUSTOMAUTH_TOKEN": "forgotten"})
    assert result.code == 2
    assert "CUSTOMAUTH_TOKEN" in result.last
    assert "forgotten" not in result.stdout + result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["--password", "x", "--password-file", "f"],
        ["--token", "x", "--token-file", "f"],
        ["--authorizer-token-key-value", "x", "--token-file", "f"],
        ["--token-signature", "x", "--authorizer-signature-file", "f"],
        ["--jwt", "x", "--jwt-file", "f"],
        ["--passphrase", "x", "--passphrase-file", "f"],
        ["--token-signature", "x", "--sign-with", "f"],
        ["--jwt", "x", "--token", "y"],
        ["--jwt", "x", "--token-signature", "y"],
        ["--jwt", "x", "--sign-with", "f"],
        ["--password-file", "-", "--token-file", "-"],
    ],
)
def test_a_secret_given_twice_is_a_usage_error(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "f").write_text("from the file")
    result = run("connect", *words, "localhost:1", cwd=tmp_path, stdin=b"y")
    assert result.code == 2
    assert result.last.startswith("next: ")
    assert "give" in result.last or "leave out" in result.last


@pytest.mark.parametrize("name", ["password", "token", "token-signature", "jwt", "passphrase"])
def test_a_secrets_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    for file, why in ((tmp_path / "missing", "No such file"), (tmp_path, "Is a directory")):
        result = run("connect", f"--{name}-file", file, "localhost:1")
        assert result.code == 2
        assert f"error: {file}: {why}" in result.stderr
        assert result.last == f"next: give --{name}-file a file that can be read"


def test_a_closed_standard_input_is_a_usage_error(tmp_path: Path) -> None:
    result = run_line(f"{quoted(COMMAND)} connect --password-file - localhost:1 <&-", tmp_path)
    assert result.code == 2
    assert result.last == "next: give --password-file a file"


@pytest.mark.parametrize("name", ["token", "token-signature", "jwt"])
def test_a_secret_that_must_be_text_and_is_not_is_refused(name: str) -> None:
    words = ["connect", "--token-key-name", "t", f"--{name}-file", "-"]
    if name == "token-signature":
        words += ["--token", "x"]
    if name == "token":
        words += ["--token-signature", "x"]
    result = run(*words, "localhost:1", stdin=b"\xff\xfe")
    assert result.code == 2
    assert "is not UTF-8 text" in result.last


SECRETS = {
    "token": "s3cr3t-T0K3N",
    "password": "s3cr3t-P4SSW0RD",
    "passphrase": "s3cr3t-P4SSPHR4SE",
}


def _shown(text: str, signature: str | None = None) -> list[str]:
    """List the secrets that a text shows, in any of the forms in which they travel."""
    shown = [name for name, value in SECRETS.items() if value in text or _base64(value) in text]
    # The longest run of it that percent-encoding leaves alone; a short one is found in any text.
    run_of_it = max(re.split("[+/=]", signature), key=len) if signature else None
    return [*shown, "signature"] if run_of_it and run_of_it in text else shown


def _base64(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


@pytest.fixture(scope="module")
def secretive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    """Run a gateway whose private key has a passphrase."""
    with recording_gateway(tmp_path_factory.mktemp("secretive"), "--passphrase", SECRETS["passphrase"]) as recorder:
        yield recorder


def _sign(secretive: Recorder) -> Result:
    words = ["--token", SECRETS["token"], "--passphrase", SECRETS["passphrase"]]
    return run("sign", "--key", secretive.private_key, *words)


@pytest.fixture
def by_signature(secretive: Recorder) -> list[str]:
    words = ["--username", "alice", "--password", SECRETS["password"], "--token-key-name", "token"]
    return [*words, "--token", SECRETS["token"], "--token-signature", _sign(secretive).stdout.strip()]


@pytest.fixture
def by_key(secretive: Recorder) -> list[str]:
    words = ["--username", "alice", "--password", SECRETS["password"], "--token-key-name", "token"]
    signing = ["--sign-with", str(secretive.private_key), "--passphrase", SECRETS["passphrase"]]
    return [*words, "--token", SECRETS["token"], *signing]


@pytest.mark.parametrize("version", ["5", "3.1.1"])
@pytest.mark.parametrize("extra", [[], ["--debug"], ["--debug", "--json"]], ids=" ".join)
def test_connecting_shows_no_secret(
    secretive: Recorder,
    by_signature: list[str],
    by_key: list[str],
    backend_name: str,
    version: str,
    extra: list[str],
) -> None:
    for credentials in (by_signature, by_key):
        words = [*credentials, "--backend", backend_name, "-V", version, *extra, *secretive.running.where()]
        accepted = run("connect", "--authorizer", "signed", *words)
        refused = run("connect", "--authorizer", "nobody", *words)
        assert (accepted.code, refused.code) == (0, 7), accepted.stderr + refused.stderr
        assert secretive.event()["token"] == SECRETS["token"]
        for result in (accepted, refused):
            assert _shown(result.stdout + result.stderr, by_signature[-1]) == []


@pytest.mark.parametrize("form", [[], ["--json"], ["--markdown"]], ids=" ".join)
def test_comparing_shows_no_secret(
    secretive: Recorder, by_signature: list[str], backend_name: str, form: list[str], tmp_path: Path
) -> None:
    words = ["--authorizer", "signed", *by_signature, "--backend", backend_name, "--scenario", "refusal", *form]
    page = tmp_path / "page.html"
    quick = ["--quick", "--rounds", "1", "--html", page]
    result = run("compare", *words, *quick, *secretive.running.where())
    assert result.code == 0, result.stderr
    assert _shown(result.stdout + result.stderr + page.read_text(), by_signature[-1]) == []


@needs_backend
def test_no_other_command_shows_a_secret(
    secretive: Recorder, by_signature: list[str], by_key: list[str], tmp_path: Path
) -> None:
    signature, token, passphrase = by_signature[-1], SECRETS["token"], SECRETS["passphrase"]
    verify = ["verify", "--public-key", str(secretive.public_key), "--token-signature", signature]
    failing = ["connect", "--debug", "localhost:1"]
    for result, code in (
        (run("keygen", "--dir", tmp_path, env={"CUSTOMAUTH_PASSPHRASE": passphrase}), 0),
        (run("username", *by_signature), 0),
        (run("username", *by_key, "--json"), 0),
        (run(*verify, "--token", token), 0),
        (run(*verify, "--token", token + "x"), 2),
        (run(*failing, *by_signature, "--jwt", token), 2),
        (run(*failing, "--token-key-name", "t", "--jwt", token), 2),
        (run(*failing, "--username", "a?b", "--password", SECRETS["password"]), 2),
        (run(*failing, *by_key, "--passphrase", passphrase + "x"), 2),
        (run(*failing, *by_signature, "--token-signature", signature[:-9]), 2),
        (run(*failing, *by_signature), 4),
    ):
        assert result.code == code, result.stderr
        assert _shown(result.stdout + result.stderr, signature) == []


def test_sign_shows_the_signature_alone(secretive: Recorder) -> None:
    result = _sign(secretive)
    assert len(base64.b64decode(result.stdout)) == 256
    assert _shown(result.stdout + result.stderr) == []


@needs_backend
def test_the_gateway_shows_no_secret(by_signature: list[str], tmp_path: Path) -> None:
    """Its function prints the whole event, as functions do."""
    with recording_gateway(tmp_path) as recorder:
        words = [*by_signature[:-2], "--sign-with", str(recorder.private_key), *recorder.running.where()]
        assert run("connect", "--authorizer", "signed", *words).code == 0
        assert run("connect", "--authorizer", "nobody", *words).code == 7
        running = recorder.running
    signature = run("sign", "--key", recorder.private_key, "--token", SECRETS["token"]).stdout
    assert "ALLOW" in running.output()
    assert "DENY" in running.output()
    assert _shown(running.output(), signature) == []


@needs_backend
def test_the_samples_password_is_what_its_printed_command_says(sample: RunningGateway) -> None:
    words = ["connect", "--authorizer", "unsigned-sample", "--username", "alice", *sample.where()]
    assert run(*words, "--password", "looking-glass").code == 7
    assert run(*words, "--password", "wonderland").code == 0
