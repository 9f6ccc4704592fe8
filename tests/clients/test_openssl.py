"""openssl s_client: what a TLS client is told that asks for what is not served."""

from __future__ import annotations

import subprocess

import pytest

from logins import Door
from programs import program

pytestmark = program("openssl", package="openssl")

# A guard against hanging, not a measure.
_HANGS = 60.0


def s_client(door: Door, *words: str) -> str:
    """Do a handshake and return what openssl printed."""
    run = subprocess.run(
        ["openssl", "s_client", "-connect", f"localhost:{door.port}", "-CAfile", str(door.ca_file), *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_HANGS,
        check=False,
    )
    return run.stdout + run.stderr


versions = pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])


@pytest.mark.fact("F14", "I14")
@versions
def test_an_unknown_server_name_gets_alert_112(version: str, door: Door) -> None:
    output = s_client(door, version, "-servername", "wrong.example", "-alpn", "mqtt")
    assert "unrecognized name" in output
    assert "SSL alert number 112" in output


@pytest.mark.fact("F15", "I14")
@versions
@pytest.mark.parametrize("alpn", ["h2", "MQTT", "h2,mqttv5"])
def test_an_unknown_alpn_gets_alert_120(alpn: str, version: str, door: Door) -> None:
    output = s_client(door, version, "-servername", "localhost", "-alpn", alpn)
    assert "no application protocol" in output
    assert "SSL alert number 120" in output


@pytest.mark.fact("A39", "A40", "A44", "A49")
@versions
@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ("mqtt", "mqtt"),
        ("h2,http/1.1", "http/1.1"),
        ("x-amzn-mqtt-ca", "x-amzn-mqtt-ca"),
        ("x-amzn-http-ca", "x-amzn-http-ca"),
    ],
)
def test_a_known_alpn_is_chosen(offered: str, chosen: str, version: str, door: Door) -> None:
    output = s_client(door, version, "-servername", "localhost", "-alpn", offered)
    assert f"ALPN protocol: {chosen}\n" in output
    assert "Verify return code: 0 (ok)" in output


@pytest.mark.fact("A49")
def test_older_tls_is_refused_and_no_session_ticket_is_offered(door: Door) -> None:
    assert "alert" in s_client(door, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", "-servername", "localhost")
    assert "session ticket" not in s_client(door, "-tls1_2", "-servername", "localhost", "-alpn", "mqtt")
