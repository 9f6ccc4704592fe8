"""mosquitto_pub and mosquitto_sub, over TLS; they have no WebSocket in the version of Debian."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import pytest

import gateways
from customauth import MqttVersion
from logins import LET_IN, NOT_AUTHORIZED, REFUSED, Door, Login, mqtt_event, protocol_name
from programs import program

pytestmark = program("mosquitto_pub", package="mosquitto-clients")

# A guard against hanging, not a measure.
_HANGS = 60.0
_VERSIONS = {MqttVersion.V5: "mqttv5", MqttVersion.V311: "mqttv311"}
# What mosquitto's programs end with when the connection is lost: MOSQ_ERR_CONN_LOST.
_CONNECTION_LOST = 7

Words = list[str | bytes]


def words(door: Door, version: MqttVersion, client_id: str, username: str | None, password: bytes | None) -> Words:
    """Return the options that both programs share."""
    where = ["-h", "localhost", "-p", str(door.port), "--cafile", str(door.ca_file), "--tls-alpn", "mqtt"]
    what = ["-d", "-V", _VERSIONS[version], "-i", client_id, "-t", "clients/mosquitto"]
    user: Words = [] if username is None else ["-u", username]
    secret: Words = [] if password is None else ["-P", password]
    return [*where, *what, *user, *secret]


def words_of(login: Login, door: Door, version: MqttVersion, client_id: str) -> Words:
    return words(door, version, client_id, login.auth.mqtt_username(), login.auth.password)


def publish(options: Sequence[str | bytes]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["mosquitto_pub", *options, "-m", "hello"], capture_output=True, text=True, timeout=_HANGS, check=False
    )


@pytest.mark.fact("A18", "A19", "A20", "A39", "A51", "A60", "B17", "B19", "B21", "C5")
@pytest.mark.parametrize("login", LET_IN, indirect=True)
def test_mosquitto_pub_is_let_in(login: Login, version: MqttVersion, door: Door, client_id: str) -> None:
    run = publish(words_of(login, door, version, client_id))
    assert f"Client {client_id} received CONNACK (0)" in run.stdout, run.stderr
    assert f"Client {client_id} sending PUBLISH" in run.stdout
    door.check(login, protocol=protocol_name(version), client_id=client_id)
    data = door.event(login, protocols=["tls", "mqtt"], client_id=client_id)
    assert data["mqtt"] == mqtt_event(login, client_id, login.auth.mqtt_username())


@pytest.mark.fact("F1", "F3", "F4", "B20", "C22")
@pytest.mark.parametrize("login", REFUSED, indirect=True)
def test_a_refused_mosquitto_pub_says_not_authorized_on_5_and_connection_lost_on_311(
    login: Login, version: MqttVersion, door: Door, client_id: str
) -> None:
    run = publish(words_of(login, door, version, client_id))
    if version is MqttVersion.V5:
        assert f"Client {client_id} received CONNACK ({NOT_AUTHORIZED})" in run.stdout
        assert run.stderr.startswith("Connection error: Not authorized\n")
        assert run.returncode == NOT_AUTHORIZED
    else:
        assert "CONNACK" not in run.stdout
        assert run.stderr == "Error: The connection was lost.\n"
        assert run.returncode == _CONNECTION_LOST
    door.check(login, protocol=protocol_name(version), client_id=client_id)


@pytest.mark.fact("A39", "B19", "F1", "F3")
@pytest.mark.parametrize("login", [*LET_IN, *REFUSED], indirect=True)
def test_mosquitto_sub_is_let_in_and_refused_as_mosquitto_pub_is(
    login: Login, version: MqttVersion, door: Door, client_id: str
) -> None:
    silent = login.refused is not None and version is MqttVersion.V311
    # Into a pipe it would write only when it ends, and without an answer it connects again for ever.
    command = ["stdbuf", "-oL", "mosquitto_sub", *words_of(login, door, version, client_id)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == f"Client {client_id} sending CONNECT\n"
            code = 0 if login.refused is None else NOT_AUTHORIZED
            next_line = "sending CONNECT" if silent else f"received CONNACK ({code})"
            assert process.stdout.readline() == f"Client {client_id} {next_line}\n"
            if code and not silent:
                assert process.wait(_HANGS) == NOT_AUTHORIZED
        finally:
            process.kill()
    door.check(login, protocol=protocol_name(version), client_id=client_id)


@pytest.mark.fact("A8", "B17")
def test_a_token_signed_with_openssl_in_a_shell_lets_in(
    door: Door, client_id: str, keys: gateways.Keys, tmp_path: Path
) -> None:
    (tmp_path / "key.pem").write_bytes(keys.new.private_pem)
    line = 'printf %s "$TOKEN" | openssl dgst -sha256 -sign key.pem | openssl base64 -A'
    signature = subprocess.run(
        ["/bin/sh", "-c", line],
        cwd=tmp_path,
        env={**os.environ, "TOKEN": "made in a shell"},
        capture_output=True,
        text=True,
        timeout=_HANGS,
        check=True,
    ).stdout
    username = (
        f"{gateways.named('signed')}&x-amz-customauthorizer-signature={quote(signature, safe='')}&token=made in a shell"
    )
    run = publish(words(door, MqttVersion.V5, client_id, username, None))
    assert f"Client {client_id} received CONNACK (0)" in run.stdout, run.stderr
