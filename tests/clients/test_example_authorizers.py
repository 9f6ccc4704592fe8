"""The authorizers of examples/ as they stand, in the gateway, asked by other people's clients."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from commands import serving
from customauth import CustomAuth
from customauth.gateway import Gateway, load_config
from customauth.signing import KeyPair, generate_key_pair, sign
from programs import program

EXAMPLES = Path(__file__).parents[2] / "examples" / "authorizers"

# A guard against hanging, not a measure.
_HANGS = 60.0

_CONFIG = """
[authorizers.tutorial]
status = "ACTIVE"
function = "tutorial.mjs:handler"
signing_disabled = true
environment = { DEVICE_PASSWORD = "wonderland" }

[authorizers.callback]
status = "ACTIVE"
function = "callback.js:handler"
signing_disabled = true
environment = { USERS = '{"alice": "wonderland"}' }

[authorizers.jwt]
status = "ACTIVE"
function = "jwt_claims.py:handler"
token_key_name = "jwt"
token_signing_public_keys = { key1 = "public.pem" }
environment = { ISSUER = "https://id.example.com", AUDIENCE = "pumps" }
"""

nodejs = program("node", package="nodejs")
mosquitto = program("mosquitto_pub", package="mosquitto-clients")
curl = program("curl", package="curl")


@pytest.fixture(scope="module")
def issuer() -> KeyPair:
    """Give the key pair that signs JWTs."""
    return generate_key_pair()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, issuer: KeyPair) -> Iterator[Gateway]:
    """Run a gateway in a folder with the examples."""
    folder = tmp_path_factory.mktemp("examples")
    for example in EXAMPLES.iterdir():
        if example.is_file():
            shutil.copy(example, folder)
    (folder / "public.pem").write_bytes(issuer.public_pem)
    (folder / "gateway.toml").write_text(_CONFIG)
    with serving(Gateway(load_config(folder / "gateway.toml"), folder=folder / "ca")) as running:
        yield running


def jwt_of(issuer: KeyPair, **changed: Any) -> str:
    """Return a JWT of the device ``pump-7``, with changed claims."""
    claims = {"iss": "https://id.example.com", "aud": "pumps", "sub": "pump-7", "exp": time.time() + 3600} | changed
    signed = ".".join(_base64url(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT"}, claims))
    return f"{signed}.{_base64url(base64.b64decode(sign(signed, issuer.private_pem)))}"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def connack_code(gateway: Gateway, auth: CustomAuth, client_id: str = "pump-7") -> int:
    """Log in with mosquitto_pub and return the code of the CONNACK."""
    where = ["-h", "localhost", "-p", str(gateway.port), "--cafile", str(gateway.ca_file), "--tls-alpn", "mqtt"]
    user = ["-u", auth.mqtt_username() or "", *([] if auth.password is None else ["-P", auth.password])]
    what = ["-d", "-V", "mqttv5", "-i", client_id, "-t", f"devices/{client_id}/state", "-m", "on"]
    run = subprocess.run(
        ["mosquitto_pub", *where, *user, *what], capture_output=True, text=True, timeout=_HANGS, check=False
    )
    _, _, answer = run.stdout.partition(f"Client {client_id} received CONNACK (")
    assert answer, run.stderr
    return int(answer.partition(")")[0])


@nodejs
@mosquitto
@pytest.mark.parametrize(("password", "code"), [("wonderland", 0), ("Wonderland", 0x87), (None, 0x87)])
def test_the_tutorial_function_asks_for_the_password(password: str | None, code: int, gateway: Gateway) -> None:
    assert connack_code(gateway, CustomAuth(authorizer="tutorial", username="any", password=password)) == code


@nodejs
@mosquitto
@pytest.mark.parametrize(
    ("user", "password", "code"),
    [("alice", "wonderland", 0), ("alice", "other", 0x87), ("bob", "wonderland", 0x87)],
)
def test_the_callback_function_knows_its_users(user: str, password: str, code: int, gateway: Gateway) -> None:
    assert connack_code(gateway, CustomAuth(authorizer="callback", username=user, password=password)) == code


@mosquitto
@pytest.mark.fact("B18")
@pytest.mark.parametrize(
    ("claims", "client_id", "code"),
    [
        ({}, "pump-7", 0),
        ({}, "pump-8", 0x87),
        ({"aud": "others"}, "pump-7", 0x87),
        ({"exp": 1}, "pump-7", 0x87),
    ],
    ids=["its own client id", "another client id", "another audience", "expired"],
)
def test_the_jwt_function_lets_the_subject_in(
    claims: dict[str, object], client_id: str, code: int, issuer: KeyPair, gateway: Gateway
) -> None:
    auth = CustomAuth.from_jwt(jwt_of(issuer, **claims), authorizer="jwt", token_key_name="jwt")
    assert connack_code(gateway, auth, client_id) == code


@mosquitto
@pytest.mark.fact("B18", "B20")
def test_a_jwt_of_another_issuer_is_refused(gateway: Gateway) -> None:
    auth = CustomAuth.from_jwt(jwt_of(generate_key_pair()), authorizer="jwt", token_key_name="jwt")
    assert connack_code(gateway, auth) == 0x87


@curl
@pytest.mark.parametrize(("topic", "status"), [("devices/pump-7/state", 200), ("devices/pump-8/state", 403)])
def test_the_jwt_function_lets_the_subject_publish_to_its_own_topics_over_https(
    topic: str, status: int, issuer: KeyPair, gateway: Gateway
) -> None:
    auth = CustomAuth.from_jwt(jwt_of(issuer), authorizer="jwt", token_key_name="jwt")
    headers = [word for pair in auth.http_headers().items() for word in ("--header", ": ".join(pair))]
    where = ["--cacert", str(gateway.ca_file), f"https://localhost:{gateway.port}/topics/{topic}"]
    run = subprocess.run(
        ["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "--data", "on", *headers, *where],
        capture_output=True,
        text=True,
        timeout=_HANGS,
        check=True,
    )
    assert run.stdout == str(status)
