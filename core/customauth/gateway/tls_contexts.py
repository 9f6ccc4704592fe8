"""The gateway's TLS: which ClientHello is served, and with which context (A47, A49, A63, F14, F15)."""

from __future__ import annotations

import copy
import ssl
from typing import Self

from customauth.gateway.ca import ServerIdentity
from customauth.gateway.client_hello import NO_APPLICATION_PROTOCOL, UNRECOGNIZED_NAME, ClientHello
from customauth.gateway.config import ApplicationProtocol, AuthenticationType, GatewayConfig
from customauth.gateway.routing import SERVED_ALPN
from customauth.gateway.tls import Rejected
from customauth.rules import RULES


class TlsContexts:
    """The contexts of one configuration.

    :param identity: the certificate for all its names.
    """

    def __init__(self, config: GatewayConfig, identity: ServerIdentity) -> None:
        self._config = config
        self._plain = _context(identity)
        self._asking = _context(identity)
        pems = [certificate.pem for certificate in config.client_certificates]
        if pems:
            # Exactly the registered certificates are trusted, whoever signed them (A63).
            self._asking.load_verify_locations(cadata="\n".join(pems))
            self._asking.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            self._asking.verify_mode = ssl.CERT_OPTIONAL

    def serving(self, config: GatewayConfig) -> Self:
        """Return the same contexts for a configuration whose names and client certificates are the same."""
        contexts = copy.copy(self)
        contexts._config = config
        return contexts

    def choose(self, hello: ClientHello) -> ssl.SSLContext | Rejected:
        """Choose the context for a ClientHello, or say why there is none."""
        if hello.server_name is None:
            # Over HTTP the Host header may still tell the name (A47).
            return _known_alpn(hello) or self._plain
        domain = self._config.domain(hello.server_name)
        if domain is None:
            served = ", ".join(self._config.server_names)
            fix = RULES["sni-refused"].advice({"names": served})
            line = f"unknown SNI {hello.server_name[:253]!r} (F14); fix: {fix}, or add the name to names"
            return Rejected(alert=UNRECOGNIZED_NAME, line=line, rule="sni-refused")
        if domain.application_protocol is ApplicationProtocol.DEFAULT:
            rejected = _known_alpn(hello)
            if rejected is not None:
                return rejected
        if domain.authentication_type is AuthenticationType.CUSTOM_AUTH_X509:
            return self._asking
        return self._plain


def _known_alpn(hello: ClientHello) -> Rejected | None:
    if not hello.alpn or any(name in SERVED_ALPN for name in hello.alpn):
        return None
    offered = ", ".join(repr(name[:32]) for name in hello.alpn[:4])
    line = f"unknown ALPN {offered} (F15); fix: {RULES['alpn-unknown'].advice()}"
    return Rejected(alert=NO_APPLICATION_PROTOCOL, line=line, rule="alpn-unknown")


def _context(identity: ServerIdentity) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # A49
    context.load_cert_chain(identity.certificate_file, identity.key_file)
    context.set_alpn_protocols(list(SERVED_ALPN))
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION  # A49
    context.num_tickets = 0  # A49
    return context
