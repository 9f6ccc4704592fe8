"""Where to connect and how: the name, whom to trust, MQTT or WebSocket, and what stands between."""

from __future__ import annotations

import enum
import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from attrs import field, frozen

from customauth.errors import EndpointError

DEFAULT_PORT = 443
"""The port of custom authentication on the default endpoint (A39)."""

DEFAULT_PATH = "/mqtt"
"""Where AWS opens a WebSocket (A23)."""

ALPN = "mqtt"
"""The ALPN protocol of custom authentication; ``x-amzn-mqtt-ca`` would mean a client certificate (A39, A40)."""

_HOST_PORT = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\s:/\[\]@?#]+))(?::(?P<port>[0-9]{1,5}))?")
_PATH = re.compile(r"/[!-~]*")
# RFC 9110, 5.6.2
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PRIVATE_KEY = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----")
# The user and the password of SOCKS5 each have a length of one byte (RFC 1929).
_SOCKS_LIMIT = 255


class Transport(enum.Enum):
    """What carries MQTT inside TLS."""

    MQTT = "mqtt"
    WSS = "wss"


def _port(_: object, __: object, port: int) -> None:
    if not 1 <= port <= 65535:
        raise EndpointError(f"port {port} is out of range; use 1 to 65535 (custom authentication is on 443)")


def _address_port(_: object, __: object, port: int | None) -> None:
    if port is not None:
        _port(None, None, port)


def _certificates(_: object, __: object, pem: bytes | None) -> None:
    # The libraries would take an empty one for "trust what the system trusts".
    if pem is not None and b"CERTIFICATE-----" not in pem:
        raise EndpointError("the CA holds no PEM certificate; give one that begins with -----BEGIN CERTIFICATE-----")


def _path(_: object, __: object, path: str) -> None:
    if "?" in path or "#" in path:
        raise EndpointError(
            "the endpoint's path takes no query; --credentials-in query or headers makes what carries the credentials"
        )
    if not _PATH.fullmatch(path):
        raise EndpointError(f"{path!r} is no path of an endpoint; write /mqtt, other characters percent-encoded (A23)")


def _proxy_scheme(_: object, __: object, scheme: str) -> None:
    if scheme not in ("http", "socks5"):
        raise EndpointError("the proxy is of a kind that is not spoken here; write http://, socks5:// or socks5h://")


def _proxy_port(_: object, __: object, port: int) -> None:
    if not 1 <= port <= 65535:
        raise EndpointError(f"the proxy's port {port} is out of range; use 1 to 65535")


def _certificate(_: object, __: object, pem: bytes) -> None:
    if b"-----BEGIN CERTIFICATE-----" not in pem:
        raise EndpointError(
            "the client certificate is no PEM certificate; give one that begins with -----BEGIN CERTIFICATE-----"
        )


def _key(_: object, __: object, pem: bytes) -> None:
    if b"ENCRYPTED" in pem:
        raise EndpointError(
            "the client certificate's private key is encrypted; give it without a passphrase: "
            "openssl pkey -in KEY -out PLAIN-KEY"
        )
    if not _PRIVATE_KEY.search(pem):
        raise EndpointError(
            "the client certificate's private key is no PEM key; give one that begins with -----BEGIN PRIVATE KEY-----"
        )


def _request_target(_: object, __: object, target: str) -> None:
    if not _PATH.fullmatch(target) or "#" in target:
        raise EndpointError(
            "the WebSocket's request needs a path and query that begin with / and have no character that must be "
            "percent-encoded"
        )


