"""Where to connect and how: the name, whom to trust, MQTT or WebSocket, and what stands between."""

from __future__ import annotations

import enum
import ipaddress
import re
from typing import TYPE_CHECKING

from attrs import field, frozen

from customauth.errors import EndpointError

if TYPE_CHECKING:
    from customauth.client_certificate import ClientCertificate
    from customauth.proxy import Proxy

DEFAULT_PORT = 443
"""The port of custom authentication on the default endpoint (A39)."""

DEFAULT_PATH = "/mqtt"
"""Where AWS opens a WebSocket (A23)."""

ALPN = "mqtt"
"""The ALPN protocol of custom authentication; ``x-amzn-mqtt-ca`` would mean a client certificate (A39, A40)."""

HOST_PORT = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\s:/\[\]@?#]+))(?::(?P<port>[0-9]{1,5}))?")
"""A name or an address (``v6`` or ``host``), and the ``port`` where there is one."""


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
    if not is_path(path):
        raise EndpointError(f"{path!r} is no path of an endpoint; write /mqtt, other characters percent-encoded (A23)")


def is_path(text: str) -> bool:
    """Say whether a text can be the path of a URL as it is: printable ASCII without spaces, after a slash."""
    return text.startswith("/") and text.isascii() and text.isprintable() and " " not in text


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

        :param proxy: a :class:`~customauth.Proxy` or what :meth:`~customauth.Proxy.parse` reads.
        :raises EndpointError: when one of them is something else, with what to write instead.
        """
        place, path, transport = _transport(text, transport)
        host, own_port = _split(place, "endpoint")
        if port is not None and own_port is not None and port != own_port:
            raise EndpointError(f"the endpoint says port {own_port} and the option says {port}; give one")
        if port is None:
            port = DEFAULT_PORT if own_port is None else own_port
        dial_host, dial_port = (None, None) if address is None else _split(address, "address")
        if isinstance(proxy, str):
            from customauth.proxy import Proxy

            proxy = Proxy.parse(proxy)
        return cls(
            host=host,
            port=port,
            address=dial_host,
            address_port=dial_port,
            ca_pem=ca_pem,
            transport=transport,
            path=path,
            proxy=proxy,
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
        place = authority(self.host, self.port)
        return f"wss://{place}{self.path}" if self.transport is Transport.WSS else place


def authority(host: str, port: int) -> str:
    """Return ``host:port``, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


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
    match = HOST_PORT.fullmatch(text)
    if match is None:
        raise EndpointError(f"{text!r} is no {what}; write host or host:port, an IPv6 address in brackets")
    port = match["port"]
    if port is not None:
        _port(None, None, int(port))
    return match["v6"] or match["host"], None if port is None else int(port)
