"""How to connect: WebSocket or not, proxy, client certificate, and the request that opens a WebSocket."""

from __future__ import annotations

import string
from collections.abc import Callable
from urllib.parse import quote

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

import tlsrooms
from customauth import Endpoint, EndpointError
from customauth.client_certificate import ClientCertificate
from customauth.endpoint import Transport
from customauth.proxy import Proxy
from customauth.upgrade import Upgrade

AWS = "prefix-ats.iot.eu-west-1.amazonaws.com"
CERTIFICATE = b"-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
KEY = b"-----BEGIN PRIVATE KEY-----\nS3CRETMARK\n-----END PRIVATE KEY-----\n"

PATHS = st.text(alphabet=sorted(set(map(chr, range(0x21, 0x7F))) - set("?#")), max_size=20).map("/{}".format)
HOSTS = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?", fullmatch=True) | st.sampled_from(["::1", "127.0.0.1"])
PORTS = st.integers(min_value=1, max_value=65535)


# The endpoint


def test_mqtt_is_what_is_spoken_unless_a_websocket_is_asked_for() -> None:
    assert Endpoint.parse(AWS).transport is Transport.MQTT
    assert Endpoint.parse(AWS, transport=Transport.WSS).transport is Transport.WSS
    assert str(Endpoint.parse(AWS)) == f"{AWS}:443"


@pytest.mark.fact("A23")
@pytest.mark.parametrize(
    ("text", "port", "path"),
    [
        (f"wss://{AWS}", 443, "/mqtt"),
        (f"WSS://{AWS}/mqtt", 443, "/mqtt"),
        (f"wss://{AWS}:8443", 8443, "/mqtt"),
        (f"wss://{AWS}:8443/", 8443, "/"),
        (f"wss://{AWS}/a/b%20c", 443, "/a/b%20c"),
    ],
)
def test_a_url_of_a_websocket_is_read(text: str, port: int, path: str) -> None:
    endpoint = Endpoint(host=AWS, port=port, path=path, transport=Transport.WSS)
    assert Endpoint.parse(text) == endpoint
    assert Endpoint.parse(text, transport=Transport.WSS, port=port) == endpoint
    assert str(endpoint) == f"wss://{AWS}:{port}{path}"


@given(HOSTS, PORTS, PATHS)
def test_a_websocket_is_read_back_from_how_it_is_shown(host: str, port: int, path: str) -> None:
    endpoint = Endpoint(host=host, port=port, path=path, transport=Transport.WSS)
    assert Endpoint.parse(str(endpoint)) == endpoint


@given(st.text(max_size=30))
def test_any_text_is_a_websocket_or_refused(text: str) -> None:
    try:
        endpoint = Endpoint.parse(f"wss://{text}")
    except EndpointError:
        return
    assert Endpoint.parse(str(endpoint)) == endpoint


def test_a_proxy_may_be_given_as_its_url() -> None:
    endpoint = Endpoint.parse(AWS, proxy="http://proxy:3128")
    assert endpoint.proxy == Proxy(scheme="http", host="proxy", port=3128)
    assert Endpoint.parse(AWS, proxy=endpoint.proxy) == endpoint


def test_an_endpoint_shows_no_secret() -> None:
    certificate = ClientCertificate(certificate_pem=CERTIFICATE, key_pem=KEY)
    proxy = "http://alice:S3CRETMARK@proxy:3128"
    assert "S3CRETMARK" not in repr(Endpoint.parse(AWS, proxy=proxy, client_certificate=certificate))


# The proxy


