"""Domain configurations through real sockets: their authorizers, their authentication types, their status."""

from __future__ import annotations

import pytest

from aloop import run
from customauth.gateway import Reason, Refusal
from customauth.mqtt import Connack, MqttVersion
from gateways import Running, StartGateway, connect, named
from httpclient import ask
from wsclient import opened

OPEN = ("x-amz-customauthorizer-name", "open")
MORE = """
[authorizers.second]
status = "ACTIVE"
function = "authorizer.py:handler"
signing_disabled = true
"""


def domain(kind: str, protocol: str, more: str = "", *, name: str = "one") -> str:
    """Return the table of a domain configuration for ``NAME.example``."""
    return f"""
[domain_configurations.{name}]
server_name = "{name}.example"
authentication_type = "{kind}"
application_protocol = "{protocol}"
{more}
"""


def default(authorizer: str, *, override: bool) -> str:
    return f'default_authorizer = "{authorizer}"\nallow_authorizer_override = {str(override).lower()}'


async def deciding(running: Running, username: str | None, sni: str = "one.example") -> str | None:
    """Connect over MQTT; return the authorizer that decided, None when nobody did."""
    before = len(running.decisions)
    async with running.client(sni=sni, alpn=()) as client:
        await client.connect(connect(username))
    return running.decisions[before].authorizer


@pytest.mark.fact("A58", "A59", "A60", "I4", "H13")
@pytest.mark.parametrize(
    ("override", "username", "decides"),
    [
        (True, "u", "second"),
        (True, named("open"), "open"),
        (True, named("nobody"), None),
        (True, named(""), "second"),
        (False, "u", "second"),
        (False, named("open"), "second"),
        (False, named("nobody"), "second"),
        (False, named("second"), "second"),
    ],
)
def test_the_domains_default_decides_unless_another_is_named_and_may_be(
    start_gateway: StartGateway, override: bool, username: str, decides: str | None
) -> None:
    async def main() -> None:
        tables = MORE + domain("CUSTOM_AUTH", "SECURE_MQTT", default("second", override=override))
        async with start_gateway(authorizers=tables, settings='default_authorizer = "asleep"') as running:
            assert await deciding(running, username) == decides
            if not override and username == named("open"):
                assert "the name 'open' is ignored" in (running.decisions[0].chosen or "")

    run(main())


@pytest.mark.fact("A60")
def test_the_accounts_default_decides_where_the_domain_has_none(start_gateway: StartGateway) -> None:
    async def main() -> None:
        tables = MORE + domain("CUSTOM_AUTH", "SECURE_MQTT")
        async with start_gateway(authorizers=tables, settings='default_authorizer = "second"') as running:
            assert await deciding(running, "u") == "second"
            assert await deciding(running, named("open")) == "open"

    run(main())


@pytest.mark.fact("A60")
@pytest.mark.parametrize("way", ["MQTT", "WebSocket", "HTTPS"])
def test_the_accounts_default_decides_over_every_protocol(start_gateway: StartGateway, way: str) -> None:
    async def main() -> None:
        async with start_gateway(settings='default_authorizer = "open"') as running:
            if way == "MQTT":
                async with running.client() as client:
                    answer = await client.connect(connect("u"))
                    assert answer is not None
                    assert answer.reason_code == 0
            elif way == "WebSocket":
                async with opened(running) as socket:
                    assert await socket.connect(connect("u")) is not None
            else:
                found = await ask(running, "/topics/a", body=b"1")
                assert found is not None
                assert found.status == 200
            assert running.decisions[0].chosen == "default of the account"

    run(main())


@pytest.mark.fact("A61", "F14")
@pytest.mark.parametrize("version", [MqttVersion.V311, MqttVersion.V5])
@pytest.mark.parametrize("way", ["MQTT", "WebSocket"])
def test_a_disabled_domain_refuses_mqtt_as_any_refusal(
    start_gateway: StartGateway, way: str, version: MqttVersion
) -> None:
    async def main() -> None:
        protocol = "SECURE_MQTT" if way == "MQTT" else "MQTT_WSS"
        tables = domain("CUSTOM_AUTH", protocol, 'status = "DISABLED"')
        packet = connect(named("open"), version=version)
        async with start_gateway(authorizers=tables) as running:
            if way == "MQTT":
                async with running.client(sni="one.example", alpn=()) as client:
                    answer = await client.connect(packet)
                    assert await client.rest() == b""
            else:
                async with opened(running, sni="one.example", host="one.example") as socket:
                    answer = await socket.connect(packet)
            if version is MqttVersion.V5:
                assert isinstance(answer, Connack)
                assert answer.reason_code == 0x87
            else:
                assert answer is None
            assert running.events() == []
            outcome = running.decisions[0].outcome
            assert isinstance(outcome, Refusal)
            assert outcome.reason is Reason.DOMAIN_DISABLED

    run(main())


