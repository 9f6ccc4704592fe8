"""One attempt to connect: what goes out is made here, and what cannot work is refused here."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from customauth import (
    ClientCertificate,
    ConnectRequest,
    CredentialError,
    CredentialsIn,
    CustomAuth,
    Endpoint,
    EndpointError,
    Feature,
    MessageProperties,
    MqttVersion,
    Proxy,
    SignedToken,
    Will,
    mqtt,
)

SIGNATURE = base64.b64encode(bytes(256)).decode()
SIGNED = CustomAuth(
    authorizer="A", username="alice", password=b"pw", token=SignedToken(key_name="k", value="v", signature=SIGNATURE)
)
SOCKET = Endpoint(host="localhost")
WEBSOCKET = Endpoint.parse("wss://localhost:8443/mqtt")


def request(endpoint: Endpoint = SOCKET, credentials: CustomAuth = SIGNED, **options: Any) -> ConnectRequest:
    return ConnectRequest(endpoint=endpoint, credentials=credentials, client_id="c", **options)


def test_credentials_in_the_user_name_leave_the_upgrade_bare() -> None:
    made = request(WEBSOCKET)
    assert made.username == SIGNED.mqtt_username()
    upgrade = made.upgrade()
    assert upgrade is not None
    assert (upgrade.target, dict(upgrade.headers)) == ("/mqtt", {})
    assert request().upgrade() is None


@pytest.mark.fact("A26")
def test_credentials_in_headers_leave_user_and_password_in_connect() -> None:
    made = request(WEBSOCKET, credentials_in=CredentialsIn.HEADERS)
    upgrade = made.upgrade()
    assert upgrade is not None
    assert upgrade.headers == {
        "x-amz-customauthorizer-name": "A",
        "k": "v",
        "x-amz-customauthorizer-signature": SIGNATURE,
    }
    assert (made.username, made.password) == ("alice", b"pw")


@pytest.mark.fact("A27")
def test_credentials_in_the_query_stand_behind_the_path() -> None:
    made = request(WEBSOCKET, credentials_in="query")
    upgrade = made.upgrade()
    assert upgrade is not None
    path, _, query = upgrade.target.partition("?")
    assert path == "/mqtt"
    assert CustomAuth.parse_query(query).token == SIGNED.token
    assert upgrade.headers == {}


def test_no_credentials_make_no_question_mark() -> None:
    upgrade = request(WEBSOCKET, CustomAuth(), credentials_in=CredentialsIn.QUERY).upgrade()
    assert upgrade is not None
    assert upgrade.target == "/mqtt"


def test_no_secret_is_in_the_repr_of_a_request_or_its_upgrade() -> None:
    made = request(WEBSOCKET, credentials_in=CredentialsIn.QUERY)
    text = repr(made) + repr(made.upgrade()) + repr(made.packet())
    assert SIGNATURE[:20] not in text
    assert "'pw'" not in text
    assert "k=v" not in text


@pytest.mark.parametrize("place", [CredentialsIn.HEADERS, CredentialsIn.QUERY])
def test_credentials_outside_the_user_name_need_a_websocket(place: CredentialsIn) -> None:
    with pytest.raises(EndpointError, match="wss://"):
        request(credentials_in=place)


def test_a_password_whose_user_name_went_into_a_header_stands_alone() -> None:
    credentials = CustomAuth(authorizer="A", password=b"pw")
    made = request(WEBSOCKET, credentials, credentials_in=CredentialsIn.HEADERS)
    assert Feature.OMIT_USERNAME in made.needed_features()
    with pytest.raises(CredentialError, match="user name"):
        request(WEBSOCKET, credentials, credentials_in=CredentialsIn.HEADERS, version=MqttVersion.V311)


@pytest.mark.parametrize(
    "option",
    [
        {"session_expiry": 0},
        {"user_properties": [("a", "b")]},
        {"will": Will(topic="t", delay=1)},
        {"will": Will(topic="t", properties=MessageProperties(utf8=True))},
    ],
    ids=["session-expiry", "user-properties", "will-delay", "will-properties"],
)
def test_what_mqtt_311_cannot_send_is_refused(option: dict[str, Any]) -> None:
    with pytest.raises(EndpointError, match=r"MQTT 3\.1\.1 cannot send"):
        request(version=MqttVersion.V311, **option)
    request(**option)


@pytest.mark.parametrize(
    "option", [{"session_expiry": -1}, {"session_expiry": 2**32}, {"timeout": 0}, {"keep_alive": 65_536}]
)
def test_an_option_out_of_range_is_refused(option: dict[str, Any]) -> None:
    with pytest.raises(EndpointError, match="out of range"):
        request(**option)


def test_the_packet_is_the_request() -> None:
    will = Will(topic="gone", payload=b"x", qos=1, retain=True, delay=5)
    packet = request(
        keep_alive=33, clean_start=False, session_expiry=60, will=will, user_properties=[("a", "1"), ("a", "2")]
    ).packet()
    frame = mqtt.FrameReader(1 << 16).feed(mqtt.encode(packet, MqttVersion.V5))[0]
    assert mqtt.Connect.from_frame(frame) == mqtt.Connect(
        version=MqttVersion.V5,
        client_id="c",
        clean_start=False,
        keep_alive=33,
        username=SIGNED.mqtt_username(),
        password=b"pw",
        will=mqtt.Will(
            topic="gone", payload=b"x", qos=1, retain=True, properties={mqtt.Property.WILL_DELAY_INTERVAL: 5}
        ),
        properties={
            mqtt.Property.SESSION_EXPIRY_INTERVAL: 60,
            mqtt.Property.USER_PROPERTY: [("a", "1"), ("a", "2")],
        },
    )


def test_each_part_of_a_request_needs_its_feature() -> None:
    certificate = ClientCertificate(
        certificate_pem=b"-----BEGIN CERTIFICATE-----", key_pem=b"-----BEGIN PRIVATE KEY-----"
    )
    needs = {
        Feature.WEBSOCKET: request(WEBSOCKET),
        Feature.ADDRESS: request(Endpoint(host="a", address="b")),
        Feature.HTTP_PROXY: request(Endpoint(host="a", proxy=Proxy.parse("http://p:1"))),
        Feature.SOCKS5_PROXY: request(Endpoint(host="a", proxy=Proxy.parse("socks5h://p:1"))),
        Feature.CLIENT_CERTIFICATE: request(Endpoint(host="a", client_certificate=certificate)),
        Feature.OMIT_USERNAME: request(credentials=CustomAuth(password=b"x")),
        Feature.SDK_METRICS: request(sdk_metrics=True),
    }
    for feature, made in needs.items():
        assert made.needed_features() == {Feature.MQTT5, feature}
    assert request(version=MqttVersion.V311).needed_features() == {Feature.MQTT311}
