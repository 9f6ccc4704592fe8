"""MQTT.js in Node.js: MQTT over TLS and over WebSocket, its credentials in CONNECT, URL or headers."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from customauth import MqttVersion
from logins import LET_IN, NOT_AUTHORIZED, REASON_STRING, REFUSED, Door, Login, mqtt_event, protocol_name
from programs import npm_packages, program

NODE = Path(__file__).parent / "node"

pytestmark = [program("node", package="nodejs"), npm_packages(NODE)]

websocket = pytest.mark.parametrize("websocket", [False, True], ids=["TLS", "WebSocket"])


Connect = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def program_of_node() -> Iterator[subprocess.Popen[str]]:
    """Run the program that connects; one for all tests, as Node.js takes its time to start."""
    with subprocess.Popen(
        ["node", str(NODE / "mqttjs.mjs")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def connect(program_of_node: subprocess.Popen[str], door: Door, version: MqttVersion, client_id: str) -> Connect:
    """Give the function that connects with MQTT.js; it returns CONNACK and error, each None where there was none."""

    def connect(
        login: Login,
        *,
        username: str | None,
        websocket: bool,
        query: str = "",
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> dict[str, Any]:
        url = f"wss://localhost:{door.port}/mqtt{query}" if websocket else f"mqtts://localhost:{door.port}"
        transport = {"wsOptions": {"headers": dict(headers)}} if websocket else {"ALPNProtocols": ["mqtt"]}
        options = {"clientId": client_id, "protocolVersion": version.value, "servername": "localhost", **transport}
        if username is not None:
            options["username"] = username
        told = {"url": url, "caFile": str(door.ca_file), "options": options}
        if login.auth.password is not None:
            told["password"] = base64.b64encode(login.auth.password).decode()
        assert program_of_node.stdin is not None
        assert program_of_node.stdout is not None
        program_of_node.stdin.write(f"{json.dumps(told)}\n")
        program_of_node.stdin.flush()
        seen: dict[str, Any] = json.loads(program_of_node.stdout.readline())
        return seen

    return connect


def assert_refused(seen: dict[str, Any], version: MqttVersion) -> None:
    """Hold what a user of MQTT.js sees of a refusal."""
    if version is MqttVersion.V5:
        assert seen["connack"]["code"] == NOT_AUTHORIZED
        assert REASON_STRING.fullmatch(seen["connack"]["reasonString"])
        assert seen["error"] == {"message": "Connection refused: Not authorized", "code": NOT_AUTHORIZED}
    else:
        assert seen == {"connack": None, "error": None}


@pytest.mark.fact("A18", "A19", "A20", "A23", "A25", "A28", "A39", "A42", "B19", "B21", "C5", "C6", "C8", "C9")
@websocket
@pytest.mark.parametrize("login", LET_IN, indirect=True)
def test_mqttjs_is_let_in(
    login: Login, websocket: bool, connect: Connect, version: MqttVersion, door: Door, client_id: str
) -> None:
    username = login.auth.mqtt_username()
    seen = connect(login, username=username, websocket=websocket)
    assert seen == {"connack": {"code": 0, "reasonString": None}, "error": None}
    door.check(login, protocol=protocol_name(version, websocket=websocket), client_id=client_id)
    protocols = ["tls", "http", "mqtt"] if websocket else ["tls", "mqtt"]
    data = door.event(login, protocols=protocols, client_id=client_id)
    assert data["mqtt"] == mqtt_event(login, client_id, username)
    if websocket:
        assert data["http"]["queryString"] == ""


@pytest.mark.fact("F1", "F3", "F5", "B20", "C22")
@websocket
@pytest.mark.parametrize("login", REFUSED, indirect=True)
def test_a_refused_mqttjs_raises_not_authorized_on_5_and_only_closes_on_311(
    login: Login, websocket: bool, connect: Connect, version: MqttVersion, door: Door, client_id: str
) -> None:
    seen = connect(login, username=login.auth.mqtt_username(), websocket=websocket)
    assert_refused(seen, version)
    door.check(login, protocol=protocol_name(version, websocket=websocket), client_id=client_id)


@pytest.mark.fact("A25", "A26", "A27", "A28", "A29", "C6", "C7", "C8", "C9")
@pytest.mark.parametrize("place", ["headers", "query"])
@pytest.mark.parametrize("login", ["signed", "signed with the second key", "a password"], indirect=True)
def test_mqttjs_is_let_in_with_its_credentials_in_the_upgrade(
    login: Login, place: str, connect: Connect, version: MqttVersion, door: Door, client_id: str
) -> None:
    user = login.auth.username or None
    headers = login.auth.http_headers() if place == "headers" else {}
    query = login.auth.url_query() if place == "query" else ""
    seen = connect(login, username=user, websocket=True, query=f"?{query}" if query else "", headers=headers)
    assert seen == {"connack": {"code": 0, "reasonString": None}, "error": None}
    door.check(login, protocol=protocol_name(version, websocket=True), client_id=client_id)
    data = door.event(login, protocols=["tls", "http", "mqtt"], client_id=client_id)
    assert data["mqtt"] == mqtt_event(login, client_id, user)
    assert data["http"]["queryString"] == query
    assert list(data["http"]) == ["headers", "queryString"]
    sent = data["http"]["headers"]
    assert sent["sec-websocket-protocol"] == "mqtt"
    assert sent["host"] == f"localhost:{door.port}"
    assert {name: sent[name] for name in headers} == headers
    assert all(name == name.lower() for name in sent)


@pytest.mark.fact("F1", "F3", "F5", "F7")
@pytest.mark.parametrize("place", ["headers", "query"])
@pytest.mark.parametrize("login", REFUSED, indirect=True)
def test_bad_credentials_in_the_upgrade_are_refused_at_the_connect(
    login: Login, place: str, connect: Connect, version: MqttVersion, door: Door, client_id: str
) -> None:
    seen = connect(
        login,
        username=login.auth.username or None,
        websocket=True,
        query=f"?{login.auth.url_query()}" if place == "query" else "",
        headers=login.auth.http_headers() if place == "headers" else {},
    )
    assert_refused(seen, version)
    door.check(login, protocol=protocol_name(version, websocket=True), client_id=client_id)


def test_the_lock_file_names_no_registry() -> None:
    assert not re.search(r'"resolved"|registry', (NODE / "package-lock.json").read_text())
