"""Where a connection came in: everything about it that is known before its credentials are read."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from customauth.gateway.config import ClientCertificate, DomainConfiguration


@frozen(kw_only=True)
class HttpRequest:
    """The HTTP request that opened a WebSocket or that publishes.

    :ivar path: as sent, without the query.
    :ivar query: as sent, without the ``?`` (C8).
    :ivar headers: by lower-cased name (C7); of a repeated one the values are joined by a comma (RFC 9110, 5.3).
    :ivar repeated: the single values of those that were sent more than once.
    :ivar version: of HTTP: ``1.0`` or ``1.1``.
    """

    method: str
    path: str
    query: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    repeated: Mapping[str, tuple[str, ...]] = field(factory=dict, repr=False)
    version: str = "1.1"


@frozen(kw_only=True)
class Origin:
    """One connection's origin.

    :ivar connection_id: a lower-case UUID, the same for the life of the connection (C4).
    :ivar peer: the client's address and port.
    :ivar account: the account's number.
    :ivar port: the port of AWS that the listener stands for: 443, 8883 or 8443.
    :ivar server_name: what the client asked for (SNI), None if it did not.
    :ivar alpn: what was negotiated.
    :ivar domain: the domain configuration of that name; over HTTP the ``Host`` header may tell it (A47).
    :ivar certificate: the client's, where the domain asks for one (A63).
    :ivar handshake: seconds that TLS took.
    """

    connection_id: str
    peer: str
    account: str
    port: int
    server_name: str | None
    alpn: str | None
    domain: DomainConfiguration | None
    certificate: ClientCertificate | None = None
    http: HttpRequest | None = None
    handshake: float = 0.0

    @property
    def address(self) -> str:
        """The client's address without the port."""
        return self.peer.rpartition(":")[0].strip("[]")
