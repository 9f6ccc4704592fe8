"""The options of `connect`, `pub` and `sub` that say how the connection is made, as the other side sees them."""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from urllib.parse import quote

import pytest

from commands import RunningGateway, features, run, serving
from customauth import Feature, Proxy, mqtt
from customauth.testing.client_certificates import client_certificate
from needs import needs_backend
from proxies import http_proxy, socks5_proxy
from recorder import Recorder
from subscribers import answering

VERSIONS = ("5", "3.1.1")
USER = ("alice", "looking/glass@")


def _needs(backend: str, feature: Feature) -> None:
    if feature not in features(backend):
        pytest.skip(f"{backend} does not declare {feature.value}")


@pytest.mark.fact("A25", "A26", "A27")
@pytest.mark.parametrize("place", ["username", "headers", "query"])
def test_credentials_travel_in_a_websocket_where_they_are_wanted(
    recorder: Recorder, backend_name: str, place: str
) -> None:
    words = ["--authorizer", "signed", "--token-key-name", "token", "--token", "tok-1"]
    words += ["--sign-with", str(recorder.private_key), "--credentials-in", place, "--backend", backend_name]
    *where, endpoint = recorder.running.where()
    result = run("connect", *words, *where, f"wss://{endpoint}/mqtt")
    assert result.code == 0, result.stderr
    assert f"MQTT 5 to wss://{endpoint}/mqtt" in result.stdout
    assert (f"credentials in {place}" in result.stdout) is (place != "username")
    event = recorder.event()
    assert event["token"] == "tok-1"
    http = event["protocolData"]["http"]
    assert ("token" in {name.lower() for name in http["headers"]}) is (place == "headers")
    assert ("token=tok-1" in http.get("queryString", "")) is (place == "query")


def test_the_transport_can_be_given_as_an_option(recorder: Recorder, backend_name: str) -> None:
    words = ["--backend", backend_name, "--authorizer", "unsigned", "--transport", "wss"]
    result = run("connect", *words, *recorder.running.where())
    assert result.code == 0, result.stderr
    assert "http" in recorder.event()["protocolData"]


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_asked_for_is_in_the_connect_packet(tmp_path: Path, backend_name: str, version: str) -> None:
    words = ["-c", "-k", "45", "-i", "device-1", "--will-topic", "gone", "--will-payload", "é", "--will-qos", "1"]
    words += ["--will-retain", "--backend", backend_name, "-V", version]
    if version == "5":
        words += ["--session-expiry", "3600", "--will-delay", "7"]
        words += ["--user-property", "a", "1", "--connect-user-property", "a", "2"]
    with answering(tmp_path) as server:
        result = run("connect", *words, *server.words)
        assert result.code == 0, result.stderr
        connect = server.left().connect
    assert connect is not None
    assert (connect.clean_start, connect.keep_alive, connect.client_id) == (False, 45, "device-1")
    will = connect.will
    assert will is not None
    assert (will.topic, will.payload, will.qos, will.retain) == ("gone", "é".encode(), 1, True)
    if version == "5":
        assert connect.properties[mqtt.Property.SESSION_EXPIRY_INTERVAL] == 3600
        assert will.properties[mqtt.Property.WILL_DELAY_INTERVAL] == 7
        assert list(connect.properties[mqtt.Property.USER_PROPERTY]) == [("a", "1"), ("a", "2")]


@needs_backend
def test_without_them_the_connect_packet_has_none_of_it(tmp_path: Path) -> None:
    with answering(tmp_path) as server:
        assert run("connect", *server.words).code == 0
        connect = server.left().connect
    assert connect is not None
    assert (connect.clean_start, connect.keep_alive, connect.will) == (True, 60, None)
    assert mqtt.Property.USER_PROPERTY not in connect.properties


@needs_backend
def test_pub_has_user_properties_of_its_messages_and_of_the_connect_packet(tmp_path: Path) -> None:
    with answering(tmp_path) as server:
        words = ["-t", "a", "-m", "x", "--user-property", "message", "1", "--connect-user-property", "connect", "2"]
        assert run("pub", *words, *server.words).code == 0
        connect, publish, *_ = server.left().packets
        assert run("sub", "-t", "a", "-W", "0.1", "--user-property", "connect", "3", *server.words).code == 27
        subscribed = server.left().connect
    assert isinstance(connect, mqtt.Connect)
    assert isinstance(publish, mqtt.Publish)
    assert list(connect.properties[mqtt.Property.USER_PROPERTY]) == [("connect", "2")]
    assert list(publish.properties[mqtt.Property.USER_PROPERTY]) == [("message", "1")]
    assert subscribed is not None
    assert list(subscribed.properties[mqtt.Property.USER_PROPERTY]) == [("connect", "3")]


