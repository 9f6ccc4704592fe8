"""Where to connect: what is read, what is refused, and what is dialled."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customauth import CredentialError, CustomAuth, Endpoint, EndpointError, Feature, MqttVersion
from customauth.endpoint import ALPN, DEFAULT_PORT
from customauth.request import ConnectRequest

AWS = "prefix-ats.iot.eu-west-1.amazonaws.com"


@pytest.mark.fact("A39")
@pytest.mark.fact("A52")
def test_the_endpoint_of_an_account_is_dialled_at_443_with_alpn_mqtt() -> None:
    assert Endpoint.parse(AWS) == Endpoint(host=AWS, port=443)
    assert Endpoint.parse(AWS).dial_target() == (AWS, 443)
    assert (DEFAULT_PORT, ALPN) == (443, "mqtt")


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("localhost:8443", "localhost", 8443),
        ("localhost:1", "localhost", 1),
        ("127.0.0.1:65535", "127.0.0.1", 65535),
        ("[::1]:8443", "::1", 8443),
        ("[::1]", "::1", 443),
        ("xn--grn-hoa.example", "xn--grn-hoa.example", 443),
    ],
)
def test_host_and_port_are_read(text: str, host: str, port: int) -> None:
    assert Endpoint.parse(text) == Endpoint(host=host, port=port)


@given(
    st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?", fullmatch=True)
    | st.ip_addresses().map(str).filter(lambda address: "%" not in address),
    st.integers(min_value=1, max_value=65535),
)
def test_an_endpoint_is_read_back_from_how_it_is_shown(host: str, port: int) -> None:
    endpoint = Endpoint(host=host, port=port)
    assert Endpoint.parse(str(endpoint)) == endpoint


@given(st.text(max_size=30))
def test_any_text_is_an_endpoint_or_refused(text: str) -> None:
    try:
        endpoint = Endpoint.parse(text)
    except EndpointError:
        return
    assert endpoint.host
    assert Endpoint.parse(str(endpoint)) == endpoint


def test_the_port_may_be_given_beside_the_name_and_twice_when_it_is_the_same() -> None:
    assert Endpoint.parse("localhost", port=8443).port == 8443
    assert Endpoint.parse("localhost:8443", port=8443).port == 8443


@pytest.mark.fact("A47")
def test_another_address_is_dialled_and_the_name_stays() -> None:
    endpoint = Endpoint.parse(AWS, address="127.0.0.1:8443")
    assert endpoint.host == AWS
    assert endpoint.port == 443
    assert endpoint.dial_target() == ("127.0.0.1", 8443)


def test_an_address_without_a_port_is_dialled_at_the_port_of_the_endpoint() -> None:
    assert Endpoint.parse(f"{AWS}:8883", address="[::1]").dial_target() == ("::1", 8883)


def test_the_ca_is_not_in_the_repr() -> None:
    assert "BEGIN" not in repr(Endpoint(host=AWS, ca_pem=b"-----BEGIN CERTIFICATE-----"))


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "nothing": (lambda: Endpoint.parse(""), "is no endpoint; write host or host:port"),
    "a URL": (lambda: Endpoint.parse(f"mqtts://{AWS}"), "without a scheme; leave out mqtts://"),
    "a path": (lambda: Endpoint.parse(f"{AWS}/mqtt"), "is no endpoint"),
    "a port alone": (lambda: Endpoint.parse(":443"), "is no endpoint"),
    "no port after the colon": (lambda: Endpoint.parse(f"{AWS}:"), "is no endpoint"),
    "a port that is no number": (lambda: Endpoint.parse(f"{AWS}:mqtt"), "is no endpoint"),
    "foreign digits": (lambda: Endpoint.parse(f"{AWS}:٤٤٣"), "is no endpoint"),
    "an IPv6 address without brackets": (lambda: Endpoint.parse("::1"), "an IPv6 address in brackets"),
    "a space": (lambda: Endpoint.parse(f"{AWS} "), "is no endpoint"),
    "a user": (lambda: Endpoint.parse(f"alice@{AWS}"), "is no endpoint"),
    "a port that is too high": (lambda: Endpoint.parse(f"{AWS}:65536"), "port 65536 is out of range; use 1 to 65535"),
    "port 0": (lambda: Endpoint.parse(f"{AWS}:0"), "port 0 is out of range"),
    "port 0 beside the name": (lambda: Endpoint.parse(AWS, port=0), "port 0 is out of range"),
    "a negative port": (lambda: Endpoint(host=AWS, port=-1), "port -1 is out of range"),
    "two ports": (lambda: Endpoint.parse(f"{AWS}:443", port=8443), "says port 443 and the option says 8443; give one"),
    "an address that is none": (lambda: Endpoint.parse(AWS, address="a b"), "'a b' is no address"),
    "an address with a scheme": (
        lambda: Endpoint.parse(AWS, address="tcp://x"),
        "the address is host.*without a scheme",
    ),
    "an address with port 0": (lambda: Endpoint(host=AWS, address="x", address_port=0), "port 0 is out of range"),
}


@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_endpoint_is_refused_with_what_to_write(make: Callable[[], object], message: str) -> None:
    with pytest.raises(EndpointError, match=message):
        make()


# The request that a backend gets


def request(
    *,
    endpoint: Endpoint | None = None,
    credentials: CustomAuth | None = None,
    client_id: str = "device",
    version: MqttVersion = MqttVersion.V5,
    keep_alive: int = 60,
    timeout: float = 10.0,
    sdk_metrics: bool = False,
) -> ConnectRequest:
    return ConnectRequest(
        endpoint=endpoint or Endpoint(host=AWS),
        credentials=credentials or CustomAuth(username="alice"),
        client_id=client_id,
        version=version,
        keep_alive=keep_alive,
        timeout=timeout,
        sdk_metrics=sdk_metrics,
    )


@pytest.mark.fact("E8")
@pytest.mark.parametrize("client_id", ["", "x" * 129, "ü" * 65, "a\0b", "\ud800"])
def test_a_client_id_that_aws_refuses_is_refused(client_id: str) -> None:
    with pytest.raises(CredentialError, match="the client id needs 1 to 128 bytes of UTF-8 without NUL"):
        request(client_id=client_id)


@pytest.mark.fact("E8")
@pytest.mark.parametrize("client_id", ["x", "x" * 128, "ü" * 64])
def test_a_client_id_of_1_to_128_bytes_is_taken(client_id: str) -> None:
    assert request(client_id=client_id).client_id == client_id


@pytest.mark.parametrize("keep_alive", [-1, 65536])
def test_a_keep_alive_that_mqtt_cannot_carry_is_refused(keep_alive: int) -> None:
    with pytest.raises(EndpointError, match=f"keep alive {keep_alive} s is out of range"):
        request(keep_alive=keep_alive)


@pytest.mark.parametrize("timeout", [0, -1, float("inf"), float("nan")])
def test_a_timeout_that_never_or_always_ends_is_refused(timeout: float) -> None:
    with pytest.raises(EndpointError, match="give a positive number of seconds"):
        request(timeout=timeout)


def test_a_password_without_a_user_name_needs_mqtt_5_and_a_backend_that_can() -> None:
    alone = CustomAuth(password=b"secret")
    assert Feature.OMIT_USERNAME in request(credentials=alone).needed_features()
    with pytest.raises(CredentialError, match=r"MQTT 3\.1\.1 cannot send a password without a user name"):
        request(credentials=alone, version=MqttVersion.V311)


def test_a_request_needs_the_features_that_it_uses_and_no_others() -> None:
    assert request().needed_features() == {Feature.MQTT5}
    assert request(version=MqttVersion.V311).needed_features() == {Feature.MQTT311}
    assert request(endpoint=Endpoint(host=AWS, address="127.0.0.1")).needed_features() == {
        Feature.MQTT5,
        Feature.ADDRESS,
    }
    assert request(sdk_metrics=True).needed_features() == {Feature.MQTT5, Feature.SDK_METRICS}


def test_a_request_shows_no_secret() -> None:
    assert "T0KENMARK" not in repr(request(credentials=CustomAuth(username="alice", password="T0KENMARK")))
