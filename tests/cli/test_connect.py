"""`customauth connect`: the words it takes, and what it says."""

from __future__ import annotations

import base64
import json
import uuid
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from commands import RunningGateway, features, installed_backends, run, serving
from customauth import Feature, __version__
from customauth.mqtt import Disconnect
from needs import needs_backend
from recorder import Recorder
from servers import Refuse, scripted_server
from subscribers import answering

VERSIONS = ("5", "3.1.1")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_signed_connection_is_made(signed: list[str], backend_name: str, version: str) -> None:
    result = run(*signed, "--backend", backend_name, "-V", version, "-i", "device-1")
    assert result.code == 0, result.stderr
    first, *others = result.stdout.splitlines()
    assert first.startswith(f"customauth {__version__}: MQTT {version} to localhost:")
    assert f", backend {backend_name} (" in first
    assert ", client id device-1, authorizer signed-sample, signed token under 'token'" in first
    assert others == ["Attempting to connect!", "Connection attempt successful!"]
    assert result.stderr == ""


@pytest.mark.parametrize("version", VERSIONS)
def test_an_unsigned_connection_is_made(sample: RunningGateway, backend_name: str, version: str) -> None:
    words = ["--authorizer", "unsigned-sample", "--username", "alice", "--password", "wonderland"]
    result = run("connect", "--backend", backend_name, "--protocol", version, *words, *sample.where())
    assert result.code == 0, result.stderr
    assert result.stdout.splitlines()[0].endswith("authorizer unsigned-sample, unsigned")


def _signature(recorder: Recorder) -> str:
    return run("sign", "--key", recorder.private_key, "--token", "tok-1").stdout.strip()


@needs_backend
@pytest.mark.parametrize(
    "names",
    [
        ("--authorizer", "--authorizer-token-key-name", "--authorizer-token-key-value", "--authorizer-signature"),
        ("--authorizer-name", "--token-key-name", "--token", "--token-signature"),
    ],
    ids=["the ancestor's words", "the AWS CLI's words"],
)
def test_the_words_of_the_ancestor_and_of_the_aws_cli_mean_the_same(recorder: Recorder, names: tuple[str, ...]) -> None:
    values = ("signed", "token", "tok-1", _signature(recorder))
    words = [word for pair in zip(names, values, strict=True) for word in pair]
    result = run("connect", "--username", "alice", "--password", "pass", *words, *recorder.running.where())
    assert result.code == 0, result.stderr
    event = recorder.event()
    assert event["token"] == "tok-1"
    assert event["signatureVerified"] is True
    assert event["protocolData"]["mqtt"]["username"].startswith("alice?")
    assert event["protocolData"]["mqtt"]["password"] == base64.b64encode(b"pass").decode()


@needs_backend
def test_a_percent_encoded_signature_is_taken_too(recorder: Recorder) -> None:
    encoded = run("sign", "--key", recorder.private_key, "--token", "tok-1", "--encoded").stdout.strip()
    words = ["--authorizer", "signed", "--token-key-name", "token", "--token", "tok-1", "--token-signature", encoded]
    assert run("connect", *words, *recorder.running.where()).code == 0


