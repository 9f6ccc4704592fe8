"""Which port, ALPN and name gives custom authentication for what is spoken: the tables through real sockets."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest

from aloop import run
from customauth.gateway import Grant, Reason, Refusal
from customauth.gateway.config import ApplicationProtocol, AuthenticationType, DomainConfiguration
from customauth.gateway.origin import Origin
from customauth.gateway.routing import Spoken, misrouted
from customauth.mqtt import MqttVersion, encode
from gateways import Running, StartGateway, connect, named
from httpclient import reply, request
from rawclient import connected
from wsclient import WsClient, upgrade

PORTS = (443, 8883, 8443)
ALPNS: tuple[str | None, ...] = (None, "mqtt", "x-amzn-mqtt-ca", "x-amzn-http-ca", "http/1.1")
FURTHER = {8883: 0, 8443: 0}
OPEN = ("x-amz-customauthorizer-name", "open")

# A39-A46, A30: all else on a default endpoint has no custom authentication.
SERVED_BY_DEFAULT = {
    (443, "mqtt", Spoken.MQTT),
    (443, None, Spoken.WEBSOCKET),
    (443, "http/1.1", Spoken.WEBSOCKET),
    (443, "mqtt", Spoken.WEBSOCKET),
    (443, None, Spoken.PUBLISH),
    (443, "http/1.1", Spoken.PUBLISH),
}
# A57, I3
SERVED_BY_PROTOCOL = {
    (ApplicationProtocol.SECURE_MQTT, 443, Spoken.MQTT),
    (ApplicationProtocol.SECURE_MQTT, 8883, Spoken.MQTT),
    (ApplicationProtocol.MQTT_WSS, 443, Spoken.WEBSOCKET),
    (ApplicationProtocol.HTTPS, 443, Spoken.PUBLISH),
    (ApplicationProtocol.HTTPS, 8443, Spoken.PUBLISH),
}
EXPLICIT = (ApplicationProtocol.SECURE_MQTT, ApplicationProtocol.MQTT_WSS, ApplicationProtocol.HTTPS)


async def speak(running: Running, port: int, spoken: Spoken, **how: Any) -> bool:
    """Speak on a port of AWS; return whether the client was let in, and check the form of a refusal."""
    gateway = running.gateway
    async with connected(gateway.ports[port], gateway.ca_file, **how) as client:
        if spoken is Spoken.MQTT:
            await client.send(encode(connect(named("open")), MqttVersion.V5))
            return await client.packet() is not None
        if spoken is Spoken.PUBLISH:
            await client.send(request("POST", "/topics/a", OPEN, body=b"1"))
        else:
            await client.send(upgrade("/mqtt", OPEN))
        answer = await reply(client)
        if answer is None:
            return False
        assert answer.status in (200, 101, 403)
        if answer.status == 101:
            return await WsClient(client, answer).connect(connect()) is not None
        return answer.status == 200


@pytest.mark.fact("A30", "A39", "A40", "A41", "A42", "A43", "A44", "A45", "A46", "A50", "H1")
@pytest.mark.parametrize("spoken", Spoken)
@pytest.mark.parametrize("alpn", ALPNS)
@pytest.mark.parametrize("port", PORTS)
def test_a_default_endpoint_serves_custom_authentication_by_port_and_alpn(
    start_gateway: StartGateway, port: int, alpn: str | None, spoken: Spoken
) -> None:
    async def main() -> None:
        async with start_gateway(further_ports=FURTHER) as running:
            let_in = await speak(running, port, spoken, alpn=() if alpn is None else (alpn,))
            assert let_in == ((port, alpn, spoken) in SERVED_BY_DEFAULT)
            assert len(running.events()) == let_in
            await running.emptied()
            if not let_in:
                assert _refused_for_the_alpn(running) or _unread(running)

    run(main())


def _refused_for_the_alpn(running: Running) -> bool:
    outcomes = [decision.outcome for decision in running.decisions]
    return len(outcomes) == 1 and isinstance(outcomes[0], Refusal) and outcomes[0].reason is Reason.ALPN


def _unread(running: Running) -> bool:
    """Return whether ALPN said MQTT and the bytes were none, so that there was nothing to decide over."""
    return any("malformed packet" in note or "not CONNECT" in note for note in running.notes())


@pytest.mark.fact("A53", "A54", "A55", "A57", "H4", "I3")
@pytest.mark.parametrize("spoken", Spoken)
@pytest.mark.parametrize("protocol", EXPLICIT)
@pytest.mark.parametrize("port", PORTS)
def test_an_explicit_domain_configuration_serves_its_protocol_on_its_ports_whatever_the_alpn(
    start_gateway: StartGateway, port: int, protocol: ApplicationProtocol, spoken: Spoken
) -> None:
    async def main() -> None:
        domain = f"""
