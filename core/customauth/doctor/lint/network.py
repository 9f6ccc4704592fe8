"""The endpoint's name, and the table of port, ALPN and transport (A23, A39-A57, G7)."""

from __future__ import annotations

import re

from customauth.doctor.finding import Check, Finding
from customauth.doctor.lint.sight import Sight, reported, skipped, warned
from customauth.endpoint import ALPN, DEFAULT_PATH, DEFAULT_PORT, Endpoint, Transport

_NO_ENDPOINT = "no endpoint is given"
_AWS = re.compile(
    r"(?:(?P<account>.+)\.)?iot\.[a-z]{2}(?:-[a-z]+)+-\d\.(?:amazonaws\.com(?:\.cn)?|api\.aws)",
    re.IGNORECASE,
)
_CHINESE = re.compile(r"\.cn-[a-z]+-\d\.amazonaws\.com$", re.IGNORECASE)
_OTHER_SERVICES = {"credentials": "the credentials provider", "jobs": "jobs"}
# Where AWS listens for client certificates (A41, A45), and where brokers listen for MQTT otherwise.
_FAMILIAR_PORTS = {8883, 8443, 1883, 8884, 80, 8080, 9001}
_WITH_CERTIFICATE = {8883: "MQTT", 8443: "HTTPS"}
# A57: where a domain configuration may serve custom authentication.
_DOMAIN_PORTS = {Transport.MQTT: (443, 8883), Transport.WSS: (443,)}
_CERTIFICATE_ALPN = "x-amzn-"


def endpoint_name(sight: Sight) -> Check:
    """Look at the endpoint's name."""
    endpoint = sight.setup.endpoint
    if endpoint is None:
        return skipped("endpoint", _NO_ENDPOINT)
    return reported("endpoint", *_about_name(sight, endpoint), otherwise=_kind(endpoint))


def port(sight: Sight) -> Check:
    """Look at the port (A39-A45, A57)."""
    endpoint = sight.setup.endpoint
    if endpoint is None:
        return skipped("port", _NO_ENDPOINT)
    number = endpoint.port
    if number == DEFAULT_PORT:
        return reported("port", otherwise=f"{number}, where AWS serves custom authentication")
    if not _is_default(endpoint):
        ports = _DOMAIN_PORTS[endpoint.transport]
        if number in ports:
            return warned("port", f"{number} serves it only under a domain configuration for custom authentication")
        where = " or ".join(map(str, ports))
        return warned("port", f"AWS serves it on {where} under a name of one's own, and never on {number}")
    if endpoint.address is not None and number not in _FAMILIAR_PORTS:
        # A stand-in for AWS, dialled under AWS's name.
        return warned("port", f"AWS serves custom authentication on {DEFAULT_PORT}; {number} is the stand-in's")
    wanted = _WITH_CERTIFICATE.get(number)
    what = f"wants a client certificate ({wanted})" if wanted else "is not open"
    evidence = f"port {number} of a default endpoint {what}; custom authentication is on {DEFAULT_PORT}"
    return reported("port", sight.certain("wrong-port", evidence, {"ports": str(DEFAULT_PORT)}), otherwise="")


def alpn(sight: Sight) -> Check:
    """Look at the ALPN that the device offers (A30, A39-A42, A55)."""
    endpoint, offered = sight.setup.endpoint, sight.setup.alpn
    if endpoint is None:
        return skipped("ALPN", _NO_ENDPOINT)
    finding = (_about_websocket if endpoint.transport is Transport.WSS else _about_mqtt)(sight, endpoint, offered)
    said = ", ".join(map(repr, offered)) or "none"
    if finding is not None:
        return reported("ALPN", finding, otherwise="")
    if endpoint.transport is Transport.MQTT and ALPN not in offered:
        return warned("ALPN", f"offered: {said}; enough only under a domain configuration for custom authentication")
    return reported("ALPN", otherwise=f"offered: {said}")