def _jwt(key: rsa.RSAPrivateKey) -> str:
    def encoded(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    token = f"{encoded(json.dumps({'alg': 'RS256'}).encode())}.{encoded(json.dumps({'sub': 'device-1'}).encode())}"
    return f"{token}.{encoded(key.sign(token.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


@needs_backend
def test_a_jwt_is_a_signed_token(recorder: Recorder, tmp_path: Path) -> None:
    key = serialization.load_pem_private_key(recorder.private_key.read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    file = tmp_path / "device.jwt"
    file.write_text(_jwt(key) + "\n")
    words = ["--authorizer", "signed", "--token-key-name", "token"]
    for extra in (["--jwt-file", str(file)], ["--jwt", _jwt(key)]):
        assert run("connect", *words, *extra, *recorder.running.where()).code == 0
        assert recorder.event()["token"] == _jwt(key).rpartition(".")[0]
    assert run("connect", *words, *recorder.running.where(), env={"CUSTOMAUTH_JWT": _jwt(key)}).code == 0
    assert recorder.event()["signatureVerified"] is True


def test_an_encrypted_key_signs_with_its_passphrase(tmp_path: Path) -> None:
    assert run("keygen", "--dir", tmp_path, "--passphrase", "phrase").code == 0
    words = ["--token-key-name", "t", "--token", "x", "--sign-with", str(tmp_path / "private.pem")]
    assert run("username", *words, "--passphrase", "phrase").code == 0
    missing = run("username", *words)
    assert missing.code == 2
    assert "passphrase" in missing.last


@needs_backend
def test_the_port_is_in_the_endpoint_or_in_its_option(signed: list[str], sample: RunningGateway) -> None:
    *words, endpoint = signed
    host = endpoint.rpartition(":")[0]
    assert run(*words, "--port", sample.port, host).code == 0
    both = run(*words, "--port", "1", endpoint)
    assert both.code == 2
    assert "give one" in both.last


def test_an_address_is_dialled_in_place_of_the_endpoints_name(
    signed: list[str], sample: RunningGateway, backend_name: str
) -> None:
    *words, _ = signed
    result = run(*words, "--backend", backend_name, "--address", f"127.0.0.1:{sample.port}", "localhost")
    if Feature.ADDRESS in features(backend_name):
        assert result.code == 0, result.stderr
    else:
        assert result.code == 3
        assert f"backend {backend_name} cannot do address" in result.last


@needs_backend
def test_without_a_client_id_it_is_a_new_uuid_each_time(signed: list[str]) -> None:
    seen = {uuid.UUID(run(*signed, "--json").json()["client_id"]).version for _ in range(2)}
    ids = {run(*signed, "--json").json()["client_id"] for _ in range(2)}
    assert seen == {4}
    assert len(ids) == 2


def test_client_id_keep_alive_and_version_reach_the_wire(backend_name: str, tmp_path: Path) -> None:
    with answering(tmp_path) as server:
        ca = server.ca_file.read_bytes()
        words = ["connect", "--backend", backend_name, "--cafile", "/dev/stdin", server.words[-1]]
        for version, level in (("5", 5), ("3.1.1", 4)):
            assert run(*words, "-V", version, "-i", "dev ice", "-k", "77", stdin=ca).code == 0
            peer = server.left()
            assert peer.connect is not None
            assert (peer.connect.client_id, peer.connect.keep_alive, peer.version) == ("dev ice", 77, level)
            assert isinstance(peer.packets[-1], Disconnect)


def test_json_tells_of_success(signed: list[str], backend_name: str) -> None:
    result = run(*signed, "--backend", backend_name, "--json", "-i", "device-1")
    assert result.code == 0
    document = result.json()
    assert document.pop("milliseconds") > 0
    assert document.pop("connack")["session_present"] is False
    assert document == {
        "outcome": "connected",
        "backend": backend_name,
        "protocol": "5",
        "endpoint": signed[-1],
        "client_id": "device-1",
    }


def test_json_tells_of_failure(signed: list[str], backend_name: str) -> None:
    result = run(*signed, "--backend", backend_name, "--json", "--authorizer", "nobody")
    assert result.code == 7
    document = result.json()
    assert document["outcome"] == "failed"
    assert document["error"] == "ConnackRefused"
    assert document["reason_code"] == 0x87
    assert document["exit_code"] == 7
    assert document["stage"] == "CONNECT/CONNACK"
    assert document["retryable"] is False
    assert document["next"]
    assert document["rule"] == "not-authorized"
    assert (document["backend"], document["endpoint"]) == (backend_name, signed[-1])


def test_json_tells_of_credentials_that_cannot_work() -> None:
    result = run("connect", "--json", "--token", "x", "localhost:1")
    assert result.code == 2
    assert result.json()["error"] == "CredentialError"


@needs_backend
def test_a_failure_gives_the_cause_and_last_the_next_step(signed: list[str]) -> None:
    result = run(*signed, "--authorizer", "nobody")
    assert result.stdout.splitlines()[1:] == ["Attempting to connect!", "Connection attempt failed!"]
    cause, next_step = result.stderr.splitlines()
    assert cause.startswith("cause: ConnackRefused: refused with CONNACK 0x87 (not authorized)")
    assert next_step.startswith("next: check the authorizer's name and status")


def test_debug_tells_what_happens_on_standard_error(signed: list[str], backend_name: str) -> None:
    result = run(*signed, "--backend", backend_name, "--debug", "-i", "device-1")
    assert result.code == 0
    assert f"CONNECT through {backend_name}: MQTT 5 to localhost:" in result.stderr
    assert "client id 'device-1'" in result.stderr
    assert "accepted: Connack(" in result.stderr
    assert result.stdout.endswith("Attempting to connect!\nConnection attempt successful!\n")


def test_a_servers_words_cannot_move_the_cursor_or_break_the_line(backend_name: str, tmp_path: Path) -> None:
    with serving(scripted_server(Refuse(0x87, "go\x1b[2J\r\naway [/bold]"))) as server:
        ca = server.endpoint.ca_pem or b""
        words = ["--backend", backend_name, "--cafile", "/dev/stdin", str(server.endpoint)]
        quick = ["--rounds", "1", "--scenario", "connect", "--transport", "mqtt", "--html", tmp_path / "page.html"]
        for result in (run("connect", *words, stdin=ca), run("compare", *quick, *words, stdin=ca)):
            assert result.code == 7
            assert set("\x1b\r") & set(result.stdout + result.stderr) == set()
            assert "Traceback" not in result.stderr


@needs_backend
def test_the_first_backend_installed_is_the_default(signed: list[str]) -> None:
    assert run(*signed, "--json").json()["backend"] == installed_backends()[0]