def _headers(_: object, __: object, headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise EndpointError(f"{name!r} is no name of an HTTP header; use letters, digits and -")
        if _CONTROL.search(value) or value != value.strip():
            raise EndpointError(
                f"the value of the header {name} has line breaks, control characters or spaces around it; "
                "leave them out"
            )


@frozen(kw_only=True)
class Proxy:
    """A proxy that the connection goes through; it resolves the endpoint's name.

    :param scheme: ``http`` (its method CONNECT) or ``socks5``.
    :param host: the proxy's own name or address.
    :param username: for Basic authentication or that of SOCKS5 (RFC 1929); None for none.
    :raises EndpointError: when a part cannot be used, with the mend; never with the user or the password.
    """

    scheme: str = field(validator=_proxy_scheme)
    host: str
    port: int = field(validator=_proxy_port)
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.username is None and self.password is None:
            return
        if self.scheme == "http":
            if not self.username or ":" in self.username:
                raise EndpointError("the proxy's user name is empty or has a colon, which Basic authentication forbids")
            return
        for part in (self.username, self.password):
            if not part or not part.isascii() or len(part) > _SOCKS_LIMIT:
                raise EndpointError(
                    f"a SOCKS5 proxy takes a user name and a password, each of 1 to {_SOCKS_LIMIT} characters of ASCII"
                )

    @classmethod
    def parse(cls, text: str) -> Proxy:
        """Read ``http://[user:password@]host:port``, or ``socks5://`` or ``socks5h://``, userinfo percent-encoded.

        Both forms of SOCKS5 let the proxy resolve the endpoint's name.

        :raises EndpointError: when it is something else, with what to write instead.
        """
        scheme, separator, rest = text.partition("://")
        scheme = scheme.lower()
        if not separator or scheme not in ("http", "socks5", "socks5h"):
            raise EndpointError("the proxy is a URL; write http://host:port, socks5://host:port or socks5h://host:port")
        userinfo, at, place = rest.removesuffix("/").rpartition("@")
        match = _HOST_PORT.fullmatch(place)
        if match is None:
            # What was typed may hold a password that was not percent-encoded.
            raise EndpointError(
                f"no host:port at the end of the proxy's URL; write {scheme}://user:password@host:port, in user and "
                "password / as %2F, ? as %3F, # as %23 and @ as %40"
            )
        if match["port"] is None:
            raise EndpointError(f"the proxy has no port; write {scheme}://{place}:PORT (3128 and 1080 are usual)")
        username, colon, password = userinfo.partition(":")
        return cls(
            scheme="http" if scheme == "http" else "socks5",
            host=match["v6"] or match["host"],
            port=int(match["port"]),
            username=_decoded(username) if at else None,
            password=_decoded(password) if colon else None,
        )

    def __str__(self) -> str:
        return f"{self.scheme}://{_joined(self.host, self.port)}"


@frozen(kw_only=True)
class ClientCertificate:
    """A client certificate and its private key, both PEM: for a domain whose authentication is CUSTOM_AUTH_X509 (A63).

    :param certificate_pem: the certificate, followed by those of the CAs between it and the registered one.
    :param key_pem: the private key, unencrypted.
    :raises EndpointError: when one of them is something else, with the mend.
    """

    certificate_pem: bytes = field(validator=_certificate)
    key_pem: bytes = field(repr=False, validator=_key)


@frozen(kw_only=True)
class Upgrade:
    """The request that opens a WebSocket, with the credentials that it carries (A25-A27).

    :param target: path and query.
    :param headers: headers beside those of the WebSocket itself.
    :raises EndpointError: when HTTP cannot carry one of them; the message never shows a value.
    """

    target: str = field(default=DEFAULT_PATH, repr=False, validator=_request_target)
    headers: Mapping[str, str] = field(factory=dict, repr=False, validator=_headers)


@frozen(kw_only=True)
class Endpoint:
    """One place to connect to.

    :param host: the endpoint's name: sent as SNI, checked against the certificate (A47).
    :param port: the TCP port, 443 on AWS (A39).
    :param address: dial this host instead of ``host``, the name and the checks staying as they are.
    :param address_port: the port to dial at ``address``; None for ``port``.
    :param ca_pem: trust these CA certificates (PEM) and no others; None trusts what the system trusts.
    :param transport: MQTT in TLS, or in a WebSocket.
    :param path: where the WebSocket is opened (A23).
    :param proxy: what the connection goes through.
    :param client_certificate: what the client shows beside its credentials, when the server asks for it.
    :raises EndpointError: when a port is out of range, or the path is none.
    """

    host: str
    port: int = field(default=DEFAULT_PORT, validator=_port)
    address: str | None = None
    address_port: int | None = field(default=None, validator=_address_port)
    ca_pem: bytes | None = field(default=None, repr=False, validator=_certificates)
    transport: Transport = Transport.MQTT
    path: str = field(default=DEFAULT_PATH, validator=_path)
    proxy: Proxy | None = None
    client_certificate: ClientCertificate | None = None

    @classmethod
    def parse(
        cls,
        text: str,
        *,
        port: int | None = None,
        address: str | None = None,
        ca_pem: bytes | None = None,
        transport: Transport | None = None,
        proxy: str | Proxy | None = None,
        client_certificate: ClientCertificate | None = None,
    ) -> Endpoint:
        """Read ``host[:port]`` or ``wss://host[:port][/path]``; ``address`` too is ``host[:port]``.

        :param proxy: a :class:`Proxy` or what :meth:`Proxy.parse` reads.
        :raises EndpointError: when one of them is something else, with what to write instead.
        """
        place, path, transport = _transport(text, transport)
        host, own_port = _split(place, "endpoint")
        if port is not None and own_port is not None and port != own_port:
            raise EndpointError(f"the endpoint says port {own_port} and the option says {port}; give one")
        if port is None:
            port = DEFAULT_PORT if own_port is None else own_port
        dial_host, dial_port = (None, None) if address is None else _split(address, "address")
        return cls(
            host=host,
            port=port,
            address=dial_host,
            address_port=dial_port,
            ca_pem=ca_pem,
            transport=transport,
            path=path,
            proxy=Proxy.parse(proxy) if isinstance(proxy, str) else proxy,
            client_certificate=client_certificate,
        )

    def dial_target(self) -> tuple[str, int]:
        """Return the host and port that the TCP connection is made to."""
        return self.address or self.host, self.address_port or self.port

    def is_address(self) -> bool:
        """Say whether ``host`` is an IP address, with which no SNI can be sent (A47)."""
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            return False
        return True

    def __str__(self) -> str:
        place = _joined(self.host, self.port)
        return f"wss://{place}{self.path}" if self.transport is Transport.WSS else place


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _decoded(text: str) -> str:
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise EndpointError("the proxy's user or password is no percent-encoded UTF-8; encode it again") from None


def _transport(text: str, wanted: Transport | None) -> tuple[str, str, Transport]:
    """Return the endpoint without scheme and path, its path, and what carries MQTT."""
    scheme, separator, rest = text.partition("://")
    if not separator or scheme.lower() != Transport.WSS.value:
        return text, DEFAULT_PATH, wanted or Transport.MQTT
    if wanted is Transport.MQTT:
        raise EndpointError("the endpoint says wss:// and the option says mqtt; leave out one")
    # A query without a path is as wrong as one behind it, and has the same mend.
    place, slash, path = re.sub(r"^([^/?#]*)([?#])", r"\1/\2", rest).partition("/")
    return place, slash + path or DEFAULT_PATH, Transport.WSS


def _split(text: str, what: str) -> tuple[str, int | None]:
    if "://" in text:
        mend = ", or write wss://host[:port][/path]" if what == "endpoint" else ""
        raise EndpointError(
            f"the {what} is host[:port] without a scheme; leave out {text.partition('://')[0]}://{mend}"
        )
    match = _HOST_PORT.fullmatch(text)
    if match is None:
        raise EndpointError(f"{text!r} is no {what}; write host or host:port, an IPv6 address in brackets")
    port = match["port"]
    if port is not None:
        _port(None, None, int(port))
    return match["v6"] or match["host"], None if port is None else int(port)
