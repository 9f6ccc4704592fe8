"""paho-mqtt by itself: MQTT over TLS and over WebSocket."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import define

from customauth import MqttVersion
from logins import LET_IN, NOT_AUTHORIZED, REASON_STRING, REFUSED, Door, Login, mqtt_event, protocol_name
from needs import needs

pytestmark = needs("paho-mqtt")

# What paho's loop returns when the connection is lost: MQTT_ERR_CONN_LOST.
_CONNECTION_LOST = 7

websocket = pytest.mark.parametrize("websocket", [False, True], ids=["TLS", "WebSocket"])


@define(kw_only=True)
class Seen:
    """What happened: the CONNACK's code and reason string, and what the loop ended with."""

    code: int | None = None
    reason_string: str | None = None
    ended: int = 0


def connect(door: Door, login: Login, version: MqttVersion, client_id: str, *, websocket: bool) -> Seen:
    """Connect, wait for the answer or the end, and disconnect."""
    import paho.mqtt.client as paho
    from paho.mqtt.enums import CallbackAPIVersion

    seen = Seen()

    def on_connect(client: paho.Client, _: object, flags: object, code: Any, properties: Any) -> None:
        seen.code = code.value
        seen.reason_string = getattr(properties, "ReasonString", None)
        client.disconnect()

    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        protocol=paho.MQTTv5 if version is MqttVersion.V5 else paho.MQTTv311,
        transport="websockets" if websocket else "tcp",
    )
    client.on_connect = on_connect
    client.username_pw_set(login.auth.mqtt_username(), login.auth.password)
    client.tls_set_context(door.tls_context() if websocket else door.tls_context("mqtt"))
    if websocket:
        client.ws_set_options(path="/mqtt")
    client.connect("localhost", door.port)
    while seen.ended == 0:
        seen.ended = client.loop(timeout=10)
    return seen


@pytest.mark.fact("A18", "A19", "A20", "A23", "A25", "A28", "A39", "A42", "A51", "B19", "C5", "C6", "C8", "C9", "J4")
@websocket
@pytest.mark.parametrize("login", LET_IN, indirect=True)
def test_paho_is_let_in(login: Login, websocket: bool, version: MqttVersion, door: Door, client_id: str) -> None:
    seen = connect(door, login, version, client_id, websocket=websocket)
    assert seen.code == 0
    door.check(login, protocol=protocol_name(version, websocket=websocket), client_id=client_id)
    protocols = ["tls", "http", "mqtt"] if websocket else ["tls", "mqtt"]
    data = door.event(login, protocols=protocols, client_id=client_id)
    assert data["mqtt"] == mqtt_event(login, client_id, login.auth.mqtt_username())
    if websocket:
        assert data["http"]["headers"]["sec-websocket-protocol"] == "mqtt"
        assert data["http"]["queryString"] == ""


@pytest.mark.fact("F1", "F3", "F4", "F5", "B20", "C22")
@websocket
@pytest.mark.parametrize("login", REFUSED, indirect=True)
def test_a_refused_paho_has_a_reason_on_5_and_return_code_7_on_311(
    login: Login, websocket: bool, version: MqttVersion, door: Door, client_id: str
) -> None:
    seen = connect(door, login, version, client_id, websocket=websocket)
    if version is MqttVersion.V5:
        assert seen.code == NOT_AUTHORIZED
        assert REASON_STRING.fullmatch(seen.reason_string or "")
    else:
        assert seen == Seen(ended=_CONNECTION_LOST)
    door.check(login, protocol=protocol_name(version, websocket=websocket), client_id=client_id)
