"""The front: what the first byte inside TLS, the name and the ALPN protocol lead to."""

from __future__ import annotations

import pytest

from aloop import put_forward, run
from customauth.mqtt import MqttVersion
from gateways import Keys, StartGateway, connect, named, signed
from rawclient import connected

V311, V5 = MqttVersion.V311, MqttVersion.V5
BOTH = pytest.mark.parametrize("version", list(MqttVersion), ids=lambda version: version.label)

OF_MQTT_31 = b"\x10\x0e\x00\x06MQIsdp\x03\x02\x00\x00\x00\x00"


@pytest.mark.fact("A47", "A48", "F1", "F3")
@BOTH
def test_a_client_without_sni_is_refused_unasked(version: MqttVersion, keys: Keys, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            sent = await running.outcome(connect(signed(keys.old), version=version), sni=None)
            assert len(sent) == (111 if version is V5 else 0)
            assert ": SNI_MISUSED: the client sent no SNI" in running.lines()[0]
            assert running.events() == []

    run(main())


@pytest.mark.fact("A39", "A40", "A41", "A46", "A50")
@pytest.mark.parametrize("alpn", [(), ("x-amzn-mqtt-ca",), ("h2", "http/1.1"), ("x-amzn-http-ca",)], ids=str)
@BOTH
def test_with_another_alpn_than_mqtt_the_door_closes_without_a_byte(
    version: MqttVersion, alpn: tuple[str, ...], keys: Keys, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            assert await running.outcome(connect(signed(keys.old), version=version), alpn=alpn) == b""
            async with running.client(alpn=alpn) as client:
                await client.send(OF_MQTT_31)
                assert await client.rest() == b""
            assert ": ALPN_MISUSED: " in running.lines()[0]
            assert 'fix: offer the ALPN protocol "mqtt"' in running.lines()[0]
            assert running.events() == []

    run(main())


@pytest.mark.fact("A50")
@pytest.mark.parametrize("alpn", [(), ("http/1.1",)], ids=str)
@pytest.mark.parametrize("data", [b"\xc0\x00", b"\x00" * 100, b"\xff", b"\r\n", b"\x16\x03\x01\x00\x05hello"], ids=str)
def test_what_is_neither_mqtt_nor_http_is_closed_at_its_first_byte(
    data: bytes, alpn: tuple[str, ...], start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client(alpn=alpn) as client:
            await client.send(data)
            assert await client.rest() == b""
            (note,) = running.notes()
            assert f"the first byte inside TLS is 0x{data[0]:02x}" in note

    run(main())


@pytest.mark.fact("A30", "A43")
@pytest.mark.parametrize("alpn", [(), ("http/1.1",), ("mqtt",)], ids=str)
def test_http_is_answered_as_http(alpn: tuple[str, ...], start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client(alpn=alpn) as client:
            await client.send(b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n", chunk=1)
            assert (await client.reader.readline()).startswith(b"HTTP/1.1 4")

    run(main())


@pytest.mark.parametrize(("alpn", "what"), [(("mqtt",), "CONNECT"), ((), "request")], ids=["mqtt", "none"])
def test_a_client_that_says_nothing_inside_tls_is_cut_off(
    alpn: tuple[str, ...], what: str, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client(alpn=alpn) as client:
            async with running.accepted():
                put_forward(7.0)
            # Another client comes and goes, so the gateway has seen every timer that is due.
            async with running.accepted():
                assert not client.reader.at_eof()
            put_forward(3.0)
            assert await client.rest() == b""
            await running.emptied()
            assert [note.partition(": ")[2] for note in running.notes()] == [f"no {what} within 10 s"]

    run(main())


# Names with a domain configuration of their own.

DOMAINS = """
[domain_configurations.secure]
server_name = "secure.example"
authentication_type = "CUSTOM_AUTH"
application_protocol = "SECURE_MQTT"

[domain_configurations.sockets]
server_name = "sockets.example"
authentication_type = "CUSTOM_AUTH"
application_protocol = "MQTT_WSS"

[domain_configurations.plain]
server_name = "plain.example"

[domain_configurations.fixed]
server_name = "fixed.example"
default_authorizer = "open"
allow_authorizer_override = false

[domain_configurations.off]
server_name = "off.example"
status = "DISABLED"

[domain_configurations.sigv4]
server_name = "sigv4.example"
authentication_type = "AWS_SIGV4"
application_protocol = "HTTPS"
"""


@pytest.mark.fact("A46", "A53", "A55")
@pytest.mark.parametrize("alpn", [(), ("mqtt",), ("h2",), ("http/1.1",), ("x-amzn-mqtt-ca",)], ids=str)
@BOTH
def test_where_the_name_means_mqtt_the_alpn_does_not_matter(
    version: MqttVersion, alpn: tuple[str, ...], start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with start_gateway(authorizers=DOMAINS) as running:
            packet = connect(named("open"), version=version)
            async with running.accepted(packet, sni="SECURE.example", alpn=alpn):
                assert running.decisions[0].server_name == "SECURE.example"

    run(main())


@pytest.mark.fact("A53", "A55")
def test_where_the_name_means_mqtt_a_request_is_no_connect(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with (
            start_gateway(authorizers=DOMAINS) as running,
            running.client(sni="secure.example", alpn=()) as client,
        ):
            await client.send(b"POST /topics/t HTTP/1.1\r\nHost: secure.example\r\n".ljust(200, b"x"))
            assert await client.rest() == b""

    run(main())


@pytest.mark.fact("A46", "A53")
@pytest.mark.parametrize("name", ["sockets.example", "sigv4.example"])
@BOTH
def test_where_the_name_means_something_else_mqtt_is_not_answered(
    version: MqttVersion, name: str, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with start_gateway(authorizers=DOMAINS) as running:
            assert await running.outcome(connect(named("open"), version=version), sni=name) == b""
            assert ": DOMAIN_CONFIGURATION_INVALID: " in running.lines()[0]
            assert running.events() == []

    run(main())


@pytest.mark.fact("A46", "F15")
def test_a_name_whose_protocol_is_default_needs_the_alpn(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway(authorizers=DOMAINS) as running:
            async with running.accepted(sni="plain.example"):
                pass
            assert await running.outcome(connect(named("open")), sni="plain.example", alpn=()) == b""
            assert ": ALPN_MISUSED: " in running.lines()[1]

    run(main())


@pytest.mark.fact("A58", "A59", "A60", "I4")
def test_the_default_of_a_name_decides_and_where_overriding_is_off_it_alone(
    keys: Keys, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with start_gateway(authorizers=DOMAINS, settings='default_authorizer = "signed"') as running:
            for username in (None, "alice", named("signed"), named("nobody"), signed(keys.old), named("open")):
                async with running.accepted(connect(username), sni="fixed.example"):
                    assert ": authorizer open, " in running.lines()[-1]
            assert "the name 'signed' is ignored" in str(running.decisions[2].chosen)
            # Elsewhere the account's default decides.
            async with running.accepted(connect(signed(keys.old).replace(named("signed"), "?"))):
                assert ": authorizer signed, " in running.lines()[-1]

    run(main())


@pytest.mark.fact("A61", "F14", "C35")
@BOTH
def test_under_a_disabled_name_everybody_is_refused_unasked(version: MqttVersion, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway(authorizers=DOMAINS) as running:
            sent = await running.outcome(connect(named("open"), version=version), sni="off.example")
            assert len(sent) == (111 if version is V5 else 0)
            assert ": DOMAIN_CONFIGURATION_DISABLED: " in running.lines()[0]
            assert running.events() == []

    run(main())


# Further ports.


@pytest.mark.fact("A41", "A57")
@BOTH
def test_a_further_port_serves_mqtt_only_where_the_name_means_it(
    version: MqttVersion, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        async with start_gateway(authorizers=DOMAINS, further_ports={8883: 0, 8443: 0}) as running:
            ports = running.gateway.ports
            assert len(set(ports.values())) == 3
            assert running.gateway.port == ports[443]
            packet = connect(named("open"), version=version)

            async def lets_in(port: int, name: str) -> bool:
                async with connected(ports[port], running.gateway.ca_file, sni=name) as client:
                    connack = await client.connect(packet)
                    assert connack is None or connack.reason_code == 0
                    assert running.decisions[-1].port == port
                    return connack is not None

            assert await lets_in(443, "secure.example")
            assert await lets_in(8883, "secure.example")
            assert not await lets_in(8443, "secure.example")
            assert not await lets_in(8883, "localhost")
            assert "port 8883 of a default endpoint takes client certificates only" in running.lines()[-1]

    run(main())