@needs_backend
def test_the_whole_connack_is_in_the_document(tmp_path: Path) -> None:
    said: mqtt.Properties = {
        mqtt.Property.REASON_STRING: "welcome",
        mqtt.Property.RECEIVE_MAXIMUM: 7,
        mqtt.Property.MAXIMUM_QOS: 1,
        mqtt.Property.RETAIN_AVAILABLE: 0,
        mqtt.Property.SERVER_KEEP_ALIVE: 30,
        mqtt.Property.USER_PROPERTY: [("a", "1")],
    }
    connack = mqtt.Connack(session_present=False, reason_code=0, properties=said)
    with answering(tmp_path, lambda packet, _: [connack] if isinstance(packet, mqtt.Connect) else []) as server:
        document = run("connect", "--json", *server.words).json()["connack"]
    expected = {"reason_string": "welcome", "receive_maximum": 7, "maximum_qos": 1, "retain_available": False}
    expected |= {"server_keep_alive": 30, "user_properties": [["a", "1"]], "session_present": False}
    assert document | expected == document


def _url(proxy: Proxy, user: tuple[str, str] | None = None) -> str:
    userinfo = "" if user is None else f"{quote(user[0], safe='')}:{quote(user[1], safe='')}@"
    return f"{proxy.scheme}://{userinfo}{proxy.host}:{proxy.port}"


@pytest.mark.parametrize(
    ("kind", "feature"),
    [(http_proxy, Feature.HTTP_PROXY), (socks5_proxy, Feature.SOCKS5_PROXY)],
    ids=["http", "socks5"],
)
def test_a_proxy_is_gone_through_and_its_password_is_never_shown(
    sample: RunningGateway, login: list[str], tmp_path: Path, backend_name: str, kind: type, feature: Feature
) -> None:
    _needs(backend_name, feature)
    with serving(kind(user=USER)) as server:
        url = _url(server.proxy, USER)
        (tmp_path / "proxy").write_text(f"{url}\n")
        words = ["connect", "--backend", backend_name, "--debug", *login]
        results = [
            run(*words, "--proxy", url),
            run(*words, "--proxy-file", tmp_path / "proxy"),
            run(*words, env={"CUSTOMAUTH_PROXY": url}),
            run(*words, "--json", env={"CUSTOMAUTH_PROXY": url}),
        ]
        assert server.asked == [sample.endpoint] * len(results)
        refused = run(*words, env={"CUSTOMAUTH_PROXY": _url(server.proxy, ("alice", "wrong/glass"))})
        direct = run(*words, "--proxy", "", env={"CUSTOMAUTH_PROXY": url})
        assert server.asked == [sample.endpoint] * len(results)
    assert [result.code for result in (*results, refused, direct)] == [0, 0, 0, 0, 4, 0], refused.stderr
    assert f"through {server.proxy}" in results[0].stdout
    for result in (*results, refused, direct):
        for secret in ("glass", quote(USER[1], safe="")):
            assert secret not in result.stdout + result.stderr


@needs_backend
def test_a_proxy_that_cannot_be_read_is_refused_without_its_password(tmp_path: Path) -> None:
    for url in ("http://alice:glass@localhost:1:2", "http://alice:glass@localhost", "ftp://alice:glass@h:1", "glass"):
        result = run("connect", "localhost:1", env={"CUSTOMAUTH_PROXY": url})
        assert result.code == 2
        assert "proxy" in result.last
        assert "glass" not in result.stdout + result.stderr


def test_a_client_certificate_is_shown_to_the_server(tmp_path: Path, backend_name: str) -> None:
    _needs(backend_name, Feature.CLIENT_CERTIFICATE)
    made = client_certificate()
    (tmp_path / "client.pem").write_bytes(made.certificate_pem)
    (tmp_path / "client.key").write_bytes(made.key_pem)
    words = ["--cert", str(tmp_path / "client.pem"), "--key", str(tmp_path / "client.key"), "--backend", backend_name]
    with answering(tmp_path, client_ca_pem=made.certificate_pem) as server:
        result = run("connect", *words, *server.words)
        assert result.code == 0, result.stderr
        assert "with a client certificate" in result.stdout
        assert server.left().certificate == ssl.PEM_cert_to_DER_cert(made.certificate_pem.decode())


def test_a_key_that_is_none_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "client.pem").write_bytes(client_certificate().certificate_pem)
    (tmp_path / "client.key").write_text("looking-glass")
    words = ["--cert", str(tmp_path / "client.pem"), "--key", str(tmp_path / "client.key"), "localhost:1"]
    for extra in ([], ["--debug"], ["--json"]):
        result = run("connect", *extra, *words)
        assert result.code == 2
        assert "looking-glass" not in result.stdout + result.stderr
        assert "private key is no PEM key" in result.stdout + result.stderr


def test_authorizer_test_takes_a_websocket_endpoint_too(recorder: Recorder) -> None:
    config = str(recorder.running.folder / "gateway.toml")
    words = ["authorizer", "test", "unsigned", "--config", config, "--event", "--username", "alice"]
    event = json.loads(run(*words, "wss://localhost:8443/mqtt").stdout)
    assert event["protocolData"]["http"]["headers"]["host"] == "localhost:8443"
    assert "http" not in json.loads(run(*words, "localhost:8443").stdout)["protocolData"]
    assert run(*words, "--transport", "mqtt", "wss://localhost").last.endswith("leave out one")
    assert run(*words[:-2], "--transport", "https", "wss://localhost").last.endswith("leave out one")