[domain_configurations.explicit]
server_name = "explicit.example"
authentication_type = "CUSTOM_AUTH"
application_protocol = "{protocol.value}"
"""
        async with start_gateway(authorizers=domain, further_ports=FURTHER) as running:
            wanted = (protocol, port, spoken) in SERVED_BY_PROTOCOL
            # An unknown ALPN gets no alert here: the name has said all.
            for alpn in ((), ("mqtt",), ("http/1.1",), ("x-amzn-mqtt-ca",), ("something-else",)):
                assert await speak(running, port, spoken, sni="explicit.example", alpn=alpn) == wanted, alpn
            for decision in running.decisions:
                if not wanted:
                    assert isinstance(decision.outcome, Refusal)
                    assert decision.outcome.reason is Reason.DOMAIN_INVALID

    run(main())


@pytest.mark.fact("F15", "I14")
@pytest.mark.parametrize("spoken", Spoken)
def test_an_unknown_alpn_gets_an_alert_on_a_default_endpoint(start_gateway: StartGateway, spoken: Spoken) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            with pytest.raises(ssl.SSLError, match=r"(?i)no.application.protocol"):
                await speak(running, 443, spoken, alpn=("something-else",))

    run(main())


def test_clients_of_three_protocols_are_served_at_once_on_one_port(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            spoken = [(Spoken.MQTT, ("mqtt",)), (Spoken.WEBSOCKET, ()), (Spoken.PUBLISH, ("http/1.1",))] * 3
            found = await asyncio.gather(*(speak(running, 443, what, alpn=alpn) for what, alpn in spoken))
            assert found == [True] * 9
            assert all(isinstance(decision.outcome, Grant) for decision in running.decisions)

    run(main())


def test_a_refusal_names_the_way_in() -> None:
    explicit = DomainConfiguration(
        name="d",
        server_name="d.example",
        authentication_type=AuthenticationType.CUSTOM_AUTH,
        application_protocol=ApplicationProtocol.HTTPS,
    )
    x509 = DomainConfiguration(
        name="x",
        server_name="x.example",
        authentication_type=AuthenticationType.AWS_X509,
        application_protocol=ApplicationProtocol.SECURE_MQTT,
    )
    default = DomainConfiguration(name="iot:Data-ATS", server_name="localhost")
    cases = {
        "connect by name, not by address": misrouted(_origin(None), Spoken.MQTT),
        "without SNI nobody is authenticated (A47)": misrouted(_origin(None), Spoken.PUBLISH),
        'offer the ALPN protocol "mqtt"': misrouted(_origin(default), Spoken.MQTT),
        'offer no ALPN protocol, or "http/1.1"': misrouted(_origin(default, alpn="x-amzn-http-ca"), Spoken.PUBLISH),
        "connect to port 443": misrouted(_origin(default, port=8883), Spoken.MQTT),
        "use HTTPS publish with this name": misrouted(_origin(explicit), Spoken.MQTT),
        "connect to port 443 or 8443": misrouted(_origin(explicit, port=8883), Spoken.PUBLISH),
        "domain configuration x the authentication type CUSTOM_AUTH": misrouted(_origin(x509), Spoken.MQTT),
    }
    for words, refusal in cases.items():
        assert refusal is not None, words
        assert words in refusal.fix


def _origin(domain: DomainConfiguration | None, *, port: int = 443, alpn: str | None = None) -> Origin:
    return Origin(
        connection_id="c", peer="p", account="123456789012", port=port, server_name=None, alpn=alpn, domain=domain
    )
