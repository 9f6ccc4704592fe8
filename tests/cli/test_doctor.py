"""`customauth doctor` against a real gateway: its exit codes, its verdict, its JSON document, and no secrets."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from commands import Result, RunningGateway, run
from customauth import CustomAuth, MqttVersion
from customauth.mqtt import Connect
from customauth.signing import generate_key_pair, sign

TOKEN, PASSWORD = "a-token-nobody-may-see", "a-password-nobody-may-see"
# Nothing of a developer's own account is asked.
NO_AWS = {
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_ACCESS_KEY_ID": "",
    "AWS_SECRET_ACCESS_KEY": "",
    "AWS_PROFILE": "",
    "AWS_REGION": "",
    "AWS_DEFAULT_REGION": "",
}


def _doctor(*words: str | Path, stdin: bytes = b"", env: dict[str, str] | None = None) -> Result:
    return run("doctor", *words, stdin=stdin, env=NO_AWS | (env or {}))


def _first(result: Result) -> str | None:
    causes = result.json()["verdict"]["causes"]
    return causes[0]["rule"] if causes else None


@pytest.fixture
def key(sample: RunningGateway) -> Path:
    """Return the private key of the sample's signed authorizer."""
    return sample.folder / "customauth-gateway" / "private.pem"


def test_0_a_set_up_that_connects(login: list[str]) -> None:
    result = _doctor(*login)
    assert result.code == 0, result.stdout
    assert "Verdict: nothing wrong found; the server accepts this connection" in result.stdout
    assert result.last.startswith("next: nothing to mend")


def test_0_nothing_wrong_is_seen_and_nothing_is_tried(login: list[str]) -> None:
    result = _doctor("--lint-only", "--json", *login)
    assert (result.code, result.json()["exit_code"]) == (0, 0)
    assert {check["stage"] for check in result.json()["checks"] if check["outcome"] != "skipped"} == {"lint"}


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_13_a_signature_of_another_token(sample: RunningGateway, key: Path, tmp_path: Path, version: str) -> None:
    (tmp_path / "s").write_text(sign("open-sesame\n", key.read_bytes()))
    public = key.with_name("public.pem")
    words = ["--authorizer", "signed-sample", "--token-key-name", "token", "--token", "open-sesame", "-V", version]
    result = _doctor(*words, "--token-signature-file", tmp_path / "s", "--public-key", public, *sample.where())
    assert result.code == 13, result.stdout
    assert "Verdict: a cause was found, certain" in result.stdout
    assert "openssl dgst -sha256" in result.stdout
    assert result.last.startswith("next: ")


def test_13_a_denied_subscription(login: list[str]) -> None:
    result = _doctor("--json", "--subscribe", "elsewhere/#", *login)
    assert (result.code, _first(result)) == (13, "policy-subscribe")


def test_13_another_alpn(login: list[str]) -> None:
    result = _doctor("--json", "--alpn", "", *login)
    assert (result.code, _first(result)) == (13, "alpn-missing")
    assert result.json()["setup"]["alpn"] == []


def test_14_a_wrong_password_looks_like_any_other_refusal(sample: RunningGateway) -> None:
    words = ["--authorizer", "unsigned-sample", "--username", "alice", "--password", "wrong"]
    result = _doctor("--json", *words, *sample.where())
    verdict = result.json()["verdict"]
    assert (result.code, verdict["outcome"], verdict["causes"]) == (14, "cannot tell", [])
    assert "0x87" in " ".join(verdict["seen"])
    assert verdict["would_tell"]
    assert "gateway" in verdict["next"]


def test_what_the_device_sends_is_examined_as_it_is(sample: RunningGateway, tmp_path: Path) -> None:
    raw = b"alice?x-amz-customauthorizer-name=unsigned-sample?SDK=Mine"
    result = _doctor("--from-username-file", "-", "--password", "wonderland", "--json", *sample.where(), stdin=raw)
    assert (result.code, _first(result)) == (13, "double-question-mark")
    assert result.json()["setup"]["origin"] == "the raw user name"