@pytest.mark.fact("A61", "F14")
def test_a_disabled_domain_answers_https_with_403(start_gateway: StartGateway) -> None:
    async def main() -> None:
        tables = domain("CUSTOM_AUTH", "HTTPS", 'status = "DISABLED"')
        async with start_gateway(authorizers=tables) as running:
            found = await ask(running, "/topics/a", OPEN, body=b"1", sni="one.example", host="one.example")
            assert found is not None
            assert found.status == 403
            outcome = running.decisions[0].outcome
            assert isinstance(outcome, Refusal)
            assert outcome.reason is Reason.DOMAIN_DISABLED

    run(main())


@pytest.mark.fact("A53", "A54")
@pytest.mark.parametrize(
    ("kind", "protocol", "way"),
    [
        ("AWS_X509", "SECURE_MQTT", "MQTT"),
        ("AWS_X509", "HTTPS", "HTTPS"),
        ("AWS_SIGV4", "MQTT_WSS", "WebSocket"),
        ("AWS_SIGV4", "HTTPS", "HTTPS"),
    ],
)
def test_a_domain_with_another_authentication_type_has_no_custom_authentication(
    start_gateway: StartGateway, kind: str, protocol: str, way: str
) -> None:
    async def main() -> None:
        async with start_gateway(authorizers=domain(kind, protocol)) as running:
            if way == "MQTT":
                assert await running.outcome(connect(named("open")), sni="one.example", alpn=()) == b""
            else:
                more = (("Upgrade", "websocket"),) if way == "WebSocket" else ()
                found = await ask(running, "/topics/a", OPEN, *more, body=b"1", sni="one.example")
                assert found is not None
                assert found.status == 403
            outcome = running.decisions[0].outcome
            assert isinstance(outcome, Refusal)
            assert outcome.reason is Reason.DOMAIN_INVALID
            assert f"has authentication type {kind}" in outcome.why

    run(main())


@pytest.mark.fact("A55", "A47")
def test_each_name_has_its_own_rules_on_one_gateway(start_gateway: StartGateway) -> None:
    async def main() -> None:
        tables = (
            MORE
            + domain("CUSTOM_AUTH", "SECURE_MQTT", default("open", override=False), name="pumps")
            + domain("CUSTOM_AUTH", "SECURE_MQTT", default("second", override=False), name="doors")
        )
        async with start_gateway(authorizers=tables) as running:
            assert await deciding(running, "u", "pumps.example") == "open"
            assert await deciding(running, "u", "DOORS.example") == "second"
            assert [decision.server_name for decision in running.decisions] == ["pumps.example", "DOORS.example"]

    run(main())


@pytest.mark.fact("A47", "A48", "H2")
@pytest.mark.parametrize("version", [MqttVersion.V311, MqttVersion.V5])
def test_mqtt_without_sni_is_refused_though_there_is_a_default(
    start_gateway: StartGateway, version: MqttVersion
) -> None:
    async def main() -> None:
        async with start_gateway(settings='default_authorizer = "open"') as running:
            async with running.client(sni=None) as client:
                answer = await client.connect(connect("u", version=version))
                assert (answer is not None) == (version is MqttVersion.V5)
                assert answer is None or answer.reason_code == 0x87
            outcome = running.decisions[0].outcome
            assert isinstance(outcome, Refusal)
            assert outcome.reason is Reason.SNI

    run(main())


@pytest.mark.fact("A47", "A57")
def test_without_sni_the_host_header_selects_an_explicit_domain(start_gateway: StartGateway) -> None:
    async def main() -> None:
        tables = domain("CUSTOM_AUTH", "HTTPS", default("open", override=False))
        async with start_gateway(authorizers=tables, further_ports={8443: 0}) as running:
            for port in (443, 8443):
                found = await ask(running, "/topics/a", body=b"1", sni=None, host="one.example", port=port)
                assert found is not None
                assert found.status == 200

    run(main())
