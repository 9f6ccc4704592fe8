"""Which authentication a connection gets, by port, ALPN and domain configuration; pure."""

from __future__ import annotations

import itertools

import pytest

from customauth.gateway import ApplicationProtocol, AuthenticationType, DomainConfiguration, Reason
from customauth.gateway.origin import Origin
from customauth.gateway.routing import Spoken, misrouted
from record_samples import origin

MQTT, WEBSOCKET, PUBLISH = Spoken.MQTT, Spoken.WEBSOCKET, Spoken.PUBLISH
ALPNS = (None, "mqtt", "x-amzn-mqtt-ca", "x-amzn-http-ca", "http/1.1", "http/1.0")
PORTS = (443, 8883, 8443)


def under(
    authentication: AuthenticationType, protocol: ApplicationProtocol, *, port: int = 443, alpn: str | None = None
) -> Origin:
    domain = DomainConfiguration(
        name="d", server_name="d.example", authentication_type=authentication, application_protocol=protocol
    )
    return origin(domain=domain, port=port, alpn=alpn)


@pytest.mark.fact("A30", "A39", "A40", "A41", "A42", "A43", "A44", "A45", "A46", "A50")
def test_on_a_default_endpoint_port_and_alpn_decide() -> None:
    served = {
        (MQTT, 443, "mqtt"),
        (WEBSOCKET, 443, None),
        (WEBSOCKET, 443, "http/1.1"),
        (WEBSOCKET, 443, "mqtt"),
        (PUBLISH, 443, None),
        (PUBLISH, 443, "http/1.1"),
        (PUBLISH, 443, "http/1.0"),
    }
    for way in itertools.product(Spoken, PORTS, ALPNS):
        spoken, port, alpn = way
        refusal = misrouted(origin(port=port, alpn=alpn), spoken)
        assert (refusal is None) == (way in served), way
        if refusal is not None:
            assert (refusal.reason, bool(refusal.fix)) == (Reason.ALPN, True)


@pytest.mark.fact("A46", "A54", "A55", "A57", "A63", "I3")
@pytest.mark.parametrize("authentication", [AuthenticationType.CUSTOM_AUTH, AuthenticationType.CUSTOM_AUTH_X509])
def test_an_explicit_configuration_decides_whatever_the_alpn(authentication: AuthenticationType) -> None:
    served = {
        (ApplicationProtocol.SECURE_MQTT, MQTT, 443),
        (ApplicationProtocol.SECURE_MQTT, MQTT, 8883),
        (ApplicationProtocol.MQTT_WSS, WEBSOCKET, 443),
        (ApplicationProtocol.HTTPS, PUBLISH, 443),
        (ApplicationProtocol.HTTPS, PUBLISH, 8443),
    }
    explicit = [protocol for protocol in ApplicationProtocol if protocol is not ApplicationProtocol.DEFAULT]
    for protocol, spoken, port, alpn in itertools.product(explicit, Spoken, PORTS, ALPNS):
        refusal = misrouted(under(authentication, protocol, port=port, alpn=alpn), spoken)
        assert (refusal is None) == ((protocol, spoken, port) in served), (protocol, spoken, port, alpn)
        if refusal is not None:
            assert refusal.reason is Reason.DOMAIN_INVALID


@pytest.mark.fact("A53", "C35")
@pytest.mark.parametrize("authentication", [AuthenticationType.AWS_X509, AuthenticationType.AWS_SIGV4])
@pytest.mark.parametrize("protocol", list(ApplicationProtocol))
@pytest.mark.parametrize("spoken", list(Spoken))
def test_where_another_authentication_is_configured_there_is_no_custom_one(
    spoken: Spoken, protocol: ApplicationProtocol, authentication: AuthenticationType
) -> None:
    refusal = misrouted(under(authentication, protocol, alpn="mqtt"), spoken)
    assert refusal is not None
    assert refusal.reason is Reason.DOMAIN_INVALID
    assert authentication.value in refusal.why


@pytest.mark.fact("A47", "A48", "C35")
@pytest.mark.parametrize(("spoken", "missing"), [(MQTT, "SNI"), (WEBSOCKET, "Host header"), (PUBLISH, "Host header")])
def test_without_a_name_there_is_no_custom_authentication(spoken: Spoken, missing: str) -> None:
    refusal = misrouted(origin(domain=None, server_name=None), spoken)
    assert refusal is not None
    assert refusal.reason is Reason.SNI
    assert missing in refusal.why
