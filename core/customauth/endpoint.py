"""Where to connect: the endpoint's name and port, whom to trust, and the address to dial when it differs."""

from __future__ import annotations

import ipaddress
import re

from attrs import field, frozen

from customauth.errors import EndpointError

DEFAULT_PORT = 443
"""The port of custom authentication on the default endpoint (A39)."""

ALPN = "mqtt"
"""The ALPN protocol of custom authentication; ``x-amzn-mqtt-ca`` would mean a client certificate (A39, A40)."""

_HOST_PORT = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\s:/\[\]@?#]+))(?::(?P<port>[0-9]{1,5}))?")


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


@frozen(kw_only=True)
class Endpoint:
    """One place to connect to.

    :param host: the endpoint's name: sent as SNI, checked against the certificate (A47).
    :param port: the TCP port, 443 on AWS (A39).
    :param address: dial this host instead of ``host``, the name and the checks staying as they are.
    :param address_port: the port to dial at ``address``; None for ``port``.
    :param ca_pem: trust these CA certificates (PEM) and no others; None trusts what the system trusts.
    :raises EndpointError: when a port is out of range.
    """

    host: str
    port: int = field(default=DEFAULT_PORT, validator=_port)
    address: str | None = None
    address_port: int | None = field(default=None, validator=_address_port)
    ca_pem: bytes | None = field(default=None, repr=False, validator=_certificates)

    @classmethod
    def parse(
        cls, text: str, *, port: int | None = None, address: str | None = None, ca_pem: bytes | None = None
    ) -> Endpoint:
        """Read ``host[:port]``; ``address`` too is ``host[:port]``.

        :raises EndpointError: when either is something else, with what to write instead.
        """
        host, own_port = _split(text, "endpoint")
        if port is not None and own_port is not None and port != own_port:
            raise EndpointError(f"the endpoint says port {own_port} and the option says {port}; give one")
        if port is None:
            port = DEFAULT_PORT if own_port is None else own_port
        dial_host, dial_port = (None, None) if address is None else _split(address, "address")
        return cls(host=host, port=port, address=dial_host, address_port=dial_port, ca_pem=ca_pem)

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
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _split(text: str, what: str) -> tuple[str, int | None]:
    if "://" in text:
        raise EndpointError(f"the {what} is host[:port] without a scheme; leave out {text.partition('://')[0]}://")
    match = _HOST_PORT.fullmatch(text)
    if match is None:
        raise EndpointError(f"{text!r} is no {what}; write host or host:port, an IPv6 address in brackets")
    port = match["port"]
    if port is not None:
        _port(None, None, int(port))
    return match["v6"] or match["host"], None if port is None else int(port)
