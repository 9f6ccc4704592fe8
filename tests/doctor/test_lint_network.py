"""Lint of the endpoint's name, port, ALPN and path: the table of AWS."""

from __future__ import annotations

from typing import Any

import pytest

from customauth.doctor.finding import Certainty, Outcome
from customauth.doctor.setup import Setup
from customauth.endpoint import Endpoint, Transport
from lint_samples import AWS, check, look, rules

OWN = "iot.example.test"


def _at(host: str = AWS, *, alpn: tuple[str, ...] = ("mqtt",), **changes: Any) -> Setup:
    return Setup(endpoint=Endpoint(host=host, **changes), alpn=alpn, password=b"x")


def _found(setup: Setup) -> dict[str, Certainty]:
    return {rule: certainty for rule, certainty in rules(setup).items() if rule != "authorizer-not-named"}


@pytest.mark.fact("A39", "A42", "A55", "A57", "A30", "J4")
@pytest.mark.parametrize(
    "setup",
    [
        _at(),
        _at(AWS.upper()),
        _at("abc-ats.iot.us-gov-west-1.amazonaws.com"),
        _at("abc.ats.iot.cn-north-1.amazonaws.com.cn"),
        _at(transport=Transport.WSS),
        _at(transport=Transport.WSS, alpn=()),
        _at(transport=Transport.WSS, alpn=("http/1.1",)),
        _at(OWN),
        _at(OWN, port=8883),
        _at(OWN, port=8883, alpn=()),
        _at(OWN, port=43117),
        _at(address="127.0.0.1", port=43117),
        _at(address="127.0.0.1", address_port=8883),
    ],
)
def test_what_aws_serves_has_no_finding(setup: Setup) -> None:
    assert _found(setup) == {}
    assert all(each.outcome is not Outcome.STOPPED for each in look(setup))


@pytest.mark.fact("A41", "A45")
@pytest.mark.parametrize("port", [8883, 8443, 1883, 9001])
@pytest.mark.parametrize("transport", Transport)
def test_another_port_than_443_of_a_default_endpoint_is_certain(port: int, transport: Transport) -> None:
    assert _found(_at(port=port, transport=transport)) == {"wrong-port": Certainty.CERTAIN}
    assert _found(_at(port=port, transport=transport, address="127.0.0.1")) == {"wrong-port": Certainty.CERTAIN}


@pytest.mark.fact("A57", "H4")
def test_another_port_under_a_name_of_one_s_own_is_a_remark() -> None:
    for port in (8883, 43117):
        assert check(_at(OWN, port=port), "port").outcome is Outcome.WARNED


@pytest.mark.fact("A39", "A40", "A50", "F15")
@pytest.mark.parametrize(
    ("alpn", "rule"),
    [
        ((), "alpn-missing"),
        (("x-amzn-mqtt-ca",), "alpn-wrong"),
        (("http/1.1",), "alpn-wrong"),
        (("h2", "http/1.1"), "alpn-wrong"),
        (("MQTT",), "alpn-wrong"),
    ],
)
def test_mqtt_on_443_without_its_alpn_is_certain(alpn: tuple[str, ...], rule: str) -> None:
    assert _found(_at(alpn=alpn)) == {rule: Certainty.CERTAIN}


def test_an_alpn_for_certificates_is_less_certain_where_it_may_be_meant() -> None:
    assert _found(_at(alpn=("mqtt", "x-amzn-mqtt-ca"))) == {"alpn-wrong": Certainty.POSSIBLE}
    assert _found(_at(OWN, alpn=("x-amzn-mqtt-ca",))) == {"alpn-wrong": Certainty.LIKELY}
    assert _found(_at(transport=Transport.WSS, alpn=("x-amzn-http-ca",))) == {"alpn-not-for-http": Certainty.CERTAIN}


@pytest.mark.fact("A55")
def test_no_alpn_under_a_name_of_one_s_own_is_possible_only() -> None:
    assert _found(_at(OWN, alpn=())) == {"alpn-missing": Certainty.POSSIBLE}


@pytest.mark.fact("A47")
@pytest.mark.parametrize("host", ["127.0.0.1", "52.1.2.3", "::1"])
def test_an_address_as_endpoint_is_certain(host: str) -> None:
    assert _found(_at(host)) == {"endpoint-is-address": Certainty.CERTAIN}


@pytest.mark.fact("G7", "A52")
@pytest.mark.parametrize(
    ("host", "certainty"),
    [
        ("abc.credentials.iot.eu-west-1.amazonaws.com", Certainty.CERTAIN),
        ("abc.jobs.iot.eu-west-1.amazonaws.com", Certainty.CERTAIN),
        ("iot.eu-west-1.amazonaws.com", Certainty.CERTAIN),
        ("data.iot.eu-west-1.amazonaws.com", Certainty.CERTAIN),
        ("abc.iot.eu-west-1.amazonaws.com", Certainty.POSSIBLE),
    ],
)
def test_an_endpoint_for_something_else_is_found(host: str, certainty: Certainty) -> None:
    assert _found(_at(host)) == {"endpoint-not-data": certainty}


def test_a_chinese_region_without_its_ending_has_no_address() -> None:
    assert _found(_at("abc.ats.iot.cn-north-1.amazonaws.com")) == {"name-not-resolved": Certainty.LIKELY}


@pytest.mark.fact("A23", "J5")
@pytest.mark.parametrize(("path", "certainty"), [("/", Certainty.POSSIBLE), ("/ws", Certainty.LIKELY)])
def test_a_websocket_at_another_path_is_found(path: str, certainty: Certainty) -> None:
    assert _found(_at(transport=Transport.WSS, path=path)) == {"websocket-path": certainty}


@pytest.mark.parametrize(
    ("host", "port", "pasted"),
    [("localhost", 443, "localhost"), ("localhost", 8443, "localhost:8443"), ("::1", 8443, "[::1]:8443")],
)
def test_what_is_pasted_has_the_port_where_it_is_not_the_usual_one(host: str, port: int, pasted: str) -> None:
    setup = _at(host, transport=Transport.WSS, path="/ws", port=port)
    [finding] = [each for check in look(setup) for each in check.findings if each.rule == "websocket-path"]
    assert finding.fix == f"open the WebSocket at /mqtt: wss://{pasted}/mqtt"


def test_without_an_endpoint_the_network_is_skipped() -> None:
    checks = {each.name: each.outcome for each in look(Setup(password=b"x"))}
    assert [checks[name] for name in ("endpoint", "port", "ALPN")] == [Outcome.SKIPPED] * 3
