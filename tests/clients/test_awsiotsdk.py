"""The builders of the AWS IoT Device SDK for Python: MQTT 5 and 3.1.1, over TLS and over WebSocket."""

from __future__ import annotations

import re
from concurrent.futures import Future
from typing import Any

import pytest

from customauth import MqttVersion
from logins import LET_IN, NOT_AUTHORIZED, REASON_STRING, REFUSED, Door, Login, mqtt_event, protocol_name
from needs import needs

pytestmark = needs("awsiotsdk")

# A guard against hanging, not a measure.
_HANGS = 60.0
_METRICS = re.compile(r"[?&]SDK=[^&]+&Platform=[^&]+&Metadata=\([^&]+\)")

websocket = pytest.mark.parametrize("websocket", [False, True], ids=["TLS", "WebSocket"])


def options_of(door: Door, login: Login, client_id: str, *, metrics: bool) -> dict[str, object]:
    """Return what all builders take; the signature is raw, since they encode it (A8, A10)."""
    token = login.auth.token
    return {
        "endpoint": "localhost",
        "port": door.port,
        "ca_filepath": str(door.ca_file),
        "client_id": client_id,
        "enable_metrics_collection": metrics,
        "auth_username": login.auth.username,
        "auth_password": login.auth.password,
        "auth_authorizer_name": login.auth.authorizer,
        "auth_authorizer_signature": None if token is None else token.signature,
        "auth_token_key_name": None if token is None else token.key_name,
        "auth_token_value": None if token is None else token.value,
    }


def connect_5(options: dict[str, object], *, websocket: bool) -> tuple[str | None, int | None, str | None]:
    """Connect with MQTT 5; returns the error's name, and the CONNACK's reason code and reason string."""
    from awsiot import mqtt5_client_builder as builders

    stopped: Future[None] = Future()
    first: Future[Any] = Future()

    def note(event: Any) -> None:
        # It tries again until it is stopped.
        if not first.done():
            first.set_result(event)

    build = builders.websockets_with_custom_authorizer if websocket else builders.direct_with_custom_authorizer
    client = build(
        **options,
        on_lifecycle_connection_success=note,
        on_lifecycle_connection_failure=note,
        on_lifecycle_stopped=lambda _: stopped.set_result(None),
    )
    client.start()
    try:
        event = first.result(_HANGS)
    finally:
        client.stop()
        stopped.result(_HANGS)
    connack, error = event.connack_packet, getattr(event, "exception", None)
    if connack is None:
        return getattr(error, "name", None), None, None
    return getattr(error, "name", None), int(connack.reason_code), connack.reason_string


def connect_311(options: dict[str, object], *, websocket: bool) -> str | None:
    """Connect with MQTT 3.1.1; returns the error's name, None when it connected."""
    from awscrt.exceptions import AwsCrtError
    from awsiot import mqtt_connection_builder as builders

    build = builders.websockets_with_custom_authorizer if websocket else builders.direct_with_custom_authorizer
    connection = build(**options)
    # The builder for TLS knows no other port than 443.
    connection.port = options["port"]
    try:
        connection.connect().result(_HANGS)
    except AwsCrtError as error:
        name: str = error.name
        return name
    connection.disconnect().result(_HANGS)
    return None


@pytest.mark.fact("A6", "A8", "A9", "A11", "A18", "A20", "A25", "A30", "A39", "A42", "A51", "B19", "C5", "C6", "C9")
@websocket
@pytest.mark.parametrize("login", LET_IN, indirect=True)
def test_the_sdk_is_let_in(login: Login, websocket: bool, version: MqttVersion, door: Door, client_id: str) -> None:
    options = options_of(door, login, client_id, metrics=False)
    if version is MqttVersion.V5:
        assert connect_5(options, websocket=websocket)[:2] == (None, 0)
    else:
        assert connect_311(options, websocket=websocket) is None
    door.check(login, protocol=protocol_name(version, websocket=websocket), client_id=client_id)
    protocols = ["tls", "http", "mqtt"] if websocket else ["tls", "mqtt"]
    data = door.event(login, protocols=protocols, client_id=client_id)
    # The SDK leaves the slash of a signature as it is, and encodes nothing else (A9, A11).
    username = login.auth.mqtt_username()
    assert data["mqtt"] == mqtt_event(login, client_id, username and username.replace("%2F", "/"))
    if websocket:
        assert data["http"]["headers"]["sec-websocket-protocol"] == "mqtt"
        assert data["http"]["queryString"] == ""


@pytest.mark.fact("F1", "F3", "F5", "B20", "C22")
@websocket
@pytest.mark.parametrize("login", REFUSED, indirect=True)
def test_a_refused_sdk_has_the_connack_on_5_and_an_unexpected_hangup_on_311(
    login: Login, websocket: bool, version: MqttVersion, door: Door, client_id: str
) -> None:
    options = options_of(door, login, client_id, metrics=False)
    if version is MqttVersion.V5:
        error, code, reason_string = connect_5(options, websocket=websocket)
        assert (error, code) == ("AWS_ERROR_MQTT5_CONNACK_CONNECTION_REFUSED", NOT_AUTHORIZED)
        assert REASON_STRING.fullmatch(reason_string or "")
    else:
        assert connect_311(options, websocket=websocket) == "AWS_ERROR_MQTT_UNEXPECTED_HANGUP"
    door.check(login, protocol=protocol_name(version, websocket=websocket), client_id=client_id)


@pytest.mark.fact("A7", "A18", "J1")
@websocket
@pytest.mark.parametrize("login", LET_IN, indirect=True)
def test_the_metrics_that_the_sdk_appends_reach_the_function_and_change_nothing(
    login: Login, websocket: bool, version: MqttVersion, door: Door, client_id: str
) -> None:
    options = options_of(door, login, client_id, metrics=True)
    if version is MqttVersion.V5:
        assert connect_5(options, websocket=websocket)[1] == 0
    else:
        assert connect_311(options, websocket=websocket) is None
    door.check(login, protocol=protocol_name(version, websocket=websocket), client_id=client_id)
    protocols = ["tls", "http", "mqtt"] if websocket else ["tls", "mqtt"]
    data = door.event(login, protocols=protocols, client_id=client_id)
    username = (login.auth.mqtt_username() or "").replace("%2F", "/")
    assert data["mqtt"]["username"].startswith(username)
    assert _METRICS.fullmatch(data["mqtt"]["username"].removeprefix(username))
