"""Broken set-ups: the way to the server, and the CONNECT packet. Import as ``setups.network``."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from customauth.mqtt import MqttVersion
from customauth.testing.certificates import Authority, Identity
from setups.captures import connect_packet, of_mqtt_31
from setups.credentials import signed
from setups.staging import NAME, OWN_NAME, REGION, Case, Place, Server

CREDENTIALS_PROVIDER = f"c1b2c3d4e5f6g7.credentials.iot.{REGION}.amazonaws.com"


def _pumps(place: Place) -> list[str]:
    return place.signed()


Answer: TypeAlias = Callable[[bytes], bytes | None]
"""What a server says to the first bytes that it gets; None is nothing, and no end either."""


class _Conversation(socketserver.BaseRequestHandler):
    """Read something, answer, close."""

    server: _PlainServer

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            said = self.server.answer(self.request.recv(65536))
            if said is not None:
                self.request.sendall(said)
                return
            while self.request.recv(65536):
                pass


class _PlainServer(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, answer: Answer) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.answer = answer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that give up are what is tested."""


class _TlsServer(_PlainServer):
    context: ssl.SSLContext

    def get_request(self) -> tuple[socket.socket, Any]:
        connected, address = super().get_request()
        return self.context.wrap_socket(connected, server_side=True, do_handshake_on_connect=False), address


def _web_server(heard: bytes) -> bytes:
    if heard.startswith(b"GET "):
        body = b"<!doctype html><title>Pumps</title>"
        return b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    return b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def _plain_broker(heard: bytes) -> bytes:
    """Accept a CONNECT; what is none ends the connection."""
    return b"\x20\x02\x00\x00" if heard[:1] == b"\x10" else b""


def _proxy(status: bytes, *headers: bytes) -> Answer:
    return lambda heard: b"\r\n".join([b"HTTP/1.1 " + status, *headers, b"Content-Length: 0", b"", b""])


def _silent(heard: bytes) -> None:
    return None


@contextlib.contextmanager
def _listening(server: _PlainServer) -> Iterator[int]:
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def plain(answer: Answer) -> Server:
    """Return a server without TLS."""

    @contextlib.contextmanager
    def open_(place: Place) -> Iterator[tuple[int, bytes]]:
        with _listening(_PlainServer(answer)) as port:
            yield port, Authority.create(place.folder).ca_pem

    return Server(open_)


def tls(identity: Callable[[Authority], Identity], answer: Answer = _web_server, *, alpn: str | None = None) -> Server:
    """Return a server with TLS."""

    @contextlib.contextmanager
    def open_(place: Place) -> Iterator[tuple[int, bytes]]:
        made = identity(Authority.create(place.folder))
        server = _TlsServer(answer)
        server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.context.load_cert_chain(made.certificate_file, made.key_file)
        if alpn is not None:
            server.context.set_alpn_protocols([alpn])
        with _listening(server) as port:
            yield port, made.ca_pem

    return Server(open_)


