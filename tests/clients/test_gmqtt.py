"""gmqtt by itself: MQTT over TLS."""

from __future__ import annotations

import asyncio

import pytest

from customauth import MqttVersion
from logins import LET_IN, REFUSED, Door, Login, mqtt_event, protocol_name
from needs import needs

pytestmark = needs("gmqtt")

# A guard against hanging, not a measure.
_HANGS = 60.0


def connect(door: Door, login: Login, version: MqttVersion, client_id: str) -> str:
    """Connect and say how it went: ``connected``, the error that connect() raised, or ``closed``."""
    import gmqtt
    from gmqtt.mqtt.handler import MQTTConnectError

    async def main() -> str:
        first: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def note(what: str) -> None:
            if not first.done():
                first.set_result(what)

        client = gmqtt.Client(client_id)
        # One attempt: without this it tries again for ever.
        client.set_config({"reconnect_retries": 0})
        client.set_auth_credentials(login.auth.mqtt_username(), login.auth.password)
        client.on_connect = lambda *_: note("connected")
        if version is MqttVersion.V311:
            # All that there is after a silent close: its connect() then waits for ever.
            client.on_disconnect = lambda *_: note("closed")

        async def attempt() -> None:
            try:
                await client.connect("localhost", door.port, ssl=door.tls_context("mqtt"), version=version.value)
            except MQTTConnectError as error:
                note(str(error))

        attempting = asyncio.create_task(attempt())
        async with asyncio.timeout(_HANGS):
            seen = await first
            if seen == "closed":
                attempting.cancel()
            await asyncio.gather(attempting, return_exceptions=True)
            await client.disconnect()
        return seen

    return asyncio.run(main())


@pytest.mark.fact("A18", "A19", "A20", "A39", "A51", "B19", "B21", "C5")
@pytest.mark.parametrize("login", LET_IN, indirect=True)
def test_gmqtt_is_let_in(login: Login, version: MqttVersion, door: Door, client_id: str) -> None:
    assert connect(door, login, version, client_id) == "connected"
    door.check(login, protocol=protocol_name(version), client_id=client_id)
    data = door.event(login, protocols=["tls", "mqtt"], client_id=client_id)
    assert data["mqtt"] == mqtt_event(login, client_id, login.auth.mqtt_username())


@pytest.mark.fact("F1", "F3", "B20", "C22")
@pytest.mark.parametrize("login", REFUSED, indirect=True)
def test_a_refused_gmqtt_raises_not_authorized_on_5_and_is_only_closed_on_311(
    login: Login, version: MqttVersion, door: Door, client_id: str
) -> None:
    seen = connect(door, login, version, client_id)
    assert seen == ("code 135 (Connection Refused: Not authorized)" if version is MqttVersion.V5 else "closed")
    door.check(login, protocol=protocol_name(version), client_id=client_id)