def path(sight: Sight) -> Check | None:
    """Look at where the WebSocket is opened (A23, J5)."""
    endpoint = sight.setup.endpoint
    if endpoint is None or endpoint.transport is not Transport.WSS:
        return None
    if endpoint.path == DEFAULT_PATH:
        return reported("WebSocket path", otherwise=DEFAULT_PATH)
    evidence = f"the WebSocket is opened at {endpoint.path[:64]!r}, and AWS opens it at {DEFAULT_PATH}"
    find = sight.possible if endpoint.path == "/" else sight.likely
    return reported("WebSocket path", find("websocket-path", evidence), otherwise="")


def _about_name(sight: Sight, endpoint: Endpoint) -> list[Finding]:
    host = endpoint.host.rstrip(".")
    if endpoint.is_address():
        return [sight.certain("endpoint-is-address", f"{host} is an address: no server name goes out with it")]
    if _CHINESE.search(host):
        evidence = "names of AWS's regions in China end in .amazonaws.com.cn"
        return [sight.likely("name-not-resolved", evidence)]
    match = _AWS.fullmatch(host)
    if match is None:
        return []
    account = (match["account"] or "").lower()
    labels = account.split(".")
    if labels[-1] in _OTHER_SERVICES:
        evidence = f"this is the endpoint of {_OTHER_SERVICES[labels[-1]]}, not the data endpoint"
        return [sight.certain("endpoint-not-data", evidence)]
    if labels[-1] in ("", "api", "data"):
        evidence = "this is the endpoint of the whole region, not an account's data endpoint"
        return [sight.certain("endpoint-not-data", evidence)]
    if not account.endswith("-ats") and labels[-1] != "ats":
        evidence = "the name has no -ats: the old data endpoint, whose certificate few clients still trust"
        return [sight.possible("endpoint-not-data", evidence)]
    return []


def _kind(endpoint: Endpoint) -> str:
    return "a default data endpoint of AWS" if _is_default(endpoint) else "a name of one's own, or a stand-in for AWS"


def _is_default(endpoint: Endpoint) -> bool:
    return _AWS.fullmatch(endpoint.host.rstrip(".")) is not None


def _about_mqtt(sight: Sight, endpoint: Endpoint, offered: tuple[str, ...]) -> Finding | None:
    if ALPN in offered:
        if any(name.startswith(_CERTIFICATE_ALPN) for name in offered):
            evidence = "an ALPN for client certificates is offered beside mqtt, and the server chooses"
            return sight.possible("alpn-wrong", evidence)
        return None
    certainly = sight.certain if _is_default(endpoint) else sight.likely
    said = ", ".join(repr(name[:32]) for name in offered[:4])
    if any(name.startswith(_CERTIFICATE_ALPN) for name in offered):
        evidence = f"{said} asks for a client certificate; custom authentication needs 'mqtt'"
        return certainly("alpn-wrong", evidence, {"alpn": said})
    if endpoint.port != DEFAULT_PORT:
        return None
    if not offered:
        evidence = "no ALPN is offered, and MQTT on port 443 needs 'mqtt'"
        return (certainly if _is_default(endpoint) else sight.possible)("alpn-missing", evidence)
    return certainly("alpn-wrong", f"{said} is offered, and MQTT on port 443 needs 'mqtt'", {"alpn": said})


def _about_websocket(sight: Sight, endpoint: Endpoint, offered: tuple[str, ...]) -> Finding | None:
    if not any(name.startswith(_CERTIFICATE_ALPN) for name in offered):
        return None
    evidence = "an ALPN for client certificates is offered; a WebSocket needs none, or http/1.1"
    if ALPN in offered or "http/1.1" in offered:
        return sight.possible("alpn-not-for-http", evidence)
    return (sight.certain if _is_default(endpoint) else sight.likely)("alpn-not-for-http", evidence)
