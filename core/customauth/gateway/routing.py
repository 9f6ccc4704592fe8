"""Which authentication a connection gets: the tables of port, ALPN and domain configuration (A39-A57), pure."""

from __future__ import annotations

import enum

from customauth.gateway.config import ApplicationProtocol, AuthenticationType
from customauth.gateway.decision import Reason, Refusal, refuse
from customauth.gateway.origin import Origin

SERVED_ALPN = ("mqtt", "x-amzn-mqtt-ca", "x-amzn-http-ca", "http/1.1", "http/1.0")
"""What is negotiated; those with ``-ca`` mean a client certificate instead of an authorizer (A40, A44)."""


class Spoken(enum.Enum):
    """What a client speaks inside TLS."""

    MQTT = "MQTT"
    WEBSOCKET = "MQTT over WebSocket"
    PUBLISH = "HTTPS publish"


# On a default endpoint custom authentication is had on port 443 alone, with these (A39-A46, A50, A30).
_DEFAULT_ALPN: dict[Spoken, tuple[str | None, ...]] = {
    Spoken.MQTT: ("mqtt",),
    Spoken.WEBSOCKET: (None, "http/1.1", "mqtt"),
    Spoken.PUBLISH: (None, "http/1.1", "http/1.0"),
}
# Where the domain configuration says it, ALPN does not matter (A55); these ports are open to it (A57).
_PORTS: dict[ApplicationProtocol, tuple[Spoken, tuple[int, ...]]] = {
    ApplicationProtocol.SECURE_MQTT: (Spoken.MQTT, (443, 8883)),
    ApplicationProtocol.MQTT_WSS: (Spoken.WEBSOCKET, (443,)),
    ApplicationProtocol.HTTPS: (Spoken.PUBLISH, (443, 8443)),
}
_CUSTOM = (AuthenticationType.CUSTOM_AUTH, AuthenticationType.CUSTOM_AUTH_X509, AuthenticationType.DEFAULT)


def misrouted(origin: Origin, spoken: Spoken) -> Refusal | None:
    """Say why there is no custom authentication for what is spoken here, None where there is."""
    domain = origin.domain
    if domain is None:
        return _no_name(spoken)
    if domain.authentication_type not in _CUSTOM:
        why = f"domain configuration {domain.name} has authentication type {domain.authentication_type.value}"
        return refuse(Reason.DOMAIN_INVALID, "domain-wrong-type", why, domain_configuration=domain.name)
    if domain.application_protocol is ApplicationProtocol.DEFAULT:
        return _by_port_and_alpn(origin, spoken)
    wanted, ports = _PORTS[domain.application_protocol]
    if spoken is not wanted:
        why = f"domain configuration {domain.name} serves {wanted.value}, the client speaks {spoken.value}"
        facts = {"protocol": spoken.value, "served": wanted.value, "domain_configuration": domain.name}
        return refuse(Reason.DOMAIN_INVALID, "domain-wrong-protocol", why, **facts)
    if origin.port not in ports:
        why = f"{spoken.value} is not served on port {origin.port}"
        return refuse(Reason.DOMAIN_INVALID, "wrong-port", why, ports=" or ".join(map(str, ports)))
    return None


def _no_name(spoken: Spoken) -> Refusal:
    why = "the client sent no SNI"
    if spoken is not Spoken.MQTT:
        why = "the client sent neither SNI nor a Host header that is served"
    return refuse(Reason.SNI, "endpoint-is-address", why)


def _by_port_and_alpn(origin: Origin, spoken: Spoken) -> Refusal | None:
    if origin.port != 443:
        why = f"port {origin.port} of a default endpoint takes client certificates only (A41, A45)"
        return refuse(Reason.ALPN, "wrong-port", why)
    if origin.alpn in _DEFAULT_ALPN[spoken]:
        return None
    found = origin.alpn or "none that is served"
    why = f"the client's ALPN is {found}, it speaks {spoken.value}"
    if spoken is not Spoken.MQTT:
        return refuse(Reason.ALPN, "alpn-not-for-http", why)
    return refuse(Reason.ALPN, "alpn-missing" if origin.alpn is None else "alpn-wrong", why)