@pytest.mark.parametrize(
    ("text", "proxy"),
    [
        ("http://proxy:3128", Proxy(scheme="http", host="proxy", port=3128)),
        ("HTTP://proxy:3128/", Proxy(scheme="http", host="proxy", port=3128)),
        ("socks5://127.0.0.1:1080", Proxy(scheme="socks5", host="127.0.0.1", port=1080)),
        ("socks5h://[::1]:1080", Proxy(scheme="socks5", host="::1", port=1080)),
        ("http://al%40ice@proxy:1", Proxy(scheme="http", host="proxy", port=1, username="al@ice")),
        ("http://a:%2F%3A+@proxy:1", Proxy(scheme="http", host="proxy", port=1, username="a", password="/:+")),
        ("http://a:b@c@proxy:1", Proxy(scheme="http", host="proxy", port=1, username="a", password="b@c")),
        ("http://a:@proxy:1", Proxy(scheme="http", host="proxy", port=1, username="a", password="")),
    ],
)
def test_the_url_of_a_proxy_is_read(text: str, proxy: Proxy) -> None:
    assert Proxy.parse(text) == proxy


def test_a_proxy_is_shown_without_its_user() -> None:
    proxy = Proxy.parse("socks5h://alice:S3CRETMARK@[::1]:1080")
    assert str(proxy) == "socks5://[::1]:1080"
    assert "S3CRETMARK" not in repr(proxy)


@given(
    st.sampled_from(["http", "socks5", "socks5h"]),
    st.text(alphabet=string.printable.replace(":", ""), min_size=1, max_size=20),
    st.text(alphabet=string.printable, min_size=1, max_size=20),
    HOSTS,
    PORTS,
)
def test_any_user_and_password_survive_the_url(scheme: str, user: str, password: str, host: str, port: int) -> None:
    place = f"[{host}]" if ":" in host else host
    proxy = Proxy.parse(f"{scheme}://{quote(user, safe='')}:{quote(password, safe='')}@{place}:{port}")
    assert (proxy.username, proxy.password, proxy.host, proxy.port) == (user, password, host, port)


@given(st.text(max_size=40))
def test_any_text_is_a_proxy_or_refused(text: str) -> None:
    for scheme in ("", "http://", "socks5://"):
        try:
            proxy = Proxy.parse(scheme + text)
        except EndpointError:
            continue
        assert Proxy.parse(str(proxy)) == evolve(proxy, username=None, password=None)


# The request that opens a WebSocket


def test_an_upgrade_shows_no_secret() -> None:
    upgrade = Upgrade(target="/mqtt?token=S3CRETMARK", headers={"x-token": "S3CRETMARK"})
    assert "S3CRETMARK" not in repr(upgrade)
    assert Upgrade() == Upgrade(target="/mqtt", headers={})


# What is refused

REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "a query": (lambda: Endpoint.parse(f"wss://{AWS}/mqtt?a=b"), "no query; --credentials-in query or headers"),
    "a query alone": (lambda: Endpoint.parse(f"wss://{AWS}?a=b"), "no query; --credentials-in query or headers"),
    "a fragment": (lambda: Endpoint.parse(f"wss://{AWS}/#a"), "no query"),
    "a path with a space": (lambda: Endpoint.parse(f"wss://{AWS}/a b"), "is no path of an endpoint; write /mqtt"),
    "a path without a slash": (lambda: Endpoint(host=AWS, path="mqtt"), "is no path of an endpoint; write /mqtt"),
    "no host": (lambda: Endpoint.parse("wss:///mqtt"), "is no endpoint"),
    "a user": (lambda: Endpoint.parse(f"wss://a:b@{AWS}/mqtt"), "is no endpoint"),
    "two ports": (lambda: Endpoint.parse(f"wss://{AWS}:443", port=8443), "says port 443 and the option says 8443"),
    "two transports": (
        lambda: Endpoint.parse(f"wss://{AWS}", transport=Transport.MQTT),
        "the endpoint says wss:// and the option says mqtt; leave out one",
    ),
    "another scheme": (
        lambda: Endpoint.parse(f"ws://{AWS}/mqtt"),
        r"without a scheme; leave out ws://, or write wss://host\[:port\]\[/path\]",
    ),
    "a path without a scheme": (lambda: Endpoint.parse(f"{AWS}/mqtt", transport=Transport.WSS), "is no endpoint"),
    "a proxy that is no URL": (lambda: Proxy.parse("proxy:3128"), "the proxy is a URL; write http://host:port"),
    "a proxy of another kind": (lambda: Proxy.parse("https://proxy:3128"), "the proxy is a URL; write http://"),
    "a proxy of an unknown kind": (lambda: Proxy(scheme="ftp", host="x", port=1), "the proxy is of a kind"),
    "a proxy without a port": (lambda: Proxy.parse("http://a:S3CRETMARK@proxy"), "no port; write http://proxy:PORT"),
    "a proxy with port 0": (lambda: Proxy.parse("http://proxy:0"), "the proxy's port 0 is out of range"),
    "a proxy with a path": (lambda: Proxy.parse("http://a:S3CRETMARK@proxy:1/x"), "no host:port at the end"),
    "a raw password": (lambda: Proxy.parse("http://a:S3CRETMARK/x@proxy:1:2"), "in user and password / as %2F"),
    "no user before the password": (lambda: Proxy.parse("http://:S3CRETMARK@proxy:1"), "user name is empty"),
    "a user with a colon": (lambda: Proxy.parse("http://a%3A:S3CRETMARK@proxy:1"), "has a colon"),
    "a user that is no UTF-8": (lambda: Proxy.parse("http://%ff:S3CRETMARK@proxy:1"), "no percent-encoded UTF-8"),
    "a SOCKS5 user alone": (lambda: Proxy.parse("socks5://alice@proxy:1"), "a user name and a password, each of 1"),
    "a SOCKS5 password that is no ASCII": (
        lambda: Proxy.parse("socks5://alice:S3CRETMARK%C3%BC@proxy:1"),
        "characters of ASCII",
    ),
    "a long SOCKS5 password": (lambda: Proxy.parse(f"socks5://alice:{'S3CRETMARK' * 26}@proxy:1"), "each of 1 to 255"),
    "a certificate that is none": (
        lambda: ClientCertificate(certificate_pem=KEY, key_pem=KEY),
        "the client certificate is no PEM certificate",
    ),
    "a key that is none": (
        lambda: ClientCertificate(certificate_pem=CERTIFICATE, key_pem=CERTIFICATE),
        "private key is no PEM key",
    ),
    "an encrypted key": (
        lambda: ClientCertificate(certificate_pem=CERTIFICATE, key_pem=KEY.replace(b"PRIVATE", b"ENCRYPTED PRIVATE")),
        "is encrypted; give it without a passphrase: openssl pkey -in KEY",
    ),
    "an encrypted key of the old kind": (
        lambda: ClientCertificate(
            certificate_pem=CERTIFICATE,
            key_pem=b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nS3CRETMARK\n",
        ),
        "is encrypted",
    ),
    "a target without a slash": (lambda: Upgrade(target="mqtt?S3CRETMARK"), "path and query that begin with /"),
    "a target with a space": (lambda: Upgrade(target="/mqtt?S3CRETMARK x"), "must be percent-encoded"),
    "a target with a line break": (lambda: Upgrade(target="/\r\nx: S3CRETMARK"), "must be percent-encoded"),
    "a header with a bad name": (lambda: Upgrade(headers={"a b": "S3CRETMARK"}), "'a b' is no name of an HTTP header"),
    "a header with a line break": (
        lambda: Upgrade(headers={"a": "S3CRETMARK\r\nb: c"}),
        "the value of the header a has line breaks",
    ),
}


@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_work_is_refused_with_what_to_write_and_without_secrets(
    make: Callable[[], object], message: str
) -> None:
    with pytest.raises(EndpointError, match=message) as caught:
        make()
    assert "S3CRETMARK" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("kind", ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"])
def test_every_kind_of_plain_key_is_taken(kind: str) -> None:
    ClientCertificate(certificate_pem=CERTIFICATE, key_pem=f"-----BEGIN {kind}-----\nMA==\n".encode())


def test_a_client_certificate_can_be_compared_and_shows_no_key() -> None:
    certificate = tlsrooms.client_certificate("device")
    assert certificate == evolve(certificate)
    assert "KEY" not in repr(certificate)