@contextlib.contextmanager
def _nobody(place: Place) -> Iterator[tuple[int, bytes]]:
    """Hold a port at which nothing listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1], Authority.create(place.folder).ca_pem


def _captured(place: Place) -> list[str]:
    packet = of_mqtt_31(connect_packet(place.username, version=MqttVersion.V311))
    return [*place.reach(), "--capture", place.file("connect.bin", packet)]


def _through_a_proxy(place: Place) -> list[str]:
    return [NAME, "--proxy", f"http://127.0.0.1:{place.port}", "-i", "pump-7", *place.signed()]


def _malformed(place: Place) -> list[str]:
    """Write a CONNECT whose flags have the bit set that is reserved."""
    packet = bytearray(connect_packet(place.username, version=MqttVersion.V311))
    packet[packet.index(b"\x00\x04MQTT\x04") + 7] |= 1
    return [*place.reach(), "--capture", place.file("connect.bin", bytes(packet))]


_WAY: list[dict[str, Any]] = [
    {
        "name": "a name without an address",
        "story": "The device is given the name of a domain whose DNS record was never made.",
        "cause": "name-not-resolved",
        "facts": ("A52",),
        "words": lambda place: ["mqtt.pumps.invalid", *place.reach()[3:], "-i", "pump-7", *place.signed()],
    },
    {
        "name": "an address as the endpoint",
        "story": "The device dials the address that the endpoint's name had when the person looked it up.",
        "cause": "endpoint-is-address",
        "facts": ("A47",),
        "words": lambda place: [*place.reach("127.0.0.1"), "-i", "pump-7", *place.signed()],
    },
    {
        "name": "nothing listens",
        "story": "The local gateway that the device is tried against is not running.",
        "cause": "port-closed",
        "server": Server(_nobody),
        "words": signed(_pumps, endpoint="localhost"),
    },
    {
        "name": "port 8883",
        "story": "The device dials 8883, as for a client certificate.",
        "cause": "wrong-port",
        "facts": ("A41", "A57"),
        "port": 8883,
        "words": signed(_pumps, endpoint=f"{NAME}:8883"),
    },
    {
        "name": "a broker without TLS",
        "story": "The port is that of a broker's plain listener.",
        "cause": "not-tls",
        "server": plain(_plain_broker),
        "words": signed(_pumps, endpoint=OWN_NAME),
    },
    {
        "name": "a proxy that wants a password",
        "story": "The company's proxy wants a user name and a password, which the URL lacks.",
        "cause": "proxy-authentication",
        "server": plain(_proxy(b"407 Proxy Authentication Required", b'Proxy-Authenticate: Basic realm="x"')),
        "words": _through_a_proxy,
    },
    {
        "name": "a proxy for web pages alone",
        "story": "The company's proxy lets nobody through to names that are not on its list.",
        "cause": "proxy-forbids",
        "server": plain(_proxy(b"403 Forbidden")),
        "words": _through_a_proxy,
    },
    {
        "name": "a certificate that nobody here trusts",
        "story": "The company's proxy opens every TLS connection; its CA is not known to the device.",
        "cause": "tls-untrusted",
        "words": lambda place: [*place.reach(trusting=False), "-i", "pump-7", *place.signed()],
    },
    {
        "name": "a certificate for another name",
        "story": "The hosts file still sends the endpoint's name to an old test server.",
        "cause": "tls-wrong-name",
        "server": tls(lambda authority: authority.issue("old.pumps.test")),
        "words": signed(_pumps, endpoint=OWN_NAME),
    },
    {
        "name": "a certificate that has expired",
        "story": "The certificate of the domain of one's own was not renewed.",
        "cause": "tls-expired",
        "server": tls(lambda authority: authority.issue(OWN_NAME, expired=True)),
        "words": signed(_pumps, endpoint=OWN_NAME),
    },
    {
        "name": "the ALPN of another project",
        "story": "The ALPN x-amzn-mqtt-ca is taken over from a project with client certificates.",
        "cause": "alpn-wrong",
        "facts": ("A40",),
        "words": signed(_pumps, "--alpn", "x-amzn-mqtt-ca"),
    },
    {
        "name": "no ALPN",
        "story": "The MQTT library is not told of any ALPN.",
        "cause": "alpn-missing",
        "facts": ("A39", "A50"),
        "words": signed(_pumps, "--alpn", "", "-V", "3.1.1"),
    },
    {
        "name": "a CNAME without a domain configuration",
        "story": "A DNS name of one's own points to the endpoint; no domain configuration serves it.",
        "cause": "sni-refused",
        "facts": ("A47", "F14"),
        "words": signed(_pumps, endpoint=OWN_NAME),
    },
    {
        "name": "the credentials provider's endpoint",
        "story": "The name is the one that describe-endpoint gives for iot:CredentialProvider.",
        "cause": "endpoint-not-data",
        "facts": ("G7",),
        "server": tls(lambda authority: authority.issue(CREDENTIALS_PROVIDER)),
        "words": signed(_pumps, endpoint=CREDENTIALS_PROVIDER),
    },
    {
        "name": "the WebSocket at another path",
        "story": "The path /ws is taken over from another broker.",
        "cause": "websocket-path",
        "facts": ("A23",),
        "words": signed(_pumps, endpoint=f"wss://{NAME}/ws"),
    },
    {
        "name": "a web server",
        "story": "The DNS name of one's own points to the web site.",
        "cause": "not-mqtt",
        "server": tls(lambda authority: authority.issue(OWN_NAME)),
        "words": signed(_pumps, endpoint=OWN_NAME),
    },
    {
        "name": "a web server in place of a WebSocket",
        "story": "The same, and the device opens a WebSocket.",
        "cause": "upgrade-rejected",
        "server": tls(lambda authority: authority.issue(OWN_NAME)),
        "words": signed(_pumps, endpoint=f"wss://{OWN_NAME}"),
    },
    {
        "name": "a server that never answers",
        "story": "A load balancer takes the connection, and nobody stands behind it.",
        "cause": "no-connack",
        "server": tls(lambda authority: authority.issue(OWN_NAME), _silent, alpn="mqtt"),
        "words": signed(_pumps, "--timeout", "4", endpoint=OWN_NAME),
    },
]

_PACKET: list[dict[str, Any]] = [
    {
        "name": "a client of MQTT 3.1",
        "story": "The library is of 2012 and speaks MQTT 3.1; what it sends was captured.",
        "cause": "protocol-version",
        "facts": ("E1",),
        "words": _captured,
    },
    {
        "name": "a CONNECT with the reserved flag",
        "story": "The device's own MQTT program sets the lowest bit of the flags; what it sends was captured.",
        "cause": "packet-malformed",
        "words": _malformed,
    },
    {
        "name": "a client id that is too long",
        "story": "The client id is the device's certificate fingerprint with its whole path: 140 bytes.",
        "cause": "client-id-too-long",
        "facts": ("E8",),
        "words": lambda place: [*place.reach(), "-i", "pumps/hall-7/" + "0123456789abcdef" * 8, *place.signed()],
    },
    {
        "name": "the client id that AWS had made up",
        "story": "The device keeps the client id that it was assigned at its first connection.",
        "cause": "client-id-reserved",
        "facts": ("E6",),
        "words": lambda place: [
            *place.reach(),
            *("-i", "$GEN/0b0f7ae4-8f10-4a4e-8a2d-5d1c2b7a9f11"),
            *place.signed(),
        ],
    },
    {
        "name": "no client id for a session that is kept",
        "story": "An MQTT 3.1.1 device without a client id wants its session kept.",
        "cause": "client-id-empty",
        "facts": ("E7",),
        "words": lambda place: [*place.reach(), "-V", "3.1.1", "-i", "", "-c", *place.signed()],
    },
    {
        "name": "a will with QoS 2",
        "story": "The will has QoS 2, as on the broker before.",
        "cause": "will-qos2",
        "facts": ("E19",),
        "words": signed(_pumps, "--will-topic", "pumps/pump-7/state", "--will-qos", "2", "-V", "3.1.1"),
    },
    {
        "name": "a wildcard in the will's topic",
        "story": "The topic of the will is a filter with a +.",
        "cause": "will-topic",
        "facts": ("E32",),
        "words": signed(_pumps, "--will-topic", "pumps/+/state"),
    },
]

CASES = tuple(Case(**given) for given in (*_WAY, *_PACKET))