def test_a_captured_connect_is_sent_again(sample: RunningGateway, tmp_path: Path) -> None:
    username = CustomAuth(authorizer="unsigned-sample", username="alice").mqtt_username()
    packet = Connect(version=MqttVersion.V311, client_id="captured", username=username, password=b"wonderland")
    (tmp_path / "capture").write_text(packet.to_wire(MqttVersion.V311).hex(" "))
    result = _doctor("--capture", tmp_path / "capture", "--json", *sample.where())
    assert result.code == 0, result.stdout
    setup = result.json()["setup"]
    assert (setup["protocol"], setup["client_id"], setup["password"]) == ("3.1.1", "captured", "***")


def test_a_raw_query_is_read_as_a_query_and_not_as_a_user_name(tmp_path: Path) -> None:
    pair = generate_key_pair()
    signature = next(made for number in range(99) if "+" in (made := sign(f"{TOKEN}{number}", pair.private_pem)))
    query = f"?x-amz-customauthorizer-name=pumps&token={TOKEN}&x-amz-customauthorizer-signature={signature}"
    words = ["--lint-only", "--json", "wss://iot.example.com/mqtt"]
    result = _doctor("--from-query-file", "-", *words, stdin=query.encode())
    assert (result.code, _first(result)) == (13, "signature-unencoded")
    assert result.json()["setup"]["credentials_in"] == "query"
    assert TOKEN not in result.stdout


@pytest.mark.parametrize("shown", [["--bytes"], ["--bytes", "--json"], ["-d"]])
def test_no_secret_is_shown(sample: RunningGateway, tmp_path: Path, shown: list[str]) -> None:
    pair = generate_key_pair()
    (tmp_path / "private.pem").write_bytes(pair.private_pem)
    signature = sign(TOKEN, pair.private_pem)
    words = ["--authorizer", "signed-sample", "--token-key-name", "token", "--token", TOKEN, "--username", "alice"]
    words += ["--sign-with", str(tmp_path / "private.pem"), "--password", PASSWORD]
    result = _doctor(*words, *shown, *sample.where())
    said = result.stdout + result.stderr
    assert result.code in (13, 14), said
    for secret in (TOKEN, PASSWORD, signature):
        for form in (
            secret,
            secret.encode().hex(),
            secret.encode().hex(" "),
            base64.b64encode(secret.encode()).decode(),
        ):
            assert form not in said


def test_bytes_are_shown_on_request(login: list[str]) -> None:
    packets = _doctor("--bytes", "--json", *login).json()["packets"]
    assert any(bytes.fromhex(packet["hex"]).startswith(b"\x10") for packet in packets)
    assert "0000  10" in _doctor("--bytes", *login).stdout
    assert "packets" not in _doctor("--json", *login).json()


def test_aws_is_not_asked_about_this_machine_unless_it_must(login: list[str]) -> None:
    asked = [check for check in _doctor("--json", *login).json()["checks"] if check["stage"] == "aws"]
    assert [(check["outcome"], check["name"]) for check in asked] == [("skipped", "AWS")]
    assert "--aws asks all the same" in asked[0]["detail"]


def test_aws_without_credentials_is_skipped_and_told(login: list[str]) -> None:
    pytest.importorskip("boto3")
    asked = [check for check in _doctor("--json", "--aws", *login).json()["checks"] if check["stage"] == "aws"]
    assert [check["outcome"] for check in asked] == ["skipped"]
    assert "nothing was asked" in asked[0]["detail"]


def test_no_aws_asks_nobody(login: list[str]) -> None:
    checks = _doctor("--json", "--no-aws", *login).json()["checks"]
    assert [check["detail"] for check in checks if check["stage"] == "aws"] == ["--no-aws"]


def test_without_a_probe_nothing_is_dialled(login: list[str]) -> None:
    checks = _doctor("--json", "--no-probe", *login).json()["checks"]
    assert [check["detail"] for check in checks if check["stage"] == "probe"] == ["--no-probe"]


def test_without_an_endpoint_it_only_looks() -> None:
    result = _doctor("--authorizer", "pumps", "--username", "alice", "--json")
    assert result.code == 0, result.stdout
    assert "ENDPOINT" in result.json()["verdict"]["next"]
